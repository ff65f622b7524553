// What the artifact says about a program, read off the IR between phases.
#ifndef VARVE_LIB_PIPELINE_DESCRIBE_H
#define VARVE_LIB_PIPELINE_DESCRIBE_H

#include "mlir/IR/BuiltinOps.h"
#include "varve/Codegen/ArtifactDescription.h"

namespace varve {

/// Name, digest, manifest and state table of the module's varve.program.
void describeProgram(mlir::ModuleOp module, ArtifactDescription &description);

/// Puts `varve.flops` on each function over linalg: 2 for a multiply and add
/// of each contraction.
void countFlops(mlir::ModuleOp module);

/// The functions, once the arena is planned. Their attributes are taken off.
void describeFunctions(mlir::ModuleOp module, ArtifactDescription &description);

} // namespace varve
#endif
