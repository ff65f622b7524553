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
  if (from != to && (isa<FloatType>(typeOf(x).getElementType()) ||
                     isa<FloatType>(storage)))
    c.refuse("the bits of floats are not supported");
  c.give(c.cast(x, storage), to);
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
