// Decoding, resizing and collections of images. Expected numbers are Pillow's
// (13.0) for the same files, test/Fuzz/Seeds/Image.
#include "Data/Images.h"
#include "Data/DataSource.h"
#include "Data/Image.h"
#include "Support/File.h"
#include "TemporaryFolder.h"
#include <cstring>
#include <gtest/gtest.h>
#include <zlib.h>

using namespace varve;

namespace {

std::string seed(const std::string &name) {
  auto bytes = readFile(VARVE_SOURCE_DIR "/test/Fuzz/Seeds/Image/" + name);
  EXPECT_TRUE(bytes) << name;
  return bytes ? *bytes : "";
}

uint32_t crcOf(const void *bytes, size_t size) {
  return static_cast<uint32_t>(
      crc32_z(0, static_cast<const Bytef *>(bytes), size));
}

TEST(Image, DecodesAsPillowDoes) {
  struct Case {
    const char *name;
    int64_t channels;
    uint32_t crc;
  };
  for (Case c : {Case{"rgb.png", 3, 0x1f790f98},
                 {"rgb.png", 1, 0x023117f4},
                 {"grey.png", 3, 0x55d94407},
                 {"grey.png", 1, 0x49523ed4},
                 {"rgba.png", 3, 0x1f790f98},
                 {"palette.png", 3, 0x9e2369d5},
                 {"palette.png", 1, 0x46b0b278},
                 {"rgb.jpg", 3, 0x1ed1ec37},
                 {"progressive.jpg", 3, 0x906890c7},
                 {"grey.jpg", 3, 0x508d5444},
                 {"grey.jpg", 1, 0x0946bce0}}) {
    auto image = decodeImage(seed(c.name), c.channels);
    ASSERT_TRUE(image) << c.name << ": " << image.error().message;
    EXPECT_EQ(image->height, 6) << c.name;
    EXPECT_EQ(image->width, 5) << c.name;
    EXPECT_EQ(crcOf(image->values.data(), image->values.size()), c.crc)
        << c.name << " " << c.channels;
  }
  // 16 bits: the upper ones.
  auto deep = decodeImage(seed("deep.png"), 1);
  ASSERT_TRUE(deep);
  EXPECT_EQ(deep->values,
            (std::vector<uint8_t>{0, 0x12, 0xff, 0x80, 0x80, 0x7f}));
}

// Cut anywhere an image is an error; with a byte changed, an error or an image.
TEST(Image, AnyDamage) {
  for (const char *name :
       {"rgb.png", "palette.png", "rgb.jpg", "progressive.jpg", "grey.jpg"}) {
    std::string good = seed(name);
    for (size_t size = 0; size + 2 < good.size(); ++size)
      EXPECT_FALSE(decodeImage(std::string_view(good).substr(0, size), 3))
          << name << " cut at " << size;
    for (size_t at = 0; at < good.size(); ++at)
      for (int flip : {1, 0x80}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ flip);
        (void)decodeImage(bad, 3);
      }
  }
  EXPECT_EQ(decodeImage("GIF89a", 3).error().message,
            "it is neither PNG nor JPEG");
}

TEST(Image, ResizesAsPillowDoes) {
  Image image{1, 5, 4, {0,  50, 100, 250, 10,  60, 200, 40, 255, 0,
                        30, 90, 7,   77,  177, 27, 5,   15, 25,  35}};
  struct Case {
    int64_t height, width;
    std::vector<int> wanted;
  };
  for (const Case &c :
       {Case{2, 3, {57, 87, 121, 56, 68, 60}},
        {4, 2, {42, 146, 82, 86, 83, 78, 24, 46}},
        {3, 5, {4, 39, 99, 148, 160, 145, 64, 65, 90, 65, 6, 31, 66, 73, 32}},
        {8, 7, {0,   18,  46,  75,  111, 196, 250, 4,  22, 50,  99,  145,
                153, 158, 25,  37,  54,  123, 179, 95, 43, 178, 122, 30,
                51,  82,  78,  74,  178, 123, 35,  50, 75, 73,  70,  23,
                40,  69,  120, 158, 80,  31,  6,   19, 39, 67,  87,  53,
                32,  5,   9,   14,  20,  26,  31,  35}}}) {
    Image small = resizeImage(image, c.height, c.width);
    ASSERT_EQ(small.values.size(), c.wanted.size());
    // Pillow rounds between the two axes, too.
    for (size_t i = 0; i < c.wanted.size(); ++i)
      EXPECT_NEAR(small.values[i], c.wanted[i], 1) << c.height << " " << i;
  }
}

DataSpec imageSpec(std::vector<int64_t> shape,
                   std::vector<std::string> names = {}, int64_t classes = 2) {
  return {"images",
          {},
          {{"picture", DType::U8, std::move(shape), {}, 0, {}},
           {"kind", DType::U8, {}, {}, classes, std::move(names)}}};
}

void writeFolders(const TemporaryFolder &folder) {
  for (std::string name : {"train/cat", "train/dog", "test/cat", "test/dog"})
    ASSERT_TRUE(makeFolders(folder / name));
  folder.write("train/cat/b.png", seed("rgb.png"));
  folder.write("train/cat/a.JPG", seed("rgb.jpg"));
  folder.write("train/dog/c.jpeg", seed("progressive.jpg"));
  folder.write("train/dog/notes.txt", "no image");
  folder.write("test/dog/d.png", seed("palette.png"));
}

TEST(Images, FoldersByClass) {
  TemporaryFolder folder;
  writeFolders(folder);
  auto source = DataSource::open(imageSpec({3, 6, 5}), {folder.path, "", ""});
  ASSERT_TRUE(source) << source.error().message;
  auto train = source->load(DataSplit::Train);
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_EQ(train->samples, 3);
  const Tensor &pictures = *train->find("picture");
  EXPECT_EQ(pictures.shape, (std::vector<int64_t>{3, 3, 6, 5}));
  const uint32_t wanted[] = {0x1ed1ec37, 0x1f790f98, 0x906890c7};
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(crcOf(pictures.data.data() + 90 * i, 90), wanted[i]) << i;
  const auto *kinds = train->find("kind")->as<uint8_t>();
  EXPECT_EQ(std::vector<int>(kinds, kinds + 3), (std::vector<int>{0, 0, 1}));
  auto test = source->load(DataSplit::Test);
  ASSERT_TRUE(test) << test.error().message;
  EXPECT_EQ(test->samples, 1);
  EXPECT_EQ(test->find("kind")->as<uint8_t>()[0], 1);
  auto limited = source->load(DataSplit::Train, {2});
  EXPECT_EQ(limited->samples, 2);
}

TEST(Images, ClassesByName) {
  TemporaryFolder folder;
  writeFolders(folder);
  auto load = [&](DataSpec spec) {
    auto source = DataSource::open(std::move(spec), {folder.path, "", ""});
    EXPECT_TRUE(source);
    return source->load(DataSplit::Train);
  };
  auto named = load(imageSpec({3, 6, 5}, {"dog", "bird", "cat"}, 3));
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->find("kind")->as<uint8_t>()[0], 2);
  EXPECT_EQ(load(imageSpec({3, 6, 5}, {"dog", "bird"})).error().message,
            folder.path + ": folder 'cat' is none of the classes 'dog', "
                          "'bird'");
  EXPECT_EQ(load(imageSpec({3, 6, 5}, {}, 3)).error().message,
            folder.path + ": it has 2 classes ('cat', 'dog'), the model's "
                          "'kind' has 3");
  EXPECT_NE(load(imageSpec({4, 6, 5}))
                .error()
                .message.find("the model's 'picture' is u8[4, 6, 5]"),
            std::string::npos);
  // Grey, and of another size.
  auto grey = load(imageSpec({3, 4}));
  ASSERT_TRUE(grey) << grey.error().message;
  EXPECT_EQ(grey->find("picture")->shape, (std::vector<int64_t>{3, 3, 4}));
}

TEST(Images, ABadOneStopsOrIsLeftOut) {
  TemporaryFolder folder;
  writeFolders(folder);
  for (int i = 0; i < 200; ++i) // more than the queue holds
    folder.write("train/cat/x" + std::to_string(i) + ".png", seed("rgb.png"));
  std::string cut = seed("rgb.jpg");
  cut.resize(cut.size() - 40);
  folder.write("train/dog/bad1.jpg", cut);
  folder.write("train/dog/bad2.jpg", "nothing");
  auto source = DataSource::open(imageSpec({3, 6, 5}), {folder.path, "", ""});
  ASSERT_TRUE(source);
  auto stopped = source->load(DataSplit::Train);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message,
            folder / "train/dog/bad1.jpg" +
                ": Premature end of JPEG file; --skip-bad leaves such images "
                "out");
  auto rest = source->load(DataSplit::Train, {INT64_MAX, true});
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->samples, 203);
  EXPECT_EQ(rest->notes, (std::vector<std::string>{
                             folder / "train/dog/bad1.jpg" +
                                 ": left out: Premature end of JPEG file",
                             folder / "train/dog/bad2.jpg" +
                                 ": left out: it is neither PNG nor JPEG"}));
  EXPECT_EQ(rest->find("kind")->as<uint8_t>()[202], 1);
  EXPECT_EQ(crcOf(rest->find("picture")->data.data() + 90 * 202, 90),
            0x906890c7u);
}

// The archives' order, classes and first pixels, by Pillow and Python's
// tarfile.
TEST(Images, CifarAsJpegs) {
  std::string folder = VARVE_DATA_DIR;
  if (!readFile(folder + "/cifar10/cifar10_test_jpeg.tar.gz"))
    GTEST_SKIP() << "no CIFAR-10 in " << folder;
  DataSpec spec{"cifar10",
                {},
                {{"image", DType::U8, {3, 32, 32}, {}, 0, {}},
                 {"label", DType::U8, {}, {}, 10, {}}}};
  auto source = DataSource::open(spec, {"", folder, ""});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_TRUE(source->has(DataSplit::Train));
  auto test = source->load(DataSplit::Test);
  ASSERT_TRUE(test) << test.error().message;
  EXPECT_EQ(test->samples, 10000);
  const uint32_t wanted[] = {0xe1e0c5f8, 0x6110983a, 0x6a7da149};
  const int labels[] = {3, 8, 8};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(crcOf(test->find("image")->data.data() + 3072 * i, 3072),
              wanted[i]);
    EXPECT_EQ(test->find("label")->as<uint8_t>()[i], labels[i]);
  }
  // A file of exact pixels beside them is itself.
  auto exact = DataSource::open(
      spec, {folder + "/cifar10/data_batch_1_first4000_exact.bin.gz", "", ""});
  ASSERT_TRUE(exact) << exact.error().message;
  EXPECT_EQ(exact->named(), DataSplit::Train);
  auto four = exact->load(DataSplit::Train);
  ASSERT_TRUE(four) << four.error().message;
  EXPECT_EQ(four->samples, 4000);
  EXPECT_EQ(four->find("label")->as<uint8_t>()[0], 6); // a frog
  auto archive = DataSource::open(
      spec, {folder + "/cifar10/cifar10_test_jpeg.tar.gz", "", ""});
  ASSERT_TRUE(archive) << archive.error().message;
  EXPECT_EQ(archive->named(), DataSplit::Test);
}

} // namespace
