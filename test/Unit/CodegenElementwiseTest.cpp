// Kernels without a root: broadcasts, types, gathers, copies between layouts.
#include "CodegenHelper.h"
#include "KernelText.h"

#include <cmath>

using namespace varve;

namespace {

template <class F> void onEachVariant(F f) {
  for (const std::string &level : levels())
    for (int threads : {1, 3}) {
      Variant v;
      v.level = level;
      v.threads = threads;
      SCOPED_TRACE(level + " threads " + std::to_string(threads));
      f(v);
    }
}

// A batch from a data set in memory: bytes of the samples that `index` names.
TEST(CodegenElementwise, GathersBytesOfSamples) {
  onEachVariant([](const Variant &v) {
    Argument data{{-1, 28, 28}, "i8", {}}, index{{64}, "i64", {}},
        scale{{}, "f32", {}}, out{{64, 28, 28}, "f32", {}};
    std::string body = R"(
  %e = tensor.empty() : tensor<64x28x28xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, i, j) -> (n)>,
      affine_map<(n, i, j) -> ()>, affine_map<(n, i, j) -> (n, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a1, %a2 : tensor<64xi64>, tensor<f32>) outs(%e : tensor<64x28x28xf32>) {
  ^bb0(%n: i64, %s: f32, %o: f32):
    %s0 = arith.index_cast %n : i64 to index
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %b = tensor.extract %a0[%s0, %i, %j] : tensor<?x28x28xi8>
    %x = arith.uitofp %b : i8 to f32
    %y = arith.divf %x, %s : f32
    linalg.yield %y : f32
  } -> tensor<64x28x28xf32>
)";
    Program p = compileKernels(
        kernelModule({data, index, scale}, {out}, body, "%r"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<uint8_t> D(100 * 784);
    for (size_t i = 0; i < D.size; ++i)
      D[i] = rng();
    Filled<int64_t> I(64);
    for (int i = 0; i < 64; ++i)
      I[i] = rng() % 100;
    Filled<float> s(1), O(64 * 784);
    s[0] = 255;
    p.run({D.data, I.data, s.data, O.data}, v.threads);
    size_t wrong = 0;
    for (int n = 0; n < 64; ++n)
      for (int i = 0; i < 784; ++i)
        wrong += O[n * 784 + i] != D[I[n] * 784 + i] / 255.f;
    EXPECT_EQ(wrong, 0u);
    EXPECT_TRUE(O.intact());
  });
}

// What a normalization does: x * scale + bias of the channel + residual, in
// every mix of layouts. Each has its own loops; none has other bits.
TEST(CodegenElementwise, ChannelsInAnyLayout) {
  const Order first, last{{0, 2, 3, 1}, 0}, odd{{2, 0, 1, 3}, 0};
  auto run = [&](const Variant &v, Shape s, Order ox, Order orest, Order oo) {
    SCOPED_TRACE(join(s, "x") + ox.map(4) + orest.map(4) + oo.map(4));
    Argument x{s, "f32", ox}, rest{s, "f32", orest}, scale{{s[1]}, "f32", {}},
        out{s, "f32", oo};
    std::string t = x.tensor(), c = scale.tensor();
    std::string body = R"(
  %e = tensor.empty() : )" +
                       t +
                       R"(
  %r = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>,
      affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>,
      affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%a0, %a1, %a2 : )" +
                       t + ", " + t + ", " + c + ") outs(%e : " + t + R"() {
  ^bb0(%x: f32, %y: f32, %s: f32, %o: f32):
    %m = arith.mulf %x, %s : f32
    %p = arith.addf %m, %y : f32
    linalg.yield %p : f32
  } -> )" + t;
    Program p =
        compileKernels(kernelModule({x, rest, scale}, {out}, body, "%r"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(count(s));
    Filled<float> X(count(s), &rng), R(count(s), &rng), S(s[1], &rng),
        O(count(s));
    p.run({X.data, R.data, S.data, O.data}, v.threads);
    size_t wrong = 0;
    for (int64_t n = 0; n < s[0]; ++n)
      for (int64_t c = 0; c < s[1]; ++c)
        for (int64_t h = 0; h < s[2]; ++h)
          for (int64_t w = 0; w < s[3]; ++w) {
            Shape at{n, c, h, w};
            float m = X[ox.at(s, at)] * S[c];
            wrong += O[oo.at(s, at)] != m + R[orest.at(s, at)];
          }
    EXPECT_EQ(wrong, 0u);
    EXPECT_TRUE(O.intact());
  };
  onEachVariant([&](const Variant &v) {
    run(v, {6, 16, 5, 5}, last, last, last);
    run(v, {2, 24, 3, 5}, last, last, last);
    run(v, {3, 144, 2, 2}, last, last, last);
    run(v, {3, 20, 8, 8}, first, first, first);
    run(v, {3, 20, 8, 8}, last, first, last);
    run(v, {3, 20, 8, 8}, last, last, first);
    run(v, {3, 17, 4, 20}, odd, last, odd);
    run(v, {20, 16, 3, 3}, odd, odd, last);
    run(v, {1, 1, 5, 7}, last, first, last);
  });
}

// Rows of an embedding table, and their columns in reverse: real gathers.
TEST(CodegenElementwise, GathersByComputedIndex) {
  onEachVariant([](const Variant &v) {
    Argument table{{50, 40}, "f32", {}}, index{{33}, "i32", {}},
        out{{33, 40}, "f32", {}};
    std::string body = R"(
  %c39 = arith.constant 39 : index
  %c2 = arith.constant 2 : i32
  %e = tensor.empty() : tensor<33x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, j) -> (n)>,
      affine_map<(n, j) -> (n, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%a1 : tensor<33xi32>) outs(%e : tensor<33x40xf32>) {
  ^bb0(%n: i32, %o: f32):
    %row = arith.index_cast %n : i32 to index
    %j = linalg.index 1 : index
    %back = arith.subi %c39, %j : index
    %ji = arith.index_cast %j : index to i32
    %half = arith.divui %ji, %c2 : i32
    %h = arith.index_cast %half : i32 to index
    %x = tensor.extract %a0[%row, %back] : tensor<50x40xf32>
    %y = tensor.extract %a0[%row, %h] : tensor<50x40xf32>
    %s = arith.subf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<33x40xf32>
)";
    Program p =
        compileKernels(kernelModule({table, index}, {out}, body, "%r"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> T(2000, &rng), O(33 * 40);
    Filled<int32_t> I(33);
    for (int i = 0; i < 33; ++i)
      I[i] = rng() % 50;
    p.run({T.data, I.data, O.data}, v.threads);
    for (int n = 0; n < 33; ++n)
      for (int j = 0; j < 40; ++j)
        ASSERT_EQ(O[n * 40 + j], T[I[n] * 40 + 39 - j] - T[I[n] * 40 + j / 2]);
  });
}

// Broadcast producers, booleans in and out, a transposed input.
TEST(CodegenElementwise, BooleansBroadcastsAndTransposes) {
  onEachVariant([](const Variant &v) {
    Argument x{{45, 70}, "f32", {}}, y{{70, 45}, "f32", {}},
        row{{70}, "f32", {}}, on{{45, 70}, "i1", {}}, out{{45, 70}, "f32", {}};
    std::string body = R"(
  %two = arith.constant 2.0 : f32
  %er = tensor.empty() : tensor<70xf32>
  %r2 = linalg.generic {indexing_maps = [affine_map<(j) -> (j)>,
      affine_map<(j) -> (j)>], iterator_types = ["parallel"]}
      ins(%a2 : tensor<70xf32>) outs(%er : tensor<70xf32>) {
  ^bb0(%b: f32, %o: f32):
    %m = arith.mulf %b, %two : f32
    linalg.yield %m : f32
  } -> tensor<70xf32>
  %e = tensor.empty() : tensor<45x70xf32>
  %eb = tensor.empty() : tensor<45x70xi1>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (j)>,
      affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%a0, %a1, %r2, %a3 : tensor<45x70xf32>, tensor<70x45xf32>, tensor<70xf32>, tensor<45x70xi1>)
      outs(%e, %eb : tensor<45x70xf32>, tensor<45x70xi1>) {
  ^bb0(%p: f32, %q: f32, %b: f32, %c: i1, %o: f32, %ob: i1):
    %s = arith.addf %p, %q : f32
    %t = arith.select %c, %s, %b : f32
    %less = arith.cmpf olt, %p, %q : f32
    linalg.yield %t, %less : f32, i1
  } -> (tensor<45x70xf32>, tensor<45x70xi1>)
)";
    Program p = compileKernels(
        kernelModule({x, y, row, on}, {out, on}, body, "%r#0, %r#1"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> X(45 * 70, &rng), Y(45 * 70, &rng), R(70, &rng), O(45 * 70);
    Filled<uint8_t> C(45 * 70), L(45 * 70);
    for (size_t i = 0; i < C.size; ++i)
      C[i] = rng() % 2;
    p.run({X.data, Y.data, R.data, C.data, O.data, L.data}, v.threads);
    for (int i = 0; i < 45; ++i)
      for (int j = 0; j < 70; ++j) {
        float a = X[i * 70 + j], b = Y[j * 45 + i];
        ASSERT_EQ(O[i * 70 + j], C[i * 70 + j] ? a + b : 2 * R[j]);
        ASSERT_EQ(L[i * 70 + j], a < b);
      }
    EXPECT_TRUE(O.intact() && L.intact());
  });
}

// A copy kernel between any two layouts.
TEST(CodegenElementwise, CopiesBetweenLayouts) {
  const Order orders[] = {
      {}, {{1, 0}, 0}, {{1, 0}, 32}, {{0, 1}, 16}, {{0, 1}, 24}};
  for (const Order &from : orders)
    for (const Order &to : orders)
      onEachVariant([&](const Variant &v) {
        Argument a{{70, 100}, "f32", from}, o{{70, 100}, "f32", to};
        SCOPED_TRACE(a.memref() + " to " + o.memref());
        Program p = compileKernels(kernelModule({a}, {o}, "", "%a0"), v);
        ASSERT_EQ(p.error, "");
        std::mt19937 rng(3);
        Filled<float> A(from.size(a.shape), &rng), O(to.size(o.shape));
        p.run({A.data, O.data}, v.threads);
        for (int i = 0; i < 70; ++i)
          for (int j = 0; j < 100; ++j)
            ASSERT_EQ(O[to.at(o.shape, {i, j})], A[from.at(a.shape, {i, j})]);
      });
}

// An out that is yielded as it came, beside one that is updated in place.
TEST(CodegenElementwise, UntouchedOut) {
  onEachVariant([](const Variant &v) {
    Argument step{{}, "i64", {}}, w{{40}, "f32", {}};
    std::string body = R"(
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]} outs(%a1 : tensor<40xf32>) {
  ^bb0(%x: f32):
    %y = arith.addf %x, %x : f32
    linalg.yield %y : f32
  } -> tensor<40xf32>
)";
    Program p =
        compileKernels(kernelModule({step}, {w, w}, body, "%r, %a2"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<int64_t> S(1);
    Filled<float> W(40, &rng), U(40, &rng);
    std::vector<float> w0(W.data, W.data + 40), u0(U.data, U.data + 40);
    p.run({S.data, W.data, U.data}, v.threads);
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(W[i], 2 * w0[i]);
      EXPECT_EQ(U[i], u0[i]);
    }
  });
}

// Each type to f64 and back.
TEST(CodegenElementwise, Types) {
  struct Kind {
    const char *type, *widen, *narrow;
  };
  const Kind kinds[] = {
      {"f16", "extf", "truncf"},   {"bf16", "extf", "truncf"},
      {"f32", "extf", "truncf"},   {"i8", "sitofp", "fptosi"},
      {"i16", "sitofp", "fptosi"}, {"i32", "sitofp", "fptosi"},
      {"i64", "sitofp", "fptosi"}};
  for (const Kind &k : kinds)
    onEachVariant([&](const Variant &v) {
      SCOPED_TRACE(k.type);
      std::string t = k.type, n = "tensor<3x37x" + t + ">";
      Argument a{{3, 37}, t, {}}, wide{{3, 37}, "f64", {}};
      std::string id = "affine_map<(i, j) -> (i, j)>";
      std::string body =
          "  %e = tensor.empty() : tensor<3x37xf64>\n  %g = tensor.empty() : " +
          n + "\n  %r:2 = linalg.generic {indexing_maps = [" + id + ", " + id +
          ", " + id +
          "], iterator_types = [\"parallel\", \"parallel\"]} "
          "ins(%a0 : " +
          n + ") outs(%e, %g : tensor<3x37xf64>, " + n +
          ") {\n  ^bb0(%x: " + t + ", %o: f64, %q: " + t +
          "):\n    %y = arith." + k.widen + " %x : " + t +
          " to f64\n    %z = arith." + k.narrow + " %y : f64 to " + t +
          "\n    linalg.yield %y, %z : f64, " + t +
          "\n  } -> (tensor<3x37xf64>, " + n + ")\n";
      Program p =
          compileKernels(kernelModule({a}, {wide, a}, body, "%r#0, %r#1"), v);
      ASSERT_EQ(p.error, "");
      // Bit patterns of small integers: 64 in each type.
      int64_t bytes = t == "i8"             ? 1
                      : t == "i64"          ? 8
                      : t.substr(1) == "32" ? 4
                                            : 2;
      Filled<uint8_t> A(111 * bytes), B(111 * bytes);
      Filled<double> W(111);
      uint64_t pattern = t == "f16"    ? 0x5400
                         : t == "bf16" ? 0x4280
                         : t == "f32"  ? 0x42800000
                                       : 64;
      for (int i = 0; i < 111; ++i)
        memcpy(A.data + i * bytes, &pattern, bytes);
      p.run({A.data, W.data, B.data}, v.threads);
      for (int i = 0; i < 111; ++i)
        ASSERT_EQ(W[i], 64.0);
      EXPECT_EQ(memcmp(A.data, B.data, 111 * bytes), 0);
      EXPECT_TRUE(B.intact() && W.intact());
    });
}

} // namespace
