// What `prepare` makes of samples in training, by the reference interpreter:
// draws that belong to a sample, images between their pixels, and mixup.
// Expected numbers are written out, PyTorch's, or loops over formulas here,
// which take what was drawn from a draw of the same place.
#include "ImportHelper.h"

#include "Language/ImportImpl.h"
#include "varve/Reference/Reference.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace varve;
using namespace varve::test;

namespace {

using Numbers = std::vector<double>;

struct Draw {
  std::vector<int64_t> indices;
  int64_t seed = 0, epoch = 0;
};

/// Runs a function of a program; all results, one after the other.
std::vector<Numbers> run(const ImportRequest &request, const Numbers &images,
                         const Draw &draw) {
  Imported net(request);
  EXPECT_TRUE(net.func) << net.error.message;
  if (!net.func)
    return {};
  std::vector<RefTensor> arguments;
  for (auto [i, info] : llvm::enumerate(net.func.getInputs())) {
    std::string name = llvm::cast<DictionaryAttr>(info)
                           .getAs<StringAttr>("name")
                           .getValue()
                           .str();
    auto type = llvm::cast<RankedTensorType>(
        net.func.getBody().getArgument(i).getType());
    std::vector<int64_t> shape = type.getShape().vec();
    int64_t each = 1;
    for (size_t d = 1; d < shape.size(); ++d)
      each *= shape[d];
    if (!shape.empty() && shape[0] < 0)
      shape[0] = int64_t(images.size()) / each;
    RefTensor value(type.getElementType(), shape);
    for (int64_t e = 0; e < value.size(); ++e) {
      double number = name == "indices" ? double(draw.indices[e])
                      : name == "seed"  ? double(draw.seed)
                      : name == "epoch" ? double(draw.epoch)
                      : name == "label" ? double(e % 3)
                                        : images[e];
      value.set(e, {number, int64_t(number)});
    }
    arguments.push_back(value);
  }
  RefState state;
  for (StateOp op : net.top.getOps<StateOp>()) {
    RefTensor value(op.getTensorType());
    for (int64_t e = 0; e < value.size(); ++e)
      value.set(e, {0, 0});
    state[op.getSymName().str()] = value;
  }
  auto results = evaluateFunction(net.func, arguments, state);
  EXPECT_TRUE(succeeded(results));
  if (failed(results))
    return {};
  std::vector<Numbers> out;
  for (const RefTensor &result : *results) {
    out.emplace_back();
    for (int64_t e = 0; e < result.size(); ++e)
      out.back().push_back(result.isFloat() ? result.f[e]
                                            : double(result.i[e]));
  }
  return out;
}

/// The batch that training makes of images of a shape.
Numbers prepared(const std::string &statements, const std::string &shape,
                 const Numbers &images, const Draw &draw) {
  ImportRequest request = requestOf(
      "model net(image: any[N, ...]) -> any[N, ...] { return image }\n"
      "train net {\n  data npz(\"a.npz\") { image: f32[" +
          shape + "] label: class(3) }\n  prepare {\n" + statements +
          "\n}\n  loss mean(cast(output, f32))\n  optimizer sgd\n}\n",
      "prepare");
  request.batch = int64_t(draw.indices.size());
  auto results = run(request, images, draw);
  return results.empty() ? Numbers() : results[0];
}

void expectNear(const Numbers &got, const Numbers &wanted,
                double tolerance = 1e-5) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t e = 0; e < got.size(); ++e)
    EXPECT_NEAR(got[e], wanted[e], tolerance) << "element " << e;
}

Numbers slice(const Numbers &all, size_t from, size_t count) {
  return Numbers(all.begin() + from, all.begin() + from + count);
}

/// Something irregular from 0 to 10.
Numbers noise(int64_t count) {
  Numbers out;
  for (int64_t i = 0; i < count; ++i)
    out.push_back(std::fmod(double(i * i) * 0.731 + double(i) * 3.17, 10));
  return out;
}

// A sample's draw is the same alone, in a batch, wherever it stands there;
// another in the next epoch, with another seed, for another sample.
TEST(Samples, DrawsBelongToTheSample) {
  Numbers images = noise(6 * 4);
  auto draw = [&](std::vector<int64_t> indices, int64_t seed = 3,
                  int64_t epoch = 0) {
    return prepared(
        "noise = normal(shape: [2])\n"
        "part = random_crop(image, [1, 1], padding: 1)\n"
        "whole = cast(random_int(1000, shape: []), f32)\n"
        "image = concat([reshape(part, [1]), noise, reshape(whole, [1]), "
        "reshape(uniform(shape: []), [1])], axis: 0)",
        "2, 2", images, {std::move(indices), seed, epoch});
  };
  Numbers one = draw({4});
  ASSERT_EQ(one.size(), 5u);
  Numbers batch = draw({1, 4, 0, 4});
  EXPECT_EQ(slice(batch, 5, 5), one);
  EXPECT_EQ(slice(batch, 15, 5), one);
  EXPECT_NE(slice(batch, 0, 5), one);
  Numbers three = draw({0, 5, 4});
  EXPECT_EQ(slice(three, 10, 5), one);
  EXPECT_EQ(slice(three, 0, 5), slice(batch, 10, 5));
  EXPECT_NE(draw({4}, 3, 1), one);
  EXPECT_NE(draw({4}, 4, 0), one);
  EXPECT_EQ(draw({4}, 3, 1), slice(draw({0, 4}, 3, 1), 5, 5));
}

// Values by PyTorch: interpolate(mode="bilinear", align_corners=False).
TEST(Samples, Resize) {
  Numbers image = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};
  auto resized = [&](const std::string &size) {
    return prepared("image = resize(image, " + size + ")", "1, 4, 5", image,
                    {{0}});
  };
  expectNear(resized("[2, 3]"), {4.5, 5, 3.666667, 4.333333, 6, 6.833333});
  expectNear(resized("[6, 7]"),
             {3,        1.857143, 1.857143, 4,   1.857142, 2.714286, 5,
              6,        3.428571, 2.5,      5,   3.571428, 3.428571, 4,
              8.333333, 5.285714, 4,        6.5, 5.666667, 4.761905, 4,
              5.666667, 6.428572, 7.428572, 8.5, 7.190476, 7.238095, 8,
              4,        4.571429, 5.285714, 6,   7.071429, 7.071429, 6.5,
              3,        2.428571, 2.285714, 3,   6.571429, 6.285714, 4});
  expectNear(resized("[4, 5]"), image);
  expectNear(resized("1"), {7.5});
}

TEST(Samples, BilinearOutside) {
  // 1 2
  // 3 4, at rows and columns -1.5, -.5, .5, 1.5: by hand.
  auto sampled = [&](const std::string &outside) {
    return prepared("at = range(4, dtype: f32) - 1.5\n"
                    "image = bilinear(image, unsqueeze(at, 1), unsqueeze(at, "
                    "0), outside: \"" +
                        outside + "\")",
                    "2, 2", {1, 2, 3, 4}, {{0}});
  };
  expectNear(sampled("edge"),
             {1, 1, 1.5, 2, 1, 1, 1.5, 2, 2, 2, 2.5, 3, 3, 3, 3.5, 4});
  expectNear(sampled("zero"), {0, 0, 0, 0, 0, 0.25, 0.75, 0.5, 0, 1, 2.5, 1.5,
                               0, 0.75, 1.75, 1});
}

/// The mean of the four pixels around, by distance; naive, in double.
double between(const Numbers &image, size_t from, int64_t height, int64_t width,
               double y, double x, bool zero) {
  double sum = 0;
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 2; ++j) {
      auto row = int64_t(std::floor(y)) + i,
           column = int64_t(std::floor(x)) + j;
      double weight =
          (1 - std::abs(y - double(row))) * (1 - std::abs(x - double(column)));
      bool outside = row < 0 || row >= height || column < 0 || column >= width;
      if (outside && zero)
        continue;
      row = std::min(std::max<int64_t>(row, 0), height - 1);
      column = std::min(std::max<int64_t>(column, 0), width - 1);
      sum += weight * image[from + row * width + column];
    }
  return sum;
}

TEST(Samples, Rotate) {
  Numbers images = noise(3 * 5 * 4);
  Draw draw{{2, 0}, 11, 2};
  // The first draw of `prepare` is the angle, here in a place of its own.
  Numbers angle = prepared("image = reshape(uniform(low: -1, high: 1, shape: "
                           "[]), [1])",
                           "5, 4", images, draw);
  Numbers got = prepared("image = rotate(image, 30)", "5, 4", images, draw);
  ASSERT_EQ(got.size(), 40u);
  EXPECT_NE(angle[0], angle[1]);
  for (size_t s = 0; s < 2; ++s)
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t j = 0; j < 4; ++j) {
        double a = angle[s] * 30 * M_PI / 180, y = double(i) - 2,
               x = double(j) - 1.5;
        double wanted = between(images, size_t(draw.indices[s]) * 20, 5, 4,
                                y * std::cos(a) - x * std::sin(a) + 2,
                                y * std::sin(a) + x * std::cos(a) + 1.5, true);
        EXPECT_NEAR(got[s * 20 + i * 4 + j], wanted, 1e-4) << s << i << j;
      }
}

TEST(Samples, RandomResizedCrop) {
  Numbers images = noise(3 * 6 * 8);
  Draw draw{{1, 2}, 5, 1};
  // What the block draws, one after the other.
  Numbers drawn[4];
  for (int k = 0; k < 4; ++k) {
    std::string text;
    for (int i = 0; i <= k; ++i)
      text += "u" + std::to_string(i) + " = uniform(shape: [])\n";
    drawn[k] =
        prepared(text + "image = reshape(u" + std::to_string(k) + ", [1])",
                 "6, 8", images, draw);
  }
  Numbers got = prepared("image = random_resized_crop(image, [3, 4], scale: "
                         "[0.2, 0.5])",
                         "6, 8", images, draw);
  ASSERT_EQ(got.size(), 24u);
  for (size_t s = 0; s < 2; ++s) {
    double area = 48 * (0.2 + 0.3 * drawn[0][s]);
    double low = std::log(0.75), high = std::log(4.0 / 3);
    double aspect = std::exp(low + (high - low) * drawn[1][s]);
    double height = std::min(std::sqrt(area / aspect), 6.0),
           width = std::min(std::sqrt(area * aspect), 8.0);
    double top = (6 - height) * drawn[2][s], left = (8 - width) * drawn[3][s];
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 4; ++j)
        EXPECT_NEAR(got[s * 12 + i * 4 + j],
                    between(images, size_t(draw.indices[s]) * 48, 6, 8,
                            top + (i + 0.5) * height / 3 - 0.5,
                            left + (j + 0.5) * width / 4 - 0.5, false),
                    1e-3)
            << s << i << j;
  }
}

TEST(Samples, ColorJitter) {
  Numbers images = noise(2 * 12);
  Draw draw{{1}, 8, 0};
  Numbers f[4];
  const char *ranges[] = {"0.6, high: 1.4", "0.5, high: 1.5", "0, high: 2",
                          "-0.2, high: 0.2"};
  for (int k = 0; k < 4; ++k) {
    std::string text;
    for (int i = 0; i <= k; ++i)
      text += "u" + std::to_string(i) + " = uniform(low: " + ranges[i] +
              ", shape: [])\n";
    f[k] = prepared(text + "image = reshape(u" + std::to_string(k) + ", [1])",
                    "3, 2, 2", images, draw);
  }
  Numbers got = prepared("image = color_jitter(image, brightness: 0.4, "
                         "contrast: 0.5, saturation: 1, hue: 0.2)",
                         "3, 2, 2", images, draw);
  ASSERT_EQ(got.size(), 12u);
  double pixel[4][3], mean = 0;
  auto luma = [](const double *p) {
    return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
  };
  for (int i = 0; i < 4; ++i) {
    for (int c = 0; c < 3; ++c)
      pixel[i][c] = images[12 + c * 4 + i] * f[0][0];
    mean += luma(pixel[i]) / 4;
  }
  double a = f[3][0] * 2 * M_PI;
  for (int i = 0; i < 4; ++i) {
    for (double &v : pixel[i])
      v = f[1][0] * v + (1 - f[1][0]) * mean;
    double y = luma(pixel[i]);
    double u = 0.492 * f[2][0] * (pixel[i][2] - y),
           v = 0.877 * f[2][0] * (pixel[i][0] - y);
    double u2 = u * std::cos(a) + v * std::sin(a),
           v2 = v * std::cos(a) - u * std::sin(a);
    double red = y + v2 / 0.877, blue = y + u2 / 0.492;
    double green = (y - 0.299 * red - 0.114 * blue) / 0.587;
    EXPECT_NEAR(got[i], red, 1e-4);
    EXPECT_NEAR(got[4 + i], green, 1e-4);
    EXPECT_NEAR(got[8 + i], blue, 1e-4);
  }
}

TEST(Samples, Cutout) {
  Numbers images(2 * 30, 1);
  Draw draw{{0, 1}, 2, 0};
  Numbers y = prepared("image = reshape(cast(random_int(5, shape: []), f32), "
                       "[1])",
                       "5, 6", images, draw);
  Numbers x = prepared("y = random_int(5, shape: [])\n"
                       "image = reshape(cast(random_int(6, shape: []), f32), "
                       "[1])",
                       "5, 6", images, draw);
  Numbers got = prepared("image = cutout(image, 3)", "5, 6", images, draw);
  ASSERT_EQ(got.size(), 60u);
  for (size_t s = 0; s < 2; ++s)
    for (int i = 0; i < 5; ++i)
      for (int j = 0; j < 6; ++j)
        EXPECT_EQ(got[s * 30 + i * 6 + j],
                  std::abs(i - y[s]) <= 1 && std::abs(j - x[s]) <= 1 ? 0 : 1)
            << s << " " << i << " " << j;
}

TEST(Samples, NothingIsDrawnInEvaluation) {
  Numbers images = noise(2 * 3 * 16);
  ImportRequest request = requestOf(
      "model net(image: f32[N, 3, 4, 4]) -> out: f32[N, 3, 4, 4] {\n"
      "  return image\n}\n"
      "train net {\n  data npz(\"a.npz\") { image: f32[3, 4, 4] label: "
      "class(3) }\n  prepare {\n    image = image |> cutout(2) |> rotate(20) "
      "|> "
      "color_jitter(hue: 0.3) |> random_flip |> random_crop([4, 4], padding: "
      "2)\n  }\n  loss mean(out)\n  optimizer sgd\n}\n",
      "infer_stored");
  request.batch = 2;
  auto results = run(request, images, {{0, 1}});
  ASSERT_EQ(results.size(), 1u);
  expectNear(results[0], images);
}

// scipy.stats.beta.ppf(q, a, a) at q = 1/8 to 4/8.
TEST(Samples, BetaQuantiles) {
  struct Case {
    double a;
    Numbers wanted;
  };
  for (const Case &c :
       {Case{0.2,
             {0.0007558616477175977, 0.023814718768253692, 0.16342074107606697,
              0.5}},
        {0.5, {0.03806023374435662, 0.14644660940672624, 0.3086582838141, 0.5}},
        {1, {0.125, 0.25, 0.375, 0.5}},
        {2,
         {0.2210626508342377, 0.3263518223330697, 0.4158727991094862, 0.5}}}) {
    std::vector<double> got = importer::betaQuantiles(c.a, 8);
    ASSERT_EQ(got.size(), 9u);
    EXPECT_EQ(got[0], 0);
    EXPECT_EQ(got[8], 1);
    for (int i = 0; i < 4; ++i) {
      EXPECT_NEAR(got[i + 1], c.wanted[i], 1e-6) << c.a;
      EXPECT_NEAR(got[7 - i], 1 - c.wanted[i], 1e-6) << c.a;
    }
  }
}

// Which order and which c were drawn follows from the mixed inputs; the loss
// must then be that of both labels, by c.
TEST(Samples, Mixup) {
  const double x[] = {1, 10, 100, 1000}, y[] = {0, 1, 2, 0};
  bool mixes = false;
  for (int64_t seed = 0; seed < 4; ++seed) {
    std::string metrics;
    for (int i = 0; i < 4; ++i)
      metrics += "  metric m" + std::to_string(i) +
                 " = sum(where(range(size(out)) == " + std::to_string(i) +
                 ", out, 0))\n";
    ImportRequest request = requestOf(
        "model net(image: f32[N]) -> out: f32[N] {\n"
        "  param w: f32[] = 0\n  return image + w\n}\n"
        "train net {\n  data npz(\"a.npz\") { image: f32[] label: class(3) }\n"
        "  loss sum(out * cast(label, f32))\n" +
            metrics + "  batch 4\n  optimizer sgd\n  mixup 1\n}\n",
        "train_step");
    auto results = run(request, {1, 10, 100, 1000}, {{0, 1, 2, 3}, seed});
    ASSERT_GE(results.size(), 5u);
    int order[] = {0, 1, 2, 3}, found = 0;
    do {
      // c from the sample that is moved furthest.
      double c = 1, most = 0;
      for (int i = 0; i < 4; ++i)
        if (double move = x[i] - x[order[i]]; std::abs(move) > most) {
          most = std::abs(move);
          c = (results[i + 1][0] - x[order[i]]) / move;
        }
      double wrong = 0, loss = 0;
      for (int i = 0; i < 4; ++i) {
        double out = c * x[i] + (1 - c) * x[order[i]];
        wrong = std::max(wrong, std::abs(out - results[i + 1][0]));
        loss += out * (c * y[i] + (1 - c) * y[order[i]]);
      }
      if (wrong > 1e-3 || c < 0 || c > 1)
        continue;
      ++found;
      mixes |= most > 0 && c > 0.01 && c < 0.99;
      EXPECT_NEAR(results[0][0], loss, 1e-2) << "seed " << seed;
    } while (std::next_permutation(order, order + 4));
    EXPECT_GE(found, 1) << "seed " << seed;
  }
  EXPECT_TRUE(mixes);
}

// ---- texts ----

/// The windows that a function gathers from the row 0, 1, .., 39: tokens, next.
std::vector<Numbers> windows(const std::string &function, const Draw &draw) {
  ImportRequest request = requestOf(
      "model net(tokens: i64[N, T], next: i64[N, T]) -> (a: i64[N, T], b: "
      "i64[N, T]) { return tokens, next }\n"
      "train net {\n  data text(\"a.txt\", tokenizer: characters, length: 4) "
      "{ tokens: i64[4] next: i64[4] }\n"
      "  loss mean(cast(a, f32))\n  optimizer sgd\n}\n",
      function);
  request.batch = int64_t(draw.indices.size());
  Numbers row(40);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = double(i);
  return run(request, row, draw);
}

TEST(Texts, EvaluationCutsAtTheSamePlaces) {
  auto got = windows("infer_stored", {{0, 3}, 5, 1});
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0], (Numbers{0, 1, 2, 3, 12, 13, 14, 15}));
  EXPECT_EQ(got[1], (Numbers{1, 2, 3, 4, 13, 14, 15, 16}));
}

TEST(Texts, TrainingShiftsTheWindowsOfAnEpoch) {
  std::set<double> shifts;
  for (int64_t epoch = 0; epoch < 12; ++epoch) {
    auto got = windows("prepare", {{2, 0}, 5, epoch});
    ASSERT_EQ(got.size(), 2u);
    double shift = got[0][4];
    EXPECT_GE(shift, 0);
    EXPECT_LT(shift, 4);
    shifts.insert(shift);
    for (int64_t i = 0; i < 4; ++i) {
      EXPECT_EQ(got[0][i], 8 + shift + i);
      EXPECT_EQ(got[0][4 + i], shift + i);
      EXPECT_EQ(got[1][i], got[0][i] + 1);
    }
    EXPECT_EQ(got, windows("prepare", {{2, 0}, 5, epoch}));
  }
  EXPECT_EQ(shifts.size(), 4u); // in 12 epochs, all but for 1 in 8 seeds
}

/// Masked windows of 12 of the row 100, 101, .. 499, which also gives [MASK]
/// 100, [CLS] 101, [SEP] 102, and 103 tokens: tokens, segments, masked, follows.
std::vector<Numbers> maskedWindows(const std::string &function, bool pairs,
                                   const Draw &draw) {
  ImportRequest request = requestOf(
      std::string("model net(tokens: i64[N, T], segments: i64[N, T], masked: "
                  "i64[N, T]") +
          (pairs ? ", follows: i64[N]" : "") +
          ") -> (a: i64[N, T], b: i64[N, T], c: i64[N, T]" +
          (pairs ? ", d: i64[N]" : "") + ") { return tokens, segments, masked" +
          (pairs ? ", follows" : "") +
          " }\ntrain net {\n  data text(\"a.txt\", tokenizer: "
          "wordpiece(\"v.txt\"), length: 12, masked: 0.5" +
          (pairs ? ", pairs: true" : "") +
          ") { tokens: i64[12] segments: i64[12] masked: i64[12]" +
          (pairs ? " follows: class(2)" : "") +
          " }\n  loss mean(cast(a, f32))\n  optimizer sgd\n}\n",
      function);
  request.batch = int64_t(draw.indices.size());
  Numbers row(400);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = double(100 + i);
  return run(request, row, draw);
}

TEST(Texts, MaskedTokensAreToBeGuessed) {
  int guessed = 0, ways[3] = {};
  for (int64_t epoch = 0; epoch < 40; ++epoch) {
    auto got = maskedWindows("prepare", false, {{3, 20}, 1, epoch});
    ASSERT_EQ(got.size(), 3u);
    double shift = -1;
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t i = 0; i < 12; ++i) {
        double token = got[0][n * 12 + i], label = got[2][n * 12 + i];
        EXPECT_EQ(got[1][n * 12 + i], 0);
        if (i == 0 || i == 11) {
          EXPECT_EQ(token, i == 0 ? 101 : 102);
          EXPECT_EQ(label, -100);
          continue;
        }
        // Ten tokens of the text a sample; all windows are shifted alike.
        double first = 100 + (n ? 200 : 30) + double(i - 1);
        double whole = label == -100 ? token : label;
        if (shift < 0)
          shift = whole - first;
        EXPECT_EQ(whole, first + shift);
        if (label == -100)
          continue;
        ++guessed;
        ++ways[token == 100 ? 0 : token == label ? 2 : 1];
        if (token != 100 && token != label) {
          EXPECT_LT(token, 103); // any token
        }
      }
    EXPECT_TRUE(shift >= 0 && shift < 10);
    EXPECT_EQ(got, maskedWindows("prepare", false, {{3, 20}, 1, epoch}));
  }
  EXPECT_NEAR(guessed / 800.0, 0.5, 0.06); // three standard deviations
  EXPECT_NEAR(double(ways[0]) / guessed, 0.8, 0.06);
  EXPECT_NEAR(double(ways[1]) / guessed, 0.1, 0.05);
  // Evaluation sees the same in each epoch.
  EXPECT_EQ(maskedWindows("infer_stored", false, {{3, 20}, 1, 0}),
            maskedWindows("infer_stored", false, {{3, 20}, 1, 7}));
}

TEST(Texts, PairsFollowOrDoNot) {
  bool seen[2] = {};
  for (int64_t epoch = 0; epoch < 12; ++epoch) {
    auto got = maskedWindows("prepare", true, {{3, 20}, 1, epoch});
    ASSERT_EQ(got.size(), 4u);
    auto whole = [&](int64_t n, int64_t i) {
      double label = got[2][n * 12 + i];
      return label == -100 ? got[0][n * 12 + i] : label;
    };
    for (int64_t n = 0; n < 2; ++n) {
      // [CLS] 5 tokens [SEP] 4 tokens [SEP]
      EXPECT_EQ(got[0][n * 12], 101);
      EXPECT_EQ(got[0][n * 12 + 6], 102);
      EXPECT_EQ(got[0][n * 12 + 11], 102);
      for (int64_t i = 0; i < 12; ++i)
        EXPECT_EQ(got[1][n * 12 + i], i > 6);
      for (int64_t i = 1; i < 5; ++i)
        EXPECT_EQ(whole(n, i + 1), whole(n, i) + 1);
      for (int64_t i = 7; i < 10; ++i)
        EXPECT_EQ(whole(n, i + 1), whole(n, i) + 1);
      bool follows = got[3][n] == 1;
      seen[follows] = true;
      EXPECT_EQ(whole(n, 7), whole(follows ? n : 1 - n, 5) + 1);
    }
  }
  EXPECT_TRUE(seen[0] && seen[1]);
}

} // namespace
