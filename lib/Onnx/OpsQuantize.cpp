// Quantized numbers: whole numbers that stand for (q - zero point) * scale.
#include "Onnx/Convert.h"
#include "Onnx/Nested.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// A scale or zero point for each element of `shape`: one number, one for each
/// place along an axis, or one for each block along it.
Value spread(Call &c, Value v, ArrayRef<int64_t> shape, int64_t axis,
             int64_t block) {
  Ints own(shapeOf(v)), all(shape);
  if (typeOf(v).getNumElements() == 1)
    return c.broadcast(c.reshape(v, {}), shape);
  axis = c.axis(axis, int64_t(shape.size()));
  size_t at = size_t(axis);
  if (block == 0) {
    if (own.size() != 1 || own[0] != shape[at])
      c.fail("there are not as many scales as places along axis " +
             std::to_string(axis));
    Ints column(shape.size(), 1);
    column[at] = own[0];
    return c.broadcast(c.reshape(v, column), shape);
  }
  if (block < 0 || own.size() != shape.size() ||
      own[at] != (shape[at] + block - 1) / block)
    c.fail("the scales are not one for each block");
  Ints split = own, repeated = own, joined = own;
  split.insert(split.begin() + axis + 1, 1);
  repeated.insert(repeated.begin() + axis + 1, block);
  joined[at] *= block;
  v = c.reshape(c.broadcast(c.reshape(v, split), repeated), joined);
  v = c.slice(v, axis, 0, shape[at]);
  return c.broadcast(v, shape);
}

/// Rounds real numbers (x over its scale), adds the zero point, holds to the
/// type.
Value quantize(Call &c, Value x, Value zero, Element to, bool saturate) {
  if (isNarrowFloat(to)) {
    Rounding rounding;
    rounding.saturate = saturate;
    if (zero)
      x = add(c.b, x, c.cast(zero, typeOf(x).getElementType()));
    return convert(c, x, elementOf(typeOf(x).getElementType()), to, rounding);
  }
  auto range = rangeOf(c, to);
  // Sums with a zero point of 16 bits are exact in f32.
  Type element = typeOf(x).getElementType();
  x = c.cast(c.make("round", x),
             element.isF64() ? element : Type(c.b.getF32Type()));
  if (zero)
    x = add(c.b, x, c.cast(zero, typeOf(x).getElementType()));
  return c.cast(c.clamp(x, range.first, range.second),
                storageType(c.b.getContext(), to));
}

void quantizeLinear(Call &c) {
  Value x = c.in(0), scale = c.stored(1);
  Ints shape(shapeOf(x));
  int64_t axis = c.integer("axis", 1), block = c.integer("block_size", 0);
  Element to = c.has(2) ? c.element(2) : Element::U8;
  if (int64_t said = c.integer("output_dtype", 0)) {
    if (c.has(2) && elementNamed(c, said) != to)
      c.fail("output_dtype is not the zero point's type");
    to = elementNamed(c, said);
  }
  Value each = spread(c, scale, shape, axis, block);
  each = isNarrowFloat(c.element(1)) ? numbers(c, each, c.element(1)) : each;
  Type from = typeOf(x).getElementType(), of = typeOf(each).getElementType();
  Type work = from == of && isa<FloatType>(from) ? from
                                                 : Type(c.b.getF32Type());
  if (int64_t said = c.integer("precision", 0)) {
    work = storageType(c.b.getContext(), elementNamed(c, said));
    if (!work || !isa<FloatType>(work))
      c.refuse("this precision is not supported");
  }
  Value ratio = c.make("div", {c.cast(x, work), c.cast(each, work)});
  Value zero;
  if (c.has(2))
    zero = numbers(c, spread(c, c.stored(2), shape, axis, block),
                   c.element(2));
  c.give(quantize(c, ratio, zero, to, c.flag("saturate", true)), to);
}

void dequantizeLinear(Call &c) {
  Value x = c.stored(0);
  Ints shape(shapeOf(x));
  int64_t axis = c.integer("axis", 1), block = c.integer("block_size", 0);
  Value y = numbers(c, x, c.element(0));
  if (c.has(2)) {
    Value zero = spread(c, c.stored(2), shape, axis, block);
    if (c.element(0) == Element::I32)
      y = numbers(c, sub(c.b, x, zero), Element::I32);
    else
      y = sub(c.b, y, numbers(c, zero, c.element(2)));
  }
  Value scale = spread(c, c.stored(1), shape, axis, block);
  y = c.make("mul", {y, c.cast(numbers(c, scale, c.element(1)),
                               typeOf(y).getElementType())});
  Element to = c.element(1);
  if (int64_t said = c.integer("output_dtype", 0))
    to = elementNamed(c, said);
  c.give(convert(c, y, elementOf(typeOf(y).getElementType()), to), to);
}

/// Scale and zero point from the range of the input.
void dynamicQuantizeLinear(Call &c) {
  Value x = c.in(0);
  Ints all;
  for (size_t i = 0; i < shapeOf(x).size(); ++i)
    all.push_back(int64_t(i));
  Value zero = c.splat(typeOf(x).getElementType(), 0);
  Value high = c.make("maximum", {c.make("max", x, {{"axis", all}}), zero});
  Value low = c.make("minimum", {c.make("min", x, {{"axis", all}}), zero});
  Value range = sub(c.b, high, low);
  // Of zeros alone any scale is right.
  range = select(c.b, compare(c.b, range, "eq", zero),
                 constantLike(c.b, range, 1), range);
  Value scale = c.make("div", {range, constantLike(c.b, range, 255)});
  Value place = c.make("div", {neg(c.b, low), scale});
  place = c.make("round", c.clamp(place, 0, 255));
  Value ratio = c.make("div", {x, c.broadcast(scale, shapeOf(x))});
  c.give(quantize(c, ratio, c.broadcast(place, shapeOf(x)), Element::U8,
                  /*saturate=*/true),
         Element::U8);
  c.give(scale);
  c.give(c.cast(place, c.b.getIntegerType(8, /*isSigned=*/false)));
}

// ---- products ----

/// Integers less their zero point, which has one number or one for each place
/// of `axis`.
Value shifted(Call &c, size_t i, size_t zero, int64_t axis) {
  Value x = c.cast(c.in(i), c.b.getI32Type());
  if (!c.has(zero))
    return x;
  Value by = c.cast(c.in(zero), c.b.getI32Type());
  if (shapeOf(by).size() > 1)
    return sub(c.b, x, c.broadcast(by, shapeOf(x)));
  return sub(c.b, x, spread(c, by, shapeOf(x), axis, 0));
}

void matMulInteger(Call &c) {
  c.give(runOperator(c, "MatMul",
                     {shifted(c, 0, 2, -2), shifted(c, 1, 3, -1)}));
}

/// Of whole numbers, exact in f64 up to 2^53.
Value convolve(Call &c, Value x, Value weight) {
  Type f64 = c.b.getF64Type();
  Value y = runOperator(c, "Conv", {c.cast(x, f64), c.cast(weight, f64)},
                        /*passAttributes=*/true);
  return c.cast(y, c.b.getI32Type());
}

void convInteger(Call &c) {
  c.give(convolve(c, shifted(c, 0, 2, 1), shifted(c, 1, 3, 0)));
}

/// A whole product as a quantized number; `factor` broadcasts.
void giveScaled(Call &c, Value product, Value factor, size_t zero) {
  Value y = c.cast(product, typeOf(factor).getElementType());
  y = c.make("mul", {y, c.broadcast(factor, shapeOf(y))});
  Value shift = c.broadcast(c.reshape(c.in(zero), {}), shapeOf(y));
  c.give(quantize(c, y, shift, c.element(zero), /*saturate=*/true),
         c.element(zero));
}

/// a, scale, zero point; b, scale, zero point; scale and zero point of y.
void qLinearMatMul(Call &c) {
  Value product = runOperator(
      c, "MatMul", {shifted(c, 0, 2, -2), shifted(c, 3, 5, -1)});
  auto scale = [&](size_t i, bool isRow) {
    Value s = c.cast(c.in(i), c.b.getF32Type());
    Ints shape(shapeOf(s));
    // One for each row of a, or for each column of b.
    if (isRow && shape.size() == 1 && shape[0] != 1)
      shape.push_back(1);
    return c.reshape(s, shape);
  };
  Value factor = c.elementwise("mul", {scale(1, true), scale(4, false)});
  factor = c.elementwise("div", {factor, scale(6, false)});
  if (typeOf(factor).getNumElements() == 1)
    factor = c.reshape(factor, {});
  giveScaled(c, product, factor, 7);
}

/// The same for a convolution; w has a scale for each channel, and there is a
/// bias of i32.
void qLinearConv(Call &c) {
  Value y = convolve(c, shifted(c, 0, 2, 1), shifted(c, 3, 5, 0));
  if (c.has(8))
    y = c.elementwise("add", {y, c.perChannel(c.in(8), y)});
  Value scale = c.in(4);
  if (typeOf(scale).getNumElements() == 1)
    scale = c.reshape(scale, {});
  else
    scale = c.perChannel(scale, y);
  Value factor = c.elementwise("mul", {c.reshape(c.in(1), {}), scale});
  factor = c.elementwise("div", {factor, c.reshape(c.in(6), {})});
  giveScaled(c, y, factor, 7);
}

} // namespace

ArrayRef<Operator> quantizeOperators() {
  static constexpr Operator entries[] = {
      {"ConvInteger", 10, convInteger},
      {"DequantizeLinear", 10, dequantizeLinear},
      {"DynamicQuantizeLinear", 11, dynamicQuantizeLinear},
      {"MatMulInteger", 10, matMulInteger},
      {"QLinearConv", 10, qLinearConv},
      {"QLinearMatMul", 10, qLinearMatMul},
      {"QuantizeLinear", 10, quantizeLinear},
  };
  return entries;
}

} // namespace varve::onnx
