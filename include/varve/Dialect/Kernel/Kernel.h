// The kernel dialect. Bodies of kernel.def stay on tensors; kernel.call is what
// bufferization, the memory planner and code generation see.
#ifndef VARVE_DIALECT_KERNEL_KERNEL_H
#define VARVE_DIALECT_KERNEL_KERNEL_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "varve/Dialect/Kernel/KernelDialect.h.inc"
#include "varve/Dialect/Kernel/KernelEnums.h.inc"
#define GET_OP_CLASSES
#include "varve/Dialect/Kernel/KernelOps.h.inc"

namespace varve::kernel {

/// Lets one-shot bufferization handle kernel.call. Needed beside the dialect by
/// whoever bufferizes.
void registerKernelBufferization(mlir::DialectRegistry &registry);

} // namespace varve::kernel

#endif
