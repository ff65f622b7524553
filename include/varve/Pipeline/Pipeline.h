// The phases of a compilation, in order: the one place that says which passes
// run when.
#ifndef VARVE_PIPELINE_PIPELINE_H
#define VARVE_PIPELINE_PIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "varve/Codegen/ArtifactDescription.h"
#include "varve/Codegen/Target.h"
#include "varve/Result.h"
#include <functional>
#include <string>
#include <vector>

namespace varve {

/// Where a compilation stands. Import comes before, emit after these.
enum class Phase {
  Simplify,      ///< folding, algebra, dead parts
  Partition,     ///< layers to stages
  Differentiate, ///< gradients of the loss
  Update,        ///< optimizer, slots, layouts of state
  Lower,         ///< to linalg on tensors
  Fuse,          ///< to kernels
  Plan,          ///< buffers, arena, barriers
  Codegen,       ///< loops and vectors on memory
};
inline constexpr Phase lastPhase = Phase::Codegen;

/// "simplify", "partition", ...
llvm::StringRef nameOf(Phase phase);
/// The inverse; nothing if `name` is none.
std::optional<Phase> parsePhase(llvm::StringRef name);

struct PipelineOptions {
  Target target;
  Phase startFrom = Phase::Simplify;
  Phase stopAfter = lastPhase;
  /// Passes that may be left out, by the names of `optionalPasses`.
  std::vector<std::string> disabledPasses;
  bool verify = false;     ///< after each pass; tests turn it on
  bool guardArena = false; ///< each buffer on pages of its own
  bool findNan = false;    ///< results that name the first operation with a NaN
  bool inputGradients = false; ///< functions give those, not their results
  std::string reproducer;  ///< written when a pass fails; empty: none
  /// Called after each phase.
  std::function<void(Phase, mlir::ModuleOp)> afterPhase;
};

/// The passes that a compilation can do without: its bits stay the same.
llvm::ArrayRef<llvm::StringRef> optionalPasses();

/// Adds the passes of one phase.
void addPhase(mlir::OpPassManager &pm, Phase phase,
              const PipelineOptions &options);

/// Runs the phases from `startFrom` to `stopAfter` on a module that holds one
/// varve.program. Where it starts at the beginning, `description` is filled.
/// Errors carry the diagnostics.
Result<ArtifactDescription> runPipeline(mlir::ModuleOp module,
                                        const PipelineOptions &options);

} // namespace varve
#endif
