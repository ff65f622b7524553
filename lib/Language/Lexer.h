// Text to tokens. Comments and line breaks are not tokens, but each token knows
// whether it is the first of its line and which comments stand before it.
#ifndef VARVE_LANGUAGE_LEXER_H
#define VARVE_LANGUAGE_LEXER_H

#include "Language/Diagnostic.h"
#include "Language/Source.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace varve {

enum class TokenKind {
  End,      ///< after the last one
  Name,     ///< `x`
  Reserved, ///< `layer`
  Int,      ///< `1_000`
  Float,    ///< `1e-3`
  String,   ///< `"a\n"`, as in the text
  Symbol,   ///< `|>`
  Error,    ///< what no token is; it has been reported
};

struct Token {
  TokenKind kind = TokenKind::End;
  Span span;
  std::string_view text;
  /// A line break stands before it, or nothing.
  bool startsLine = false;
  /// An empty line stands right before it (after its comments).
  bool blankBefore = false;
  /// The comments before it have the indices [commentsBegin, commentsEnd).
  std::size_t commentsBegin = 0;
  std::size_t commentsEnd = 0;
};

struct Comment {
  /// With `//`, without spaces at the end.
  std::string_view text;
  /// Stands on the line of the token before it.
  bool afterToken = false;
  bool blankBefore = false;
};

struct TokenList {
  /// The last one has kind End.
  std::vector<Token> tokens;
  std::vector<Comment> comments;
};

/// Malformed text is reported and becomes a token of kind Error.
TokenList lex(const Sources &sources, FileId file, Diagnostics &diagnostics);

/// Whether no name may be this word.
bool isReserved(std::string_view word);

/// The value of a String token.
std::string stringValue(std::string_view tokenText);

} // namespace varve
#endif
