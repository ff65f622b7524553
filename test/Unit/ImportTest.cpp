// What the importer makes of models: state, interfaces, sharing, settings; and
// every diagnostic, in test/Language/Import.
#include "ImportHelper.h"

#include "Support/File.h"

#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

using namespace mlir;
using namespace varve;
using namespace varve::test;
namespace fs = std::filesystem;

namespace {

ImportRequest example(const std::string &name, std::string function) {
  fs::path path = fs::path(VARVE_EXAMPLES_DIR) / (name + ".varve");
  Result<std::string> text = readFile(path.string());
  EXPECT_TRUE(text) << path;
  ImportRequest request = requestOf(*text, std::move(function));
  request.path = path.string();
  return request;
}

/// An imported program as short texts.
struct Described : Imported {
  using Imported::Imported;

  /// "hidden.weight: 128x784xf32", in order.
  std::vector<std::string> states() {
    std::vector<std::string> out;
    for (StateOp state : top.getOps<StateOp>())
      out.push_back(state.getSymName().str() + " " + typeText(state.getType()));
    return out;
  }
  static std::string typeText(Type type) {
    std::string out;
    llvm::raw_string_ostream stream(out);
    stream << type;
    return out;
  }
  /// "image field tensor<...>" for inputs; names and kinds of results.
  std::vector<std::string> inputs() {
    std::vector<std::string> out;
    for (auto [i, info] : llvm::enumerate(func.getInputs()))
      out.push_back(describe(info) + " " +
                    typeText(func.getBody().getArgument(i).getType()));
    return out;
  }
  std::vector<std::string> results() {
    std::vector<std::string> out;
    for (auto [i, info] : llvm::enumerate(func.getResults()))
      out.push_back(
          describe(info) + " " +
          typeText(func.getReturn().getOperand(unsigned(i)).getType()));
    return out;
  }
  static std::string describe(Attribute info) {
    auto entry = llvm::cast<DictionaryAttr>(info);
    return (entry.getAs<StringAttr>("name").getValue() + " " +
            entry.getAs<StringAttr>("kind").getValue())
        .str();
  }
  StateOp state(StringRef name) {
    for (StateOp state : top.getOps<StateOp>())
      if (state.getSymName() == name)
        return state;
    return {};
  }
  unsigned count(StringRef operation) {
    unsigned n = 0;
    func.walk([&](Operation *op) {
      n += op->getName().getStringRef() == ("varve." + operation).str();
    });
    return n;
  }
};

using Strings = std::vector<std::string>;

/// A model of one dense layer over MNIST, with more settings.
std::string small(const std::string &settings,
                  const std::string &body = "  return flatten(image) |> "
                                            "dense(10) as out\n") {
  return "model net(image: f32[N, 28, 28], width: int = 4) -> logits: f32[N, "
         "10] {\n" +
         body +
         "}\n\ntrain net {\n  data mnist\n  prepare { image = image / 255 }\n"
         "  loss cross_entropy(logits, label)\n  optimizer adam(lr: 1e-3)\n" +
         settings + "}\n";
}

//===----------------------------------------------------------------------===//
// Interfaces and state
//===----------------------------------------------------------------------===//

TEST(Import, DeclaresStateOfMnistMlp) {
  Described net(example("mnist_mlp", "train_step"));
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.top.getSymName(), "mnist_mlp");
  EXPECT_EQ(net.states(),
            (Strings{"hidden.weight tensor<128x784xf32>",
                     "hidden.bias tensor<128xf32>",
                     "output.weight tensor<10x128xf32>",
                     "output.bias tensor<10xf32>", "step tensor<i64>"}));
  // Glorot: uniform below sqrt(6 / (fan in + fan out)).
  StateOp weight = net.state("hidden.weight");
  EXPECT_EQ(weight.getRole(), "param");
  EXPECT_EQ(weight.getInit(), "uniform");
  double bound = std::sqrt(6.0 / (784 + 128));
  EXPECT_DOUBLE_EQ(weight.getA().convertToDouble(), -bound);
  EXPECT_DOUBLE_EQ(weight.getB().convertToDouble(), bound);
  StateOp bias = net.state("hidden.bias");
  EXPECT_EQ(bias.getInit(), "constant");
  EXPECT_EQ(bias.getA().convertToDouble(), 0);
  EXPECT_EQ(net.state("step").getRole(), "counter");
}

TEST(Import, TrainStepReadsStoredSamples) {
  Described net(example("mnist_mlp", "train_step"));
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.inputs(), (Strings{"image field tensor<?x28x28xui8>",
                                   "label field tensor<?xui8>",
                                   "indices indices tensor<128xi64>"}));
  EXPECT_EQ(net.results(),
            (Strings{"loss loss tensor<f32>", "accuracy metric tensor<f32>"}));
  EXPECT_EQ(net.func.getBatch(), 128u);
  EXPECT_TRUE(net.func.getLearns());
}

TEST(Import, EvalStepLearnsNothing) {
  ImportRequest request = example("mnist_mlp", "eval_step");
  request.batch = 96;
  Described net(request);
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.inputs()[2], "indices indices tensor<96xi64>");
  EXPECT_FALSE(net.func.getLearns());
  EXPECT_TRUE(net.func.getUpdates().empty());
}

TEST(Import, InferTakesTheModelsInputs) {
  Described net(example("mnist_mlp", "infer"));
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.inputs(), (Strings{"image input tensor<1x28x28xf32>"}));
  EXPECT_EQ(net.results(), (Strings{"digit output tensor<1xi64>",
                                    "probability output tensor<1x10xf32>"}));
}

TEST(Import, FunctionsShareOneTableOfState) {
  for (const char *name : {"mnist_mlp", "siamese", "iris"}) {
    Described train(example(name, "train_step"));
    Described eval(example(name, "eval_step"));
    Described infer(example(name, "infer"));
    ASSERT_TRUE(train.func && eval.func && infer.func) << name;
    EXPECT_EQ(train.states(), eval.states()) << name;
    EXPECT_EQ(train.states(), infer.states()) << name;
  }
}

// A head that only the loss has is a parameter of every function.
TEST(Import, InferenceKeepsStateOfLosses) {
  std::string text = small("  loss extra = mean(dense(logits, 3) as head)\n");
  Described infer(requestOf(text, "infer"));
  ASSERT_TRUE(infer.func) << infer.error.message;
  EXPECT_TRUE(infer.state("head.weight"));
  EXPECT_EQ(infer.func.getUses().size(), 2u);
  Described train(requestOf(text, "train_step"));
  EXPECT_EQ(train.results(), (Strings{"loss loss tensor<f32>",
                                      "cross_entropy loss_part tensor<f32>",
                                      "extra loss_part tensor<f32>"}));
}

// What a layer ends with may be read by nothing that inference gives. (Memory
// that is free is not always another's: so several times.)
TEST(Import, LayersWhoseValueNobodyReads) {
  for (int i = 0; i < 20; ++i) {
    Described infer(example("vae", "infer"));
    ASSERT_TRUE(infer.func) << infer.error.message;
    EXPECT_EQ(infer.func.getUses().size(), 8u);
  }
}

TEST(Import, SharesALayerAppliedAgain) {
  Described net(example("siamese", "train_step"));
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.states().size(), 5u);
  EXPECT_EQ(net.func.getUses().size(), 4u);
  EXPECT_EQ(net.count("matmul"), 4u);
  Value weight = net.func.getUse("embed.fc1.weight");
  ASSERT_TRUE(weight);
  EXPECT_EQ(std::distance(weight.user_begin(), weight.user_end()), 2);
}

TEST(Import, TiesWeightsByPath) {
  Described net(requestOf("model net(x: f32[N, 8]) -> f32[N, 8] {\n"
                          "  h = dense(x, 4, bias: false) as down\n"
                          "  return h @ down.weight\n}\n",
                          "infer"));
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.func.getUses().size(), 1u);
  EXPECT_EQ(net.count("matmul"), 2u);
}

TEST(Import, KeysFollowThePath) {
  Described net(requestOf("block pair(x: float[N, C]) -> float[N, C] {\n"
                          "  x = dense(x, C) as a\n"
                          "  layer tail { x = dense(x, C, bias: false) }\n"
                          "  return x\n}\n\n"
                          "model net(x: f32[N, 8]) -> f32[N, 8] {\n"
                          "  repeat i in 0..2 { x = pair(x) as h[i].mlp }\n"
                          "  return x\n}\n",
                          "infer"));
  ASSERT_TRUE(net.func) << net.error.message;
  Strings names;
  for (const std::string &state : net.states())
    names.push_back(state.substr(0, state.find(' ')));
  EXPECT_EQ(names, (Strings{"h.0.mlp.a.weight", "h.0.mlp.a.bias",
                            "h.0.mlp.tail.weight", "h.1.mlp.a.weight",
                            "h.1.mlp.a.bias", "h.1.mlp.tail.weight", "step"}));
}

TEST(Import, RunningStateIsUpdatedInTrainingOnly) {
  std::string body = "  state seen: f32[] = 0\n"
                     "  if training { seen = seen + 1 }\n"
                     "  return flatten(image) |> dense(10) as out\n";
  Described train(requestOf(small("", body), "train_step"));
  ASSERT_TRUE(train.func) << train.error.message;
  ASSERT_EQ(train.func.getUpdates().size(), 1u);
  EXPECT_EQ(
      llvm::cast<FlatSymbolRefAttr>(train.func.getUpdates()[0]).getValue(),
      "seen");
  EXPECT_EQ(train.state("seen").getRole(), "running");
  Described eval(requestOf(small("", body), "eval_step"));
  EXPECT_TRUE(eval.func.getUpdates().empty());
}

TEST(Import, ScheduleComesLast) {
  Described net(requestOf(small("  schedule cosine(step / steps) * epoch\n"),
                          "train_step"));
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.results().back(), "schedule schedule tensor<f32>");
  // What the factor reads, and nothing else.
  EXPECT_EQ(net.inputs()[3], "epoch epoch tensor<i64>");
  EXPECT_EQ(net.inputs()[4], "steps steps tensor<i64>");
  EXPECT_EQ(net.inputs().size(), 5u);
  EXPECT_TRUE(net.func.getUse("step"));
}

TEST(Import, PlacesAreOfTheTextAndOfTheCalls) {
  Described net(requestOf("model net(x: f32[N, 8]) -> f32[N, 8] {\n"
                          "  layer one { x = dense(x, 8) }\n"
                          "  return x\n}\n",
                          "infer"));
  ASSERT_TRUE(net.func) << net.error.message;
  MatmulOp matmul;
  net.func.walk([&](MatmulOp op) { matmul = op; });
  auto named = llvm::dyn_cast<NameLoc>(matmul.getLoc());
  ASSERT_TRUE(named);
  EXPECT_EQ(named.getName(), "one");
  auto call = llvm::dyn_cast<CallSiteLoc>(named.getChildLoc());
  ASSERT_TRUE(call);
  auto place = llvm::dyn_cast<FileLineColLoc>(call.getCaller());
  ASSERT_TRUE(place);
  EXPECT_EQ(place.getFilename(), "net.varve");
  EXPECT_EQ(place.getLine(), 2u);
  EXPECT_EQ(place.getColumn(), 19u);
}

// The layer's value comes first, then what else is read after it.
TEST(Import, LayersAreRegions) {
  Described net(requestOf("model net(x: f32[N, 8]) -> f32[N, 8] {\n"
                          "  layer one {\n"
                          "    a = x * 2\n"
                          "    b = dense(a, 8) as fc\n"
                          "  }\n"
                          "  return relu(b) as act + a\n}\n",
                          "infer"));
  ASSERT_TRUE(net.func) << net.error.message;
  SmallVector<LayerOp> layers;
  net.func.walk<WalkOrder::PreOrder>(
      [&](LayerOp layer) { layers.push_back(layer); });
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].getPath(), "one");
  EXPECT_EQ(layers[1].getPath(), "one.fc");
  EXPECT_EQ(layers[2].getPath(), "act");
  EXPECT_EQ(layers[1]->getParentOp(), layers[0].getOperation());
  ASSERT_EQ(layers[0].getNumResults(), 2u);
  auto yield = llvm::cast<YieldOp>(layers[0].getBody().front().back());
  EXPECT_EQ(yield.getValues()[0], layers[1].getResult(0));
  EXPECT_TRUE(yield.getValues()[1].getDefiningOp<MulOp>());
}

//===----------------------------------------------------------------------===//
// Settings
//===----------------------------------------------------------------------===//

TEST(Import, TrainAttributesFillInDefaults) {
  Described net(requestOf(small("  group \"*.bias\" (lr: 0.5)\n"
                                "  freeze \"out.weight\"\n"
                                "  clip_norm 2\n"),
                          "train_step"));
  ASSERT_TRUE(net.func) << net.error.message;
  DictionaryAttr train = net.top.getTrainAttr();
  auto optimizer = train.getAs<DictionaryAttr>("optimizer");
  EXPECT_EQ(optimizer.getAs<StringAttr>("name").getValue(), "adam");
  EXPECT_EQ(optimizer.getAs<FloatAttr>("lr").getValueAsDouble(), 1e-3);
  EXPECT_EQ(optimizer.getAs<FloatAttr>("eps").getValueAsDouble(), 1e-8);
  EXPECT_EQ(optimizer.getAs<ArrayAttr>("betas").size(), 2u);
  auto group = llvm::cast<DictionaryAttr>(train.getAs<ArrayAttr>("groups")[0]);
  EXPECT_EQ(group.getAs<FloatAttr>("lr").getValueAsDouble(), 0.5);
  EXPECT_EQ(
      llvm::cast<StringAttr>(group.getAs<ArrayAttr>("patterns")[0]).getValue(),
      "*.bias");
  EXPECT_EQ(train.getAs<ArrayAttr>("freeze").size(), 1u);
  EXPECT_EQ(train.getAs<FloatAttr>("clip_norm").getValueAsDouble(), 2.0);
}

TEST(Import, CommandLineOverrides) {
  ImportRequest request = requestOf(
      small("", "  return flatten(image) |> dense(width) as fc |> dense(10) "
                "as out\n"),
      "train_step");
  request.set = {
      "batch=64",          "optimizer.lr=0.01", "optimizer.betas=0.5,0.75",
      "model.width=2 * 8", "epochs=3",          "monitor=val_loss"};
  Described net(request);
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.func.getBatch(), 64u);
  EXPECT_EQ(net.states()[0], "fc.weight tensor<16x784xf32>");
  auto optimizer = net.top.getTrainAttr().getAs<DictionaryAttr>("optimizer");
  EXPECT_EQ(optimizer.getAs<FloatAttr>("lr").getValueAsDouble(), 0.01);
  EXPECT_EQ(llvm::cast<FloatAttr>(optimizer.getAs<ArrayAttr>("betas")[1])
                .getValueAsDouble(),
            0.75);
  auto train = net.top.getSettingsAttr().getAs<DictionaryAttr>("train");
  EXPECT_EQ(train.getAs<IntegerAttr>("epochs").getInt(), 3);
  EXPECT_EQ(train.getAs<StringAttr>("monitor").getValue(), "val_loss");
}

TEST(Import, RejectsOverridesOfWhatIsNotThere) {
  auto errorOf = [&](const char *set) {
    ImportRequest request = requestOf(small(""), "train_step");
    request.set = {set};
    return Described(request).error.message;
  };
  EXPECT_NE(errorOf("model.widht=3").find("did you mean `width`?"),
            std::string::npos);
  EXPECT_NE(errorOf("bacth=3").find("did you mean `batch`?"),
            std::string::npos);
  EXPECT_NE(errorOf("data=cifar10").find("`data` cannot be set from here"),
            std::string::npos);
  EXPECT_NE(errorOf("batch").find("an override is KEY=VALUE"),
            std::string::npos);
  EXPECT_NE(errorOf("batch.x=1").find("`batch` has no argument `x`"),
            std::string::npos);
  EXPECT_NE(errorOf("optimizer.momentum=1").find("has no argument `momentum`"),
            std::string::npos);
  EXPECT_NE(errorOf("learning=3").find("`learning` is a name"),
            std::string::npos);
}

TEST(Import, SettingsSpeakOfTheDataSet) {
  Described net(example("iris", "train_step"));
  ASSERT_TRUE(net.func) << net.error.message;
  DictionaryAttr settings = net.top.getSettingsAttr();
  auto data =
      settings.getAs<DictionaryAttr>("train").getAs<DictionaryAttr>("data");
  EXPECT_EQ(data.getAs<StringAttr>("name").getValue(), "csv");
  EXPECT_EQ(data.getAs<DictionaryAttr>("options")
                .getAs<StringAttr>("path")
                .getValue(),
            "iris.csv");
  auto flower = llvm::cast<DictionaryAttr>(data.getAs<ArrayAttr>("fields")[0]);
  EXPECT_EQ(flower.getAs<StringAttr>("dtype").getValue(), "f32");
  EXPECT_EQ(flower.getAs<ArrayAttr>("from").size(), 4u);
  auto species = llvm::cast<DictionaryAttr>(data.getAs<ArrayAttr>("fields")[1]);
  EXPECT_EQ(species.getAs<StringAttr>("dtype").getValue(), "u8");
  EXPECT_EQ(species.getAs<IntegerAttr>("classes").getInt(), 3);
  EXPECT_EQ(species.getAs<ArrayAttr>("class_names").size(), 3u);
  auto labels = settings.getAs<DictionaryAttr>("labels");
  EXPECT_EQ(labels.getAs<ArrayAttr>("species").size(), 3u);
}

TEST(Import, BringsBlocksOfOtherFiles) {
  fs::path folder = fs::path(testing::TempDir()) / "varve-import";
  fs::create_directories(folder);
  ASSERT_TRUE(writeFile((folder / "blocks.varve").string(),
                        {"block twice(x: float[...]) -> float[...] {\n"
                         "  return hidden(x)\n}\n\n"
                         "block hidden(x: float[...]) -> float[...] {\n"
                         "  return x + x\n}\n"}));
  ImportRequest request = requestOf("use twice from \"blocks.varve\"\n\n"
                                    "model net(x: f32[N, 8]) -> f32[N, 8] {\n"
                                    "  return twice(x)\n}\n",
                                    "infer");
  request.path = (folder / "net.varve").string();
  Described net(request);
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.count("add"), 1u);
  EXPECT_EQ(net.program.files, (Strings{(folder / "blocks.varve").string()}));
  // What the other file uses itself stays private.
  request.text = "use hidden, twice from \"blocks.varve\"\n\n"
                 "model net(x: f32[N, 8]) -> f32[N, 8] {\n"
                 "  return inner(x)\n}\n";
  EXPECT_NE(Described(request).error.message.find("unknown block `inner`"),
            std::string::npos);
}

TEST(Import, DimensionsOfTheCommandLine) {
  ImportRequest request =
      requestOf("model net(x: f32[N, T, 4]) -> f32[N, T, 4] {\n"
                "  return x\n}\n",
                "infer");
  request.dims = {{"T", 6}};
  request.batch = 3;
  Described net(request);
  ASSERT_TRUE(net.func) << net.error.message;
  EXPECT_EQ(net.inputs(), (Strings{"x input tensor<3x6x4xf32>"}));
}

TEST(Import, DimensionsAreSet) {
  const std::string model = "model net(x: f32[N, T, 4]) -> f32[N, T, 4] {\n"
                            "  return dense(x, 4) as out\n}\n\n";
  auto trained = [&](const std::string &shape) {
    return model + "train net {\n"
                   "  data npz(\"x.npz\") { x: f32[" +
           shape +
           ", 4]  y: f32[2] }\n"
           "  loss mean(output) + mean(y)\n"
           "  optimizer sgd(lr: 1)\n  batch 3\n}\n";
  };
  auto described = [&](const std::string &text, const std::string &function,
                       const std::string &set) {
    ImportRequest request = requestOf(text, function);
    request.set = {set};
    request.batch = 3;
    return Described(request);
  };
  EXPECT_EQ(described(model, "infer", "dim.T=6").inputs(),
            (Strings{"x input tensor<3x6x4xf32>"}));
  EXPECT_EQ(described(trained("T"), "train_step", "dim.T=6").inputs()[0],
            "x field tensor<?x6x4xf32>");
  // Inference may take another size than training, which the data decides.
  EXPECT_EQ(described(trained("5"), "infer", "dim.T=6").inputs(),
            (Strings{"x input tensor<3x6x4xf32>"}));
  const std::vector<std::array<std::string, 4>> wrong = {
      {trained("5"), "train_step", "dim.T=6", "`T` is 5 by the data, not 6"},
      {model, "infer", "dim.Q=6", "`net` has no dimension `Q`"},
      {model, "infer", "dim.N=6", "`N` counts samples"},
      {model, "infer", "dim.T=0", "a size is an int of 1 or more"},
      {model, "infer", "dim.T=many", "a size is an int of 1 or more"},
  };
  for (const auto &[text, function, set, message] : wrong)
    EXPECT_NE(described(text, function, set).error.message.find(message),
              std::string::npos)
        << set << ": " << described(text, function, set).error.message;
}

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

/// The kind of error and its text. NAME.infer.varve is imported for inference.
std::string outcomeOf(const fs::path &path) {
  Result<std::string> text = readFile(path.string());
  std::string function =
      path.stem().extension() == ".infer" ? "infer" : "train_step";
  ImportRequest request = requestOf(*text, function);
  request.path = path.filename().string();
  Described net(request);
  if (net.func)
    return "[imported]\n";
  return (net.error.kind == ErrorKind::Unsupported ? "[unsupported]\n"
                                                   : "[input]\n") +
         net.error.message + "\n";
}

class ImportDiagnostics : public testing::TestWithParam<fs::path> {};

// With VARVE_UPDATE_EXPECTED set, writes what there is, to be reviewed.
TEST_P(ImportDiagnostics, SaysWhatIsExpected) {
  const fs::path &path = GetParam();
  fs::path expected = path;
  expected.replace_extension(".expected");
  fs::path before = fs::current_path();
  fs::current_path(path.parent_path());
  std::string outcome = outcomeOf(path.filename());
  if (getenv("VARVE_UPDATE_EXPECTED")) {
    ASSERT_TRUE(writeFile(expected.filename().string(), {outcome}));
  }
  Result<std::string> wanted = readFile(expected.filename().string());
  fs::current_path(before);
  ASSERT_TRUE(wanted) << expected;
  EXPECT_EQ(outcome, *wanted);
}

std::vector<fs::path> diagnosticTexts() {
  std::vector<fs::path> paths;
  for (const auto &entry : fs::directory_iterator(VARVE_IMPORT_TEXTS_DIR))
    if (entry.path().extension() == ".varve")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Texts, ImportDiagnostics,
                         testing::ValuesIn(diagnosticTexts()),
                         [](const auto &info) {
                           std::string name = info.param.stem().string();
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

} // namespace
