// The parser's state, shared by the files that implement it: ParseExpr.cpp,
// ParseStatement.cpp, ParseSettings.cpp, Parser.cpp (declarations).
//
// After an error the parser panics: peek() answers End, so that every loop and
// recursion comes back without a word, until a list of statements, settings or
// declarations calls recover().
#ifndef VARVE_LANGUAGE_PARSERIMPL_H
#define VARVE_LANGUAGE_PARSERIMPL_H

#include "Language/Ast.h"
#include "Language/Diagnostic.h"
#include "Language/Lexer.h"

namespace varve::detail {

/// What a list holds, and so where parsing goes on after an error in it.
enum class ListOf { Statements, Settings, Entries };

/// Whether a setting can begin with `word`.
bool isSettingWord(std::string_view word);

/// Drops a blank line above the first of a list, which says nothing.
template <class Item> void dropBlankAboveFirst(std::vector<Item> &list) {
  std::vector<std::string> &above = list.front().comments.above;
  if (list.size() == 1 && !above.empty() && above.front().empty())
    above.erase(above.begin());
}

class Parser {
public:
  Parser(const Sources &sources, FileId file, Diagnostics &diagnostics);

  ast::File file();
  std::optional<ast::Expr> singleExpression();

private:
  //===--- Tokens ---------------------------------------------------------===//
  const Token &peek(std::size_t ahead = 0) const;
  bool at(std::string_view spelling, std::size_t ahead = 0) const;
  bool atName(std::size_t ahead = 0) const;
  bool atKind(TokenKind kind) const { return peek().kind == kind; }
  /// `(`, `[` and `as` belong to what they follow on the same line.
  bool atSameLine(std::string_view spelling) const;
  const Token &take();
  bool accept(std::string_view spelling);
  /// `where` completes "expected `)`", as " after the arguments".
  bool expect(std::string_view spelling, const std::string &where = "");
  ast::Name name(const std::string &what);
  ast::Name word();
  ast::StringLiteral string(const std::string &what);
  /// From `begin` to the last token taken.
  Span since(const Token &begin) const;

  //===--- Errors ---------------------------------------------------------===//
  void error(Span span, std::string message, std::string remedy = "");
  void errorExpected(const std::string &what, std::string remedy = "");
  /// Skips to where the list may go on: a token that begins one of it, its
  /// closing brace, or a declaration.
  void recover(ListOf list, std::size_t begin);
  bool begins(ListOf list, std::size_t index) const;
  bool beginsDeclaration(const Token &token) const;

  /// One level of nesting while it lives.
  class Nest {
  public:
    explicit Nest(Parser &parser);
    ~Nest() { --parser.nesting; }
    Nest(const Nest &) = delete;

  private:
    Parser &parser;
  };

  //===--- Comments -------------------------------------------------------===//
  /// Those above the next token.
  std::vector<std::string> takeCommentsAbove();
  /// Moves those before comment `last` to `out`, without blank lines.
  void takeCommentsBefore(std::size_t last, std::vector<std::string> &out);
  /// Adds to those above the ones inside of what has just been parsed, and
  /// takes the one after it.
  void finishComments(ast::Comments &comments);
  std::vector<std::string> takeCommentsAtEnd(bool isEmptyList);

  //===--- Lists in braces ------------------------------------------------===//
  /// `{ item ... }`. `item` parses one and keeps it unless the parser panics.
  template <class Item>
  void braces(ListOf list, std::vector<std::string> &commentsAtEnd, Item item);

  //===--- Expressions ----------------------------------------------------===//
  ast::Expr expr();
  ast::Expr binary(int level);
  ast::Expr prefix(int level);
  ast::Expr unary();
  ast::Expr postfix();
  ast::Expr primary();
  ast::Expr number();
  ast::Expr parenthesised();
  ast::Expr list();
  ast::Expr call(ast::Expr callee);
  ast::Expr pipe(ast::Expr value);
  ast::Expr index(ast::Expr value);
  ast::Subscript subscript();
  ast::Path path();
  std::vector<ast::Expr> exprs();
  /// The value of a setting or a `return`, which begins on its line.
  void checkSameLine(const std::string &word);
  std::vector<ast::Argument> arguments();
  std::vector<ast::Argument> optionalArguments();
  /// Sets span and height, and reports a tree that is too high.
  ast::Expr finish(ast::Expr expr, Span span);
  ast::Expr binaryNode(ast::Operator op, const Token &token, ast::Expr left,
                       ast::Expr right);
  bool isParenthesised(const ast::Expr &expr) const;
  void checkPipeDoesNotMix(const ast::Expr &left);

  //===--- Statements -----------------------------------------------------===//
  ast::Body body();
  ast::Statement statement();
  decltype(ast::Statement::node) statementNode();
  ast::Assign assign(std::vector<ast::Name> targets);
  decltype(ast::Statement::node) binding();
  ast::Scan scan(std::vector<ast::Name> targets);
  ast::If ifStatement();
  ast::Layer layer();
  ast::Variable variable(ast::VariableRole role);
  ast::Repeat repeat();
  ast::Require require();
  ast::Type type();
  ast::Dim dim();
  std::vector<ast::Name> nameList(const std::string &what);

  //===--- Settings -------------------------------------------------------===//
  ast::Settings settings();
  ast::Setting setting();
  decltype(ast::Setting::node) settingNode(const ast::Name &keyword);
  ast::Data data();
  ast::Field field();
  ast::Term term(ast::TermKind kind);
  ast::Match match(ast::MatchKind kind);
  std::vector<ast::StringLiteral> strings(const std::string &what);

  //===--- Declarations ---------------------------------------------------===//
  decltype(ast::Declaration::node) declarationNode();
  ast::Use use();
  ast::Import import();
  ast::Block block(bool isModel);
  ast::Input input();
  ast::BlockResult result();
  std::vector<ast::BlockResult> results();
  ast::Train train(bool isInfer);
  ast::Names names();
  ast::KeyRule keyRule();

  const Sources &sources;
  Diagnostics &diagnostics;
  FileId fileId;
  TokenList lexed;
  Token end;
  std::size_t position = 0;
  bool panicking = false;
  unsigned nesting = 0;
  /// The first comment that no node has yet.
  std::size_t nextComment = 0;
  /// Comments between the tokens of what is being parsed, seen before a `{`.
  std::vector<std::string> commentsInside;
  /// The last closed `( expr )`.
  Span lastParentheses;
  /// Recovery has passed a closing brace that belonged to an open list: until
  /// the next declaration, missing braces are no news.
  bool lostBraces = false;
};

template <class Item>
void Parser::braces(ListOf list, std::vector<std::string> &commentsAtEnd,
                    Item item) {
  Nest nest(*this);
  const Token &open = peek();
  // Comments before the brace belong to what it is a part of.
  std::vector<std::string> inside = std::move(commentsInside);
  takeCommentsBefore(open.commentsEnd, inside);
  commentsInside.clear();
  if (!expect("{"))
    return;
  Span openSpan = open.span;
  bool isEmpty = true;
  while (!at("}") && !atKind(TokenKind::End) && !beginsDeclaration(peek())) {
    std::size_t begin = position;
    // Fields and name pairs may share a line.
    if (!isEmpty && !peek().startsLine && list != ListOf::Entries)
      errorExpected("an operator or the end of the line");
    else
      item();
    isEmpty = false;
    if (panicking)
      recover(list, begin);
  }
  commentsAtEnd = takeCommentsAtEnd(isEmpty);
  commentsInside = std::move(inside);
  if (at("}"))
    take();
  else if (!lostBraces)
    error(openSpan, "this `{` is not closed", "add `}`");
}

} // namespace varve::detail
#endif
