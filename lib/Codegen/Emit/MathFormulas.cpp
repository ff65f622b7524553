// Transcendental functions as arithmetic. Polynomials of the single-precision
// functions are the minimax ones of the Cephes library (S. Moshier) and, for
// erf, of N. Juffa's published code; double precision needs only Taylor series.
#include "MathFormulas.h"
#include "Num.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace varve {
namespace {

// Adding 1.5 * 2^23 (or 2^52) leaves the nearest integer in the low bits.
constexpr double roundF32 = 0x1.8p23, roundF64 = 0x1.8p52;
constexpr uint64_t roundF32Bits = 0x4b400000;

// ln 2 in two parts: the first has 9 zero bits, so that n * ln2High is exact.
constexpr double ln2High = 0.693145751953125;
constexpr double ln2Low = 1.42860682030941723212e-6;

/// x = n ln 2 + r: the integer n twice, and r in about [-0.35, 0.35].
struct ExpParts {
  Num n, k, r;
};

ExpParts reduceExp(Num x) {
  Num t = fma(x, 1.44269504088896341, x.num(roundF32));
  Num n = t - roundF32;
  Num k = t.asInt() - t.asInt().bits(roundF32Bits);
  Num r = fma(n, -ln2High, x);
  return {n, k, r};
}

/// (e^r - 1 - r) / r^2 on [-0.35, 0.35].
Num expTail(Num r) {
  return polynomial(r, {5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2,
                        8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4});
}

/// 2^k of an integer in the normal range.
Num powerOfTwo(Num k) { return ((k + 127) << 23).asFloat(); }

/// p 2^k where the result may be subnormal: in two steps, the last one rounds.
Num scaled(Num p, Num k) {
  Num half = k >> 1;
  return p * powerOfTwo(half) * powerOfTwo(k - half);
}

Num expOf(Num x) {
  ExpParts e = reduceExp(x);
  Num r = fma(e.n, -ln2Low, e.r);
  Num p = fma(expTail(r), r * r, r) + 1;
  Num y = scaled(p, e.k);
  y = select(x > 88.72283935546875, INFINITY, y);
  y = select(x < -104, 0, y);
  return select(x.isNan(), x, y);
}

/// x = 2^e m, m in [sqrt(1/2), sqrt(2)); e as a float, and m - 1.
struct LogParts {
  Num e, f;
};

LogParts reduceLog(Num x) {
  Num small = x < 0x1p-126;
  Num i = select(small, x * 0x1p23, x).asInt();
  Num e = (i - i.bits(0x3f3504f3)) >> 23;
  Num f = (i - (e << 23)).asFloat() - 1;
  return {(e - select(small, i.num(23), i.num(0))).toFloat(), f};
}

/// log(2^e (1 + f)) + c for a c that is small beside it.
Num logOf(LogParts p, const Num *c = nullptr) {
  Num f = p.f, z = f * f;
  Num q = polynomial(f, {3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1,
                         -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
                         1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2});
  Num y = fma(p.e, -2.12194440e-4, q * f * z);
  y = fma(z, -0.5, y);
  if (c)
    y = y + *c;
  return fma(p.e, 0.693359375, y + f);
}

} // namespace

Value MathFormulas::exp(Value x) { return expOf({&b, x}).v; }

Value MathFormulas::exp2(Value v) {
  Num x{&b, v};
  Num t = x + roundF32;
  Num f = x - (t - roundF32); // exact
  Num k = t.asInt() - t.asInt().bits(roundF32Bits);
  // f ln 2 in two parts.
  Num high = f * 0x1.62e43p-1;
  Num low = fma(f, 0x1.62e43p-1, -high);
  low = fma(f, -0x1.05c610ca86c39p-29, low);
  Num p = (high + fma(expTail(high), high * high, low)) + 1;
  Num y = scaled(p, k);
  y = select(x > 0x1.fffffep6, INFINITY, y);
  y = select(x < -150, 0, y);
  return select(x.isNan(), x, y).v;
}

/// e^x = 2^k (1 + r + s), r exact but for what is in s.
struct Expm1Parts {
  Num k, r, s;
};

static Expm1Parts reduceExpm1(Num x) {
  ExpParts e = reduceExp(x);
  Num r = fma(e.n, -ln2Low, e.r);
  Num rest = fma(e.n, -ln2Low, e.r - r);
  return {e.k, r, fma(expTail(r), r * r, rest)};
}

Value MathFormulas::expm1(Value v) {
  Num x{&b, v};
  Expm1Parts e = reduceExpm1(x);
  // 2^k (1 + r + s) - 1, halved against overflow.
  Num h = powerOfTwo(e.k - 1);
  Num y = fma(h, e.s, fma(h, e.r, h - 0.5));
  y = y + y;
  y = select(x > 88.72283935546875, INFINITY, y);
  y = select(x < -17.5, -1, y);
  y = select(x.abs() < 0x1p-24, x, y);
  return select(x.isNan(), x, y).v;
}

Value MathFormulas::log(Value v) {
  Num x{&b, v};
  Num y = logOf(reduceLog(x));
  y = select(x == 0, -INFINITY, y);
  y = select(x < 0, NAN, y);
  y = select(x == INFINITY, x, y);
  return select(x.isNan(), x, y).v;
}

Value MathFormulas::log1p(Value v) {
  Num x{&b, v};
  Num u = x + 1;
  // What rounding took from 1 + x, relative to it.
  Num lost = select(x > 1, 1 - (u - x), x - (u - 1)) / u;
  Num y = logOf(reduceLog(u), &lost);
  y = select(x == -1, -INFINITY, y);
  y = select(x < -1, NAN, y);
  y = select(x == INFINITY, x, y);
  y = select(x.abs() < 0x1p-24, x, y);
  return select(x.isNan(), x, y).v;
}

Value MathFormulas::tanh(Value v) {
  Num x{&b, v};
  Num a = x.abs(), z = x * x;
  Num p = polynomial(z, {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2,
                         2.06390887954e-2, -5.70498872745e-3});
  Num small = fma(p * z, x, x);
  // m / (m + 2), m = e^2a - 1; from 10 on, 1.
  Expm1Parts e = reduceExpm1(select(a < 10, a + a, a.num(20)));
  Num h = powerOfTwo(e.k);
  Num m = fma(h, e.s, fma(h, e.r, h - 1));
  Num d = m + 2, lost = 2 - (d - m);
  Num inverse = 1 / d, q = m * inverse;
  Num rest = fma(-q, lost, fma(-q, d, m));
  Num large = fma(rest, inverse, q);
  Num y = select(a < 0.625, small, large).withSignOf(x);
  return select(x.isNan(), x, y).v;
}

Value MathFormulas::erf(Value v) {
  Num x{&b, v};
  Num a = x.abs(), s = x * x;
  // 1 - e^q(a) far from zero.
  Num r = fma(a, -1.72853470e-5, a.num(3.83197126e-4));
  Num u = fma(a, -3.88396438e-3, a.num(2.42546219e-2));
  r = fma(r, s, u);
  r = fma(r, a, -1.06777877e-1);
  r = fma(r, a, -6.34846687e-1);
  r = fma(r, a, -1.28717512e-1);
  r = fma(r, a, -a);
  Num large = (1 - expOf(r)).withSignOf(x);
  Num q = polynomial(s, {1.28379166e-1, -3.76125336e-1, 1.12819925e-1,
                         -2.67681349e-2, 4.99119423e-3, -5.96761703e-4});
  Num small = fma(q, x, x);
  Num y = select(a > 0.927734375, large, small);
  return select(x.isNan(), x, y).v;
}

// ---- in double precision: the result is rounded once ----

/// Beyond this, the reduction by pi/2 in two doubles is too coarse.
constexpr double sineLimit = 0x1p46;

/// The library's f64 sine or cosine of each element where `large`.
static Num librarySine(Num x, Num large, Num y, bool cosine) {
  ImplicitLocOpBuilder &b = *x.b;
  auto call = [&](Value v) -> Value {
    return cosine ? Value(math::CosOp::create(b, v))
                  : Value(math::SinOp::create(b, v));
  };
  auto vector = dyn_cast<VectorType>(x.type());
  Value any = large.v;
  if (vector)
    any = vector::ReductionOp::create(b, vector::CombiningKind::OR, large.v);
  auto guard = scf::IfOp::create(b, TypeRange{y.type()}, any,
                                 /*withElseRegion=*/true);
  OpBuilder::InsertionGuard insertion(b);
  b.setInsertionPointToStart(guard.thenBlock());
  Value slow;
  if (!vector) {
    slow = call(x.v);
  } else {
    Value c0 = arith::ConstantIndexOp::create(b, 0);
    Value c1 = arith::ConstantIndexOp::create(b, 1);
    Value n = arith::ConstantIndexOp::create(b, vector.getNumElements());
    auto loop = scf::ForOp::create(b, c0, n, c1, ValueRange{y.v});
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    Value one = vector::ExtractOp::create(b, x.v, i);
    scf::YieldOp::create(b, ValueRange{vector::InsertOp::create(
                                b, call(one), loop.getRegionIterArgs()[0], i)});
    slow = loop.getResult(0);
  }
  b.setInsertionPointToEnd(guard.thenBlock());
  scf::YieldOp::create(b, ValueRange{select(large, {&b, slow}, y).v});
  b.setInsertionPointToStart(guard.elseBlock());
  scf::YieldOp::create(b, ValueRange{y.v});
  return {&b, guard.getResult(0)};
}

Value MathFormulas::sine(Value v, bool cosine) {
  Num single{&b, v};
  Num x = single.toF64();
  // x = n pi/2 + r, |r| <= pi/4 (and a little).
  Num t = fma(x, 0x1.45f306dc9c883p-1, x.num(roundF64));
  Num n = t - roundF64;
  Num r = fma(n, -0x1.921fb54442d18p0, x);
  r = fma(n, -0x1.1a62633145c07p-54, r);
  Num z = r * r;
  Num s = fma(r * z,
              polynomial(z, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880,
                             -1.0 / 39916800, 1.0 / 6227020800}),
              r);
  Num c =
      fma(z,
          polynomial(z, {-0.5, 1.0 / 24, -1.0 / 720, 1.0 / 40320,
                         -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200}),
          1);
  // Quadrants: s, c, -s, -c.
  Num quadrant = t.asInt();
  if (cosine)
    quadrant = quadrant + 1;
  Num one = quadrant.num(1), two = quadrant.num(2);
  Num odd{&b, arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                    (quadrant & one).v, quadrant.num(0).v)};
  Num sign = (quadrant & two) << 62;
  Num y = select(odd, c, s);
  y = Num{&b, arith::XOrIOp::create(b, y.asInt().v, sign.v)}.asFloat();
  y = librarySine(x, x.abs() > sineLimit, y, cosine);
  Num result = y.toF32();
  if (!cosine)
    result = select(single == 0, single, result);
  return result.v;
}

Value MathFormulas::sin(Value x) { return sine(x, false); }
Value MathFormulas::cos(Value x) { return sine(x, true); }

/// log2 of a positive finite f64 to about 2^-45.
static Num log2F64(Num x) {
  Num i = x.asInt();
  Num e = (i - i.bits(0x3fe6a09e667f3bcd)) >> 52; // sqrt(1/2)
  Num m = (i - (e << 52)).asFloat();
  // log m = 2 atanh(s), |s| <= 0.172.
  Num s = (m - 1) / (m + 1), z = s * s;
  Num p = polynomial(z, {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11,
                         1.0 / 13, 1.0 / 15, 1.0 / 17});
  return fma(p * s, 2 * 1.4426950408889634074, e.toFloat());
}

/// 2^x in f64 for |x| <= 200, to about 2^-45.
static Num exp2F64(Num x) {
  Num t = x + roundF64;
  Num r = (x - (t - roundF64)) * 0.69314718055994530942;
  Num p = polynomial(r, {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120,
                         1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                         1.0 / 3628800, 1.0 / 39916800});
  return (p.asInt() + (t.asInt() << 52)).asFloat();
}

/// log2(x) times `unit`.
static Num scaledLog2(Num x, double unit) {
  Num y = (log2F64(x.toF64()) * unit).toF32();
  y = select(x == 0, -INFINITY, y);
  y = select(x < 0, NAN, y);
  y = select(x == INFINITY, x, y);
  return select(x.isNan(), x, y);
}

Value MathFormulas::log2(Value x) { return scaledLog2({&b, x}, 1).v; }
Value MathFormulas::log10(Value x) {
  return scaledLog2({&b, x}, 0.30102999566398119521).v;
}

Value MathFormulas::pow(Value vx, Value vy) {
  Num x{&b, vx}, y{&b, vy};
  Num a = x.abs();
  Num l = log2F64(a.toF64());
  l = select(a == 0, -INFINITY, l);
  l = select(a == INFINITY, INFINITY, l);
  Num t = y.toF64() * l;
  t = select(t > 200, 200, t);
  t = select(t < -200, -200, t);
  Num result = exp2F64(t).toF32();
  result = select(a == 1, 1, result); // also where y is infinite

  // A negative base: integer powers only, odd ones negative.
  Num half = y * 0.5;
  Num integer = y.floor() == y;
  Num odd = integer & (half.floor() != half);
  Num signedResult = result.withSignOf(x);
  result = select(odd, signedResult, result);
  Num invalid = (x < 0) & (x > -INFINITY) & (y.floor() != y);
  result = select(invalid, NAN, result);
  result = select(x.isNan(), x, result);
  result = select(y.isNan(), y, result);
  // These hold for NaN too.
  result = select(y == 0, 1, result);
  return select(x == 1, 1, result).v;
}

} // namespace varve
