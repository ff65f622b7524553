// Draws a token.
#include "Learn/Sampling.h"
#include "varve-c/Runtime.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace varve {

int32_t Sampler::draw(const float *logits, int64_t count, double number) {
  auto better = [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  order.resize(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  if (options.temperature == 0)
    return *std::min_element(order.begin(), order.end(), better);
  if (options.topK > 0 && options.topK < count) {
    auto end = order.begin() + options.topK;
    std::partial_sort(order.begin(), end, order.end(), better);
    order.erase(end, order.end());
  } else {
    std::sort(order.begin(), order.end(), better);
  }
  weights.clear();
  double sum = 0, largest = logits[order[0]];
  for (int32_t token : order) {
    weights.push_back(std::exp((logits[token] - largest) / options.temperature));
    sum += weights.back();
  }
  size_t kept = weights.size();
  if (options.topP < 1) {
    double wanted = options.topP * sum;
    kept = 0;
    sum = 0;
    do
      sum += weights[kept++];
    while (kept < weights.size() && sum < wanted);
  }
  double left = number * sum;
  for (size_t i = 0; i + 1 < kept; ++i) {
    if (left < weights[i])
      return order[i];
    left -= weights[i];
  }
  return order[kept - 1];
}

double samplingNumber(uint64_t seed, uint64_t index) {
  constexpr uint32_t stream = 0x67656e65;
  auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  auto high = [](uint64_t x) { return static_cast<uint32_t>(x >> 32); };
  uint32_t counter[4] = {low(index), high(index), stream, 0};
  uint32_t key[2] = {low(seed), high(seed)}, word[4];
  varve_philox(counter, key, word);
  uint64_t bits = static_cast<uint64_t>(word[0]) << 32 | word[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

} // namespace varve
