// The parser's ground: tokens, errors, comments; and declarations.
#include "Language/Parser.h"

#include "Language/ParserImpl.h"

using namespace varve;
using namespace varve::detail;
using namespace varve::ast;

namespace {

const std::vector<std::string> &declarationWords() {
  static const std::vector<std::string> words = {
      "use", "import", "block", "model", "train", "infer", "names"};
  return words;
}

/// A token as a message shows it.
std::string describe(const Token &token) {
  switch (token.kind) {
  case TokenKind::End:
    return "the end of the file";
  case TokenKind::String:
    return "a string";
  default:
    return "`" + std::string(token.text) + "`";
  }
}

void dropBlankAtFront(std::vector<std::string> &comments) {
  if (!comments.empty() && comments.front().empty())
    comments.erase(comments.begin());
}

void dropBlankAtBack(std::vector<std::string> &comments) {
  if (!comments.empty() && comments.back().empty())
    comments.pop_back();
}

} // namespace

Parser::Parser(const Sources &sources, FileId file, Diagnostics &diagnostics)
    : sources(sources), diagnostics(diagnostics), fileId(file),
      lexed(lex(sources, file, diagnostics)), end(lexed.tokens.back()) {}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

const Token &Parser::peek(std::size_t ahead) const {
  if (panicking || position + ahead >= lexed.tokens.size())
    return end;
  return lexed.tokens[position + ahead];
}

bool Parser::at(std::string_view spelling, std::size_t ahead) const {
  const Token &token = peek(ahead);
  return token.kind != TokenKind::String && token.text == spelling;
}

bool Parser::atName(std::size_t ahead) const {
  return peek(ahead).kind == TokenKind::Name;
}

bool Parser::atSameLine(std::string_view spelling) const {
  return at(spelling) && !peek().startsLine;
}

const Token &Parser::take() {
  const Token &token = peek();
  if (token.kind != TokenKind::End)
    ++position;
  return token;
}

bool Parser::accept(std::string_view spelling) {
  if (!at(spelling))
    return false;
  take();
  return true;
}

bool Parser::expect(std::string_view spelling, const std::string &where) {
  if (accept(spelling))
    return true;
  errorExpected("`" + std::string(spelling) + "`" + where);
  return false;
}

Name Parser::name(const std::string &what) {
  if (!atName())
    errorExpected(what,
                  atKind(TokenKind::Reserved) ? "this word is reserved" : "");
  const Token &token = take();
  return {std::string(token.text), token.span};
}

Name Parser::word() {
  if (!atName() && !atKind(TokenKind::Reserved))
    errorExpected("a name after the dot");
  const Token &token = take();
  return {std::string(token.text), token.span};
}

StringLiteral Parser::string(const std::string &what) {
  if (!atKind(TokenKind::String)) {
    errorExpected(what);
    return {};
  }
  const Token &token = take();
  return {stringValue(token.text), token.span};
}

Span Parser::since(const Token &begin) const {
  return position == 0 ? begin.span
                       : join(begin.span, lexed.tokens[position - 1].span);
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

void Parser::error(Span span, std::string message, std::string remedy) {
  if (panicking)
    return;
  panicking = true;
  // The lexer has said what is wrong here.
  if (lexed.tokens[position].kind == TokenKind::Error)
    return;
  diagnostics.error(span, std::move(message), std::move(remedy));
}

void Parser::errorExpected(const std::string &what, std::string remedy) {
  error(peek().span, "expected " + what + ", found " + describe(peek()),
        std::move(remedy));
}

bool Parser::beginsDeclaration(const Token &token) const {
  if (token.kind != TokenKind::Reserved || !token.startsLine)
    return false;
  for (const std::string &word : declarationWords())
    if (token.text == word)
      return true;
  return false;
}

void Parser::recover(ListOf list, std::size_t begin) {
  panicking = false;
  unsigned depth = 0;
  for (;; ++position) {
    const Token &token = lexed.tokens[position];
    if (token.kind == TokenKind::End || beginsDeclaration(token)) {
      lostBraces = true;
      return;
    }
    bool isSymbol = token.kind == TokenKind::Symbol;
    if (depth == 0 && isSymbol && token.text == "}")
      return;
    if (depth == 0 && position != begin && begins(list, position))
      return;
    if (isSymbol && token.text == "{")
      ++depth;
    else if (isSymbol && token.text == "}")
      --depth;
  }
}

Parser::Nest::Nest(Parser &parser) : parser(parser) {
  if (++parser.nesting > maxNesting)
    parser.error(parser.peek().span,
                 "nested more than " + std::to_string(maxNesting) + " deep",
                 "give a part of it a name");
}

//===----------------------------------------------------------------------===//
// Comments
//===----------------------------------------------------------------------===//

std::vector<std::string> Parser::takeCommentsAbove() {
  std::vector<std::string> out;
  const Token &token = peek();
  for (; nextComment < token.commentsEnd; ++nextComment) {
    const Comment &comment = lexed.comments[nextComment];
    if (comment.blankBefore && (out.empty() || !out.back().empty()))
      out.emplace_back();
    out.emplace_back(comment.text);
  }
  if (token.blankBefore)
    out.emplace_back();
  return out;
}

void Parser::takeCommentsBefore(std::size_t last,
                                std::vector<std::string> &out) {
  for (; nextComment < last; ++nextComment)
    out.emplace_back(lexed.comments[nextComment].text);
}

void Parser::finishComments(Comments &comments) {
  std::vector<std::string> inside = std::move(commentsInside);
  commentsInside.clear();
  if (panicking)
    return;
  const Token &next = peek();
  takeCommentsBefore(next.commentsBegin, inside);
  comments.above.insert(comments.above.end(), inside.begin(), inside.end());
  if (nextComment < next.commentsEnd && lexed.comments[nextComment].afterToken)
    comments.after = std::string(lexed.comments[nextComment++].text);
}

std::vector<std::string> Parser::takeCommentsAtEnd(bool isEmptyList) {
  std::vector<std::string> out = takeCommentsAbove();
  dropBlankAtBack(out);
  if (isEmptyList)
    dropBlankAtFront(out);
  return out;
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

File Parser::file() {
  File out;
  out.file = fileId;
  while (!atKind(TokenKind::End)) {
    Declaration next;
    const Token &begin = peek();
    std::size_t beginPosition = position;
    lostBraces = false;
    next.comments.above = takeCommentsAbove();
    dropBlankAtFront(next.comments.above);
    if (!begin.startsLine)
      errorExpected("the end of the line");
    next.node = declarationNode();
    next.span = since(begin);
    finishComments(next.comments);
    if (!panicking) {
      out.declarations.push_back(std::move(next));
      continue;
    }
    // The word that begins this one is passed, or else it would be read again.
    panicking = false;
    if (position == beginPosition)
      ++position;
    while (!atKind(TokenKind::End) && !beginsDeclaration(peek()))
      ++position;
  }
  out.commentsAtEnd = takeCommentsAtEnd(out.declarations.empty());
  dropBlankAtFront(out.commentsAtEnd);
  return out;
}

std::optional<Expr> Parser::singleExpression() {
  Expr out = expr();
  if (!atKind(TokenKind::End))
    errorExpected("an operator or the end");
  if (panicking)
    return std::nullopt;
  return out;
}

decltype(Declaration::node) Parser::declarationNode() {
  if (accept("use"))
    return use();
  if (accept("import"))
    return import();
  if (accept("block"))
    return block(/*isModel=*/false);
  if (accept("model"))
    return block(/*isModel=*/true);
  if (accept("train"))
    return train(/*isInfer=*/false);
  if (accept("infer"))
    return train(/*isInfer=*/true);
  if (accept("names"))
    return names();
  std::string remedy;
  if (at("}"))
    remedy = "there is no `{` for it";
  else if (atName())
    remedy = suggest(peek().text, declarationWords());
  errorExpected("a declaration", remedy.empty()
                                     ? "use, import, block, model, train, "
                                       "infer or names"
                                     : remedy);
  return Use();
}

Use Parser::use() {
  Use out;
  out.names = nameList("a block");
  expect("from");
  out.file = string("a file in quotes");
  return out;
}

Import Parser::import() {
  Import out;
  out.file = string("a file in quotes");
  expect("as");
  out.name = name("a name");
  out.arguments = optionalArguments();
  return out;
}

Block Parser::block(bool isModel) {
  Block out;
  out.isModel = isModel;
  out.name = name(isModel ? "the model's name" : "the block's name");
  expect("(");
  while (!at(")") && !atKind(TokenKind::End)) {
    out.inputs.push_back(input());
    if (!accept(","))
      break;
  }
  expect(")", " after the inputs");
  if (!at("->"))
    errorExpected("`->` and the type of the result");
  take();
  out.results = results();
  out.body = body();
  if (!panicking && accept("gradient")) {
    out.gradient.emplace();
    expect("(");
    out.gradient->cotangents = nameList("a name for each cotangent");
    expect(")");
    out.gradient->body = body();
  }
  return out;
}

Input Parser::input() {
  Input out;
  const Token &begin = peek();
  out.name = name("an input");
  if (!at(":"))
    errorExpected("`:` and a type");
  take();
  out.type = type();
  if (accept("="))
    out.fallback = expr();
  out.span = since(begin);
  return out;
}

std::vector<BlockResult> Parser::results() {
  std::vector<BlockResult> out;
  if (!accept("(")) {
    out.push_back(result());
    return out;
  }
  do
    out.push_back(result());
  while (accept(","));
  expect(")", " after the results");
  return out;
}

BlockResult Parser::result() {
  BlockResult out;
  const Token &begin = peek();
  if (atName() && at(":", 1)) {
    out.name = name("a result");
    take();
  }
  out.type = type();
  out.span = since(begin);
  return out;
}

Train Parser::train(bool isInfer) {
  Train out;
  out.isInfer = isInfer;
  out.model = name("a model");
  if (isInfer)
    out.arguments = optionalArguments();
  out.settings = settings();
  return out;
}

Names Parser::names() {
  Names out;
  out.name = name("a name for the map");
  braces(ListOf::Entries, out.commentsAtEnd, [&] {
    KeyRule next = keyRule();
    if (panicking)
      return;
    out.rules.push_back(std::move(next));
    dropBlankAboveFirst(out.rules);
  });
  return out;
}

KeyRule Parser::keyRule() {
  KeyRule out;
  out.comments.above = takeCommentsAbove();
  out.ours = string("a key in quotes");
  expect("=");
  out.theirs = string("a key in quotes");
  finishComments(out.comments);
  return out;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

File varve::parseFile(const Sources &sources, FileId file,
                      Diagnostics &diagnostics) {
  return Parser(sources, file, diagnostics).file();
}

std::optional<Expr> varve::parseExpression(const Sources &sources, FileId file,
                                           Diagnostics &diagnostics) {
  return Parser(sources, file, diagnostics).singleExpression();
}
