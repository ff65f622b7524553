// Arithmetic on what is known at import: numbers, bools, strings, lists.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::Operator;

static std::optional<int64_t> intArithmetic(Operator op, int64_t x, int64_t y) {
  int64_t out;
  switch (op) {
  case Operator::Add:
    return llvm::AddOverflow(x, y, out) ? std::nullopt : std::optional(out);
  case Operator::Subtract:
    return llvm::SubOverflow(x, y, out) ? std::nullopt : std::optional(out);
  case Operator::Multiply:
    return llvm::MulOverflow(x, y, out) ? std::nullopt : std::optional(out);
  case Operator::Power: {
    out = 1;
    for (int64_t i = 0; i < y; ++i) {
      if (llvm::MulOverflow(out, x, out))
        return std::nullopt;
      // Then it stays so, however large the exponent is.
      if (out == 0 || (out == 1 && x == 1))
        return out;
      if (x == -1)
        return y % 2 ? -1 : 1;
    }
    return out;
  }
  default:
    return std::nullopt;
  }
}

static bool compare(Operator op, double x, double y) {
  switch (op) {
  case Operator::Less:
    return x < y;
  case Operator::LessEqual:
    return x <= y;
  case Operator::Greater:
    return x > y;
  default:
    return x >= y;
  }
}

Datum Importer::staticBinary(Frame &frame, const Expr &expr, const Datum &x,
                             const Datum &y) {
  Operator op = expr.op;
  auto mismatch = [&] {
    return error(frame, expr.opSpan,
                 std::string("`") + ast::spelling(op) + "` of " + describe(x) +
                     " and " + describe(y));
  };
  switch (op) {
  case Operator::Equal:
  case Operator::NotEqual:
    if (x.kind != y.kind && !(x.isNumber() && y.isNumber()))
      return mismatch();
    return Datum::boolean((x == y) == (op == Operator::Equal));
  case Operator::And:
  case Operator::Or:
    if (!x.is(Datum::Kind::Bool) || !y.is(Datum::Kind::Bool))
      return mismatch();
    return Datum::boolean(op == Operator::And ? x.boolValue && y.boolValue
                                              : x.boolValue || y.boolValue);
  case Operator::Add:
    if (x.is(Datum::Kind::List) && y.is(Datum::Kind::List)) {
      std::vector<Datum> items = x.items;
      items.insert(items.end(), y.items.begin(), y.items.end());
      return Datum::list(std::move(items));
    }
    break;
  default:
    break;
  }
  if (!x.isNumber() || !y.isNumber())
    return mismatch();

  bool ints = x.is(Datum::Kind::Int) && y.is(Datum::Kind::Int);
  bool divides = op == Operator::Divide || op == Operator::Remainder;
  if (trial && ints && divides && x.intValue % standInSamples == 0 &&
      (y.intValue == 0 || x.intValue % y.intValue != 0))
    inconclusive = true;
  double a = x.number(), b = y.number();
  switch (op) {
  case Operator::Less:
  case Operator::LessEqual:
  case Operator::Greater:
  case Operator::GreaterEqual:
    return Datum::boolean(compare(op, a, b));
  case Operator::Divide:
    if (b == 0)
      return error(frame, expr.opSpan, "`" + print(expr) + "` divides by zero");
    if (ints && !(x.intValue == INT64_MIN && y.intValue == -1) &&
        x.intValue % y.intValue == 0)
      return Datum::of(x.intValue / y.intValue);
    return Datum::real(a / b);
  case Operator::Remainder: {
    if (b == 0)
      return error(frame, expr.opSpan, "`" + print(expr) + "` divides by zero");
    // The remainder has the sign of the divisor.
    if (!ints)
      return Datum::real(a - b * std::floor(a / b));
    if (y.intValue == -1)
      return Datum::of(int64_t(0));
    int64_t rest = x.intValue % y.intValue;
    return Datum::of(
        rest != 0 && (rest < 0) != (y.intValue < 0) ? rest + y.intValue : rest);
  }
  case Operator::MatMul:
    return mismatch();
  case Operator::Power:
    if (!ints || y.intValue < 0)
      return Datum::real(std::pow(a, b));
    break;
  default:
    break;
  }
  if (ints) {
    if (auto out = intArithmetic(op, x.intValue, y.intValue))
      return Datum::of(*out);
    return error(frame, expr.opSpan,
                 "`" + print(expr) + "` = " + describe(x) + " " +
                     ast::spelling(op) + " " + describe(y) + " is too large");
  }
  switch (op) {
  case Operator::Add:
    return Datum::real(a + b);
  case Operator::Subtract:
    return Datum::real(a - b);
  case Operator::Multiply:
    return Datum::real(a * b);
  default:
    return Datum::real(std::pow(a, b));
  }
}

namespace {
using Function = double (*)(double);
const std::map<std::string, Function> &realFunctions() {
  static const std::map<std::string, Function> table = {
      {"exp", std::exp},
      {"expm1", std::expm1},
      {"log", std::log},
      {"log1p", std::log1p},
      {"sqrt", std::sqrt},
      {"sin", std::sin},
      {"cos", std::cos},
      {"tanh", std::tanh},
      {"erf", std::erf},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
      {"reciprocal", [](double x) { return 1 / x; }},
      {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
  };
  return table;
}
/// These give an int of an int, and whole numbers as ints.
const std::map<std::string, Function> &roundingFunctions() {
  static const std::map<std::string, Function> table = {
      {"floor", std::floor}, {"ceil", std::ceil}, {"round", std::nearbyint}};
  return table;
}
} // namespace

std::optional<Datum> Importer::staticCall(Frame &frame, const std::string &name,
                                          ArrayRef<CallArgument> arguments,
                                          Span span) {
  for (const CallArgument &argument : arguments)
    if (argument.name)
      return std::nullopt;
  // A known condition chooses between tensors, too.
  if (name == "where" && arguments.size() == 3 &&
      arguments[0].value.is(Datum::Kind::Bool))
    return arguments[0].value.boolValue ? arguments[1].value
                                        : arguments[2].value;
  for (const CallArgument &argument : arguments)
    if (argument.value.isTensor())
      return std::nullopt;
  auto number = [&](size_t i) { return arguments[i].value.number(); };
  auto isNumber = [&](size_t i) { return arguments[i].value.isNumber(); };

  if (arguments.size() == 1 && isNumber(0)) {
    auto real = realFunctions().find(name);
    if (real != realFunctions().end()) {
      double y = real->second(number(0));
      if (!std::isfinite(y))
        return error(frame, span,
                     "`" + name + "` of " + describe(arguments[0].value) +
                         " is not finite");
      return Datum::real(y);
    }
    const Datum &x = arguments[0].value;
    auto rounding = roundingFunctions().find(name);
    if (rounding != roundingFunctions().end()) {
      double y = rounding->second(number(0));
      if (x.is(Datum::Kind::Int))
        return x;
      if (std::abs(y) < 9e15)
        return Datum::of(int64_t(y));
      return Datum::real(y);
    }
    bool isInt = x.is(Datum::Kind::Int) && x.intValue != INT64_MIN;
    if (name == "abs")
      return isInt ? Datum::of(std::abs(x.intValue))
                   : Datum::real(std::abs(number(0)));
    if (name == "neg")
      return isInt ? Datum::of(-x.intValue) : Datum::real(-number(0));
    if (name == "relu")
      return number(0) > 0 ? x : Datum::of(int64_t(0));
    if (name == "sign")
      return Datum::of(int64_t((number(0) > 0) - (number(0) < 0)));
  }
  if (arguments.size() == 2 && isNumber(0) && isNumber(1)) {
    if (name == "maximum")
      return number(0) >= number(1) ? arguments[0].value : arguments[1].value;
    if (name == "minimum")
      return number(0) <= number(1) ? arguments[0].value : arguments[1].value;
  }
  // Of a list of numbers: `sum([1, 2])`, `max(sizes)`.
  bool reduces = name == "sum" || name == "max" || name == "min" ||
                 name == "prod" || name == "mean";
  if (reduces && arguments.size() == 1 &&
      arguments[0].value.is(Datum::Kind::List) &&
      !arguments[0].value.items.empty()) {
    const std::vector<Datum> &items = arguments[0].value.items;
    bool ints = name != "mean";
    double total = items[0].number();
    for (const Datum &item : items) {
      if (!item.isNumber())
        return std::nullopt;
      ints &= item.is(Datum::Kind::Int);
      if (&item == &items[0])
        continue;
      double x = item.number();
      total = name == "max"    ? std::max(total, x)
              : name == "min"  ? std::min(total, x)
              : name == "prod" ? total * x
                               : total + x;
    }
    if (name == "mean")
      total /= double(items.size());
    if (ints && std::abs(total) < 9e15)
      return Datum::of(int64_t(total));
    return Datum::real(total);
  }
  return std::nullopt;
}

} // namespace varve::importer
