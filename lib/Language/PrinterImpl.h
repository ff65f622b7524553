// How the printer lays out expressions: shared by PrintExpr.cpp (expressions,
// types) and Printer.cpp (everything around them).
//
// Everything is decided by the tree and the width of a line alone, never by how
// the text was laid out before: so printing is idempotent.
#ifndef VARVE_LANGUAGE_PRINTERIMPL_H
#define VARVE_LANGUAGE_PRINTERIMPL_H

#include "Language/Ast.h"

#include <cstddef>
#include <functional>
#include <string>

namespace varve::detail {

constexpr std::size_t lineWidth = 120;

/// Where a piece of text begins and what it must leave room for.
struct Place {
  std::size_t column = 0; ///< of its first character
  std::size_t indent = 0; ///< of the lines it continues on
  std::size_t suffix = 0; ///< characters that follow on its last line
};

/// The column behind `text` if it begins at `column`.
std::size_t columnAfter(const std::string &text, std::size_t column);
bool fits(const std::string &text, Place place);

/// A part of a longer text. It stays on the line if `flat` fits there; else it
/// goes to the next, where `broken` lays it out, over several if need be. (To
/// ask `broken` whether it fits would double the work at each level.)
struct Item {
  std::string flat;
  std::function<std::string(Place)> broken;
};

/// `a, b, c`, broken after commas where a line is full; lines after the first
/// begin at `place.indent`.
std::string fill(const std::vector<Item> &items, Place place);

/// On one line if it fits, else broken before `|>` and binary operators, and
/// where there are none after commas.
std::string layout(const ast::Expr &expr, Place place);
Item item(const ast::Expr &expr);

std::string flat(const ast::Expr &expr);
std::string flat(const ast::Path &path);
std::string flat(const ast::Type &type);
std::string quoted(const std::string &text);

/// `(a, k: b)` with lines aligned behind the parenthesis.
std::string layoutArguments(const std::vector<ast::Argument> &arguments,
                            Place place);

} // namespace varve::detail
#endif
