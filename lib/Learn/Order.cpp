// Permutations from Philox draws.
#include "Learn/Order.h"
#include "varve-c/Runtime.h"
#include <algorithm>
#include <numeric>

namespace varve {
namespace {

/// The algorithm of Fisher and Yates: position i swaps with one drawn from
/// [0, i], for i from the end down. A draw is 64 bits, scaled by multiplication
/// (off by at most n 2^-64).
void shuffleStream(uint64_t seed, uint64_t epoch, uint32_t stream,
                   std::vector<int64_t> &order) {
  std::iota(order.begin(), order.end(), int64_t(0));
  const uint32_t key[2] = {static_cast<uint32_t>(seed),
                           static_cast<uint32_t>(seed >> 32)};
  uint32_t draws[4];
  for (uint64_t i = order.size(), block = 0; i-- > 1;) {
    // Two draws from each block.
    bool first = (order.size() - 1 - i) % 2 == 0;
    if (first) {
      // Blocks stay below 2^48, epochs below 2^32.
      const uint32_t counter[4] = {static_cast<uint32_t>(block),
                                   static_cast<uint32_t>(block >> 32),
                                   static_cast<uint32_t>(epoch), stream};
      varve_philox(counter, key, draws);
      ++block;
    }
    uint64_t draw = uint64_t(draws[first ? 0 : 2]) << 32 | draws[first ? 1 : 3];
    auto to = static_cast<uint64_t>(
        static_cast<unsigned __int128>(draw) * (i + 1) >> 64);
    std::swap(order[i], order[to]);
  }
}

/// The two uses of permutations must not repeat each other.
constexpr uint32_t epochStream = 0x6f726472, splitStream = 0x73706c74;

} // namespace

void shuffleSamples(uint64_t seed, uint64_t epoch, std::vector<int64_t> &order) {
  shuffleStream(seed, epoch, epochStream, order);
}

Split splitSamples(int64_t samples, double part, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(samples));
  auto count = static_cast<int64_t>(static_cast<double>(samples) * part);
  if (part > 0)
    count = std::max<int64_t>(count, 1);
  count = std::min(count, samples);
  shuffleStream(seed, 0, splitStream, order);
  Split split;
  split.validation.assign(order.begin(), order.begin() + count);
  split.train.assign(order.begin() + count, order.end());
  std::sort(split.validation.begin(), split.validation.end());
  std::sort(split.train.begin(), split.train.end());
  return split;
}

} // namespace varve
