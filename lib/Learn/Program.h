// A compiled program ready to run: its artifacts, the state they share, a team
// of threads. Also the arguments of a call, bound by what they are for.
#ifndef VARVE_LEARN_PROGRAM_H
#define VARVE_LEARN_PROGRAM_H

#include "Learn/Manifest.h"
#include "varve-c/Runtime.h"
#include "varve/Result.h"
#include "varve/Tensor.h"
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace varve {

/// Which function is wanted, at which batch sizes; 0 is the batch that the
/// model says.
struct ArtifactRequest {
  std::string function;
  std::vector<int64_t> batches;
};

/// Gives the path of an artifact that holds the function at all these batch
/// sizes: from a cache, a compiler, or a folder of files.
using ArtifactSource =
    std::function<Result<std::string>(const ArtifactRequest &)>;

/// State lives as long as the Program. It is all zero until `initialize` or
/// weights of a file (loadWeights).
class Program {
public:
  /// Gets and loads a first function. `threads` 0: as many as there are CPUs.
  /// `allocator` gives the memory of state and scratch; null: the C library.
  static Result<Program> open(ArtifactSource source, int64_t threads,
                              const ArtifactRequest &first,
                              const varve_allocator *allocator = nullptr);

  Program(Program &&) noexcept;
  Program &operator=(Program &&) noexcept;
  ~Program();

  /// Makes the function callable at these batch sizes (not 0); those loaded
  /// already are not asked for again.
  Status require(const ArtifactRequest &request);

  /// A function that is loaded, or null. Batch 0: the first of that name.
  const varve_function_desc *find(const std::string &name, int64_t batch) const;

  /// The artifact loaded first: state table, digest, name.
  const varve_artifact &artifact() const;
  const Manifest &manifest() const;
  /// The manifest of the artifact that holds a function, which is loaded.
  Result<Manifest> manifestOf(const std::string &name, int64_t batch) const;
  varve_session *session() const;
  varve_team *team() const;
  /// What files of its weights say besides the weights, such as the tokenizer.
  std::map<std::string, std::string> &metadata();
  const std::map<std::string, std::string> &metadata() const;
  /// Time spent in the source so far: compilation, mostly.
  double sourceSeconds() const;

  /// Gives all state its first values.
  Status initialize(uint64_t seed);
  /// Values that come from elsewhere, by the names of variables: they are
  /// taken at once, and again by `initialize`.
  Status setBase(std::map<std::string, Tensor> values);
  /// Whether a variable has such a value.
  bool hasBase(const std::string &name) const;

  /// One state variable in canonical order.
  Tensor exportState(int64_t index) const;
  /// Type and shape must be the variable's.
  Status importState(int64_t index, const Tensor &value);

  /// Runs a function on buffers for its arguments.
  void call(const varve_function_desc &function, void *const *args) {
    varve_session_call(session(), &function, args, team());
  }
  /// The same on tensors: inputs, then results.
  void call(const varve_function_desc &function, std::vector<Tensor> &args);

private:
  struct Impl;
  explicit Program(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// Zeros for the arguments of a function: inputs, then results. Where the first
/// axis is of any size, it has `open`.
std::vector<Tensor> zerosFor(const varve_function_desc &function, int64_t open);

} // namespace varve
#endif
