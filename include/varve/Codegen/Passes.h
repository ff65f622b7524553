// Passes of CPU code generation: bufferize, plan memory, place barriers, expand
// kernels. Each is usable alone in varve-opt.
#ifndef VARVE_CODEGEN_PASSES_H
#define VARVE_CODEGEN_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace varve {

#define GEN_PASS_DECL
#include "varve/Codegen/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "varve/Codegen/Passes.h.inc"

/// The dialects that the passes read and write, with what bufferization needs
/// of them.
void registerCodegenDialects(mlir::DialectRegistry &registry);

/// From kernel.call on tensors to buffers (in layouts of their own or not), one
/// arena and barriers.
void addMemoryPasses(mlir::OpPassManager &pm,
                     const PlanMemoryOptions &options = {}, bool layOut = true);

/// From there to loops, ready for varve-lower-to-llvm.
void addExpansionPasses(mlir::OpPassManager &pm,
                        const ExpandKernelsOptions &options = {});

} // namespace varve

#endif
