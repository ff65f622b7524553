// Narrow floats as operations that there are: a code's number is in a table,
// a number's code is found by bisection in the table of the numbers at which
// rounding goes over to the next code.
#include "Onnx/Convert.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

/// A float format of 8 bits or fewer.
struct Format {
  const llvm::fltSemantics *semantics = nullptr;
  unsigned bits = 8;
  bool hasSign = true;
  /// Codes of positive numbers are 0 to `largest`, in order.
  unsigned largest = 0;
  unsigned nan = 0;
  /// Of what is too large and not held back.
  unsigned overflow = 0;
  bool hasNegativeZero = true;

  double number(unsigned code) const {
    return llvm::APFloat(*semantics, llvm::APInt(bits, code)).convertToDouble();
  }
};

std::optional<Format> formatOf(Element type) {
  switch (type) {
  case Element::F8E4M3FN:
    return Format{&llvm::APFloat::Float8E4M3FN(), 8, true, 0x7E, 0x7F, 0x7F};
  case Element::F8E4M3FNUZ:
    return Format{
        &llvm::APFloat::Float8E4M3FNUZ(), 8, true, 0x7F, 0x80, 0x80, false};
  case Element::F8E5M2:
    return Format{&llvm::APFloat::Float8E5M2(), 8, true, 0x7B, 0x7E, 0x7C};
  case Element::F8E5M2FNUZ:
    return Format{
        &llvm::APFloat::Float8E5M2FNUZ(), 8, true, 0x7F, 0x80, 0x80, false};
  case Element::F4E2M1:
    // Neither infinite nor NaN: those are the largest, and -0.
    return Format{&llvm::APFloat::Float4E2M1FN(), 4, true, 7, 8, 7};
  case Element::F8E8M0:
    return Format{
        &llvm::APFloat::Float8E8M0FNU(), 8, false, 0xFE, 0xFF, 0xFF, false};
  default:
    return std::nullopt;
  }
}

/// The smallest number of the type (f32 or f64) that gets code `to`, not the
/// one before.
double firstOf(const Format &format, unsigned to, Rounding::Mode mode,
               bool isF32) {
  double below = format.number(to - 1);
  double above = to > format.largest
                     ? below + (format.hasSign
                                    ? below - format.number(to - 2)
                                    : below)
                     : format.number(to);
  double middle = below + (above - below) / 2;
  double at = mode == Rounding::Up     ? below
              : mode == Rounding::Down ? above
                                       : middle;
  // A number in the middle goes to the even code.
  bool isIn = mode == Rounding::Down ||
              (mode == Rounding::Nearest && to % 2 == 0);
  if (isIn)
    return at;
  return isF32 ? double(std::nextafterf(float(at), INFINITY))
               : std::nextafter(at, INFINITY);
}

/// codes: u8. The numbers as f32.
Value decode(Call &c, Value codes, const Format &format) {
  RefTensor table(c.b.getF32Type(), {int64_t(1) << format.bits});
  for (size_t code = 0; code < table.f.size(); ++code)
    table.f[code] = format.number(unsigned(code));
  return c.make("gather", {c.constant(table), codes}, {{"axis", 0}});
}

/// x: f32 or f64. The codes as u8.
Value encode(Call &c, Value x, const Format &format, Rounding rounding) {
  bool isF32 = typeOf(x).getElementType().isF32();
  Rounding::Mode mode = format.hasSign ? Rounding::Nearest : rounding.mode;
  std::vector<double> bounds;
  for (unsigned code = 1; code <= format.largest; ++code)
    bounds.push_back(firstOf(format, code, mode, isF32));
  size_t count = 1;
  while (count - 1 < bounds.size())
    count *= 2;
  bounds.resize(count - 1, std::nan("")); // Nothing is above NaN.
  Value a = c.make("abs", x);
  Value code = bisect(c, a, bounds);

  auto codeOf = [&](unsigned value) {
    return constantLike(c.b, code, double(value));
  };
  auto real = [&](double value) { return constantLike(c.b, x, value); };
  unsigned tooLarge = rounding.saturate ? format.largest : format.overflow;
  double limit = firstOf(format, format.largest + 1, mode, isF32);
  if (limit <= (isF32 ? std::numeric_limits<float>::max() : limit))
    code = select(c.b, compare(c.b, a, "ge", real(limit)), codeOf(tooLarge),
                  code);
  else
    code = select(c.b, compare(c.b, a, "eq", real(INFINITY)), codeOf(tooLarge),
                  code);
  if (format.hasSign) {
    Value below = hasSign(c, x);
    // Neither 0 nor NaN has a sign there.
    if (!format.hasNegativeZero)
      for (unsigned plain : {0u, format.nan})
        below = c.make("and",
                       {below, compare(c.b, code, "ne", codeOf(plain))});
    Value negative = add(c.b, code, codeOf(1u << (format.bits - 1)));
    code = select(c.b, below, negative, code);
  }
  code = select(c.b, compare(c.b, x, "ne", x), codeOf(format.nan), code);
  return c.cast(code, c.b.getIntegerType(8, /*isSigned=*/false));
}

/// Integers of fewer than 8 bits: higher bits are dropped.
Value wrap(Call &c, Value x, Element to) {
  unsigned bits = narrowBits(to);
  bool isSigned = to == Element::I4 || to == Element::I2;
  double half = double(1u << (bits - 1));
  Value size = constantLike(c.b, x, 2 * half);
  if (!isSigned)
    return c.make("remainder", {x, size});
  Value shift = constantLike(c.b, x, half);
  return sub(c.b, c.make("remainder", {add(c.b, x, shift), size}), shift);
}

} // namespace

Value bisect(Call &c, Value a, std::vector<double> bounds) {
  Type element = typeOf(a).getElementType();
  bounds.insert(bounds.begin(), -INFINITY);
  RefTensor table(element, {int64_t(bounds.size())});
  table.f = bounds;
  Value tableValue = c.constant(table);
  auto codes = RankedTensorType::get(shapeOf(a), c.b.getI32Type());
  Value place = varve::constant(c.b, codes, 0);
  for (size_t step = bounds.size() / 2; step > 0; step /= 2) {
    Value next = add(c.b, place, varve::constant(c.b, codes, double(step)));
    Value bound = c.make("gather", {tableValue, next}, {{"axis", 0}});
    place = select(c.b, compare(c.b, a, "ge", bound), next, place);
  }
  return place;
}

Value hasSign(Call &c, Value x) {
  Value zero = constantLike(c.b, x, 0);
  // -0 is not below 0, but its reciprocal is.
  return c.make("or", {compare(c.b, x, "lt", zero),
                       compare(c.b, c.make("reciprocal", x), "lt", zero)});
}

bool isNarrowFloat(Element type) { return formatOf(type).has_value(); }

unsigned narrowBits(Element type) {
  switch (type) {
  case Element::I4:
  case Element::U4:
    return 4;
  case Element::I2:
  case Element::U2:
    return 2;
  default:
    return 0;
  }
}

std::pair<double, double> rangeOf(Call &c, Element type) {
  unsigned bits = narrowBits(type);
  Type storage = storageType(c.b.getContext(), type);
  if (!storage || !isa<IntegerType>(storage) || isNarrowFloat(type))
    c.refuse("elements of type " + std::string(nameOf(type)) +
             " are not supported here");
  if (bits == 0)
    bits = storage.getIntOrFloatBitWidth();
  if (storage.isUnsignedInteger())
    return {0, std::ldexp(1.0, int(bits)) - 1};
  double half = std::ldexp(1.0, int(bits) - 1);
  return {-half, half - 1};
}

Element elementNamed(Call &c, int64_t number) {
  if (number < int64_t(Element::F32) || number > int64_t(Element::I2))
    c.fail("there is no element type " + std::to_string(number));
  return Element(number);
}

Value numbers(Call &c, Value x, Element from) {
  if (auto format = formatOf(from))
    return decode(c, x, *format);
  Type element = typeOf(x).getElementType();
  return element.isF64() ? x : c.cast(x, c.b.getF32Type());
}

Value convert(Call &c, Value x, Element from, Element to, Rounding rounding) {
  if (from == to)
    return x;
  if (isComplex(from) || isComplex(to) || from == Element::String ||
      to == Element::String)
    c.refuse("from " + std::string(nameOf(from)) + " to " +
             std::string(nameOf(to)) + " is not supported");
  if (auto format = formatOf(to))
    return encode(c, numbers(c, x, from), *format, rounding);
  if (auto format = formatOf(from))
    x = decode(c, x, *format);
  Type storage = storageType(c.b.getContext(), to);
  if (narrowBits(to) == 0)
    return c.cast(x, storage);
  // By way of a type that holds what a float may be: its low bits count.
  if (isa<FloatType>(typeOf(x).getElementType()))
    x = c.cast(x, c.b.getI32Type());
  return wrap(c, c.cast(x, storage), to);
}

} // namespace varve::onnx
