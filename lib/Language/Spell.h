// From a program of the dialect to the text of a model: the way back of
// Import.h, for programs that did not come from a text.
#ifndef VARVE_LANGUAGE_SPELL_H
#define VARVE_LANGUAGE_SPELL_H

#include "mlir/IR/BuiltinAttributes.h"
#include "varve/Dialect/Varve/Varve.h"
#include "varve/Result.h"
#include <string>
#include <utility>
#include <vector>

namespace varve {

struct SpelledModel {
  /// In canonical form.
  std::string text;
  /// The program's state, and the names that the text has for it.
  std::vector<std::pair<std::string, std::string>> state;
  /// Constants too long for a text: state of it, with these values.
  std::vector<std::pair<std::string, mlir::DenseElementsAttr>> constants;
};

/// Spells the program's one function, which updates no state and draws no
/// random numbers, as a model. `path` stands in diagnostics. Fails with all
/// that the language cannot say, a line each.
Result<SpelledModel> spellProgram(ProgramOp program, const std::string &path);

/// A text as `varve fmt` lays it out.
Result<std::string> canonicalText(const std::string &text,
                                  const std::string &path);

/// A text in which whole numbers that are multiples of `size` are those of
/// `name`.
std::string withSizeNamed(const std::string &text, int64_t size,
                          const std::string &name);

} // namespace varve
#endif
