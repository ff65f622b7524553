// Registration of everything that the phases use.
#include "varve/InitAll.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "varve/Codegen/Emit.h"
#include "varve/Codegen/Emit/Passes.h"
#include "varve/Codegen/Passes.h"
#include "varve/Conversion/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Dialect/Varve/Varve.h"
#include "varve/Pipeline/Pipeline.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace {
struct PhaseFlags : PassPipelineOptions<PhaseFlags> {
  Option<std::string> startFrom{*this, "start-from",
                                llvm::cl::desc("the first phase to run"),
                                llvm::cl::init("simplify")};
  Option<std::string> stopAfter{*this, "stop-after",
                                llvm::cl::desc("the last phase to run"),
                                llvm::cl::init("codegen")};
  Option<std::string> target{*this, "target", llvm::cl::desc("v3 or v4"),
                             llvm::cl::init("v4")};
  ListOption<std::string> disabled{*this, "disable-pass",
                                   llvm::cl::desc("passes to leave out")};
};
} // namespace

void varve::registerAllDialects(DialectRegistry &registry) {
  registry.insert<VarveDialect, kernel::KernelDialect, arith::ArithDialect,
                  bufferization::BufferizationDialect, cf::ControlFlowDialect,
                  func::FuncDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
                  math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                  tensor::TensorDialect, vector::VectorDialect>();
  kernel::registerKernelBufferization(registry);
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerSubsetOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerSubsetOpInterfaceExternalModels(registry);
  registerEmitTranslations(registry);
}

void varve::registerAllPasses() {
  registerVarveTransformsPasses();
  registerVarveConversionPasses();
  registerCodegenPasses();
  registerVarveEmitPasses();
  PassPipelineRegistration<PhaseFlags>(
      "varve-phases", "the phases of Varve's compiler, or a stretch of them",
      [](OpPassManager &pm, const PhaseFlags &flags) {
        PipelineOptions options;
        options.target.level = "x86-64-" + flags.target;
        options.disabledPasses.assign(flags.disabled.begin(),
                                      flags.disabled.end());
        std::optional<Phase> first = parsePhase(flags.startFrom),
                             last = parsePhase(flags.stopAfter);
        if (!first || !last)
          llvm::reportFatalUsageError("varve-phases: unknown phase");
        for (int phase = int(*first); phase <= int(*last); ++phase)
          addPhase(pm, Phase(phase), options);
      });
}
