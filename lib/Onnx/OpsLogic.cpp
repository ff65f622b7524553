// Comparisons, logic, selection, and the rest of a division, whose two signs
// are told apart by them.
#include "Onnx/ImportCall.h"
#include "Onnx/Nested.h"

using namespace mlir;

namespace varve::onnx {
namespace {

constexpr char eq[] = "eq", lt[] = "lt", le[] = "le", gt[] = "gt", ge[] = "ge",
               andName[] = "and", orName[] = "or";

template <const char *predicate> void comparison(Call &c) {
  c.give(c.elementwise("compare", {c.in(0), c.in(1)},
                       {{"predicate", predicate}}));
}

void equal(Call &c) {
  if (c.datum(0).is(Datum::Kind::Strings))
    return equalStrings(c);
  comparison<eq>(c);
}

template <const char *name> void logic(Call &c) {
  c.give(c.elementwise(name, {c.in(0), c.in(1)}));
}

/// Of truth values alone, unlike `Equal`.
void exclusiveOr(Call &c) {
  Value x = c.in(0), y = c.in(1);
  if (!typeOf(x).getElementType().isInteger(1))
    c.fail("input 0 is " + describe(c.datum(0)) + ", not bool");
  c.give(c.elementwise("compare", {x, y}, {{"predicate", "ne"}}));
}

void inverse(Call &c) { c.give(c.make("not", c.in(0))); }

void where(Call &c) {
  c.give(c.elementwise("where", {c.in(0), c.moved(1), c.moved(2)}),
         c.element(1));
}

void isNan(Call &c) {
  Value x = c.in(0);
  c.give(c.make("compare", {x, x}, {{"predicate", "ne"}}));
}

void isInf(Call &c) {
  Value x = c.in(0);
  if (!isa<FloatType>(typeOf(x).getElementType()))
    c.fail("input 0 is " + describe(c.datum(0)) + ", not floats");
  auto is = [&](double infinity) {
    return c.make("compare", {x, constantLike(c.b, x, infinity)},
                  {{"predicate", "eq"}});
  };
  Value result = c.splat(c.b.getI1Type(), 0, shapeOf(x));
  if (c.flag("detect_positive", true))
    result = c.make("or", {result, is(INFINITY)});
  if (c.flag("detect_negative", true))
    result = c.make("or", {result, is(-INFINITY)});
  c.give(result);
}

/// The rest of a floor division; of floats also a 0 has the sign of y.
Value floorRest(Call &c, Value x, Value y) {
  Value rest = c.make("remainder", {x, y});
  if (!isa<FloatType>(typeOf(x).getElementType()))
    return rest;
  Value zero = constantLike(c.b, x, 0);
  Value signedZero = select(c.b, compare(c.b, y, "lt", zero),
                            constantLike(c.b, x, -0.0), zero);
  return select(c.b, compare(c.b, rest, "eq", zero), signedZero, rest);
}

/// What is left by floor division, with the sign of y; with `fmod`, of division
/// towards zero, with the sign of x.
void mod(Call &c) {
  Ints shape = c.commonShape({c.in(0), c.in(1)});
  Value x = c.broadcast(c.in(0), shape), y = c.broadcast(c.in(1), shape);
  if (!c.flag("fmod"))
    return c.give(floorRest(c, x, y));
  Type element = typeOf(x).getElementType();
  if (element.isUnsignedInteger())
    return c.give(c.make("remainder", {x, y}));
  Value zero = constantLike(c.b, x, 0);
  Value below = c.make("compare", {x, zero}, {{"predicate", "lt"}});
  if (isa<FloatType>(element)) {
    // Of absolute values both are the same, and exact. -0 leaves -0.
    Value rest = c.make("remainder", {c.make("abs", x), c.make("abs", y)});
    Value minus = c.make("compare", {c.make("reciprocal", x), zero},
                         {{"predicate", "lt"}});
    return c.give(
        select(c.b, c.make("or", {below, minus}), neg(c.b, rest), rest));
  }
  // An absolute value may not fit into the type.
  Value rest = c.make("remainder", {x, y});
  Value restBelow = c.make("compare", {rest, zero}, {{"predicate", "lt"}});
  Value differ =
      c.make("and", {c.make("compare", {rest, zero}, {{"predicate", "ne"}}),
                     c.make("compare", {below, restBelow},
                            {{"predicate", "ne"}})});
  c.give(select(c.b, differ, sub(c.b, rest, y), rest));
}

} // namespace

ArrayRef<Operator> logicOperators() {
  static constexpr Operator entries[] = {
      {"And", 7, logic<andName>},
      {"Equal", 7, equal},
      {"Greater", 7, comparison<gt>},
      {"GreaterOrEqual", 12, comparison<ge>},
      {"IsInf", 10, isInf},
      {"IsNaN", 9, isNan},
      {"Less", 7, comparison<lt>},
      {"LessOrEqual", 12, comparison<le>},
      {"Mod", 10, mod},
      {"Not", 1, inverse},
      {"Or", 7, logic<orName>},
      {"Where", 9, where},
      {"Xor", 7, exclusiveOr},
  };
  return entries;
}

} // namespace varve::onnx
