// The varve command as a user meets it: exit status, streams, files. Runs the
// program on an artifact written by hand, so that no compiler is needed.
#include "CommandLine.h"
#include "Support/Safetensors.h"
#include "ZipBuilder.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace varve;
using nlohmann::json;

namespace {

// A data set of y = x0 - 2 x1 + 3 x2 + 0.5 x3 + 1 in an .npz file.
std::string npyOf(const std::vector<float> &values, const std::string &shape) {
  std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  bytes += header;
  bytes.append(reinterpret_cast<const char *>(values.data()),
               values.size() * sizeof(float));
  return bytes;
}

std::string dataset(int samples) {
  const float weights[] = {1, -2, 3, 0.5f, 0};
  std::vector<float> x, y;
  for (int i = 0; i < samples; ++i) {
    float sum = 1;
    for (float weight : weights) {
      x.push_back(std::sin(static_cast<float>(x.size()) * 1.7f));
      sum += weight * x.back();
    }
    y.push_back(sum);
  }
  std::string n = std::to_string(samples);
  return ZipBuilder()
      .add("x.npy", npyOf(x, "(" + n + ", 5)"))
      .add("y.npy", npyOf(y, "(" + n + ",)"))
      .bytes();
}

class Cli : public CommandLine {
protected:
  void SetUp() override { folder.write("t.npz", dataset(100)); }

  /// $T stands for the artifact.
  int varve(const std::string &arguments) {
    return CommandLine::varve(arguments, "export T=" VARVE_TINY_ARTIFACT " &&");
  }
};

TEST_F(Cli, HelpAndUsage) {
  EXPECT_EQ(varve("--help"), 0);
  EXPECT_NE(out.find("Exit status"), std::string::npos);
  for (std::string verb : {"train", "eval", "run", "gradients", "compile",
                           "inspect", "bench", "fmt", "cache"}) {
    EXPECT_NE(out.find("  " + verb + " "), std::string::npos) << verb;
  }
  for (std::string verb : {"train", "eval", "run", "gradients", "compile",
                           "inspect", "bench", "fmt", "cache"}) {
    EXPECT_EQ(varve(verb + " --help"), 0);
    EXPECT_NE(out.find("Examples:\n  varve " + verb), std::string::npos)
        << verb;
    EXPECT_EQ(varve(verb), 64) << verb;
    EXPECT_EQ(varve(verb + " --nonsense"), 64) << verb;
    EXPECT_TRUE(out.empty()) << out;
  }
  EXPECT_EQ(varve(""), 64);
  EXPECT_EQ(varve("nonsense"), 64);
  EXPECT_EQ(varve("train $T --epochs many"), 64);
  EXPECT_EQ(varve("train $T --data t.npz --set lr"), 64);
  EXPECT_EQ(varve("train $T --data t.npz --epochs -1"), 64);
}

TEST_F(Cli, UnknownCommand) {
  EXPECT_EQ(varve("FROBNICATE"), 64);
  EXPECT_NE(err.find("unknown command `FROBNICATE`"), std::string::npos) << err;
  EXPECT_EQ(varve("trian x.varve"), 64);
  EXPECT_NE(err.find("unknown command `trian` (did you mean `train`?)"),
            std::string::npos)
      << err;
}

TEST_F(Cli, TrainThenEval) {
  ASSERT_EQ(varve("train $T --data t.npz --epochs 6 --json"), 0) << err;
  auto report = lines();
  ASSERT_EQ(report.size(), 7u) << out;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(report[i]["event"], "epoch");
    EXPECT_EQ(report[i]["epoch"], i + 1);
    EXPECT_TRUE(report[i]["loss"].is_number());
    EXPECT_TRUE(report[i]["close"].is_number());
    EXPECT_TRUE(report[i]["samples_per_second"].is_number());
  }
  EXPECT_LT(report[5]["loss"].get<double>(),
            0.1 * report[0]["loss"].get<double>());
  EXPECT_EQ(report[6]["event"], "done");
  EXPECT_EQ(report[6]["steps"], 6 * 13);
  EXPECT_GT(report[6]["peak_rss_mb"].get<double>(), 1);
  EXPECT_EQ(report[6]["compile_seconds"], 0.0);
  // The weights' name is the model file's.
  auto weights = readSafetensors(folder / "tiny.safetensors");
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_TRUE(weights->find("fit.weight"));

  ASSERT_EQ(varve("eval $T --weights tiny.safetensors --data t.npz --json"), 0)
      << err;
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_EQ(lines()[0]["event"], "eval");
  EXPECT_EQ(lines()[0]["samples"], 100);
  EXPECT_LT(lines()[0]["loss"].get<double>(), report[5]["loss"].get<double>());
  ASSERT_EQ(varve("eval $T --weights tiny.safetensors --data t.npz --json "
                  "--limit 7"),
            0);
  EXPECT_EQ(lines()[0]["samples"], 7);
}

TEST_F(Cli, SettingsAndSeeds) {
  ASSERT_EQ(varve("train $T --data t.npz --out a.safetensors --seed 1 "
                  "--epochs 1"),
            0)
      << err;
  ASSERT_EQ(varve("train $T --data t.npz --out b.safetensors --threads 1 "
                  "--set seed=1 --set epochs=1"),
            0)
      << err;
  EXPECT_EQ(folder.read("a.safetensors"), folder.read("b.safetensors"));
  ASSERT_EQ(varve("train $T --data t.npz --out c.safetensors --seed 2 "
                  "--epochs 1"),
            0);
  EXPECT_NE(folder.read("a.safetensors"), folder.read("c.safetensors"));
  ASSERT_EQ(varve("train $T --data t.npz --out d.safetensors --seed 1 "
                  "--epochs 1 --set optimizer.lr=0.001"),
            0);
  EXPECT_NE(folder.read("a.safetensors"), folder.read("d.safetensors"));
}

TEST_F(Cli, ResumeGoesOnToTheSameBits) {
  ASSERT_EQ(varve("train $T --data t.npz --epochs 4 --out a.safetensors"), 0);
  ASSERT_EQ(varve("train $T --data t.npz --epochs 2 --out b.safetensors "
                  "--checkpoint run --resume"),
            0)
      << err;
  ASSERT_EQ(varve("train $T --data t.npz --epochs 4 --out b.safetensors "
                  "--checkpoint run --resume"),
            0)
      << err;
  EXPECT_EQ(folder.read("a.safetensors"), folder.read("b.safetensors"));
}

TEST_F(Cli, WrongInputsAreOneClearLine) {
  auto oneLine = [&](const std::string &arguments, int status,
                     const std::string &text) {
    EXPECT_EQ(varve(arguments), status) << arguments << err;
    EXPECT_NE(err.find(text), std::string::npos) << arguments << err;
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    EXPECT_TRUE(out.empty()) << out;
  };
  oneLine("train missing.varve", 1, "cannot read 'missing.varve'");
  oneLine("train t.npz --data t.npz", 1, "not a model file");
  oneLine("train $T", 2, "data set 'tiny' is not supported");
  oneLine("train $T --data nothing", 1, "neither a file, nor a folder");
  folder.write("bad.npz", dataset(100).substr(0, 500));
  oneLine("train $T --data bad.npz", 1, "not a valid .npz file");
  oneLine("eval $T --weights t.npz --data t.npz", 1,
          "it has no data.pkl, as PyTorch's files have");
  oneLine("eval $T --weights missing --data t.npz", 1, "cannot read 'missing'");
  oneLine("train $T --data t.npz --set model.depth=3", 64, "compiled already");
  oneLine("train $T --data t.npz --out /nonexistent/a.safetensors --limit 8 "
          "--epochs 0",
          1, "cannot write");
  EXPECT_FALSE(std::filesystem::exists(folder / "tiny.safetensors"));
}

TEST_F(Cli, Bench) {
  ASSERT_EQ(varve("bench $T --seconds 0.01 --json --threads 2"), 0) << err;
  ASSERT_EQ(lines().size(), 1u);
  json line = lines()[0];
  for (const char *key : {"median_ms", "min_ms", "compile_seconds",
                          "peak_rss_mb", "arena_mb", "state_mb", "used_mb", "flops",
                          "threads"})
    EXPECT_TRUE(line[key].is_number()) << key;
  EXPECT_EQ(line["threads"], 2);
  EXPECT_LE(line["min_ms"].get<double>(), line["median_ms"].get<double>());
  EXPECT_EQ(varve("bench $T --function infer"), 1);
}

TEST_F(Cli, Inspect) {
  ASSERT_EQ(varve("inspect $T --json"), 0) << err;
  ASSERT_EQ(lines().size(), 1u);
  json report = lines()[0];
  // fit.weight f32[5] and fit.bias f32[]; a momentum of each, an average of
  // the weight; the weight lies in two panels of four.
  EXPECT_EQ(report["parameters"], 6);
  ASSERT_EQ(report["layers"].size(), 1u);
  EXPECT_EQ(report["layers"][0]["name"], "fit");
  EXPECT_EQ(report["layers"][0]["tensors"][0]["shape"], json::array({5}));
  EXPECT_DOUBLE_EQ(report["memory_mb"]["weights"].get<double>(), 36e-6);
  EXPECT_DOUBLE_EQ(report["memory_mb"]["optimizer"].get<double>(), 76e-6);
  EXPECT_EQ(report["functions"][0]["flops"], 160);
  ASSERT_EQ(varve("inspect $T"), 0);
  EXPECT_NE(out.find("tiny: 6 parameters"), std::string::npos) << out;
  ASSERT_EQ(varve("inspect $T --html a.html"), 0);
  EXPECT_NE(folder.read("a.html").find("<td>fit.weight<td>f32[5]"),
            std::string::npos);
  EXPECT_EQ(varve("inspect $T --html a.html --json"), 64);
}

TEST_F(Cli, Fmt) {
  folder.write("a.varve", "model m(x:f32[N])->y:f32[N] { return   x }\n");
  ASSERT_EQ(varve("fmt a.varve"), 0) << err;
  std::string canonical = out;
  EXPECT_NE(canonical.find("model m(x: f32[N]) -> y: f32[N]"),
            std::string::npos)
      << canonical;
  EXPECT_EQ(varve("fmt --check a.varve"), 1);
  EXPECT_EQ(varve("fmt --write a.varve"), 0);
  EXPECT_EQ(folder.read("a.varve"), canonical);
  EXPECT_EQ(varve("fmt --check a.varve"), 0);
  folder.write("b.varve", "model m(\n");
  EXPECT_EQ(varve("fmt --write b.varve"), 1);
  EXPECT_EQ(err.compare(0, 10, "b.varve:1:"), 0) << err;
  EXPECT_EQ(folder.read("b.varve"), "model m(\n");
}

TEST_F(Cli, Cache) {
  ASSERT_EQ(varve("cache path"), 0);
  EXPECT_EQ(out, "cache\n");
  ASSERT_EQ(varve("cache list"), 0);
  EXPECT_EQ(out.compare(0, 12, "0 artifacts,"), 0) << out;
  EXPECT_EQ(varve("cache clear"), 0);
}

} // namespace
