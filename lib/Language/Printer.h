// Syntax tree to text in the canonical form of `varve fmt`.
#ifndef VARVE_LANGUAGE_PRINTER_H
#define VARVE_LANGUAGE_PRINTER_H

#include "Language/Ast.h"

#include <string>

namespace varve {

/// The file in canonical form: printing what this text parses to gives the same
/// text again, and its tree is `file`. Comments are kept.
std::string print(const ast::File &file);
std::string print(const ast::Expr &expr);
std::string print(const ast::Path &path);
std::string print(const ast::Type &type);

} // namespace varve
#endif
