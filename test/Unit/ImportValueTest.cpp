// What imported models compute, by the reference interpreter, against loops
// and numbers written out here: broadcasting, products, indices, control flow,
// and samples that become batches.
#include "ImportValues.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace varve;
using namespace varve::test;

namespace {

/// A body over x: f32[2, 3], y: f32[3, 2], i: i64[2].
Tensor of(const std::string &body) {
  return run(requestOf("model net(x: f32[2, 3], y: f32[3, 2], i: i64[2]) -> "
                       "any[...] {\n" +
                           body + "\n}\n",
                       "infer"),
             {{"x", counting({2, 3})},
              {"y", counting({3, 2})},
              {"i", Tensor{{2}, {1, 0}}}});
}

void expect(const Tensor &got, std::vector<int64_t> shape, Numbers values) {
  EXPECT_EQ(got.shape, shape);
  ASSERT_EQ(got.values.size(), values.size());
  for (size_t e = 0; e < values.size(); ++e)
    EXPECT_NEAR(got.values[e], values[e], 1e-6) << "element " << e;
}

TEST(ImportValue, NumbersTakeTheTensorsType) {
  expect(of("return x * 2 + 1"), {2, 3}, {1, 3, 5, 7, 9, 11});
  expect(of("return i * 2"), {2}, {2, 0});
  // A fraction or `/` turns integers into f32.
  expect(of("return i * 0.5"), {2}, {0.5, 0});
  expect(of("return i / 2"), {2}, {0.5, 0});
  expect(of("return 1 - x"), {2, 3}, {1, 0, -1, -2, -3, -4});
  expect(of("return cast(x, i64) % 2"), {2, 3}, {0, 1, 0, 1, 0, 1});
}

TEST(ImportValue, AxesAlignAtTheRight) {
  expect(of("return x + [10, 20, 30]"), {2, 3}, {10, 21, 32, 13, 24, 35});
  expect(of("return x + [[10], [20]]"), {2, 3}, {10, 11, 12, 23, 24, 25});
  expect(of("return unsqueeze(sum(x, axis: 0), 1) + [1, 2]"), {3, 2},
         {4, 5, 6, 7, 8, 9});
  expect(of("return maximum(x, [[1, 5, 3]])"), {2, 3}, {1, 5, 3, 3, 5, 5});
  expect(of("return where(x > 2, x, 0)"), {2, 3}, {0, 0, 0, 3, 4, 5});
  expect(of("return where([true, false, true], x, -1)"), {2, 3},
         {0, -1, 2, 3, -1, 5});
}

TEST(ImportValue, Powers) {
  Tensor base = of("return x + 1");
  for (const char *exponent :
       {"1", "2", "3", "4", "0.5", "-0.5", "-1", "1.75", "0"}) {
    Numbers expected;
    for (double v : base.values)
      expected.push_back(std::pow(v, std::atof(exponent)));
    expect(of(std::string("return (x + 1) ** ") + exponent), {2, 3}, expected);
  }
  expect(of("return 2 ** x"), {2, 3}, {1, 2, 4, 8, 16, 32});
  expect(of("return i ** 2"), {2}, {1, 0});
  expect(of("return (i + 1) ** -1"), {2}, {0.5, 1});
}

TEST(ImportValue, ProductsOfAllRanks) {
  expect(of("return x @ y"), {2, 2}, {10, 13, 28, 40});
  expect(of("return x @ [1, 2, 3]"), {2}, {8, 26});
  expect(of("return [1, 2] @ x"), {3}, {6, 9, 12});
  expect(of("return x[0] @ y[:, 0]"), {}, {10});
  // x[.., I] @ w: one flat product. Leading axes broadcast otherwise.
  expect(of("return stack([x, x + 1], axis: 0) @ y"), {2, 2, 2},
         {10, 13, 28, 40, 16, 22, 34, 49});
  expect(of("return x @ stack([y, y], axis: 0)"), {2, 2, 2},
         {10, 13, 28, 40, 10, 13, 28, 40});
}

TEST(ImportValue, Indices) {
  expect(of("return x[1]"), {3}, {3, 4, 5});
  expect(of("return x[-1, 0]"), {}, {3});
  expect(of("return x[..., 1]"), {2}, {1, 4});
  expect(of("return x[:, ::2]"), {2, 2}, {0, 2, 3, 5});
  expect(of("return x[:, 1:]"), {2, 2}, {1, 2, 4, 5});
  expect(of("return x[:, :-1]"), {2, 2}, {0, 1, 3, 4});
  expect(of("return x[i]"), {2, 3}, {3, 4, 5, 0, 1, 2});
  expect(of("return x[i, 1:]"), {2, 2}, {4, 5, 1, 2});
  expect(of("return x[0, [2, 0]]"), {2}, {2, 0});
  expect(of("return x[:, i]"), {2, 2}, {1, 0, 4, 3});
}

TEST(ImportValue, AxesCountFromBothEnds) {
  expect(of("return sum(x)"), {}, {15});
  expect(of("return sum(x, axis: -1)"), {2}, {3, 12});
  expect(of("return sum(x, except: 1)"), {3}, {3, 5, 7});
  expect(of("return sum(x, except: [0, 1])"), {2, 3}, {0, 1, 2, 3, 4, 5});
  expect(of("return mean(x, axis: [0, 1], keepdims: true)"), {1, 1}, {2.5});
  expect(of("return argmax(x)"), {2}, {2, 2});
  expect(of("a, b, c = split(x, 3, axis: -1)\n return c - a"), {2, 1}, {2, 2});
  expect(of("return reshape(x, [3, -1])"), {3, 2}, {0, 1, 2, 3, 4, 5});
  expect(of("return broadcast([1, 2], shape(x), axis: 0)"), {2, 3},
         {1, 1, 1, 2, 2, 2});
  expect(of("return squeeze(x[:1], 0)"), {3}, {0, 1, 2});
}

TEST(ImportValue, KnownAtImport) {
  expect(of("n = 0\n repeat k in 0..4 { n = n + k }\n return x[0] * n"), {3},
         {0, 6, 12});
  expect(of("n = 1\n repeat k in [2, 3] { n = n * k }\n return x[0] + n"), {3},
         {6, 7, 8});
  expect(of("if shape(x)[1] == 3 and not false { z = x } else { z = y }\n"
            "return z[0]"),
         {3}, {0, 1, 2});
  expect(of("return x[0] + floor(7 / 2) + -7 % 3 + maximum(1, 2) + "
            "where(1 < 2, 10, 20) + size(x)"),
         {3}, {23, 24, 25});
  expect(of("return x + iota([2, 3], axis: -2, dtype: f32)"), {2, 3},
         {0, 1, 2, 4, 5, 6});
  expect(of("return zeros(shape: [2]) + ones([2]) + range(2, dtype: f32)"), {2},
         {1, 2});
}

TEST(ImportValue, ControlAtRunTime) {
  std::string choose = "z = x\n if sum(x) > 15 { z = x + 1 }\n return z[0]";
  expect(of(choose), {3}, {0, 1, 2});
  expect(of("x = x + 1\n" + choose), {3}, {2, 3, 4});
  // The sums of the columns so far, and the last of them.
  std::string scan = "s = zeros(shape: [2])\n"
                     "t = scan c in x along 1 {\n"
                     "  s = s + c\n  yield s\n}\n";
  expect(of(scan + "return t"), {2, 3}, {0, 1, 3, 3, 7, 12});
  expect(of(scan + "return s"), {2}, {3, 12});
  expect(of("n = 1.0\n while n < 100 { n = n * 2 }\n return x[0] + n"), {3},
         {128, 129, 130});
}

TEST(ImportValue, TheSameParametersInEachTurn) {
  // w = [[0, 1], [2, 3]], h = h @ w' + column.
  Tensor got = of("h = zeros(shape: [1, 2])\n"
                  "t = scan c in x along 1 {\n"
                  "  h = dense(h, 2, bias: false, init: 0) as w + c\n"
                  "  yield h\n}\nreturn h");
  double h[2] = {0, 0};
  for (int column = 0; column < 3; ++column) {
    double a = 0 * h[0] + 1 * h[1] + column;
    double b = 2 * h[0] + 3 * h[1] + column + 3;
    h[0] = a;
    h[1] = b;
  }
  expect(got, {1, 2}, {h[0], h[1]});
}

TEST(ImportValue, StateHasItsLastValue) {
  RefState state;
  run(requestOf("model net(image: f32[N, 28, 28]) -> f32[N] {\n"
                "  state seen: f32[] = 3\n"
                "  seen = seen * 2\n  seen = seen + 1\n"
                "  param w: f32[] = 0\n"
                "  return mean(image, except: 0) * w * seen\n}\n\n"
                "train net {\n  data mnist\n  batch 1\n"
                "  prepare { image = image / 255 }\n"
                "  loss mean(output)\n  optimizer sgd\n}\n",
                "train_step"),
      {{"image", counting({1, 28, 28})}, {"indices", Tensor{{1}, {0}}}},
      &state);
  EXPECT_EQ(state["seen"].f, (Numbers{7}));
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

/// The batch that `prepare` makes of samples 2, 0 of image: f32[2, 3],
/// k: i64[], c: class(4), summed with weights that tell places apart.
Tensor prepared(const std::string &statements, const std::string &shape) {
  std::string text =
      "model net(image: f32[N" + shape +
      "]) -> out: any[...] {\n"
      "  return image\n}\n\n"
      "train net {\n  data npz(\"a.npz\") { image: f32[2, 3]\n k: i64\n"
      " c: class(4) }\n"
      "  batch 2\n  prepare {\n" +
      statements +
      "\n}\n"
      "  loss sum(out * reshape(2.0 ** range(size(out), dtype: f32), "
      "shape(out)))\n"
      "  optimizer sgd\n}\n";
  return run(requestOf(text, "eval_step"), {{"image", counting({3, 2, 3})},
                                            {"k", Tensor{{3}, {0, 1, 2}}},
                                            {"c", Tensor{{3}, {3, 2, 1}}},
                                            {"indices", Tensor{{2}, {2, 0}}}});
}

void expectPrepared(const std::string &statements, const std::string &shape,
                    const Numbers &batch) {
  double sum = 0;
  for (size_t e = 0; e < batch.size(); ++e)
    sum += batch[e] * std::pow(2.0, double(e));
  Tensor got = prepared(statements, shape);
  ASSERT_EQ(got.values.size(), 1u) << statements;
  EXPECT_NEAR(got.values[0], sum, 1e-3 * std::abs(sum) + 1e-6) << statements;
}

// Sample 2 is 12 .. 17, sample 0 is 0 .. 5; k is 2, 0 and c is 1, 3.
TEST(ImportValue, SamplesBecomeBatches) {
  expectPrepared("image = image", ", 2, 3",
                 {12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5});
  expectPrepared("image = flip(image, axis: -1)", ", 2, 3",
                 {14, 13, 12, 17, 16, 15, 2, 1, 0, 5, 4, 3});
  expectPrepared("image = flip(image, axis: 0)", ", 2, 3",
                 {15, 16, 17, 12, 13, 14, 3, 4, 5, 0, 1, 2});
  expectPrepared("image = transpose(image)", ", 3, 2",
                 {12, 15, 13, 16, 14, 17, 0, 3, 1, 4, 2, 5});
  expectPrepared("image = transpose(image, perm: [1, 0])", ", 3, 2",
                 {12, 15, 13, 16, 14, 17, 0, 3, 1, 4, 2, 5});
  expectPrepared("image = reshape(image, [6])", ", 6",
                 {12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5});
  expectPrepared("image = sum(image, axis: 0)", ", 3", {27, 29, 31, 3, 5, 7});
  expectPrepared("image = sum(image)", "", {87, 15});
  expectPrepared("image = image[1]", ", 3", {15, 16, 17, 3, 4, 5});
  expectPrepared("image = image[:, 1:]", ", 2, 2",
                 {13, 14, 16, 17, 1, 2, 4, 5});
  expectPrepared("image = image + [100, 200, 300]", ", 2, 3",
                 {112, 213, 314, 115, 216, 317, 100, 201, 302, 103, 204, 305});
  // A number of each sample meets its image.
  expectPrepared("image = image * cast(k, f32)", ", 2, 3",
                 {24, 26, 28, 30, 32, 34, 0, 0, 0, 0, 0, 0});
  expectPrepared("image = where(k == 2, image, -image)", ", 2, 3",
                 {12, 13, 14, 15, 16, 17, 0, -1, -2, -3, -4, -5});
  expectPrepared("image = one_hot(c, 4)", ", 4", {0, 1, 0, 0, 0, 0, 0, 1});
  expectPrepared("image = broadcast(image[0], [2, 3])", ", 2, 3",
                 {12, 13, 14, 12, 13, 14, 0, 1, 2, 0, 1, 2});
  expectPrepared("image = pad(image, [0, 1], [1, 0])", ", 3, 4",
                 {0, 12, 13, 14, 0, 15, 16, 17, 0, 0, 0, 0,
                  0, 0,  1,  2,  0, 3,  4,  5,  0, 0, 0, 0});
  expectPrepared("image = stack([image[0], [7, 8, 9]], axis: 1)", ", 3, 2",
                 {12, 7, 13, 8, 14, 9, 0, 7, 1, 8, 2, 9});
  expectPrepared("image = concat([image, [[7, 8, 9]]], axis: 0)", ", 3, 3",
                 {12, 13, 14, 15, 16, 17, 7, 8, 9, 0, 1, 2, 3, 4, 5, 7, 8, 9});
}

// Each sample is cut at a place of its own, held to its axis.
TEST(ImportValue, SlicesStartInEachSample) {
  expectPrepared("image = dynamic_slice(image, [0, k], [2, 2])", ", 2, 2",
                 {13, 14, 16, 17, 0, 1, 3, 4});
  expectPrepared("image = dynamic_slice(image, [k], [1])", ", 2, 1",
                 {14, 17, 0, 3});
  expectPrepared("image = dynamic_slice(image, [k - 1, k - 1], [1, 1])",
                 ", 1, 1", {16, 0});
}

} // namespace
