// Compiles a model from a program: no header of MLIR is needed, and the
// compiler's library is loaded only when there is something to compile.
#ifndef VARVE_COMPILER_H
#define VARVE_COMPILER_H

#include "varve/Result.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace varve {

struct ModelOptions {
  /// The model file. It stands in diagnostics, and `use` looks beside it. One
  /// that ends in ".so" is an artifact already, and needs no compiler.
  std::string path = "model.varve";
  /// The model itself; then no file is read.
  std::optional<std::string> text = {};
  std::vector<std::string> settings = {}; ///< "model.depth=56", as `--set`
  /// "x86-64-v3", "x86-64-v4", "neon"; empty: this machine's.
  std::string cpu = {};
  std::vector<std::string> disabledPasses = {};
};

/// A model that functions are compiled from. Copies are the same model; it may
/// be used by several threads and sessions at once.
class Model {
public:
  /// Reads the file. What is wrong with the model is found when a function of
  /// it is compiled.
  static Result<Model> open(ModelOptions options);

  /// The path of a shared object (varve-c/Artifact.h) that holds `function`
  /// ("train_step", "eval_step", "infer") at these batch sizes; 0 is the
  /// model's own, 1 for "infer". It comes from the cache or the compiler, and
  /// lives as long as the model. Fails with the compiler's diagnostic:
  /// "file:line:column: ...", the line, and a caret.
  Result<std::string> compile(const std::string &function,
                              const std::vector<int64_t> &batches = {0}) const;

  /// The same to a file of the caller's, written whole or not at all.
  Status compileTo(const std::string &path, const std::string &function,
                   const std::vector<int64_t> &batches = {0}) const;

  const ModelOptions &options() const;
  /// Warnings of the compiler so far.
  std::string warnings() const;
  /// Spent compiling so far; 0 if all came from the cache.
  double compileSeconds() const;

private:
  struct Impl;
  explicit Model(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl;
};

} // namespace varve
#endif
