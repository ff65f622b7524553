// For other MLIR toolchains: registers Varve's dialects, interfaces and passes.
#ifndef VARVE_INITALL_H
#define VARVE_INITALL_H

#include "mlir/IR/DialectRegistry.h"

namespace varve {

/// The varve and kernel dialects, and every upstream dialect that phases make.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Every pass of every phase, for tools like mlir-opt.
void registerAllPasses();

} // namespace varve
#endif
