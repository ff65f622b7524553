// Programs at the edge: state that is exchanged, rearranged in place, only
// written; functions without state, inputs or work; rank 0 throughout. Compiled
// code against the reference interpreter.
#include "Compiler/CheckedProgram.h"
#include "mlir/Parser/Parser.h"
#include "varve/InitAll.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace varve;

namespace {

struct Edge {
  const char *name;
  const char *text; ///< inside varve.program
};

void PrintTo(const Edge &edge, std::ostream *os) { *os << edge.name; }

/// State @a, @b, @c, matrices of one shape.
#define MATRICES                                                               \
  "varve.state @a : tensor<70x70xf32> {role = \"param\", init = \"uniform\", " \
  "a = -1.0, b = 1.0}\n"                                                       \
  "varve.state @b : tensor<70x70xf32> {role = \"param\", init = \"uniform\", " \
  "a = -1.0, b = 1.0}\n"                                                       \
  "varve.state @c : tensor<70x70xf32> {role = \"param\", init = \"uniform\", " \
  "a = -1.0, b = 1.0}\n"                                                       \
  "varve.func @step(%x: tensor<70x70xf32> {name = \"x\", kind = \"input\"})\n" \
  "uses(%a = @a: tensor<70x70xf32>, %b = @b: tensor<70x70xf32>, "              \
  "%c = @c: tensor<70x70xf32>) -> ("
#define OUTPUT(name) "{name = \"" name "\", kind = \"output\"}"
#define M "tensor<70x70xf32>"

const Edge edges[] = {
    {"Swapped", MATRICES ") updates(@a, @b) {\n"
                         "varve.return %b, %a : " M ", " M "\n}"},
    {"Rotated", MATRICES ") updates(@a, @b, @c) {\n"
                         "varve.return %b, %c, %a : " M ", " M ", " M "\n}"},
    {"EachFromTheOther", MATRICES ") updates(@a, @b) {\n"
                                  "%0 = varve.add %b, %x : " M "\n"
                                  "%1 = varve.mul %a, %x : " M "\n"
                                  "varve.return %0, %1 : " M ", " M "\n}"},
    {"OldReadAfterNew",
     MATRICES OUTPUT("y") ") updates(@a, @b) {\n"
                          "%0 = varve.matmul %b, %x : " M ", " M " -> " M "\n"
                          "%1 = varve.mul %0, %a : " M "\n"
                          "%2 = varve.matmul %1, %a : " M ", " M " -> " M "\n"
                          "varve.return %2, %0, %2 : " M ", " M ", " M "\n}"},
    {"TransposedInPlace", MATRICES ") updates(@a) {\n"
                                   "%0 = varve.transpose %a : " M " -> " M "\n"
                                   "varve.return %0 : " M "\n}"},
    {"TransposedAndAddedInPlace",
     MATRICES ") updates(@a) {\n"
              "%0 = varve.transpose %a : " M " -> " M "\n"
              "%1 = varve.add %0, %a : " M "\n"
              "varve.return %1 : " M "\n}"},
    {"MultipliedInPlace",
     MATRICES ") updates(@a) {\n"
              "%0 = varve.matmul %a, %a : " M ", " M " -> " M "\n"
              "varve.return %0 : " M "\n}"},
    {"MultipliedFromTheLeftInPlace",
     MATRICES ") updates(@a) {\n"
              "%0 = varve.matmul %x, %a : " M ", " M " -> " M "\n"
              "%1 = varve.sub %a, %0 : " M "\n"
              "varve.return %1 : " M "\n}"},
    {"NormalizedInPlace",
     MATRICES ") updates(@a, @b) {\n"
              "%0 = varve.softmax %a {axis = 0 : i64} : " M "\n"
              "%1 = varve.cumsum %b {axis = 1 : i64} : " M "\n"
              "varve.return %0, %1 : " M ", " M "\n}"},
    {"FlippedAndCutInPlace", MATRICES
     ") updates(@a, @b) {\n"
     "%0 = varve.flip %a {axis = array<i64: 0>} : " M "\n"
     "%1 = varve.slice %b {begin = array<i64: 3, 0>, end = array<i64: 70, 70>, "
     "step = array<i64: 1, 1>} : " M " -> tensor<67x70xf32>\n"
     "%2 = varve.pad %1 {before = array<i64: 0, 0>, after = array<i64: 3, 0>} "
     ": tensor<67x70xf32> -> " M "\n"
     "varve.return %0, %2 : " M ", " M "\n}"},
    {"BroadcastOfOwnRowInPlace",
     MATRICES ") updates(@a) {\n"
              "%0 = varve.slice %a {begin = array<i64: 4, 0>, end = array<i64: "
              "5, 70>, step = array<i64: 1, 1>} : " M " -> tensor<1x70xf32>\n"
              "%1 = varve.broadcast %0 {shape = array<i64: 70, 70>} : "
              "tensor<1x70xf32> -> " M "\n"
              "%2 = varve.add %1, %a : " M "\n"
              "varve.return %2 : " M "\n}"},
    {"StoredOften",
     MATRICES OUTPUT("p") ", " OUTPUT("q") ", " OUTPUT("r") ", " OUTPUT(
         "s") ") updates(@a, @b, @c) {\n"
              "%0 = varve.tanh %x : " M "\n"
              "varve.return %0, %0, %x, %a, %0, %a, %x : " M ", " M ", " M
              ", " M ", " M ", " M ", " M "\n}"},
    {"OldAndNewAreResults",
     MATRICES OUTPUT("old") ", " OUTPUT("new") ") updates(@a) {\n"
                                               "%0 = varve.add %a, %x : " M "\n"
                                               "varve.return %a, %0, %0 : " M
                                               ", " M ", " M "\n}"},
    {"OnlyWritten",
     "varve.state @s : tensor<5xf32> {role = \"running\"}\n"
     "varve.func @step(%x: tensor<5xf32> {name = \"x\", kind = \"input\"}) -> "
     "() updates(@s) {\n"
     "varve.return %x : tensor<5xf32>\n}"},
    {"WithoutState",
     "varve.func @step(%x: tensor<5xf32> {name = \"x\", kind = \"input\"}) "
     "-> (" OUTPUT("y") ") {\n"
                        "varve.return %x : tensor<5xf32>\n}"},
    {"WithoutInputs",
     "varve.func @step() -> (" OUTPUT(
         "y") ") {\n"
              "%0 = varve.constant dense<[1.0, 2.0]> : tensor<2xf32>\n"
              "varve.return %0 : tensor<2xf32>\n}"},
    {"WithoutAnything", "varve.func @step() -> () {\nvarve.return\n}"},
    {"OfRankZero",
     "varve.state @s : tensor<f32> {role = \"param\", init = \"uniform\", "
     "a = 0.5, b = 1.0}\n"
     "varve.state @n : tensor<i64> {role = \"counter\"}\n"
     "varve.func @step(%x: tensor<f32> {name = \"x\", kind = \"input\"}) "
     "uses(%s = @s: tensor<f32>, %n = @n: tensor<i64>) -> (" OUTPUT(
         "y") ") updates(@s, @n) {\n"
              "%0 = varve.mul %s, %x : tensor<f32>\n"
              "%1 = varve.sum %0 {axis = array<i64>} : tensor<f32> -> "
              "tensor<f32>\n"
              "%2 = varve.exp %1 : tensor<f32>\n"
              "%3 = varve.add %n, %n : tensor<i64>\n"
              "varve.return %2, %1, %3 : tensor<f32>, tensor<f32>, "
              "tensor<i64>\n}"},
};

class Edges : public ::testing::TestWithParam<Edge> {};

TEST_P(Edges, AreTheReference) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = parseSourceString<ModuleOp>(
      "varve.program @edge {\n" + std::string(GetParam().text) + "\n}",
      &context);
  ASSERT_TRUE(module);
  ProgramOp program = *module->getOps<ProgramOp>().begin();
  FuncOp func = *program.getOps<FuncOp>().begin();
  for (std::vector<std::string> disabled :
       {std::vector<std::string>{}, std::vector<std::string>{"fuse"}}) {
    PipelineOptions options;
    options.target = *resolveTarget("native");
    options.verify = true;
    options.disabledPasses = disabled;
    OwningOpRef<ModuleOp> clone(module->clone());
    auto compiled = CheckedProgram::compile(*clone, options, 1);
    ASSERT_TRUE(compiled) << compiled.error().message;
    auto inputs = compiled->makeInputs(func, 1);
    for (int threads = 1; threads <= 3; ++threads) {
      ASSERT_TRUE(compiled->start(1, threads));
      RefState want = compiled->exportState();
      auto results = evaluateFunction(func, inputs, want);
      ASSERT_TRUE(succeeded(results));
      auto got = compiled->call(inputs);
      RefState state = compiled->exportState();
      auto expectClose = [&](const RefTensor &x, const RefTensor &y) {
        EXPECT_EQ(x.i, y.i);
        ASSERT_EQ(x.f.size(), y.f.size());
        for (size_t e = 0; e < x.f.size(); ++e)
          ASSERT_NEAR(x.f[e], y.f[e], 1e-5 * (1 + std::fabs(y.f[e])))
              << "element " << e;
      };
      for (size_t i = 0; i < got.size(); ++i) {
        SCOPED_TRACE("result " + std::to_string(i));
        expectClose(got[i], (*results)[i]);
      }
      for (auto &[name, x] : want) {
        SCOPED_TRACE("new " + name);
        expectClose(state.at(name), x);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Property, Edges, ::testing::ValuesIn(edges),
                         [](auto &info) { return info.param.name; });

} // namespace
