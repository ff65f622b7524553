// Errors with a place in a text, and how they look:
//
//   net.varve:3:12: error: unknown block `relo`
//   3 |   x = x |> relo
//     |            ^^^^ did you mean `relu`?
#ifndef VARVE_LANGUAGE_DIAGNOSTIC_H
#define VARVE_LANGUAGE_DIAGNOSTIC_H

#include "Language/Source.h"
#include "varve/Result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// One error. Messages are lower-case and hold the values.
struct Diagnostic {
  Span span;
  std::string message;
  /// Stands after the caret: the remedy. May be empty.
  std::string remedy;
  /// The calls that lead here, innermost first; each is shown as a note.
  struct Note {
    Span span;
    std::string message;
  };
  std::vector<Note> notes;
};

/// Collects the errors of one compilation; the first maxErrors of each file are
/// kept, the others counted.
class Diagnostics {
public:
  static constexpr unsigned maxErrors = 20;

  explicit Diagnostics(const Sources &sources) : sources(sources) {}

  void error(Span span, std::string message, std::string remedy = "",
             std::vector<Diagnostic::Note> notes = {});

  /// Forgets all of them, for an attempt that another one replaces.
  void clear() {
    list.clear();
    countOfFile.clear();
  }

  bool hasErrors() const { return !list.empty(); }
  const std::vector<Diagnostic> &errors() const { return list; }

  /// One diagnostic as text: the message, the line and the caret, and the notes
  /// in the same form. Ends with a line break.
  std::string render(const Diagnostic &diagnostic) const;
  /// All of them, in the order of the files and of the places in them.
  std::string render() const;
  /// All of them as one Error, for a function that returns a Result.
  Error toError(ErrorKind kind = ErrorKind::Input) const;

private:
  const Sources &sources;
  std::vector<Diagnostic> list;
  std::vector<unsigned> countOfFile;
};

/// The candidate that `name` is most likely a misspelling of, or none if all
/// are too far (by edits, with a swap of neighbours as one).
std::optional<std::string> closest(std::string_view name,
                                   const std::vector<std::string> &candidates);

/// "did you mean `relu`?", or "" where nothing is close: a remedy.
std::string suggest(std::string_view name,
                    const std::vector<std::string> &candidates);

} // namespace varve
#endif
