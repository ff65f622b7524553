// The phases of a compilation, in order.
#include "varve/Pipeline/Pipeline.h"
#include "Pipeline/Describe.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "varve/Codegen/Passes.h"
#include "varve/Conversion/Passes.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

static constexpr StringRef phaseNames[] = {
    "simplify", "partition", "differentiate", "update",
    "lower",    "fuse",      "plan",          "codegen"};

StringRef varve::nameOf(Phase phase) { return phaseNames[unsigned(phase)]; }

std::optional<Phase> varve::parsePhase(StringRef name) {
  for (auto [i, known] : llvm::enumerate(phaseNames))
    if (name == known)
      return Phase(i);
  return std::nullopt;
}

ArrayRef<StringRef> varve::optionalPasses() {
  static constexpr StringRef names[] = {
      "drop-dead-weights", "choose-layouts",  "checkpoint-activations", "fuse",
      "recompute",         "lay-out-buffers", "divide-by-constant"};
  return names;
}

void varve::addPhase(OpPassManager &pm, Phase phase,
                     const PipelineOptions &options) {
  auto enabled = [&](StringRef name) {
    return !llvm::is_contained(options.disabledPasses, name.str());
  };
  switch (phase) {
  case Phase::Simplify:
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    pm.addNestedPass<ProgramOp>(createNarrowConvolutions());
    if (enabled("drop-dead-weights"))
      pm.addNestedPass<ProgramOp>(createDropDeadWeights());
    return;
  case Phase::Partition:
    pm.addNestedPass<ProgramOp>(createPartition());
    return;
  case Phase::Differentiate:
    pm.addNestedPass<ProgramOp>(createSetPrecision());
    pm.addNestedPass<ProgramOp>(createDifferentiate());
    if (options.inputGradients)
      pm.addNestedPass<ProgramOp>(createDifferentiateInputs());
    if (enabled("checkpoint-activations"))
      pm.addNestedPass<ProgramOp>(createCheckpointActivations());
    pm.addNestedPass<ProgramOp>(createFoldShards());
    return;
  case Phase::Update:
    pm.addNestedPass<ProgramOp>(createUpdate());
    // A transposed weight gradient becomes one in its weight's layout.
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    if (enabled("choose-layouts"))
      pm.addNestedPass<ProgramOp>(createChooseLayouts());
    if (options.findNan)
      pm.addNestedPass<ProgramOp>(createFindNan());
    return;
  case Phase::Lower:
    pm.addPass(createConvertVarveToLinalg());
    pm.addPass(createCSEPass());
    return;
  case Phase::Fuse: {
    FuseKernelsOptions fuse;
    fuse.merge = enabled("fuse");
    fuse.recompute = enabled("recompute");
    pm.addPass(createFuseKernels(fuse));
    return;
  }
  case Phase::Plan: {
    pm.addPass(createBufferizeKernels());
    if (enabled("lay-out-buffers"))
      pm.addPass(createLayOutBuffers());
    PlanMemoryOptions memory;
    memory.guardArena = options.guardArena;
    pm.addPass(createPlanMemory(memory));
    pm.addPass(createInsertBarriers());
    return;
  }
  case Phase::Codegen: {
    ExpandKernelsOptions expand;
    StringRef level = options.target.level;
    level.consume_front("x86-64-");
    expand.target = level.str();
    pm.addPass(createExpandKernels(expand));
    if (enabled("divide-by-constant"))
      pm.addPass(createDivideByConstant());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    return;
  }
  }
}

/// Collects errors, so that they are returned and not printed.
static std::string runCollecting(PassManager &pm, ModuleOp module,
                                 bool &failed) {
  std::string text;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &d) {
    if (d.getSeverity() != DiagnosticSeverity::Error)
      return success();
    llvm::raw_string_ostream os(text);
    if (!text.empty())
      os << "\n";
    if (!isa<UnknownLoc>(d.getLocation()))
      os << d.getLocation() << ": ";
    os << "error: " << d;
    return success();
  });
  failed = mlir::failed(pm.run(module));
  return text;
}

Result<ArtifactDescription> varve::runPipeline(ModuleOp module,
                                               const PipelineOptions &options) {
  ArtifactDescription description;
  for (int i = int(options.startFrom); i <= int(options.stopAfter); ++i) {
    auto phase = Phase(i);
    // State is described while the program still stands, work while it still
    // is linalg.
    if (phase == Phase::Lower)
      describeProgram(module, description);
    if (phase == Phase::Fuse)
      countFlops(module);
    PassManager pm(module.getContext());
    pm.enableVerifier(options.verify);
    if (!options.reproducer.empty())
      pm.enableCrashReproducerGeneration(options.reproducer);
    addPhase(pm, phase, options);
    bool failed = false;
    std::string text = runCollecting(pm, module, failed);
    // What is refused there is a gradient that an operation does not have.
    if (failed)
      return Error{text.empty() ? "phase " + nameOf(phase).str() + " failed"
                                : text,
                   phase == Phase::Differentiate ? ErrorKind::Unsupported
                                                 : ErrorKind::Input};
    if (phase == Phase::Plan)
      describeFunctions(module, description);
    if (options.afterPhase)
      options.afterPhase(phase, module);
  }
  return description;
}
