// Arithmetic, comparison, logic, selection, functions of one number.
#include "Onnx/ExportCall.h"
#include "Onnx/ImportDatum.h"

using namespace mlir;

namespace varve::onnx {
namespace {

bool isReal(Type type) { return isa<FloatType>(type); }

/// Of the first operand.
Type elementType(ExportCall &c) { return c.type().getElementType(); }

/// The type that integers are computed in: runtimes have arithmetic of few.
/// The cast back wraps around.
Type wideType(Type type) {
  if (isReal(type) || type.isInteger(1))
    return type;
  unsigned width = type.getIntOrFloatBitWidth();
  bool large = width > 32 || (width == 32 && isUnsigned(type));
  return IntegerType::get(type.getContext(), large ? 64 : 32);
}

std::string widened(ExportCall &c, const std::string &x, Type from) {
  Type wide = wideType(from);
  return wide == from ? x : c.cast(x, wide);
}

Names widened(ExportCall &c, Names list) {
  for (std::string &x : list)
    x = widened(c, x, elementType(c));
  return list;
}

/// Gives a value of the result's wide type.
void giveNarrow(ExportCall &c, const std::string &y) {
  Type to = c.resultType().getElementType();
  c.give(wideType(to) == to ? y : c.cast(y, to));
}

/// i64 has the bits of sums and products of u64, but not their order.
void refuseUnsigned64(ExportCall &c) {
  Type type = elementType(c);
  if (!isReal(type) && isUnsigned(type) && type.getIntOrFloatBitWidth() == 64)
    c.refuse("of u64 has no exact form in ONNX");
}

// ---- two numbers ----

void arithmetic(ExportCall &c, const char *name) {
  giveNarrow(c, c.make(name, widened(c, c.stretched())));
}

void extremum(ExportCall &c, const char *name) {
  refuseUnsigned64(c);
  arithmetic(c, name);
}

/// Whether the second operand is a constant that is 0 or -1 nowhere.
bool hasPlainDivisor(ExportCall &c) {
  auto constant = c.operand(1).getDefiningOp<ConstantOp>();
  if (!constant)
    return false;
  RefTensor values(mlir::cast<DenseElementsAttr>(constant.getValue()));
  return llvm::all_of(values.i, [](int64_t i) { return i != 0 && i != -1; });
}

/// By `name`, which may trap where the divisor is 0 or -1: by 1 there instead.
/// By 0 the result is 0; by -1 it is -x of a quotient, 0 of a remainder.
void divideIntegers(ExportCall &c, const char *name, bool quotient) {
  refuseUnsigned64(c);
  Names operands = widened(c, c.stretched());
  if (hasPlainDivisor(c))
    return giveNarrow(c, c.make(name, operands));
  Type wide = wideType(elementType(c));
  std::string zero = c.number(wide, 0);
  std::string byZero = c.make("Equal", {operands[1], zero});
  std::string byLess = c.make("Equal", {operands[1], c.number(wide, -1)});
  std::string odd = c.make("Or", {byZero, byLess});
  std::string safe = c.make("Where", {odd, c.number(wide, 1), operands[1]});
  std::string y = c.make(name, {operands[0], safe});
  std::string other = quotient ? c.make("Neg", {operands[0]}) : zero;
  y = c.make("Where", {byLess, other, y});
  giveNarrow(c, c.make("Where", {byZero, zero, y}));
}

void divide(ExportCall &c) {
  if (isReal(elementType(c)))
    return arithmetic(c, "Div");
  divideIntegers(c, "Div", /*quotient=*/true);
}

void remainder(ExportCall &c) {
  Type type = elementType(c);
  if (!isReal(type))
    return divideIntegers(c, "Mod", /*quotient=*/false);
  // C's remainder has the sign of x, ours that of y.
  Names operands = c.stretched();
  std::string r = c.make("Mod", operands, {{"fmod", 1}});
  std::string zero = c.number(type, 0);
  std::string wrong = c.make(
      "Xor", {c.make("Less", {r, zero}), c.make("Less", {operands[1], zero})});
  wrong = c.make("And", {wrong, c.make("Not", {c.make("Equal", {r, zero})})});
  c.give(c.make("Where", {wrong, c.make("Add", {r, operands[1]}), r}));
}

void compare(ExportCall &c) {
  auto op = mlir::cast<CompareOp>(c.op);
  StringRef predicate = op.getPredicate();
  Names operands = widened(c, c.stretched());
  bool equality = predicate == "eq" || predicate == "ne";
  if (!equality)
    refuseUnsigned64(c);
  if (elementType(c).isInteger(1) && !equality) {
    Type whole = IntegerType::get(c.op->getContext(), 32);
    for (std::string &x : operands)
      x = c.cast(x, whole);
  }
  const char *name = llvm::StringSwitch<const char *>(predicate)
                         .Case("lt", "Less")
                         .Case("le", "LessOrEqual")
                         .Case("gt", "Greater")
                         .Case("ge", "GreaterOrEqual")
                         .Default("Equal");
  std::string z = c.make(name, operands);
  c.give(predicate == "ne" ? c.make("Not", {z}) : z);
}

void where(ExportCall &c) {
  Names operands = c.stretched();
  Type type = c.type(1).getElementType();
  if (type.isInteger(1)) {
    std::string x = c.make("And", {operands[0], operands[1]});
    std::string y = c.make("And", {c.make("Not", {operands[0]}), operands[2]});
    return c.give(c.make("Or", {x, y}));
  }
  std::string x = widened(c, operands[1], type);
  std::string y = widened(c, operands[2], type);
  giveNarrow(c, c.make("Where", {operands[0], x, y}));
}

// ---- one number ----

void unary(ExportCall &c, const char *name) { c.give(c.make(name, {c.in(0)})); }

/// Functions that runtimes have of few integers.
void unaryWide(ExportCall &c, const char *name) {
  giveNarrow(c, c.make(name, {widened(c, c.in(0), elementType(c))}));
}

/// Whole numbers are whole.
void rounding(ExportCall &c, const char *name) {
  if (isReal(elementType(c)))
    return unary(c, name);
  c.give(c.in(0));
}

void magnitude(ExportCall &c, const char *name) {
  if (!isReal(elementType(c)))
    refuseUnsigned64(c);
  unaryWide(c, name);
}

void relu(ExportCall &c) {
  Type type = elementType(c);
  if (isReal(type))
    return unary(c, "Relu");
  if (isUnsigned(type))
    return c.give(c.in(0));
  giveNarrow(c, c.make("Max", {widened(c, c.in(0), type),
                               c.number(wideType(type), 0)}));
}

void square(ExportCall &c) {
  std::string x = widened(c, c.in(0), elementType(c));
  giveNarrow(c, c.make("Mul", {x, x}));
}

/// e^x - 1 = tanh(x / 2) (e^x + 1), without a difference of near numbers.
void expm1(ExportCall &c) {
  Type type = elementType(c);
  std::string x = c.in(0);
  std::string half = c.make("Mul", {x, c.number(type, 0.5)});
  std::string more = c.make("Add", {c.make("Exp", {x}), c.number(type, 1)});
  c.give(c.make("Mul", {c.make("Tanh", {half}), more}));
}

/// With u = 1 + x rounded: x where u is 1, else log(u) x / (u - 1), which makes
/// up for the rounding (Kahan). Where u is x there is nothing to make up for.
void log1p(ExportCall &c) {
  Type type = elementType(c);
  std::string x = c.in(0), one = c.number(type, 1);
  std::string u = c.make("Add", {x, one});
  std::string log = c.make("Log", {u});
  std::string rest = c.make("Div", {x, c.make("Sub", {u, one})});
  std::string y = c.make("Mul", {log, rest});
  y = c.make("Where", {c.make("Equal", {u, x}), log, y});
  c.give(c.make("Where", {c.make("Equal", {u, one}), x, y}));
}

void rsqrt(ExportCall &c) {
  c.give(c.make("Reciprocal", {c.make("Sqrt", {c.in(0)})}));
}

void gelu(ExportCall &c) {
  auto op = mlir::cast<GeluOp>(c.op);
  c.give(c.make("Gelu", {c.in(0)}, {{"approximate", op.getApproximate()}}));
}

void castElements(ExportCall &c) {
  Type to = c.resultType().getElementType();
  c.give(to == elementType(c) ? c.in(0) : c.cast(c.in(0), to));
}

void same(ExportCall &c) { c.give(c.in(0)); }

} // namespace

ArrayRef<ExportRule> elementwiseRules() {
  static const ExportRule rules[] = {
      {"add", [](ExportCall &c) { arithmetic(c, "Add"); }},
      {"sub", [](ExportCall &c) { arithmetic(c, "Sub"); }},
      {"mul", [](ExportCall &c) { arithmetic(c, "Mul"); }},
      {"div", divide},
      {"maximum", [](ExportCall &c) { extremum(c, "Max"); }},
      {"minimum", [](ExportCall &c) { extremum(c, "Min"); }},
      {"pow", [](ExportCall &c) { arithmetic(c, "Pow"); }},
      {"remainder", remainder},
      {"and", [](ExportCall &c) { arithmetic(c, "And"); }},
      {"or", [](ExportCall &c) { arithmetic(c, "Or"); }},
      {"not", [](ExportCall &c) { unary(c, "Not"); }},
      {"neg", [](ExportCall &c) { unaryWide(c, "Neg"); }},
      {"abs", [](ExportCall &c) { magnitude(c, "Abs"); }},
      {"sign", [](ExportCall &c) { magnitude(c, "Sign"); }},
      {"compare", compare},
      {"where", where},
      {"cast", castElements},
      {"stop_gradient", same},
      {"square", square},
      {"exp", [](ExportCall &c) { unary(c, "Exp"); }},
      {"expm1", expm1},
      {"log", [](ExportCall &c) { unary(c, "Log"); }},
      {"log1p", log1p},
      {"sqrt", [](ExportCall &c) { unary(c, "Sqrt"); }},
      {"rsqrt", rsqrt},
      {"reciprocal", [](ExportCall &c) { unary(c, "Reciprocal"); }},
      {"sin", [](ExportCall &c) { unary(c, "Sin"); }},
      {"cos", [](ExportCall &c) { unary(c, "Cos"); }},
      {"tanh", [](ExportCall &c) { unary(c, "Tanh"); }},
      {"erf", [](ExportCall &c) { unary(c, "Erf"); }},
      {"sigmoid", [](ExportCall &c) { unary(c, "Sigmoid"); }},
      {"softplus", [](ExportCall &c) { unary(c, "Softplus"); }},
      {"floor", [](ExportCall &c) { rounding(c, "Floor"); }},
      {"ceil", [](ExportCall &c) { rounding(c, "Ceil"); }},
      {"round", [](ExportCall &c) { rounding(c, "Round"); }},
      {"relu", relu},
      {"gelu", gelu},
  };
  return rules;
}

} // namespace varve::onnx
