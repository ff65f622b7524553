// Reading ONNX files: every packing of elements, and what contradicts itself.
#include "Onnx/Read.h"
#include "OnnxNet.h"
#include <sys/stat.h>

using namespace varve;
using namespace varve::test;
using onnx::Element;

namespace {

onnx::TensorData parse(const pb::Tensor &tensor) {
  onnx::TypeInfo type;
  type.kind = onnx::TypeInfo::Kind::Tensor;
  auto value = onnx::parseValue(tensor.SerializeAsString(), type, "x");
  EXPECT_TRUE(value) << value.error().message;
  return value ? value->tensor : onnx::TensorData();
}

std::string failure(const pb::Tensor &tensor) {
  auto value = onnx::parseValue(tensor.SerializeAsString(), {}, "x");
  return value ? "" : value.error().message;
}

pb::Tensor raw(int type, Sizes dims, const std::string &bytes) {
  pb::Tensor tensor;
  tensor.set_data_type(type);
  for (int64_t size : dims)
    tensor.add_dims(size);
  tensor.set_raw_data(bytes);
  return tensor;
}

TEST(OnnxRead, UnpacksFourBits) {
  // Low nibble first; the last byte is half used.
  auto tensor = parse(raw(22, {3}, std::string("\x7f\x08", 2)));
  ASSERT_EQ(tensor.value.data.size(), 3u);
  EXPECT_EQ(tensor.value.as<int8_t>()[0], -1);
  EXPECT_EQ(tensor.value.as<int8_t>()[1], 7);
  EXPECT_EQ(tensor.value.as<int8_t>()[2], -8);
  auto unsignedOne = parse(raw(21, {2}, "\x3c"));
  EXPECT_EQ(unsignedOne.value.as<uint8_t>()[0], 12);
  EXPECT_EQ(unsignedOne.value.as<uint8_t>()[1], 3);
}

TEST(OnnxRead, UnpacksTwoBits) {
  auto tensor = parse(raw(26, {4}, "\xe4")); // 11 10 01 00
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(tensor.value.as<int8_t>()[i], i < 2 ? i : i - 4) << i;
}

TEST(OnnxRead, TakesTypedFields) {
  pb::Tensor half;
  half.set_data_type(10);
  half.add_dims(2);
  half.add_int32_data(0x3c00);
  half.add_int32_data(0xc000);
  auto tensor = parse(half);
  EXPECT_EQ(tensor.value.as<uint16_t>()[1], 0xc000);
  auto f = parse(floats("", {2}, {1.5f, -2}));
  EXPECT_EQ(f.value.as<float>()[1], -2);
  auto i = parse(ints("", {}, {int64_t(1) << 40}));
  EXPECT_EQ(i.value.as<int64_t>()[0], int64_t(1) << 40);
}

TEST(OnnxRead, WritesWhatItReads) {
  for (const pb::Tensor &tensor :
       {raw(22, {3}, std::string("\x7f\x08", 2)), raw(26, {4}, "\xe4"),
        raw(1, {0, 3}, ""), raw(14, {1}, std::string(8, '\1'))}) {
    onnx::TypeInfo type;
    type.kind = onnx::TypeInfo::Kind::Tensor;
    auto value = onnx::parseValue(tensor.SerializeAsString(), type, "x");
    ASSERT_TRUE(value) << value.error().message;
    pb::Tensor again;
    ASSERT_TRUE(again.ParseFromString(onnx::serializeValue(*value, "x")));
    EXPECT_EQ(again.raw_data(), tensor.raw_data());
    EXPECT_EQ(again.data_type(), tensor.data_type());
  }
}

TEST(OnnxRead, RefusesSizesThatTheFileDoesNotFill) {
  EXPECT_EQ(failure(raw(1, {int64_t(1) << 31, 5}, "1234")),
            "x: the tensor is f32[2147483648, 5], but has data of 4 bytes, "
            "not 42949672960");
  EXPECT_NE(failure(raw(1, {int64_t(1) << 40, int64_t(1) << 40}, "")), "");
  EXPECT_NE(failure(raw(1, {-1}, "")), "");
  EXPECT_NE(failure(floats("", {3}, {1, 2})), "");
  EXPECT_EQ(failure(raw(99, {1}, "1")),
            "x: the tensor has elements of unknown type 99");
}

struct External : testing::Test {
  std::string folder = scratch();
  Net net;

  std::string failureAt(const std::string &location, int64_t offset = 0,
                        int64_t size = 2) {
    return failureOf(
        {{"location", location}, {"offset", std::to_string(offset)}}, size);
  }
  std::string
  failureOf(const std::vector<std::pair<std::string, std::string>> &entries,
            int64_t size = 2) {
    net.model.mutable_graph()->clear_initializer();
    pb::Tensor tensor;
    tensor.set_name("w");
    tensor.set_data_type(1);
    tensor.add_dims(size);
    tensor.set_data_location(1);
    for (const auto &[key, value] : entries) {
      auto *entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    net.weight(tensor);
    auto model = onnx::readModel(net.write());
    if (model)
      read = model->graph.initializers[0];
    return model ? "" : model.error().message;
  }
  onnx::TensorData read;
};

TEST_F(External, IsRead) {
  writeBytes(folder + "/w.bin", std::string("....\0\0\x80\x3f\0\0\0\x40", 12));
  EXPECT_EQ(failureAt("w.bin", 4), "");
  EXPECT_EQ(read.value.as<float>()[1], 2);
}

TEST_F(External, StaysInTheFolder) {
  writeBytes(folder + "/../outside.bin", std::string(8, '\0'));
  const char *said = "which is not in the model's folder";
  for (std::string path : {"../outside.bin", "/etc/passwd", "", "a/../../x"})
    EXPECT_NE(failureAt(path).find(said), std::string::npos) << path;
}

TEST_F(External, FollowsNoLinkOut) {
  writeBytes(folder + "/../outside.bin", std::string(8, '\0'));
  std::filesystem::remove(folder + "/link.bin");
  std::filesystem::create_symlink("../outside.bin", folder + "/link.bin");
  const char *said = "which is not in the model's folder";
  EXPECT_NE(failureAt("link.bin").find(said), std::string::npos);
}

TEST_F(External, IsLongEnough) {
  writeBytes(folder + "/w.bin", std::string(12, '\0'));
  EXPECT_NE(failureAt("w.bin", 5).find("has 12 bytes, not 8 at 5"),
            std::string::npos);
}

/// 10 GB are claimed, and not allocated.
TEST_F(External, HasWhatIsClaimed) {
  writeBytes(folder + "/w.bin", std::string(12, '\0'));
  EXPECT_NE(failureAt("w.bin", 0, 2500000000)
                .find("has 12 bytes, not 10000000000 at 0"),
            std::string::npos);
  EXPECT_NE(failureOf({{"location", "w.bin"}, {"length", "12"}})
                .find("its external data have 12 bytes, not 8"),
            std::string::npos);
}

TEST_F(External, IsAFileThatIsThere) {
  EXPECT_NE(failureAt("none.bin"), "");
  EXPECT_NE(failureAt("."), "");
  std::string pipe = folder + "/pipe";
  std::filesystem::remove(pipe);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(failureAt("pipe"), "");
}

TEST_F(External, HasNumbersThatAreSome) {
  writeBytes(folder + "/w.bin", std::string(12, '\0'));
  for (const char *offset : {"-4", "4x", "", "99999999999999999999"})
    EXPECT_NE(failureOf({{"location", "w.bin"}, {"offset", offset}})
                  .find("the offset of its external data is '"),
              std::string::npos)
        << offset;
  EXPECT_NE(
      failureOf({{"location", "w.bin"}, {"offset", "18446744073709551615"}}),
      "");
}

/// Messages inside messages: the reader goes as deep, and no deeper.
TEST(OnnxRead, RefusesGraphsThatAreNestedTooDeep) {
  Net net;
  pb::Graph *graph = net.model.mutable_graph();
  for (int i = 0; i < 10000; ++i) {
    auto *attribute = graph->add_node()->add_attribute();
    attribute->set_type(5);
    graph = attribute->mutable_g();
  }
  auto model = onnx::readModel(net.write());
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("this is no ONNX model"),
            std::string::npos);
}

TEST(OnnxRead, RefusesNoGraph) {
  Net net;
  net.model.clear_graph();
  auto model = onnx::readModel(net.write());
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("there is no graph"), std::string::npos);
}

TEST(OnnxRead, RefusesAPartOfAFile) {
  Net net;
  net.weight(floats("w", {100}, std::vector<float>(100, 1)));
  std::string path = net.write(), bytes = net.model.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); size += 7) {
    writeBytes(path, bytes.substr(0, size));
    EXPECT_FALSE(onnx::readModel(path)) << size;
  }
}

TEST(OnnxRead, NamesAreDeclaredOnce) {
  Net weights;
  weights.weight(floats("w", {1}, {1})).weight(floats("w", {1}, {2}));
  auto model = onnx::readModel(weights.write());
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("initializer 'w' is there twice"),
            std::string::npos);
  Net inputs;
  inputs.input("x", {"1"}).input("x", {"2"});
  model = onnx::readModel(inputs.write());
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("input 'x' is there twice"),
            std::string::npos);
}

} // namespace
