// What tests of training on the artifact written by hand share
// (fixtures/tiny_artifact.c).
#ifndef VARVE_TEST_TINY_H
#define VARVE_TEST_TINY_H

#include "Data/Dataset.h"
#include "Learn/Program.h"
#include "Learn/Train.h"
#include "TemporaryFolder.h"
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace varve {

constexpr int64_t features = 5;

/// y = x (1, -2, 3, -4, 5) + 0.5 and a small disturbance.
inline Dataset makeData(int64_t samples, uint64_t seed = 3) {
  std::vector<Tensor> fields;
  Tensor x(DType::F32, {samples, features}), y(DType::F32, {samples});
  uint64_t state = seed;
  auto next = [&] { // a plain congruential generator, [-1, 1)
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state >> 32)) * 0x1p-31f;
  };
  for (int64_t i = 0; i < samples; ++i) {
    float sum = 0.5f + 0.05f * next();
    for (int64_t j = 0; j < features; ++j) {
      float value = next();
      x.as<float>()[i * features + j] = value;
      sum += value * static_cast<float>(j % 2 ? -(j + 1) : j + 1);
    }
    y.as<float>()[i] = sum;
  }
  Dataset data;
  data.samples = samples;
  data.fields.push_back({"x", std::move(x)});
  data.fields.push_back({"y", std::move(y)});
  return data;
}

/// All batches in one file.
inline Result<std::string> tiny(const ArtifactRequest &) {
  return std::string(VARVE_TINY_ARTIFACT);
}

inline Program openTiny(int64_t threads = 1, ArtifactSource source = tiny) {
  Result<Program> program =
      Program::open(std::move(source), threads, {"train_step", {8}});
  EXPECT_TRUE(program) << (program ? "" : program.error().message);
  return std::move(*program);
}

/// Records what is reported.
struct Recorder : TrainObserver {
  std::vector<EpochReport> epochs;
  std::vector<std::string> notes;
  std::vector<double> losses; ///< means so far
  void onStep(const StepReport &report) override {
    losses.push_back(report.loss);
  }
  void onEpoch(const EpochReport &report) override { epochs.push_back(report); }
  void onNote(std::string_view text) override { notes.emplace_back(text); }
};

inline std::vector<float> values(const Tensor &tensor) {
  return {tensor.as<float>(), tensor.as<float>() + tensor.elements()};
}

/// Trains with the options and returns the weight file's bytes.
inline std::string trainedFile(const TemporaryFolder &folder,
                               TrainOptions options, const Dataset &data,
                               int64_t threads = 1,
                               ArtifactSource source = tiny) {
  Program program = openTiny(threads, std::move(source));
  options.out = folder / "w.safetensors";
  auto outcome = train(program, data, nullptr, options);
  EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
  return folder.read("w.safetensors");
}

} // namespace varve
#endif
