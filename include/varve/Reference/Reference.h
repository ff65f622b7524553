// The reference interpreter: runs functions of the varve dialect one operation
// at a time, in double, by each operation's formula. The oracle of all compiled
// code, optimised for reading.
#ifndef VARVE_REFERENCE_REFERENCE_H
#define VARVE_REFERENCE_REFERENCE_H

#include "varve/Dialect/Varve/Varve.h"
#include <map>
#include <string>

namespace varve {

/// The value of each SSA value met so far.
using RefValues = llvm::DenseMap<mlir::Value, RefTensor>;

/// The value of each variable, by its symbol.
using RefState = std::map<std::string, RefTensor>;

/// Adds the results of the block's operations to `values`, which holds its
/// arguments and whatever it reads from above. Fails with a diagnostic at an
/// operation that has no value.
mlir::LogicalResult evaluateBlock(mlir::Block &block, RefValues &values);

/// After `evaluateBlock`: the values of what depends on `changed`, an argument
/// that has another value now.
mlir::LogicalResult evaluateAgain(mlir::Block &block, mlir::Value changed,
                                  RefValues &values);

/// Fills the results of an operation; null: by its own `evaluate`.
using EvaluateOperation = llvm::function_ref<mlir::LogicalResult(
    mlir::Operation *, llvm::ArrayRef<RefTensor>,
    llvm::MutableArrayRef<RefTensor>)>;

/// The results of `func`. Reads the variables that it uses from `state` and
/// writes those that it updates, all after the last read. A given `evaluate`
/// is for functions without regions.
mlir::FailureOr<llvm::SmallVector<RefTensor>>
evaluateFunction(FuncOp func, llvm::ArrayRef<RefTensor> inputs, RefState &state,
                 EvaluateOperation evaluate = nullptr);

/// The same in the elements' types and the numeric contract's order: the bits
/// that compiled code must give. Operations whose bits are not arithmetic's
/// alone, such as `exp`, are left to `others`; null: they fail with a
/// diagnostic.
mlir::FailureOr<llvm::SmallVector<RefTensor>>
evaluateContract(FuncOp func, llvm::ArrayRef<RefTensor> inputs,
                 RefState &state, EvaluateOperation others = nullptr);

} // namespace varve
#endif
