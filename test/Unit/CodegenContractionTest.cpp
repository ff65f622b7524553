// Compiled contractions against naive loops in the contract's order, bit for
// bit: shapes, transposes, layouts, tiles, levels and threads at random.
#include "CodegenHelper.h"
#include "KernelText.h"

#include <cmath>

using namespace varve;

namespace {

/// C[b.., m, n] = sum over k of A and B, axes in any order.
struct Case {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  bool batched = false, transposeA = false, transposeB = false;
  bool transposeC = false;
  Order orderA, orderB, orderC;
  bool bias = false, accumulate = false; // c = relu(c + bias) + c_old / 2
  Variant variant;

  std::string name() const {
    return (batched ? std::to_string(batch) + "x" : "") + std::to_string(m) +
           "x" + std::to_string(n) + "x" + std::to_string(k) +
           (transposeA ? " At" : "") + (transposeB ? " Bt" : "") +
           (transposeC ? " Ct" : "") + orderA.map(2) + orderB.map(2) +
           orderC.map(2) + (bias ? " bias" : "") +
           (accumulate ? " acc " : " ") + variant.level + " tile " +
           std::to_string(variant.rows) + "x" +
           std::to_string(variant.vectors) + " threads " +
           std::to_string(variant.threads);
  }
};

std::string dims(bool batched, const char *x, const char *y, bool swap) {
  return std::string(batched ? "b, " : "") + (swap ? y : x) + ", " +
         (swap ? x : y);
}

Shape shapeOf(const Case &c, int64_t x, int64_t y, bool swap) {
  Shape s;
  if (c.batched)
    s.push_back(c.batch);
  s.push_back(swap ? y : x);
  s.push_back(swap ? x : y);
  return s;
}

int64_t place(const Case &c, const Argument &a, int64_t b, int64_t x, int64_t y,
              bool swap) {
  Shape i;
  if (c.batched)
    i.push_back(b);
  i.push_back(swap ? y : x);
  i.push_back(swap ? x : y);
  return a.order.at(a.shape, i);
}

std::string map(bool batched, const std::string &results) {
  return std::string("affine_map<(") + (batched ? "b, " : "") +
         "m, n, k) -> (" + results + ")>";
}

// With FMA, since all levels have it: std::fma is a call otherwise.
__attribute__((target("fma"))) void check(const Case &c) {
  SCOPED_TRACE(c.name());
  Argument a{shapeOf(c, c.m, c.k, c.transposeA), "f32", c.orderA};
  Argument b{shapeOf(c, c.k, c.n, c.transposeB), "f32", c.orderB};
  Argument out{shapeOf(c, c.m, c.n, c.transposeC), "f32", c.orderC};
  Argument bias{{c.n}, "f32", {}};
  std::string t = out.tensor(), cd = dims(c.batched, "m", "n", c.transposeC);
  std::string parallel = c.batched ? "\"parallel\", " : "";
  std::string body =
      "  %zero = arith.constant 0.0 : f32\n  %half = arith.constant 0.5 : f32\n"
      "  %e = tensor.empty() : " +
      t + "\n  %f = linalg.fill ins(%zero : f32) outs(%e : " + t + ") -> " + t +
      "\n  %acc = linalg.generic {indexing_maps = [" +
      map(c.batched, dims(c.batched, "m", "k", c.transposeA)) + ", " +
      map(c.batched, dims(c.batched, "k", "n", c.transposeB)) + ", " +
      map(c.batched, cd) + "], iterator_types = [" + parallel +
      "\"parallel\", \"parallel\", \"reduction\"]} ins(%a0, %a1 : " +
      a.tensor() + ", " + b.tensor() + ") outs(%f : " + t +
      ") {\n"
      "  ^bb0(%x: f32, %y: f32, %z: f32):\n    %p = arith.mulf %x, %y : f32\n"
      "    %s = arith.addf %z, %p : f32\n    linalg.yield %s : f32\n  } -> " +
      t + "\n";
  std::string result = "%acc";
  if (c.bias) {
    std::string space =
        std::string("affine_map<(") + (c.batched ? "b, " : "") + "m, n) -> (";
    std::string here = c.batched ? (c.transposeC ? "b, n, m" : "b, m, n")
                                 : (c.transposeC ? "n, m" : "m, n");
    // The loops are in the out's order, so that its map is the identity.
    std::string loops = std::string("affine_map<(") + here + ") -> (";
    body += "  %r = linalg.generic {indexing_maps = [" + loops + here + ")>, " +
            loops + "n)>, " + loops + here + ")>], iterator_types = [" +
            parallel + "\"parallel\", \"parallel\"]} ins(%acc, %a2 : " + t +
            ", " + bias.tensor() + ") outs(%a3 : " + t +
            ") {\n"
            "  ^bb0(%x: f32, %y: f32, %o: f32):\n"
            "    %s = arith.addf %x, %y : f32\n"
            "    %q = arith.maximumf %s, %zero : f32\n";
    if (c.accumulate)
      body += "    %h = arith.mulf %o, %half : f32\n"
              "    %v = arith.addf %q, %h : f32\n    linalg.yield %v : f32\n";
    else
      body += "    linalg.yield %q : f32\n";
    body += "  } -> " + t + "\n";
    result = "%r";
  }
  Program p = compileKernels(kernelModule({a, b, bias}, {out}, body, result),
                             c.variant);
  ASSERT_EQ(p.error, "");

  std::mt19937 rng(c.m * 7919 + c.n * 31 + c.k);
  Filled<float> A(a.order.size(a.shape), &rng), B(b.order.size(b.shape), &rng),
      bs(c.n, &rng), C(out.order.size(out.shape), &rng);
  std::vector<float> old(C.data, C.data + C.size);
  p.run({A.data, B.data, bs.data, C.data}, c.variant.threads);

  size_t wrong = 0;
  for (int64_t bt = 0; bt < c.batch; ++bt)
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        float sum = 0;
        for (int64_t k0 = 0; k0 < c.k; k0 += 512) {
          float chunk = 0;
          for (int64_t k = k0; k < std::min(c.k, k0 + 512); ++k)
            chunk = std::fma(A[place(c, a, bt, i, k, c.transposeA)],
                             B[place(c, b, bt, k, j, c.transposeB)], chunk);
          sum = k0 ? sum + chunk : chunk;
        }
        int64_t at = place(c, out, bt, i, j, c.transposeC);
        if (c.bias) {
          sum = std::max(sum + bs[j], 0.f);
          if (c.accumulate)
            sum += old[at] * 0.5f;
        }
        wrong += memcmp(&sum, &C[at], 4) != 0;
      }
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(A.intact() && B.intact() && bs.intact() && C.intact());
}

TEST(CodegenContraction, MlpShapes) {
  for (const std::string &level : levels())
    for (int threads : {1, 2}) {
      Case c;
      c.variant.level = level;
      c.variant.threads = threads;
      c.m = 128, c.n = 128, c.k = 784, c.bias = true;
      check(c);
      c.n = 10, c.k = 128;
      check(c);
      c.m = 784, c.n = 128, c.k = 128, c.transposeA = true;
      c.accumulate = true;
      check(c);
    }
}

TEST(CodegenContraction, RandomShapesAndLayouts) {
  std::mt19937 rng(7);
  auto pick = [&](std::initializer_list<int64_t> v) {
    return v.begin()[rng() % v.size()];
  };
  auto chance = [&](int n) { return rng() % n == 0; };
  std::vector<std::string> known = levels();
  for (int turn = 0; turn < 60; ++turn) {
    Case c;
    c.m = pick({1, 2, 3, 13, 14, 15, 29, 57, 128});
    c.n = pick({1, 7, 10, 16, 31, 32, 33, 64, 100, 128});
    c.k = pick({1, 2, 10, 64, 511, 512, 513, 784, 1030});
    if (chance(4)) {
      c.batched = true;
      c.batch = pick({1, 2, 5});
    }
    c.transposeA = chance(2);
    c.transposeB = chance(3);
    c.transposeC = chance(4);
    c.bias = chance(2);
    c.accumulate = chance(2);
    if (!c.batched) {
      auto order = [&](Order &o) {
        if (chance(3)) {
          o.perm = chance(2) ? std::vector<int>{1, 0} : std::vector<int>{0, 1};
          o.panel = pick({0, 16, 32, 24});
        }
      };
      order(c.orderA);
      order(c.orderB);
      order(c.orderC);
    }
    c.variant.level = known[rng() % known.size()];
    c.variant.threads = 1 + rng() % 4;
    if (chance(2)) {
      c.variant.rows = pick({1, 2, 5, 6, 8});
      c.variant.vectors = pick({1, 2, 3});
    }
    check(c);
  }
}

} // namespace
