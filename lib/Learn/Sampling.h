// Draws a token from what a model says of all of them.
#ifndef VARVE_LEARN_SAMPLING_H
#define VARVE_LEARN_SAMPLING_H

#include <cstdint>
#include <vector>

namespace varve {

struct SamplingOptions {
  double temperature = 1; ///< 0: always the likeliest token
  int64_t topK = 0;       ///< of the k likeliest tokens only; 0: of all
  /// Of the fewest likeliest tokens that have this much probability together,
  /// after temperature and topK; 1: of all.
  double topP = 1;
};

/// Draws from softmax(logits / temperature) by a number in [0, 1). Sums go
/// from the likeliest token to the least, of equals the first one first, in
/// double.
class Sampler {
public:
  explicit Sampler(const SamplingOptions &options) : options(options) {}
  int32_t draw(const float *logits, int64_t count, double number);

private:
  SamplingOptions options;
  std::vector<int32_t> order;
  std::vector<double> weights;
};

/// The number in [0, 1) that belongs to (seed, index): Philox, of its own
/// stream.
double samplingNumber(uint64_t seed, uint64_t index);

} // namespace varve
#endif
