// The examples of every operation and their gradients, as programs that Varve
// itself compiles, against the reference.
#include "../Unit/OpExamples.h"
#include "Compiler/CheckedProgram.h"
#include "varve/InitAll.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace varve;

namespace {

/// How far compiled values may be from those in double, relative to the
/// largest: what rounding to the narrowest type in the function leaves.
double toleranceOf(FuncOp func) {
  unsigned width = 64;
  func.walk([&](Operation *op) {
    for (Type type : op->getOperandTypes())
      if (auto real = dyn_cast<FloatType>(
              cast<RankedTensorType>(type).getElementType()))
        width = std::min(width, real.getWidth());
  });
  return width == 64 ? 1e-9 : width == 32 ? 1e-5 : 3e-2;
}

class Examples : public ::testing::TestWithParam<std::string> {};

TEST_P(Examples, CompiledAreTheReference) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  for (auto &module : parseExamples(context, GetParam())) {
    ASSERT_TRUE(module);
    for (auto func :
         llvm::make_early_inc_range(module->getOps<func::FuncOp>())) {
      std::string name = func.getName().str();
      SCOPED_TRACE(GetParam() + ": @" + name);
      returnGradients(func);
      std::vector<RefTensor> arguments = drawArguments(func);
      OwningOpRef<ModuleOp> own(ModuleOp::create(func.getLoc()));
      OpBuilder b = OpBuilder::atBlockEnd(own->getBody());
      FuncOp wrapped = wrap(func, b);
      RefState state;
      auto want = evaluateFunction(wrapped, arguments, state);
      ASSERT_TRUE(succeeded(want));
      double tolerance = toleranceOf(wrapped);
      PipelineOptions options;
      options.target = *resolveTarget("native");
      options.verify = true;
      auto compiled = CheckedProgram::compile(*own, options, 1);
      ASSERT_TRUE(compiled) << compiled.error().message;
      SmallVector<RefTensor> got = compiled->call(arguments);
      ASSERT_EQ(got.size(), want->size());
      for (size_t i = 0; i < got.size(); ++i)
        expectClose(got[i], (*want)[i], tolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Examples, ::testing::ValuesIn(testedOps()),
                         [](auto &info) { return info.param; });

} // namespace
