// What must hold of any program, tried on random ones. A failure names its
// seed; `--gtest_filter=*/SEED` runs it alone, and VARVE_PRINT=1 shows the IR.
#include "Compiler/CheckedProgram.h"
#include "RandomProgram.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "varve/InitAll.h"
#include "varve/Transforms/Differentiate.h"
#include "varve/Transforms/Passes.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace varve;

namespace {

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

FuncOp functionOf(ModuleOp module) {
  ProgramOp program = *module.getOps<ProgramOp>().begin();
  return *program.getOps<FuncOp>().begin();
}

class Programs : public ::testing::TestWithParam<uint64_t> {
protected:
  explicit Programs(bool exact = false)
      : program(makeRandomProgram(context(), GetParam(), exact)) {
    if (getenv("VARVE_PRINT"))
      llvm::errs() << *program.module;
  }

  static MLIRContext &context() {
    static DialectRegistry registry;
    static MLIRContext *shared = [] {
      registerAllDialects(registry);
      auto *made = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
      made->loadAllAvailableDialects();
      return made;
    }();
    return *shared;
  }

  /// The program with its gradients among its results, and with some state
  /// that is updated: by its gradient, by another state, by what it was.
  OwningOpRef<ModuleOp> withGradients();

  RandomProgram program;
};

OwningOpRef<ModuleOp> Programs::withGradients() {
  OwningOpRef<ModuleOp> module(program.module->clone());
  PassManager pm(&context());
  pm.addNestedPass<ProgramOp>(createDifferentiate());
  if (failed(pm.run(*module)))
    return {};
  FuncOp func = functionOf(*module);
  func.setLearns(false);
  ReturnOp end = func.getReturn();
  ImplicitLocOpBuilder b(end.getLoc(), end);
  SmallVector<Attribute> infos, updates;
  SmallVector<Value> values(end.getOperands()), updated;
  std::map<StringRef, Value> gradients;
  for (auto [info, v] : llvm::zip(func.getResults(), values)) {
    NamedAttrList entries(cast<DictionaryAttr>(info));
    if (auto of = cast<DictionaryAttr>(info).getAs<FlatSymbolRefAttr>("of")) {
      entries.set("kind", b.getStringAttr("output"));
      gradients[of.getValue()] = v;
    }
    infos.push_back(entries.getDictionary(&context()));
  }
  std::mt19937_64 random(GetParam());
  for (auto use : func.getUses().getAsRange<FlatSymbolRefAttr>()) {
    Value old = func.getUse(use.getValue()), now = old;
    auto sameType = [&](Value v) { return v.getType() == old.getType(); };
    switch (random() % 5) {
    case 0: // stays
      continue;
    case 1: // is written as it was
      break;
    case 2: // becomes another state, which may become this one
      for (BlockArgument other : func.getBody().getArguments())
        if (other != old && sameType(other))
          now = other;
      break;
    case 3: // becomes a result
      for (Value v : values)
        if (sameType(v))
          now = v;
      break;
    default: // learns
      if (Value g = gradients[use.getValue()]) {
        auto type = cast<RankedTensorType>(old.getType());
        auto element = cast<FloatType>(type.getElementType());
        Value rate = ConstantOp::create(
            b, type,
            DenseElementsAttr::get(type, FloatAttr::get(element, 0.5)));
        now = SubOp::create(b, old, MulOp::create(b, rate, g));
      }
    }
    updates.push_back(use);
    updated.push_back(now);
  }
  llvm::append_range(values, updated);
  func.setResultsAttr(b.getArrayAttr(infos));
  func.setUpdatesAttr(b.getArrayAttr(updates));
  end.getValuesMutable().assign(values);
  EXPECT_TRUE(succeeded(verify(*module)));
  return module;
}

// ---- compiled code ----

/// What a call leaves: its results, and the state after it.
struct Outcome {
  SmallVector<RefTensor> results;
  RefState state;
};

/// The largest absolute value.
double scaleOf(const RefTensor &x) {
  double scale = 0;
  for (double v : x.f)
    scale = std::max(scale, std::fabs(v));
  return scale;
}

double distance(const RefTensor &x, const RefTensor &y) {
  double worst = 0;
  for (size_t e = 0; e < x.f.size(); ++e)
    worst =
        x.f[e] == y.f[e] ? worst : std::max(worst, std::fabs(x.f[e] - y.f[e]));
  return worst;
}

/// Rounds to the type of the elements.
void roundToType(RefTensor &x) {
  if (x.element && x.element.isF32())
    for (double &v : x.f)
      v = float(v);
}

/// The reference, each value rounded to its type: how far that leads away is
/// how far compiled code may be.
Outcome runRounded(FuncOp func, ArrayRef<RefTensor> inputs, RefState state) {
  RefValues values;
  unsigned n = func.getNumInputs();
  for (auto [i, x] : llvm::enumerate(inputs))
    values[func.getBody().getArgument(i)] = x;
  for (auto [i, use] : llvm::enumerate(func.getUses()))
    values[func.getBody().getArgument(n + i)] =
        state[cast<FlatSymbolRefAttr>(use).getValue().str()];
  for (Operation &op : func.getBody().front().without_terminator()) {
    SmallVector<RefTensor> operands, results;
    for (Value v : op.getOperands())
      operands.push_back(values.at(v));
    for (Value v : op.getResults())
      results.emplace_back(cast<RankedTensorType>(v.getType()));
    cast<EvaluableOpInterface>(op).evaluate(operands, results);
    for (auto [v, x] : llvm::zip(op.getResults(), results)) {
      roundToType(x);
      values[v] = x;
    }
  }
  Outcome outcome{{}, std::move(state)};
  for (auto [i, v] : llvm::enumerate(func.getReturn().getValues()))
    if (i < func.getResults().size())
      outcome.results.push_back(values.at(v));
    else
      outcome.state[cast<FlatSymbolRefAttr>(
                        func.getUpdates()[i - func.getResults().size()])
                        .getValue()
                        .str()] = values.at(v);
  return outcome;
}

/// `terms`: how large the terms are of which it may be a difference.
void expectClose(const RefTensor &got, const RefTensor &want,
                 const RefTensor &rounded, bool hasSingles, double terms = 0) {
  ASSERT_EQ(got.shape, want.shape);
  EXPECT_EQ(got.i, want.i);
  for (size_t e = 0; e < want.f.size(); ++e)
    ASSERT_TRUE(std::isfinite(want.f[e]) && std::isfinite(got.f[e]))
        << "element " << e << " is " << got.f[e] << ", not " << want.f[e];
  double scale = std::max({1e-3, scaleOf(want), terms});
  double bound =
      hasSingles ? 1e-5 * scale + 30 * distance(rounded, want) : 1e-10 * scale;
  EXPECT_LE(distance(got, want), bound) << "scale " << scale;
}

bool sameBits(const RefTensor &x, const RefTensor &y) {
  return x.shape == y.shape && x.i == y.i && x.f.size() == y.f.size() &&
         (x.f.empty() ||
          !memcmp(x.f.data(), y.f.data(), x.f.size() * sizeof(double)));
}

void expectSameBits(const Outcome &got, const Outcome &want) {
  ASSERT_EQ(got.results.size(), want.results.size());
  for (size_t i = 0; i < want.results.size(); ++i)
    EXPECT_TRUE(sameBits(got.results[i], want.results[i]))
        << "result " << i << " is off by "
        << distance(got.results[i], want.results[i]);
  for (auto &[name, x] : want.state)
    EXPECT_TRUE(sameBits(got.state.at(name), x))
        << name << " is off by " << distance(got.state.at(name), x);
}

Outcome call(CheckedProgram &compiled, ArrayRef<RefTensor> inputs) {
  Outcome outcome;
  outcome.results = compiled.call(inputs);
  outcome.state = compiled.exportState();
  return outcome;
}

/// A module that reads back as it was printed.
void expectRoundTrip(ModuleOp module) {
  std::string text = print(module);
  auto parsed = parseSourceString<ModuleOp>(text, module.getContext());
  ASSERT_TRUE(parsed) << text;
  EXPECT_EQ(print(*parsed), text);
}

TEST_P(Programs, CompiledIsTheReferenceInEveryForm) {
  OwningOpRef<ModuleOp> module = withGradients();
  ASSERT_TRUE(module);
  FuncOp func = functionOf(*module);
  bool hasSingles = false;
  func.walk([&](Operation *op) {
    for (Type type : op->getOperandTypes())
      hasSingles |= cast<RankedTensorType>(type).getElementType().isF32();
  });

  auto compile = [&](const char *cpu, std::vector<std::string> disabled,
                     bool tryText) -> Result<CheckedProgram> {
    OwningOpRef<ModuleOp> clone(module->clone());
    PipelineOptions options;
    options.target = *resolveTarget(cpu);
    options.disabledPasses = std::move(disabled);
    options.verify = true;
    if (tryText)
      options.afterPhase = [](Phase, ModuleOp m) { expectRoundTrip(m); };
    return CheckedProgram::compile(*clone, options, GetParam());
  };
  auto compiled = compile("native", {}, true);
  ASSERT_TRUE(compiled) << compiled.error().message;
  RefState state = compiled->exportState();
  for (auto &[name, x] : program.state)
    ASSERT_TRUE(sameBits(state.at(name), x)) << name;
  Outcome got = call(*compiled, program.inputs);

  Outcome want{{}, state};
  auto results = evaluateFunction(func, program.inputs, want.state);
  ASSERT_TRUE(succeeded(results));
  want.results = std::move(*results);
  Outcome rounded = runRounded(func, program.inputs, state);
  for (size_t i = 0; i < want.results.size(); ++i) {
    SCOPED_TRACE("result " + std::to_string(i));
    expectClose(got.results[i], want.results[i], rounded.results[i],
                hasSingles);
  }
  for (auto &[name, x] : want.state) {
    SCOPED_TRACE("new " + name);
    expectClose(got.state.at(name), x, rounded.state.at(name), hasSingles,
                scaleOf(state.at(name)));
  }

  for (int threads : {1, 3}) {
    SCOPED_TRACE(std::to_string(threads) + " threads");
    ASSERT_TRUE(compiled->start(GetParam(), threads));
    expectSameBits(call(*compiled, program.inputs), got);
  }
  struct Form {
    const char *cpu;
    std::vector<std::string> disabled;
  };
  std::vector<Form> forms = {{"native", {"fuse"}},
                             {"native", {"choose-layouts"}},
                             {"native", {"recompute"}},
                             {"native", {"lay-out-buffers"}},
                             {"native", {"divide-by-constant"}}};
  for (const char *cpu : {"x86-64-v3", "x86-64-v4"})
    if (varve_cpu_supports(cpu) && resolveTarget("native")->level != cpu)
      forms.push_back({cpu, {}});
  for (const Form &form : forms) {
    SCOPED_TRACE(form.disabled.empty() ? form.cpu
                                       : "without " + form.disabled[0]);
    auto other = compile(form.cpu, form.disabled, false);
    ASSERT_TRUE(other) << other.error().message;
    expectSameBits(call(*other, program.inputs), got);
  }
}

// Sums and products in the numeric contract's order, element by element in the
// elements' own type: the bits, of gradients too.
class ExactPrograms : public Programs {
protected:
  ExactPrograms() : Programs(/*exact=*/true) {}
};

TEST_P(ExactPrograms, AreBitForBitTheContract) {
  OwningOpRef<ModuleOp> module = withGradients();
  ASSERT_TRUE(module);
  OwningOpRef<ModuleOp> clone(module->clone());
  PipelineOptions options;
  options.target = *resolveTarget("native");
  options.verify = true;
  auto compiled = CheckedProgram::compile(*clone, options, GetParam());
  ASSERT_TRUE(compiled) << compiled.error().message;
  Outcome want{{}, compiled->exportState()};
  auto results =
      evaluateContract(functionOf(*module), program.inputs, want.state);
  ASSERT_TRUE(succeeded(results));
  want.results = std::move(*results);
  expectSameBits(call(*compiled, program.inputs), want);
}

class Contract : public ::testing::Test {
protected:
  Contract() : context(registry(), MLIRContext::Threading::DISABLED) {
    context.loadAllAvailableDialects();
  }
  static DialectRegistry registry() {
    DialectRegistry all;
    registerAllDialects(all);
    return all;
  }

  /// The function of the text, held to the contract on random inputs, or on
  /// inputs that are all `value`.
  void check(StringRef text, std::optional<double> value = {}) {
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    OwningOpRef<ModuleOp> clone(module->clone());
    PipelineOptions options;
    options.target = *resolveTarget("native");
    options.verify = true;
    auto compiled = CheckedProgram::compile(*clone, options, 1);
    ASSERT_TRUE(compiled) << compiled.error().message;
    inputs = compiled->makeInputs(functionOf(*module), 1);
    for (RefTensor &x : inputs)
      if (value)
        std::fill(x.f.begin(), x.f.end(), *value);
    auto results = evaluateContract(functionOf(*module), inputs, want.state);
    ASSERT_TRUE(succeeded(results));
    want.results = std::move(*results);
    expectSameBits(call(*compiled, inputs), want);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  SmallVector<RefTensor> inputs;
  Outcome want;
};

// Of a sum of zeros, along lanes and across them.
TEST_F(Contract, SignsOfZeros) {
  check(R"(
varve.program @zeros {
  varve.func @step(%x: tensor<17x40x20xf32> {name = "x", kind = "input"},
                   %y: tensor<5000xf32> {name = "y", kind = "input"})
      -> ({name = "a", kind = "output"}, {name = "b", kind = "output"},
          {name = "c", kind = "output"}, {name = "d", kind = "output"}) {
    %a = varve.sum %x {axis = array<i64: 0>} : tensor<17x40x20xf32> -> tensor<40x20xf32>
    %b = varve.sum %x {axis = array<i64: 2>} : tensor<17x40x20xf32> -> tensor<17x40xf32>
    %c = varve.sum %x {axis = array<i64: 0, 1, 2>} : tensor<17x40x20xf32> -> tensor<f32>
    %d = varve.sum %y {axis = array<i64: 0>} : tensor<5000xf32> -> tensor<f32>
    varve.return %a, %b, %c, %d : tensor<40x20xf32>, tensor<17x40xf32>, tensor<f32>, tensor<f32>
  }
})",
        -0.0);
  for (const RefTensor &x : want.results)
    EXPECT_TRUE(std::signbit(x.f[0]));
}

TEST_F(Contract, SignOfWhatRoundsToZero) {
  check(R"(
varve.program @zeros {
  varve.func @step(%x: tensor<20xf64> {name = "x", kind = "input"})
      -> ({name = "a", kind = "output"}) {
    %a = varve.round %x : tensor<20xf64>
    varve.return %a : tensor<20xf64>
  }
})",
        -0.3);
}

// Longer than a chunk of 512 products or 4096 terms, along either axis.
TEST_F(Contract, LongChains) {
  check(R"(
varve.program @long {
  varve.func @step(%x: tensor<3x1100xf32> {name = "x", kind = "input"},
                   %y: tensor<1100x5xf32> {name = "y", kind = "input"},
                   %z: tensor<9000x2xf32> {name = "z", kind = "input"},
                   %w: tensor<2x9000xf64> {name = "w", kind = "input"})
      -> ({name = "a", kind = "output"}, {name = "b", kind = "output"},
          {name = "c", kind = "output"}, {name = "d", kind = "output"}) {
    %a = varve.matmul %x, %y : tensor<3x1100xf32>, tensor<1100x5xf32> -> tensor<3x5xf32>
    %b = varve.sum %z {axis = array<i64: 0>} : tensor<9000x2xf32> -> tensor<2xf32>
    %c = varve.mean %w {axis = array<i64: 1>} : tensor<2x9000xf64> -> tensor<2xf64>
    %d = varve.sum %z {axis = array<i64: 0, 1>} : tensor<9000x2xf32> -> tensor<f32>
    varve.return %a, %b, %c, %d : tensor<3x5xf32>, tensor<2xf32>, tensor<2xf64>, tensor<f32>
  }
})");
  // Another order gives other bits: the test can see one.
  auto plain = evaluateFunction(functionOf(*module), inputs, want.state);
  ASSERT_TRUE(succeeded(plain));
  for (size_t i = 0; i < plain->size(); ++i)
    EXPECT_FALSE(sameBits((*plain)[i], want.results[i])) << i;
}

TEST_P(Programs, ReadAsTheyArePrinted) {
  expectRoundTrip(*program.module);
  OwningOpRef<ModuleOp> module = withGradients();
  ASSERT_TRUE(module);
  expectRoundTrip(*module);
}

// ---- derivatives ----

/// The function as mathematics: values in double of whatever it computes.
class Calculus {
public:
  Calculus(const RandomProgram &program, FuncOp func, uint64_t seed)
      : program(program), func(func), random(seed),
        b(func.getReturn().getLoc(), func.getReturn()) {}

  RefTensor drawLike(const RefTensor &x) {
    RefTensor drawn = x;
    for (double &v : drawn.f)
      v = double(int64_t(random() >> 11)) * 0x1p-52 - 1;
    return drawn;
  }
  /// A random value of v's type, that it has in `given`.
  Value drawn(Value v, RefValues &given) {
    auto type = cast<RankedTensorType>(v.getType());
    Value made = ConstantOp::create(b, type, RefTensor(type).toElements());
    given[made] = drawLike(RefTensor(type));
    return made;
  }
  /// The values of `wanted`, in order, some constants and variables given.
  SmallVector<RefTensor> evaluate(ArrayRef<Value> wanted,
                                  const RefValues &given, RefState state) {
    RefValues values;
    unsigned n = func.getNumInputs();
    for (auto [i, x] : llvm::enumerate(program.inputs))
      values[func.getBody().getArgument(i)] = x;
    for (auto [i, use] : llvm::enumerate(func.getUses()))
      values[func.getBody().getArgument(n + i)] =
          state[cast<FlatSymbolRefAttr>(use).getValue().str()];
    for (Operation &op : func.getBody().front().without_terminator()) {
      if (op.getNumResults() && given.count(op.getResult(0))) {
        values[op.getResult(0)] = given.at(op.getResult(0));
        continue;
      }
      SmallVector<RefTensor> operands, results;
      for (Value v : op.getOperands())
        operands.push_back(values.at(v));
      for (Value v : op.getResults())
        results.emplace_back(cast<RankedTensorType>(v.getType()));
      cast<EvaluableOpInterface>(op).evaluate(operands, results);
      for (auto [v, x] : llvm::zip(op.getResults(), results))
        values[v] = x;
    }
    SmallVector<RefTensor> found;
    for (Value v : wanted)
      found.push_back(values.at(v));
    return found;
  }

  const RandomProgram &program;
  FuncOp func;
  std::mt19937_64 random;
  ImplicitLocOpBuilder b;
};

bool isReal(Value v) {
  return isa<FloatType>(cast<RankedTensorType>(v.getType()).getElementType());
}

/// The inner product, and the sum of its terms' sizes.
std::pair<double, double> inner(const RefTensor &x, const RefTensor &y) {
  double sum = 0, size = 0;
  for (size_t e = 0; e < x.f.size(); ++e) {
    sum += x.f[e] * y.f[e];
    size += std::fabs(x.f[e] * y.f[e]);
  }
  return {sum, size};
}

// <J v, w> = <v, J' w>
TEST_P(Programs, TangentsAndGradientsAreAdjoint) {
  FuncOp func = program.function();
  Calculus calculus(program, func, GetParam());
  RefValues given;
  SmallVector<Value> results, wrt, v, w;
  for (Value result : func.getReturn().getValues())
    if (isReal(result) && !isa<BlockArgument>(result) &&
        !llvm::is_contained(results, result))
      results.push_back(result);
  for (Value x : func.getBody().getArguments())
    if (isReal(x))
      wrt.push_back(x);
  for (Value x : wrt)
    v.push_back(calculus.drawn(x, given));
  for (Value y : results)
    w.push_back(calculus.drawn(y, given));
  auto tangents = buildTangents(calculus.b, results, wrt, v);
  ASSERT_TRUE(succeeded(tangents));
  auto gradients = buildGradients(calculus.b, results, w, wrt);
  ASSERT_TRUE(succeeded(gradients));
  ASSERT_TRUE(succeeded(verify(*program.module)));

  double left = 0, right = 0, size = 0;
  auto pushed = calculus.evaluate(*tangents, given, program.state);
  for (auto [y, t] : llvm::zip_equal(w, pushed)) {
    auto [sum, terms] = inner(given.at(y), t);
    left += sum;
    size += terms;
  }
  for (auto [x, g] : llvm::zip_equal(v, *gradients)) {
    if (!g)
      continue;
    auto pulled = calculus.evaluate({g}, given, program.state);
    auto [sum, terms] = inner(given.at(x), pulled[0]);
    right += sum;
    size += terms;
  }
  EXPECT_NEAR(left, right, 1e-9 * size + 1e-12);
}

// Central differences of the loss along a random direction of each parameter,
// of the fourth order. Where steps of h and h / 2 disagree there is a kink near
// by, and nothing is compared.
TEST_P(Programs, GradientsAreTheSlopes) {
  FuncOp func = program.function();
  Calculus calculus(program, func, GetParam());
  Value loss = func.getReturn().getOperand(0);
  SmallVector<Value> wrt;
  for (unsigned i = 0; i < func.getUses().size(); ++i)
    wrt.push_back(func.getBody().getArgument(func.getNumInputs() + i));
  RefValues given;
  Value one = calculus.drawn(loss, given);
  given[one].f[0] = 1;
  auto gradients = buildGradients(calculus.b, {loss}, {one}, wrt);
  ASSERT_TRUE(succeeded(gradients));
  for (auto [i, gradient] : llvm::enumerate(*gradients)) {
    std::string name =
        cast<FlatSymbolRefAttr>(func.getUses()[i]).getValue().str();
    SCOPED_TRACE(name);
    const RefTensor &at = program.state.at(name);
    RefTensor direction = calculus.drawLike(at);
    auto lossAt = [&](double step) {
      RefState moved = program.state;
      for (size_t e = 0; e < at.f.size(); ++e)
        moved[name].f[e] += step * direction.f[e];
      return calculus.evaluate({loss}, given, moved)[0].f[0];
    };
    auto slope = [&](double h) {
      return (8 * (lossAt(h) - lossAt(-h)) - (lossAt(2 * h) - lossAt(-2 * h))) /
             (12 * h);
    };
    double want = slope(1e-4), again = slope(5e-5), got = 0, size = 0;
    if (gradient)
      std::tie(got, size) = inner(
          calculus.evaluate({gradient}, given, program.state)[0], direction);
    if (std::fabs(want - again) > 1e-7 * (1 + size))
      continue;
    EXPECT_NEAR(got, again, 1e-6 * (1 + size));
  }
}

std::string nameOf(const ::testing::TestParamInfo<uint64_t> &info) {
  return std::to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Few, Programs, ::testing::Range<uint64_t>(103, 111),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Few, ExactPrograms,
                         ::testing::Range<uint64_t>(100, 130), nameOf);
INSTANTIATE_TEST_SUITE_P(Slow, ExactPrograms,
                         ::testing::Range<uint64_t>(2000, 2400), nameOf);
INSTANTIATE_TEST_SUITE_P(Slow, Programs, ::testing::Range<uint64_t>(1000, 1200),
                         nameOf);

} // namespace
