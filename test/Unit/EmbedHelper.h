// What tests of the library for other programs share: a small model, its data
// as arrays, and sessions of it.
#ifndef VARVE_TEST_EMBEDHELPER_H
#define VARVE_TEST_EMBEDHELPER_H

#include "TemporaryFolder.h"
#include "varve/Runtime.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace varve {

/// `width` numbers to two classes. Dropout draws from the seed and the step's
/// number, so that equal bits need those, too.
inline std::string modelText(int width = 3, int hidden = 16) {
  std::string w = std::to_string(width), h = std::to_string(hidden);
  return "model tiny(x: f32[N, " + w + "]) -> logits: f32[N, 2] {\n" +
         "  h = x |> dense(" + h + ") as hidden |> tanh |> dropout(0.1)\n" +
         "  return h |> dense(2) as output\n}\n\n" +
         "train tiny {\n  data memory { x: f32[" + w + "]  y: class(2) }\n" +
         "  loss cross_entropy(logits, y)\n  metric accuracy(logits, y)\n" +
         "  optimizer adam(lr: 0.01)\n  batch 16\n  epochs 2\n}\n";
}

inline Model openModel(std::string text = modelText()) {
  setenv("VARVE_CACHE", VARVE_TEST_CACHE, /*overwrite=*/0);
  ModelOptions options;
  options.path = "tiny.varve";
  options.text = std::move(text);
  auto model = Model::open(std::move(options));
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  return std::move(*model);
}

inline Session openSession(const Model &model, SessionOptions options = {}) {
  if (options.threads == 0)
    options.threads = 1;
  auto session = Session::open(model, options);
  if (!session) {
    ADD_FAILURE() << session.error().message;
    std::abort(); // nothing of the test makes sense
  }
  return std::move(*session);
}

/// Arrays of samples: class 1 where the sum is positive.
struct Arrays {
  int64_t count;
  int width;
  std::vector<float> x;
  std::vector<uint8_t> y;

  explicit Arrays(int64_t count, unsigned seed = 1, int width = 3)
      : count(count), width(width) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> number(-1, 1);
    for (int64_t i = 0; i < count; ++i) {
      float sum = 0;
      for (int j = 0; j < width; ++j)
        sum += x.emplace_back(number(random));
      y.push_back(sum > 0);
    }
  }

  /// Samples by number, gathered here.
  Arrays(const Arrays &from, const int64_t *index, int64_t count)
      : count(count), width(from.width) {
    for (int64_t i = 0; i < count; ++i) {
      for (int j = 0; j < width; ++j)
        x.push_back(from.x[static_cast<size_t>(index[i] * width + j)]);
      y.push_back(from.y[static_cast<size_t>(index[i])]);
    }
  }

  std::vector<ArrayView> views() const {
    return {{"x", DType::F32, {count, width}, x.data()},
            {"y", DType::U8, {count}, y.data()}};
  }
};

inline Samples samplesOf(const Session &session, const Arrays &arrays) {
  auto samples = session.samples(arrays.views());
  if (!samples) {
    ADD_FAILURE() << samples.error().message;
    std::abort();
  }
  return std::move(*samples);
}

/// The bytes of all state, the optimizer's included.
inline std::map<std::string, std::string> bitsOf(const Session &session) {
  std::map<std::string, std::string> bits;
  for (const TensorInfo &info : session.states()) {
    auto value = session.state(info.name);
    EXPECT_TRUE(value);
    bits[info.name].assign(reinterpret_cast<const char *>(value->data.data()),
                           value->data.size());
  }
  return bits;
}

/// `batch` at a time in the order of an epoch, the last batch included.
template <class Step>
void forEachBatch(int64_t count, int64_t batch, uint64_t seed, int64_t epoch,
                  Step step) {
  std::vector<int64_t> order =
      epochOrder(count, seed, static_cast<uint64_t>(epoch));
  for (int64_t from = 0; from < count; from += batch)
    step(order.data() + from, std::min(batch, count - from));
}

} // namespace varve
#endif
