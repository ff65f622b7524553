// Shuffling and the validation split.
#include "Learn/Order.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <numeric>

namespace varve {
namespace {

std::vector<int64_t> shuffled(uint64_t seed, uint64_t epoch, int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  shuffleSamples(seed, epoch, order);
  return order;
}

TEST(Order, IsAPermutation) {
  for (int64_t n : {0, 1, 2, 3, 7, 469, 60000}) {
    std::vector<int64_t> order = shuffled(1, 2, n), sorted(order.size());
    std::iota(sorted.begin(), sorted.end(), int64_t(0));
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, sorted) << n;
  }
}

TEST(Order, DependsOnSeedAndEpochAlone) {
  std::vector<int64_t> order = shuffled(1, 2, 1000), again = order;
  std::reverse(again.begin(), again.end());
  shuffleSamples(1, 2, again); // whatever stood there before
  EXPECT_EQ(order, again);
  EXPECT_NE(order, shuffled(1, 3, 1000));
  EXPECT_NE(order, shuffled(2, 2, 1000));
  EXPECT_NE(order, shuffled(1 + (1ull << 32), 2, 1000));
}

TEST(Order, AllPermutationsOfFourAreAsLikely) {
  std::map<std::vector<int64_t>, int> counts;
  constexpr int draws = 24000;
  for (uint64_t epoch = 0; epoch < draws; ++epoch)
    ++counts[shuffled(7, epoch, 4)];
  ASSERT_EQ(counts.size(), 24u);
  double chi = 0; // 23 degrees of freedom: 49.7 is passed once in 1000
  for (const auto &[order, count] : counts)
    chi += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(chi, 49.7);
}

TEST(Order, NeighboursDoNotStayNeighbours) {
  std::vector<int64_t> order = shuffled(5, 0, 60000);
  int fixed = 0, neighbours = 0;
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    fixed += order[i] == static_cast<int64_t>(i);
    neighbours += order[i + 1] == order[i] + 1;
  }
  EXPECT_LT(fixed, 10); // one expected
  EXPECT_LT(neighbours, 10);
}

TEST(Split, PartsAreDisjointAndWhole) {
  Split split = splitSamples(1003, 0.1, 4);
  EXPECT_EQ(split.validation.size(), 100u);
  EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
  EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
  std::vector<int64_t> both = split.train;
  both.insert(both.end(), split.validation.begin(), split.validation.end());
  std::sort(both.begin(), both.end());
  std::vector<int64_t> all(1003);
  std::iota(all.begin(), all.end(), int64_t(0));
  EXPECT_EQ(both, all);
  EXPECT_NE(split.validation, splitSamples(1003, 0.1, 5).validation);
  // Spread over the data set, not its beginning or end.
  EXPECT_NEAR(
      static_cast<double>(std::accumulate(split.validation.begin(),
                                          split.validation.end(), int64_t(0))) /
          100,
      501, 120);
}

TEST(Split, SmallParts) {
  EXPECT_TRUE(splitSamples(10, 0, 1).validation.empty());
  EXPECT_EQ(splitSamples(5, 0.1, 1).validation.size(), 1u);
  EXPECT_EQ(splitSamples(1, 0.5, 1).train.size(), 0u);
}

} // namespace
TEST(Order, TheEndOfATextValidates) {
  Split split = splitText(10, 0.25);
  // Windows of training reach into the next one: 7 is neither.
  EXPECT_EQ(split.train, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(split.validation, (std::vector<int64_t>{8, 9}));
  EXPECT_EQ(splitText(10, 0).train.size(), 9u);
  EXPECT_TRUE(splitText(10, 0).validation.empty());
  EXPECT_EQ(splitText(10, 0.01).validation, (std::vector<int64_t>{9}));
  EXPECT_TRUE(splitText(1, 0).train.empty());
}

} // namespace varve
