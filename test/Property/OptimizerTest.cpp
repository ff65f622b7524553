// Optimizers through the whole compiler: five steps of linear regression
// against the textbook's formulas in double, as PyTorch defines them. The
// gradients are worked out by hand.
#include "Compiler/CheckedProgram.h"
#include "Language/Import.h"
#include "varve/InitAll.h"
#include "gtest/gtest.h"
#include <cmath>
#include <functional>

using namespace mlir;
using namespace varve;

namespace {

constexpr int batch = 8, features = 3, outputs = 2;

/// A parameter and its slots, in double.
struct Weight {
  std::vector<double> w, m, v;
};
/// One step of one element: w, first and second slot, gradient, step from 1.
using Rule = std::function<void(double &w, double &m, double &v, double g,
                                int t, bool isBias)>;

struct Case {
  const char *name;
  const char *settings;
  Rule rule;
  double clipNorm = 0, clipValue = 0;
};

void PrintTo(const Case &c, std::ostream *os) { *os << c.name; }

void adam(double &w, double &m, double &v, double g, int t, double lr,
          double b1, double b2, double eps) {
  m = b1 * m + (1 - b1) * g;
  v = b2 * v + (1 - b2) * g * g;
  double mHat = m / (1 - std::pow(b1, t)), vHat = v / (1 - std::pow(b2, t));
  w -= lr * mHat / (std::sqrt(vHat) + eps);
}

#define RULE [](double &w, double &m, double &v, double g, int t, bool isBias)

const Case cases[] = {{"Sgd", "optimizer sgd(lr: 0.1)", RULE{w -= 0.1 * g;
} // namespace
}
, {"Momentum", "optimizer sgd(lr: 0.1, momentum: 0.9)", RULE{m = 0.9 * m + g;
w -= 0.1 * m;
}
}
, {"Nesterov", "optimizer sgd(lr: 0.1, momentum: 0.9, nesterov: true)",
   RULE{m = 0.9 * m + g;
w -= 0.1 * (g + 0.9 * m);
}
}
, {"WeightDecay", "optimizer sgd(lr: 0.1, momentum: 0.9, weight_decay: 0.05)",
   RULE{m = 0.9 * m + g + 0.05 * w;
w -= 0.1 * m;
}
}
, {"Adam", "optimizer adam(lr: 0.05, betas: [0.8, 0.99], eps: 1e-6)",
   RULE{adam(w, m, v, g, t, 0.05, 0.8, 0.99, 1e-6);
}
}
, {"AdamWithDecay", "optimizer adam(lr: 0.05, weight_decay: 0.1)",
   RULE{adam(w, m, v, g + 0.1 * w, t, 0.05, 0.9, 0.999, 1e-8);
}
}
, {"AdamW", "optimizer adamw(lr: 0.05, weight_decay: 0.1)",
   RULE{w *= 1 - 0.05 * 0.1;
adam(w, m, v, g, t, 0.05, 0.9, 0.999, 1e-8);
}
}
, {"RmsProp", "optimizer rmsprop(lr: 0.01, alpha: 0.9, eps: 1e-4)",
   RULE{v = 0.9 * v + 0.1 * g * g;
w -= 0.01 * g / (std::sqrt(v) + 1e-4);
}
}
, {"Adagrad", "optimizer adagrad(lr: 0.1)", RULE{v += g * g;
w -= 0.1 * g / (std::sqrt(v) + 1e-10);
}
}
, {"GroupOfRates", "optimizer sgd(lr: 0.1)\n  group \"*.bias\" (lr: 0.3)",
   RULE{w -= (isBias ? 0.3 : 0.1) * g;
}
}
,
    // Shards of 4 and 4, of 3, 3 and 2, and one batch after the other.
    {"Shards", "optimizer sgd(lr: 0.1)\n  shards 2", RULE{w -= 0.1 * g;
}
}
, {"UnevenShards", "optimizer sgd(lr: 0.1)\n  shards 3", RULE{w -= 0.1 * g;
}
}
, {"ShardsWithAdam", "optimizer adam(lr: 0.05)\n  shards 4",
   RULE{adam(w, m, v, g, t, 0.05, 0.9, 0.999, 1e-8);
}
}
, {"Accumulate", "optimizer sgd(lr: 0.1, momentum: 0.9)\n  batch 2\n  accumulate 4",
   RULE{m = 0.9 * m + g;
w -= 0.1 * m;
}
}
, {"AccumulateShards", "optimizer sgd(lr: 0.1)\n  batch 4\n  accumulate 2\n  shards 2",
   RULE{w -= 0.1 * g;
}
}
, {"ClippedShards", "optimizer sgd(lr: 0.1)\n  clip_norm 0.5\n  shards 3", RULE{w -= 0.1 * g;
}
, 0.5, 0
}
,
    // Decay and momentum of a group alone.
    {"GroupOfDecay",
     "optimizer sgd(lr: 0.1)\n  group \"*.weight\" (weight_decay: 0.2)",
     RULE{w -= 0.1 * (isBias ? g : g + 0.2 * w);
}
}
, {"GroupOfMomentum",
   "optimizer sgd(lr: 0.1)\n  group \"*.weight\" (momentum: 0.9, "
   "nesterov: true)",
   RULE{m = (isBias ? 0 : 0.9) * m + g;
w -= 0.1 * (isBias ? g : g + 0.9 * m);
}
}
, {"ClipNorm", "optimizer sgd(lr: 0.1)\n  clip_norm 0.5", RULE{w -= 0.1 * g;
}
, 0.5, 0
}
, {"ClipValue", "optimizer sgd(lr: 0.1)\n  clip_value 0.1", RULE{w -= 0.1 * g;
}
, 0, 0.1
}
, {"Schedule",
   "optimizer sgd(lr: 0.1)\n  schedule minimum((step + 1) / 4.0, 1)",
   RULE{w -= 0.1 * std::min(t / 4.0, 1.0) * g;
}
}
,
}
;

class Optimizers : public ::testing::TestWithParam<Case> {};

TEST_P(Optimizers, FollowTheirFormulas) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ImportRequest request;
  request.path = "line.varve";
  request.text =
      "model line(x: f32[N, 3]) -> y: f32[N, 2] {\n"
      "  layer out { x = x |> dense(2) }\n"
      "  return x\n}\n\n"
      "train line {\n  data csv(\"line.csv\") {\n    x: f32[3] from \"a\", "
      "\"b\", \"c\"\n    t: f32[2] from \"d\", \"e\"\n  }\n"
      "  loss mean_squared_error(y, t)\n  batch 8\n  epochs 1\n  " +
      std::string(GetParam().settings) + "\n}\n";
  auto program = importProgram(context, request);
  ASSERT_TRUE(program) << program.error().message;
  PipelineOptions options;
  options.target = *resolveTarget("native");
  options.verify = true;
  OwningOpRef<ModuleOp> declared(program->module->clone());
  options.stopAfter = Phase::Update;
  ASSERT_TRUE(runPipeline(*declared, options));
  options.stopAfter = lastPhase;
  auto compiled = CheckedProgram::compile(*program->module, options, 3);
  ASSERT_TRUE(compiled) << compiled.error().message;
  ProgramOp updated = *declared->getOps<ProgramOp>().begin();
  FuncOp func = *updated.getOps<FuncOp>().begin();
  auto inputs = compiled->makeInputs(func, 3);
  const RefTensor *x = nullptr, *t = nullptr, *indices = nullptr;
  for (auto [i, info] : llvm::enumerate(func.getInputs())) {
    auto entry = cast<DictionaryAttr>(info);
    StringRef name = entry.getAs<StringAttr>("name").getValue();
    if (entry.getAs<StringAttr>("kind") == "indices")
      indices = &inputs[i];
    else if (name == "x")
      x = &inputs[i];
    else if (name == "t")
      t = &inputs[i];
  }
  ASSERT_TRUE(x && t && indices);

  RefState state = compiled->exportState();
  ASSERT_TRUE(state.count("out.weight") && state.count("out.bias"));
  Weight weight{state["out.weight"].f, {}, {}},
      bias{state["out.bias"].f, {}, {}};
  for (double &b : bias.w) // begins at 0, where decay does nothing
    EXPECT_TRUE(std::isfinite(b));
  for (Weight *p : {&weight, &bias}) {
    p->m.assign(p->w.size(), 0);
    p->v.assign(p->w.size(), 0);
  }
  for (int step = 1; step <= 5; ++step) {
    // y = W x + b, L = mean (y - t)^2
    std::vector<double> dw(outputs * features), db(outputs);
    for (int n = 0; n < batch; ++n)
      for (int o = 0; o < outputs; ++o) {
        int64_t row = indices->i[n];
        double y = bias.w[o];
        for (int f = 0; f < features; ++f)
          y += weight.w[o * features + f] * x->f[row * features + f];
        double dy = 2 * (y - t->f[row * outputs + o]) / (batch * outputs);
        db[o] += dy;
        for (int f = 0; f < features; ++f)
          dw[o * features + f] += dy * x->f[row * features + f];
      }
    double norm = 0;
    for (auto *list : {&dw, &db})
      for (double &g : *list) {
        if (double limit = GetParam().clipValue)
          g = std::min(std::max(g, -limit), limit);
        norm += g * g;
      }
    double factor = 1;
    if (double limit = GetParam().clipNorm)
      factor = std::min(1.0, limit / (std::sqrt(norm) + 1e-6));
    for (size_t e = 0; e < dw.size(); ++e)
      GetParam().rule(weight.w[e], weight.m[e], weight.v[e], factor * dw[e],
                      step, false);
    for (size_t e = 0; e < db.size(); ++e)
      GetParam().rule(bias.w[e], bias.m[e], bias.v[e], factor * db[e], step,
                      true);
    compiled->call(inputs);
    state = compiled->exportState();
    EXPECT_EQ(state["step"].i, std::vector<int64_t>{step});
    for (size_t e = 0; e < weight.w.size(); ++e)
      EXPECT_NEAR(state["out.weight"].f[e], weight.w[e], 1e-5)
          << "weight " << e << " after step " << step;
    for (size_t e = 0; e < bias.w.size(); ++e)
      EXPECT_NEAR(state["out.bias"].f[e], bias.w[e], 1e-5)
          << "bias " << e << " after step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Property, Optimizers, ::testing::ValuesIn(cases),
                         [](auto &info) { return info.param.name; });

} // namespace
