// Operators that change the element type.
#include "Onnx/Convert.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <cstdlib>

using namespace mlir;

namespace varve::onnx {
namespace {

/// The number that all of the text is.
double parseNumber(Call &c, const std::string &text) {
  const char *end = text.c_str() + text.size();
  char *stopped = nullptr;
  double value = std::strtod(text.c_str(), &stopped);
  if (text.empty() || stopped != end)
    c.fail("'" + text + "' is no number");
  return value;
}

Value parseStrings(Call &c, const TensorData &strings, Element to) {
  Type storage = storageType(c.b.getContext(), to);
  if (!storage || isNarrowFloat(to) || narrowBits(to) || isComplex(to))
    c.refuse("from strings to " + std::string(nameOf(to)) +
             " is not supported");
  RefTensor tensor(storage, strings.dims);
  for (auto [i, text] : llvm::enumerate(strings.strings)) {
    double value = parseNumber(c, text);
    if (tensor.isFloat()) {
      tensor.f[i] = value;
    } else {
      if (!(std::abs(value) < std::ldexp(1.0, 63)))
        c.fail("'" + text + "' is outside the integers");
      tensor.i[i] = wrapToType(int64_t(value), storage);
    }
  }
  return c.constant(tensor);
}

/// The shortest text that reads as the same number, as NumPy writes it.
std::string shortest(double value, Element type) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  char text[64];
  int digits = 1;
  for (; digits < 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
    double back = std::strtod(text, nullptr);
    if (type == Element::F32 ? std::strtof(text, nullptr) == float(value)
                             : back == value)
      break;
  }
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  int exponent = std::atoi(std::strchr(text, 'e') + 1);
  constexpr int leastPlain = -4, firstScientific = 16;
  if (value != 0 && (exponent < leastPlain || exponent >= firstScientific))
    return text;
  std::snprintf(text, sizeof text, "%.*f",
                std::max(1, digits - 1 - exponent), value);
  return text;
}

Datum printNumbers(Call &c, size_t input) {
  Element type = c.element(input);
  if (type == Element::F16 || type == Element::BF16 || isNarrowFloat(type) ||
      narrowBits(type) || isComplex(type))
    c.refuse("from " + std::string(nameOf(type)) +
             " to strings is not supported");
  const RefTensor &value = c.known(input);
  TensorData text;
  text.type = Element::String;
  text.dims = value.shape;
  for (int64_t e = 0; e < value.size(); ++e) {
    if (value.isFloat())
      text.strings.push_back(shortest(value.f[size_t(e)], type));
    else if (type == Element::Bool)
      text.strings.push_back(value.i[size_t(e)] ? "True" : "False");
    else if (type == Element::U64)
      text.strings.push_back(std::to_string(uint64_t(value.i[size_t(e)])));
    else
      text.strings.push_back(std::to_string(value.i[size_t(e)]));
  }
  return Datum::of(std::move(text));
}

void castAs(Call &c, Element to) {
  Rounding rounding;
  rounding.saturate = c.flag("saturate", true);
  std::string mode = c.text("round_mode", "up");
  if (mode != "up" && mode != "down" && mode != "nearest")
    c.fail("round_mode is '" + mode + "'");
  rounding.mode = mode == "up"     ? Rounding::Up
                  : mode == "down" ? Rounding::Down
                                   : Rounding::Nearest;
  const Datum &x = c.datum(0);
  if (x.is(Datum::Kind::Strings) && to == Element::String)
    return c.give(x);
  if (x.is(Datum::Kind::Strings))
    return c.give(parseStrings(c, *x.strings, to), to);
  Value stored = c.stored(0);
  if (to == Element::String)
    return c.give(printNumbers(c, 0));
  c.give(convert(c, stored, x.element, to, rounding), to);
}

void cast(Call &c) { castAs(c, elementNamed(c, c.integer("to"))); }

void castLike(Call &c) {
  c.datum(1);
  castAs(c, c.element(1));
}

// ---- bits ----

/// A float format of the dialect by its fields. Numbers are f64, which holds
/// all of them.
struct Fields {
  unsigned width, mantissa;

  explicit Fields(Type type)
      : width(type.getIntOrFloatBitWidth()),
        mantissa(llvm::cast<FloatType>(type).getFPMantissaWidth() - 1) {}
  unsigned exponents() const { return 1u << (width - 1 - mantissa); }
  int bias() const { return int(exponents() / 2) - 1; }
  /// What the mantissa's last place counts, for each exponent.
  Value units(Call &c) const {
    RefTensor table(c.b.getF64Type(), {int64_t(exponents())});
    for (unsigned e = 0; e < exponents(); ++e)
      table.f[e] = std::ldexp(
          1.0, int(std::max(e, 1u)) - bias() - int(mantissa));
    table.f.back() = INFINITY;
    return c.constant(table);
  }
};

/// u64 like x.
Value wide(Call &c, Value like, uint64_t value) {
  RefTensor one(c.b.getIntegerType(64, /*isSigned=*/false), {});
  one.i[0] = int64_t(value);
  return c.broadcast(c.constant(one), shapeOf(like));
}

Value floatOfBits(Call &c, Value bits, Type type) {
  Fields f(type);
  Value u = c.cast(bits, c.b.getIntegerType(
                             typeOf(bits).getElementType()
                                 .getIntOrFloatBitWidth(),
                             /*isSigned=*/false));
  u = c.cast(u, c.b.getIntegerType(64, /*isSigned=*/false));
  auto part = [&](unsigned from, uint64_t count) {
    Value shifted = div(c.b, u, wide(c, u, uint64_t(1) << from));
    return c.make("remainder", {shifted, wide(c, u, count)});
  };
  Value mantissa = part(0, uint64_t(1) << f.mantissa);
  Value exponent = part(f.mantissa, f.exponents());
  Value sign = part(f.width - 1, 2);
  Value zero = wide(c, u, 0), top = wide(c, u, f.exponents() - 1);
  Value leading = select(c.b, compare(c.b, exponent, "eq", zero), zero,
                         wide(c, u, uint64_t(1) << f.mantissa));
  Value number = c.cast(add(c.b, mantissa, leading), c.b.getF64Type());
  Value place = c.cast(exponent, c.b.getI32Type());
  number = mul(c.b, number,
               c.make("gather", {f.units(c), place}, {{"axis", 0}}));
  Value isNan = c.make("and", {compare(c.b, exponent, "eq", top),
                               compare(c.b, mantissa, "ne", zero)});
  number = select(c.b, isNan, constantLike(c.b, number, std::nan("")), number);
  number = select(c.b, compare(c.b, sign, "ne", zero), neg(c.b, number),
                  number);
  return c.cast(number, type);
}

/// Of NaN, those of the quiet one.
Value bitsOfFloat(Call &c, Value x, Type type) {
  Fields f(typeOf(x).getElementType());
  x = c.cast(x, c.b.getF64Type());
  Value a = c.make("abs", x);
  std::vector<double> bounds;
  for (unsigned e = 1; e + 1 < f.exponents(); ++e)
    bounds.push_back(std::ldexp(1.0, int(e) - f.bias()));
  bounds.push_back(INFINITY);
  Value place = bisect(c, a, bounds);
  Value unit = c.make("gather", {f.units(c), place}, {{"axis", 0}});
  Value exponent =
      c.cast(place, c.b.getIntegerType(64, /*isSigned=*/false));
  // 1 to below 2 of the exponent's power, or what is below the least.
  Value digits = c.cast(c.make("div", {a, unit}),
                        c.b.getIntegerType(64, /*isSigned=*/false));
  uint64_t leading = uint64_t(1) << f.mantissa;
  Value zero = wide(c, x, 0);
  Value mantissa = c.make("remainder", {digits, wide(c, x, leading)});
  Value bits = add(c.b, mul(c.b, exponent, wide(c, x, leading)), mantissa);
  Value sign = select(c.b, hasSign(c, x),
                      wide(c, x, uint64_t(1) << (f.width - 1)), zero);
  bits = add(c.b, bits, sign);
  uint64_t quiet = uint64_t(f.exponents() - 1) * leading + leading / 2;
  bits = select(c.b, compare(c.b, x, "ne", x), wide(c, x, quiet), bits);
  return c.cast(bits, type);
}

/// The same bits as another type of as many.
void bitCast(Call &c) {
  Element from = c.element(0), to = elementNamed(c, c.integer("to"));
  Value x = c.stored(0);
  Type storage = storageType(c.b.getContext(), to);
  auto bits = [](Type type) {
    unsigned width = type.getIntOrFloatBitWidth();
    return width == 1 ? 8 : width;
  };
  if (!storage || isComplex(from) || isComplex(to) || narrowBits(from) ||
      narrowBits(to) || from == Element::F4E2M1 || to == Element::F4E2M1)
    c.refuse("from " + std::string(nameOf(from)) + " to " +
             std::string(nameOf(to)) + " is not supported");
  if (bits(typeOf(x).getElementType()) != bits(storage))
    c.fail("from " + std::string(nameOf(from)) + " to " +
           std::string(nameOf(to)) + " bits are left over");
  Type element = typeOf(x).getElementType();
  bool fromFloat = isa<FloatType>(element), toFloat = isa<FloatType>(storage);
  if (from == to || (!fromFloat && !toFloat))
    return c.give(c.cast(x, storage), to);
  if (fromFloat && toFloat)
    x = bitsOfFloat(c, x, c.b.getIntegerType(
                              storage.getIntOrFloatBitWidth(), false));
  if (toFloat)
    c.give(floatOfBits(c, x, storage), to);
  else
    c.give(bitsOfFloat(c, x, storage), to);
}

} // namespace

ArrayRef<Operator> castOperators() {
  static constexpr Operator entries[] = {
      {"BitCast", 1, bitCast},
      {"Cast", 6, cast},
      {"CastLike", 15, castLike},
  };
  return entries;
}

} // namespace varve::onnx
