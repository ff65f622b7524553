// A compiled function that takes and gives reference values, for comparing the
// two.
#ifndef VARVE_LIB_COMPILER_CHECKEDPROGRAM_H
#define VARVE_LIB_COMPILER_CHECKEDPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "varve-c/Runtime.h"
#include "varve/Pipeline/Pipeline.h"
#include "varve/Reference/Reference.h"

namespace varve {

class CheckedProgram {
public:
  /// Compiles a module that holds one program with one function, from
  /// `options.startFrom` on, loads it, and starts it on two threads.
  static Result<CheckedProgram>
  compile(mlir::ModuleOp module, const PipelineOptions &options, uint64_t seed);

  /// Gives the state the first values of `seed`, and calls so many threads.
  Status start(uint64_t seed, int threads);

  /// Fills the optimizer's slots, as if some steps were done: a first step
  /// divides gradients by themselves, and by what they round to.
  void fillSlots(uint64_t seed);

  CheckedProgram(CheckedProgram &&other) noexcept;
  CheckedProgram &operator=(CheckedProgram &&) = delete;
  ~CheckedProgram();

  /// Random values for the inputs of `func`, the same function in the dialect:
  /// a data set of two batches, indices into it, hyperparameters as the model
  /// says.
  llvm::SmallVector<RefTensor> makeInputs(FuncOp func, uint64_t seed) const;

  /// All state, in canonical order.
  RefState exportState() const;

  /// Runs the function once and returns its results.
  llvm::SmallVector<RefTensor> call(llvm::ArrayRef<RefTensor> inputs);

private:
  CheckedProgram() = default;

  void *library = nullptr;
  const varve_artifact *artifact = nullptr;
  varve_session *session = nullptr;
  varve_team *team = nullptr;
  /// The type of each result, which descriptions have without MLIR.
  llvm::SmallVector<mlir::RankedTensorType> results;
  llvm::SmallVector<mlir::RankedTensorType> states;
};

} // namespace varve
#endif
