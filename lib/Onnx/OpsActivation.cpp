// Functions of one number that the dialect lacks, put together from those that
// it has.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

Value like(Call &c, Value x, double value) {
  return constantLike(c.b, x, value);
}

Value below(Call &c, Value x, double bound) {
  return compare(c.b, x, "lt", like(c, x, bound));
}

// ---- activations ----

void leakyRelu(Call &c) {
  Value x = c.in(0);
  Value slope = mul(c.b, x, c.real("alpha", 0.01));
  c.give(select(c.b, below(c, x, 0), slope, x));
}

void pRelu(Call &c) {
  Value x = c.in(0);
  Value slope = c.make("mul", {x, c.broadcast(c.in(1), shapeOf(x))});
  c.give(select(c.b, below(c, x, 0), slope, x));
}

/// exp(x) - 1 of what is below 0. Elsewhere 0, not infinite: the slope there
/// would be, too, and times 0 no number.
Value expm1Below(Call &c, Value x) {
  return c.make("expm1", c.make("minimum", {x, like(c, x, 0)}));
}

/// x, and below 0 alpha (exp(x) - 1).
Value elu(Call &c, Value x, double alpha) {
  return select(c.b, below(c, x, 0), mul(c.b, expm1Below(c, x), alpha), x);
}

void elu(Call &c) { c.give(elu(c, c.in(0), c.real("alpha", 1))); }

void selu(Call &c) {
  Value y = elu(c, c.in(0), c.real("alpha", 1.67326319217681884765625));
  c.give(mul(c.b, y, c.real("gamma", 1.05070102214813232421875)));
}

void celu(Call &c) {
  Value x = c.in(0);
  double alpha = c.real("alpha", 1);
  Value less = expm1Below(c, div(c.b, x, like(c, x, alpha)));
  c.give(select(c.b, below(c, x, 0), mul(c.b, less, alpha), x));
}

Value hardSigmoid(Call &c, Value x, double alpha, double beta) {
  Value y = add(c.b, mul(c.b, x, alpha), like(c, x, beta));
  return c.clamp(y, 0, 1);
}

void hardSigmoid(Call &c) {
  c.give(hardSigmoid(c, c.in(0), c.real("alpha", 0.2), c.real("beta", 0.5)));
}

void hardSwish(Call &c) {
  Value x = c.in(0);
  c.give(mul(c.b, x, hardSigmoid(c, x, 1.0 / 6, 0.5)));
}

void gelu(Call &c) {
  c.give(c.make("gelu", c.in(0),
                {{"approximate", c.text("approximate", "none")}}));
}

void mish(Call &c) {
  Value x = c.in(0);
  c.give(c.make("mul", {x, c.make("tanh", c.make("softplus", x))}));
}

Value swish(Call &c, Value x) {
  Value scaled = mul(c.b, x, c.real("alpha", 1));
  return c.make("mul", {x, c.make("sigmoid", scaled)});
}

void swish(Call &c) { c.give(swish(c, c.in(0))); }

/// Input 1 through a gate.
void swiGlu(Call &c) { c.give(c.make("mul", {swish(c, c.in(0)), c.in(1)})); }

void softsign(Call &c) {
  Value x = c.in(0), size = c.make("abs", x);
  c.give(c.make("div", {x, add(c.b, size, like(c, x, 1))}));
}

/// x where it is above alpha, else 0.
void thresholdedRelu(Call &c) {
  Value x = c.in(0);
  Value above = compare(c.b, x, "gt", like(c, x, c.real("alpha", 1)));
  c.give(select(c.b, above, x, like(c, x, 0)));
}

void shrink(Call &c) {
  Value x = c.in(0), zero = like(c, x, 0);
  double bound = c.real("lambd", 0.5), bias = c.real("bias", 0);
  // In floats: a bias is no whole number.
  Type element = typeOf(x).getElementType();
  Value wide =
      isa<FloatType>(element) ? x : c.cast(x, c.b.getF64Type());
  Value shift = like(c, wide, bias);
  Value above = compare(c.b, wide, "gt", like(c, wide, bound));
  Value less = c.cast(add(c.b, wide, shift), element);
  Value more = c.cast(sub(c.b, wide, shift), element);
  Value y = select(c.b, above, more, zero);
  c.give(select(c.b, below(c, wide, -bound), less, y));
}

// ---- trigonometry ----

/// f in f32 for narrower floats.
template <Value (*f)(Call &, Value)> void function(Call &c) {
  Value x = c.in(0);
  Type element = typeOf(x).getElementType();
  if (!isa<FloatType>(element))
    c.fail("input 0 is " + describe(c.datum(0)) + ", not floats");
  bool narrow = element.getIntOrFloatBitWidth() < 32;
  Value wide = narrow ? c.cast(x, c.b.getF32Type()) : x;
  c.give(c.cast(f(c, wide), element));
}

Value tangent(Call &c, Value x) {
  return div(c.b, c.make("sin", x), c.make("cos", x));
}

Value polynomial(Call &c, Value x, ArrayRef<double> coefficients) {
  Value y = like(c, x, coefficients[0]);
  for (double each : coefficients.drop_front())
    y = add(c.b, mul(c.b, y, x), like(c, x, each));
  return y;
}

/// x with the sign of y.
Value withSign(Call &c, Value x, Value y) {
  return select(c.b, below(c, y, 0), neg(c.b, x), x);
}

/// |x| with the slope 1 at 0, as odd functions of it want.
Value sizeOf(Call &c, Value x) { return withSign(c, x, x); }

/// f(x) where the condition holds, f(1) elsewhere: no slope that is infinite
/// reaches what is selected later.
Value onlyWhere(Call &c, Value condition, Value x) {
  return select(c.b, condition, x, like(c, x, 1));
}

/// Moshier's Cephes: a quotient of polynomials around 0, into which larger
/// arguments are turned.
Value arctangent(Call &c, Value x) {
  Value a = sizeOf(c, x), one = like(c, x, 1);
  Value far = compare(c.b, a, "gt", like(c, x, 2.41421356237309504880));
  Value middle = compare(c.b, a, "gt", like(c, x, 0.66));
  Value t = select(c.b, middle, div(c.b, sub(c.b, a, one), add(c.b, a, one)),
                   a);
  t = select(c.b, far, neg(c.b, div(c.b, one, onlyWhere(c, far, a))), t);
  Value from = select(c.b, middle, like(c, x, M_PI_4), like(c, x, 0));
  from = select(c.b, far, like(c, x, M_PI_2), from);
  Value z = mul(c.b, t, t);
  Value p = polynomial(c, z,
                       {-8.750608600031904122785e-1, -1.615753718733365076637e1,
                        -7.500855792314704667340e1, -1.228866684490136173410e2,
                        -6.485021904942025371773e1});
  Value q = polynomial(c, z,
                       {1, 2.485846490142306297962e1, 1.650270098316988542046e2,
                        4.328810604912902668951e2, 4.853903996359136964868e2,
                        1.945506571482613964425e2});
  Value y = add(c.b, mul(c.b, t, mul(c.b, z, div(c.b, p, q))), t);
  return withSign(c, add(c.b, from, y), x);
}

Value arcsine(Call &c, Value x) {
  Value one = like(c, x, 1);
  Value root =
      c.make("sqrt", mul(c.b, sub(c.b, one, x), add(c.b, one, x)));
  return mul(c.b, arctangent(c, div(c.b, x, add(c.b, one, root))), 2);
}

Value arccosine(Call &c, Value x) {
  Value one = like(c, x, 1);
  Value ratio = div(c.b, sub(c.b, one, x), add(c.b, one, x));
  return mul(c.b, arctangent(c, c.make("sqrt", ratio)), 2);
}

/// exp(a) / 2 and exp(-a) / 2, the former also where exp(a) is too large.
std::pair<Value, Value> halves(Call &c, Value a) {
  Value e = c.make("exp", mul(c.b, a, 0.5)), half = mul(c.b, e, 0.5);
  return {mul(c.b, half, e),
          div(c.b, div(c.b, like(c, a, 0.5), e), e)};
}

Value hyperbolicSine(Call &c, Value x) {
  Value a = sizeOf(c, x), isNear = below(c, a, 1);
  Value m = c.make("expm1", onlyWhere(c, isNear, a));
  auto [up, down] = halves(c, a);
  Value near = add(c.b, m, div(c.b, m, add(c.b, m, like(c, x, 1))));
  Value y = select(c.b, isNear, mul(c.b, near, 0.5), sub(c.b, up, down));
  return withSign(c, y, x);
}

Value hyperbolicCosine(Call &c, Value x) {
  auto [up, down] = halves(c, c.make("abs", x));
  return add(c.b, up, down);
}

/// f(x), and log(2 x) where x * x might be too large: 1 adds nothing to it
/// there.
template <class F> Value orLogOfDouble(Call &c, Value x, F f) {
  Value near = compare(c.b, x, "le", like(c, x, 1e8));
  Value far = compare(c.b, x, "gt", like(c, x, 1e8));
  Value y = f(onlyWhere(c, near, x));
  Value logarithm = c.make("log", onlyWhere(c, far, x));
  return select(c.b, far, add(c.b, logarithm, like(c, x, M_LN2)), y);
}

Value areaSine(Call &c, Value x) {
  Value y = orLogOfDouble(c, sizeOf(c, x), [&](Value a) {
    Value square = mul(c.b, a, a), one = like(c, x, 1);
    Value root = c.make("sqrt", add(c.b, square, one));
    Value more = div(c.b, square, add(c.b, one, root));
    return c.make("log1p", add(c.b, a, more));
  });
  return withSign(c, y, x);
}

Value areaCosine(Call &c, Value x) {
  return orLogOfDouble(c, x, [&](Value x) {
    Value t = sub(c.b, x, like(c, x, 1));
    Value root = c.make("sqrt", mul(c.b, t, add(c.b, t, like(c, x, 2))));
    return c.make("log1p", add(c.b, t, root));
  });
}

Value areaTangent(Call &c, Value x) {
  Value a = sizeOf(c, x);
  Value ratio = div(c.b, mul(c.b, a, 2), sub(c.b, like(c, x, 1), a));
  return withSign(c, mul(c.b, c.make("log1p", ratio), 0.5), x);
}

} // namespace

ArrayRef<Operator> activationOperators() {
  static constexpr Operator entries[] = {
      {"Acos", 7, function<arccosine>},
      {"Acosh", 9, function<areaCosine>},
      {"Asin", 7, function<arcsine>},
      {"Asinh", 9, function<areaSine>},
      {"Atan", 7, function<arctangent>},
      {"Atanh", 9, function<areaTangent>},
      {"Celu", 12, celu},
      {"Cosh", 9, function<hyperbolicCosine>},
      {"Elu", 6, elu},
      {"Gelu", 20, gelu},
      {"HardSigmoid", 6, hardSigmoid},
      {"HardSwish", 14, hardSwish},
      {"LeakyRelu", 6, leakyRelu},
      {"Mish", 18, mish},
      {"PRelu", 7, pRelu},
      {"Selu", 6, selu},
      {"Shrink", 9, shrink},
      {"Sinh", 9, function<hyperbolicSine>},
      {"Softsign", 1, softsign},
      {"SwiGLU", 28, swiGlu},
      {"Swish", 24, swish},
      {"Tan", 7, function<tangent>},
      {"ThresholdedRelu", 10, thresholdedRelu},
  };
  return entries;
}

} // namespace varve::onnx
