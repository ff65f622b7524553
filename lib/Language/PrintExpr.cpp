// Expressions and types as text.
#include "Language/Printer.h"
#include "Language/PrinterImpl.h"
#include "Support/Utf8.h"

#include <algorithm>
#include <charconv>

using namespace varve;
using namespace varve::detail;
using namespace varve::ast;

namespace {

/// How tightly an expression holds together; the grammar's levels. An operand
/// looser than its place allows gets parentheses.
enum Level {
  PipeLevel,
  OrLevel,
  AndLevel,
  NotLevel,
  CompareLevel,
  SumLevel,
  ProductLevel,
  NegateLevel,
  PowerLevel,
  PostfixLevel, ///< a call with `as`, whose path would take up `[` and `.`
  PrimaryLevel,
};

/// Written `x |> f(a)`; only a plain block can be.
bool isPipe(const Expr &expr) {
  return expr.is(ExprKind::Call) && expr.piped &&
         expr.callee().is(ExprKind::Name) && !expr.arguments.empty() &&
         !expr.arguments[0].name;
}

Level levelOf(Operator op) {
  switch (op) {
  case Operator::Negate:
    return NegateLevel;
  case Operator::Not:
    return NotLevel;
  case Operator::Or:
    return OrLevel;
  case Operator::And:
    return AndLevel;
  case Operator::Equal:
  case Operator::NotEqual:
  case Operator::Less:
  case Operator::LessEqual:
  case Operator::Greater:
  case Operator::GreaterEqual:
    return CompareLevel;
  case Operator::Add:
  case Operator::Subtract:
    return SumLevel;
  case Operator::Multiply:
  case Operator::Divide:
  case Operator::Remainder:
  case Operator::MatMul:
    return ProductLevel;
  case Operator::Power:
    return PowerLevel;
  }
  return PrimaryLevel;
}

Level levelOf(const Expr &expr) {
  if (expr.is(ExprKind::Unary) || expr.is(ExprKind::Binary))
    return levelOf(expr.op);
  if (expr.is(ExprKind::Call))
    return isPipe(expr) ? PipeLevel : expr.as ? PostfixLevel : PrimaryLevel;
  // A tree that was not parsed may hold these.
  bool isNegative = (expr.is(ExprKind::Int) && expr.intValue < 0) ||
                    (expr.is(ExprKind::Float) && expr.floatValue < 0);
  return isNegative ? NegateLevel : PrimaryLevel;
}

/// The loosest that may stand at the left of `op` without parentheses.
Level leftOf(Operator op) {
  if (op == Operator::Power)
    return PostfixLevel;
  Level level = levelOf(op);
  return level == CompareLevel ? SumLevel : level;
}

Level rightOf(Operator op) {
  if (op == Operator::Power)
    return NegateLevel;
  return static_cast<Level>(levelOf(op) + 1);
}

std::string flatAt(const Expr &expr, Level loosest) {
  std::string text = flat(expr);
  return levelOf(expr) < loosest ? "(" + text + ")" : text;
}

std::string layoutAt(const Expr &expr, Level loosest, Place place) {
  std::string oneLine = flatAt(expr, loosest);
  if (fits(oneLine, place))
    return oneLine;
  if (levelOf(expr) >= loosest)
    return layout(expr, place);
  std::size_t inside = place.column + 1;
  return "(" + layout(expr, {inside, inside, place.suffix + 1}) + ")";
}

std::string numberText(const Expr &expr) {
  if (!expr.text.empty())
    return expr.text;
  if (expr.is(ExprKind::Int))
    return std::to_string(expr.intValue);
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, expr.floatValue).ptr;
  std::string text(buffer, end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string flatArgument(const Argument &argument) {
  std::string label = argument.name ? argument.name->text + ": " : "";
  return label + flat(argument.value);
}

std::string flatArguments(const std::vector<Argument> &arguments,
                          std::size_t first = 0) {
  std::string out;
  for (std::size_t i = first; i < arguments.size(); ++i)
    out += (i > first ? ", " : "") + flatArgument(arguments[i]);
  return out;
}

std::string flatSubscript(const Subscript &subscript) {
  auto part = [](const std::optional<Expr> &expr) {
    return expr ? flat(*expr) : std::string();
  };
  if (subscript.kind == Subscript::Kind::Ellipsis)
    return "...";
  std::string out = part(subscript.begin);
  if (subscript.kind == Subscript::Kind::Slice)
    out += ":" + part(subscript.end);
  if (subscript.step)
    out += ":" + part(subscript.step);
  return out;
}

std::string flatSubscripts(const Expr &index) {
  std::string out;
  for (const Subscript &subscript : index.subscripts)
    out += (out.empty() ? "[" : ", ") + flatSubscript(subscript);
  return out + "]";
}

std::string asPath(const Expr &call) {
  return call.as ? " as " + flat(call.as) : "";
}

std::vector<Item> argumentItems(const std::vector<Argument> &arguments,
                                std::size_t first = 0) {
  std::vector<Item> items;
  for (std::size_t i = first; i < arguments.size(); ++i) {
    const Argument *argument = &arguments[i];
    auto broken = [argument](Place place) {
      std::string label = argument->name ? argument->name->text + ": " : "";
      place.column += label.size();
      place.indent += 4;
      return label + layout(argument->value, place);
    };
    items.push_back({flatArgument(*argument), broken});
  }
  return items;
}

/// `open` items `close`, aligned behind `open`.
std::string enclosed(const std::string &open, const std::vector<Item> &items,
                     const std::string &close, Place place) {
  std::size_t inside = columnAfter(open, place.column);
  std::size_t suffix = place.suffix + countCharacters(close);
  return open + fill(items, {inside, inside, suffix}) + close;
}

/// `|> f(a) as p`, where `call` is x |> f(a) as p.
std::string flatPipe(const Expr &call) {
  std::string out = "|> " + call.callee().text;
  if (call.arguments.size() > 1)
    out += "(" + flatArguments(call.arguments, 1) + ")";
  return out + asPath(call);
}

std::string layoutPipe(const Expr &call, Place place) {
  std::string oneLine = flatPipe(call);
  if (fits(oneLine, place) || call.arguments.size() == 1)
    return oneLine;
  return enclosed("|> " + call.callee().text + "(",
                  argumentItems(call.arguments, 1), ")" + asPath(call), place);
}

/// A first operand and what follows it, each on the line if it fits, else on
/// the next: `a + b + c`, `x |> f |> g`.
std::string layoutChain(std::string first, const std::vector<Item> &others,
                        Place place) {
  std::string out = std::move(first);
  std::size_t column = columnAfter(out, place.column);
  for (std::size_t i = 0; i < others.size(); ++i) {
    std::size_t suffix = i + 1 == others.size() ? place.suffix : 0;
    if (fits(others[i].flat, {column + 1, 0, suffix})) {
      out += " " + others[i].flat;
      column += 1 + countCharacters(others[i].flat);
      continue;
    }
    std::string next = others[i].broken({place.indent, place.indent, suffix});
    out += "\n" + std::string(place.indent, ' ') + next;
    column = columnAfter(next, place.indent);
  }
  return out;
}

std::string layoutPipes(const Expr &expr, Place place) {
  std::vector<Item> calls;
  const Expr *value = &expr;
  for (; isPipe(*value); value = &value->arguments[0].value)
    calls.push_back({flatPipe(*value), [call = value](Place at) {
                       return layoutPipe(*call, at);
                     }});
  std::reverse(calls.begin(), calls.end());
  std::string first =
      layoutAt(*value, PostfixLevel, {place.column, place.indent, 0});
  return layoutChain(std::move(first), calls, place);
}

std::string layoutBinary(const Expr &expr, Place place) {
  std::vector<Item> others;
  const Expr *left = &expr;
  Level level = levelOf(expr.op);
  bool chains = level != CompareLevel && level != PowerLevel;
  Operator firstOp = expr.op;
  do {
    firstOp = left->op;
    std::string op = std::string(spelling(firstOp)) + " ";
    Level loosest = rightOf(firstOp);
    auto broken = [op, loosest, right = &left->operands[1]](Place at) {
      at.column += op.size();
      return op + layoutAt(*right, loosest, at);
    };
    others.push_back({op + flatAt(left->operands[1], loosest), broken});
    left = &left->operands[0];
  } while (chains && left->is(ExprKind::Binary) && levelOf(left->op) == level);
  std::reverse(others.begin(), others.end());
  std::string first =
      layoutAt(*left, leftOf(firstOp), {place.column, place.indent, 0});
  return layoutChain(std::move(first), others, place);
}

} // namespace

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

std::size_t varve::detail::columnAfter(const std::string &text,
                                       std::size_t column) {
  std::size_t lineBreak = text.rfind('\n');
  if (lineBreak == std::string::npos)
    return column + countCharacters(text);
  return countCharacters(std::string_view(text).substr(lineBreak + 1));
}

bool varve::detail::fits(const std::string &text, Place place) {
  return place.column + countCharacters(text) + place.suffix <= lineWidth;
}

std::string varve::detail::fill(const std::vector<Item> &items, Place place) {
  std::string out;
  std::size_t column = place.column;
  for (std::size_t i = 0; i < items.size(); ++i) {
    bool isLast = i + 1 == items.size();
    std::size_t suffix = isLast ? place.suffix : 1;
    std::size_t start = i == 0 ? column : column + 1;
    std::string next = items[i].flat;
    if (!fits(next, {start, 0, suffix})) {
      // The first has nothing before it to move away from.
      bool moves = i > 0;
      start = moves ? place.indent : start;
      next = items[i].broken({start, place.indent, suffix});
      out += moves ? "\n" + std::string(place.indent, ' ') : "";
    } else if (i > 0) {
      out += " ";
    }
    out += next;
    column = columnAfter(next, start);
    if (!isLast) {
      out += ",";
      ++column;
    }
  }
  return out;
}

std::string varve::detail::layout(const Expr &expr, Place place) {
  std::string oneLine = flat(expr);
  if (fits(oneLine, place))
    return oneLine;
  if (isPipe(expr))
    return layoutPipes(expr, place);
  switch (expr.kind) {
  case ExprKind::Binary:
    return layoutBinary(expr, place);
  case ExprKind::Unary: {
    std::string op = expr.op == Operator::Not ? "not " : "-";
    place.column += op.size();
    return op + layoutAt(expr.operands[0], levelOf(expr.op), place);
  }
  case ExprKind::List: {
    std::vector<Item> items;
    for (const Expr &operand : expr.operands)
      items.push_back(item(operand));
    return enclosed("[", items, "]", place);
  }
  case ExprKind::Call:
    return enclosed(flatAt(expr.callee(), PrimaryLevel) + "(",
                    argumentItems(expr.arguments), ")" + asPath(expr), place);
  case ExprKind::Index: {
    std::string end = flatSubscripts(expr);
    place.suffix += countCharacters(end);
    return layoutAt(expr.operands[0], PrimaryLevel, place) + end;
  }
  case ExprKind::Member: {
    std::string end = "." + expr.text;
    place.suffix += end.size();
    return layoutAt(expr.operands[0], PrimaryLevel, place) + end;
  }
  default:
    return oneLine;
  }
}

Item varve::detail::item(const Expr &expr) {
  return {flat(expr), [&expr](Place place) { return layout(expr, place); }};
}

std::string
varve::detail::layoutArguments(const std::vector<Argument> &arguments,
                               Place place) {
  return enclosed("(", argumentItems(arguments), ")", place);
}

//===----------------------------------------------------------------------===//
// On one line
//===----------------------------------------------------------------------===//

std::string varve::detail::quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out + "\"";
}

std::string varve::detail::flat(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::Int:
  case ExprKind::Float:
    return numberText(expr);
  case ExprKind::String:
    return quoted(expr.text);
  case ExprKind::Bool:
    return expr.boolValue ? "true" : "false";
  case ExprKind::None:
    return "none";
  case ExprKind::Name:
    return expr.text;
  case ExprKind::List: {
    std::string out;
    for (const Expr &operand : expr.operands)
      out += (out.empty() ? "" : ", ") + flat(operand);
    return "[" + out + "]";
  }
  case ExprKind::Unary:
    return (expr.op == Operator::Not ? "not " : "-") +
           flatAt(expr.operands[0], levelOf(expr.op));
  case ExprKind::Binary:
    return flatAt(expr.operands[0], leftOf(expr.op)) + " " + spelling(expr.op) +
           " " + flatAt(expr.operands[1], rightOf(expr.op));
  case ExprKind::Call: {
    if (isPipe(expr)) {
      const Expr &value = expr.arguments[0].value;
      std::string left =
          isPipe(value) ? flat(value) : flatAt(value, PostfixLevel);
      return left + " " + flatPipe(expr);
    }
    return flatAt(expr.callee(), PrimaryLevel) + "(" +
           flatArguments(expr.arguments) + ")" + asPath(expr);
  }
  case ExprKind::Index:
    return flatAt(expr.operands[0], PrimaryLevel) + flatSubscripts(expr);
  case ExprKind::Member:
    return flatAt(expr.operands[0], PrimaryLevel) + "." + expr.text;
  }
  return "";
}

std::string varve::detail::flat(const Path &path) {
  std::string out;
  for (const PathSegment &segment : path.segments) {
    if (segment.index)
      out += "[" + flat(*segment.index) + "]";
    else
      out += (out.empty() ? "" : ".") + segment.word;
  }
  return out;
}

std::string varve::detail::flat(const Type &type) {
  std::string out;
  switch (type.kind) {
  case Type::Kind::Static:
    return type.name.text;
  case Type::Kind::Tensor:
    for (const Dim &dim : type.dims) {
      out += out.empty() ? "" : ", ";
      out += dim.kind == Dim::Kind::Ellipsis ? "..."
             : dim.kind == Dim::Kind::Any    ? "_"
                                             : flat(*dim.size);
    }
    return type.name.text + "[" + out + "]";
  case Type::Kind::List:
    for (const Name &element : type.elements)
      out += (out.empty() ? "" : ", ") + element.text;
    return "[" + out + "]";
  case Type::Kind::Class:
    for (const Expr &value : type.classes)
      out += (out.empty() ? "" : ", ") + flat(value);
    return "class(" + out + ")";
  }
  return "";
}

std::string varve::print(const Expr &expr) { return flat(expr); }
std::string varve::print(const Path &path) { return flat(path); }
std::string varve::print(const Type &type) { return flat(type); }
