// From a model file and settings to artifacts: out of the cache, else through
// the compiler.
#ifndef VARVE_DRIVER_ARTIFACTS_H
#define VARVE_DRIVER_ARTIFACTS_H

#include "Driver/Cache.h"
#include "varve-c/Compiler.h"
#include "varve/Result.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace varve {

/// The value of an input of an ONNX model.
struct GivenInput {
  std::string name;
  std::string type;  ///< what a program is compiled for in any case
  std::string bytes; ///< and where it must be for the value, see Compiler.h
};

/// As the compiler takes them; points into `inputs`.
std::vector<varve_given_input>
requested(const std::vector<GivenInput> &inputs);

/// What the artifacts of one program have in common.
struct CompileOptions {
  std::string path; ///< the model file; stands in diagnostics
  std::vector<std::string> sets = {}; ///< "KEY=EXPR", later ones win
  std::string cpu = {};               ///< empty: this machine's
  std::vector<std::string> disabledPasses = {};
  bool profile = false; ///< counts the time of each kernel
  /// The model, instead of what the file holds.
  std::optional<std::string> text = {};
  /// Of an ONNX model.
  std::vector<GivenInput> inputs = {};
  std::vector<std::string> dims = {}; ///< "NAME=SIZE"
};

class Artifacts {
public:
  /// Reads the model file. One that ends in ".so" is an artifact itself, and
  /// takes no settings.
  static Result<Artifacts> open(CompileOptions options);

  Artifacts(Artifacts &&other) noexcept;
  Artifacts &operator=(Artifacts &&) = delete;
  /// Removes what was compiled without a cache.
  ~Artifacts();

  /// The path of an artifact that holds the function at these batch sizes; 0
  /// is the model's own.
  Result<std::string> get(const std::string &function,
                          const std::vector<int64_t> &batches);

  /// Seconds that compilation took so far; 0 if all came from the cache.
  double compileSeconds() const { return seconds; }
  /// Warnings of the compiler so far.
  const std::string &warnings() const { return notes; }

private:
  Artifacts() = default;

  /// `values`: the inputs whose values count.
  std::string keyOf(const std::string &function,
                    const std::vector<int64_t> &batches,
                    const std::vector<std::string> &values) const;
  struct Compiled {
    std::string files;               // that were read, a line each
    std::vector<std::string> values; // the inputs whose values count
  };
  Result<Compiled> compileTo(const std::string &path,
                             const std::string &function,
                             const std::vector<int64_t> &batches);
  Result<std::string> compile(const std::vector<std::string> &values,
                              const std::string &function,
                              const std::vector<int64_t> &batches);

  CompileOptions options;
  bool compiled = false; // the model file is an artifact
  std::string text;      // of the model file
  std::string folder;    // of the model file
  std::optional<ArtifactCache> cache;
  std::string temporary; // a folder of our own, if one was needed
  double seconds = 0;
  std::string notes;
};

/// Whether a file is an ONNX model, by its name.
bool isOnnx(const std::string &path);

/// "x86-64-v4" or what this machine has.
std::string nativeCpu();

} // namespace varve
#endif
