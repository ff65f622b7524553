// Weight files of other programs: names through a model's maps, files that do
// not fit, weights that are frozen. By the command line and the real compiler.
#include "CommandLine.h"
#include "Support/Safetensors.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace varve;

namespace {

class Weights : public CommandLine {
protected:
  void SetUp() override { write(""); }

  /// y = out(tower.norm(tower.one(x))).
  void write(const std::string &settings) {
    folder.write("net.varve", R"(
model net(x: f32[N, 2]) -> y: f32[N, 3] {
  layer tower { x = x |> dense(4) as one |> batch_norm as norm |> dropout(0.5) }
  return x |> dense(3) as out
}

names flat {
  "tower.norm.*" = "bn.*"
  "tower.*.**" = "features.*.**"
}

names packed { "**" = "module.**" }

train net {
  data csv("t.csv") { x: f32[2] from "a", "b" kind: class(3) }
  loss cross_entropy(y, kind)
  optimizer sgd(lr: 0.1)
  batch 4
  epochs 1
)" + settings + "}\n");
    folder.write("t.csv", "a,b,kind\n1,2,0\n3,-1,1\n-2,1,2\n0,1,1\n2,2,0\n"
                          "1,-1,1\n-3,1,2\n0,2,1\n");
  }

  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    float first;
  };
  /// A file whose tensors count up from their first value.
  void writeFile(const std::string &name, const std::vector<Entry> &entries) {
    std::vector<std::vector<float>> values;
    std::vector<SafetensorsEntry> list;
    for (const Entry &entry : entries) {
      int64_t count = elementCount(entry.shape);
      values.emplace_back();
      for (int64_t i = 0; i < count; ++i)
        values.back().push_back(entry.first + static_cast<float>(i) / 64);
    }
    for (size_t i = 0; i < entries.size(); ++i)
      list.push_back(
          {entries[i].name, DType::F32, entries[i].shape, values[i].data()});
    ASSERT_TRUE(writeSafetensors(folder / name, list, {}));
  }
  std::vector<float> read(const std::string &file, const std::string &name) {
    auto tensors = readSafetensors(folder / file);
    const Tensor *value = tensors ? tensors->find(name) : nullptr;
    if (!value)
      return {};
    return {value->as<float>(), value->as<float>() + value->elements()};
  }
  static std::vector<Entry> flat() {
    return {{"features.one.weight", {4, 2}, 1},
            {"features.one.bias", {4}, 2},
            {"bn.weight", {4}, 3},
            {"bn.bias", {4}, 4},
            {"bn.running_mean", {4}, 5},
            {"bn.running_var", {4}, 6},
            {"out.weight", {3, 4}, 7},
            {"out.bias", {3}, 8}};
  }
  /// Weights as loaded: nothing is learned with a rate of 0.
  int load(const std::string &file, const std::string &more = "") {
    return varve("train net.varve --set optimizer.lr=0 --init-from " + file +
                 " --out w " + more);
  }
};

TEST_F(Weights, AreFoundByAMapOfNames) {
  writeFile("f", flat());
  ASSERT_EQ(load("f"), 0) << err;
  EXPECT_EQ(read("w", "tower.one.weight"), read("f", "features.one.weight"));
  EXPECT_EQ(read("w", "tower.norm.bias"), read("f", "bn.bias"));
  EXPECT_EQ(read("w", "out.bias"), read("f", "out.bias"));
  // Their names again, and then all names by the other map.
  ASSERT_EQ(varve("train net.varve --set optimizer.lr=0 --init-from w --out v "
                  "--names flat"),
            0)
      << err;
  EXPECT_EQ(read("v", "features.one.weight"), read("f", "features.one.weight"));
  EXPECT_EQ(read("v", "tower.one.weight"), std::vector<float>());
  std::vector<Entry> packed = {{"module.tower.one.weight", {4, 2}, 1},
                               {"module.tower.one.bias", {4}, 2},
                               {"module.tower.norm.weight", {4}, 3},
                               {"module.tower.norm.bias", {4}, 4},
                               {"module.tower.norm.running_mean", {4}, 5},
                               {"module.tower.norm.running_var", {4}, 6},
                               {"module.out.weight", {3, 4}, 7},
                               {"module.out.bias", {3}, 8}};
  writeFile("p", packed);
  ASSERT_EQ(load("p"), 0) << err;
  EXPECT_EQ(read("w", "out.weight"), read("f", "out.weight"));
}

TEST_F(Weights, ThatDoNotFitAreListedAtOnce) {
  std::vector<Entry> entries = flat();
  entries[0].shape = {2, 4};
  entries[6].shape = {10, 4};
  entries.erase(entries.begin() + 3);
  entries.push_back({"head.bias", {7}, 0});
  entries.push_back({"bn.num_batches_tracked", {}, 0});
  writeFile("f", entries);
  EXPECT_EQ(load("f"), 1);
  EXPECT_EQ(err,
            "varve: error: f: 5 of 8 weights of model 'net' fit by the names "
            "'flat'\n"
            "missing:\n"
            "  'bn.bias' (here 'tower.norm.bias'): f32[4]\n"
            "of another type or shape:\n"
            "  'features.one.weight' (here 'tower.one.weight'): f32[2, 4], the "
            "model's is f32[4, 2]\n"
            "  'out.weight': f32[10, 4], the model's is f32[3, 4]\n"
            "not in the model:\n"
            "  'head.bias': f32[7]\n");
  ASSERT_EQ(load("f", "--partial"), 0) << err;
  EXPECT_NE(out.find("f: took 5 of 8 weights\nmissing:\n"), std::string::npos)
      << out;
  EXPECT_EQ(read("w", "tower.one.bias"), read("f", "features.one.bias"));
  EXPECT_EQ(read("w", "tower.norm.bias"), std::vector<float>(4, 0));
  writeFile("g", {{"other", {1}, 0}});
  EXPECT_EQ(load("g", "--partial"), 1);
  EXPECT_NE(err.find("g: 0 of 8 weights"), std::string::npos) << err;
  EXPECT_EQ(varve("train net.varve --partial"), 64);
  EXPECT_EQ(varve("train net.varve --names flatt"), 64);
  EXPECT_EQ(err, "varve: error: the model has no names 'flatt'; it has flat, "
                 "packed\n");
}

// What is more in the file than in the model is said, and no error; PyTorch's
// counters of batches are not worth a word.
TEST_F(Weights, MayBeMoreThanTheModelHas) {
  std::vector<Entry> entries = flat();
  entries.push_back({"bn.num_batches_tracked", {}, 0});
  writeFile("f", entries);
  ASSERT_EQ(load("f"), 0) << err;
  EXPECT_EQ(out.find("not in the model"), std::string::npos) << out;
  entries.push_back({"head.bias", {7}, 0});
  writeFile("f", entries);
  ASSERT_EQ(load("f"), 0) << err;
  EXPECT_NE(out.find("f: not in the model: head.bias\n"), std::string::npos)
      << out;
  ASSERT_EQ(varve("eval net.varve --weights f"), 0) << err;
  EXPECT_NE(err.find("warning: f: not in the model: head.bias"),
            std::string::npos)
      << err;
}

TEST_F(Weights, FrozenByPattern) {
  writeFile("f", flat());
  auto learned = [&](const std::string &name) {
    return read("w", name) != read("v", name);
  };
  ASSERT_EQ(load("f", "--names flat"), 0) << err;
  folder.write("v", folder.read("w"));
  for (std::string line : {"", "  freeze \"tower.**\"\n",
                           "  freeze \"tower.**\" (eval: true)\n"}) {
    write(line);
    ASSERT_EQ(varve("train net.varve --init-from f --out w --names flat"), 0)
        << err;
    EXPECT_EQ(learned("features.one.weight"), line.empty()) << line;
    EXPECT_TRUE(learned("out.weight")) << line;
    // The statistics go on, unless the layers are in evaluation.
    bool eval = line.find("eval") != std::string::npos;
    EXPECT_EQ(read("w", "bn.running_mean") == read("f", "bn.running_mean"),
              eval)
        << line;
  }
  // Nothing is dropped either: two runs of different seeds are the same but
  // for the order of samples, which one whole batch does not see.
  write("  freeze \"tower.**\" (eval: true)\n  batch 8\n");
  ASSERT_EQ(varve("train net.varve --init-from f --out a --seed 1"), 0) << err;
  ASSERT_EQ(varve("train net.varve --init-from f --out b --seed 2"), 0) << err;
  std::vector<float> a = read("a", "out.weight"), b = read("b", "out.weight");
  ASSERT_EQ(a.size(), 12u);
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-4);
}

} // namespace
