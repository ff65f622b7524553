// First values: Philox against the published vectors, moments, determinism,
// orthogonality, rounding.
#include "varve-c/Runtime.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

TEST(Philox, PublishedVectors) {
  // kat_vectors of Random123: philox4x32, 10 rounds.
  struct {
    uint32_t counter[4], key[2], result[4];
  } cases[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto &test : cases) {
    uint32_t result[4];
    varve_philox(test.counter, test.key, result);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(result[i], test.result[i]);
  }
}

TEST(Hash, Fnv1a) {
  EXPECT_EQ(varve_hash(""), 0xcbf29ce484222325u);
  EXPECT_EQ(varve_hash("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(varve_hash("foobar"), 0x85944171f73967e8u);
}

struct Variable {
  std::vector<int64_t> shape, perm;
  varve_state_desc state{};

  Variable(std::vector<int64_t> sizes, int64_t init, double a, double b,
           int64_t dtype = VARVE_F64)
      : shape(std::move(sizes)) {
    for (size_t i = 0; i < shape.size(); ++i)
      perm.push_back(static_cast<int64_t>(i));
    state.name = "w";
    state.of = "";
    state.dtype = dtype;
    state.rank = static_cast<int64_t>(shape.size());
    state.shape = shape.data();
    state.perm = perm.data();
    state.init = init;
    state.a = a;
    state.b = b;
  }

  template <class T = double>
  std::vector<T> draw(uint64_t seed = 1, const char *key = "w") const {
    std::vector<T> values(varve_state_elements(&state));
    varve_error error;
    EXPECT_TRUE(
        varve_state_initialize(&state, seed, key, values.data(), &error))
        << error.message;
    return values;
  }
  std::string refusal() const {
    std::vector<double> values(varve_state_elements(&state));
    varve_error error{};
    EXPECT_FALSE(varve_state_initialize(&state, 1, "w", values.data(), &error));
    return error.message;
  }
};

/// Moments about the mean, for samples of some 10^5.
struct Moments {
  double mean = 0, variance = 0, skew = 0, kurtosis = 0, least, most;
  explicit Moments(const std::vector<double> &x) : least(x[0]), most(x[0]) {
    auto n = static_cast<double>(x.size());
    for (double v : x)
      mean += v / n;
    for (double v : x) {
      double d = v - mean;
      variance += d * d / n;
      skew += d * d * d / n;
      kurtosis += d * d * d * d / n;
      least = std::min(least, v);
      most = std::max(most, v);
    }
    skew /= std::pow(variance, 1.5);
    kurtosis /= variance * variance;
  }
};

TEST(Initialize, UniformMoments) {
  Moments m(Variable({400, 500}, VARVE_INIT_UNIFORM, -1, 3).draw());
  EXPECT_NEAR(m.mean, 1, 0.01);
  EXPECT_NEAR(m.variance, 16.0 / 12, 0.015);
  EXPECT_NEAR(m.kurtosis, 1.8, 0.02);
  EXPECT_GE(m.least, -1);
  EXPECT_LT(m.most, 3);
  EXPECT_LT(m.least, -0.999);
  EXPECT_GT(m.most, 2.999);
}

TEST(Initialize, NormalMoments) {
  Moments m(Variable({400, 500}, VARVE_INIT_NORMAL, 0.5, 2).draw());
  EXPECT_NEAR(m.mean, 0.5, 0.02);
  EXPECT_NEAR(m.variance, 4, 0.05);
  EXPECT_NEAR(m.skew, 0, 0.02);
  EXPECT_NEAR(m.kurtosis, 3, 0.05);
}

TEST(Initialize, NormalFollowsBoxAndMullerWithTheLibrarysFunctions) {
  // Our log, cos and sin against libm's, through a draw. 1 - u is drawn from
  // (0, 1] in steps of 2^-53.
  std::vector<double> z = Variable({2000}, VARVE_INIT_NORMAL, 0, 1).draw(7);
  std::vector<double> u = Variable({2000}, VARVE_INIT_UNIFORM, 0, 1).draw(7);
  for (size_t i = 0; i < z.size(); i += 2) {
    double radius = std::sqrt(-2 * std::log(1 - u[i]));
    EXPECT_NEAR(z[i], radius * std::cos(2 * M_PI * u[i + 1]), 1e-14);
    EXPECT_NEAR(z[i + 1], radius * std::sin(2 * M_PI * u[i + 1]), 1e-14);
  }
}

TEST(Initialize, TruncatedNormalMoments) {
  Moments m(Variable({400, 500}, VARVE_INIT_TRUNCATED_NORMAL, 1, 0.5).draw());
  EXPECT_GE(m.least, 0);
  EXPECT_LE(m.most, 2);
  EXPECT_LT(m.least, 0.01);
  EXPECT_NEAR(m.mean, 1, 0.01);
  // Of a standard normal cut at 2: 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.77374.
  EXPECT_NEAR(m.variance, 0.25 * 0.77374, 0.003);
}

TEST(Initialize, DependsOnSeedAndKeyAlone) {
  Variable one({100}, VARVE_INIT_NORMAL, 0, 1);
  EXPECT_EQ(one.draw(1, "a.weight"), one.draw(1, "a.weight"));
  EXPECT_NE(one.draw(1, "a.weight"), one.draw(2, "a.weight"));
  EXPECT_NE(one.draw(1, "a.weight"), one.draw(1, "b.weight"));
  EXPECT_NE(one.draw(1), one.draw(1 + (1ull << 32)));
  // A larger variable begins with the same values.
  std::vector<double> large =
      Variable({7, 30}, VARVE_INIT_NORMAL, 0, 1).draw(1);
  large.resize(100);
  EXPECT_EQ(large, one.draw(1));
}

TEST(Initialize, TheSameBitsForever) {
  // Weights of a model trained again must not change with the version.
  std::vector<float> z =
      Variable({4}, VARVE_INIT_NORMAL, 0, 1, VARVE_F32).draw<float>(1);
  std::vector<float> u =
      Variable({4}, VARVE_INIT_UNIFORM, 0, 1, VARVE_F32).draw<float>(1);
  const float zs[] = {0x1.e5b86ap-2f, 0x1.d1e36p-1f, -0x1.300c5cp+0f,
                      0x1.5a2086p-3f};
  const float us[] = {0x1.a32656p-2f, 0x1.635f26p-3f, 0x1.06addap-1f,
                      0x1.e8f6a6p-2f};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(z[i], zs[i]) << std::hexfloat << z[i];
    EXPECT_EQ(u[i], us[i]) << std::hexfloat << u[i];
  }
}

void checkOrthogonal(std::vector<int64_t> shape) {
  std::vector<double> q = Variable(shape, VARVE_INIT_ORTHOGONAL, 1.5, 0).draw();
  int64_t rows = shape[0], columns = static_cast<int64_t>(q.size()) / rows;
  bool byRows = rows <= columns;
  int64_t few = byRows ? rows : columns, many = byRows ? columns : rows;
  for (int64_t a = 0; a < few; ++a)
    for (int64_t b = 0; b < few; ++b) {
      double dot = 0;
      for (int64_t i = 0; i < many; ++i)
        dot += byRows ? q[a * columns + i] * q[b * columns + i]
                      : q[i * columns + a] * q[i * columns + b];
      EXPECT_NEAR(dot, a == b ? 2.25 : 0, 1e-13);
    }
}

TEST(Initialize, OrthogonalMatrices) {
  checkOrthogonal({20, 20});
  checkOrthogonal({30, 11});
  checkOrthogonal({11, 30});
  checkOrthogonal({8, 3, 5});
  checkOrthogonal({1, 1});
}

TEST(Initialize, OrthogonalIsUniform) {
  // The signs of R are fixed: entries are as often positive as negative.
  int positive = 0;
  for (uint64_t seed = 0; seed < 400; ++seed)
    positive += Variable({3, 3}, VARVE_INIT_ORTHOGONAL, 1, 0).draw(seed)[0] > 0;
  EXPECT_NEAR(positive, 200, 50);
}

double halfToDouble(uint16_t bits, int exponentBits, int fractionBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = bits >> fractionBits & ((1 << exponentBits) - 1);
  double fraction = bits & ((1 << fractionBits) - 1);
  double scale = std::ldexp(1.0, -fractionBits);
  double value = exponent ? std::ldexp(1 + fraction * scale, exponent - bias)
                          : std::ldexp(fraction * scale, 1 - bias);
  return bits >> 15 ? -value : value;
}

/// The nearest of all finite values, ties to the even one, by search.
uint16_t nearest(double x, int exponentBits, int fractionBits) {
  uint16_t best = 0;
  double distance = INFINITY;
  uint32_t finite = ((1u << exponentBits) - 1) << fractionBits;
  for (uint32_t bits = 0; bits < finite; ++bits) {
    double d = std::fabs(
        halfToDouble(static_cast<uint16_t>(bits), exponentBits, fractionBits) -
        std::fabs(x));
    if (d < distance || (d == distance && bits % 2 == 0)) {
      distance = d;
      best = static_cast<uint16_t>(bits);
    }
  }
  return static_cast<uint16_t>(best | (std::signbit(x) ? 0x8000 : 0));
}

TEST(Initialize, RoundsToHalfAndBfloatAtOnce) {
  // Ties, subnormals, a carry into the exponent, just beside a tie in double.
  for (double x :
       {1.0, -1.0, 0.1, 1 + 0x1p-11, 1 + 0x1p-11 + 0x1p-50, 1 + 3 * 0x1p-11,
        2 - 0x1p-12, 1 + 0x1p-8, 1 + 3 * 0x1p-8, 0x1p-24, 0x1p-25, 0x1.8p-25,
        -0x1.8p-20, 0x1.ffep-15, 0x1p-30, 65504.0, 65519.0, 0.0, -3.7e-6}) {
    auto half =
        Variable({}, VARVE_INIT_CONSTANT, x, 0, VARVE_F16).draw<uint16_t>();
    auto bfloat =
        Variable({}, VARVE_INIT_CONSTANT, x, 0, VARVE_BF16).draw<uint16_t>();
    EXPECT_EQ(half[0], nearest(x, 5, 10)) << x;
    EXPECT_EQ(bfloat[0], nearest(x, 8, 7)) << x;
  }
  auto overflow =
      Variable({}, VARVE_INIT_CONSTANT, -65520, 0, VARVE_F16).draw<uint16_t>();
  EXPECT_EQ(overflow[0], 0xfc00);
}

TEST(Initialize, ConstantsOfEachType) {
  EXPECT_EQ(Variable({3}, VARVE_INIT_CONSTANT, 7, 0, VARVE_I64).draw<int64_t>(),
            std::vector<int64_t>({7, 7, 7}));
  EXPECT_EQ(Variable({2}, VARVE_INIT_CONSTANT, -2, 0, VARVE_I8).draw<int8_t>(),
            std::vector<int8_t>({-2, -2}));
  EXPECT_EQ(
      Variable({2}, VARVE_INIT_CONSTANT, 1, 0, VARVE_BOOL).draw<uint8_t>(),
      std::vector<uint8_t>({1, 1}));
}

TEST(Initialize, Refusals) {
  EXPECT_EQ(Variable({3}, VARVE_INIT_NORMAL, 0, 1, VARVE_I32).refusal(),
            "'w' is of an integer type and cannot be drawn");
  EXPECT_EQ(Variable({3}, VARVE_INIT_ORTHOGONAL, 1, 0).refusal(),
            "'w': orthogonal needs two dimensions or more");
  EXPECT_EQ(Variable({3}, 77, 1, 0).refusal(), "'w' has the unknown init 77");
}

} // namespace
