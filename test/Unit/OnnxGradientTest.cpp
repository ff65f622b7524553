// Gradients of what the importer makes of operators that the dialect lacks:
// against the derivatives of calculus, at 0, where formulas change over, and
// where a part of them that is not used is infinite.
#include "Onnx/Import.h"
#include "OnnxNet.h"
#include "mlir/Pass/PassManager.h"
#include "varve/Reference/Reference.h"
#include "varve/Transforms/Passes.h"
#include <cmath>

using namespace varve;
using namespace varve::test;

namespace {

using Reals = std::vector<double>;

/// The derivative of an operator of one input, at each of x.
Reals derivative(const Net &net, const Reals &x) {
  mlir::MLIRContext context;
  onnx::ImportRequest request;
  request.path = net.write();
  auto model = onnx::importModel(context, request);
  if (!model) {
    ADD_FAILURE() << model.error().message;
    return {};
  }
  mlir::PassManager passes(&context);
  passes.addNestedPass<ProgramOp>(createDifferentiateInputs());
  if (mlir::failed(passes.run(*model->module))) {
    ADD_FAILURE() << "not differentiated";
    return {};
  }
  ProgramOp program = *model->module->getOps<ProgramOp>().begin();
  RefTensor given(mlir::Float32Type::get(&context), {int64_t(x.size())});
  RefTensor ones = given;
  given.f = x;
  ones.f.assign(x.size(), 1);
  RefState none;
  auto results = evaluateFunction(*program.getOps<FuncOp>().begin(),
                                  {given, ones}, none);
  if (mlir::failed(results)) {
    ADD_FAILURE() << "no value";
    return {};
  }
  return (*results)[0].f;
}

Net operatorOf(const char *op, size_t count) {
  Net net(22);
  std::string size = std::to_string(count);
  net.input("x", {size}).output("y", {size}).node(op, {"x"}, {"y"});
  return net;
}

TEST(OnnxGradients, AreThoseOfCalculus) {
  struct Case {
    const char *op;
    double (*want)(double);
    Reals x;
  };
  const Case cases[] = {
      {"Atan", [](double x) { return 1 / (1 + x * x); },
       {-1e9, -3, -1, -0.5, 0, 0.3, 0.7, 2.5, 1e9}},
      {"Asin", [](double x) { return 1 / std::sqrt(1 - x * x); },
       {-0.99, -0.3, 0, 0.5, 0.9}},
      {"Acos", [](double x) { return -1 / std::sqrt(1 - x * x); },
       {-0.99, -0.3, 0, 0.5, 0.9}},
      {"Asinh", [](double x) { return 1 / std::hypot(1, x); },
       {-1e200, -3, 0, 1e-3, 0.5, 1e9, 1e200}},
      {"Acosh", [](double x) { return 1 / std::sqrt(x - 1) / std::sqrt(x + 1); },
       {1.001, 2, 1e9, 1e200}},
      {"Atanh", [](double x) { return 1 / (1 - x * x); }, {-0.99, 0, 0.5}},
      {"Sinh", [](double x) { return std::cosh(x); },
       {-700, -2, -0.5, 0, 0.7, 700}},
      {"Cosh", [](double x) { return std::sinh(x); }, {-700, -0.5, 0, 700}},
      {"Tan", [](double x) { return 1 / std::cos(x) / std::cos(x); },
       {-1, 0, 0.5}},
      {"Elu", [](double x) { return x < 0 ? std::exp(x) : 1; },
       {-800, -1, 0.5, 800}},
      {"Celu", [](double x) { return x < 0 ? std::exp(x) : 1; },
       {-800, -1, 0.5, 800}},
      {"Softsign",
       [](double x) { return 1 / ((1 + std::abs(x)) * (1 + std::abs(x))); },
       {-3, -0.1, 2}},
  };
  for (const Case &each : cases) {
    Reals got = derivative(operatorOf(each.op, each.x.size()), each.x);
    ASSERT_EQ(got.size(), each.x.size()) << each.op;
    for (size_t i = 0; i < got.size(); ++i) {
      double want = each.want(each.x[i]);
      EXPECT_NEAR(got[i], want, 1e-6 * std::abs(want) + 1e-300)
          << each.op << " at " << each.x[i];
    }
  }
}

} // namespace
