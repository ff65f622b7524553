// The training loop on an artifact written by hand: against a naive model in
// double, resumed against never stopped, refusals.
#include "Learn/Train.h"
#include "Learn/Checkpoint.h"
#include "Learn/Evaluate.h"
#include "Learn/Order.h"
#include "Learn/Weights.h"
#include "Support/Safetensors.h"
#include "Tiny.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

namespace varve {
namespace {

/// Linear regression by the formulas, in double.
struct Naive {
  std::vector<double> w, m = std::vector<double>(features + 1);
  double loss = 0;

  explicit Naive(const Program &program) {
    for (float value : values(program.exportState(0)))
      w.push_back(value);
    w.push_back(values(program.exportState(1))[0]);
  }
  double errorOf(const Dataset &data, int64_t sample) const {
    double sum = w[features];
    for (int64_t j = 0; j < features; ++j)
      sum += w[j] * data.find("x")->as<float>()[sample * features + j];
    return sum - data.find("y")->as<float>()[sample];
  }
  void step(const Dataset &data, const std::vector<int64_t> &batch,
            double rate) {
    std::vector<double> gradient(features + 1);
    auto n = static_cast<double>(batch.size());
    loss = 0;
    for (int64_t sample : batch) {
      double error = errorOf(data, sample);
      loss += error * error / n;
      for (int64_t j = 0; j < features; ++j)
        gradient[j] +=
            2 / n * error * data.find("x")->as<float>()[sample * features + j];
      gradient[features] += 2 / n * error;
    }
    for (size_t j = 0; j < w.size(); ++j) {
      m[j] = 0.9 * m[j] + gradient[j];
      w[j] -= rate * m[j];
    }
  }
};

TEST(Train, FollowsTheFormulasThroughTheLastBatch) {
  Dataset data = makeData(29); // batches of 8, 8, 8, 5
  Program program = openTiny();
  ASSERT_TRUE(program.initialize(11));
  Naive naive(program);
  Recorder recorder;
  TrainOptions options;
  options.seed = 11;
  options.epochs = 4;
  options.hyper["optimizer.lr"] = 0.05;
  options.observer = &recorder;
  auto outcome = train(program, data, nullptr, options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->steps, 16);
  EXPECT_EQ(outcome->epochs, 4);

  std::vector<int64_t> order(29);
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    shuffleSamples(11, static_cast<uint64_t>(epoch), order);
    double sum = 0;
    for (size_t from = 0; from < 29; from += 8) {
      std::vector<int64_t> batch(
          order.begin() + from, order.begin() + std::min<size_t>(from + 8, 29));
      naive.step(data, batch, 0.05 / (1 + 0.1 * static_cast<double>(epoch)));
      sum += naive.loss * static_cast<double>(batch.size());
      EXPECT_NEAR(recorder.losses[epoch * 4 + from / 8],
                  sum / static_cast<double>(std::min<size_t>(from + 8, 29)),
                  1e-4);
    }
    ASSERT_EQ(recorder.epochs[epoch].measures.size(), 2u);
    EXPECT_EQ(recorder.epochs[epoch].measures[0].first, "loss");
    EXPECT_EQ(recorder.epochs[epoch].measures[1].first, "close");
    EXPECT_NEAR(recorder.epochs[epoch].measures[0].second, sum / 29, 1e-4);
  }
  std::vector<float> w = values(program.exportState(0));
  for (int64_t j = 0; j < features; ++j)
    EXPECT_NEAR(w[j], naive.w[j], 1e-5);
  EXPECT_EQ(*program.exportState(5).as<int64_t>(), 16);
}

TEST(Train, EvaluationIsTheMeanOverSamples) {
  Dataset data = makeData(29);
  Program program = openTiny(2);
  ASSERT_TRUE(program.initialize(2));
  Naive naive(program);
  double loss = 0, close = 0;
  for (int64_t i = 0; i < 29; ++i) {
    double error = naive.errorOf(data, i);
    loss += error * error / 29;
    close += (std::fabs(error) < 0.5) / 29.0;
  }
  auto measures = evaluate(program, data);
  ASSERT_TRUE(measures) << measures.error().message;
  EXPECT_NEAR((*measures)[0].second, loss, 1e-5);
  EXPECT_NEAR((*measures)[1].second, close, 1e-9);
}

TEST(Train, SameFileForAnyThreadsAndForArtifactsInParts) {
  TemporaryFolder folder;
  Dataset data = makeData(29);
  TrainOptions options;
  std::string one = trainedFile(folder, options, data);
  EXPECT_FALSE(one.empty());
  for (int64_t threads : {2, 3, 4})
    EXPECT_EQ(trainedFile(folder, options, data, threads), one);
  ArtifactSource parts = [](const ArtifactRequest &request) {
    return Result<std::string>(std::string(
        request.batches[0] == 8 ? VARVE_TINY_ARTIFACT : VARVE_TINY_REST));
  };
  EXPECT_EQ(trainedFile(folder, options, data, 1, parts), one);
  options.seed = 1;
  EXPECT_NE(trainedFile(folder, options, data), one);
}

TEST(Train, WeightsRoundTripInCanonicalOrder) {
  TemporaryFolder folder;
  std::string path = folder / "w.safetensors";
  Program program = openTiny();
  Tensor w(DType::F32, {features});
  std::iota(w.as<float>(), w.as<float>() + features, 1.0f);
  // The average stands in the file, under the parameter's name.
  ASSERT_TRUE(program.importState(0, Tensor(DType::F32, {features})));
  ASSERT_TRUE(program.importState(4, w));
  ASSERT_TRUE(saveWeights(program, path));
  auto file = readSafetensors(path);
  ASSERT_TRUE(file);
  ASSERT_EQ(file->tensors.size(), 2u); // no slots, averages, counters
  ASSERT_NE(file->find("fit.weight"), nullptr);
  EXPECT_EQ(values(*file->find("fit.weight")), values(w));
  ASSERT_TRUE(program.initialize(9));
  auto unknown = loadWeights(program, path);
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_TRUE(unknown->extra.empty());
  EXPECT_EQ(values(program.exportState(0)), values(w));
  EXPECT_EQ(values(program.exportState(4)), values(w)); // the average follows
}

TEST(Train, RefusesWeightsThatDoNotFit) {
  TemporaryFolder folder;
  std::string path = folder / "w.safetensors";
  Program program = openTiny();
  std::vector<float> before = values(program.exportState(0));
  float numbers[6] = {};
  ASSERT_TRUE(writeSafetensors(path,
                               {{"fit.weight", DType::F32, {6}, numbers},
                                {"fit.bias", DType::F32, {}, numbers}},
                               {}));
  auto loaded = loadWeights(program, path);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message,
            path + ": 1 of 2 weights of model 'tiny' fit\n"
                   "of another type or shape:\n"
                   "  'fit.weight': f32[6], the model's is f32[5]");
  ASSERT_TRUE(
      writeSafetensors(path, {{"fit.weight", DType::F32, {5}, numbers}}, {}));
  loaded = loadWeights(program, path);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message,
            path + ": 1 of 2 weights of model 'tiny' fit\nmissing:\n"
                   "  'fit.bias': f32[]");
  EXPECT_EQ(values(program.exportState(0)), before);
}

TEST(Train, InterruptedAtEachStepAndResumedIsNeverStopped) {
  // Validation, best weights and averages go through the checkpoint as well.
  Dataset data = makeData(29);
  TrainOptions options;
  options.epochs = 3;
  options.validate = 0.2;
  options.seed = 5;
  TemporaryFolder folder;
  Recorder whole;
  options.observer = &whole;
  std::string expected = trainedFile(folder, options, data);
  ASSERT_EQ(whole.epochs.size(), 3u);

  /// Raises the flag after each step.
  struct Stopper : Recorder {
    volatile std::sig_atomic_t flag = 0;
    void onStep(const StepReport &) override { flag = 1; }
  } stopper;
  TemporaryFolder stopped;
  options.out = stopped / "w.safetensors";
  options.observer = &stopper;
  options.cancel = &stopper.flag;
  options.interrupted = checkpointFolder(options, "tiny");
  options.resume = true;
  int64_t runs = 0;
  for (bool ended = false; !ended && runs < 100; ++runs) {
    stopper.flag = 0;
    Program program = openTiny();
    auto outcome = train(program, data, nullptr, options);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ended = outcome->end == TrainOutcome::End::Finished;
    if (!ended) {
      EXPECT_EQ(outcome->steps, runs + 1);
      EXPECT_EQ(outcome->checkpoint,
                stopped / "w.checkpoint/checkpoint.safetensors");
    }
  }
  EXPECT_EQ(runs, 9); // 3 epochs of 3 steps
  EXPECT_EQ(stopped.read("w.safetensors"), expected);
  ASSERT_EQ(stopper.epochs.size(), 3u);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(stopper.epochs[i].measures, whole.epochs[i].measures);
}

TEST(Train, NothingToResumeStarts) {
  TemporaryFolder folder;
  TrainOptions options;
  std::string expected = trainedFile(folder, options, makeData(29));
  Recorder recorder;
  options.resume = true;
  options.checkpoint = folder / "no/such";
  options.observer = &recorder;
  EXPECT_EQ(trainedFile(folder, options, makeData(29)), expected);
  ASSERT_EQ(recorder.notes.size(), 1u);
  EXPECT_EQ(recorder.notes[0],
            "no checkpoint in " + folder / "no/such" + ": training starts");
}

TEST(Train, RefusesAnotherProgramsCheckpoint) {
  TemporaryFolder folder;
  TrainOptions options;
  options.checkpoint = folder / "c";
  Dataset data = makeData(16);
  Program program = openTiny();
  ASSERT_TRUE(train(program, data, nullptr, options));
  Program other = openTiny(1, [](const ArtifactRequest &) {
    return Result<std::string>(std::string(VARVE_TINY_OTHER));
  });
  options.resume = true;
  auto outcome = train(other, data, nullptr, options);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            folder / "c/checkpoint.safetensors" +
                " is the checkpoint of another program: model 'tiny' (tiny-1), "
                "not 'tiny' (tiny-2); take another folder, or start without "
                "--resume");
}

TEST(Train, RefusesToResumeOnOtherGrounds) {
  TemporaryFolder folder;
  TrainOptions options;
  options.checkpoint = folder / "c";
  Dataset data = makeData(16);
  Program program = openTiny();
  ASSERT_TRUE(train(program, data, nullptr, options));
  options.resume = true;
  options.seed = 4;
  auto outcome = train(program, data, nullptr, options);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "the checkpoint was made with seed 0, not 4; start without "
            "--resume to change it");
  options.seed.reset();
  outcome = train(program, makeData(17), nullptr, options);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "the checkpoint was made with 16 samples, the data set has 17");
}

TEST(Train, MoreEpochsGoOnFromAFinishedRun) {
  Dataset data = makeData(29);
  TemporaryFolder folder;
  TrainOptions options;
  options.epochs = 5;
  std::string expected = trainedFile(folder, options, data);
  options.checkpoint = folder / "c";
  options.epochs = 2;
  EXPECT_NE(trainedFile(folder, options, data), expected);
  options.epochs = 5;
  options.resume = true;
  EXPECT_EQ(trainedFile(folder, options, data), expected);
}

TEST(Train, StepsMayEndInsideAnEpoch) {
  Dataset data = makeData(29);
  Program program = openTiny();
  TrainOptions options;
  options.steps = 6;
  Recorder recorder;
  options.observer = &recorder;
  auto outcome = train(program, data, nullptr, options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->steps, 6);
  ASSERT_EQ(recorder.epochs.size(), 2u);
  EXPECT_EQ(*program.exportState(5).as<int64_t>(), 6);
}

TEST(Train, MoreStepsGoOnInsideTheEpoch) {
  Dataset data = makeData(29);
  TemporaryFolder folder;
  TrainOptions options;
  options.steps = 7;
  std::string expected = trainedFile(folder, options, data);
  options.checkpoint = folder / "c";
  options.steps = 6;
  EXPECT_NE(trainedFile(folder, options, data), expected);
  options.steps = 7;
  options.resume = true;
  EXPECT_EQ(trainedFile(folder, options, data), expected);
}

TEST(Train, StopsEarlyAndKeepsTheBestWeights) {
  Dataset data = makeData(40), test = makeData(21, 8);
  TemporaryFolder folder;
  Program program = openTiny();
  TrainOptions options;
  options.epochs = 200;
  options.validate = 0.25;
  options.patience = 2;
  // So large that the loss rises for a while.
  options.hyper["optimizer.lr"] = 0.3;
  options.out = folder / "w.safetensors";
  Recorder recorder;
  options.observer = &recorder;
  auto outcome = train(program, data, &test, options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->end, TrainOutcome::End::StoppedEarly);
  ASSERT_GE(recorder.epochs.size(), 3u);
  size_t best = 0;
  auto valueOf = [&](size_t epoch) {
    EXPECT_EQ(recorder.epochs[epoch].measures[2].first, "val_loss");
    return recorder.epochs[epoch].measures[2].second;
  };
  for (size_t i = 1; i < recorder.epochs.size(); ++i)
    if (valueOf(i) < valueOf(best))
      best = i;
  EXPECT_EQ(best + 3, recorder.epochs.size());
  // The weights in the program are those of that epoch.
  Split split = splitSamples(40, 0.25, 0);
  ASSERT_EQ(split.validation.size(), 10u);
  auto evaluator =
      Evaluator::create(program, data, split.validation, 8, StepSettings());
  ASSERT_TRUE(evaluator);
  EXPECT_EQ(evaluator->run()[0].second, valueOf(best));
  auto tested = evaluate(program, test);
  ASSERT_TRUE(tested);
  ASSERT_EQ(outcome->test.size(), 2u);
  EXPECT_EQ(outcome->test[0].first, "test_loss");
  EXPECT_EQ(outcome->test[0].second, (*tested)[0].second);
}

TEST(Train, InfiniteLossStopsWithTheStep) {
  Program program = openTiny();
  TrainOptions options;
  options.epochs = 50;
  options.hyper["optimizer.lr"] = 1e30;
  auto outcome = train(program, makeData(29), nullptr, options);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "the loss is inf at step 2 (epoch 1)");
}

TEST(Train, RefusesDataThatDoesNotFit) {
  Program program = openTiny();
  auto messageOf = [&](Dataset data, TrainOptions options = {}) {
    auto outcome = train(program, data, nullptr, options);
    EXPECT_FALSE(outcome);
    return outcome ? "" : outcome.error().message;
  };
  Dataset data = makeData(9);
  data.fields[1].name = "label";
  EXPECT_EQ(messageOf(data),
            "the data set has no field 'y'; it has 'x', 'label'");
  data = makeData(9);
  data.fields[0].values = Tensor(DType::F32, {9, 4});
  EXPECT_EQ(messageOf(data),
            "field 'x' of the data set is f32[9, 4], not f32[-1, 5]");
  TrainOptions options;
  options.hyper["lr"] = 1;
  EXPECT_EQ(messageOf(makeData(9), options),
            "there is no hyperparameter 'lr'; there is optimizer.lr");
  options = {};
  options.batch = 0;
  EXPECT_EQ(messageOf(makeData(9), options), "batch 0 is below 1");
  EXPECT_EQ(messageOf(makeData(0)), "no samples are left to train: the data "
                                    "set has 0, 0 of them validate");
}

TEST(Train, KnowsBeforeTheFirstStepWhatCannotBeWritten) {
  TemporaryFolder folder;
  Program program = openTiny();
  Recorder recorder;
  TrainOptions options;
  options.observer = &recorder;
  options.out = folder / "no/such/w.safetensors";
  EXPECT_FALSE(train(program, makeData(9), nullptr, options));
  options.out = folder / "w.safetensors";
  options.checkpoint = folder.write("file", "in the way");
  EXPECT_FALSE(train(program, makeData(9), nullptr, options));
  EXPECT_TRUE(recorder.losses.empty());
  EXPECT_EQ(folder.entries(), 1u); // nothing is left behind
}

TEST(Program, RefusesFilesThatAreNoArtifacts) {
  TemporaryFolder folder;
  auto messageOf = [](std::string path) {
    auto program = Program::open(
        [&](const ArtifactRequest &) { return Result<std::string>(path); }, 1,
        {"train_step", {8}});
    EXPECT_FALSE(program);
    return program ? "" : program.error().message;
  };
  std::string text = folder.write("a.so", "no shared object");
  EXPECT_EQ(messageOf(text), "cannot load: " + text + ": file too short");
  EXPECT_NE(messageOf(VARVE_TINY_ABI)
                .find("compiled for version 99 of the "
                      "binary interface"),
            std::string::npos);
  EXPECT_NE(messageOf(VARVE_TINY_CPU)
                .find("compiled for CPU x86-64-v9, which "
                      "this machine is not"),
            std::string::npos);
  auto program = Program::open(tiny, 1, {"train_step", {99}});
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().message, std::string(VARVE_TINY_ARTIFACT) +
                                         " has no 'train_step' at batch "
                                         "99");
}

} // namespace
} // namespace varve
