// The lexer: one function for each kind of token, longest match for symbols.
#include "Language/Lexer.h"

#include "Support/Utf8.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

using namespace varve;

namespace {

constexpr std::string_view reservedWords[] = {
    "use",      "from",  "import", "as",    "block",  "model",
    "gradient", "train", "infer",  "names", "layer",  "param",
    "state",    "cache", "repeat", "in",    "if",     "else",
    "scan",     "along", "while",  "yield", "return", "require",
    "and",      "or",    "not",    "true",  "false",  "none"};

// Longer ones first.
constexpr std::string_view symbols[] = {
    "...", "..", "==", "!=", "<=", ">=", "**", "|>", "->",
    "(",   ")",  "[",  "]",  "{",  "}",  ",",  ":",  ".",
    "=",   "<",  ">",  "+",  "-",  "*",  "/",  "%",  "@"};

/// What people write who know other languages.
struct Foreign {
  std::string_view text;
  const char *remedy;
};
constexpr Foreign foreign[] = {
    {";", "a statement ends with its line"},
    {"&&", "write `and`"},
    {"||", "write `or`"},
    {"!", "write `not`"},
    {"'", "strings have double quotes: \"...\""},
    {"#", "a comment begins with `//`"},
    {"^", "a power is `**`"},
    {"?", "write `if c { ... } else { ... }`, or `where(c, a, b)`"},
    {"|", "a pipe is `|>`"},
};

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isNamePart(char c) { return isNameStart(c) || isDigit(c); }

class Lexer {
public:
  Lexer(const Sources &sources, FileId file, Diagnostics &diagnostics)
      : text(sources.text(file)), file(file), diagnostics(diagnostics) {}

  TokenList run();

private:
  char peek(std::size_t ahead = 0) const {
    return at + ahead < text.size() ? text[at + ahead] : '\0';
  }
  std::string_view rest() const { return text.substr(at); }
  Span span(std::size_t begin, std::size_t end) const {
    return {file, static_cast<std::uint32_t>(begin),
            static_cast<std::uint32_t>(end)};
  }
  void error(std::size_t begin, std::size_t end, std::string message,
             std::string remedy = "") {
    diagnostics.error(span(begin, end), std::move(message), std::move(remedy));
  }

  void checkEncoding();
  void skipSpaceAndComments();
  void lexComment();
  void add(TokenKind kind, std::size_t length);
  void lexNumber();
  void lexString();
  void lexSymbol();

  std::string_view text;
  FileId file;
  Diagnostics &diagnostics;
  std::size_t at = 0;
  TokenList out;
  // Since the last token or comment, and since the last token.
  unsigned lineBreaks = 0;
  bool lineStart = true;
  std::size_t commentsBegin = 0;
};

void Lexer::checkEncoding() {
  std::string_view left = text;
  while (std::size_t length = characterLength(left))
    left.remove_prefix(length);
  if (left.empty())
    return;
  std::size_t bad = text.size() - left.size();
  error(bad, bad + 1, "this byte is not UTF-8", "save the file as UTF-8");
}

void Lexer::lexComment() {
  std::size_t end = std::min(text.find('\n', at), text.size());
  std::string_view body = text.substr(at, end - at);
  std::size_t last = body.find_last_not_of(" \t\r\f\v");
  Comment comment;
  comment.text = body.substr(0, last + 1);
  comment.afterToken = !lineStart && lineBreaks == 0;
  comment.blankBefore = lineBreaks > 1;
  out.comments.push_back(comment);
  at = end;
  lineBreaks = 0;
}

void Lexer::skipSpaceAndComments() {
  while (at < text.size()) {
    char c = peek();
    if (c == '\n') {
      ++lineBreaks;
      lineStart = true;
      ++at;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '/' && peek(1) == '/') {
      lexComment();
    } else {
      return;
    }
  }
}

void Lexer::add(TokenKind kind, std::size_t length) {
  Token token;
  token.kind = kind;
  token.span = span(at, at + length);
  token.text = text.substr(at, length);
  token.startsLine = lineStart;
  token.blankBefore = lineBreaks > 1;
  token.commentsBegin = commentsBegin;
  token.commentsEnd = out.comments.size();
  out.tokens.push_back(token);
  at += length;
  lineBreaks = 0;
  lineStart = false;
  commentsBegin = out.comments.size();
}

void Lexer::lexNumber() {
  std::size_t end = at;
  bool isFloat = false;
  auto digits = [&] {
    while (end < text.size() && (isDigit(text[end]) || text[end] == '_'))
      ++end;
  };
  auto is = [&](std::size_t i, auto test) {
    return i < text.size() && test(text[i]);
  };
  digits();
  // `0..12` is a range: a fraction has a digit after the dot.
  if (is(end, [](char c) { return c == '.'; }) && is(end + 1, isDigit)) {
    isFloat = true;
    ++end;
    digits();
  }
  if (is(end, [](char c) { return c == 'e' || c == 'E'; })) {
    std::size_t digit = end + 1;
    if (is(digit, [](char c) { return c == '+' || c == '-'; }))
      ++digit;
    if (is(digit, isDigit)) {
      isFloat = true;
      end = digit;
      digits();
    }
  }
  std::size_t wordEnd = end;
  while (wordEnd < text.size() && isNamePart(text[wordEnd]))
    ++wordEnd;
  std::string_view number = text.substr(at, wordEnd - at);
  // An underscore stands between two digits.
  bool badUnderscore = number.back() == '_';
  for (std::size_t i = 1; i + 1 < number.size(); ++i)
    if (number[i] == '_')
      badUnderscore |= !isDigit(number[i - 1]) || !isDigit(number[i + 1]);
  if (wordEnd != end || badUnderscore)
    error(at, wordEnd, "`" + std::string(number) + "` is not a number",
          "a name begins with a letter");
  add(isFloat ? TokenKind::Float : TokenKind::Int, wordEnd - at);
}

void Lexer::lexString() {
  std::size_t end = at + 1;
  while (end < text.size() && text[end] != '"' && text[end] != '\n') {
    if (text[end] != '\\') {
      ++end;
      continue;
    }
    char escaped = end + 1 < text.size() ? text[end + 1] : '\n';
    if (std::string_view("nrt\"\\").find(escaped) == std::string_view::npos) {
      error(end, end + 1, "unknown escape in a string",
            "there are \\n \\r \\t \\\" and \\\\");
      ++end;
    } else {
      end += 2;
    }
  }
  if (end >= text.size() || text[end] != '"') {
    error(at, end, "this string does not end", "close it with `\"`");
    add(TokenKind::Error, end - at);
  } else {
    add(TokenKind::String, end + 1 - at);
  }
}

void Lexer::lexSymbol() {
  for (std::string_view symbol : symbols)
    if (rest().substr(0, symbol.size()) == symbol)
      return add(TokenKind::Symbol, symbol.size());
  for (const Foreign &other : foreign)
    if (rest().substr(0, other.text.size()) == other.text) {
      error(at, at + other.text.size(),
            "unexpected `" + std::string(other.text) + "`", other.remedy);
      return add(TokenKind::Error, other.text.size());
    }
  // One error for a run of what no token begins with, names in it included;
  // none for broken UTF-8, which checkEncoding() has reported.
  auto isStrange = [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (byte < 0x20 && c != '\n' && c != '\r' && c != '\t');
  };
  std::size_t length = 1;
  while (at + length < text.size() && isStrange(peek()) &&
         (isStrange(peek(length)) || isNamePart(peek(length))))
    ++length;
  if (characterLength(rest()) != 0)
    error(at, at + length, "unexpected character",
          "outside of strings and comments there is only ASCII");
  add(TokenKind::Error, length);
}

TokenList Lexer::run() {
  checkEncoding();
  if (rest().substr(0, 3) == "\xEF\xBB\xBF")
    at += 3;
  while (true) {
    skipSpaceAndComments();
    if (at >= text.size())
      break;
    char c = peek();
    if (isDigit(c)) {
      lexNumber();
    } else if (isNameStart(c)) {
      std::size_t length = 1;
      while (isNamePart(peek(length)))
        ++length;
      bool reserved = isReserved(rest().substr(0, length));
      add(reserved ? TokenKind::Reserved : TokenKind::Name, length);
    } else if (c == '"') {
      lexString();
    } else {
      lexSymbol();
    }
  }
  add(TokenKind::End, 0);
  // An error at the end points behind the last token, not to an empty line.
  if (out.tokens.size() > 1) {
    std::uint32_t end = out.tokens[out.tokens.size() - 2].span.end;
    out.tokens.back().span = {file, end, end};
  }
  return std::move(out);
}

} // namespace

bool varve::isReserved(std::string_view word) {
  return std::find(std::begin(reservedWords), std::end(reservedWords), word) !=
         std::end(reservedWords);
}

TokenList varve::lex(const Sources &sources, FileId file,
                     Diagnostics &diagnostics) {
  return Lexer(sources, file, diagnostics).run();
}

std::string varve::stringValue(std::string_view tokenText) {
  std::string value;
  tokenText.remove_prefix(1);
  if (!tokenText.empty() && tokenText.back() == '"')
    tokenText.remove_suffix(1);
  for (std::size_t i = 0; i < tokenText.size(); ++i) {
    char c = tokenText[i];
    if (c == '\\' && i + 1 < tokenText.size()) {
      c = tokenText[++i];
      c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
    }
    value += c;
  }
  return value;
}
