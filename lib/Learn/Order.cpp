// The validation split is the beginning of a permutation.
#include "Learn/Order.h"
#include "varve-c/Runtime.h"
#include <algorithm>

namespace varve {
namespace {

/// Not the stream of epochs: the split must not repeat an epoch's order.
constexpr uint32_t splitStream = 0x73706c74;

int64_t countValidation(int64_t samples, double part) {
  auto count = static_cast<int64_t>(static_cast<double>(samples) * part);
  if (part > 0)
    count = std::max<int64_t>(count, 1);
  return std::min(count, samples);
}

} // namespace

void shuffleSamples(uint64_t seed, uint64_t epoch,
                    std::vector<int64_t> &order) {
  varve_shuffle(seed, epoch, VARVE_EPOCH_ORDER,
                static_cast<int64_t>(order.size()), order.data());
}

Split splitSamples(int64_t samples, double part, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(samples));
  int64_t count = countValidation(samples, part);
  varve_shuffle(seed, 0, splitStream, samples, order.data());
  Split split;
  split.validation.assign(order.begin(), order.begin() + count);
  split.train.assign(order.begin() + count, order.end());
  std::sort(split.validation.begin(), split.validation.end());
  std::sort(split.train.begin(), split.train.end());
  return split;
}

Split splitText(int64_t windows, double part) {
  Split split;
  int64_t first = windows - countValidation(windows, part);
  for (int64_t i = 0; i < windows; ++i)
    if (i >= first)
      split.validation.push_back(i);
    else if (i + 1 < first)
      split.train.push_back(i);
  return split;
}

} // namespace varve
