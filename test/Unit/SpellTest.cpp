// Branches and loops of a program, spelled as a text and read again: the text
// computes what the program computed, by the reference interpreter.
#include "Language/Spell.h"
#include "ImportHelper.h"
#include "mlir/Parser/Parser.h"
#include "varve/Reference/Reference.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace varve;
using namespace varve::test;

namespace {

/// What a program's one function makes of numbers from 0 on, over 8.
std::vector<RefTensor> valuesOf(ProgramOp program,
                                const SpelledModel &model = {}) {
  FuncOp func = *program.getOps<FuncOp>().begin();
  std::vector<RefTensor> arguments;
  double next = 0;
  for (Value argument :
       func.getBody().getArguments().take_front(func.getNumInputs())) {
    arguments.emplace_back(llvm::cast<RankedTensorType>(argument.getType()));
    for (int64_t e = 0; e < arguments.back().size(); ++e, ++next)
      arguments.back().set(e, {next / 8, int64_t(next)});
  }
  RefState state;
  for (const auto &[name, value] : model.constants)
    state[name] = RefTensor(value);
  auto results = evaluateFunction(func, arguments, state);
  EXPECT_TRUE(succeeded(results));
  return failed(results) ? std::vector<RefTensor>()
                         : std::vector<RefTensor>(results->begin(),
                                                  results->end());
}

/// The text, after it was held to the program.
std::string spelled(const std::string &inputs, const std::string &body,
                    unsigned outputs = 1) {
  MLIRContext context;
  context.loadDialect<VarveDialect>();
  std::string results;
  for (unsigned i = 0; i < outputs; ++i)
    results += (i ? ", " : "") + std::string("{kind = \"output\", name = \"y") +
               std::to_string(i) + "\"}";
  auto module = parseSourceString<ModuleOp>(
      "varve.program @net {\n varve.func @infer(" + inputs + ") -> (" +
          results + ") {\n" + body + "\n}\n}",
      &context);
  EXPECT_TRUE(module);
  if (!module)
    return "";
  ProgramOp program = *module->getOps<ProgramOp>().begin();
  std::vector<RefTensor> want = valuesOf(program);
  Result<SpelledModel> model = spellProgram(program, "net.onnx");
  EXPECT_TRUE(model) << model.error().message;
  if (!model)
    return "";
  Imported again(requestOf(model->text, "infer"));
  EXPECT_TRUE(again.func) << model->text << again.error.message;
  if (!again.func)
    return model->text;
  std::vector<RefTensor> got = valuesOf(again.top, *model);
  EXPECT_EQ(got.size(), want.size());
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    EXPECT_EQ(got[i].shape, want[i].shape);
    EXPECT_EQ(got[i].f, want[i].f) << model->text;
    EXPECT_EQ(got[i].i, want[i].i) << model->text;
  }
  return model->text;
}

const char *const x = "%x: tensor<2x3xf32> {kind = \"input\", name = \"x\"}";
const char *const two = ", %z: tensor<3x4x2xf32> "
                        "{kind = \"input\", name = \"z\"}";

TEST(Spell, BranchesBindWhatIsReadLater) {
  std::string text =
      spelled(std::string(x) +
                  ", %c: tensor<i1> {kind = \"input\", name = \"c\"}",
              R"(
    %s = varve.square %x : tensor<2x3xf32>
    %a, %b = varve.if %c(%s) : tensor<i1>, (tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<f32>) {
    ^bb0(%t: tensor<2x3xf32>):
      %n = varve.neg %t : tensor<2x3xf32>
      %m = varve.sum %n {axis = array<i64: 0, 1>, keepdims = false} : tensor<2x3xf32> -> tensor<f32>
      varve.yield %n, %m : tensor<2x3xf32>, tensor<f32>
    } else {
    ^bb0(%t: tensor<2x3xf32>):
      %m = varve.constant dense<2.0> : tensor<f32>
      varve.yield %t, %m : tensor<2x3xf32>, tensor<f32>
    }
    varve.return %a, %b : tensor<2x3xf32>, tensor<f32>)",
              2);
  EXPECT_NE(text.find("if c {"), std::string::npos) << text;
  EXPECT_NE(text.find("} else {"), std::string::npos) << text;
}

// What is carried changes place: both are read before one is bound.
TEST(Spell, LoopsCarrySeveralAtOnce) {
  std::string text = spelled(x, R"(
    %0 = varve.constant dense<1.0> : tensor<2xf32>
    %1 = varve.constant dense<2.0> : tensor<2xf32>
    %a, %b, %all = varve.scan(%0, %1) over(%x : tensor<2x3xf32>)
        : (tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>) {
    ^bb0(%h: tensor<2xf32>, %g: tensor<2xf32>, %t: tensor<2xf32>):
      %n = varve.add %h, %t : tensor<2xf32>
      varve.yield %g, %n, %h : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
    } attributes {length = 3 : i64, axis = array<i64: 1>, out_axis = array<i64: 1>}
    varve.return %a, %b, %all : tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>)",
                             3);
  EXPECT_NE(text.find("in x along 1 {"), std::string::npos) << text;
}

// One axis and one direction are the language's.
TEST(Spell, LoopsGoAlongOneAxis) {
  for (const char *way : {"", ", reverse"})
    spelled(std::string(x) + two, std::string(R"(
    %0 = varve.constant dense<1.0> : tensor<2xf32>
    %a, %r, %s = varve.scan(%0) over(%x, %z : tensor<2x3xf32>, tensor<3x4x2xf32>)
        : (tensor<2xf32>) -> (tensor<2xf32>, tensor<2x3xf32>, tensor<4x2x3xf32>) {
    ^bb0(%h: tensor<2xf32>, %t: tensor<2xf32>, %u: tensor<4x2xf32>):
      %n = varve.mul %h, %t : tensor<2xf32>
      %m = varve.add %n, %t : tensor<2xf32>
      varve.yield %m, %n, %u : tensor<2xf32>, tensor<2xf32>, tensor<4x2xf32>
    } attributes {length = 3 : i64, axis = array<i64: 1, 0>, out_axis = array<i64: 1, 2>)") +
                                      way + R"(}
    varve.return %a, %r, %s : tensor<2xf32>, tensor<2x3xf32>, tensor<4x2x3xf32>)",
            3);
}

// State is declared where the language takes it: outside. What a region reads
// twice is computed once.
TEST(Spell, RegionsReadWhatIsOutside) {
  std::string text = spelled(x, R"(
    %0 = varve.constant dense<0.0> : tensor<2x3xf32>
    %k = varve.exp %x : tensor<2x3xf32>
    %y = varve.scan(%0) with(%k : tensor<2x3xf32>) : (tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    ^bb0(%h: tensor<2x3xf32>, %c: tensor<2x3xf32>):
      %w = varve.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
      %n = varve.add %h, %w : tensor<2x3xf32>
      %m = varve.mul %n, %c : tensor<2x3xf32>
      %l = varve.add %m, %c : tensor<2x3xf32>
      varve.yield %l : tensor<2x3xf32>
    } attributes {length = 4 : i64, axis = array<i64>, out_axis = array<i64>}
    varve.return %y : tensor<2x3xf32>)");
  EXPECT_LT(text.find("state constant"), text.find("scan ")) << text;
  EXPECT_EQ(text.find("exp("), text.rfind("exp(")) << text;
}

TEST(Spell, NumbersCountAlongAnAxis) {
  for (const char *axis : {"0", "1"})
    spelled(x, "%i = varve.iota {shape = array<i64: 2, 3>, axis = " +
                   std::string(axis) +
                   " : i64, dtype = f32} : tensor<2x3xf32>\n"
                   "%y = varve.add %i, %x : tensor<2x3xf32>\n"
                   "varve.return %y : tensor<2x3xf32>");
}

} // namespace
