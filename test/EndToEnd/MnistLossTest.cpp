// The compiled training of the MNIST perceptron against one written here from
// the formulas, in double: same first values, same order of samples, the loss
// of every step, through the last batch of 96.
#include "Data/DataSource.h"
#include "Driver/Artifacts.h"
#include "Learn/Order.h"
#include "Learn/Train.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>

using namespace varve;

namespace {

constexpr int64_t kPixels = 784, kHidden = 128, kClasses = 10, kBatch = 128;

using Values = std::vector<double>;

Values toDouble(const Tensor &tensor) {
  const auto *values = tensor.as<float>();
  return Values(values, values + tensor.elements());
}

/// A parameter with what Adam (Kingma and Ba 2015, algorithm 1) keeps for it.
struct Parameter {
  Values value, gradient, m, v;

  explicit Parameter(const Tensor &first)
      : value(toDouble(first)), gradient(value.size()), m(value.size()),
        v(value.size()) {}

  void update(int64_t step) {
    const double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-7;
    double correct1 = 1 - std::pow(beta1, double(step));
    double correct2 = 1 - std::pow(beta2, double(step));
    for (size_t i = 0; i < value.size(); ++i) {
      double g = gradient[i];
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      value[i] -= rate * (m[i] / correct1) / (std::sqrt(v[i] / correct2) + eps);
    }
    std::fill(gradient.begin(), gradient.end(), 0);
  }
};

/// logits = W2 relu(W1 x + b1) + b2; the loss is the mean cross entropy.
struct Perceptron {
  Parameter w1, b1, w2, b2; // w1: [hidden][pixel], w2: [class][hidden]
  int64_t step = 0;

  /// One step on the samples of a batch. Returns the loss before the update.
  double learn(const uint8_t *images, const uint8_t *labels,
               const int64_t *indices, int64_t batch) {
    double loss = 0;
    for (int64_t s = 0; s < batch; ++s)
      loss += learnFrom(images + indices[s] * kPixels, labels[indices[s]],
                        1.0 / double(batch));
    ++step;
    for (Parameter *parameter : {&w1, &b1, &w2, &b2})
      parameter->update(step);
    return loss / double(batch);
  }

private:
  /// Adds one sample's gradient times `weight`; returns its loss.
  double learnFrom(const uint8_t *image, int64_t label, double weight) {
    // Most pixels are 0 and add nothing.
    int64_t lit[kPixels], n = 0;
    double x[kPixels];
    for (int64_t i = 0; i < kPixels; ++i)
      if (image[i])
        x[n] = image[i] / 255.0, lit[n++] = i;

    double hidden[kHidden], logits[kClasses], dHidden[kHidden] = {};
    for (int64_t h = 0; h < kHidden; ++h) {
      double sum = b1.value[h];
      for (int64_t i = 0; i < n; ++i)
        sum += w1.value[h * kPixels + lit[i]] * x[i];
      hidden[h] = std::max(sum, 0.0);
    }
    for (int64_t c = 0; c < kClasses; ++c) {
      logits[c] = b2.value[c];
      for (int64_t h = 0; h < kHidden; ++h)
        logits[c] += w2.value[c * kHidden + h] * hidden[h];
    }
    double top = *std::max_element(logits, logits + kClasses), sum = 0;
    for (double logit : logits)
      sum += std::exp(logit - top);
    double logSum = top + std::log(sum);

    for (int64_t c = 0; c < kClasses; ++c) {
      double d = weight * (std::exp(logits[c] - logSum) - (c == label));
      b2.gradient[c] += d;
      for (int64_t h = 0; h < kHidden; ++h) {
        w2.gradient[c * kHidden + h] += d * hidden[h];
        dHidden[h] += d * w2.value[c * kHidden + h];
      }
    }
    for (int64_t h = 0; h < kHidden; ++h) {
      if (hidden[h] <= 0)
        continue;
      b1.gradient[h] += dHidden[h];
      for (int64_t i = 0; i < n; ++i)
        w1.gradient[h * kPixels + lit[i]] += dHidden[h] * x[i];
    }
    return logSum - logits[label];
  }
};

/// The loss of each step, out of the means that a report holds.
class Losses : public TrainObserver {
public:
  explicit Losses(int64_t samples) : samples(samples) {}
  void onStep(const StepReport &report) override {
    if (report.step == 1)
      sum = seen = 0;
    auto now = double(std::min(report.step * kBatch, samples));
    double total = report.loss * now;
    values.push_back((total - sum) / (now - seen));
    sum = total;
    seen = now;
  }
  Values values;

private:
  int64_t samples;
  double sum = 0, seen = 0;
};

void compare(int64_t steps) {
  if (!std::filesystem::exists(VARVE_DATA_DIR "/mnist"))
    GTEST_SKIP() << "no MNIST in " VARVE_DATA_DIR;
  setenv("VARVE_CACHE", VARVE_TEST_CACHE, 1);
  auto artifacts = Artifacts::open({VARVE_EXAMPLES "/mnist_mlp.varve"});
  ASSERT_TRUE(artifacts) << artifacts.error().message;
  auto program = Program::open(
      [&](const ArtifactRequest &request) {
        return artifacts->get(request.function, request.batches);
      },
      2, {"train_step", {kBatch}});
  ASSERT_TRUE(program) << program.error().message;
  auto source = DataSource::open(program->manifest().train->data,
                                 {"mnist", VARVE_DATA_DIR, ""});
  ASSERT_TRUE(source) << source.error().message;
  auto data = source->load(DataSplit::Train);
  ASSERT_TRUE(data) << data.error().message;
  ASSERT_EQ(data->samples, 60000);

  const uint64_t seed = 0;
  ASSERT_TRUE(program->initialize(seed));
  auto first = [&](const char *name) {
    return Parameter(
        program->exportState(varve_session_find(program->session(), name)));
  };
  Perceptron reference{first("hidden.weight"), first("hidden.bias"),
                       first("output.weight"), first("output.bias")};

  Losses losses(data->samples);
  TrainOptions options;
  options.seed = int64_t(seed);
  options.steps = steps;
  options.observer = &losses;
  auto outcome = train(*program, *data, nullptr, options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(int64_t(losses.values.size()), steps);

  const auto *images = data->find("image")->as<uint8_t>();
  const auto *labels = data->find("label")->as<uint8_t>();
  std::vector<int64_t> order(size_t(data->samples));
  const int64_t stepsPerEpoch = (data->samples + kBatch - 1) / kBatch;
  double worst = 0;
  for (int64_t step = 0; step < steps; ++step) {
    if (step % stepsPerEpoch == 0)
      shuffleSamples(seed, uint64_t(step / stepsPerEpoch), order);
    int64_t from = step % stepsPerEpoch * kBatch;
    int64_t batch = std::min(kBatch, data->samples - from);
    double expected = reference.learn(images, labels, &order[from], batch);
    double error = std::abs(losses.values[step] - expected) / expected;
    ASSERT_LT(error, 1e-5) << "step " << step + 1 << " of batch " << batch
                           << ": " << losses.values[step] << ", not "
                           << expected;
    worst = std::max(worst, error);
  }
  std::printf("largest relative error of %lld losses: %.2g\n",
              static_cast<long long>(steps), worst);
}

TEST(MnistLoss, OneEpoch) { compare(469); }

// The errors of f32 grow with the steps: 7e-7 seen after these.
TEST(MnistLossSlow, ThousandSteps) { compare(1000); }

} // namespace
