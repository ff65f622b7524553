// The manifest's JSON, and which settings win.
#include "Learn/Manifest.h"
#include "Learn/Settings.h"
#include <gtest/gtest.h>

namespace varve {
namespace {

Manifest parse(const char *text) {
  auto manifest = parseManifest(text);
  EXPECT_TRUE(manifest) << (manifest ? "" : manifest.error().message);
  return manifest ? std::move(*manifest) : Manifest();
}

TEST(Manifest, ReadsEveryKey) {
  Manifest manifest = parse(R"({
    "model": "mlp",
    "train": {
      "data": {"name": "csv", "options": {"path": "a.csv", "header": true},
        "fields": [{"name": "digit", "dtype": "u8", "shape": [2, 3],
                    "from": ["a", "b"], "classes": 3,
                    "class_names": ["x", "y", "z"]}]},
      "batch": 128, "epochs": 10, "steps": 7, "seed": 3, "validate": 0.1,
      "patience": 5, "monitor": "accuracy", "checkpoint_every": 1000,
      "init_from": "w.safetensors", "losses": ["loss", "aux"],
      "metrics": ["accuracy"]},
    "hyper": {"optimizer.lr": 0.001},
    "labels": {"digit": ["0", "1"]}})");
  EXPECT_EQ(manifest.model, "mlp");
  ASSERT_TRUE(manifest.train);
  const Manifest::Train &train = *manifest.train;
  EXPECT_EQ(train.data.name, "csv");
  EXPECT_EQ(train.data.options.at("path"), "a.csv");
  EXPECT_EQ(train.data.options.at("header"), "true");
  ASSERT_EQ(train.data.fields.size(), 1u);
  const ManifestField &field = train.data.fields[0];
  EXPECT_EQ(field.name, "digit");
  EXPECT_EQ(field.type, DType::U8);
  EXPECT_EQ(field.shape, std::vector<int64_t>({2, 3}));
  EXPECT_EQ(field.from, std::vector<std::string>({"a", "b"}));
  EXPECT_EQ(field.classes, 3);
  EXPECT_EQ(field.classNames.size(), 3u);
  EXPECT_EQ(train.batch, 128);
  EXPECT_EQ(train.epochs, 10);
  EXPECT_EQ(train.steps, 7);
  EXPECT_EQ(train.seed, 3);
  EXPECT_EQ(train.validate, 0.1);
  EXPECT_EQ(train.patience, 5);
  EXPECT_EQ(train.monitor, "accuracy");
  EXPECT_EQ(train.checkpointEvery, 1000);
  EXPECT_EQ(train.initFrom, "w.safetensors");
  EXPECT_EQ(train.losses, std::vector<std::string>({"loss", "aux"}));
  EXPECT_EQ(train.metrics, std::vector<std::string>({"accuracy"}));
  EXPECT_EQ(manifest.hyper.at("optimizer.lr"), 0.001);
  EXPECT_EQ(manifest.labels.at("digit").size(), 2u);
}

TEST(Manifest, ReadsNamesAndGraph) {
  Manifest manifest = parse(R"({
    "names": [{"name": "theirs", "ours": ["a.*"], "theirs": ["b.*"]}],
    "graph": [{"name": "conv", "type": "f32[8, 4]", "from": []},
              {"name": "out", "type": "f32[8, 2]", "from": [0]}],
    "stages": [{"name": "conv", "layers": ["conv"]}]})");
  ASSERT_EQ(manifest.names.size(), 1u);
  EXPECT_EQ(manifest.names[0].name, "theirs");
  EXPECT_EQ(manifest.names[0].theirs, std::vector<std::string>({"b.*"}));
  ASSERT_EQ(manifest.graph.size(), 2u);
  EXPECT_EQ(manifest.graph[1].type, "f32[8, 2]");
  EXPECT_EQ(manifest.graph[1].from, std::vector<int64_t>({0}));
  ASSERT_EQ(manifest.stages.size(), 1u);
  EXPECT_EQ(manifest.stages[0].layers, std::vector<std::string>({"conv"}));
  // Compiled code does not read them, but pages do: places are checked.
  EXPECT_FALSE(parseManifest(R"({"graph": [{"from": [0]}]})"));
  EXPECT_FALSE(parseManifest(R"({"names": [{"ours": ["a"]}]})"));
  EXPECT_FALSE(parseManifest(R"({"graph": 3})"));
}

TEST(Manifest, ReadsUpdatesAndImports) {
  Manifest manifest = parse(R"({
    "adapters": [{"weight": "w", "a": "w.lora_a", "b": "w.lora_b",
                  "scale": 0.5, "transposed": 1}],
    "frozen": ["w"],
    "imports": {"files": ["n.onnx"], "prefixes": ["body"],
                "keys": ["body.w"]}})");
  ASSERT_EQ(manifest.adapters.size(), 1u);
  EXPECT_EQ(manifest.adapters[0].b, "w.lora_b");
  EXPECT_EQ(manifest.adapters[0].scale, 0.5);
  EXPECT_EQ(manifest.adapters[0].transposed, 1);
  EXPECT_EQ(manifest.frozen, std::vector<std::string>({"w"}));
  ASSERT_TRUE(manifest.imports);
  EXPECT_EQ(manifest.imports->prefixes, std::vector<std::string>({"body"}));
  EXPECT_EQ(manifest.imports->keys, std::vector<std::string>({"body.w"}));
  EXPECT_FALSE(parseManifest(R"({"imports": {"files": ["n.onnx"]}})"));
  EXPECT_FALSE(parseManifest(R"({"adapters": [{"scale": "x"}]})"));
}

TEST(Manifest, AbsentKeysAreDefaults) {
  Manifest manifest = parse("{}");
  EXPECT_FALSE(manifest.train);
  manifest = parse(R"({"train": {"monitor": null}})");
  ASSERT_TRUE(manifest.train);
  EXPECT_EQ(manifest.train->batch, 0);
  EXPECT_EQ(manifest.train->monitor, "");
}

TEST(Manifest, RefusesWrongKinds) {
  auto messageOf = [](const char *text) {
    auto manifest = parseManifest(text);
    EXPECT_FALSE(manifest) << text;
    return manifest ? "" : manifest.error().message;
  };
  std::string start = "the artifact's manifest is malformed: ";
  EXPECT_EQ(messageOf("{\"model\": "), "the artifact's manifest is no JSON");
  EXPECT_EQ(messageOf("[]"), start + "manifest is not an object");
  EXPECT_EQ(messageOf(R"({"model": 1})"),
            start + "manifest.model is not a string");
  EXPECT_EQ(messageOf(R"({"train": 1})"), start + "train is not an object");
  EXPECT_EQ(messageOf(R"({"train": {"batch": 1.5}})"),
            start + "train.batch is not an integer");
  EXPECT_EQ(messageOf(R"({"train": {"losses": [1]}})"),
            start + "train.losses is not an array of strings");
  EXPECT_EQ(messageOf(R"({"train": {"data": {"fields": 1}}})"),
            start + "train.data.fields is not an object");
  EXPECT_EQ(messageOf(R"({"train": {"data": {"fields": [{"dtype": "f33"}]}}})"),
            start + "train.data.fields.dtype is not an element type");
  EXPECT_EQ(messageOf(R"({"hyper": {"lr": "x"}})"),
            start + "hyper.lr is not a number");
  EXPECT_EQ(messageOf(R"({"labels": ["x"]})"),
            start + "labels is not an object");
}

/// A manifest with a train block, to be changed.
Manifest trained() {
  Manifest manifest;
  manifest.model = "m";
  manifest.train.emplace();
  manifest.train->batch = 32;
  manifest.train->epochs = 4;
  manifest.train->seed = 1;
  return manifest;
}

TEST(Settings, OptionsWinOverTheCheckpointOverTheManifest) {
  Manifest manifest = trained();
  TrainOptions options;
  auto settings = decideSettings(manifest, options, nullptr);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->batch, 32);
  EXPECT_EQ(settings->epochs, 4);
  EXPECT_EQ(settings->seed, 1);
  EXPECT_EQ(settings->monitor, "loss");

  TrainSettings checkpoint = *settings;
  checkpoint.epochs = 9;
  checkpoint.seed = 7;
  checkpoint.patience = 3;
  checkpoint.hyper = {{"lr", 0.5}, {"beta", 0.1}};
  options.hyper = {{"lr", 0.25}};
  settings = decideSettings(manifest, options, &checkpoint);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->epochs, 9);
  EXPECT_EQ(settings->seed, 7);
  EXPECT_EQ(settings->patience, 3);
  EXPECT_EQ(settings->hyper.at("lr"), 0.25);
  EXPECT_EQ(settings->hyper.at("beta"), 0.1);

  options.epochs = 12;
  options.patience = 0;
  settings = decideSettings(manifest, options, &checkpoint);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->epochs, 12);
  EXPECT_EQ(settings->patience, 0);
  options.seed = 8;
  EXPECT_FALSE(decideSettings(manifest, options, &checkpoint));
}

TEST(Settings, StepsAndEpochsExcludeEachOther) {
  Manifest manifest = trained();
  TrainOptions options;
  options.steps = 100;
  auto settings = decideSettings(manifest, options, nullptr);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->steps, 100);
  EXPECT_EQ(settings->epochs, 0);
  options.epochs = 1;
  settings = decideSettings(manifest, options, nullptr);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().kind, ErrorKind::Usage);
}

TEST(Settings, MonitorsTheValidationLossWhereThereIsOne) {
  Manifest manifest = trained();
  manifest.train->validate = 0.1;
  auto settings = decideSettings(manifest, {}, nullptr);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->monitor, "val_loss");
}

TEST(Settings, RefusesValuesThatMakeNoSense) {
  auto messageOf = [](TrainOptions options) {
    auto settings = decideSettings(trained(), options, nullptr);
    EXPECT_FALSE(settings);
    return settings ? "" : settings.error().message;
  };
  TrainOptions options;
  options.validate = 1;
  EXPECT_EQ(messageOf(options), "validate 1 is outside 0 to 1");
  options = {};
  options.patience = -1;
  EXPECT_EQ(messageOf(options), "patience -1 is below 0");
  options = {};
  options.epochs = -2;
  EXPECT_EQ(messageOf(options), "epochs -2 is below 0");
  Manifest untrained;
  untrained.model = "m";
  auto settings = decideSettings(untrained, {}, nullptr);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message, "model 'm' has no train block");
}

TEST(Settings, WhichWayIsBetter) {
  Manifest manifest = trained();
  manifest.train->losses = {"loss", "reconstruction"};
  for (const char *name :
       {"loss", "val_loss", "reconstruction", "val_reconstruction",
        "val_mean_error", "mae", "perplexity"})
    EXPECT_FALSE(largerIsBetter(name, manifest)) << name;
  for (const char *name : {"accuracy", "val_accuracy", "val_top5"})
    EXPECT_TRUE(largerIsBetter(name, manifest)) << name;
}

} // namespace
} // namespace varve
