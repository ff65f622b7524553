// Operators on the bits of integers, by arithmetic: the dialect's integers are
// numbers, and such operators are rare in models.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

unsigned widthOf(Value x) {
  return typeOf(x).getElementType().getIntOrFloatBitWidth();
}

/// An integer input that is stored as itself.
Value integers(Call &c, size_t i) {
  Value x = c.in(i);
  if (!isa<IntegerType>(typeOf(x).getElementType()) || widthOf(x) == 1)
    c.fail("input " + std::to_string(i) + " is " + describe(c.datum(i)) +
           ", not integers");
  return x;
}

/// 1, 2, 4 ... of an unsigned type.
Value powers(Call &c, Type element) {
  RefTensor table(element, {int64_t(element.getIntOrFloatBitWidth())});
  for (size_t i = 0; i < table.i.size(); ++i)
    table.i[i] = int64_t(uint64_t(1) << i);
  return c.constant(table);
}

Value asUnsigned(Call &c, Value x) {
  return c.cast(x, c.b.getIntegerType(widthOf(x), /*isSigned=*/false));
}

/// -1 - x, which of unsigned integers is the largest less x.
Value inverted(Call &c, Value x) {
  return sub(c.b, neg(c.b, x), constantLike(c.b, x, 1));
}

/// A signed number is shifted right with its sign: what is inverted before and
/// after gets ones from the left.
void bitShift(Call &c) {
  Value x = integers(c, 0), by = integers(c, 1);
  std::string direction = c.text("direction");
  if (direction != "LEFT" && direction != "RIGHT")
    c.fail("direction is '" + direction + "'");
  Ints shape = c.commonShape({x, by});
  Type type = typeOf(x).getElementType();
  x = c.broadcast(x, shape);
  by = asUnsigned(c, c.broadcast(by, shape));
  Value isInverted;
  if (direction == "RIGHT" && !isUnsigned(type)) {
    isInverted = compare(c.b, x, "lt", constantLike(c.b, x, 0));
    x = select(c.b, isInverted, inverted(c, x), x);
  }
  x = asUnsigned(c, x);
  Value table = powers(c, typeOf(x).getElementType());
  Value power = c.make("gather", {table, by}, {{"axis", 0}});
  Value y = c.make(direction == "LEFT" ? "mul" : "div", {x, power});
  // Nothing is left of a number after as many places as it has, nor after a
  // negative number of them, which is a large one here.
  Value inside =
      compare(c.b, by, "lt", constantLike(c.b, by, double(widthOf(x))));
  y = c.cast(select(c.b, inside, y, constantLike(c.b, y, 0)), type);
  c.give(isInverted ? select(c.b, isInverted, inverted(c, y), y) : y);
}

/// Joins the bits of two integers as numbers 0 and 1.
template <Value (*join)(Call &, Value, Value)> void bitwise(Call &c) {
  Value x = integers(c, 0), y = integers(c, 1);
  Type type = typeOf(x).getElementType();
  Ints shape = c.commonShape({x, y});
  Value power = powers(c, typeOf(asUnsigned(c, x)).getElementType());
  auto bits = [&](Value v) {
    v = asUnsigned(c, c.broadcast(v, shape));
    Ints column = shape, all = shape;
    column.push_back(1);
    all.push_back(widthOf(v));
    Value shifted = c.make("div", {c.broadcast(c.reshape(v, column), all),
                                   c.broadcast(power, all)});
    return c.make("remainder", {shifted, constantLike(c.b, shifted, 2)});
  };
  Value joined = join(c, bits(x), bits(y));
  Value weighted =
      c.make("mul", {joined, c.broadcast(power, shapeOf(joined))});
  Ints last = {int64_t(shape.size())};
  c.give(c.cast(c.make("sum", weighted, {{"axis", last}}), type));
}

Value both(Call &c, Value x, Value y) { return c.make("mul", {x, y}); }
Value either(Call &c, Value x, Value y) { return c.make("maximum", {x, y}); }
Value one(Call &c, Value x, Value y) {
  return c.cast(compare(c.b, x, "ne", y), typeOf(x).getElementType());
}

void bitwiseNot(Call &c) { c.give(inverted(c, integers(c, 0))); }

} // namespace

ArrayRef<Operator> bitOperators() {
  static constexpr Operator entries[] = {
      {"BitShift", 11, bitShift},
      {"BitwiseAnd", 18, bitwise<both>},
      {"BitwiseNot", 18, bitwiseNot},
      {"BitwiseOr", 18, bitwise<either>},
      {"BitwiseXor", 18, bitwise<one>},
  };
  return entries;
}

} // namespace varve::onnx
