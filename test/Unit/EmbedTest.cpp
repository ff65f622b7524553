// Models and sessions as a program sees them: nothing but public headers.
#include "EmbedHelper.h"
#include "varve-c/Varve.h"
#include "varve/Version.h"
#include <thread>

using namespace varve;

namespace {

TEST(Embed, VersionsAreThoseOfTheHeaders) {
  Versions here = versions();
  EXPECT_EQ(here.api, VARVE_API_VERSION);
  EXPECT_EQ(here.artifact, VARVE_ABI_VERSION);
  EXPECT_EQ(here.compiler, VARVE_COMPILER_API);
  EXPECT_EQ(here.dialect, VARVE_DIALECT_VERSION);
  auto compiler = compilerVersion();
  ASSERT_TRUE(compiler) << compiler.error().message;
  EXPECT_EQ(compiler->rfind(here.library + " (LLVM ", 0), 0u) << *compiler;
}

TEST(Embed, ModelWithAnImportIsRefused) {
  ModelOptions options;
  options.path = VARVE_EXAMPLES "/fine_tune_onnx.varve";
  auto model = Model::open(options);
  ASSERT_TRUE(model);
  auto session = Session::open(*model, {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(session.error().message.find("`import`"), std::string::npos);
}

TEST(Embed, WrongModelGivesPlaceLineAndCaret) {
  ModelOptions options;
  options.path = "folder/wrong.varve";
  options.text = "model m(x: f32[N, 2]) -> y: f32[N, 2] {\n"
                 "  return x |> rellu\n"
                 "}\n";
  auto model = Model::open(options);
  ASSERT_TRUE(model);
  SessionOptions infer;
  infer.function = "infer";
  auto session = Session::open(*model, infer);
  ASSERT_FALSE(session);
  const std::string &message = session.error().message;
  EXPECT_EQ(session.error().kind, ErrorKind::Input);
  EXPECT_EQ(message.rfind("folder/wrong.varve:2:15: ", 0), 0u) << message;
  EXPECT_NE(message.find("  return x |> rellu\n"), std::string::npos);
  EXPECT_NE(message.find("^"), std::string::npos);
}

TEST(Embed, ModelFileThatIsMissing) {
  auto model = Model::open({"no/such.varve"});
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("no/such.varve"), std::string::npos);
}

TEST(Embed, TellsWhatTheModelIsMadeOf) {
  Session session = openSession(openModel());
  EXPECT_EQ(session.name(), "tiny");
  std::vector<TensorInfo> fields = session.fields();
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].name, "x");
  EXPECT_EQ(fields[0].shape, std::vector<int64_t>{3});
  EXPECT_EQ(fields[1].name, "y");
  EXPECT_EQ(fields[1].type, DType::U8);
  EXPECT_EQ(fields[1].classes, 2);
}

// 50 samples: three batches of 16 and one of 2.
TEST(Embed, StepsAreTheEpochLoopBitForBit) {
  Model model = openModel();
  Arrays arrays(50);
  Session loop = openSession(model), numbers = openSession(model),
          copies = openSession(model);
  Samples samples = samplesOf(loop, arrays);
  auto outcome = loop.train(samples);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->steps, 8);

  double sum = 0;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    // What the loop tells its steps.
    ASSERT_TRUE(numbers.configure({0, epoch, 2, 8, {}}));
    ASSERT_TRUE(copies.configure({0, epoch, 2, 8, {}}));
    sum = 0;
    forEachBatch(50, 16, 0, epoch, [&](const int64_t *index, int64_t count) {
      auto one = numbers.step(samples, index, count);
      auto two = copies.step(Arrays(arrays, index, count).views());
      ASSERT_TRUE(one) << one.error().message;
      ASSERT_TRUE(two) << two.error().message;
      EXPECT_EQ(*one, *two);
      sum += *one * static_cast<double>(count);
    });
  }
  EXPECT_EQ(bitsOf(numbers), bitsOf(loop));
  EXPECT_EQ(bitsOf(copies), bitsOf(loop));
  EXPECT_EQ(outcome->last[0].first, "loss");
  EXPECT_EQ(outcome->last[0].second, sum / 50);
  EXPECT_EQ(numbers.steps(), 8);
  ASSERT_EQ(numbers.measures().size(), 2u);
  EXPECT_EQ(numbers.measures()[1].first, "accuracy");

  Session other = openSession(model); // it can differ
  TrainOptions seeded;
  seeded.seed = 1;
  ASSERT_TRUE(other.train(samples, seeded));
  EXPECT_NE(bitsOf(other), bitsOf(loop));
}

// Two models, compiled and trained at once from an empty cache.
TEST(Embed, TwoSessionsAtOnceAreTwoInTurn) {
  auto work = [](int hidden, std::map<std::string, std::string> &bits) {
    Session session = openSession(openModel(modelText(3, hidden)), {2});
    Samples samples = samplesOf(session, Arrays(200, unsigned(hidden)));
    TrainOptions options;
    options.epochs = 3;
    auto outcome = session.train(samples, options);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_TRUE(session.evaluate(samples));
    bits = bitsOf(session);
  };
  TemporaryFolder folder;
  std::map<std::string, std::string> turn[2], once[2];
  setenv("VARVE_CACHE", (folder / "one").c_str(), 1);
  work(16, turn[0]);
  work(24, turn[1]);
  setenv("VARVE_CACHE", (folder / "two").c_str(), 1);
  std::thread first([&] { work(16, once[0]); });
  std::thread second([&] { work(24, once[1]); });
  first.join();
  second.join();
  setenv("VARVE_CACHE", VARVE_TEST_CACHE, 1);
  EXPECT_EQ(once[0], turn[0]);
  EXPECT_EQ(once[1], turn[1]);
}

// Of one model, which compiles behind a lock.
TEST(Embed, SessionsOfOneModelAreIndependent) {
  Model model = openModel();
  Arrays arrays(64);
  auto work = [&](uint64_t seed, std::map<std::string, std::string> &bits) {
    Session session = openSession(model);
    TrainOptions options;
    options.seed = static_cast<int64_t>(seed);
    ASSERT_TRUE(session.train(samplesOf(session, arrays), options));
    bits = bitsOf(session);
  };
  std::map<std::string, std::string> turn[2], once[2];
  work(1, turn[0]);
  work(2, turn[1]);
  std::thread first([&] { work(1, once[0]); });
  std::thread second([&] { work(2, once[1]); });
  first.join();
  second.join();
  EXPECT_NE(turn[0], turn[1]);
  EXPECT_EQ(once[0], turn[0]);
  EXPECT_EQ(once[1], turn[1]);
}

/// Asks to stop after a number of steps.
struct Stopper : TrainObserver {
  explicit Stopper(int after) : after(after) {}
  void onStep(const StepReport &) override { ++steps; }
  bool cancelled() override { return steps >= after; }
  int after, steps = 0;
};

TEST(Embed, CancelStopsAfterTheStepAndWritesNothing) {
  TemporaryFolder folder;
  auto before = std::filesystem::current_path();
  Model model = openModel();
  Session session = openSession(model), steps = openSession(model);
  Arrays arrays(50);
  Samples samples = samplesOf(session, arrays);
  std::filesystem::current_path(folder.path);
  Stopper stopper(3);
  TrainOptions options;
  options.observer = &stopper;
  auto outcome = session.train(samples, options);
  std::filesystem::current_path(before);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->end, TrainOutcome::End::Interrupted);
  EXPECT_EQ(outcome->steps, 3);
  EXPECT_EQ(outcome->checkpoint, "");
  EXPECT_EQ(folder.entries(), 0u);

  ASSERT_TRUE(steps.configure({0, 0, 2, 8, {}}));
  int done = 0;
  forEachBatch(50, 16, 0, 0, [&](const int64_t *index, int64_t count) {
    if (done++ < 3) {
      ASSERT_TRUE(steps.step(samples, index, count));
    }
  });
  EXPECT_EQ(bitsOf(session), bitsOf(steps));

  // It goes on being of use: afresh, and from where it stands.
  ASSERT_TRUE(session.train(samples));
  Session whole = openSession(model);
  ASSERT_TRUE(whole.train(samples));
  EXPECT_EQ(bitsOf(session), bitsOf(whole));
  options = {};
  options.keepState = true;
  ASSERT_TRUE(session.train(samples, options));
  EXPECT_EQ(session.steps(), 16);
  EXPECT_NE(bitsOf(session), bitsOf(whole));
}

TEST(Embed, CancelledAndResumedIsNeverStopped) {
  TemporaryFolder folder;
  Model model = openModel();
  Session whole = openSession(model), other = openSession(model);
  Samples samples = samplesOf(whole, Arrays(50));
  ASSERT_TRUE(whole.train(samples));
  Stopper stopper(5);
  TrainOptions options;
  options.observer = &stopper;
  options.checkpoint = folder / "c";
  {
    Session session = openSession(model);
    auto outcome = session.train(samples, options);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->end, TrainOutcome::End::Interrupted);
    EXPECT_EQ(outcome->checkpoint, folder / "c/checkpoint.safetensors");
  }
  options.observer = nullptr;
  options.resume = true;
  ASSERT_TRUE(other.train(samples, options));
  EXPECT_EQ(bitsOf(other), bitsOf(whole));
}

TEST(Embed, CheckpointOfSteps) {
  TemporaryFolder folder;
  Model model = openModel();
  Arrays arrays(16);
  Session whole = openSession(model), first = openSession(model),
          second = openSession(model);
  auto steps = [&](Session &session, int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(session.step(arrays.views()));
  };
  ASSERT_TRUE(whole.initialize(7));
  steps(whole, 5);
  ASSERT_TRUE(first.initialize(7));
  steps(first, 2);
  Status saved = first.saveCheckpoint(folder / "c");
  ASSERT_TRUE(saved) << saved.error().message;
  Status loaded = second.loadCheckpoint(folder / "c");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(second.settings().seed, 7);
  EXPECT_EQ(second.steps(), 2);
  steps(second, 3);
  EXPECT_EQ(second.steps(), 5);
  EXPECT_EQ(bitsOf(second), bitsOf(whole));

  EXPECT_FALSE(second.loadCheckpoint(folder / "none"));
  Session larger = openSession(openModel(modelText(3, 24)));
  Status foreign = larger.loadCheckpoint(folder / "c");
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("another program"), std::string::npos);
}

TEST(Embed, WeightsGoToAFileAndBack) {
  TemporaryFolder folder;
  Model model = openModel();
  Session one = openSession(model);
  Arrays arrays(300);
  Samples samples = samplesOf(one, arrays);
  ASSERT_TRUE(one.train(samples));
  ASSERT_TRUE(one.saveWeights(folder / "w.safetensors"));
  SessionOptions infer;
  infer.function = "infer";
  Session two = openSession(model, infer);
  auto unknown = two.loadWeights(folder / "w.safetensors");
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_TRUE(unknown->empty());

  // 300 samples are two parts; the oracle is the formula.
  auto outputs = two.run({arrays.views()[0]});
  ASSERT_TRUE(outputs) << outputs.error().message;
  ASSERT_EQ(outputs->size(), 1u);
  const Tensor &logits = (*outputs)[0].value;
  ASSERT_EQ(logits.shape, (std::vector<int64_t>{300, 2}));
  auto weight = [&](const char *name) { return *two.state(name); };
  Tensor w1 = weight("hidden.weight"), b1 = weight("hidden.bias"),
         w2 = weight("output.weight"), b2 = weight("output.bias");
  for (size_t i : {size_t(0), size_t(255), size_t(256), size_t(299)})
    for (size_t c = 0; c < 2; ++c) {
      double sum = b2.as<float>()[c];
      for (size_t h = 0; h < 16; ++h) {
        double inner = b1.as<float>()[h];
        for (size_t j = 0; j < 3; ++j)
          inner += double(w1.as<float>()[h * 3 + j]) * arrays.x[i * 3 + j];
        sum += double(w2.as<float>()[c * 16 + h]) * std::tanh(inner);
      }
      EXPECT_NEAR(logits.as<float>()[i * 2 + c], sum, 1e-5);
    }
}

TEST(Embed, StateIsReadAndWritten) {
  Session session = openSession(openModel());
  float values[2] = {0.5f, -1};
  ASSERT_TRUE(session.setState({"output.bias", DType::F32, {2}, values}));
  auto bias = session.state("output.bias");
  ASSERT_TRUE(bias);
  EXPECT_EQ(bias->as<float>()[0], 0.5f);
  EXPECT_EQ(bias->as<float>()[1], -1);
  Status wrong = session.setState({"output.bias", DType::F32, {1, 2}, values});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "'output.bias' is f32[2], not f32[1, 2]");
  EXPECT_FALSE(session.state("no.such"));
}

TEST(Embed, ArraysThatDoNotFitAreNamed) {
  Session session = openSession(openModel());
  Arrays arrays(4);
  auto errorOf = [&](std::vector<ArrayView> views) {
    auto before = bitsOf(session);
    auto stepped = session.step(views);
    EXPECT_FALSE(stepped);
    EXPECT_EQ(bitsOf(session), before);
    auto samples = session.samples(views);
    EXPECT_FALSE(samples);
    return stepped ? std::string() : stepped.error().message;
  };
  std::vector<ArrayView> good = arrays.views(), views = {good[0]};
  EXPECT_NE(errorOf(views).find("'y'"), std::string::npos);
  views = good;
  views[0].shape = {3, 4};
  EXPECT_NE(errorOf(views).find("f32[3, 4]"), std::string::npos);
  views = good;
  views[1].shape = {3};
  EXPECT_NE(errorOf(views).find("has 3"), std::string::npos);
  views = good;
  views[0].data = nullptr;
  EXPECT_NE(errorOf(views).find("without data"), std::string::npos);
  arrays.y[2] = 2; // of classes 0 and 1
  EXPECT_NE(errorOf(arrays.views()).find("2"), std::string::npos);
  EXPECT_FALSE(session.step({}));
  EXPECT_FALSE(session.run({{"x", DType::F32, {4, 2}, arrays.x.data()}}));
  EXPECT_FALSE(session.run({{"z", DType::F32, {4, 3}, arrays.x.data()}}));
  EXPECT_FALSE(session.run({{"x", DType::F32, {4, 3}, nullptr}}));

  Samples samples = samplesOf(session, Arrays(4));
  int64_t outside[] = {0, 4};
  auto stepped = session.step(samples, outside, 2);
  ASSERT_FALSE(stepped);
  EXPECT_EQ(stepped.error().message, "sample 4 is not one of the 4 samples");
  EXPECT_FALSE(session.configure({0, 0, 1, 1, {{"optimizer.mu", 0.5}}}));
}

TEST(Embed, IntegersAreConverted) {
  Model model = openModel();
  Session narrow = openSession(model), wide = openSession(model);
  Arrays arrays(16);
  std::vector<int64_t> y(arrays.y.begin(), arrays.y.end());
  std::vector<ArrayView> views = arrays.views();
  auto one = narrow.step(views);
  views[1] = {"y", DType::I64, {16}, y.data()};
  auto two = wide.step(views);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one, *two);
  EXPECT_EQ(bitsOf(narrow), bitsOf(wide));
}

TEST(Embed, CompilesToAFileThatNeedsNoCompiler) {
  TemporaryFolder folder;
  Model model = openModel();
  Status written = model.compileTo(folder / "tiny.so", "train_step", {16, 2});
  ASSERT_TRUE(written) << written.error().message;
  auto artifact = Model::open({folder / "tiny.so"});
  ASSERT_TRUE(artifact) << artifact.error().message;
  SessionOptions options;
  options.batch = 16;
  Session from = openSession(*artifact, options), text = openSession(model);
  Samples samples = samplesOf(text, Arrays(50));
  ASSERT_TRUE(from.train(samples));
  ASSERT_TRUE(text.train(samples));
  EXPECT_EQ(bitsOf(from), bitsOf(text));
}

TEST(Embed, AnObserverThatThrowsIsAnError) {
  struct Thrower : TrainObserver {
    void onStep(const StepReport &) override {
      throw std::runtime_error("no more");
    }
  } thrower;
  Session session = openSession(openModel());
  TrainOptions options;
  options.observer = &thrower;
  auto outcome = session.train(samplesOf(session, Arrays(50)), options);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "no more");
}

} // namespace
