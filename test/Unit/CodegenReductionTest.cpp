// Compiled reductions against naive loops in the contract's order.
#include "CodegenHelper.h"
#include "KernelText.h"

#include <cmath>
#include <limits>

using namespace varve;

namespace {

/// Chunks of 4096; in each, term i to running value i mod 16, the tree 8 4 2 1.
template <class T, class Term, class Op>
T fold(int64_t n, T neutral, Term term, Op op) {
  T total = neutral;
  for (int64_t c = 0; c < n; c += 4096) {
    T run[16];
    for (T &r : run)
      r = neutral;
    for (int64_t i = c; i < std::min(n, c + 4096); ++i)
      run[i % 16] = op(run[i % 16], term(i));
    for (int w = 8; w; w /= 2)
      for (int l = 0; l < w; ++l)
        run[l] = op(run[l], run[l + w]);
    total = c ? op(total, run[0]) : run[0];
  }
  return total;
}

const char *kinds(bool reduce) {
  return reduce ? "\"reduction\"" : "\"parallel\"";
}

/// Reduces axis `red` of f32[s0, s1, s2] with exp-free term x * x + 1.
void check(Shape s, int red, const std::string &op, float neutral,
           const Variant &v, Order order = {}, Order outOrder = {}) {
  SCOPED_TRACE(join(s, "x") + " axis " + std::to_string(red) + " " + op + " " +
               v.level + " threads " + std::to_string(v.threads) +
               order.map(s.size()) + outOrder.map(s.size() - 1));
  Argument a{s, "f32", order};
  Argument out{{}, "f32", outOrder};
  std::string loops, kept, types;
  for (size_t d = 0; d < s.size(); ++d) {
    std::string x = "d" + std::to_string(d);
    loops += (d ? ", " : "") + x;
    types += (d ? ", " : "") + std::string(kinds(int(d) == red));
    if (int(d) != red) {
      kept += (kept.empty() ? "" : ", ") + x;
      out.shape.push_back(s[d]);
    }
  }
  std::string t = out.tensor(), init = std::to_string(neutral);
  if (std::isinf(neutral))
    init = neutral < 0 ? "0xFF800000" : "0x7F800000";
  std::string all = "affine_map<(" + loops + ") -> (" + loops + ")>";
  std::string body = "  %i = arith.constant " + init +
                     " : f32\n  %one = arith.constant 1.0 : "
                     "f32\n  %e = tensor.empty() : " +
                     t +
                     "\n  %f = linalg.fill ins(%i : f32) "
                     "outs(%e : " +
                     t + ") -> " + t +
                     "\n  %ee = tensor.empty() : " + a.tensor() +
                     "\n  %sq = linalg.generic {indexing_maps = [" + all +
                     ", " + all + "], iterator_types = [";
  for (size_t d = 0; d < s.size(); ++d)
    body += (d ? ", " : "") + std::string(kinds(false));
  body += "]} ins(%a0 : " + a.tensor() + ") outs(%ee : " + a.tensor() +
          ") {\n  ^bb0(%x: f32, %y: f32):\n    %p = arith.mulf %x, %x : f32\n"
          "    linalg.yield %p : f32\n  } -> " +
          a.tensor() + "\n  %r = linalg.generic {indexing_maps = [" + all +
          ", affine_map<(" + loops + ") -> (" + kept +
          ")>], iterator_types = [" + types + "]} ins(%sq : " + a.tensor() +
          ") outs(%f : " + t +
          ") {\n  ^bb0(%x: f32, %y: f32):\n"
          "    %w = arith.addf %x, %one : f32\n    %z = arith." +
          op + " %w, %y : f32\n    linalg.yield %z : f32\n  } -> " + t + "\n";
  Program p = compileKernels(kernelModule({a}, {out}, body, "%r"), v);
  ASSERT_EQ(p.error, "");
  std::mt19937 rng(count(s));
  Filled<float> A(a.order.size(s), &rng), C(count(out.shape));
  p.run({A.data, C.data}, v.threads);
  size_t wrong = 0;
  for (int64_t o = 0; o < count(out.shape); ++o) {
    Shape at(s.size());
    int64_t rest = o;
    for (int d = int(s.size()) - 1; d >= 0; --d)
      if (d != red) {
        at[d] = rest % s[d];
        rest /= s[d];
      }
    auto term = [&](int64_t i) {
      Shape x = at;
      x[red] = i;
      float e = A[a.order.at(s, x)];
      return e * e + 1.f;
    };
    float want = fold(s[red], neutral, term, [&](float x, float y) {
      return op == "addf"       ? x + y
             : op == "mulf"     ? x * y
             : op == "maximumf" ? std::max(x, y)
                                : std::min(x, y);
    });
    Shape to = at;
    to.erase(to.begin() + red);
    wrong += memcmp(&want, &C[outOrder.at(out.shape, to)], 4) != 0;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(C.intact());
}

TEST(CodegenReduction, EveryAxisAndLength) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const std::string &level : levels()) {
    Variant v;
    v.level = level;
    check({128, 10}, 1, "addf", 0, v);
    check({128, 10}, 1, "maximumf", -inf, v);
    check({128, 10}, 0, "addf", 0, v);
    check({128}, 0, "addf", 0, v);
    check({10000}, 0, "addf", 0, v);
    check({4096}, 0, "minimumf", inf, v);
    v.threads = 3;
    check({37, 100}, 1, "addf", 0, v);
    check({37, 100}, 0, "addf", 0, v);
    check({300, 45}, 0, "mulf", 1, v);
    check({5, 33, 40}, 1, "addf", 0, v);
    check({33, 5, 40}, 0, "addf", 0, v);
    check({3, 5000}, 1, "addf", 0, v);
    check({4100, 24}, 0, "addf", 0, v);
    check({64, 96}, 1, "addf", 0, v, {{1, 0}, 0});
    check({100, 64}, 0, "addf", 0, v, {{1, 0}, 32});
  }
}

// Lanes along the channels: terms written out and in a loop, fewer terms than
// running values, channels that are no whole vectors.
TEST(CodegenReduction, ChannelsLast) {
  const float inf = std::numeric_limits<float>::infinity();
  const Order last{{0, 2, 3, 1}, 0}, rest{{0, 2, 1}, 0};
  for (const std::string &level : levels())
    for (int threads : {1, 3}) {
      Variant v;
      v.level = level;
      v.threads = threads;
      for (int64_t w : {1, 2, 7, 15, 16, 17, 32, 45})
        check({3, 24, 2, w}, 3, "addf", 0, v, last, rest);
      check({2, 64, 3, 200}, 3, "addf", 0, v, last, rest);
      check({2, 64, 3, 113}, 3, "maximumf", -inf, v, last, rest);
      check({40, 16, 20, 9}, 3, "addf", 0, v, last, rest);
      check({5, 10, 4, 3}, 3, "addf", 0, v, last);
      check({33, 20, 6}, 2, "mulf", 1, v, rest);
      check({33, 20, 6}, 0, "addf", 0, v, rest);
      check({2, 16, 4100}, 2, "addf", 0, v, rest);
    }
}

// Sums of -0 start from 0.
TEST(CodegenReduction, NegativeZeros) {
  for (const std::string &level : levels())
    for (const char *map : {"(i, j)", "(j, i)"}) {
      Variant v;
      v.level = level;
      std::string body = R"(
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<40xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<40xf32>) -> tensor<40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> )" +
                         std::string(map) + R"(>,
      affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%a0 : tensor<40x40xf32>) outs(%f : tensor<40xf32>) {
  ^bb0(%x: f32, %s: f32):
    %n = arith.addf %s, %x : f32
    linalg.yield %n : f32
  } -> tensor<40xf32>
)";
      Program p = compileKernels(kernelModule({{{40, 40}, "f32", {}}},
                                              {{{40}, "f32", {}}}, body, "%r"),
                                 v);
      ASSERT_EQ(p.error, "");
      Filled<float> A(1600), C(40);
      for (size_t i = 0; i < A.size; ++i)
        A[i] = -0.f;
      p.run({A.data, C.data}, 1);
      for (int i = 0; i < 40; ++i)
        EXPECT_TRUE(C[i] == 0 && !std::signbit(C[i]));
    }
}

// (largest value, its first index): no fold, and two results.
TEST(CodegenReduction, ArgMaxIsSequential) {
  for (const std::string &level : levels())
    for (int threads : {1, 3}) {
      Variant v;
      v.level = level;
      v.threads = threads;
      Argument a{{200, 50}, "f32", {}}, value{{200}, "f32", {}},
          index{{200}, "i64", {}};
      std::string body = R"(
  %lowest = arith.constant 0xFF800000 : f32
  %none = arith.constant 0 : i64
  %ev = tensor.empty() : tensor<200xf32>
  %fv = linalg.fill ins(%lowest : f32) outs(%ev : tensor<200xf32>) -> tensor<200xf32>
  %ei = tensor.empty() : tensor<200xi64>
  %fi = linalg.fill ins(%none : i64) outs(%ei : tensor<200xi64>) -> tensor<200xi64>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%a0 : tensor<200x50xf32>) outs(%fv, %fi : tensor<200xf32>, tensor<200xi64>) {
  ^bb0(%x: f32, %best: f32, %at: i64):
    %j = linalg.index 1 : index
    %ji = arith.index_cast %j : index to i64
    %more = arith.cmpf ogt, %x, %best : f32
    %nv = arith.select %more, %x, %best : f32
    %ni = arith.select %more, %ji, %at : i64
    linalg.yield %nv, %ni : f32, i64
  } -> (tensor<200xf32>, tensor<200xi64>)
)";
      Program p = compileKernels(
          kernelModule({a}, {value, index}, body, "%r#0, %r#1"), v);
      ASSERT_EQ(p.error, "");
      std::mt19937 rng(5);
      Filled<float> A(200 * 50, &rng), best(200);
      Filled<int64_t> at(200);
      p.run({A.data, best.data, at.data}, threads);
      for (int i = 0; i < 200; ++i) {
        float *row = A.data + i * 50;
        float *most = std::max_element(row, row + 50);
        EXPECT_EQ(best[i], *most);
        EXPECT_EQ(at[i], most - row);
      }
    }
}

// Several folds over integers in one kernel, and one that starts elsewhere.
TEST(CodegenReduction, IntegersAndStartValues) {
  for (const std::string &level : levels()) {
    Variant v;
    v.level = level;
    Argument a{{70, 41}, "i32", {}}, o{{70}, "i32", {}};
    std::string body = R"(
  %c5 = arith.constant 5 : i32
  %low = arith.constant -2147483648 : i32
  %e = tensor.empty() : tensor<70xi32>
  %f5 = linalg.fill ins(%c5 : i32) outs(%e : tensor<70xi32>) -> tensor<70xi32>
  %fl = linalg.fill ins(%low : i32) outs(%e : tensor<70xi32>) -> tensor<70xi32>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%a0 : tensor<70x41xi32>) outs(%f5, %fl : tensor<70xi32>, tensor<70xi32>) {
  ^bb0(%x: i32, %s: i32, %m: i32):
    %ns = arith.addi %s, %x : i32
    %nm = arith.maxsi %x, %m : i32
    linalg.yield %ns, %nm : i32, i32
  } -> (tensor<70xi32>, tensor<70xi32>)
)";
    Program p =
        compileKernels(kernelModule({a}, {o, o}, body, "%r#0, %r#1"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(6);
    Filled<int32_t> A(70 * 41), sum(70), most(70);
    for (size_t i = 0; i < A.size; ++i)
      A[i] = -1 - int(rng() % 100000);
    p.run({A.data, sum.data, most.data}, 1);
    for (int i = 0; i < 70; ++i) {
      int32_t s = 5, m = A[i * 41];
      for (int j = 0; j < 41; ++j) {
        s += A[i * 41 + j];
        m = std::max(m, A[i * 41 + j]);
      }
      EXPECT_EQ(sum[i], s);
      EXPECT_EQ(most[i], m);
    }
  }
}

} // namespace
