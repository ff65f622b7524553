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
  RefState weights;
  for (const pb::Tensor &each : net.model.graph().initializer()) {
    Sizes dims(each.dims().begin(), each.dims().end());
    RefTensor weight(mlir::Float32Type::get(&context), dims);
    weight.f.assign(each.float_data().begin(), each.float_data().end());
    weights[each.name()] = weight;
  }
  auto results = evaluateFunction(*program.getOps<FuncOp>().begin(),
                                  {given, ones}, weights);
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

/// A row of -infinity is NaN, and 0 in its place has no slope. The largest of
/// the other row is p0; d(p0 + 2 p1)/dx = p0 p1 (-1, 1).
TEST(OnnxGradients, LeaveOutRowsThatAreSelectedAway) {
  Net net(22);
  net.input("x", {"4"}).output("y", {"4"});
  net.weight(ints("rows", {2}, {2, 2})).weight(ints("all", {1}, {4}));
  net.weight(floats("zero", {}, {0})).weight(floats("by", {2}, {1, 2}));
  net.node("Reshape", {"x", "rows"}, {"r"}).node("Softmax", {"r"}, {"p"});
  net.node("IsNaN", {"p"}, {"n"}).node("Where", {"n", "zero", "p"}, {"q"});
  net.node("Mul", {"q", "by"}, {"m"}).node("Reshape", {"m", "all"}, {"y"});
  Reals got = derivative(net, {-INFINITY, -INFINITY, 0.5, 0});
  ASSERT_EQ(got.size(), 4u);
  double p0 = 1 / (1 + std::exp(-0.5)), both = p0 * (1 - p0);
  EXPECT_EQ(got[0], 0);
  EXPECT_EQ(got[1], 0);
  EXPECT_NEAR(got[2], -both, 1e-7);
  EXPECT_NEAR(got[3], both, 1e-7);
}

} // namespace
