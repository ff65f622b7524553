// Text to syntax tree, by recursive descent.
#ifndef VARVE_LANGUAGE_PARSER_H
#define VARVE_LANGUAGE_PARSER_H

#include "Language/Ast.h"
#include "Language/Diagnostic.h"

namespace varve {

/// Parses a whole file. Errors go to `diagnostics`; parsing goes on at the next
/// statement, setting or declaration, and what could be read is returned, so a
/// tree is complete only if no error was added. Any bytes are safe.
ast::File parseFile(const Sources &sources, FileId file,
                    Diagnostics &diagnostics);

/// Parses a text that is one expression (the value of `--set KEY=EXPR`).
std::optional<ast::Expr> parseExpression(const Sources &sources, FileId file,
                                         Diagnostics &diagnostics);

/// The text of the prelude, as `Prelude.varve` has it.
std::string_view preludeText();

} // namespace varve
#endif
