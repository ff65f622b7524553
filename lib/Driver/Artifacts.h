// From a model file and settings to artifacts: out of the cache, else through
// the compiler.
#ifndef VARVE_DRIVER_ARTIFACTS_H
#define VARVE_DRIVER_ARTIFACTS_H

#include "Driver/Cache.h"
#include "varve/Result.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace varve {

/// What the artifacts of one program have in common.
struct CompileOptions {
  std::string path; ///< the model file; stands in diagnostics
  std::vector<std::string> sets; ///< "KEY=EXPR", later ones win
  std::string cpu;               ///< empty: this machine's
  std::vector<std::string> disabledPasses;
  bool profile = false; ///< counts the time of each kernel
  /// The model, instead of what the file holds.
  std::optional<std::string> text = {};
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

  std::string keyOf(const std::string &function,
                    const std::vector<int64_t> &batches) const;
  Result<std::string> compileTo(const std::string &path,
                                const std::string &function,
                                const std::vector<int64_t> &batches);
  Result<std::string> compile(const std::string &key,
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

/// "x86-64-v4" or what this machine has.
std::string nativeCpu();

} // namespace varve
#endif
