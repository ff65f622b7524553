// Every operation by the examples of its test file: values against those
// written there by hand, gradients and second gradients against central
// differences of the reference value.
#include "OpExamples.h"
#include "varve/Reference/Reference.h"
#include "varve/Transforms/Differentiate.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace varve;

namespace {

class OpExamples : public ::testing::TestWithParam<std::string> {
protected:
  OpExamples() : context(MLIRContext::Threading::DISABLED) {
    context.loadDialect<VarveDialect, func::FuncDialect>();
  }

  /// Calls `check` with each example.
  template <class Check> void forEachExample(Check check) {
    auto modules = parseExamples(context, GetParam());
    ASSERT_FALSE(modules.empty());
    for (auto &module : modules) {
      ASSERT_TRUE(module) << GetParam() << ".mlir does not parse";
      for (auto func : module->getOps<func::FuncOp>()) {
        SCOPED_TRACE(GetParam() + ": @" + func.getName().str());
        check(func);
      }
    }
  }

  MLIRContext context;
};

/// `wanted`, as values of the function where its arguments are these.
std::vector<RefTensor> evaluate(func::FuncOp func,
                                const std::vector<RefTensor> &arguments,
                                ArrayRef<Value> wanted) {
  RefValues values;
  for (auto [arg, x] : llvm::zip_equal(func.getArguments(), arguments))
    values[arg] = x;
  std::vector<RefTensor> results;
  if (failed(evaluateBlock(func.front(), values)))
    return results;
  for (Value v : wanted)
    results.push_back(values.at(v));
  return results;
}

// ---- values ----

void expectSame(const RefTensor &got, DenseElementsAttr attribute) {
  RefTensor want(attribute);
  ASSERT_EQ(got.element, want.element);
  ASSERT_EQ(got.shape, want.shape);
  EXPECT_EQ(got.i, want.i);
  for (size_t e = 0; e < want.f.size(); ++e) {
    double g = got.f[e], w = want.f[e];
    if (std::isnan(w) || std::isinf(w)) {
      EXPECT_TRUE(std::isnan(w) ? std::isnan(g) : g == w)
          << "element " << e << " is " << g << ", not " << w;
      continue;
    }
    // Hand values are written to 7 digits or more; f32 ones hold no more.
    EXPECT_NEAR(g, w, 1e-7 * (1 + std::fabs(w))) << "element " << e;
  }
}

/// A function may say what it returns: varve.want = [dense<...>, ...].
TEST_P(OpExamples, HaveTheirValues) {
  forEachExample([](func::FuncOp func) {
    SmallVector<Value> wanted = returned(func);
    auto got = evaluate(func, drawArguments(func), wanted);
    ASSERT_EQ(got.size(), wanted.size());
    auto want = func->getAttrOfType<ArrayAttr>("varve.want");
    if (!want)
      return;
    ASSERT_EQ(want.size(), got.size());
    for (auto [g, w] : llvm::zip(got, want))
      expectSame(g, cast<DenseElementsAttr>(w));
  });
}

// ---- gradients ----

/// sum over i of <values[i], weights[i]>
double weigh(func::FuncOp func, const std::vector<RefTensor> &arguments,
             ArrayRef<Value> values, ArrayRef<Value> weights) {
  SmallVector<Value> all(values);
  llvm::append_range(all, weights);
  auto got = evaluate(func, arguments, all);
  double total = 0;
  for (size_t i = 0; i < values.size(); ++i)
    for (int64_t e = 0; e < got[i].size(); ++e)
      total += got[i].f[e] * got[values.size() + i].f[e];
  return total;
}

/// `gradients[j]` against the central differences of weigh() along wrt[j].
void expectGradients(func::FuncOp func, ArrayRef<Value> values,
                     ArrayRef<Value> weights, ArrayRef<Value> wrt,
                     ArrayRef<Value> gradients) {
  auto arguments = drawArguments(func);
  for (auto [x, gradient] : llvm::zip_equal(wrt, gradients)) {
    unsigned number = cast<BlockArgument>(x).getArgNumber();
    RefTensor analytic(cast<RankedTensorType>(x.getType()));
    if (gradient) {
      ASSERT_EQ(gradient.getType(), x.getType());
      analytic = evaluate(func, arguments, {gradient})[0];
    }
    for (int64_t e = 0; e < analytic.size(); ++e) {
      auto at = [&](double shift) {
        auto moved = arguments;
        moved[number].f[e] += shift;
        return weigh(func, moved, values, weights);
      };
      // Fourth order, so that the step may be large and rounding small.
      double h = 1e-3;
      double numeric =
          (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      EXPECT_NEAR(analytic.f[e], numeric, 1e-6 * (1 + std::fabs(numeric)))
          << "argument " << number << ", element " << e;
    }
  }
}

TEST_P(OpExamples, HaveGradientsAndSecondGradients) {
  forEachExample([](func::FuncOp func) {
    SmallVector<Value> wrt = doublesOf(func.getArguments());
    SmallVector<Value> results = doublesOf(returned(func));
    SmallVector<Value> weights, again, weightsAgain;
    bool stops = false; // stop_gradient is there to differ from the numbers.
    func.walk([&](StopGradientOp) { stops = true; });
    if (wrt.empty() || results.empty() || stops)
      return;
    ImplicitLocOpBuilder b(func.getLoc(), func.front().getTerminator());
    for (Value v : results)
      weights.push_back(randomLike(b, v, 2));
    auto first = buildGradients(b, results, weights, wrt);
    ASSERT_TRUE(succeeded(first));
    expectGradients(func, results, weights, wrt, *first);

    for (Value v : *first)
      if (v) {
        again.push_back(v);
        weightsAgain.push_back(randomLike(b, v, 3));
      }
    auto second = buildGradients(b, again, weightsAgain, wrt);
    ASSERT_TRUE(succeeded(second));
    SCOPED_TRACE("second order");
    expectGradients(func, again, weightsAgain, wrt, *second);
  });
}

INSTANTIATE_TEST_SUITE_P(Ops, OpExamples, ::testing::ValuesIn(testedOps()),
                         [](auto &info) { return info.param; });

// ---- the operations themselves ----

/// Each operation of the dialect is whole: nothing of it is silently missing.
TEST(Ops, AreComplete) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<VarveDialect, func::FuncDialect>();
  std::set<std::string> withGradient, tested;
  for (const std::string &name : testedOps()) {
    for (auto &module : parseExamples(context, name)) {
      ASSERT_TRUE(module) << name;
      for (auto func : module->getOps<func::FuncOp>()) {
        bool hasDouble = llvm::any_of(func.getArguments(), isDouble) &&
                         llvm::any_of(returned(func), isDouble);
        func.walk([&](Operation *op) {
          StringRef mnemonic = op->getName().stripDialect();
          if (mnemonic != name)
            return;
          tested.insert(name);
          if (hasDouble)
            withGradient.insert(name);
        });
      }
    }
  }
  unsigned primitives = 0;
  for (RegisteredOperationName op : context.getRegisteredOperations()) {
    if (op.getDialectNamespace() != "varve" ||
        !(op.hasInterface<PrimitiveOpInterface>() ||
          op.hasInterface<EvaluableRegionOpInterface>()) ||
        op.getStringRef() == "varve.layer" ||
        op.getStringRef() == "varve.stage")
      continue; // structure, gone before values are lowered
    std::string name = op.stripDialect().str();
    ++primitives;
    bool differentiable = op.hasInterface<DifferentiableOpInterface>() ||
                          op.hasInterface<DifferentiableRegionOpInterface>();
    EXPECT_NE(differentiable, op.hasTrait<NoGradient>())
        << name << " must have a gradient, or Varve_NoGradient";
    EXPECT_TRUE(op.hasInterface<LowerableOpInterface>()) << name;
    EXPECT_TRUE(op.hasInterface<EvaluableOpInterface>() ||
                op.hasInterface<EvaluableRegionOpInterface>())
        << name;
    EXPECT_TRUE(tested.count(name))
        << name << " has no example in test/Ops/" << name << ".mlir";
    if (differentiable) {
      EXPECT_TRUE(withGradient.count(name))
          << name << " has no f64 example in test/Ops/" << name << ".mlir";
    }
    if (auto *primitive = op.getInterface<PrimitiveOpInterface>()) {
      EXPECT_TRUE(primitive->getSignature().starts_with(name + "(")) << name;
    }
  }
  EXPECT_GT(primitives, 50u);
}

} // namespace
