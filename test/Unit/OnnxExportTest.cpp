// Graphs of exported functions: their forms, their interfaces, what is refused.
// Values are compared with ONNX Runtime's in test/Onnx/export.py.
#include "Onnx/Export.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace varve;
using namespace varve::onnx;

namespace {

struct Exported {
  /// The body of a program.
  explicit Exported(const std::string &body,
                    std::map<std::string, Tensor> values = {}) {
    context.loadDialect<VarveDialect>();
    auto module = parseSourceString<ModuleOp>(
        "varve.program @net {\n" + body + "\n}", &context);
    if (!module) {
      ADD_FAILURE() << "the program is no program";
      return;
    }
    ProgramOp program = *module->getOps<ProgramOp>().begin();
    Result<Model> result = exportProgram(program, {"net.mlir", values});
    if (result)
      model = std::move(*result);
    else
      error = result.error();
  }

  std::string operators() const {
    return llvm::join(llvm::map_range(model.graph.nodes,
                                      [](const Node &node) { return node.op; }),
                      " ");
  }
  static std::string namesOf(const std::vector<ValueInfo> &list) {
    return llvm::join(
        llvm::map_range(list, [](const ValueInfo &info) { return info.name; }),
        " ");
  }
  std::string inputs() const { return namesOf(model.graph.inputs); }
  std::string outputs() const { return namesOf(model.graph.outputs); }
  std::string initializers() const {
    std::string all;
    for (const TensorData &tensor : model.graph.initializers)
      if (!StringRef(tensor.name).starts_with("constant"))
        all += (all.empty() ? "" : " ") + tensor.name;
    return all;
  }

  MLIRContext context;
  Model model;
  Error error{""};
};

std::string infer(const std::string &inputs, const std::string &body,
                  const std::string &results = "{kind = \"output\", name = "
                                               "\"y\"}") {
  return "varve.func @infer(" + inputs + ") -> (" + results + ") {\n" + body +
         "\n}";
}

const char *const x = "%x: tensor<2x3xf32> {kind = \"input\", name = \"x\"}";

// ---- forms ----

// Elementwise operators repeat by themselves, along the last axes and along
// axes of size 1; others want whole operands.
TEST(OnnxExport, RepetitionIsTheOperators) {
  Exported last(infer(
      std::string(x) + ", %b: tensor<3xf32> {kind = \"input\", name = \"b\"}",
      R"(
    %r = varve.broadcast %b {shape = array<i64: 2, 3>} : tensor<3xf32> -> tensor<2x3xf32>
    %y = varve.add %x, %r : tensor<2x3xf32>
    varve.return %y : tensor<2x3xf32>)"));
  ASSERT_EQ(last.operators(), "Add") << last.error.message;
  EXPECT_EQ(last.model.graph.nodes[0].inputs,
            (std::vector<std::string>{"x", "b"}));
  EXPECT_EQ(last.model.graph.nodes[0].outputs, std::vector<std::string>{"y"});

  Exported first(infer(
      std::string(x) + ", %b: tensor<2xf32> {kind = \"input\", name = \"b\"}",
      R"(
    %r = varve.broadcast %b {shape = array<i64: 2, 3>, axis = array<i64: 0>} : tensor<2xf32> -> tensor<2x3xf32>
    %s = varve.add %x, %r : tensor<2x3xf32>
    %y = varve.concat %s, %r {axis = 0 : i64} : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<4x3xf32>
    varve.return %y : tensor<4x3xf32>)"));
  EXPECT_EQ(first.operators(), "Reshape Add Expand Concat")
      << first.error.message;
}

TEST(OnnxExport, ConstantsAreNumbers) {
  Exported net(infer(x, R"(
    %c = varve.constant dense<2.0> : tensor<2x3xf32>
    %y = varve.mul %x, %c : tensor<2x3xf32>
    varve.return %y : tensor<2x3xf32>)"));
  ASSERT_EQ(net.operators(), "Mul") << net.error.message;
  ASSERT_EQ(net.model.graph.initializers.size(), 1u);
  EXPECT_TRUE(net.model.graph.initializers[0].dims.empty());
}

// ONNX counts a pool's index in the whole tensor; the gradient takes it so.
TEST(OnnxExport, PoolsAndTheirGradientsShareAnIndex) {
  Exported net(
      infer("%x: tensor<1x1x4x4xf32> {kind = \"input\", name = \"x\"}", R"(
    %p, %i = varve.max_pool %x {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<1x1x4x4xf32> -> tensor<1x1x2x2xf32>, tensor<1x1x2x2xi32>
    %y = varve.max_unpool %p, %i {size = array<i64: 4, 4>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<1x1x2x2xf32>, tensor<1x1x2x2xi32> -> tensor<1x1x4x4xf32>
    varve.return %y : tensor<1x1x4x4xf32>)"));
  EXPECT_EQ(net.operators(),
            "MaxPool Reshape Expand Reshape ScatterElements Reshape")
      << net.error.message;
}

// What has no entry becomes simpler operations first.
TEST(OnnxExport, LossesAreLowered) {
  Exported net(infer(std::string(x) +
                         ", %t: tensor<2x3xf32> {kind = \"input\", name = "
                         "\"t\"}",
                     R"(
    %y = varve.mean_squared_error %x, %t : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<f32>
    varve.return %y : tensor<f32>)"));
  EXPECT_EQ(net.operators(), "Sub Mul ReduceMean") << net.error.message;
}

// ---- interfaces ----

const char *const step = R"(
  varve.state @w : tensor<2xf32> {role = "param"}
  varve.func @train_step(%d: tensor<?x2xf32> {kind = "field", name = "d"},
      %i: tensor<1xi64> {kind = "indices", name = "indices"},
      %lr: tensor<f32> {kind = "hyper", name = "optimizer.lr", default = 0.5 : f64})
      uses(%w = @w: tensor<2xf32>) -> ({kind = "loss", name = "loss"}) updates(@w) {
    %b = varve.gather %d, %i : tensor<?x2xf32>, tensor<1xi64> -> tensor<1x2xf32>
    %g = varve.reshape %b {shape = array<i64: 2>} : tensor<1x2xf32> -> tensor<2xf32>
    %r = varve.broadcast %lr {shape = array<i64: 2>} : tensor<f32> -> tensor<2xf32>
    %s = varve.mul %r, %g : tensor<2xf32>
    %n = varve.sub %w, %s : tensor<2xf32>
    %l = varve.sum %n {axis = array<i64: 0>} : tensor<2xf32> -> tensor<f32>
    varve.return %l, %n : tensor<f32>, tensor<2xf32>
  })";

TEST(OnnxExport, StepsTakeAndGiveState) {
  Exported net(step);
  ASSERT_EQ(net.error.message, "");
  EXPECT_EQ(net.inputs(), "d indices optimizer.lr w");
  EXPECT_EQ(net.outputs(), "loss w:next");
  EXPECT_EQ(net.initializers(), "optimizer.lr");
  const auto &shape = *net.model.graph.inputs[0].type.shape;
  EXPECT_EQ(shape[0].name, "samples");
  EXPECT_EQ(shape[1].size, 2);

  Exported given(step, {{"w", Tensor(DType::F32, {2})}});
  EXPECT_EQ(given.inputs(), "d indices optimizer.lr w");
  EXPECT_EQ(given.initializers(), "optimizer.lr w");
}

TEST(OnnxExport, WeightsAreInitializersOrInputs) {
  std::string body = R"(
  varve.state @w : tensor<2xf32> {role = "param"}
  varve.func @infer(%x: tensor<2xf32> {kind = "input", name = "x"}) uses(%w = @w: tensor<2xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "same"}) {
    varve.return %w, %w : tensor<2xf32>, tensor<2xf32>
  })";
  EXPECT_EQ(Exported(body).inputs(), "x w");
  Exported given(body, {{"w", Tensor(DType::F32, {2})}});
  EXPECT_EQ(given.inputs(), "x");
  EXPECT_EQ(given.initializers(), "w");
  EXPECT_EQ(given.operators(), "Identity Identity");
}

// ---- what is refused ----

TEST(OnnxExport, RefusesAllAtOnce) {
  Exported net(infer("%x: tensor<2xui64> {kind = \"input\", name = \"x\"}", R"(
    %a = varve.compare "lt" %x, %x : tensor<2xui64>
    %b = varve.maximum %x, %x : tensor<2xui64>
    varve.return %a, %b : tensor<2xi1>, tensor<2xui64>)",
                     "{kind = \"output\", name = \"a\"}, {kind = \"output\", "
                     "name = \"b\"}"));
  EXPECT_EQ(net.error.kind, ErrorKind::Unsupported);
  EXPECT_EQ(net.error.message,
            "net.mlir: error: operation 'compare' of u64 has no exact form in "
            "ONNX\nnet.mlir: error: operation 'maximum' of u64 has no exact "
            "form in ONNX");
}

TEST(OnnxExport, RefusesNamesThatMeet) {
  Exported net(infer(x, "varve.return %x : tensor<2x3xf32>",
                     "{kind = \"output\", name = \"x\"}"));
  EXPECT_EQ(net.error.message, "net.mlir: error: output 'x' has the name of "
                               "another value of the graph");
}

} // namespace
