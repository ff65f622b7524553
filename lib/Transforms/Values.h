// Small questions about operations and values that several passes ask.
#ifndef VARVE_LIB_TRANSFORMS_VALUES_H
#define VARVE_LIB_TRANSFORMS_VALUES_H

#include "mlir/IR/Operation.h"

namespace varve {

/// What an operation reads: its operands, then what its regions capture; each
/// value once.
llvm::SmallVector<mlir::Value> inputsOf(mlir::Operation *op);

/// The size of a tensor's elements in memory.
int64_t bytesOf(mlir::Value tensor);

} // namespace varve
#endif
