// Compiled convolutions, forward and both adjoints, against naive loops in the
// contract's order, bit for bit.
#include "CodegenHelper.h"
#include "KernelText.h"

#include <cmath>

using namespace varve;

namespace {

struct Case {
  std::string kind = "forward";
  int64_t batch = 1, channels = 1, features = 1, groups = 1;
  Shape in, taps, out;
  Shape strides, padding, dilations; // empty: 1, 0, 1
  Order orderX, orderW, orderY;
  bool epilogue = false; // max(r + bias, 0) + old / 2
  Variant variant;

  size_t rank() const { return in.size(); }
  Shape get(const Shape &s, int64_t other) const {
    return s.empty() ? Shape(rank(), other) : s;
  }
  Argument x() const { return make(batch, channels, in, orderX); }
  Argument w() const { return make(features, channels / groups, taps, orderW); }
  Argument y() const { return make(batch, features, out, orderY); }
  static Argument make(int64_t a, int64_t b, const Shape &s, const Order &o) {
    Shape shape = {a, b};
    shape.insert(shape.end(), s.begin(), s.end());
    return {shape, "f32", o};
  }
  std::string name() const {
    return kind + " " + std::to_string(batch) + "x" + std::to_string(channels) +
           "->" + std::to_string(features) + " in " + join(in, "x") + " taps " +
           join(taps, "x") + " out " + join(out, "x") + " strides " +
           join(strides, ",") + " padding " + join(padding, ",") +
           " dilations " + join(dilations, ",") + " groups " +
           std::to_string(groups) + orderX.map(rank() + 2) +
           orderW.map(rank() + 2) + orderY.map(rank() + 2) +
           (epilogue ? " epilogue " : " ") + variant.level + " tile " +
           std::to_string(variant.rows) + "x" +
           std::to_string(variant.vectors) + " threads " +
           std::to_string(variant.threads);
  }
};

/// Calls f(index) for each index of a shape, row-major.
template <class F> void each(const Shape &s, F f) {
  Shape at(s.size(), 0);
  for (int64_t left = count(s); left > 0; --left) {
    f(at);
    for (size_t d = s.size(); d-- > 0 && ++at[d] == s[d];)
      at[d] = 0;
  }
}

Shape joined(int64_t a, int64_t b, const Shape &s) {
  Shape r = {a, b};
  r.insert(r.end(), s.begin(), s.end());
  return r;
}

std::string list(const Shape &s) {
  std::string r = join(s, ", ");
  return "array<i64: " + r.substr(0, r.size() - 2) + ">";
}

/// A sum in the contract's order: all terms count, those inside are added.
struct Chain {
  float sum = 0, chunk = 0;
  int64_t n = 0;
  __attribute__((target("fma"))) void inside(float a, float b) {
    chunk = std::fma(a, b, chunk);
  }
  void next() {
    if (++n % 512 == 0)
      flush();
  }
  void flush() {
    sum += chunk;
    chunk = 0;
  }
  float value() {
    if (n <= 512)
      return n == 512 ? sum : chunk;
    flush();
    return sum;
  }
};

void check(const Case &c) {
  SCOPED_TRACE(c.name());
  Argument x = c.x(), w = c.w(), y = c.y();
  bool forward = c.kind == "forward", data = c.kind == "data";
  Argument lhs = data ? y : x, rhs = forward || data ? w : y;
  Argument out = forward ? y : data ? x : w;
  Shape strides = c.get(c.strides, 1), padding = c.get(c.padding, 0),
        dilations = c.get(c.dilations, 1);
  Argument bias{{out.shape[1]}, "f32", {}};
  std::string t = out.tensor();
  std::string body =
      "  %r = kernel.conv " + c.kind + " ins(%a0, %a1 : " + lhs.tensor() +
      ", " + rhs.tensor() + ") {strides = " + list(strides) +
      ", padding = " + list(padding) + ", dilations = " + list(dilations) +
      ", groups = " + std::to_string(c.groups) + "} -> " + t;
  std::string result = "%r";
  if (c.epilogue) {
    std::string dims, id;
    for (size_t i = 0; i < out.shape.size(); ++i) {
      dims += (i ? ", d" : "d") + std::to_string(i);
      id += i ? ", \"parallel\"" : "\"parallel\"";
    }
    std::string map = "affine_map<(" + dims + ") -> (";
    body += "\n  %zero = arith.constant 0.0 : f32\n"
            "  %half = arith.constant 0.5 : f32\n"
            "  %s = linalg.generic {indexing_maps = [" +
            map + dims + ")>, " + map + "d1)>, " + map + dims +
            ")>], iterator_types = [" + id + "]} ins(%r, %a2 : " + t + ", " +
            bias.tensor() + ") outs(%a3 : " + t +
            ") {\n  ^bb0(%p: f32, %q: f32, %o: f32):\n"
            "    %u = arith.addf %p, %q : f32\n"
            "    %v = arith.maximumf %u, %zero : f32\n"
            "    %h = arith.mulf %o, %half : f32\n"
            "    %z = arith.addf %v, %h : f32\n"
            "    linalg.yield %z : f32\n  } -> " +
            t;
    result = "%s";
  }
  Program p = compileKernels(
      kernelModule({lhs, rhs, bias}, {out}, body, result), c.variant);
  ASSERT_EQ(p.error, "");

  std::mt19937 rng(c.batch * 7919 + c.channels * 31 + c.features);
  Filled<float> L(lhs.order.size(lhs.shape), &rng),
      R(rhs.order.size(rhs.shape), &rng), B(bias.shape[0], &rng),
      O(out.order.size(out.shape), &rng);
  std::vector<float> old(O.data, O.data + O.size);
  p.run({L.data, R.data, B.data, O.data}, c.variant.threads);
  EXPECT_TRUE(O.intact());

  int64_t perGroup = c.channels / c.groups, made = c.features / c.groups;
  size_t wrong = 0;
  each(out.shape, [&](const Shape &at) {
    Chain chain;
    Shape spot(at.begin() + 2, at.end());
    if (c.kind == "weight") {
      each(joined(c.batch, 1, c.out), [&](const Shape &place) {
        Shape from = {place[0], at[0] / made * perGroup + at[1]};
        Shape to = place;
        to[1] = at[0];
        bool inside = true;
        for (size_t d = 0; d < c.rank(); ++d) {
          int64_t i =
              place[d + 2] * strides[d] + spot[d] * dilations[d] - padding[d];
          inside &= i >= 0 && i < c.in[d];
          from.push_back(i);
        }
        if (inside)
          chain.inside(L[x.order.at(x.shape, from)],
                       R[y.order.at(y.shape, to)]);
        chain.next();
      });
    } else {
      int64_t group = at[1] / (forward ? made : perGroup);
      int64_t depth = forward ? perGroup : made;
      each(c.taps, [&](const Shape &tap) {
        Shape from;
        bool inside = true;
        for (size_t d = 0; d < c.rank(); ++d) {
          int64_t i = forward ? spot[d] * strides[d] + tap[d] * dilations[d] -
                                    padding[d]
                              : spot[d] + padding[d] - tap[d] * dilations[d];
          if (data) {
            inside &= i >= 0 && i % strides[d] == 0;
            i /= strides[d];
          }
          inside &= i >= 0 && i < (forward ? c.in : c.out)[d];
          from.push_back(i);
        }
        for (int64_t k = 0; k < depth; ++k) {
          if (inside) {
            Shape wAt = forward
                            ? joined(at[1], k, tap)
                            : joined(group * made + k, at[1] % perGroup, tap);
            chain.inside(
                L[lhs.order.at(lhs.shape,
                               joined(at[0], group * depth + k, from))],
                R[w.order.at(w.shape, wAt)]);
          }
          chain.next();
        }
      });
    }
    float want = chain.value();
    int64_t place = out.order.at(out.shape, at);
    if (c.epilogue)
      want = std::max(want + B[at[1]], 0.f) + old[place] * 0.5f;
    wrong += memcmp(&want, &O[place], 4) != 0;
  });
  EXPECT_EQ(wrong, 0u);
}

Order channelsLast(size_t rank) {
  Order o;
  o.perm.push_back(0);
  for (size_t d = 0; d < rank; ++d)
    o.perm.push_back(d + 2);
  o.perm.push_back(1);
  return o;
}

Order packed(size_t rank, int64_t panel) {
  Order o;
  for (size_t d = 0; d < rank; ++d)
    o.perm.push_back(d + 2);
  o.perm.push_back(1);
  o.perm.push_back(0);
  o.panel = panel;
  return o;
}

/// All three kinds, in plain layouts and in those that are fast.
void checkAll(Case c) {
  for (const char *kind : {"forward", "data", "weight"})
    for (bool fast : {false, true}) {
      c.kind = kind;
      c.variant.threads = fast ? 3 : 1;
      c.epilogue = fast;
      if (fast) {
        c.orderX = c.orderY = channelsLast(c.rank());
        c.orderW = packed(c.rank(), c.features % 32 ? 0 : 32);
      } else {
        c.orderX = c.orderY = c.orderW = {};
      }
      check(c);
    }
}

Case square(int64_t batch, int64_t channels, int64_t features, int64_t size,
            int64_t tap, int64_t stride, int64_t padding) {
  Case c;
  c.batch = batch;
  c.channels = channels;
  c.features = features;
  int64_t made = (size + 2 * padding - tap) / stride + 1;
  c.in = {size, size};
  c.taps = {tap, tap};
  c.out = {made, made};
  c.strides = {stride, stride};
  c.padding = {padding, padding};
  return c;
}

TEST(CodegenConvolution, Square) {
  checkAll(square(2, 3, 5, 7, 3, 1, 1));
  checkAll(square(1, 64, 32, 6, 3, 1, 1));
  checkAll(square(17, 20, 40, 4, 3, 1, 1));
  checkAll(square(5, 48, 33, 2, 3, 1, 1));
  checkAll(square(30, 32, 64, 1, 3, 1, 1));
}

TEST(CodegenConvolution, Strides) {
  checkAll(square(2, 3, 32, 9, 7, 2, 3));
  checkAll(square(4, 16, 32, 8, 3, 2, 1));
  checkAll(square(3, 16, 17, 5, 3, 2, 1));
  checkAll(square(16, 32, 32, 2, 3, 2, 1));
  checkAll(square(2, 8, 16, 10, 3, 3, 0));
  checkAll(square(3, 16, 32, 6, 1, 2, 0));
}

TEST(CodegenConvolution, OneByOne) {
  checkAll(square(2, 40, 33, 5, 1, 1, 0));
  checkAll(square(1, 600, 16, 3, 1, 1, 0));
}

TEST(CodegenConvolution, Chunks) {
  checkAll(square(3, 100, 32, 4, 3, 1, 1));  // borders inside a tap
  checkAll(square(2, 600, 10, 3, 3, 1, 1));  // taps longer than a chunk
  checkAll(square(2, 128, 128, 4, 3, 1, 1)); // whole taps
  checkAll(square(3, 2, 3, 19, 3, 1, 1));    // borders inside a line
}

// Panels that exceed the scratch get narrower, or are read where they are.
TEST(CodegenConvolution, LargePanels) {
  Case c = square(1, 80, 512, 7, 3, 1, 1);
  c.kind = "data";
  c.orderX = c.orderY = channelsLast(2);
  c.orderW = packed(2, 32);
  c.variant.level = levels().back();
  check(c);
  checkAll(square(1, 3, 17000, 2, 1, 1, 0));
}

TEST(CodegenConvolution, OddOutputs) {
  Case c = square(2, 4, 6, 6, 3, 1, 1);
  c.out = {4, 9}; // smaller and larger than the input gives
  checkAll(c);
  c = square(2, 4, 6, 5, 3, 2, 4); // more padding than the taps reach
  checkAll(c);
  c.out = {9, 2};
  checkAll(c);
}

TEST(CodegenConvolution, Dilations) {
  Case c = square(3, 5, 18, 9, 3, 1, 2);
  c.dilations = {2, 2};
  c.out = {9, 9};
  checkAll(c);
  c.strides = {2, 3};
  c.dilations = {2, 2};
  c.out = {5, 3};
  checkAll(c);
  c.strides = {4, 2};
  c.dilations = {2, 4};
  c.padding = {1, 4};
  c.out = {3, 5};
  checkAll(c);
}

TEST(CodegenConvolution, Groups) {
  for (auto [channels, features, groups] : {std::array<int64_t, 3>{8, 12, 4},
                                            {64, 64, 2},
                                            {20, 20, 20},
                                            {7, 21, 7},
                                            {32, 64, 32}}) {
    Case c = square(3, channels, features, 5, 3, 1, 1);
    c.groups = groups;
    checkAll(c);
    c = square(2, channels, features, 6, 3, 2, 1);
    c.groups = groups;
    checkAll(c);
  }
}

TEST(CodegenConvolution, OtherRanks) {
  Case c;
  c.batch = 3;
  c.channels = 6;
  c.features = 20;
  c.in = {11};
  c.taps = {4};
  c.out = {6};
  c.strides = {2};
  c.padding = {2};
  checkAll(c);
  c.in = {4, 5, 3};
  c.taps = {3, 2, 3};
  c.out = {4, 3, 3};
  c.strides = {1, 2, 1};
  c.padding = {1, 0, 1};
  checkAll(c);
}

TEST(CodegenConvolution, TilesAndLevels) {
  for (const std::string &level : levels())
    for (auto [rows, vectors] :
         {std::pair<int64_t, int64_t>{0, 0}, {1, 1}, {3, 2}, {6, 4}}) {
      Case c = square(10, 70, 80, 3, 3, 1, 1);
      c.variant.level = level;
      c.variant.rows = rows;
      c.variant.vectors = vectors;
      checkAll(c);
    }
}

TEST(CodegenConvolution, MixedLayouts) {
  for (const char *kind : {"forward", "data", "weight"})
    for (int mix = 0; mix < 8; ++mix) {
      Case c = square(3, 20, 32, 4, 3, 1, 1);
      c.kind = kind;
      if (mix & 1)
        c.orderX = channelsLast(2);
      if (mix & 2)
        c.orderW = packed(2, 16);
      if (mix & 4)
        c.orderY = channelsLast(2);
      check(c);
    }
}

} // namespace
