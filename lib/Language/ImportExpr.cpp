// Expressions: names, paths, and which operator meets what.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;
using ast::Operator;

/// Expressions inside of blocks inside of expressions: bounded, since each is
/// a call of the importer's own.
constexpr unsigned maxDepth = 1500;

Datum Importer::value(Frame &frame, const Expr &expr) {
  Datum out = evaluate(frame, expr);
  if (!out.is(Datum::Kind::Results))
    return out;
  if (out.items.empty())
    return error(frame, expr.span, "this call has no result");
  Datum first = out.items.front();
  return first;
}

Datum Importer::evaluate(Frame &frame, const Expr &expr) {
  struct Depth {
    unsigned &depth;
    explicit Depth(unsigned &depth) : depth(++depth) {}
    ~Depth() { --depth; }
  } guard(depth);
  if (depth > maxDepth)
    return error(frame, expr.span, "calls and expressions are nested too deep");
  if (!spend(frame, expr.span))
    return {};

  switch (expr.kind) {
  case ExprKind::Int:
    return Datum::of(expr.intValue);
  case ExprKind::Float:
    return Datum::real(expr.floatValue);
  case ExprKind::String:
    return Datum::string(expr.text);
  case ExprKind::Bool:
    return Datum::boolean(expr.boolValue);
  case ExprKind::None:
    return Datum::none();
  case ExprKind::Name:
    return evaluateName(frame, expr);
  case ExprKind::List: {
    std::vector<Datum> items;
    for (const Expr &item : expr.operands) {
      items.push_back(value(frame, item));
      if (items.back().isPoison())
        return {};
    }
    return Datum::list(std::move(items));
  }
  case ExprKind::Unary:
    return evaluateUnary(frame, expr);
  case ExprKind::Binary:
    return evaluateBinary(frame, expr);
  case ExprKind::Call:
    return evaluateCall(frame, expr);
  case ExprKind::Index:
    return evaluateIndex(frame, expr);
  case ExprKind::Member:
    return evaluateMember(frame, expr);
  }
  return {};
}

Datum Importer::evaluateName(Frame &frame, const Expr &expr) {
  auto found = frame.names.find(expr.text);
  if (found != frame.names.end())
    return found->second;
  if (expr.text == "training")
    return Datum::boolean(frame.training && !frozen);
  if (Type element = elementType(&context, expr.text))
    return Datum::type(element);
  if (std::optional<Datum> init = initialiserByName(expr.text))
    return *init;

  std::vector<std::string> known = {"training"};
  for (const auto &[name, datum] : frame.names)
    known.push_back(name);
  bool block =
      findBlock(frame.scope, expr.text) || primitiveSignature(expr.text);
  return error(frame, expr.span, "unknown name `" + expr.text + "`",
               block ? "this is a block: call it, `" + expr.text + "(...)`"
                     : suggest(expr.text, known));
}

std::optional<std::string> Importer::pathOfExpr(Frame &frame,
                                                const Expr &expr) {
  if (expr.is(ExprKind::Name))
    return expr.text;
  if (expr.is(ExprKind::Member)) {
    auto base = pathOfExpr(frame, expr.operands[0]);
    return base ? std::optional(*base + "." + expr.text) : std::nullopt;
  }
  if (!expr.is(ExprKind::Index) || expr.subscripts.size() != 1 ||
      expr.subscripts[0].kind != ast::Subscript::Kind::Single)
    return std::nullopt;
  auto base = pathOfExpr(frame, expr.operands[0]);
  if (!base)
    return std::nullopt;
  auto index = evaluateInt(frame, *expr.subscripts[0].begin, "a path's index");
  return index ? std::optional(*base + "." + std::to_string(*index))
               : std::nullopt;
}

std::optional<std::string> Importer::pathText(Frame &frame,
                                              const ast::Path &path) {
  std::string out;
  for (const ast::PathSegment &segment : path.segments) {
    std::string word = segment.word;
    if (segment.index) {
      auto index = evaluateInt(frame, *segment.index, "a path's index");
      if (!index)
        return std::nullopt;
      word = std::to_string(*index);
    }
    out += (out.empty() ? "" : ".") + word;
  }
  return out;
}

static std::string joinPath(const std::string &base, const std::string &rest) {
  return base.empty() ? rest : base + "." + rest;
}

// `wte.weight`: a parameter by its path from the root of the block.
Datum Importer::evaluateMember(Frame &frame, const Expr &expr) {
  std::optional<std::string> path = pathOfExpr(frame, expr);
  if (!path)
    return error(frame, expr.span,
                 "`" + print(expr) + "` is no path of a parameter");
  for (const std::string &base : {frame.path, frame.root}) {
    auto found = variables.find(joinPath(base, *path));
    if (found != variables.end() && found->second.declared)
      return Datum::of(found->second.value);
  }
  std::vector<std::string> known;
  std::string prefix = frame.root.empty() ? "" : frame.root + ".";
  for (const auto &[key, variable] : variables)
    if (variable.declared && StringRef(key).starts_with(prefix))
      known.push_back(key.substr(prefix.size()));
  return error(frame, expr.span, "unknown parameter `" + *path + "`",
               suggest(*path, known));
}

std::optional<int64_t> Importer::evaluateInt(Frame &frame, const Expr &expr,
                                             const char *what) {
  Datum datum = value(frame, expr);
  if (datum.isPoison())
    return std::nullopt;
  if (datum.is(Datum::Kind::Int))
    return datum.intValue;
  error(frame, expr.span,
        std::string(what) + " is an int, this is " + describe(datum));
  return std::nullopt;
}

Datum Importer::evaluateUnary(Frame &frame, const Expr &expr) {
  Datum x = value(frame, expr.operands[0]);
  if (x.isPoison())
    return {};
  if (expr.op == Operator::Not) {
    if (x.is(Datum::Kind::Bool))
      return Datum::boolean(!x.boolValue);
    if (x.isTensor() && isBool(x.element())) {
      Value y = buildValue(frame, expr.span, "not", {x.tensor});
      return y ? Datum::of(y, x.batched) : Datum();
    }
    return error(frame, expr.span,
                 "`not` of " + describe(x) + ", which is no bool");
  }
  if (x.is(Datum::Kind::Int)) {
    if (x.intValue == INT64_MIN)
      return error(frame, expr.span, "the number is too large");
    return Datum::of(-x.intValue);
  }
  if (x.is(Datum::Kind::Float))
    return Datum::real(-x.floatValue);
  if (x.isTensor() && !isBool(x.element())) {
    Value y = buildValue(frame, expr.span, "neg", {x.tensor});
    return y ? Datum::of(y, x.batched) : Datum();
  }
  return error(frame, expr.span,
               "`-` of " + describe(x) + ", which is no number");
}

Datum Importer::evaluateBinary(Frame &frame, const Expr &expr) {
  Datum x = value(frame, expr.operands[0]);
  // `and` and `or` of what is known need not look further.
  if (x.is(Datum::Kind::Bool) && ((expr.op == Operator::And && !x.boolValue) ||
                                  (expr.op == Operator::Or && x.boolValue)))
    return x;
  Datum y = value(frame, expr.operands[1]);
  if (x.isPoison() || y.isPoison())
    return {};
  // `memory == none` asks what was given.
  bool equality = expr.op == Operator::Equal || expr.op == Operator::NotEqual;
  if (equality && (x.is(Datum::Kind::None) || y.is(Datum::Kind::None)))
    return Datum::boolean((x == y) == (expr.op == Operator::Equal));
  if (!x.isTensor() && !y.isTensor())
    return staticBinary(frame, expr, x, y);
  return tensorBinary(frame, expr, std::move(x), std::move(y));
}

std::optional<bool> Importer::evaluateCondition(Frame &frame, const Expr &expr,
                                                Value &runtime) {
  Datum condition = value(frame, expr);
  if (condition.is(Datum::Kind::Bool))
    return condition.boolValue;
  if (condition.isTensor() && isBool(condition.element()) &&
      condition.rank() == 0) {
    runtime = condition.tensor;
    return std::nullopt;
  }
  if (!condition.isPoison())
    error(frame, expr.span,
          "a condition is a bool or a bool[], this is " + describe(condition));
  return std::nullopt;
}

} // namespace varve::importer
