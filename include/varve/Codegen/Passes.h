// Passes of CPU code generation: bufferize, plan memory, place barriers, expand
// kernels. Each is usable alone in varve-opt.
#ifndef VARVE_CODEGEN_PASSES_H
#define VARVE_CODEGEN_PASSES_H

#include "mlir/Pass/Pass.h"

namespace varve {

#define GEN_PASS_DECL
#include "varve/Codegen/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "varve/Codegen/Passes.h.inc"

} // namespace varve

#endif
