// Layouts of the buffers between kernels: none changes a bit.
#include "CodegenHelper.h"
#include "KernelText.h"

#include <cmath>

using namespace varve;

namespace {

// Two convolutions with what follows them, a pool, sums along rows.
const char *module = R"(
#id = affine_map<(n, c, h, w) -> (n, c, h, w)>
#c = affine_map<(n, c, h, w) -> (c)>
#r = affine_map<(n, c, h, w) -> (n, c, h)>
!x = tensor<3x20x9x7xf32>
!y = tensor<3x40x9x7xf32>
!p = tensor<3x40x4x3xf32>
!s = tensor<3x40x4xf32>
!mx = memref<3x20x9x7xf32>
!my = memref<3x40x9x7xf32>
!mp = memref<3x40x4x3xf32>
!ms = memref<3x40x4xf32>
!mw = memref<40x20x3x3xf32>
kernel.def @conv ins = 4 {
^bb0(%x: !x, %w: tensor<40x20x3x3xf32>, %scale: tensor<40xf32>, %more: !y, %o: !y):
  %zero = arith.constant 0.0 : f32
  %y = kernel.conv forward ins(%x, %w : !x, tensor<40x20x3x3xf32>)
      {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>,
       dilations = array<i64: 1, 1>, groups = 1} -> !y
  %e = tensor.empty() : !y
  %r = linalg.generic {indexing_maps = [#id, #c, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y, %scale, %more : !y, tensor<40xf32>, !y) outs(%e : !y) {
  ^bb0(%a: f32, %b: f32, %d: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %m, %d : f32
    %t = arith.maximumf %s, %zero : f32
    linalg.yield %t : f32
  } -> !y
  kernel.yield %r : !y
}
kernel.def @double ins = 1 {
^bb0(%x: !x, %o: !x):
  %e = tensor.empty() : !x
  %r = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : !x) outs(%e : !x) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.addf %a, %a : f32
    linalg.yield %m : f32
  } -> !x
  kernel.yield %r : !x
}
kernel.def @pool ins = 1 {
^bb0(%x: !y, %o: !p):
  %two = arith.constant 2 : index
  %one = arith.constant 1 : index
  %e = tensor.empty() : !p
  %r = linalg.generic {indexing_maps = [#id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%e : !p) {
  ^bb0(%out: f32):
    %n = linalg.index 0 : index
    %c = linalg.index 1 : index
    %h = linalg.index 2 : index
    %w = linalg.index 3 : index
    %h0 = arith.muli %h, %two : index
    %w0 = arith.muli %w, %two : index
    %h1 = arith.addi %h0, %one : index
    %w1 = arith.addi %w0, %one : index
    %a = tensor.extract %x[%n, %c, %h0, %w0] : !y
    %b = tensor.extract %x[%n, %c, %h1, %w1] : !y
    %m = arith.maximumf %a, %b : f32
    linalg.yield %m : f32
  } -> !p
  kernel.yield %r : !p
}
kernel.def @sums ins = 1 {
^bb0(%x: !p, %o0: !s, %o1: !s):
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : !s
  %f = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
  %r = linalg.generic {indexing_maps = [#id, #r],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x : !p) outs(%f : !s) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.addf %a, %acc : f32
    linalg.yield %m : f32
  } -> !s
  %q = linalg.generic {indexing_maps = [#id, #r],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x : !p) outs(%f : !s) {
  ^bb0(%a: f32, %acc: f32):
    %b = arith.addf %a, %a : f32
    %m = arith.addf %acc, %b : f32
    linalg.yield %m : f32
  } -> !s
  kernel.yield %r, %q : !s, !s
}
func.func @step(%x: !mx, %w: !mw, %scale: memref<40xf32>, %more: !my,
                %s0: !ms, %s1: !ms) {
  %d = memref.alloc() : !mx
  %y = memref.alloc() : !my
  %z = memref.alloc() : !my
  %p = memref.alloc() : !mp
  kernel.call @double ins(%x : !mx) outs(%d : !mx)
  kernel.call @conv ins(%d, %w, %scale, %more : !mx, !mw, memref<40xf32>, !my) outs(%y : !my)
  kernel.call @conv ins(%d, %w, %scale, %y : !mx, !mw, memref<40xf32>, !my) outs(%z : !my)
  kernel.call @pool ins(%z : !my) outs(%p : !mp)
  kernel.call @sums ins(%p : !mp) outs(%s0, %s1 : !ms, !ms)
  return
}
)";

constexpr int N = 3, C = 20, O = 40, H = 9, W = 7, PH = 4, PW = 3;

/// What `step` makes, by loops over indices.
struct Naive {
  std::vector<float> s0, s1;

  Naive(float *x, float *w, float *scale, float *more) {
    std::vector<float> y = conv(x, w, scale, more);
    std::vector<float> z = conv(x, w, scale, y.data());
    for (int row = 0; row < N * O * PH; ++row) {
      float t[PW];
      for (int j = 0; j < PW; ++j) {
        float *at = &z[row / PH * H * W + row % PH * 2 * W + j * 2];
        t[j] = std::max(at[0], at[W + 1]);
      }
      s0.push_back((t[0] + t[2]) + t[1]);
      s1.push_back((2 * t[0] + 2 * t[2]) + 2 * t[1]);
    }
  }

  static std::vector<float> conv(float *x, float *w, float *scale,
                                 float *more) {
    std::vector<float> y(N * O * H * W);
    for (int i = 0; i < N * O * H * W; ++i) {
      int n = i / (O * H * W), o = i / (H * W) % O, h = i / W % H, v = i % W;
      float sum = 0;
      for (int kh = 0; kh < 3; ++kh)
        for (int kw = 0; kw < 3; ++kw) {
          int r = h + kh - 1, s = v + kw - 1;
          if (r < 0 || r >= H || s < 0 || s >= W)
            continue;
          for (int c = 0; c < C; ++c) {
            float d = x[((n * C + c) * H + r) * W + s];
            sum = std::fma(d + d, w[((o * C + c) * 3 + kh) * 3 + kw], sum);
          }
        }
      y[i] = std::max(sum * scale[o] + more[i], 0.f);
    }
    return y;
  }
};

TEST(CodegenLayout, ChannelsLastChangesNoBit) {
  std::mt19937 rng(7);
  Filled<float> x(N * C * H * W, &rng), w(O * C * 9, &rng), scale(O, &rng),
      more(N * O * H * W, &rng);
  Naive want(x.data, w.data, scale.data, more.data);
  for (const std::string &level : levels())
    for (int threads : {1, 3})
      for (bool layOut : {false, true}) {
        SCOPED_TRACE(level + " threads " + std::to_string(threads) +
                     (layOut ? " laid out" : ""));
        Variant v;
        v.level = level;
        v.threads = threads;
        v.layOut = layOut;
        Program p = compileKernels(module, v);
        ASSERT_EQ(p.error, "");
        Filled<float> s0(N * O * PH), s1(N * O * PH);
        p.run({x.data, w.data, scale.data, more.data, s0.data, s1.data},
              threads);
        EXPECT_EQ(memcmp(s0.data, want.s0.data(), s0.size * 4), 0);
        EXPECT_EQ(memcmp(s1.data, want.s1.data(), s1.size * 4), 0);
        EXPECT_TRUE(s0.intact() && s1.intact());
      }
}

} // namespace
