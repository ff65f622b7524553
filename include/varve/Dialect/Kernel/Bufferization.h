// What a pass tells the bufferization of kernel.call beforehand.
#ifndef VARVE_DIALECT_KERNEL_BUFFERIZATION_H
#define VARVE_DIALECT_KERNEL_BUFFERIZATION_H

#include "varve/Dialect/Kernel/Kernel.h"

namespace varve::kernel {

/// Notes on each call on tensors which operands its kernel reads and which are
/// element-aligned. The analysis asks again and again, and to look a kernel up
/// takes time for each symbol of the module. Bufferized calls have no notes.
void noteAccess(mlir::ModuleOp module);

} // namespace varve::kernel

#endif
