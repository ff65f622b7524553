// Operators that work element by element, after broadcasting.
#include "Onnx/ImportTraining.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

/// An operator that is an operation of the dialect with as many operands.
template <const char *name> void same(Call &c) {
  c.give(c.elementwise(name, c.rest(0)));
}

/// A sum, maximum or minimum of any number of inputs.
template <const char *name> void variadic(Call &c) {
  Value result = c.in(0);
  for (size_t i = 1; i < c.inputs(); ++i)
    result = c.elementwise(name, {result, c.in(i)});
  c.give(result);
}

void mean(Call &c) {
  Value total = c.in(0);
  for (size_t i = 1; i < c.inputs(); ++i)
    total = c.elementwise("add", {total, c.in(i)});
  c.give(div(c.b, total, constantLike(c.b, total, double(c.inputs()))));
}

/// Bounds that are there; the upper one wins where they cross.
void clip(Call &c) {
  Value x = c.in(0);
  auto bound = [&](size_t i, const char *name, const char *attribute) {
    if (c.has(i))
      x = c.make(name, {x, c.broadcast(c.reshape(c.in(i), {}), shapeOf(x))});
    else if (c.hasAttribute(attribute))
      x = c.make(name, {x, constantLike(c.b, x, c.real(attribute))});
  };
  bound(1, "maximum", "min");
  bound(2, "minimum", "max");
  c.give(x);
}

// ---- powers ----

/// Of integers, by squaring, a bit of the exponent at a time. Less than the
/// whole is 0.
Value wholePower(Call &c, Value x, Value y, unsigned bits) {
  if (bits == 0)
    return constantLike(c.b, x, 1);
  Type element = typeOf(x).getElementType();
  Value one = constantLike(c.b, x, 1), zero = constantLike(c.b, y, 0);
  // A loop, since the steps in a row are long to compile.
  auto step = [](LocBuilder &b, ArrayRef<Value> at) -> SmallVector<Value> {
    Value two = constantLike(b, at[2], 2), half = div(b, at[2], two);
    Value odd = compare(b, at[2], "ne", mul(b, half, two));
    return {select(b, odd, mul(b, at[0], at[1]), at[0]),
            mul(b, at[1], at[1]), half};
  };
  auto loop = buildScan(c.b, int64_t(bits), {one, x, y}, {}, {}, {}, {}, step);
  Value power = loop->getResult(0);
  if (element.isUnsignedInteger())
    return power;
  // 1 and -1 alone have inverses, and these are the powers already.
  Value isUnit = compare(c.b, c.make("abs", x), "eq", one);
  Value less = compare(c.b, y, "lt", zero);
  Value other = select(c.b, isUnit, power, constantLike(c.b, x, 0));
  return select(c.b, less, other, power);
}

/// The exponent, if it is one known number.
std::optional<double> knownExponent(Call &c) {
  const RefTensor *known = c.ifKnown(1);
  if (!known || known->size() != 1)
    return std::nullopt;
  return known->isFloat() ? known->f[0] : double(known->i[0]);
}

/// In the type of the base, whatever that of the exponent.
void pow(Call &c) {
  Ints shape = c.commonShape({c.in(0), c.in(1)});
  Value x = c.broadcast(c.in(0), shape), y = c.in(1);
  Type element = typeOf(x).getElementType();
  auto exponent = knownExponent(c);
  if (exponent == 2 || exponent == 3) {
    Value square = mul(c.b, x, x);
    return c.give(exponent == 2 ? square : mul(c.b, square, x));
  }
  bool isWhole = !isa<FloatType>(typeOf(y).getElementType());
  if (isa<FloatType>(element)) {
    y = c.broadcast(c.cast(y, element), shape);
    return c.give(c.make("pow", {x, y}));
  }
  if (isWhole) {
    unsigned bits = typeOf(y).getElementType().getIntOrFloatBitWidth();
    if (exponent && *exponent >= 0)
      bits = *exponent == 0 ? 0 : std::ilogb(*exponent) + 1;
    return c.give(wholePower(c, x, c.broadcast(y, shape), bits));
  }
  Value wide = c.cast(x, c.b.getF64Type());
  y = c.broadcast(c.cast(y, c.b.getF64Type()), shape);
  Value power = c.make("pow", {wide, y}), whole = c.make("round", power);
  // A power that is whole must not fall short of it by a rounding error.
  Value error = c.make("abs", sub(c.b, power, whole));
  Value small = mul(c.b, c.make("abs", whole), 1e-12);
  Value is = compare(c.b, error, "le", small);
  c.give(c.cast(select(c.b, is, whole, power), element));
}

// ---- dropout ----

/// x as it is, and a mask of `type` that keeps all of it.
void dropNone(Call &c, Value x, Type type) {
  c.ignore("seed");
  c.give(x);
  c.give(c.splat(type, 1, shapeOf(x)));
}

/// Others in each step of the program that the network is a part of.
void dropSome(Call &c, Value x, double ratio) {
  if (!(ratio >= 0 && ratio < 1))
    c.fail("the ratio is not in [0, 1)");
  if (ratio == 0)
    return dropNone(c, x, c.b.getI1Type());
  c.ignore("seed");
  NetworkHost::Draw draw = hostOf(c).draw();
  Value kept = c.make("bernoulli", {draw.seed, draw.step},
                      {{"stream", draw.stream},
                       {"p", 1 - ratio},
                       {"shape", ArrayRef<int64_t>(shapeOf(x))}});
  Value y = div(c.b, x, constantLike(c.b, x, 1 - ratio));
  c.give(select(c.b, kept, y, constantLike(c.b, x, 0)));
  c.give(kept);
}

/// In a run that does not learn nothing is dropped. `asBool`: of what type the
/// mask is.
template <bool asBool> void keepAll(Call &c) {
  Value x = c.in(0);
  if (inTraining(c).value_or(false)) {
    c.ignore("is_test");
    return dropSome(c, x, c.real("ratio", 0.5));
  }
  c.ignore("ratio");
  if (c.hasAttribute("is_test") && !c.flag("is_test"))
    c.refuse("training is not supported before opset 12");
  dropNone(c, x, asBool ? c.b.getI1Type() : typeOf(x).getElementType());
}

void dropout(Call &c) {
  Value x = c.in(0);
  std::optional<bool> decided = inTraining(c);
  bool training = decided.value_or(c.has(2) && c.ints(2) != Ints{0});
  double ratio = 0.5;
  if (training && c.has(1)) {
    const RefTensor &said = c.known(1);
    if (said.size() != 1 || !said.isFloat())
      c.fail("the ratio is no single number");
    ratio = said.f[0];
  }
  if (!training)
    return dropNone(c, x, c.b.getI1Type());
  if (decided)
    return dropSome(c, x, ratio);
  if (!(ratio >= 0 && ratio < 1))
    c.fail("the ratio is not in [0, 1)");
  // The ratio as a value, which has a gradient.
  Value share = c.splat(typeOf(x).getElementType(), 1 - ratio);
  if (c.has(1))
    share = sub(c.b, constantLike(c.b, share, 1),
                c.cast(c.reshape(c.in(1), {}), typeOf(x).getElementType()));
  Value y = c.elementwise("div", {x, share});
  if (ratio == 0)
    return dropNone(c, y, c.b.getI1Type());
  Value seed = c.splat(c.b.getI64Type(), double(c.integer("seed", 0)));
  Value step = c.splat(c.b.getI64Type(), 0);
  Value kept = c.make("bernoulli", {seed, step},
                      {{"stream", 0},
                       {"p", 1 - ratio},
                       {"shape", ArrayRef<int64_t>(shapeOf(x))}});
  c.give(select(c.b, kept, y, constantLike(c.b, x, 0)));
  c.give(kept);
}

#define NAME(id, text) constexpr char id[] = text
NAME(absName, "abs");
NAME(addName, "add");
NAME(ceilName, "ceil");
NAME(cosName, "cos");
NAME(divName, "div");
NAME(erfName, "erf");
NAME(expName, "exp");
NAME(floorName, "floor");
NAME(logName, "log");
NAME(maximumName, "maximum");
NAME(minimumName, "minimum");
NAME(mulName, "mul");
NAME(negName, "neg");
NAME(reciprocalName, "reciprocal");
NAME(reluName, "relu");
NAME(roundName, "round");
NAME(sigmoidName, "sigmoid");
NAME(signName, "sign");
NAME(sinName, "sin");
NAME(softplusName, "softplus");
NAME(sqrtName, "sqrt");
NAME(subName, "sub");
NAME(tanhName, "tanh");
#undef NAME

} // namespace

ArrayRef<Operator> elementwiseOperators() {
  static constexpr Operator entries[] = {
      {"Abs", 6, same<absName>},
      {"Add", 7, same<addName>},
      {"Ceil", 6, same<ceilName>},
      {"Clip", 6, clip},
      {"Cos", 7, same<cosName>},
      {"Div", 7, same<divName>},
      {"Dropout", 7, keepAll<false>},
      {"Dropout", 10, keepAll<true>},
      {"Dropout", 12, dropout},
      {"Erf", 9, same<erfName>},
      {"Exp", 6, same<expName>},
      {"Floor", 6, same<floorName>},
      {"Log", 6, same<logName>},
      {"Max", 6, variadic<maximumName>},
      {"Mean", 6, mean},
      {"Min", 6, variadic<minimumName>},
      {"Mul", 7, same<mulName>},
      {"Neg", 6, same<negName>},
      {"Pow", 7, pow},
      {"Reciprocal", 6, same<reciprocalName>},
      {"Relu", 6, same<reluName>},
      {"Round", 11, same<roundName>},
      {"Sigmoid", 6, same<sigmoidName>},
      {"Sign", 9, same<signName>},
      {"Sin", 7, same<sinName>},
      {"Softplus", 1, same<softplusName>},
      {"Sqrt", 6, same<sqrtName>},
      {"Sub", 7, same<subName>},
      {"Sum", 6, variadic<addName>},
      {"Tanh", 6, same<tanhName>},
  };
  return entries;
}

} // namespace varve::onnx
