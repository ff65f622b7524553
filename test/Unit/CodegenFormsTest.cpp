// Contractions of unusual form: element types, several dimensions of each
// kind, no rows or no columns, factors computed in the kernel.
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

/// One linalg.generic acc + x * y over `loops`, e.g. "m, n, k", of which the
/// last `reduced` are reduced; `convert` makes x and y from the elements.
std::string contraction(const std::string &loops, int dims, int reduced,
                        const Argument &a, const std::string &mapA,
                        const Argument &b, const std::string &mapB,
                        const Argument &out, const std::string &mapOut,
                        const std::string &convert = "",
                        const std::string &left = "%a0",
                        const std::string &right = "%a1") {
  std::string kinds, t = out.tensor(), e = out.type;
  for (int d = 0; d < dims; ++d)
    kinds += std::string(d ? ", " : "") +
             (d < dims - reduced ? "\"parallel\"" : "\"reduction\"");
  bool real = e[0] != 'i';
  std::string space = "affine_map<(" + loops + ") -> (",
              kind = real ? "f" : "i";
  std::string x = convert.empty() ? "%p" : "%x",
              y = convert.empty() ? "%q" : "%y";
  return "  %zero = arith.constant " + std::string(real ? "0.0" : "0") + " : " +
         e + "\n  %e = tensor.empty() : " + t +
         "\n  %f = linalg.fill ins(%zero : " + e + ") outs(%e : " + t +
         ") -> " + t + "\n  %r = linalg.generic {indexing_maps = [" + space +
         mapA + ")>, " + space + mapB + ")>, " + space + mapOut +
         ")>], iterator_types = [" + kinds + "]} ins(" + left + ", " + right +
         " : " + a.tensor() + ", " + b.tensor() + ") outs(%f : " + t +
         ") {\n  ^bb0(%p: " + a.type + ", %q: " + b.type + ", %c: " + e +
         "):\n" + convert + "    %m = arith.mul" + kind + " " + x + ", " + y +
         " : " + e + "\n    %s = arith.add" + kind + " %c, %m : " + e +
         "\n    linalg.yield %s : " + e + "\n  } -> " + t + "\n";
}

template <class T> void checkType(const char *type) {
  SCOPED_TRACE(type);
  onEachVariant([&](const Variant &v) {
    Argument a{{61, 700}, type, {}}, b{{700, 45}, type, {}},
        o{{61, 45}, type, {}};
    Program p =
        compileKernels(kernelModule({a, b}, {o},
                                    contraction("m, n, k", 3, 1, a, "m, k", b,
                                                "k, n", o, "m, n"),
                                    "%r"),
                       v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<T> A(61 * 700), B(700 * 45), C(61 * 45);
    for (size_t i = 0; i < A.size; ++i)
      A[i] = T(int(rng() % 2000) - 1000) / T(7);
    for (size_t i = 0; i < B.size; ++i)
      B[i] = T(int(rng() % 2000) - 1000) / T(7);
    p.run({A.data, B.data, C.data}, v.threads);
    for (int i = 0; i < 61; ++i)
      for (int j = 0; j < 45; ++j) {
        T chunk[2] = {0, 0};
        for (int k = 0; k < 700; ++k) {
          T &c = chunk[k / 512], x = A[i * 700 + k], y = B[k * 45 + j];
          if constexpr (std::is_floating_point_v<T>)
            c = std::fma(x, y, c);
          else
            c += x * y;
        }
        ASSERT_EQ(C[i * 45 + j], chunk[0] + chunk[1]);
      }
    EXPECT_TRUE(C.intact());
  });
}

TEST(CodegenForms, DoublesAndIntegers) {
  checkType<double>("f64");
  checkType<int32_t>("i32");
  checkType<int64_t>("i64");
}

// bf16 factors are widened; sums are f32.
TEST(CodegenForms, NarrowFactors) {
  onEachVariant([&](const Variant &v) {
    Argument a{{33, 600}, "bf16", {}}, b{{600, 40}, "bf16", {}},
        o{{33, 40}, "f32", {}};
    std::string widen = "    %x = arith.extf %p : bf16 to f32\n"
                        "    %y = arith.extf %q : bf16 to f32\n";
    Program p =
        compileKernels(kernelModule({a, b}, {o},
                                    contraction("m, n, k", 3, 1, a, "m, k", b,
                                                "k, n", o, "m, n", widen),
                                    "%r"),
                       v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<uint16_t> A(33 * 600), B(600 * 40);
    Filled<float> C(33 * 40);
    auto fill = [&](Filled<uint16_t> &f) {
      for (size_t i = 0; i < f.size; ++i)
        f[i] = 0x3f00 + rng() % 0x180 + (rng() % 2) * 0x8000;
    };
    auto wide = [](uint16_t bits) {
      uint32_t w = uint32_t(bits) << 16;
      float f;
      memcpy(&f, &w, 4);
      return f;
    };
    fill(A);
    fill(B);
    p.run({A.data, B.data, C.data}, v.threads);
    for (int i = 0; i < 33; ++i)
      for (int j = 0; j < 40; ++j) {
        float chunk[2] = {0, 0};
        for (int k = 0; k < 600; ++k)
          chunk[k / 512] = std::fma(wide(A[i * 600 + k]), wide(B[k * 40 + j]),
                                    chunk[k / 512]);
        ASSERT_EQ(C[i * 40 + j], chunk[0] + chunk[1]);
      }
  });
}

// out[h, m, n, d] = sum over (k, l) of A[m, h, k, l] B[l, d, k, n]: two batch,
// no, one batch-like outer, two column and two reduced dimensions; chunks count
// terms over both.
TEST(CodegenForms, SeveralDimensionsOfEachKind) {
  onEachVariant([&](const Variant &v) {
    const int H = 3, M = 17, N = 4, D = 20, K = 30, L = 40;
    Argument a{{M, H, K, L}, "f32", {}}, b{{L, D, K, N}, "f32", {}},
        o{{H, M, N, D}, "f32", {}};
    Program p = compileKernels(
        kernelModule({a, b}, {o},
                     contraction("h, m, n, d, k, l", 6, 2, a, "m, h, k, l", b,
                                 "l, d, k, n", o, "h, m, n, d"),
                     "%r"),
        v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> A(count(a.shape), &rng), B(count(b.shape), &rng),
        C(count(o.shape));
    p.run({A.data, B.data, C.data}, v.threads);
    for (int h = 0; h < H; ++h)
      for (int m = 0; m < M; ++m)
        for (int n = 0; n < N; ++n)
          for (int d = 0; d < D; ++d) {
            float chunk[3] = {0, 0, 0};
            for (int t = 0; t < K * L; ++t) {
              int k = t / L, l = t % L;
              chunk[t / 512] =
                  std::fma(A[((m * H + h) * K + k) * L + l],
                           B[((l * D + d) * K + k) * N + n], chunk[t / 512]);
            }
            ASSERT_EQ(C[((h * M + m) * N + n) * D + d],
                      chunk[0] + chunk[1] + chunk[2]);
          }
  });
}

// A scalar product, a matrix times a vector, and rows times rows.
TEST(CodegenForms, VectorsAndRows) {
  onEachVariant([&](const Variant &v) {
    auto run = [&](const Argument &a, const std::string &mapA,
                   const Argument &b, const std::string &mapB,
                   const Argument &o, const std::string &mapO, int dims,
                   const std::string &loops) {
      SCOPED_TRACE(mapA + " | " + mapB + " | " + mapO);
      Program p = compileKernels(
          kernelModule({a, b}, {o},
                       contraction(loops, dims, 1, a, mapA, b, mapB, o, mapO),
                       "%r"),
          v);
      ASSERT_EQ(p.error, "");
      std::mt19937 rng(3);
      Filled<float> A(count(a.shape), &rng), B(count(b.shape), &rng),
          C(count(o.shape));
      p.run({A.data, B.data, C.data}, v.threads);
      int64_t rows = count(o.shape), K = a.shape.back();
      for (int64_t i = 0; i < rows; ++i) {
        float chunk[2] = {0, 0};
        for (int64_t k = 0; k < K; ++k)
          chunk[k / 512] =
              std::fma(A[i * K + k], B[b.shape.size() == 1 ? k : i * K + k],
                       chunk[k / 512]);
        ASSERT_EQ(C[i], chunk[0] + chunk[1]);
      }
    };
    run({{600}, "f32", {}}, "k", {{600}, "f32", {}}, "k", {{}, "f32", {}}, "",
        1, "k");
    run({{77, 600}, "f32", {}}, "m, k", {{600}, "f32", {}}, "k",
        {{77}, "f32", {}}, "m", 2, "m, k");
    run({{77, 600}, "f32", {}}, "m, k", {{77, 600}, "f32", {}}, "m, k",
        {{77}, "f32", {}}, "m", 2, "m, k");
  });
}

// relu(A) (B * s): both factors are computed where they are used.
TEST(CodegenForms, ComputedFactors) {
  onEachVariant([&](const Variant &v) {
    Argument a{{50, 600}, "f32", {}}, b{{600, 70}, "f32", {}},
        s{{70}, "f32", {}}, o{{50, 70}, "f32", {}};
    std::string id = "affine_map<(i, j) -> (i, j)>";
    std::string both = "iterator_types = [\"parallel\", \"parallel\"]}";
    std::string body =
        "  %null = arith.constant 0.0 : f32\n  %ea = tensor.empty() : " +
        a.tensor() + "\n  %ra = linalg.generic {indexing_maps = [" + id + ", " +
        id + "], " + both + " ins(%a0 : " + a.tensor() +
        ") outs(%ea : " + a.tensor() +
        ") {\n  ^bb0(%x: f32, %y: f32):\n"
        "    %z = arith.maximumf %x, %null : f32\n    linalg.yield %z : f32\n"
        "  } -> " +
        a.tensor() + "\n  %eb = tensor.empty() : " + b.tensor() +
        "\n  %rb = linalg.generic {indexing_maps = [" + id +
        ", affine_map<(i, j) -> (j)>, " + id + "], " + both +
        " ins(%a1, %a2 : " + b.tensor() + ", " + s.tensor() +
        ") outs(%eb : " + b.tensor() +
        ") {\n  ^bb0(%x: f32, %w: f32, %y: f32):"
        "\n    %z = arith.mulf %x, %w : f32\n    linalg.yield %z : f32\n"
        "  } -> " +
        b.tensor() + "\n" +
        contraction("m, n, k", 3, 1, a, "m, k", b, "k, n", o, "m, n", "", "%ra",
                    "%rb");
    Program p = compileKernels(kernelModule({a, b, s}, {o}, body, "%r"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> A(50 * 600, &rng), B(600 * 70, &rng), S(70, &rng), C(50 * 70);
    p.run({A.data, B.data, S.data, C.data}, v.threads);
    for (int i = 0; i < 50; ++i)
      for (int j = 0; j < 70; ++j) {
        float chunk[2] = {0, 0};
        for (int k = 0; k < 600; ++k)
          chunk[k / 512] = std::fma(std::max(A[i * 600 + k], 0.f),
                                    B[k * 70 + j] * S[j], chunk[k / 512]);
        ASSERT_EQ(C[i * 70 + j], chunk[0] + chunk[1]);
      }
  });
}

// C += A B, where the sum starts from the out's old contents.
TEST(CodegenForms, StartsFromTheOut) {
  onEachVariant([&](const Variant &v) {
    for (int K : {100, 1100}) {
      Argument a{{40, K}, "f32", {}}, b{{K, 50}, "f32", {}},
          o{{40, 50}, "f32", {}};
      std::string body =
          contraction("m, n, k", 3, 1, a, "m, k", b, "k, n", o, "m, n");
      body.replace(body.find("outs(%f"), 7, "outs(%a2");
      Program p = compileKernels(kernelModule({a, b}, {o}, body, "%r"), v);
      ASSERT_EQ(p.error, "");
      std::mt19937 rng(3);
      Filled<float> A(40 * K, &rng), B(K * 50, &rng), C(2000, &rng);
      std::vector<float> old(C.data, C.data + 2000);
      p.run({A.data, B.data, C.data}, v.threads);
      for (int i = 0; i < 40; ++i)
        for (int j = 0; j < 50; ++j) {
          float sum = old[i * 50 + j];
          for (int k0 = 0; k0 < K; k0 += 512) {
            float chunk = 0;
            for (int k = k0; k < std::min(K, k0 + 512); ++k)
              chunk = std::fma(A[i * K + k], B[k * 50 + j], chunk);
            sum += chunk;
          }
          ASSERT_EQ(C[i * 50 + j], sum);
        }
    }
  });
}

} // namespace
