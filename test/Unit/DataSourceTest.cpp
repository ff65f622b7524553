// Finding data sets, and fitting arrays to what a model declares.
#include "Data/DataSource.h"
#include "Data/Fit.h"
#include "Support/File.h"
#include "Support/Npy.h"
#include "TemporaryFolder.h"
#include "ZipBuilder.h"
#include <gtest/gtest.h>

using namespace varve;

namespace {

DataSpec mnistSpec(std::string name = "mnist") {
  return {std::move(name),
          {},
          {{"image", DType::U8, {2, 2}, {}, 0, {}},
           {"label", DType::I64, {}, {}, 3, {}}}};
}

std::string sizes(std::vector<unsigned char> sizes) {
  std::string text;
  for (unsigned char size : sizes)
    text += std::string(3, '\0') + static_cast<char>(size);
  return text;
}

// A training split of two samples, a test split of one.
void writeMnist(const TemporaryFolder &folder, const std::string &name) {
  ASSERT_TRUE(makeFolders(folder / name));
  std::string head("\0\0\x08\x03", 4), labels("\0\0\x08\x01", 4);
  folder.write(name + "/train-images-idx3-ubyte",
               head + sizes({2, 2, 2}) + "abcdefgh");
  folder.write(name + "/train-labels-idx1-ubyte",
               labels + sizes({2}) + std::string("\x02\x00", 2));
  folder.write(name + "/t10k-images-idx3-ubyte",
               head + sizes({1, 2, 2}) + "ijkl");
  folder.write(name + "/t10k-labels-idx1-ubyte", labels + sizes({1}) + "\x01");
}

std::string messageOf(const Result<DataSource> &source) {
  return source ? "" : source.error().message;
}

TEST(DataSource, KnownSetInDataDir) {
  TemporaryFolder folder;
  writeMnist(folder, "mnist");
  auto source = DataSource::open(mnistSpec(), {"", folder.path, ""});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_TRUE(source->has(DataSplit::Train) && source->has(DataSplit::Test));
  auto train = source->load(DataSplit::Train),
       test = source->load(DataSplit::Test);
  ASSERT_TRUE(train && test);
  EXPECT_EQ(train->samples, 2);
  EXPECT_EQ(test->samples, 1);
  EXPECT_EQ(train->find("image")->shape, (std::vector<int64_t>{2, 2, 2}));
  EXPECT_EQ(train->find("label")->type, DType::I64);
  EXPECT_EQ(train->find("label")->as<int64_t>()[0], 2);
  EXPECT_EQ(test->find("label")->as<int64_t>()[0], 1);
  auto limited = source->load(DataSplit::Train, {1});
  ASSERT_TRUE(limited);
  EXPECT_EQ(limited->samples, 1);
  EXPECT_EQ(limited->find("image")->shape, (std::vector<int64_t>{1, 2, 2}));
  EXPECT_EQ(limited->find("image")->data.size(), 4u);
}

TEST(DataSource, DataOption) {
  TemporaryFolder folder;
  writeMnist(folder, "FashionMNIST/raw");
  writeMnist(folder, "mine");
  // A known set's name, in the folder that another tool uses.
  EXPECT_TRUE(
      DataSource::open(mnistSpec(), {"fashion_mnist", folder.path, ""}));
  EXPECT_TRUE(
      DataSource::open(mnistSpec("fashion_mnist"), {"", folder.path, ""}));
  // A folder, or the one above it.
  EXPECT_TRUE(DataSource::open(mnistSpec(), {folder / "mine", "", ""}));
  EXPECT_TRUE(
      DataSource::open(mnistSpec("fashion_mnist"), {folder.path, "", ""}));
  // One of the files.
  auto source = DataSource::open(
      mnistSpec(), {folder / "mine/t10k-labels-idx1-ubyte", "", ""});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->named(), DataSplit::Test);
  EXPECT_TRUE(source->has(DataSplit::Train));
}

TEST(DataSource, TablesAndArrays) {
  TemporaryFolder folder;
  folder.write("d.csv", "label\n1\n0\n");
  DataSpec spec{
      "csv", {{"path", "d.csv"}}, {{"label", DType::I64, {}, {}, 2, {}}}};
  auto source = DataSource::open(spec, {"", "", folder.path});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_FALSE(source->has(DataSplit::Test));
  EXPECT_EQ(source->load(DataSplit::Train)->samples, 2);
  EXPECT_FALSE(source->load(DataSplit::Test));
  EXPECT_TRUE(DataSource::open(spec, {folder.path, "", ""}));
  EXPECT_TRUE(DataSource::open(spec, {folder / "d.csv", "", ""}));

  Tensor labels(DType::U8, {3, 1});
  ASSERT_TRUE(writeNpy(folder / "label.npy", labels));
  folder.write("test.npz", ZipBuilder()
                               .add("label.npy", folder.read("label.npy"))
                               .add("other.npy", "not looked at")
                               .bytes());
  source = DataSource::open(spec, {folder / "test.npz", "", ""});
  ASSERT_TRUE(source) << source.error().message;
  auto data = source->load(DataSplit::Train);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->samples, 3);
  EXPECT_EQ(data->find("label")->shape, (std::vector<int64_t>{3}));
}

// A record: labels, then 3072 bytes that begin with `first`.
std::string cifarRecord(std::string labels, char first) {
  return labels + first + std::string(3071, 'x');
}

TEST(DataSource, Cifar) {
  TemporaryFolder folder;
  DataSpec spec = mnistSpec("cifar10");
  spec.fields[0].shape = {3, 32, 32};
  ASSERT_TRUE(makeFolders(folder / "cifar-10-batches-bin"));
  for (char batch = '1'; batch <= '5'; ++batch)
    folder.write(std::string("cifar-10-batches-bin/data_batch_") + batch +
                     ".bin",
                 cifarRecord("\1", batch) + cifarRecord("\2", 'b'));
  folder.write("cifar-10-batches-bin/test_batch.bin", cifarRecord("\2", 't'));
  auto source = DataSource::open(spec, {"", folder.path, ""});
  ASSERT_TRUE(source) << source.error().message;
  auto train = source->load(DataSplit::Train);
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_EQ(train->samples, 10);
  EXPECT_EQ(train->find("image")->shape, (std::vector<int64_t>{10, 3, 32, 32}));
  EXPECT_EQ(train->find("image")->as<char>()[4 * 3072], '3');
  EXPECT_EQ(train->find("label")->as<int64_t>()[4], 1);
  EXPECT_EQ(train->find("label")->as<int64_t>()[5], 2);
  auto named = DataSource::open(
      spec, {folder / "cifar-10-batches-bin/test_batch.bin", "", ""});
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->named(), DataSplit::Test);
  EXPECT_EQ(named->load(DataSplit::Test)->samples, 1);

  folder.write("cifar-10-batches-bin/test_batch.bin", "short");
  auto bad = named->load(DataSplit::Test);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("no whole number of records of 3073"),
            std::string::npos);

  // CIFAR-100 has a coarse and a fine label.
  ASSERT_TRUE(makeFolders(folder / "cifar100"));
  folder.write("cifar100/train.bin", cifarRecord(std::string("\7\1"), 'f'));
  spec.name = "cifar100";
  source = DataSource::open(spec, {"", folder.path, ""});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->load(DataSplit::Train)->find("label")->as<int64_t>()[0], 1);
  EXPECT_FALSE(source->has(DataSplit::Test));
}

TEST(DataSource, NotFound) {
  TemporaryFolder folder;
  auto message = [&](DataSpec spec, DataLocation location) {
    return messageOf(DataSource::open(std::move(spec), location));
  };
  std::string text = message(mnistSpec(), {"", folder.path, ""});
  EXPECT_NE(
      text.find("data set 'mnist' is not found in " + folder.path + "/mnist"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("--data-dir"), std::string::npos) << text;
  EXPECT_NE(message(mnistSpec(), {"nothing", "", ""})
                .find("known data set (mnist, fashion_mnist, "),
            std::string::npos);
  EXPECT_NE(message(mnistSpec(), {folder.path, "", ""}).find("holds no data"),
            std::string::npos);
  EXPECT_NE(message({"csv", {}, {}}, {}).find("names no file"),
            std::string::npos);
  EXPECT_NE(message({"csv", {{"path", "x.csv"}}, {}}, {}).find("not found"),
            std::string::npos);
  auto unknown = DataSource::open({"image_pairs", {}, {}}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::Unsupported);
  writeMnist(folder, "mnist");
  ASSERT_EQ(unlink((folder / "mnist/t10k-labels-idx1-ubyte").c_str()), 0);
  EXPECT_NE(
      message(mnistSpec(), {folder / "mnist/t10k-images-idx3-ubyte", "", ""})
          .find("not the files that belong"),
      std::string::npos);
}

TEST(Fit, Mistakes) {
  auto message = [](Tensor label, Tensor image) {
    std::vector<Dataset::Field> arrays;
    arrays.push_back({"image", std::move(image)});
    arrays.push_back({"label", std::move(label)});
    auto data = fitDataset(mnistSpec(), std::move(arrays), "here");
    return data ? "" : data.error().message;
  };
  Tensor image(DType::U8, {2, 2, 2}), label(DType::U8, {2});
  EXPECT_EQ(message(label, image), "");
  EXPECT_EQ(message(label, Tensor(DType::U8, {2, 1, 2, 2})), "");
  EXPECT_EQ(message(label, Tensor(DType::U8, {2, 4})),
            "here: array 'image' is u8[2, 4], the model's 'image' is u8[2, 2] "
            "for each sample");
  EXPECT_NE(message(Tensor(DType::F32, {2}), image), "");
  EXPECT_NE(message(Tensor(DType::F16, {2}), image), "");
  EXPECT_NE(message(Tensor(DType::U8, {}), image), "");
  EXPECT_EQ(message(Tensor(DType::U8, {3}), image),
            "here: 'image' has 2 samples, 'label' has 3");
  label.as<uint8_t>()[1] = 3;
  EXPECT_EQ(message(label, image), "here: 'label' of sample 1 is 3, which is "
                                   "not in i64[] of 3 classes");
  Tensor negative(DType::I32, {2});
  negative.as<int32_t>()[0] = -1;
  EXPECT_EQ(message(negative, image), "here: 'label' of sample 0 is -1, which "
                                      "is not in i64[] of 3 classes");
  EXPECT_NE(message(Tensor(DType::U8, {0}), Tensor(DType::U8, {0, 2, 2})), "");
  auto none = fitDataset(mnistSpec(), {}, "here");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "here: it has no 'image', which field "
                                  "'image' needs; it has: none");
}

TEST(Fit, OneArrayServesSeveralFields) {
  Tensor values(DType::U8, {2});
  values.as<uint8_t>()[1] = 7;
  auto data = fitDataset({"",
                          {},
                          {{"a", DType::U8, {}, {"x"}, 0, {}},
                           {"b", DType::F32, {}, {"x"}, 0, {}},
                           {"c", DType::U8, {}, {"x"}, 0, {}}}},
                         {{"x", values}}, "here");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->find("a")->as<uint8_t>()[1], 7);
  EXPECT_EQ(data->find("b")->as<float>()[1], 7.0f);
  EXPECT_EQ(data->find("c")->as<uint8_t>()[1], 7);
}

TEST(Fit, Conversions) {
  Tensor wide(DType::I64, {2});
  wide.as<int64_t>()[0] = 255;
  auto fit = [&](DType type, const Tensor &from) {
    return fitDataset({"", {}, {{"x", type, {}, {}, 0, {}}}}, {{"x", from}},
                      "here");
  };
  auto narrow = fit(DType::U8, wide);
  ASSERT_TRUE(narrow) << narrow.error().message;
  EXPECT_EQ(narrow->fields[0].values.as<uint8_t>()[0], 255);
  EXPECT_EQ(fit(DType::F32, wide)->fields[0].values.as<float>()[0], 255.0f);
  EXPECT_FALSE(fit(DType::I8, wide));
  EXPECT_FALSE(fit(DType::Bool, wide));
  wide.as<int64_t>()[0] = -1;
  EXPECT_FALSE(fit(DType::U64, wide));
  EXPECT_TRUE(fit(DType::I8, wide));
  Tensor real(DType::F64, {1});
  real.as<double>()[0] = 0.5;
  EXPECT_EQ(fit(DType::F32, real)->fields[0].values.as<float>()[0], 0.5f);
  EXPECT_FALSE(fit(DType::I64, real));
}

TEST(DataSource, DebianFashionMnist) {
  if (!InputFile::open(
          "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"))
    GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  DataSpec spec = mnistSpec("fashion_mnist");
  spec.fields[0].shape = {28, 28};
  spec.fields[1].classes = 10;
  unsetenv("VARVE_DATA");
  auto source = DataSource::open(spec, {});
  ASSERT_TRUE(source) << source.error().message;
  auto test = source->load(DataSplit::Test);
  ASSERT_TRUE(test) << test.error().message;
  EXPECT_EQ(test->samples, 10000);
  EXPECT_EQ(test->find("label")->as<int64_t>()[0], 9);
}

} // namespace
