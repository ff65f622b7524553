// Discrete Fourier transforms by mixed radices (Cooley and Tukey 1965), in the
// order of Stockham, which leaves nothing to permute: n samples take n times
// the sum of n's prime factors, where a product with a matrix takes n^2.
#include "Onnx/ImportCall.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

constexpr int64_t longest = int64_t(1) << 20;
/// Samples of all frames of a signal.
constexpr int64_t longestSignal = int64_t(1) << 26;
/// Larger prime factors are products with a matrix of the roots of unity.
constexpr int64_t longestButterfly = 13, longestProduct = int64_t(1) << 12;

// ---- complex numbers ----

struct Complex {
  Value real, imaginary; ///< null: 0

  /// The same function of each part.
  template <typename Function> Complex map(Function &&function) const {
    return {function(real), imaginary ? function(imaginary) : Value()};
  }
};

Value plus(Call &c, Value x, Value y) {
  return !x ? y : !y ? x : add(c.b, x, y);
}

Value minus(Call &c, Value x, Value y) {
  return !y ? x : !x ? neg(c.b, y) : sub(c.b, x, y);
}

Complex plus(Call &c, Complex x, Complex y) {
  return {plus(c, x.real, y.real), plus(c, x.imaginary, y.imaginary)};
}

Complex minus(Call &c, Complex x, Complex y) {
  return {minus(c, x.real, y.real), minus(c, x.imaginary, y.imaginary)};
}

/// i x.
Complex turned(Call &c, Complex x) {
  return {minus(c, Value(), x.imaginary), x.real};
}

/// x y, where y has both parts.
template <typename Product>
Complex times(Call &c, Complex x, Complex y, Product &&product) {
  Complex z = {product(x.real, y.real), product(x.real, y.imaginary)};
  if (!x.imaginary)
    return z;
  return {sub(c.b, z.real, product(x.imaginary, y.imaginary)),
          add(c.b, z.imaginary, product(x.imaginary, y.real))};
}

// ---- one transform ----

/// Fours, a two in front of them, then odd primes in ascending order.
Ints radicesOf(int64_t n) {
  Ints radices;
  for (; n % 4 == 0; n /= 4)
    radices.push_back(4);
  if (n % 2 == 0) {
    radices.insert(radices.begin(), 2);
    n /= 2;
  }
  for (int64_t p = 3; p * p <= n; p += 2)
    for (; n % p == 0; n /= p)
      radices.push_back(p);
  if (n > 1)
    radices.push_back(n);
  return radices;
}

class Transform {
public:
  /// Of n samples; `sign` of the angles: -1 forward, 1 back.
  Transform(Call &c, int64_t n, int64_t sign) : c(c), n(n), sign(sign) {}

  /// Of each row of [rows, n]; not divided by n.
  Complex of(Complex x) {
    rows = shapeOf(x.real)[0];
    rest = n;
    for (int64_t p : radicesOf(n)) {
      rest /= p;
      x = step(reshaped(x, {rows, blocks, p, rest}), p);
      blocks *= p;
    }
    return reshaped(x, {rows, n});
  }

private:
  Call &c;
  const int64_t n, sign;
  int64_t rows = 0, blocks = 1, rest = 1;

  Complex reshaped(Complex x, ArrayRef<int64_t> shape) {
    return x.map([&](Value v) { return c.reshape(v, shape); });
  }

  /// From [rows, blocks, p, rest] to [rows, p, blocks, rest]: the transforms
  /// along p, each element turned by the angle between its neighbours in rest.
  Complex step(Complex x, int64_t p) {
    Complex y = p <= longestButterfly ? butterfly(x, p) : product(x, p);
    if (rest == 1)
      return y;
    Complex angles = roots(typeOf(y.real), {p, 1, rest}, n, [&](int64_t i) {
      return i / rest * (i % rest) * blocks;
    });
    Ints shape(shapeOf(y.real));
    angles = angles.map([&](Value v) { return c.broadcast(v, shape); });
    return times(c, y, angles,
                 [&](Value v, Value w) { return mul(c.b, v, w); });
  }

  /// exp(sign 2 pi i power(k) / size) at place k of a table.
  template <typename Function>
  Complex roots(RankedTensorType like, ArrayRef<int64_t> shape, int64_t size,
                Function &&power) {
    RefTensor real(like.getElementType(), shape);
    RefTensor imaginary(like.getElementType(), shape);
    for (int64_t k = 0; k < int64_t(real.f.size()); ++k) {
      // Angles repeat: small ones lose nothing.
      double angle = 2 * M_PI * double(power(k) % size) / double(size);
      real.f[size_t(k)] = std::cos(angle);
      imaginary.f[size_t(k)] = double(sign) * std::sin(angle);
    }
    return {c.constant(real), c.constant(imaginary)};
  }

  Complex butterfly(Complex x, int64_t p) {
    SmallVector<Complex> parts;
    for (int64_t i = 0; i < p; ++i)
      parts.push_back(
          reshaped(x.map([&](Value v) { return c.slice(v, 2, i, i + 1); }),
                   {rows, blocks, rest}));
    parts = p == 2 ? two(parts) : p == 4 ? four(parts) : odd(parts);
    Values real, imaginary;
    bool isReal = true;
    for (Complex part : parts) {
      isReal &= !part.imaginary;
      real.push_back(part.real);
      imaginary.push_back(part.imaginary ? part.imaginary
                                         : constantLike(c.b, part.real, 0));
    }
    auto stack = [&](Values &values) {
      return c.make("stack", values, {{"axis", 1}});
    };
    return {stack(real), isReal ? Value() : stack(imaginary)};
  }

  SmallVector<Complex> two(ArrayRef<Complex> x) {
    return {plus(c, x[0], x[1]), minus(c, x[0], x[1])};
  }

  SmallVector<Complex> four(ArrayRef<Complex> x) {
    Complex even = plus(c, x[0], x[2]), odd = plus(c, x[1], x[3]);
    Complex low = minus(c, x[0], x[2]);
    Complex high =
        turned(c, sign > 0 ? minus(c, x[1], x[3]) : minus(c, x[3], x[1]));
    return {plus(c, even, odd), plus(c, low, high), minus(c, even, odd),
            minus(c, low, high)};
  }

  /// Terms m and p - m have the same cosine and opposite sines: products are of
  /// their sums and differences.
  SmallVector<Complex> odd(ArrayRef<Complex> x) {
    auto p = int64_t(x.size());
    SmallVector<Complex> sums, differences, y(x.size());
    y[0] = x[0];
    for (int64_t m = 1; m <= p / 2; ++m) {
      sums.push_back(plus(c, x[size_t(m)], x[size_t(p - m)]));
      differences.push_back(minus(c, x[size_t(m)], x[size_t(p - m)]));
      y[0] = plus(c, y[0], sums.back());
    }
    auto scaled = [&](Complex z, double by) {
      return z.map([&](Value v) { return mul(c.b, v, by); });
    };
    for (int64_t k = 1; k <= p / 2; ++k) {
      Complex even = x[0], odd;
      for (int64_t m = 1; m <= p / 2; ++m) {
        double angle = 2 * M_PI * double(k * m % p) / double(p);
        even = plus(c, even, scaled(sums[size_t(m - 1)], std::cos(angle)));
        odd = plus(
            c, odd,
            scaled(differences[size_t(m - 1)], double(sign) * std::sin(angle)));
      }
      odd = turned(c, odd);
      y[size_t(k)] = plus(c, even, odd);
      y[size_t(p - k)] = minus(c, even, odd);
    }
    return y;
  }

  Complex product(Complex x, int64_t p) {
    Complex table = roots(typeOf(x.real), {p, p}, p,
                          [&](int64_t i) { return i / p * (i % p); });
    x = x.map([&](Value v) {
      return c.reshape(c.transpose(v, {0, 1, 3, 2}), {rows * blocks * rest, p});
    });
    Complex y = times(c, x, table, [&](Value v, Value w) {
      return c.make("matmul", {v, w});
    });
    return y.map([&](Value v) {
      return c.transpose(c.reshape(v, {rows, blocks, rest, p}), {0, 3, 1, 2});
    });
  }
};

/// Refuses a size that takes too much.
void checkLength(Call &c, int64_t n) {
  if (n < 1 || n > longest || (n > 1 && radicesOf(n).back() > longestProduct))
    c.refuse("a transform of " + std::to_string(n) + " is not supported");
}

// ---- the operators ----

/// x with its last axis, of 1 or 2 parts, taken apart, in the type of the
/// transform's sums. That is f64 forward and at least f32 back, as in NumPy,
/// whose results the backend suite expects, roundings included.
Complex partsOf(Call &c, Value x, bool inverse) {
  int64_t last = rankOf(x) - 1;
  int64_t parts = last < 0 ? 0 : shapeOf(x)[size_t(last)];
  if (parts != 1 && parts != 2)
    c.fail("the last axis has neither 1 nor 2 parts");
  if (!inverse)
    x = c.cast(x, c.b.getF64Type());
  else if (!typeOf(x).getElementType().isF64())
    x = c.cast(x, c.b.getF32Type());
  auto part = [&](int64_t i) {
    return c.make("squeeze", c.slice(x, last, i, i + 1),
                  {{"axis", Ints{last}}});
  };
  return {part(0), parts == 2 ? part(1) : Value()};
}

/// Rows of [rows, k] with zeros up to n.
Complex filled(Call &c, Complex x, int64_t n) {
  int64_t missing = n - shapeOf(x.real)[1];
  if (!missing)
    return x;
  return x.map([&](Value v) {
    return c.make(
        "pad", v,
        {{"before", Ints{0, 0}}, {"after", Ints{0, missing}}, {"value", 0.0}});
  });
}

/// The n frequencies of a real signal from the first half of them: the others
/// are the conjugates.
Complex mirrored(Call &c, Complex x, int64_t n) {
  int64_t half = n / 2 + 1;
  auto whole = [&](Value v, bool isImaginary) {
    Value rest =
        c.make("flip", c.slice(v, 1, 1, n - half + 1), {{"axis", Ints{1}}});
    if (isImaginary)
      rest = neg(c.b, rest);
    return half == n ? v : c.make("concat", {v, rest}, {{"axis", 1}});
  };
  return {whole(x.real, false),
          x.imaginary ? whole(x.imaginary, true) : Value()};
}

/// What is given: real and imaginary parts in a last axis, in x's type.
Value joined(Call &c, Complex y, Value x) {
  if (!y.imaginary)
    y.imaginary = constantLike(c.b, y.real, 0);
  Value both =
      c.make("stack", {y.real, y.imaginary}, {{"axis", rankOf(y.real)}});
  return c.cast(both, typeOf(x).getElementType());
}

void dft(Call &c, int64_t axis) {
  Value x = c.in(0);
  int64_t rank = rankOf(x);
  axis = c.axis(axis, rank);
  if (axis == rank - 1)
    c.fail("the last axis is that of the parts");
  bool inverse = c.flag("inverse"), oneSided = c.flag("onesided");
  int64_t size = shapeOf(x)[size_t(axis)];
  int64_t n = inverse && oneSided ? 2 * (size - 1) : size;
  if (c.has(1)) {
    Ints length = c.ints(1);
    if (length.size() != 1)
      c.fail("a length is one number");
    n = length[0];
  }
  checkLength(c, n);
  int64_t half = n / 2 + 1;
  int64_t given = inverse && oneSided ? half : n;
  int64_t used = std::min(given, size);

  Complex y = partsOf(c, c.slice(x, axis, 0, used), inverse);
  Ints toLast, back(size_t(rank - 1)), moved;
  for (int64_t i = 0; i < rank - 1; ++i)
    if (i != axis)
      toLast.push_back(i);
  toLast.push_back(axis);
  for (auto [i, from] : llvm::enumerate(toLast)) {
    back[size_t(from)] = int64_t(i);
    moved.push_back(shapeOf(y.real)[size_t(from)]);
  }
  int64_t rows = 1;
  for (int64_t i : ArrayRef(moved).drop_back())
    rows *= i;
  y = y.map(
      [&](Value v) { return c.reshape(c.transpose(v, toLast), {rows, used}); });
  y = filled(c, y, given);
  if (inverse && oneSided)
    y = mirrored(c, y, n);
  y = Transform(c, n, inverse ? 1 : -1).of(y);
  if (inverse)
    y = y.map([&](Value v) { return mul(c.b, v, 1 / double(n)); });
  moved.back() = oneSided && !inverse ? half : n;
  y = y.map([&](Value v) {
    return c.transpose(c.reshape(c.slice(v, 1, 0, moved.back()), moved), back);
  });
  if (inverse && oneSided)
    return c.give(c.make("unsqueeze",
                         c.cast(y.real, typeOf(x).getElementType()),
                         {{"axis", Ints{rank - 1}}}));
  c.give(joined(c, y, x));
}

void dft17(Call &c) { dft(c, c.integer("axis", 1)); }

void dft20(Call &c) {
  Ints axis = c.has(2) ? c.ints(2) : Ints{-2};
  if (axis.size() != 1)
    c.fail("an axis is one number");
  dft(c, axis[0]);
}

/// signal, step between frames, window, length of frames.
void stft(Call &c) {
  Value x = c.in(0);
  Ints step = c.ints(1);
  int64_t length = 0;
  if (c.has(3) && c.ints(3).size() == 1)
    length = c.ints(3)[0];
  else if (c.has(2) && shapeOf(c.in(2)).size() == 1)
    length = shapeOf(c.in(2))[0];
  if (shapeOf(x).size() != 3 || step.size() != 1 || step[0] < 1 || length < 1 ||
      length > shapeOf(x)[1])
    c.fail("signal, step or length of frames do not fit together");
  checkLength(c, length);
  int64_t frames = (shapeOf(x)[1] - length) / step[0] + 1;
  if (frames > longestSignal / length)
    c.refuse(std::to_string(frames) + " frames of " + std::to_string(length) +
             " are not supported");
  RefTensor places(c.b.getI64Type(), {frames, length});
  for (int64_t f = 0; f < frames; ++f)
    for (int64_t i = 0; i < length; ++i)
      places.i[size_t(f * length + i)] = f * step[0] + i;
  Value index = c.constant(places);
  int64_t batch = shapeOf(x)[0];
  Complex y = partsOf(c, x, false).map([&](Value v) {
    v = c.make("gather", {v, index}, {{"axis", 1}});
    if (c.has(2)) {
      Value w = c.cast(c.in(2), typeOf(v).getElementType());
      v = c.make("mul", {v, c.broadcast(w, shapeOf(v))});
    }
    return c.reshape(v, {batch * frames, length});
  });
  int64_t count = c.flag("onesided", true) ? length / 2 + 1 : length;
  y = Transform(c, length, -1).of(y).map([&](Value v) {
    return c.reshape(c.slice(v, 1, 0, count), {batch, frames, count});
  });
  c.give(joined(c, y, x));
}

} // namespace

ArrayRef<Operator> fourierOperators() {
  static constexpr Operator entries[] = {
      {"DFT", 17, dft17},
      {"DFT", 20, dft20},
      {"STFT", 17, stft},
  };
  return entries;
}

} // namespace varve::onnx
