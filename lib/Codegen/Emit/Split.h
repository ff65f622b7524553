// Two modules of a lowered one, to generate code for both at once.
#ifndef VARVE_LIB_CODEGEN_EMIT_SPLIT_H
#define VARVE_LIB_CODEGEN_EMIT_SPLIT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace varve {

/// Moves kernels of `module` (in the LLVM dialect) to a new module, so that
/// both are about the same work for the code generator. Null, and nothing
/// moved, where the work is too small to share.
mlir::OwningOpRef<mlir::ModuleOp> splitModule(mlir::ModuleOp module);

} // namespace varve
#endif
