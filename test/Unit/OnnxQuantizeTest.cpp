// Models of codes: which weights get which scales, what stays.
#include "Onnx/Quantize.h"
#include <gtest/gtest.h>

using namespace varve;
using namespace varve::onnx;

namespace {

TensorData floats(std::string name, std::vector<int64_t> dims,
                  const std::vector<float> &values) {
  TensorData tensor;
  tensor.name = std::move(name);
  tensor.type = Element::F32;
  tensor.dims = dims;
  tensor.value = Tensor(DType::F32, std::move(dims));
  std::copy(values.begin(), values.end(), tensor.value.as<float>());
  return tensor;
}

Node node(std::string op, std::vector<std::string> inputs, std::string output) {
  Node made;
  made.op = std::move(op);
  made.inputs = std::move(inputs);
  made.outputs = {std::move(output)};
  return made;
}

Model product(const char *op, std::vector<int64_t> dims) {
  Model model;
  model.opsets[""] = 13;
  model.graph.inputs = {{"x", {}}};
  model.graph.outputs = {{"y", {}}};
  model.graph.initializers = {
      floats("w", std::move(dims), {1, -2, 0.5, 4, 0, 3})};
  model.graph.nodes = {node(op, {"x", "w"}, "y")};
  return model;
}

const TensorData &scaleOf(const Model &model, const std::string &name) {
  for (const TensorData &tensor : model.graph.initializers)
    if (tensor.name == name + "_scale")
      return tensor;
  throw std::runtime_error("no scale of " + name);
}

TEST(Quantize, ScalesAreOfOutputChannels) {
  Model model = product("MatMul", {3, 2});
  EXPECT_EQ(tensorsToMeasure(model), std::set<std::string>{"x"});
  auto count = quantize(model, {{"x", {-1, 1.5}}});
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 1);
  const TensorData &columns = scaleOf(model, "w");
  ASSERT_EQ(columns.dims, std::vector<int64_t>{2});
  EXPECT_FLOAT_EQ(columns.value.as<float>()[0], 1 / 127.f);
  EXPECT_FLOAT_EQ(columns.value.as<float>()[1], 4 / 127.f);
  EXPECT_FLOAT_EQ(scaleOf(model, "x").value.as<float>()[0], 2.5f / 255);

  Model rows = product("Gemm", {2, 3});
  rows.graph.nodes[0].attributes["transB"].i = 1;
  ASSERT_TRUE(quantize(rows, {{"x", {0, 1}}}));
  EXPECT_FLOAT_EQ(scaleOf(rows, "w").value.as<float>()[0], 2 / 127.f);
  EXPECT_FLOAT_EQ(scaleOf(rows, "w").value.as<float>()[1], 4 / 127.f);
}

TEST(Quantize, EachTensorOnceAndInOrder) {
  Model model = product("MatMul", {3, 2});
  model.graph.nodes.push_back(node("MatMul", {"x", "w"}, "z"));
  model.graph.nodes.push_back(node("Add", {"y", "z"}, "s"));
  model.graph.outputs[0].name = "s";
  ASSERT_TRUE(quantize(model, {{"x", {0, 1}}}));
  std::vector<std::string> ops;
  for (const Node &each : model.graph.nodes)
    ops.push_back(each.op);
  EXPECT_EQ(ops, (std::vector<std::string>{"QuantizeLinear", "DequantizeLinear",
                                           "DequantizeLinear", "MatMul",
                                           "MatMul", "Add"}));
  // The floats went with the last who read them.
  for (const TensorData &tensor : model.graph.initializers)
    EXPECT_NE(tensor.name, "w");
}

TEST(Quantize, LeavesWhatIsNotOfFloats) {
  Model model = product("MatMul", {3, 2});
  auto count = quantize(model, {});
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, 0);
  EXPECT_EQ(model.graph.nodes.size(), 1u);
  EXPECT_EQ(model.graph.initializers[0].name, "w");
}

TEST(Quantize, RefusesOldOpsets) {
  Model model = product("MatMul", {3, 2});
  model.opsets[""] = 12;
  auto count = quantize(model, {{"x", {0, 1}}});
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().kind, ErrorKind::Unsupported);
}

TEST(Quantize, FoldsTransposesOfWeights) {
  Model model = product("MatMul", {2, 3});
  model.graph.nodes[0].inputs[1] = "t";
  model.graph.nodes.insert(model.graph.nodes.begin(),
                           node("Transpose", {"w"}, "t"));
  foldTransposes(model.graph);
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  const TensorData &t = model.graph.initializers.back();
  EXPECT_EQ(t.dims, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(t.value.as<float>()[1], 4);
  EXPECT_EQ(t.value.as<float>()[2], -2);
}

} // namespace
