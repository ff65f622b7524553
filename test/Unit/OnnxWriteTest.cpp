// Writing ONNX files: weights in the model or in a file beside it, and both or
// none.
#include "Onnx/Read.h"
#include "Onnx/Write.h"
#include "OnnxNet.h"
#include "TemporaryFolder.h"
#include <numeric>

using namespace varve;
using namespace varve::onnx;

namespace {

TensorData floats(const std::string &name, int64_t count, float first) {
  TensorData tensor;
  tensor.name = name;
  tensor.type = Element::F32;
  tensor.dims = {count};
  tensor.value = Tensor(DType::F32, {count});
  float *values = tensor.value.as<float>();
  std::iota(values, values + count, first);
  return tensor;
}

/// 260 and 300 floats are beside a model that has an end; 10 are not.
Model sum() {
  Model model;
  model.opsets[""] = 17;
  model.graph.name = "sum";
  model.graph.initializers = {floats("a", 260, 1), floats("few", 10, 2),
                              floats("b", 300, 3)};
  return model;
}

constexpr WriteOptions outside{0};

std::vector<float> valuesOf(const Model &model, size_t i) {
  const Tensor &value = model.graph.initializers[i].value;
  return {value.as<float>(), value.as<float>() + value.elements()};
}

void expectSame(const Model &got, const Model &want) {
  ASSERT_EQ(got.graph.initializers.size(), want.graph.initializers.size());
  for (size_t i = 0; i < want.graph.initializers.size(); ++i) {
    EXPECT_EQ(got.graph.initializers[i].name, want.graph.initializers[i].name);
    EXPECT_EQ(valuesOf(got, i), valuesOf(want, i));
  }
}

TEST(OnnxWrite, WeightsAreInsideUpToALimit) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeModel(folder / "in.onnx", sum()));
  EXPECT_EQ(folder.entries(), 1u);
  size_t bytes = folder.read("in.onnx").size();
  // What it says of bytes that are not there yet is no more than this.
  ASSERT_TRUE(writeModel(folder / "fits.onnx", sum(), {bytes + 64}));
  EXPECT_EQ(folder.read("fits.onnx"), folder.read("in.onnx"));
  ASSERT_TRUE(writeModel(folder / "large.onnx", sum(), {bytes - 1}));
  EXPECT_TRUE(std::filesystem::exists(folder / "large.onnx.data"));
}

TEST(OnnxWrite, ExternalDataAreRead) {
  TemporaryFolder folder;
  std::string path = folder / "out.onnx";
  ASSERT_TRUE(writeModel(path, sum(), outside));
  std::string data = folder.read("out.onnx.data");
  // The second begins at a multiple of 64 bytes.
  EXPECT_EQ(data.size(), 1088 + 4 * 300u);
  EXPECT_LT(folder.read("out.onnx").size(), 500u);
  auto read = readModel(path);
  ASSERT_TRUE(read) << read.error().message;
  expectSame(*read, sum());
  EXPECT_EQ(read->files.size(), 2u);
}

TEST(OnnxWrite, ReplacedWeightsGoWhereTheyAreAsked) {
  TemporaryFolder folder;
  Model want = sum();
  std::string in = folder / "in.onnx", out = folder / "out.onnx";
  ASSERT_TRUE(writeModel(in, want));
  want.graph.initializers[2] = floats("b", 300, -7);
  std::map<std::string, Tensor> weights = {
      {"b", want.graph.initializers[2].value}};
  ASSERT_TRUE(replaceWeights(in, weights, out, outside));
  expectSame(*readModel(out), want);
  EXPECT_EQ(folder.read("out.onnx.data").size(), 1088 + 4 * 300u);
  // From data beside the model, onto itself, and back inside.
  want.graph.initializers[0] = floats("a", 260, -9);
  weights = {{"a", want.graph.initializers[0].value}};
  ASSERT_TRUE(replaceWeights(out, weights, out, outside));
  expectSame(*readModel(out), want);
  ASSERT_TRUE(replaceWeights(out, {}, in));
  std::filesystem::remove(folder / "out.onnx.data");
  expectSame(*readModel(in), want);
}

TEST(OnnxWrite, NeitherFileIsTouchedByAFailure) {
  TemporaryFolder folder;
  std::string path = folder / "out.onnx";
  ASSERT_TRUE(writeModel(path, sum(), outside));
  std::string model = folder.read("out.onnx");
  std::string data = folder.read("out.onnx.data");
  // A name that is a folder's can be no file's.
  std::filesystem::create_directory(folder / "to.onnx");
  EXPECT_FALSE(writeModel(folder / "to.onnx", sum(), outside));
  EXPECT_FALSE(std::filesystem::exists(folder / "to.onnx.data"));
  std::filesystem::create_directory(folder / "two.onnx.data");
  EXPECT_FALSE(writeModel(folder / "two.onnx", sum(), outside));
  EXPECT_FALSE(std::filesystem::exists(folder / "two.onnx"));
  // Its weights are gone, and it writes onto itself.
  std::filesystem::resize_file(folder / "out.onnx.data", 100);
  EXPECT_FALSE(replaceWeights(path, {}, path, outside));
  EXPECT_EQ(folder.read("out.onnx"), model);
  EXPECT_EQ(folder.read("out.onnx.data"), data.substr(0, 100));
}

} // namespace
