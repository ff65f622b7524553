// How much work a kernel is, to decide how many threads share it.
#ifndef VARVE_CODEGEN_CPU_KERNELCOST_H
#define VARVE_CODEGEN_CPU_KERNELCOST_H

#include "varve/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace varve {

/// On a call for one thread: which of the team it is, counted round.
constexpr llvm::StringLiteral kFirstThread = "varve.first_thread";

/// How many threads pay for the kernel, at least 1.
int64_t usefulThreads(kernel::DefOp def);

/// Floating-point operations of a call: two for a multiply-add, one for any
/// other operation on floats, also where it expands to many.
int64_t flopsOf(kernel::DefOp def);

/// Bytes of the buffers that a call reads and writes, each counted once; those
/// of a size known only at run time are left out.
int64_t bytesOf(kernel::DefOp def);

/// The loop at the root of a kernel whose turns threads may share, and the axis
/// of the outs that it runs along; null if there is none.
mlir::scf::ForOp findFreeLoop(kernel::DefOp def, int64_t &axis);
/// Scalar operations in the loops of a kernel.
int64_t workOfLoops(kernel::DefOp def);

} // namespace varve

#endif
