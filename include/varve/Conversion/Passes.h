// From the varve dialect to upstream dialects.
#ifndef VARVE_CONVERSION_PASSES_H
#define VARVE_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"
#include "varve/Dialect/Varve/Varve.h"

namespace varve {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "varve/Conversion/Passes.h.inc"

/// The layout map of a state's buffer; null where it is canonical.
mlir::AffineMap getLayoutMap(StateOp state);

/// A state's buffer in memory: signless, in its layout.
mlir::MemRefType getBufferType(StateOp state);
} // namespace varve
#endif
