// PyTorch's weight files, as PyTorch wrote them (test/Fuzz/Seeds/Torch), and
// files that are made to do harm.
#include "Support/Torch.h"
#include "Support/File.h"
#include "ZipBuilder.h"
#include <gtest/gtest.h>

using namespace varve;

namespace {

std::string seed(const std::string &name) {
  auto bytes = readFile(VARVE_SOURCE_DIR "/test/Fuzz/Seeds/Torch/" + name);
  EXPECT_TRUE(bytes);
  return bytes ? *bytes : "";
}

std::string messageOf(std::string_view bytes) {
  auto file = parseTorch(bytes, "w.pt");
  return file ? "" : file.error().message;
}

std::vector<float> floats(const Safetensors &file, const char *name) {
  const Tensor *tensor = file.find(name);
  if (!tensor)
    return {};
  return {tensor->as<float>(), tensor->as<float>() + tensor->elements()};
}

// torch.arange(12).reshape(3, 4), rows 1 and 2 of its transpose, and others:
// numbers from PyTorch's documentation of these calls, not from this reader.
TEST(Torch, BothFormats) {
  for (const char *name : {"archive.pt", "legacy.pt"}) {
    std::string bytes = seed(name);
    EXPECT_TRUE(isTorch(bytes));
    auto file = parseTorch(bytes, name);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->tensors.size(), 6u);
    const Tensor *t = file->find("a.t"); // "module." is gone
    ASSERT_TRUE(t);
    EXPECT_EQ(t->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(floats(*file, "a.t"), (std::vector<float>{1, 5, 9, 2, 6, 10}));
    EXPECT_EQ(floats(*file, "p"), (std::vector<float>{1.5, -2}));
    EXPECT_EQ(file->find("a.weight")->shape, (std::vector<int64_t>{3, 4}));
    EXPECT_EQ(floats(*file, "a.weight")[11], 11);
    const Tensor *h = file->find("h"), *n = file->find("n");
    EXPECT_EQ(h->type, DType::F16);
    EXPECT_EQ(h->as<uint16_t>()[1], 0xbc00); // -1
    EXPECT_EQ(n->type, DType::I64);
    EXPECT_TRUE(n->shape.empty());
    EXPECT_EQ(*n->as<int64_t>(), 7);
    EXPECT_EQ(file->find("b")->type, DType::Bool);
  }
}

std::string archive(const std::string &program) {
  return ZipBuilder()
      .add("archive/data.pkl", program)
      .add("archive/data/0", std::string(16, 'x'))
      .bytes();
}

std::string text(const std::string &value) {
  return std::string("X") + static_cast<char>(value.size()) +
         std::string(3, '\0') + value;
}

// {"w": _rebuild_tensor_v2(storage of 4 floats, offset, sizes, strides)}
std::string tensor(int offset, std::vector<int> sizes,
                   std::vector<int> strides) {
  std::string program = "\x80\x02}" + text("w") +
                        "ctorch._utils\n_rebuild_tensor_v2\n((" +
                        text("storage") + "ctorch\nFloatStorage\n" + text("0") +
                        text("cpu") + "K\x04tQ";
  auto number = [&](int value) {
    program += 'J';
    for (int i = 0; i < 4; ++i)
      program += static_cast<char>(value >> 8 * i);
  };
  number(offset);
  for (const std::vector<int> &list : {sizes, strides}) {
    program += '(';
    for (int value : list)
      number(value);
    program += 't';
  }
  return archive(program + "\x89" + "}tRs.");
}

TEST(Torch, RunsNothing) {
  // What os.system would be called by, in both ways to name it.
  EXPECT_EQ(messageOf(archive("\x80\x02"
                              "cposix\nsystem\n(" +
                              text("touch owned") + "tR.")),
            "'w.pt' is no weight file of PyTorch: it names 'posix.system', "
            "which is no tensor and is not run; save the state dict alone");
  EXPECT_NE(
      messageOf(archive("\x80\x04" + text("builtins") + text("eval") + "\x93."))
          .find("it names 'builtins.eval'"),
      std::string::npos);
  // Opcodes that make instances and look extensions up.
  for (std::string code : {"i", "o", "\x81", "\x92", "\x82", "P", "I"})
    EXPECT_NE(messageOf(archive("\x80\x02" + code + "a\nb\n."))
                  .find("which is not for plain data"),
              std::string::npos)
        << code;
  auto refused = parseTorch(archive("\x80\x02"
                                    "cos\nsystem\n."),
                            "w.pt");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Unsupported);
}

TEST(Torch, TensorsStayInTheirStorages) {
  EXPECT_EQ(messageOf(tensor(0, {2, 2}, {2, 1})), "");
  EXPECT_EQ(messageOf(tensor(1, {3}, {1})), "");
  EXPECT_EQ(messageOf(tensor(2, {0}, {1})), "");
  const char *outside = "outside its storage of 4 elements";
  EXPECT_NE(messageOf(tensor(1, {4}, {1})).find(outside), std::string::npos);
  EXPECT_NE(messageOf(tensor(0, {2, 2}, {3, 1})).find(outside),
            std::string::npos);
  EXPECT_NE(messageOf(tensor(0, {8}, {0})).find(outside), std::string::npos);
  EXPECT_NE(messageOf(tensor(-1, {2}, {1})).find(outside), std::string::npos);
  EXPECT_NE(messageOf(tensor(0, {-2}, {1})).find("malformed"),
            std::string::npos);
  EXPECT_NE(
      messageOf(tensor(0, {2, 2}, {0x7fffffff, 0x7fffffff})).find(outside),
      std::string::npos);
  EXPECT_NE(
      messageOf(tensor(0, {0x7fffffff, 0x7fffffff, 0x7fffffff}, {0, 0, 0}))
          .find("outside"),
      std::string::npos);
}

TEST(Torch, RefusesWhatIsNoStateDict) {
  EXPECT_NE(messageOf(archive("\x80\x02}.")).find("no state dict"),
            std::string::npos);
  EXPECT_NE(messageOf(archive("\x80\x02K\x01.")).find("no state dict"),
            std::string::npos);
  EXPECT_NE(
      messageOf(ZipBuilder().add("a.npy", "x").bytes()).find("no data.pkl"),
      std::string::npos);
  EXPECT_NE(messageOf(ZipBuilder()
                          .add("a/data.pkl", "\x80\x02}.")
                          .add("a/byteorder", "big")
                          .bytes())
                .find("not little-endian"),
            std::string::npos);
}

// Cut anywhere, or with any byte changed, a file is an error or another file.
TEST(Torch, AnyDamage) {
  for (const char *name : {"archive.pt", "legacy.pt"}) {
    std::string good = seed(name);
    for (size_t size = 0; size < good.size(); ++size) {
      auto cut = parseTorch(std::string_view(good).substr(0, size), name);
      EXPECT_FALSE(cut) << name << " cut at " << size;
    }
    for (size_t at = 0; at < good.size(); ++at)
      for (int flip : {1, 0x80}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ flip);
        (void)parseTorch(bad, name);
      }
  }
}

TEST(Torch, PublishedResNet20) {
  std::string folder = VARVE_DATA_DIR "/models/resnet-cifar10/";
  std::string path = folder + "resnet20-12fca82f.th";
  auto converted = readSafetensors(folder + "resnet20-12fca82f.safetensors");
  if (!converted)
    GTEST_SKIP() << "no " << path;
  auto file = readWeightFile(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_GE(file->tensors.size(), converted->tensors.size());
  for (const auto &[name, value] : converted->tensors) {
    const Tensor *found = file->find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->shape, value.shape) << name;
    EXPECT_TRUE(found->data == value.data) << name;
  }
}

} // namespace
