// How much work a kernel is, to decide how many threads share it.
#ifndef VARVE_CODEGEN_CPU_KERNELCOST_H
#define VARVE_CODEGEN_CPU_KERNELCOST_H

#include "varve/Dialect/Kernel/Kernel.h"

namespace varve {

/// How many threads pay for the kernel, at least 1.
int64_t usefulThreads(kernel::DefOp def);

} // namespace varve

#endif
