// The IDX format: bytes written by hand, real MNIST where it is there.
#include "Data/Idx.h"
#include "Support/File.h"
#include "TemporaryFolder.h"
#include <gtest/gtest.h>
#include <zlib.h>

using namespace varve;

namespace {

std::string idx(unsigned char type, std::vector<uint32_t> sizes,
                std::string_view data) {
  std::string bytes{'\0', '\0', static_cast<char>(type),
                    static_cast<char>(sizes.size())};
  for (uint32_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes += static_cast<char>(size >> shift);
  return bytes.append(data);
}

std::string gzipped(std::string_view bytes) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef *>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string errorOf(std::string_view bytes) {
  auto result = parseIdx(bytes, "f");
  return result ? "" : result.error().message;
}

#define EXPECT_ERROR(bytes, text)                                              \
  EXPECT_NE(errorOf(bytes).find(text), std::string::npos) << errorOf(bytes)

TEST(Idx, EveryType) {
  auto u8 = parseIdx(idx(8, {2, 3}, "abcdef"), "f");
  ASSERT_TRUE(u8) << u8.error().message;
  EXPECT_EQ(u8->type, DType::U8);
  EXPECT_EQ(u8->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(u8->as<uint8_t>()[5], 'f');
  EXPECT_EQ(*parseIdx(idx(9, {1}, "\xff"), "f")->as<int8_t>(), -1);
  EXPECT_EQ(*parseIdx(idx(11, {1}, "\x01\x02"), "f")->as<int16_t>(), 0x0102);
  EXPECT_EQ(*parseIdx(idx(12, {1}, "\x01\x02\x03\x04"), "f")->as<int32_t>(),
            0x01020304);
  EXPECT_EQ(*parseIdx(idx(13, {1}, std::string_view("\xc1\x20\0\0", 4)), "f")
                 ->as<float>(),
            -10.0f);
  EXPECT_EQ(
      *parseIdx(idx(14, {1}, std::string_view("\x40\x04\0\0\0\0\0\0", 8)), "f")
           ->as<double>(),
      2.5);
}

TEST(Idx, Gzip) {
  std::string plain = idx(8, {1000, 1000}, std::string(1000000, 'x'));
  auto result = parseIdx(gzipped(plain), "f");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->data.size(), 1000000u);
  EXPECT_EQ(result->as<char>()[999999], 'x');
  // Two members, and zeros at the end, are still one file.
  std::string two = gzipped(plain.substr(0, 500)) + gzipped(plain.substr(500));
  EXPECT_EQ(errorOf(two + std::string(100, '\0')), "");
}

TEST(Idx, BadFiles) {
  std::string good = idx(8, {2, 3}, "abcdef"), packed = gzipped(good);
  EXPECT_ERROR("", "ends inside its header");
  EXPECT_ERROR("hello, world", "magic number is 68656c6c");
  EXPECT_ERROR(idx(10, {2}, "ab"), "magic number is 00000a01");
  EXPECT_ERROR(good + "x", "it has more");
  EXPECT_ERROR(gzipped(good + "x"), "it has more");
  EXPECT_ERROR(gzipped(good.substr(0, good.size() - 1)), "it has 5");
  // Claims of 4 GiB and of more than 2^64.
  EXPECT_ERROR(idx(8, {0xffffffff}, "ab"), "more than it can hold");
  EXPECT_ERROR(gzipped(idx(8, {0xffffffff}, "ab")), "more than it can hold");
  EXPECT_ERROR(idx(14, {0xffffffff, 0xffffffff, 0xffffffff}, "ab"),
               "more than it can hold");
  EXPECT_ERROR(packed + "trailing", "corrupt");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(errorOf(good.substr(0, size)), "") << size;
  for (size_t size = 0; size < packed.size(); ++size)
    EXPECT_NE(errorOf(packed.substr(0, size)), "") << size;
  // The last eight bytes are the checksum and the size.
  for (size_t i = 10; i < packed.size(); ++i) {
    std::string bad = packed;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_NE(errorOf(bad), "") << i;
  }
}

TEST(Idx, RealMnist) {
  std::string folder = VARVE_DATA_DIR "/mnist";
  if (!InputFile::open(folder + "/train-images-idx3-ubyte.gz"))
    GTEST_SKIP() << "no MNIST in " << folder;
  auto images = readIdx(folder + "/train-images-idx3-ubyte.gz");
  ASSERT_TRUE(images) << images.error().message;
  EXPECT_EQ(images->shape, (std::vector<int64_t>{60000, 28, 28}));
  // The mean of all pixels is a known figure: 0.1307 of 255.
  double sum = 0;
  for (std::byte pixel : images->data)
    sum += static_cast<double>(pixel);
  EXPECT_NEAR(sum / 255 / static_cast<double>(images->data.size()), 0.1307,
              5e-5);
  auto labels = readIdx(folder + "/t10k-labels-idx1-ubyte.gz");
  ASSERT_TRUE(labels) << labels.error().message;
  EXPECT_EQ(labels->shape, (std::vector<int64_t>{10000}));
  EXPECT_EQ(labels->as<uint8_t>()[0], 7);
}

} // namespace
