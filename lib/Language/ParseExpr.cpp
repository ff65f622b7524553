// Expressions, by precedence climbing. The levels, loosest first: `|>`, `or`,
// `and`, `not`, comparisons, sums, products, unary `-`, `**`, postfix.
#include "Language/ParserImpl.h"

#include <algorithm>
#include <charconv>
#include <iterator>

using namespace varve;
using namespace varve::detail;
using namespace varve::ast;

namespace {

enum Level {
  OrLevel,
  AndLevel,
  NotLevel,
  CompareLevel,
  SumLevel,
  ProductLevel
};

struct BinaryOperator {
  std::string_view text;
  Operator op;
  Level level;
};

constexpr BinaryOperator binaryOperators[] = {
    {"or", Operator::Or, OrLevel},
    {"and", Operator::And, AndLevel},
    {"==", Operator::Equal, CompareLevel},
    {"!=", Operator::NotEqual, CompareLevel},
    {"<", Operator::Less, CompareLevel},
    {"<=", Operator::LessEqual, CompareLevel},
    {">", Operator::Greater, CompareLevel},
    {">=", Operator::GreaterEqual, CompareLevel},
    {"+", Operator::Add, SumLevel},
    {"-", Operator::Subtract, SumLevel},
    {"*", Operator::Multiply, ProductLevel},
    {"/", Operator::Divide, ProductLevel},
    {"%", Operator::Remainder, ProductLevel},
    {"@", Operator::MatMul, ProductLevel},
};

const BinaryOperator *binaryOperator(const Token &token) {
  if (token.kind != TokenKind::Symbol && token.kind != TokenKind::Reserved)
    return nullptr;
  auto found = std::find_if(
      std::begin(binaryOperators), std::end(binaryOperators),
      [&](const BinaryOperator &op) { return op.text == token.text; });
  return found == std::end(binaryOperators) ? nullptr : found;
}

/// What a remedy may quote.
bool isShortLine(std::string_view text) {
  return text.size() <= 60 && text.find('\n') == std::string_view::npos;
}

/// Name, `a.b`, `a[i]`: what can be called.
bool isCallable(const Expr &expr) {
  if (expr.is(ExprKind::Name))
    return true;
  if (expr.is(ExprKind::Member))
    return isCallable(expr.operands[0]);
  return expr.is(ExprKind::Index) && expr.subscripts.size() == 1 &&
         expr.subscripts[0].kind == Subscript::Kind::Single &&
         isCallable(expr.operands[0]);
}

} // namespace

Expr Parser::finish(Expr expr, Span span) {
  expr.span = span;
  unsigned height = 0;
  auto see = [&](const Expr &child) {
    height = std::max(height, child.height);
  };
  auto seeOptional = [&](const std::optional<Expr> &child) {
    if (child)
      see(*child);
  };
  for (const Expr &operand : expr.operands)
    see(operand);
  for (const Argument &argument : expr.arguments)
    see(argument.value);
  for (const PathSegment &segment : expr.as.segments)
    seeOptional(segment.index);
  for (const Subscript &subscript : expr.subscripts) {
    seeOptional(subscript.begin);
    seeOptional(subscript.end);
    seeOptional(subscript.step);
  }
  expr.height = height + 1;
  if (expr.height > maxNesting)
    error(expr.opSpan.end ? expr.opSpan : span,
          "this expression is more than " + std::to_string(maxNesting) +
              " levels high",
          "give a part of it a name");
  return expr;
}

Expr Parser::binaryNode(Operator op, const Token &token, Expr left,
                        Expr right) {
  Expr node;
  node.kind = ExprKind::Binary;
  node.op = op;
  node.opSpan = token.span;
  Span span = join(left.span, right.span);
  node.operands.push_back(std::move(left));
  node.operands.push_back(std::move(right));
  return finish(std::move(node), span);
}

bool Parser::isParenthesised(const Expr &expr) const {
  return lastParentheses.end != 0 && expr.span.begin == lastParentheses.begin &&
         expr.span.end == lastParentheses.end;
}

/// At `|>` behind `left`: `a + b |> f` could be read both ways.
void Parser::checkPipeDoesNotMix(const Expr &left) {
  bool isOperator = left.is(ExprKind::Binary) || left.is(ExprKind::Unary);
  if (!isOperator || isParenthesised(left))
    return;
  std::string remedy = "put parentheses around what goes into the pipe";
  std::string_view text = sources.text(left.span);
  if (isShortLine(text) && atName(1))
    remedy = "write `(" + std::string(text) + ") |> " +
             std::string(peek(1).text) + "`";
  error(peek().span,
        std::string("`|>` does not mix with `") + spelling(left.op) + "`",
        remedy);
}

Expr Parser::expr() {
  Expr left = binary(OrLevel);
  if (!at("|>"))
    return left;
  checkPipeDoesNotMix(left);
  while (at("|>"))
    left = pipe(std::move(left));

  const BinaryOperator *op = binaryOperator(peek());
  if (op || at("**")) {
    std::string remedy = "put parentheses around the pipe";
    std::string_view text = sources.text(left.span);
    if (isShortLine(text))
      remedy = "write `(" + std::string(text) + ") " +
               std::string(peek().text) + " ...`";
    error(peek().span,
          "`|>` does not mix with `" + std::string(peek().text) + "`", remedy);
  } else if (atSameLine("[") || at(".")) {
    error(peek().span, "a pipe ends with a block",
          "write `(... |> ...)" + std::string(peek().text) + "`");
  }
  return left;
}

/// `left` by operators of `level` and tighter ones.
Expr Parser::binary(int level) {
  Expr left = prefix(level);
  while (const BinaryOperator *op = binaryOperator(peek())) {
    if (op->level < level)
      break;
    const Token &token = take();
    Expr right = binary(op->level + 1);
    left = binaryNode(op->op, token, std::move(left), std::move(right));
    const BinaryOperator *next = binaryOperator(peek());
    if (op->level == CompareLevel && next && next->level == CompareLevel)
      error(peek().span, "comparisons do not chain", "write `a < b and b < c`");
  }
  return left;
}

Expr Parser::prefix(int level) {
  if (!at("not"))
    return unary();
  const Token &token = take();
  if (level > NotLevel)
    error(token.span, "`not` binds loosely", "write `(not ...)`");
  Nest nest(*this);
  Expr node;
  node.kind = ExprKind::Unary;
  node.op = Operator::Not;
  node.opSpan = token.span;
  node.operands.push_back(binary(NotLevel));
  return finish(std::move(node), since(token));
}

Expr Parser::unary() {
  if (at("-")) {
    const Token &token = take();
    Nest nest(*this);
    Expr node;
    node.kind = ExprKind::Unary;
    node.op = Operator::Negate;
    node.opSpan = token.span;
    node.operands.push_back(unary());
    return finish(std::move(node), since(token));
  }
  Expr base = postfix();
  if (!at("**"))
    return base;
  const Token &token = take();
  Nest nest(*this);
  Expr exponent = unary();
  return binaryNode(Operator::Power, token, std::move(base),
                    std::move(exponent));
}

Expr Parser::postfix() {
  Expr value = primary();
  while (true) {
    if (atSameLine("(")) {
      value = call(std::move(value));
    } else if (atSameLine("[")) {
      value = index(std::move(value));
    } else if (at(".")) {
      take();
      Expr node;
      node.kind = ExprKind::Member;
      Name member = word();
      node.text = member.text;
      node.opSpan = member.span;
      Span span = join(value.span, member.span);
      node.operands.push_back(std::move(value));
      value = finish(std::move(node), span);
    } else {
      if (atSameLine("as"))
        error(peek().span, "`as` names the layer that a call makes",
              value.is(ExprKind::Name) ? "write `" + value.text + "(...) as`"
                                       : "");
      return value;
    }
  }
}

Expr Parser::call(Expr callee) {
  if (!isCallable(callee))
    error(callee.span, "only a block or a layer can be called");
  Expr node;
  node.kind = ExprKind::Call;
  Span begin = callee.span;
  node.operands.push_back(std::move(callee));
  node.arguments = arguments();
  if (atSameLine("as")) {
    take();
    node.as = path();
  }
  return finish(std::move(node), join(begin, lexed.tokens[position - 1].span));
}

/// `|> f(a) as p` behind `value`: the call `f(value, a) as p`.
Expr Parser::pipe(Expr value) {
  const Token &token = take();
  Expr callee;
  callee.kind = ExprKind::Name;
  Name block = name("a block after `|>`");
  callee.text = block.text;

  Expr node;
  node.kind = ExprKind::Call;
  node.piped = true;
  node.opSpan = token.span;
  node.operands.push_back(finish(std::move(callee), block.span));
  Span begin = value.span;
  node.arguments.push_back({std::nullopt, std::move(value)});
  for (Argument &argument : optionalArguments())
    node.arguments.push_back(std::move(argument));
  if (atSameLine("as")) {
    take();
    node.as = path();
  }
  return finish(std::move(node), join(begin, lexed.tokens[position - 1].span));
}

Expr Parser::index(Expr value) {
  Nest nest(*this);
  Expr node;
  node.kind = ExprKind::Index;
  Span begin = value.span;
  node.operands.push_back(std::move(value));
  const Token &open = take();
  node.opSpan = open.span;
  do
    node.subscripts.push_back(subscript());
  while (accept(","));
  expect("]");
  return finish(std::move(node), join(begin, lexed.tokens[position - 1].span));
}

Subscript Parser::subscript() {
  const Token &begin = peek();
  Subscript out;
  auto bound = [&](std::optional<Expr> &place) {
    if (!at(":") && !at(",") && !at("]"))
      place = expr();
  };
  if (accept("...")) {
    out.kind = Subscript::Kind::Ellipsis;
  } else {
    if (!at(":"))
      out.begin = expr();
    if (accept(":")) {
      out.kind = Subscript::Kind::Slice;
      bound(out.end);
      if (accept(":"))
        bound(out.step);
    }
  }
  out.span = since(begin);
  return out;
}

Path Parser::path() {
  const Token &begin = peek();
  Path out;
  Name first = name("a name of a layer");
  out.segments.push_back({first.text, std::nullopt, first.span});
  while (true) {
    const Token &segment = peek();
    if (atSameLine("[")) {
      Nest nest(*this);
      take();
      Expr value = expr();
      expect("]");
      out.segments.push_back({"", std::move(value), since(segment)});
    } else if (accept(".")) {
      Name next = word();
      out.segments.push_back({next.text, std::nullopt, next.span});
    } else {
      break;
    }
  }
  out.span = since(begin);
  return out;
}

std::vector<Expr> Parser::exprs() {
  std::vector<Expr> out;
  do
    out.push_back(expr());
  while (accept(","));
  return out;
}

void Parser::checkSameLine(const std::string &word) {
  if (peek().startsLine || atKind(TokenKind::End))
    errorExpected("a value on the line of `" + word + "`");
}

std::vector<Argument> Parser::arguments() {
  Nest nest(*this);
  std::vector<Argument> out;
  expect("(");
  while (!at(")") && !atKind(TokenKind::End)) {
    Argument argument;
    argument.value = expr();
    if (at(":") && argument.value.is(ExprKind::Name) &&
        !isParenthesised(argument.value)) {
      take();
      argument.name = Name{argument.value.text, argument.value.span};
      argument.value = expr();
    }
    out.push_back(std::move(argument));
    if (!accept(","))
      break;
  }
  expect(")", " after the arguments");
  return out;
}

std::vector<Argument> Parser::optionalArguments() {
  return atSameLine("(") ? arguments() : std::vector<Argument>();
}

Expr Parser::primary() {
  const Token &token = peek();
  Expr node;
  switch (token.kind) {
  case TokenKind::Int:
  case TokenKind::Float:
    return number();
  case TokenKind::String:
    node.kind = ExprKind::String;
    node.text = stringValue(take().text);
    return finish(std::move(node), token.span);
  case TokenKind::Name:
    node.kind = ExprKind::Name;
    node.text = std::string(take().text);
    return finish(std::move(node), token.span);
  default:
    break;
  }
  if (at("true") || at("false")) {
    node.kind = ExprKind::Bool;
    node.boolValue = take().text == "true";
    return finish(std::move(node), token.span);
  }
  if (accept("none"))
    return finish(std::move(node), token.span);
  if (at("("))
    return parenthesised();
  if (at("["))
    return list();
  std::string remedy;
  if (at(".") && peek(1).kind == TokenKind::Int)
    remedy = "write `0." + std::string(peek(1).text) + "`";
  errorExpected("an expression", remedy);
  return node;
}

Expr Parser::number() {
  const Token &token = take();
  Expr node;
  node.text = std::string(token.text);
  std::string digits = node.text;
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  const char *first = digits.data(), *last = first + digits.size();
  std::errc outcome;
  if (token.kind == TokenKind::Int) {
    node.kind = ExprKind::Int;
    outcome = std::from_chars(first, last, node.intValue).ec;
  } else {
    node.kind = ExprKind::Float;
    outcome = std::from_chars(first, last, node.floatValue).ec;
  }
  if (outcome == std::errc::result_out_of_range)
    error(token.span, "`" + node.text + "` does not fit " +
                          (node.is(ExprKind::Int) ? "an i64" : "an f64"));
  return finish(std::move(node), token.span);
}

Expr Parser::parenthesised() {
  Nest nest(*this);
  const Token &open = take();
  Expr value = expr();
  if (at(","))
    error(peek().span, "parentheses hold one expression", "a list is `[a, b]`");
  expect(")");
  value.span = since(open);
  lastParentheses = value.span;
  return value;
}

Expr Parser::list() {
  Nest nest(*this);
  const Token &open = take();
  Expr node;
  node.kind = ExprKind::List;
  while (!at("]") && !atKind(TokenKind::End)) {
    node.operands.push_back(expr());
    if (!accept(","))
      break;
  }
  expect("]");
  return finish(std::move(node), since(open));
}
