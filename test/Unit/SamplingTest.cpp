// Drawing a token, against the formula of softmax.
#include "Learn/Sampling.h"
#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace varve;

namespace {

const std::vector<float> logits = {0.5f, 2, -1, 2, 0};

/// How often each token comes for numbers that fill [0, 1) evenly.
std::map<int32_t, double> shares(const SamplingOptions &options) {
  Sampler sampler(options);
  std::map<int32_t, double> counts;
  constexpr int draws = 100000;
  for (int i = 0; i < draws; ++i)
    counts[sampler.draw(logits.data(), 5, (i + 0.5) / draws)] += 1.0 / draws;
  return counts;
}

/// softmax(logits / temperature) of some tokens alone.
std::map<int32_t, double> softmax(const std::vector<int32_t> &tokens,
                                  double temperature) {
  std::map<int32_t, double> shares;
  double sum = 0;
  for (int32_t token : tokens)
    sum += std::exp(logits[token] / temperature);
  for (int32_t token : tokens)
    shares[token] = std::exp(logits[token] / temperature) / sum;
  return shares;
}

void expectShares(const SamplingOptions &options,
                  const std::vector<int32_t> &tokens) {
  auto got = shares(options), want = softmax(tokens, options.temperature);
  EXPECT_EQ(got.size(), want.size());
  for (auto [token, share] : want)
    EXPECT_NEAR(got[token], share, 1e-4) << "token " << token;
}

TEST(Sampling, DrawsFromSoftmax) {
  expectShares({1, 0, 1}, {0, 1, 2, 3, 4});
  expectShares({0.5, 0, 1}, {0, 1, 2, 3, 4});
  expectShares({3, 9, 1}, {0, 1, 2, 3, 4});
}

TEST(Sampling, TheLikeliestOnly) {
  expectShares({1, 3, 1}, {1, 3, 0});
  expectShares({2, 1, 1}, {1}); // of equals the first
  EXPECT_EQ(shares({0, 0, 1}), (std::map<int32_t, double>{{1, shares({0, 0, 1})[1]}}));
}

TEST(Sampling, TheFewestWithThisProbability) {
  auto all = softmax({0, 1, 2, 3, 4}, 1);
  double two = all[1] + all[3];
  expectShares({1, 0, two - 1e-6}, {1, 3});
  expectShares({1, 0, two + 1e-6}, {1, 3, 0});
  expectShares({1, 0, 0}, {1});
  // The probabilities of those that top_k leaves.
  expectShares({1, 3, two + 1e-6}, {1, 3});
}

TEST(Sampling, NumbersBelongToSeedAndIndex) {
  double sum = 0;
  for (uint64_t i = 0; i < 10000; ++i) {
    double number = samplingNumber(7, i);
    EXPECT_GE(number, 0);
    EXPECT_LT(number, 1);
    EXPECT_EQ(number, samplingNumber(7, i));
    sum += number;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.01);
  EXPECT_NE(samplingNumber(7, 0), samplingNumber(8, 0));
  EXPECT_NE(samplingNumber(7, 0), samplingNumber(7, 1));
}

} // namespace
