// Operators of ONNX where the backend suite does not look: errors, ends of
// ranges, sizes that it lacks. Values by the reference interpreter.
#include "Onnx/Import.h"
#include "OnnxNet.h"
#include "varve/Reference/Reference.h"
#include <cmath>

using namespace varve;
using namespace varve::test;

namespace {

using Reals = std::vector<double>;

struct OnnxOperators : testing::Test {
  mlir::MLIRContext context;

  Result<onnx::ImportedModel> import(const Net &net) {
    onnx::ImportRequest request;
    request.path = net.write();
    return onnx::importModel(context, request);
  }
  /// The value of the first output. What is given are the inputs, of f32.
  RefTensor value(const Net &net, std::vector<Reals> given = {}) {
    auto model = import(net);
    if (!model) {
      ADD_FAILURE() << model.error().message;
      return {};
    }
    ProgramOp program = *model->module->getOps<ProgramOp>().begin();
    FuncOp function = *program.getOps<FuncOp>().begin();
    llvm::SmallVector<RefTensor> inputs;
    for (auto [i, values] : llvm::enumerate(given)) {
      auto type = function.getBody().getArgument(unsigned(i)).getType();
      inputs.emplace_back(llvm::cast<mlir::RankedTensorType>(type));
      inputs.back().f = values;
    }
    RefState none;
    auto results = evaluateFunction(function, inputs, none);
    if (mlir::failed(results)) {
      ADD_FAILURE() << "no value";
      return {};
    }
    return (*results)[0];
  }
  std::string failure(const Net &net) {
    auto model = import(net);
    if (model)
      return "";
    std::string text = model.error().message;
    return text.substr(text.find("): ") + 3);
  }
};

Net net(int64_t opset = 18) { return Net(opset); }

TEST_F(OnnxOperators, SlicesBackToTheFirstElement) {
  Net n = net();
  n.weight(ints("x", {5}, {0, 1, 2, 3, 4})).weight(ints("from", {1}, {-1}));
  n.weight(ints("to", {1}, {INT64_MIN})).weight(ints("axis", {1}, {0}));
  n.weight(ints("step", {1}, {-2})).output("y", {"3"}, 7);
  n.node("Slice", {"x", "from", "to", "axis", "step"}, {"y"});
  EXPECT_EQ(value(n).i, (Sizes{4, 2, 0}));
}

TEST_F(OnnxOperators, SlicesNothingBehindTheEnd) {
  Net n = net();
  n.weight(ints("x", {3}, {0, 1, 2})).weight(ints("from", {1}, {7}));
  n.weight(ints("to", {1}, {INT64_MAX})).output("y", {"0"}, 7);
  n.node("Slice", {"x", "from", "to"}, {"y"});
  EXPECT_EQ(value(n).shape, (Sizes{0}));
}

TEST_F(OnnxOperators, DividesTowardsZeroByFmod) {
  Net n = net();
  n.weight(ints("x", {4}, {INT64_MIN, -7, 7, -6})).output("z", {"4"}, 7);
  n.weight(ints("y", {4}, {3, 3, -3, 3}));
  n.node("Mod", {"x", "y"}, {"z"}).with("fmod", 1);
  EXPECT_EQ(value(n).i, (Sizes{INT64_MIN % 3, -1, 1, 0}));
}

TEST_F(OnnxOperators, WrapsPowersOfIntegers) {
  Net n = net();
  n.weight(ints("x", {6}, {3, -2, 7, -1, 2, 0})).output("z", {"6"}, 7);
  n.weight(ints("y", {6}, {40, 63, 0, -3, -1, 5}));
  n.node("Pow", {"x", "y"}, {"z"});
  EXPECT_EQ(value(n).i, (Sizes{int64_t(12157665459056928801ULL), INT64_MIN, 1,
                               -1, 0, 0}));
}

TEST_F(OnnxOperators, SaysWhichIndexIsOutside) {
  Net n = net();
  n.weight(ints("x", {3}, {0, 1, 2})).weight(ints("i", {2}, {-3, 3}));
  n.output("y", {"2"}, 7).node("Gather", {"x", "i"}, {"y"});
  EXPECT_EQ(failure(n), "index 3 is outside an axis of size 3");
}

TEST_F(OnnxOperators, JoinsRowsThatAreNamedTwice) {
  Net n = net();
  n.weight(ints("x", {2, 2}, {1, 2, 3, 4})).output("z", {"2", "2"}, 7);
  n.weight(ints("i", {3, 1}, {1, -1, 0}));
  n.weight(ints("y", {3, 2}, {2, 3, 5, 7, 0, 9}));
  n.node("ScatterND", {"x", "i", "y"}, {"z"}).with("reduction", "mul");
  EXPECT_EQ(value(n).i, (Sizes{0, 18, 30, 84}));
}

TEST_F(OnnxOperators, RefusesReductionsThatItDoesNotKnow) {
  Net n = net();
  n.weight(ints("x", {2}, {1, 2})).weight(ints("i", {1, 1}, {0}));
  n.weight(ints("y", {1}, {5})).output("z", {"2"}, 7);
  n.node("ScatterND", {"x", "i", "y"}, {"z"}).with("reduction", "median");
  EXPECT_EQ(failure(n), "reduction is 'median'");
}

TEST_F(OnnxOperators, TakesTheSmallestOfAllIntegers) {
  Net n = net();
  n.weight(ints("x", {4}, {INT64_MIN, 5, INT64_MIN, INT64_MAX}));
  n.weight(ints("k", {1}, {3})).output("at", {"3"}, 7);
  n.node("TopK", {"x", "k"}, {"y", "at"}).with("largest", 0);
  EXPECT_EQ(value(n).i, (Sizes{0, 2, 1}));
}

/// alpha 1 and beta 1, so that the sums can be read off.
TEST_F(OnnxOperators, NormalizesByOneMoreChannelAfterIt) {
  Net n = net();
  n.input("x", {"1", "3", "1"}).output("y", {"1", "3", "1"});
  n.node("LRN", {"x"}, {"y"}).with("size", 2).with("alpha", 2.0f);
  n.with("beta", 1.0f);
  Reals y = value(n, {{1, 2, 3}}).f, want = {1.0 / 6, 2.0 / 14, 3.0 / 10};
  for (size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(y[i], want[i], 1e-6);
}

TEST_F(OnnxOperators, ComputesInverseFunctions) {
  struct Case {
    const char *op;
    double (*want)(double);
    Reals x;
  };
  Reals some = {-1e30, -30, -2.5, -0.7, -1e-4, 0,
                             0.3,   0.9, 1.7, 88.9};
  Reals unit = {-1, -0.99, -0.5, -1e-5, 0, 0.3, 0.7, 1};
  Reals small = {-89, -3, -0.9, -1e-5, 0, 0.4, 1.1, 89.2};
  for (const Case &each : {Case{"Atan", std::atan, some},
                           Case{"Asinh", std::asinh, some},
                           Case{"Asin", std::asin, unit},
                           Case{"Acos", std::acos, unit},
                           Case{"Atanh", std::atanh, unit},
                           Case{"Sinh", std::sinh, small},
                           Case{"Cosh", std::cosh, small},
                           Case{"Acosh", std::acosh, {1, 1.001, 2, 1e30}}}) {
    Net n(22);
    std::string size = std::to_string(each.x.size());
    n.input("x", {size}).output("y", {size}).node(each.op, {"x"}, {"y"});
    Reals y = value(n, {each.x}).f;
    for (size_t i = 0; i < y.size(); ++i) {
      double want = each.want(each.x[i]);
      if (std::isinf(want))
        EXPECT_EQ(y[i], want) << each.op << " of " << each.x[i];
      else
        EXPECT_NEAR(y[i], want, 1e-6 * std::abs(want) + 1e-12)
            << each.op << " of " << each.x[i];
    }
  }
}

TEST_F(OnnxOperators, FindsUniqueRowsInTheirOrder) {
  Net n = net();
  n.weight(ints("x", {3, 2}, {5, 1, 2, 9, 5, 1})).output("at", {"3"}, 7);
  n.node("Unique", {"x"}, {"y", "first", "at"}).with("axis", 0);
  n.with("sorted", 0);
  EXPECT_EQ(value(n).i, (Sizes{0, 1, 0}));
}

TEST_F(OnnxOperators, BroadcastsFromAnAxisBeforeOpset7) {
  Net n = net(6);
  n.weight(ints("x", {2, 2}, {1, 2, 3, 4})).weight(ints("y", {2}, {10, 20}));
  n.output("z", {"2", "2"}, 7).node("Add", {"x", "y"}, {"z"});
  EXPECT_EQ(failure(n), "shapes differ, and 'broadcast' is not set");
  n.with("broadcast", 1).with("axis", 0);
  EXPECT_EQ(value(n).i, (Sizes{11, 12, 23, 24}));
}

} // namespace
