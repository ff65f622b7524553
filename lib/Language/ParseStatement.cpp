// Statements, and the types that declare variables, inputs and fields.
#include "Language/ParserImpl.h"

using namespace varve;
using namespace varve::detail;
using namespace varve::ast;

namespace {

const std::vector<std::string> &statementWords() {
  static const std::vector<std::string> words = {
      "if",     "scan",  "layer", "param",  "state",  "cache",
      "repeat", "while", "yield", "return", "require"};
  return words;
}

} // namespace

bool Parser::begins(ListOf list, std::size_t index) const {
  const std::vector<Token> &tokens = lexed.tokens;
  const Token &token = tokens[index];
  auto is = [&](std::size_t i, std::string_view text) {
    return i < tokens.size() && tokens[i].text == text;
  };
  switch (list) {
  case ListOf::Entries:
    return (token.kind == TokenKind::Name && is(index + 1, ":")) ||
           (token.kind == TokenKind::String && is(index + 1, "="));
  case ListOf::Settings:
    return token.startsLine && token.kind == TokenKind::Name &&
           isSettingWord(token.text);
  case ListOf::Statements:
    break;
  }
  if (!token.startsLine)
    return false;
  if (token.kind == TokenKind::Reserved)
    for (const std::string &word : statementWords())
      if (token.text == word)
        return true;
  while (tokens[index].kind == TokenKind::Name && is(index + 1, ","))
    index += 2;
  return tokens[index].kind == TokenKind::Name && is(index + 1, "=");
}

Body Parser::body() {
  Body out;
  const Token &open = peek();
  braces(ListOf::Statements, out.commentsAtEnd, [&] {
    Statement next = statement();
    if (panicking)
      return;
    out.statements.push_back(std::move(next));
    dropBlankAboveFirst(out.statements);
  });
  out.span = since(open);
  return out;
}

Statement Parser::statement() {
  Statement out;
  const Token &begin = peek();
  out.comments.above = takeCommentsAbove();
  out.node = statementNode();
  out.span = since(begin);
  finishComments(out.comments);
  return out;
}

decltype(Statement::node) Parser::statementNode() {
  if (atName())
    return binding();
  if (at("if"))
    return ifStatement();
  if (at("scan"))
    return scan({});
  if (accept("layer"))
    return layer();
  if (accept("param"))
    return variable(VariableRole::Param);
  if (accept("state"))
    return variable(VariableRole::State);
  if (accept("cache"))
    return variable(VariableRole::Cache);
  if (accept("repeat"))
    return repeat();
  if (accept("while")) {
    While out;
    out.condition = expr();
    out.body = body();
    return out;
  }
  if (accept("yield")) {
    checkSameLine("yield");
    return Yield{exprs()};
  }
  if (accept("return")) {
    checkSameLine("return");
    return Return{exprs()};
  }
  if (accept("require"))
    return require();
  errorExpected("a statement",
                at("else") ? "`else` follows the `}` of an `if`" : "");
  return Assign();
}

/// `a, b = value`, or an error for what else may begin with a name.
decltype(Statement::node) Parser::binding() {
  std::vector<Name> targets = nameList("a name");
  if (targets.size() == 1 && (at(".") || atSameLine("[")))
    error(peek().span, "only names are bound, and values do not change",
          "`dynamic_update_slice` and `scatter_add` make a changed value");
  if (targets.size() == 1 && (atSameLine("(") || at("|>")))
    error(targets[0].span, "this value is not used",
          "give it a name: `y = " + targets[0].text + " ...`");
  if (!at("="))
    errorExpected("`=`", suggest(targets[0].text, statementWords()));
  take();
  if (at("scan"))
    return scan(std::move(targets));
  return Assign{std::move(targets), expr()};
}

std::vector<Name> Parser::nameList(const std::string &what) {
  std::vector<Name> out;
  do
    out.push_back(name(what));
  while (accept(","));
  return out;
}

Scan Parser::scan(std::vector<Name> targets) {
  Scan out;
  expect("scan");
  out.targets = std::move(targets);
  out.slices = nameList("a name for each slice");
  expect("in");
  out.sequences = exprs();
  if (accept("along"))
    out.along = expr();
  if (!panicking && out.slices.size() != out.sequences.size())
    error(join(out.slices.front().span, out.slices.back().span),
          std::to_string(out.slices.size()) + " names for the slices of " +
              std::to_string(out.sequences.size()) + " values",
          "`scan a, b in x, y` has one for each");
  out.body = body();
  return out;
}

If Parser::ifStatement() {
  Nest nest(*this);
  expect("if");
  If out;
  out.condition = expr();
  if (at("="))
    error(peek().span, "`=` binds a name", "compare with `==`");
  out.then = body();
  if (!accept("else"))
    return out;
  if (!at("if")) {
    out.otherwise = body();
    return out;
  }
  // Its comments are left to the statement it is a part of.
  out.elseIf = true;
  const Token &begin = peek();
  Statement inner;
  inner.node = ifStatement();
  inner.span = since(begin);
  out.otherwise.emplace();
  out.otherwise->span = inner.span;
  out.otherwise->statements.push_back(std::move(inner));
  return out;
}

Layer Parser::layer() {
  Layer out;
  out.path = path();
  out.body = body();
  return out;
}

Variable Parser::variable(VariableRole role) {
  Variable out;
  out.role = role;
  out.name = name("a name");
  expect(":");
  out.type = type();
  if (!at("="))
    errorExpected("`=` and an initial value", "such as `= zeros`");
  take();
  out.init = expr();
  return out;
}

Repeat Parser::repeat() {
  Repeat out;
  out.variable = name("a name");
  expect("in");
  out.first = expr();
  if (accept(".."))
    out.end = expr();
  out.body = body();
  return out;
}

Require Parser::require() {
  Require out;
  out.condition = expr();
  if (accept(",")) {
    if (!atKind(TokenKind::String))
      errorExpected("a message in quotes");
    out.message = primary();
  }
  return out;
}

Type Parser::type() {
  Type out;
  const Token &begin = peek();
  if (accept("[")) {
    out.kind = Type::Kind::List;
    out.elements = nameList("a type");
    expect("]");
  } else if (at("class") && at("(", 1)) {
    out.kind = Type::Kind::Class;
    take();
    Nest nest(*this);
    take();
    out.classes = exprs();
    expect(")");
  } else {
    out.name = name("a type");
    if (atSameLine("[")) {
      out.kind = Type::Kind::Tensor;
      Nest nest(*this);
      take();
      if (!at("]"))
        do
          out.dims.push_back(dim());
        while (accept(","));
      expect("]");
    }
  }
  out.span = since(begin);
  return out;
}

Dim Parser::dim() {
  Dim out;
  const Token &begin = peek();
  if (accept("...")) {
    out.kind = Dim::Kind::Ellipsis;
  } else {
    out.size = expr();
    if (out.size->isName("_")) {
      out.kind = Dim::Kind::Any;
      out.size.reset();
    }
  }
  out.span = since(begin);
  return out;
}
