// varve-opt: runs any of Varve's and MLIR's passes on MLIR text.
#include "varve/Codegen/Emit/Passes.h"
#include "varve/Codegen/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  registry.insert<varve::kernel::KernelDialect>();
  varve::kernel::registerKernelBufferization(registry);
  varve::registerCodegenPasses();
  varve::registerVarveEmitPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Varve's optimizer driver\n", registry));
}
