// The safetensors format: bytes written by hand are the oracle, both ways.
#include "Support/Safetensors.h"
#include "TemporaryFolder.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace varve;

namespace {

std::string file(std::string_view header, std::string_view data,
                 int64_t claimed = -1) {
  uint64_t length = claimed < 0 ? header.size() : uint64_t(claimed);
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes.append(header).append(data);
}

std::string errorOf(std::string_view bytes) {
  auto result = parseSafetensors(bytes, "f");
  return result ? "" : result.error().message;
}

#define EXPECT_ERROR(bytes, text)                                              \
  EXPECT_NE(errorOf(bytes).find(text), std::string::npos) << errorOf(bytes)

TEST(Safetensors, ReadsBytesWrittenByHand) {
  auto result = parseSafetensors(
      file(R"({"__metadata__":{"format":"pt"},)"
           R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[2,10]},)"
           R"("a":{"dtype":"I16","shape":[],"data_offsets":[0,2]},)"
           R"("e":{"dtype":"F64","shape":[0,3],"data_offsets":[10,10]}}   )",
           std::string_view("\x02\x01\x00\x00\x80\x3f\x00\x00\x20\xc1", 10)),
      "f");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->metadata.at("format"), "pt");
  ASSERT_EQ(result->tensors.size(), 3u);
  const Tensor *a = result->find("a"), *b = result->find("b"),
               *e = result->find("e");
  ASSERT_TRUE(a && b && e);
  EXPECT_EQ(result->find("c"), nullptr);
  EXPECT_EQ(a->type, DType::I16);
  EXPECT_TRUE(a->shape.empty());
  EXPECT_EQ(*a->as<int16_t>(), 0x0102);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(b->as<float>()[0], 1.0f);
  EXPECT_EQ(b->as<float>()[1], -10.0f);
  EXPECT_EQ(e->shape, (std::vector<int64_t>{0, 3}));
}

TEST(Safetensors, WritesTheBytesThatTheFormatSays) {
  TemporaryFolder folder;
  float w[2] = {1.0f, -10.0f};
  int16_t s = 0x0102;
  std::vector<SafetensorsEntry> entries = {{"s", DType::I16, {}, &s},
                                           {"w", DType::F32, {1, 2}, w}};
  ASSERT_TRUE(writeSafetensors(folder / "a", entries, {{"k", "v"}}));
  std::string header = R"({"__metadata__":{"k":"v"},)"
                       R"("w":{"dtype":"F32","shape":[1,2],)"
                       R"("data_offsets":[0,8]},)"
                       R"("s":{"dtype":"I16","shape":[],)"
                       R"("data_offsets":[8,10]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(folder.read("a"),
            file(header, std::string_view(
                             "\x00\x00\x80\x3f\x00\x00\x20\xc1\x02\x01", 10)));
}

TEST(Safetensors, RoundTripOfEveryType) {
  TemporaryFolder folder;
  std::vector<Tensor> tensors;
  std::vector<SafetensorsEntry> entries;
  for (int i = 0; i <= static_cast<int>(DType::Bool); ++i) {
    Tensor tensor(static_cast<DType>(i), {3, i});
    for (size_t j = 0; j < tensor.data.size(); ++j)
      tensor.data[j] = static_cast<std::byte>(j % 2);
    tensors.push_back(std::move(tensor));
  }
  for (const Tensor &tensor : tensors)
    entries.push_back({std::string(nameOf(tensor.type)), tensor.type,
                       tensor.shape, tensor.data.data()});
  ASSERT_TRUE(writeSafetensors(folder / "a", entries, {}));
  auto result = readSafetensors(folder / "a");
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->tensors.size(), tensors.size());
  for (const Tensor &tensor : tensors) {
    const Tensor *read = result->find(nameOf(tensor.type));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->type, tensor.type);
    EXPECT_EQ(read->shape, tensor.shape);
    EXPECT_EQ(read->data, tensor.data);
  }
  EXPECT_TRUE(readSafetensorsMetadata(folder / "a")->empty());
}

TEST(Safetensors, WriterRefusesDuplicatesAndTheReservedName) {
  TemporaryFolder folder;
  float x = 0;
  SafetensorsEntry a{"a", DType::F32, {}, &x};
  SafetensorsEntry reserved{"__metadata__", DType::F32, {}, &x};
  EXPECT_FALSE(writeSafetensors(folder / "a", {a, a}, {}));
  EXPECT_FALSE(writeSafetensors(folder / "a", {reserved}, {}));
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(Safetensors, BadFiles) {
  EXPECT_ERROR("", "fewer than the 8");
  EXPECT_ERROR("\x01\x02\x03", "fewer than the 8");
  EXPECT_ERROR(file("{}", "", 3), "claims a header of 3 bytes");
  EXPECT_ERROR(file("{}", "", INT64_MAX), "claims a header");
  EXPECT_ERROR(std::string(8, '\xff'), "claims a header");
  EXPECT_ERROR(file("{", ""), "not a JSON object");
  EXPECT_ERROR(file("[]", ""), "not a JSON object");
  EXPECT_ERROR(file("", ""), "not a JSON object");
  EXPECT_ERROR(file("{}", "x"), "need 0 bytes, the file has 1");
  EXPECT_ERROR(file(std::string(100000, '['), ""), "not a JSON object");

  auto one = [](std::string_view dtype, std::string_view shape,
                std::string_view offsets, std::string_view data) {
    return file("{\"a\":{\"dtype\":" + std::string(dtype) +
                    ",\"shape\":" + std::string(shape) +
                    ",\"data_offsets\":" + std::string(offsets) + "}}",
                data);
  };
  EXPECT_EQ(errorOf(one("\"U8\"", "[2]", "[0,2]", "xy")), "");
  EXPECT_ERROR(one("\"U8\"", "[2]", "[0,2]", "x"), "need 2 bytes");
  EXPECT_ERROR(one("\"U9\"", "[2]", "[0,2]", "xy"), "unknown dtype \"U9\"");
  EXPECT_ERROR(one("8", "[2]", "[0,2]", "xy"), "unknown dtype 8");
  EXPECT_ERROR(one("\"U8\"", "[-2]", "[0,2]", "xy"), "at least 0");
  EXPECT_ERROR(one("\"U8\"", "[2.0]", "[0,2]", "xy"), "at least 0");
  EXPECT_ERROR(one("\"U8\"", "2", "[0,2]", "xy"), "not a list");
  EXPECT_ERROR(one("\"U8\"", "[18446744073709551617]", "[0,2]", "xy"),
               "at least 0");
  EXPECT_ERROR(one("\"F64\"", "[4294967296,4294967296]", "[0,0]", ""),
               "too large");
  EXPECT_ERROR(one("\"F64\"", "[2305843009213693952]", "[0,0]", ""),
               "too large");
  EXPECT_ERROR(one("\"U8\"", "[3]", "[0,2]", "xy"), "needs 3 bytes");
  EXPECT_ERROR(one("\"U8\"", "[2]", "[2,0]", "xy"), "data_offsets");
  EXPECT_ERROR(one("\"U8\"", "[2]", "[0]", "xy"), "data_offsets");
  EXPECT_ERROR(one("\"U8\"", "[2]", "[1,3]", "xyz"), "after a hole");
  EXPECT_ERROR(file(R"({"a":3})", ""), "not an object");
  EXPECT_ERROR(file(R"({"a":{}})", ""), "not {dtype");
  EXPECT_ERROR(file(R"({"__metadata__":3})", ""), "not an object");
  EXPECT_ERROR(file(R"({"__metadata__":{"a":3}})", ""), "not a string");

  std::string entry = R"({"dtype":"U8","shape":[2],"data_offsets":)";
  EXPECT_ERROR(
      file("{\"a\":" + entry + "[0,2]},\"a\":" + entry + "[2,4]}}", "xyzw"),
      "'a' stands twice");
  EXPECT_ERROR(
      file("{\"a\":" + entry + "[0,2]},\"b\":" + entry + "[1,3]}}", "xyz"),
      "inside the tensor");
  EXPECT_ERROR(
      file("{\"a\":" + entry + "[0,2]},\"b\":" + entry + "[0,2]}}", "xy"),
      "inside the tensor");
}

TEST(Safetensors, TruncatedAnywhereIsAnError) {
  std::string whole =
      file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy");
  ASSERT_EQ(errorOf(whole), "");
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(errorOf(std::string_view(whole).substr(0, size)), "") << size;
}

} // namespace
