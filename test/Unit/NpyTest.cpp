// NumPy's files: bytes written by hand are the oracle, both ways.
#include "Support/Npy.h"
#include "TemporaryFolder.h"
#include "ZipBuilder.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace varve;

namespace {

std::string npy(std::string_view header, std::string_view data,
                char version = 1) {
  std::string bytes("\x93NUMPY");
  bytes += version;
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes.append(header).append(data);
}

std::string describe(std::string_view descr, std::string_view shape,
                     bool fortran = false) {
  return "{'descr': '" + std::string(descr) +
         "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + std::string(shape) + ", }";
}

std::string errorOf(std::string_view bytes) {
  auto result = parseNpy(bytes, "f");
  return result ? "" : result.error().message;
}

#define EXPECT_ERROR(bytes, text)                                              \
  EXPECT_NE(errorOf(bytes).find(text), std::string::npos) << errorOf(bytes)

TEST(Npy, ReadsEveryVersion) {
  for (char version : {1, 2, 3}) {
    auto result =
        parseNpy(npy(describe("<i2", "(2, 1)"),
                     std::string_view("\x02\x01\xff\xff", 4), version),
                 "f");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->type, DType::I16);
    EXPECT_EQ(result->shape, (std::vector<int64_t>{2, 1}));
    EXPECT_EQ(result->as<int16_t>()[0], 0x0102);
    EXPECT_EQ(result->as<int16_t>()[1], -1);
  }
}

TEST(Npy, FortranOrder) {
  // In memory the first axis runs fastest.
  auto result = parseNpy(npy(describe("|u1", "(2, 3)", true), "adbecf"), "f");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(std::memcmp(result->data.data(), "abcdef", 6), 0);
  // Element (i, j, k) at i + 2 j + 4 k.
  result = parseNpy(npy(describe("|u1", "(2, 2, 2)", true), "aecgbfdh"), "f");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(std::memcmp(result->data.data(), "abcdefgh", 8), 0);
  result = parseNpy(npy(describe("<f4", "(2, 0)", true), ""), "f");
  EXPECT_TRUE(result);
}

TEST(Npy, OtherSpellings) {
  EXPECT_EQ(errorOf(npy("{\"shape\":(),\"fortran_order\":False,"
                        "\"descr\":\"<f8\"}\n",
                        "12345678")),
            "");
  EXPECT_EQ(errorOf(npy(describe("<u1", "(1L,)"), "x")), "");
  EXPECT_EQ(errorOf(npy(describe("|V2", "(1,)"), "xx")), "");
}

TEST(Npy, WritesWhatNumpyWrites) {
  TemporaryFolder folder;
  Tensor tensor(DType::F32, {3});
  for (int i = 0; i < 3; ++i)
    tensor.as<float>()[i] = static_cast<float>(i);
  ASSERT_TRUE(writeNpy(folder / "a.npy", tensor));
  std::string header = describe("<f4", "(3,)");
  header.resize(128 - 10 - 1, ' ');
  EXPECT_EQ(folder.read("a.npy").size(), 128u + 12);
  EXPECT_EQ(folder.read("a.npy"),
            npy(header + "\n",
                std::string_view("\0\0\0\0\0\0\x80\x3f\0\0\0\x40", 12)));
}

TEST(Npy, RoundTripOfEveryType) {
  TemporaryFolder folder;
  for (int i = 0; i <= static_cast<int>(DType::Bool); ++i) {
    for (std::vector<int64_t> shape :
         {std::vector<int64_t>{}, {5}, {2, 3}, {0, 4}, {1, 2, 3, 4}}) {
      Tensor tensor(static_cast<DType>(i), shape);
      for (size_t j = 0; j < tensor.data.size(); ++j)
        tensor.data[j] = static_cast<std::byte>(j % 2);
      ASSERT_TRUE(writeNpy(folder / "a", tensor));
      auto read = readNpy(folder / "a");
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(read->type, tensor.type);
      EXPECT_EQ(read->shape, tensor.shape);
      EXPECT_EQ(read->data, tensor.data);
    }
  }
}

TEST(Npy, BadFiles) {
  EXPECT_ERROR("", "does not begin");
  EXPECT_ERROR("\x93NUMPX\1\0\0\0", "does not begin");
  EXPECT_ERROR(npy("{}", "", 4), "version 4");
  EXPECT_ERROR(npy("{}", ""), "its header is not");
  EXPECT_ERROR(npy("{'descr': '<f4'}", ""), "its header is not");
  EXPECT_ERROR(npy(describe("<f4", "(2,)") + "x", "12345678"),
               "its header is not");
  EXPECT_ERROR(npy(describe("<f4", "(-2,)"), "12345678"), "its header is not");
  EXPECT_ERROR(npy(describe("<f4", "(2"), "12345678"), "its header is not");
  EXPECT_ERROR(npy(describe("<f4", "(99999999999999999999,)"), ""),
               "its header is not");
  EXPECT_ERROR(npy(describe("<f4", "(2,)"), "1234567"), "needs 8 bytes");
  EXPECT_ERROR(npy(describe("<f4", "(2,)"), "123456789"), "needs 8 bytes");
  EXPECT_ERROR(npy(describe("<f8", "(4294967296, 4294967296)"), ""),
               "too large");
  EXPECT_ERROR(npy(describe(">f4", "(2,)"), "12345678"), "big-endian");
  EXPECT_ERROR(npy(describe("|O", "(2,)"), "12345678"), "not supported");
  EXPECT_ERROR(npy(describe("<U3", "(2,)"), "12345678"), "not supported");
  std::string whole = npy(describe("<f4", "(2,)"), "12345678");
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(errorOf(std::string_view(whole).substr(0, size)), "") << size;
}

TEST(Npz, StoredAndDeflated) {
  std::string a = npy(describe("|u1", "(3,)"), "abc");
  std::string b = npy(describe("|u1", "(100000,)"), std::string(100000, 'b'));
  std::string file =
      ZipBuilder().add("a.npy", a).add("b.npy", b, 8).add("c.txt", "c").bytes();
  ASSERT_LT(file.size(), 3000u);
  auto result = parseNpz(file, "f");
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->size(), 2u);
  EXPECT_EQ((*result)[0].first, "a");
  EXPECT_EQ((*result)[1].first, "b");
  EXPECT_EQ((*result)[1].second.shape, (std::vector<int64_t>{100000}));
  EXPECT_EQ((*result)[1].second.data[99999], std::byte{'b'});
  auto some = parseNpz(file, "f", {"b"});
  ASSERT_TRUE(some);
  ASSERT_EQ(some->size(), 1u);
  EXPECT_EQ((*some)[0].first, "b");
}

TEST(Npz, BadFiles) {
  auto errorOf = [](std::string_view bytes) {
    auto result = parseNpz(bytes, "f");
    return result ? "" : result.error().message;
  };
  std::string a = npy(describe("|u1", "(3,)"), "abc");
  std::string long1 = npy(describe("|u1", "(5000,)"), std::string(5000, 'b'));
  EXPECT_ERROR("", "no end of a zip directory");
  EXPECT_ERROR(ZipBuilder().add("a.npy", a).add("a.npy", a).bytes(),
               "stands twice");
  EXPECT_ERROR(ZipBuilder().add("a.npy", a, 0, a.size() + 1).bytes(), "claims");
  EXPECT_ERROR(ZipBuilder().add("a.npy", long1, 8, 4000).bytes(),
               "does not unpack to the 4000");
  EXPECT_ERROR(ZipBuilder().add("a.npy", long1, 8, 6000).bytes(),
               "does not unpack to the 6000");
  EXPECT_ERROR(ZipBuilder().add("a.npy", long1, 8, 0xfffffff0u).bytes(),
               "claims");
  EXPECT_ERROR(ZipBuilder().add("a.npy", a, 12).bytes(), "method 12");
  EXPECT_ERROR(ZipBuilder().add("a.npy", "x").bytes(), "array 'a'");

  std::string damaged = ZipBuilder().add("a.npy", a).bytes();
  ++damaged[damaged.find("abc")];
  EXPECT_ERROR(damaged, "wrong checksum");

  std::string good = ZipBuilder().add("a.npy", long1, 8).bytes();
  ASSERT_EQ(errorOf(good), "");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(errorOf(good.substr(0, size)), "") << size;
  // No damaged byte may crash it; content is under a checksum.
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    auto result = parseNpz(bad, "f");
    if (result && result->size() == 1) {
      EXPECT_EQ((*result)[0].second.elements(), 5000);
    }
  }
}

} // namespace
