// Operators on tensors: element types, broadcasting, constants, matrix
// products; and how any operation of the dialect is built.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::Operator;

// ---- building ----

/// "tensor<2x3xui8>" as the language writes it, wherever it stands in `text`.
static std::string respellTypes(StringRef text) {
  std::string out;
  while (!text.empty()) {
    size_t begin = text.find("tensor<"), end = text.find('>', begin);
    if (end == StringRef::npos)
      break;
    StringRef inside = text.slice(begin + 7, end);
    SmallVector<StringRef> parts;
    inside.split(parts, 'x');
    StringRef element = parts.pop_back_val();
    bool quoted = begin > 0 && text[begin - 1] == '\'';
    out += text.take_front(begin - (quoted ? 1 : 0));
    if (element == "i1")
      out += "bool";
    else
      out += element.starts_with("ui") ? element.drop_front() : element;
    out += "[" + llvm::join(parts, ", ") + "]";
    text = text.drop_front(end + (quoted ? 2 : 1));
  }
  return out + text.str();
}

Operation *Importer::build(const Frame &frame, Span span, StringRef name,
                           ValueRange operands,
                           ArrayRef<NamedAttribute> attributes) {
  for (Value operand : operands)
    if (!operand)
      return nullptr;
  // What the operation has to say about its operands becomes our diagnostic.
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  FailureOr<Operation *> op = createPrimitive(builder, location(frame, span),
                                              name, operands, attributes);
  if (succeeded(op))
    return *op;
  StringRef text = message;
  text.consume_front("'varve." + name.str() + "' op ");
  std::string types;
  for (Value operand : operands) {
    auto type = ::mlir::cast<RankedTensorType>(operand.getType());
    types += (types.empty() ? "" : ", ") +
             spellTensor(type.getElementType(), type.getShape());
  }
  error(frame, span, "`" + name.str() + "`: " + respellTypes(text),
        types.empty() ? "" : "of " + types);
  return nullptr;
}

Value Importer::buildValue(const Frame &frame, Span span, StringRef name,
                           ValueRange operands,
                           ArrayRef<NamedAttribute> attributes) {
  Operation *op = build(frame, span, name, operands, attributes);
  return op ? op->getResult(0) : Value();
}

static Attribute scalarAttribute(Type element, double value) {
  if (auto real = dyn_cast<FloatType>(element))
    return FloatAttr::get(real, value);
  return IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(),
                                         int64_t(value), /*isSigned=*/true,
                                         /*implicitTrunc=*/true));
}

Value Importer::splat(const Frame &frame, Span span, Type element,
                      ArrayRef<int64_t> shape, double value) {
  auto type = RankedTensorType::get(shape, element);
  auto elements = DenseElementsAttr::get(type, scalarAttribute(element, value));
  return ConstantOp::create(builder, location(frame, span), type, elements);
}

Value Importer::cast(const Frame &frame, Span span, Value x, Type element) {
  if (!x ||
      ::mlir::cast<RankedTensorType>(x.getType()).getElementType() == element)
    return x;
  return buildValue(frame, span, "cast", {x},
                    builder.getNamedAttr("to", TypeAttr::get(element)));
}

Value Importer::reshape(const Frame &frame, Span span, Value x,
                        ArrayRef<int64_t> shape) {
  if (!x || ::mlir::cast<RankedTensorType>(x.getType()).getShape() == shape)
    return x;
  return buildValue(
      frame, span, "reshape", {x},
      builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape)));
}

// ---- constants ----

namespace {
/// The numbers of nested lists in row-major order; fails where rows differ.
bool flatten(const Datum &datum, size_t depth, SmallVectorImpl<int64_t> &shape,
             std::vector<double> &values) {
  if (datum.isNumber() || datum.is(Datum::Kind::Bool)) {
    values.push_back(datum.isNumber() ? datum.number()
                                      : double(datum.boolValue));
    return depth == shape.size();
  }
  if (!datum.is(Datum::Kind::List))
    return false;
  if (shape.size() == depth && values.empty())
    shape.push_back(datum.items.size());
  if (depth >= shape.size() || shape[depth] != int64_t(datum.items.size()))
    return false;
  for (const Datum &item : datum.items)
    if (!flatten(item, depth + 1, shape, values))
      return false;
  return true;
}

/// Whether a Float stands anywhere in it.
bool hasFraction(const Datum &datum) {
  return datum.is(Datum::Kind::Float) ||
         (datum.is(Datum::Kind::List) &&
          llvm::any_of(datum.items,
                       [](auto &item) { return hasFraction(item); }));
}
} // namespace

Datum Importer::constant(const Frame &frame, Span span, const Datum &numbers,
                         Type element) {
  SmallVector<int64_t> shape;
  std::vector<double> values;
  if (!flatten(numbers, 0, shape, values))
    return error(frame, span, describe(numbers) + " is no tensor of numbers",
                 numbers.is(Datum::Kind::List) ? "rows of equal length" : "");
  bool whole = isInteger(element);
  for (double value : values)
    if (whole && value != double(int64_t(value)))
      return error(frame, span,
                   spell(value) + " is no " + elementName(element));
  if (shape.empty())
    return Datum::of(splat(frame, span, element, {}, values[0]));
  SmallVector<Attribute> attributes;
  for (double value : values)
    attributes.push_back(scalarAttribute(element, value));
  auto type = RankedTensorType::get(shape, element);
  return Datum::of(ConstantOp::create(builder, location(frame, span), type,
                                      DenseElementsAttr::get(type, attributes))
                       .getResult());
}

// ---- broadcasting ----

Value Importer::broadcastTo(const Frame &frame, Span span, const Datum &x,
                            ArrayRef<int64_t> shape, bool batched) {
  if (x.tensorType().getShape() == shape && x.batched == batched)
    return x.tensor;
  int64_t rank = shape.size();
  SmallVector<int64_t> axes;
  if (x.batched)
    axes.push_back(0);
  for (int64_t d = 0; d < x.rank(); ++d)
    axes.push_back(rank - x.rank() + d);
  // A constant of one value is one of any shape.
  if (auto constant = x.tensor.getDefiningOp<ConstantOp>())
    if (auto elements = dyn_cast<SplatElementsAttr>(constant.getValue())) {
      auto type = RankedTensorType::get(shape, x.element());
      return ConstantOp::create(builder, location(frame, span), type,
                                elements.resizeSplat(type));
    }
  return buildValue(
      frame, span, "broadcast", {x.tensor},
      {builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape)),
       builder.getNamedAttr("axis", builder.getDenseI64ArrayAttr(axes))});
}

std::optional<SmallVector<int64_t>> commonShape(ArrayRef<int64_t> x,
                                                ArrayRef<int64_t> y) {
  SmallVector<int64_t> out(std::max(x.size(), y.size()), 1);
  for (auto part : {x, y}) {
    size_t shift = out.size() - part.size();
    for (size_t d = 0; d < part.size(); ++d) {
      int64_t &size = out[shift + d];
      if (size != part[d] && size != 1 && part[d] != 1)
        return std::nullopt;
      if (size == 1)
        size = part[d];
    }
  }
  return out;
}

bool Importer::unify(const Frame &frame, Span span,
                     MutableArrayRef<Datum> operands,
                     ArrayRef<const Expr *> exprs, bool divides, bool shapes) {
  auto spanOf = [&](size_t i) {
    return i < exprs.size() && exprs[i] ? exprs[i]->span : span;
  };
  // The element type: that of the tensors; f32 after `/` or a fraction.
  Type element;
  size_t first = 0;
  bool fraction = divides;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    if (operand.isPoison())
      return false;
    fraction |= hasFraction(operand);
    if (!operand.isTensor())
      continue;
    if (element && operand.element() != element) {
      // The remedy is to cast the narrower kind.
      size_t narrow = isFloat(element) && !isFloat(operand.element())   ? i
                      : isFloat(operand.element()) && !isFloat(element) ? first
                                                                        : i;
      size_t wide = narrow == i ? first : i;
      std::string text =
          narrow < exprs.size() && exprs[narrow] ? print(*exprs[narrow]) : "x";
      error(frame, spanOf(narrow),
            describe(operands[first]) + " and " + describe(operand) +
                " do not mix",
            "write `cast(" + text + ", " +
                elementName(operands[wide].element()) + ")`");
      return false;
    }
    if (!element)
      first = i;
    element = operand.element();
  }
  if (!element)
    element = fraction ? Type(builder.getF32Type())
                       : Type(builder.getIntegerType(64));
  if (fraction && isInteger(element))
    element = builder.getF32Type();

  SmallVector<int64_t> shape;
  bool batched = false;
  int64_t samples = 0;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    if (!operand.isTensor()) {
      operand = constant(frame, spanOf(i), operand, element);
      if (operand.isPoison())
        return false;
    } else {
      operand.tensor = cast(frame, spanOf(i), operand.tensor, element);
      if (!operand.tensor)
        return false;
    }
    if (operand.batched) {
      batched = true;
      samples = batchOf(operand);
    }
    auto common = commonShape(shape, operand.shape());
    if (!common && shapes) {
      error(frame, span,
            "shapes of " + describe(operands[0]) + " and " + describe(operand) +
                " do not fit together",
            "axes align at the right");
      return false;
    }
    if (common)
      shape = *common;
  }
  if (!shapes)
    return true;
  if (batched)
    shape.insert(shape.begin(), samples);
  for (Datum &operand : operands) {
    Value value = broadcastTo(frame, span, operand, shape, batched);
    if (!value)
      return false;
    operand = Datum::of(value, batched);
  }
  return true;
}

// ---- operators ----

static StringRef comparison(Operator op) {
  switch (op) {
  case Operator::Equal:
    return "eq";
  case Operator::NotEqual:
    return "ne";
  case Operator::Less:
    return "lt";
  case Operator::LessEqual:
    return "le";
  case Operator::Greater:
    return "gt";
  case Operator::GreaterEqual:
    return "ge";
  default:
    return "";
  }
}

static StringRef arithmetic(Operator op) {
  switch (op) {
  case Operator::Add:
    return "add";
  case Operator::Subtract:
    return "sub";
  case Operator::Multiply:
    return "mul";
  case Operator::Divide:
    return "div";
  case Operator::Remainder:
    return "remainder";
  case Operator::And:
    return "and";
  case Operator::Or:
    return "or";
  default:
    return "";
  }
}

Datum Importer::tensorBinary(Frame &frame, const Expr &expr, Datum x, Datum y) {
  Operator op = expr.op;
  for (const Datum *side : {&x, &y})
    if (!side->isTensor() && !side->isNumber() &&
        !side->is(Datum::Kind::List) && !side->is(Datum::Kind::Bool))
      return error(frame, expr.opSpan,
                   std::string("`") + ast::spelling(op) + "` of " +
                       describe(x) + " and " + describe(y));
  if (op == Operator::MatMul) {
    for (Datum *side : {&x, &y}) {
      const Datum &other = side == &x ? y : x;
      const Expr &text = expr.operands[side == &x ? 0 : 1];
      if (side->is(Datum::Kind::List) && other.isTensor())
        *side = constant(frame, text.span, *side, other.element());
      if (side->isPoison())
        return {};
    }
    if (!x.isTensor() || !y.isTensor() || x.element() != y.element() ||
        isBool(x.element()))
      return error(frame, expr.opSpan,
                   "`@` of " + describe(x) + " and " + describe(y));
    return matmul(frame, expr.opSpan, x, y);
  }
  if (op == Operator::Power)
    return tensorPower(frame, expr, std::move(x), std::move(y));

  bool logical = op == Operator::And || op == Operator::Or;
  Datum pair[] = {x, y};
  const Expr *exprs[] = {&expr.operands[0], &expr.operands[1]};
  auto isTruth = [](const Datum &side) {
    return side.isTensor() ? isBool(side.element())
                           : side.is(Datum::Kind::Bool);
  };
  StringRef predicate = comparison(op);
  bool equality = op == Operator::Equal || op == Operator::NotEqual;
  bool wrong = logical ? !isTruth(x) || !isTruth(y)
                       : !equality && (isTruth(x) || isTruth(y));
  if (wrong)
    return error(frame, expr.opSpan,
                 std::string("`") + ast::spelling(op) + "` of " + describe(x) +
                     " and " + describe(y),
                 logical ? "both are bool" : "`cast` a bool to a number first");
  if (!unify(frame, expr.opSpan, pair, exprs, op == Operator::Divide))
    return {};
  bool batched = pair[0].batched;
  Value result;
  if (logical) {
    // x and y: y where x, else x.
    bool both = op == Operator::And;
    result = buildValue(
        frame, expr.opSpan, "where",
        {pair[0].tensor, pair[both ? 1 : 0].tensor, pair[both ? 0 : 1].tensor});
  } else if (!predicate.empty()) {
    result = buildValue(
        frame, expr.opSpan, "compare", {pair[0].tensor, pair[1].tensor},
        builder.getNamedAttr("predicate", builder.getStringAttr(predicate)));
  } else {
    result = buildValue(frame, expr.opSpan, arithmetic(op),
                        {pair[0].tensor, pair[1].tensor});
  }
  return result ? Datum::of(result, batched) : Datum();
}

// Small exponents known now are products and roots, which are exact or
// correctly rounded where a general power is not.
Datum Importer::tensorPower(Frame &frame, const Expr &expr, Datum x, Datum y) {
  Span span = expr.opSpan;
  if (x.isTensor() && y.isNumber()) {
    double exponent = y.number();
    bool whole = y.is(Datum::Kind::Int) && exponent >= 0;
    if (!whole && isInteger(x.element()))
      x.tensor = cast(frame, span, x.tensor, builder.getF32Type());
    if (!x.tensor)
      return {};
    Value v = x.tensor;
    auto product = [&](Value a, Value b) {
      return buildValue(frame, span, "mul", {a, b});
    };
    Value result;
    if (exponent == 1)
      result = v;
    else if (exponent == 2)
      result = product(v, v);
    else if (exponent == 3)
      result = product(product(v, v), v);
    else if (exponent == 4) {
      Value squared = product(v, v);
      result = product(squared, squared);
    } else if (exponent == 0.5)
      result = buildValue(frame, span, "sqrt", {v});
    else if (exponent == -0.5)
      result = buildValue(frame, span, "rsqrt", {v});
    else if (exponent == -1)
      result = buildValue(
          frame, span, "div",
          {splat(frame, span, x.element(), x.tensorType().getShape(), 1), v});
    if (result)
      return Datum::of(result, x.batched);
  }
  Datum pair[] = {std::move(x), std::move(y)};
  const Expr *exprs[] = {&expr.operands[0], &expr.operands[1]};
  if (!unify(frame, span, pair, exprs, /*divides=*/true))
    return {};
  Value result =
      buildValue(frame, span, "pow", {pair[0].tensor, pair[1].tensor});
  return result ? Datum::of(result, pair[0].batched) : Datum();
}

// NumPy's matmul on the operation's equal ranks: a vector is a row or column,
// x[..., I] @ w[I, O] is one flat product, leading axes broadcast otherwise.
Datum Importer::matmul(Frame &frame, Span span, const Datum &x,
                       const Datum &y) {
  auto types = [&] { return describe(x) + " @ " + describe(y); };
  bool flat = x.batched && !y.batched && x.rank() >= 1 && y.rank() == 2;
  if ((x.batched || y.batched) && !flat)
    return refuse(frame, span,
                  "`@` of samples is supported with a matrix of the text only");
  SmallVector<int64_t> xs(x.tensorType().getShape()),
      ys(y.tensorType().getShape());
  if (xs.empty() || ys.empty())
    return error(frame, span, "`@` needs rows and columns", types());
  bool row = xs.size() == 1, column = ys.size() == 1;
  if (row)
    xs.insert(xs.begin(), 1);
  if (column)
    ys.push_back(1);
  int64_t inner = xs.back();
  if (inner != ys[ys.size() - 2])
    return error(frame, span,
                 "`@` inner sizes " + std::to_string(inner) + " and " +
                     std::to_string(ys[ys.size() - 2]) + " differ",
                 types());
  int64_t rows = xs[xs.size() - 2], columns = ys.back();
  ArrayRef<int64_t> xLead = ArrayRef(xs).drop_back(2);
  ArrayRef<int64_t> yLead = ArrayRef(ys).drop_back(2);
  auto lead = commonShape(xLead, yLead);
  if (!lead)
    return error(frame, span, "`@` leading axes do not fit together", types());

  Value a = reshape(frame, span, x.tensor, xs);
  Value b = reshape(frame, span, y.tensor, ys);
  Value product;
  if (yLead.empty() && !xLead.empty()) {
    int64_t all = rows;
    for (int64_t size : xLead)
      all *= size;
    product = buildValue(frame, span, "matmul",
                         {reshape(frame, span, a, {all, inner}), b});
  } else {
    SmallVector<int64_t> xFull(*lead), yFull(*lead);
    xFull.append({rows, inner});
    yFull.append({inner, columns});
    if (!a || !b)
      return {};
    a = broadcastTo(frame, span, Datum::of(a), xFull, false);
    b = broadcastTo(frame, span, Datum::of(b), yFull, false);
    product = buildValue(frame, span, "matmul", {a, b});
  }
  SmallVector<int64_t> shape(*lead);
  if (!row)
    shape.push_back(rows);
  if (!column)
    shape.push_back(columns);
  Value result = reshape(frame, span, product, shape);
  return result ? Datum::of(result, x.batched) : Datum();
}

// Both sides of a run-time `if`, joined.
Datum Importer::select(Frame &frame, Span span, Value condition, Datum x,
                       Datum y) {
  Datum operands[] = {std::move(x), std::move(y)};
  if (!unify(frame, span, operands, {}, false))
    return {};
  ArrayRef<int64_t> shape = operands[0].tensorType().getShape();
  Value where = broadcastTo(frame, span, Datum::of(condition), shape, false);
  Value result = buildValue(frame, span, "where",
                            {where, operands[0].tensor, operands[1].tensor});
  return result ? Datum::of(result, operands[0].batched) : Datum();
}

} // namespace varve::importer
