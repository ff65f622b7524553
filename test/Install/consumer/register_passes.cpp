// Reads a program of the varve dialect in a tool of somebody else's.
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "varve/InitAll.h"
#include <cstdio>

static const char *text = R"(
varve.program @net {
  varve.func @infer(%x: tensor<4xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "y"}) {
    %y = varve.layer "all" : tensor<4xf32> {
      %z = varve.relu %x : tensor<4xf32>
      varve.yield %z : tensor<4xf32>
    }
    varve.return %y : tensor<4xf32>
  }
})";

int main() {
  mlir::DialectRegistry registry;
  varve::registerAllDialects(registry);
  varve::registerAllPasses();
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return 1;
  mlir::PassManager pm(&context);
  if (failed(mlir::parsePassPipeline("varve.program(varve-partition)", pm)) ||
      failed(pm.run(*module)))
    return 1;
  bool layers = false;
  module->walk([&](mlir::Operation *op) {
    layers |= op->getName().getStringRef() == "varve.layer";
  });
  std::puts(layers ? "layers are left" : "partitioned");
  return layers;
}
