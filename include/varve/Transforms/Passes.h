// Passes over varve programs, in the order in which the pipeline runs them.
#ifndef VARVE_TRANSFORMS_PASSES_H
#define VARVE_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Dialect/Varve/Varve.h"

namespace varve {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "varve/Transforms/Passes.h.inc"
} // namespace varve
#endif
