// From a model file to a trained network, by the command line and the real
// compiler.
#include "CommandLine.h"
#include "Data/Idx.h"
#include "Support/File.h"
#include "Support/Npy.h"
#include "Support/Safetensors.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace varve;
using nlohmann::json;

namespace {

// Points inside and outside the unit circle: nothing linear tells them apart.
class Points : public CommandLine {
protected:
  void SetUp() override {
    folder.write("points.varve", R"(use tower from "blocks.varve"

model points(x: f32[N, 2]) -> logits: f32[N, 2] {
  h = tower(x, 16) as tower
  return h |> dense(2) as output
}

train points {
  data csv("points.csv") {
    x: f32[2] from "a", "b"
    kind: class("inside", "outside")
  }
  loss cross_entropy(logits, kind)
  metric accuracy(logits, kind)
  optimizer adam(lr: 0.01)
  batch 32
  epochs 30
}
)");
    folder.write("blocks.varve", tower("relu"));
    std::mt19937 random(0);
    std::uniform_real_distribution<float> coordinate(-1.5f, 1.5f);
    std::ostringstream table;
    table << "a,kind,b\n";
    for (int i = 0; i < 500; ++i) {
      float a = coordinate(random), b = coordinate(random);
      table << a << (a * a + b * b > 1 ? ",outside," : ",inside,") << b << '\n';
    }
    folder.write("points.csv", table.str());
  }

  static std::string tower(const std::string &activation) {
    return "block tower(x: float[N, C], width: int) -> float[N, width] {\n"
           "  return x |> dense(width) as fc |> " +
           activation + "\n}\n";
  }
  double compileSeconds() const {
    return lines().back()["compile_seconds"].get<double>();
  }
};

TEST_F(Points, TrainedFromATable) {
  ASSERT_EQ(varve("train points.varve --json"), 0) << err;
  EXPECT_EQ(lines().size(), 31u);
  EXPECT_GT(compileSeconds(), 0);
  auto weights = readSafetensors(folder / "points.safetensors");
  ASSERT_TRUE(weights) << weights.error().message;
  ASSERT_TRUE(weights->find("tower.fc.weight"));
  EXPECT_EQ(weights->find("tower.fc.weight")->shape,
            (std::vector<int64_t>{16, 2}));
  ASSERT_EQ(varve("eval points.varve --weights points.safetensors --json"), 0)
      << err;
  EXPECT_GT(lines()[0]["accuracy"].get<double>(), 0.95);
  EXPECT_EQ(lines()[0]["samples"], 500);
}

TEST_F(Points, WhatIsCompiledAnew) {
  ASSERT_EQ(varve("train points.varve --json --epochs 1"), 0) << err;
  EXPECT_GT(compileSeconds(), 0);
  ASSERT_EQ(varve("train points.varve --json --epochs 2 --seed 3 --threads 1 "
                  "--set optimizer.lr=0.02"),
            0)
      << err;
  EXPECT_EQ(compileSeconds(), 0);
  // Another batch is another program, and so is another used file.
  ASSERT_EQ(varve("train points.varve --json --epochs 1 --batch 64"), 0) << err;
  EXPECT_GT(compileSeconds(), 0);
  folder.write("blocks.varve", tower("tanh"));
  ASSERT_EQ(varve("train points.varve --json --epochs 1"), 0) << err;
  EXPECT_GT(compileSeconds(), 0);
  ASSERT_EQ(varve("train points.varve --json --epochs 1"), 0) << err;
  EXPECT_EQ(compileSeconds(), 0);
  // A cache that cannot be written costs time only.
  std::filesystem::remove_all(folder / "cache");
  folder.write("cache", "");
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(
        varve("train points.varve --json --epochs 1", "export TMPDIR=$PWD &&"),
        0)
        << err;
    EXPECT_GT(compileSeconds(), 0);
  }
  for (const auto &entry : std::filesystem::directory_iterator(folder.path))
    EXPECT_FALSE(entry.is_directory()) << entry.path() << " was left behind";
}

TEST_F(Points, SameBitsOnAnyNumberOfThreads) {
  for (std::string threads : {"1", "2", "3"})
    ASSERT_EQ(varve("train points.varve --epochs 2 --threads " + threads +
                    " --out w" + threads),
              0)
        << err;
  EXPECT_EQ(folder.read("w1"), folder.read("w2"));
  EXPECT_EQ(folder.read("w1"), folder.read("w3"));
}

// 500 samples in steps of 40 (the last of 20), in parts of 14, 14 and 12.
TEST_F(Points, ShardsHaveTheSameBitsOnAnyNumberOfThreads) {
  const std::string set = " --epochs 2 --set shards=3 --batch 40 --threads ";
  for (std::string threads : {"1", "2", "3"})
    ASSERT_EQ(varve("train points.varve --out w" + threads + set + threads), 0)
        << err;
  EXPECT_EQ(folder.read("w1"), folder.read("w2"));
  EXPECT_EQ(folder.read("w1"), folder.read("w3"));
  // Batches that are accumulated are shards.
  ASSERT_EQ(varve("train points.varve --epochs 2 --batch 8 --out a "
                  "--set accumulate=5"),
            0)
      << err;
  ASSERT_EQ(varve("train points.varve --epochs 2 --batch 40 --out b "
                  "--set shards=5"),
            0)
      << err;
  EXPECT_EQ(folder.read("a"), folder.read("b"));
}

TEST_F(Points, AccumulatesAsOneBatch) {
  auto lossesWith = [&](const std::string &arguments) {
    EXPECT_EQ(varve("train points.varve --json --epochs 5 " + arguments), 0)
        << err;
    std::vector<double> losses;
    for (const json &line : lines())
      if (line["event"] == "epoch")
        losses.push_back(line["loss"]);
    return losses;
  };
  auto whole = lossesWith("--batch 48");
  auto parts = lossesWith("--batch 12 --set accumulate=4");
  auto other = lossesWith("--batch 12");
  ASSERT_EQ(whole.size(), 5u);
  ASSERT_EQ(parts.size(), 5u);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(parts[i], whole[i], 1e-5 * whole[i]) << "epoch " << i + 1;
  EXPECT_GT(std::abs(other[4] - whole[4]), 1e-2);
}

TEST_F(Points, EvaluatesWithAverages) {
  const std::string set = " --set average=0.9";
  ASSERT_EQ(varve("train points.varve --epochs 3 --checkpoint c" + set), 0)
      << err;
  auto checkpoint = readSafetensors(folder / "c/checkpoint.safetensors");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  auto weights = readSafetensors(folder / "points.safetensors");
  ASSERT_TRUE(weights) << weights.error().message;
  for (std::string name : {"output.bias", "tower.fc.weight"}) {
    const Tensor *value = checkpoint->find("state/" + name);
    const Tensor *average = checkpoint->find("state/" + name + ":average");
    ASSERT_TRUE(value && average && weights->find(name));
    EXPECT_EQ(weights->find(name)->data, average->data);
    EXPECT_NE(value->data, average->data);
  }
  // The file holds what validation saw, with or without averages.
  json first;
  for (std::string with : {set, std::string()}) {
    ASSERT_EQ(
        varve("eval points.varve --weights points.safetensors --json" + with),
        0)
        << err;
    if (first.is_null())
      first = lines()[0];
    EXPECT_EQ(lines()[0], first);
  }
  // Killed and resumed, as ever.
  ASSERT_EQ(
      varve("train points.varve --epochs 2 --checkpoint d --out d.w" + set), 0);
  ASSERT_EQ(varve("train points.varve --epochs 3 --checkpoint d --resume "
                  "--out resumed" +
                  set),
            0)
      << err;
  EXPECT_EQ(folder.read("resumed"), folder.read("points.safetensors"));
}

TEST_F(Points, NarrowProducts) {
  for (std::string precision : {"bf16", "f16"}) {
    ASSERT_EQ(varve("train points.varve --json --set precision=" + precision),
              0)
        << err;
    ASSERT_EQ(varve("eval points.varve --weights points.safetensors --json "
                    "--set precision=" +
                    precision),
              0)
        << err;
    EXPECT_GT(lines()[0]["accuracy"].get<double>(), 0.93) << precision;
    auto weights = readSafetensors(folder / "points.safetensors");
    ASSERT_TRUE(weights);
    EXPECT_EQ(weights->find("output.weight")->type, DType::F32);
    EXPECT_EQ(varve("train points.varve --epochs 1 --debug-nan "
                    "--set precision=" +
                    precision),
              0)
        << err;
  }
}

TEST_F(Points, DebugNanNamesTheOperation) {
  std::string text = folder.read("points.varve");
  std::string loss = "cross_entropy(logits, kind)";
  text.replace(text.find(loss), loss.size(), "mean(log(logits))");
  folder.write("nan.varve", text);
  EXPECT_EQ(varve("train nan.varve"), 1);
  EXPECT_NE(err.find("the loss is nan at step 1 (epoch 1)"), std::string::npos)
      << err;
  EXPECT_NE(err.find("--debug-nan"), std::string::npos) << err;
  EXPECT_EQ(varve("train nan.varve --debug-nan"), 1);
  EXPECT_NE(err.find("the first with a NaN is `log` at nan.varve:13:"),
            std::string::npos)
      << err;
  // The loss is finite, but its gradient is not.
  text.replace(text.find("mean(log(logits))"), 17, "mean(sqrt(logits * 0))");
  folder.write("nan.varve", text);
  EXPECT_EQ(varve("train nan.varve --debug-nan"), 1);
  EXPECT_NE(err.find("(gradient"), std::string::npos) << err;
  EXPECT_NE(err.find("nan.varve:13:"), std::string::npos) << err;
  // Checks change no bits.
  ASSERT_EQ(varve("train points.varve --epochs 2 --out w"), 0) << err;
  ASSERT_EQ(varve("train points.varve --epochs 2 --out d --debug-nan"), 0)
      << err;
  EXPECT_EQ(folder.read("w"), folder.read("d"));
}

TEST_F(Points, InspectShowsWhatLayersGive) {
  ASSERT_EQ(varve("inspect points.varve --json"), 0) << err;
  json layers = lines()[0]["layers"];
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0]["name"], "tower");
  EXPECT_EQ(layers[1]["name"], "tower.fc");
  EXPECT_EQ(layers[1]["output"]["shape"], (std::vector<int>{32, 16}));
  EXPECT_EQ(layers[1]["parameters"], 48);
  EXPECT_EQ(layers[2]["output"]["dtype"], "f32");
  EXPECT_EQ(layers[2]["output"]["shape"], (std::vector<int>{32, 2}));
  ASSERT_EQ(varve("inspect points.varve"), 0) << err;
  EXPECT_NE(out.find("f32[32, 16]"), std::string::npos) << out;
  ASSERT_EQ(varve("inspect points.varve --html page.html"), 0) << err;
  EXPECT_NE(folder.read("page.html").find("f32[32, 16]"), std::string::npos);
}

TEST_F(Points, BenchWithoutTheGather) {
  ASSERT_EQ(varve("bench points.varve --seconds 0 --no-gather --json"), 0)
      << err;
  EXPECT_EQ(lines()[0]["function"], "train_batch");
  EXPECT_EQ(lines()[0]["batch"], 32);
  EXPECT_EQ(varve("bench points.varve --function infer --no-gather"), 64);
}

TEST_F(Points, Compile) {
  for (std::string kind : {"so", "o", "ll", "mlir", "s"}) {
    ASSERT_EQ(varve("compile points.varve --function eval_step --batch 50 -o "
                    "a." +
                    kind),
              0)
        << err;
    EXPECT_GT(folder.read("a." + kind).size(), 1000u) << kind;
  }
  // An artifact stands for its model file.
  ASSERT_EQ(varve("train points.varve"), 0) << err;
  ASSERT_EQ(varve("eval a.so --batch 50 --weights points.safetensors --data "
                  "points.csv --json"),
            0)
      << err;
  EXPECT_GT(lines()[0]["accuracy"].get<double>(), 0.95);
}

TEST_F(Points, Diagnostics) {
  std::string model = folder.read("points.varve");
  auto fails = [&](const std::string &from, const std::string &to, int status,
                   const std::string &start) {
    std::string wrong = model;
    wrong.replace(wrong.find(from), from.size(), to);
    folder.write("wrong.varve", wrong);
    EXPECT_EQ(varve("train wrong.varve"), status) << err;
    EXPECT_EQ(err.compare(0, start.size(), start), 0) << err;
    EXPECT_TRUE(out.empty()) << out;
  };
  fails("dense(2)", "dence(2)", 1, "wrong.varve:5:15: error: unknown block");
  fails("\"a\", \"b\"", "\"a\", \"c\"", 1,
        "varve: error: points.csv:1: there is no column 'c'");
  fails("\"inside\", ", "", 1, "");
  folder.write("points.csv", "a,kind,b\n1,inside,2\n1,inside\n");
  EXPECT_EQ(varve("train points.varve"), 1);
  EXPECT_EQ(err, "varve: error: points.csv:3: this row has 2 columns, the "
                 "header has 3\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "points.safetensors"));
}

class Mnist : public CommandLine {
protected:
  /// The memory of a process, but for what a sanitizer adds to it.
  static void expectWithin(double megabytes, const json &line) {
#ifndef __SANITIZE_ADDRESS__
    EXPECT_LT(line["peak_rss_mb"].get<double>(), megabytes);
#endif
  }
  void SetUp() override {
    if (!InputFile::open(VARVE_DATA_DIR "/mnist/train-images-idx3-ubyte.gz"))
      GTEST_SKIP() << "no MNIST in " VARVE_DATA_DIR;
  }
  const std::string model = VARVE_EXAMPLES "/mnist_mlp.varve",
                    data = " --data mnist --data-dir " VARVE_DATA_DIR " ";
};

TEST_F(Mnist, TrainEvalRun) {
  ASSERT_EQ(varve("train " + model + data + "--epochs 1 --limit 10000 --json"),
            0)
      << err;
  json done = lines().back();
  EXPECT_EQ(done["steps"], 79);
  EXPECT_GT(done["test_accuracy"].get<double>(), 0.88);
  expectWithin(250, done);
  std::string weights = " --weights mnist_mlp.safetensors ";
  ASSERT_EQ(varve("eval " + model + data + weights + "--json"), 0) << err;
  EXPECT_EQ(lines()[0]["accuracy"], done["test_accuracy"]);
  EXPECT_EQ(lines()[0]["loss"], done["test_loss"]);

  // 300 samples run as 256 and 44; what run says is what eval counts.
  ASSERT_EQ(varve("eval " + model + data + weights + "--limit 300 --json"), 0)
      << err;
  double accuracy = lines()[0]["accuracy"].get<double>();
  auto images = readIdx(VARVE_DATA_DIR "/mnist/t10k-images-idx3-ubyte.gz");
  auto labels = readIdx(VARVE_DATA_DIR "/mnist/t10k-labels-idx1-ubyte.gz");
  ASSERT_TRUE(images && labels);
  Tensor input(DType::F32, {300, 28, 28});
  for (int64_t i = 0; i < input.elements(); ++i)
    input.as<float>()[i] = static_cast<float>(images->as<uint8_t>()[i]) / 255;
  ASSERT_TRUE(writeNpy(folder / "x.npy", input));
  ASSERT_EQ(
      varve("run " + model + weights + "--input image=x.npy --output-dir o"), 0)
      << err;
  auto digit = readNpy(folder / "o/digit.npy");
  ASSERT_TRUE(digit) << digit.error().message;
  ASSERT_EQ(digit->shape, (std::vector<int64_t>{300}));
  int right = 0;
  for (int i = 0; i < 300; ++i)
    right += digit->as<int64_t>()[i] == labels->as<uint8_t>()[i];
  EXPECT_NEAR(right / 300.0, accuracy, 1e-6);

  // Bytes, as stored, go through `prepare` and give the same bits.
  Tensor bytes(DType::U8, {300, 28, 28});
  std::copy_n(images->data.begin(), bytes.data.size(), bytes.data.begin());
  ASSERT_TRUE(writeNpy(folder / "b.npy", bytes));
  ASSERT_EQ(
      varve("run " + model + weights + "--input image=b.npy --output-dir p"), 0)
      << err;
  EXPECT_EQ(folder.read("p/probability.npy"), folder.read("o/probability.npy"));
  EXPECT_EQ(varve("run " + model + weights +
                  "--input image=b.npy --no-prepare --output-dir p"),
            1);
  EXPECT_NE(err.find("input 'image' is u8[300, 28, 28], the model takes "
                     "f32[300, 28, 28]"),
            std::string::npos)
      << err;

  EXPECT_EQ(varve("run " + model + weights + "--input x=x.npy --output-dir o"),
            1);
  EXPECT_NE(err.find("input 'image'"), std::string::npos) << err;
}

TEST_F(Mnist, CachedBenchBeginsAtOnce) {
  ASSERT_EQ(varve("bench " + model + " --seconds 0 --json"), 0) << err;
  EXPECT_GT(lines()[0]["compile_seconds"].get<double>(), 0);
  ASSERT_EQ(varve("bench " + model + " --seconds 0 --json"), 0) << err;
  EXPECT_EQ(lines()[0]["compile_seconds"], 0.0);
  EXPECT_EQ(lines()[0]["flops"], 52363264);
  // Neither MLIR nor LLVM was loaded.
  expectWithin(30, lines()[0]);
}

} // namespace
