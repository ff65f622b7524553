// Errors of the importer, with the calls that lead to them, and the places
// that operations carry.
#include "Language/ImportImpl.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace varve::importer {

/// Statements and calls that one import may run: a guard against texts like
/// `repeat i in 0..1_000_000_000 { }`.
constexpr uint64_t maxSteps = 2'000'000;

std::vector<Diagnostic::Note> Importer::callNotes(const Frame &frame) {
  constexpr size_t maxNotes = 8;
  std::vector<Diagnostic::Note> notes;
  for (const Frame *f = &frame; f->caller && notes.size() < maxNotes;
       f = f->caller)
    if (f->callSpan.end > f->callSpan.begin)
      notes.push_back({f->callSpan, "in this call of `" + f->blockName + "`"});
  return notes;
}

Datum Importer::error(const Frame &frame, Span span, std::string message,
                      std::string remedy) {
  onlyRefusals = false;
  // A block that is inlined twice has each error once.
  std::string identity = std::to_string(span.file) + ":" +
                         std::to_string(span.begin) + ":" + message;
  if (reported.insert(identity).second)
    diagnostics.error(span, std::move(message), std::move(remedy),
                      callNotes(frame));
  return {};
}

Datum Importer::refuse(const Frame &frame, Span span, std::string message,
                       std::string remedy) {
  bool before = onlyRefusals;
  Datum out = error(frame, span, std::move(message), std::move(remedy));
  onlyRefusals = before;
  return out;
}

Span Importer::userSpan(const Frame &frame, Span span) const {
  const Frame *f = &frame;
  while (isPrelude(span) && f->caller) {
    span = f->callSpan;
    f = f->caller;
  }
  return span;
}

Location Importer::location(const Frame &frame, Span span) {
  auto place = [&](Span at) -> Location {
    LineColumn position = sources.position(at);
    return FileLineColLoc::get(&context, sources.name(at.file), position.line,
                               position.column);
  };
  Location out = place(span);
  for (const Frame *f = &frame; f->caller; f = f->caller)
    if (f->callSpan.end > f->callSpan.begin)
      out = CallSiteLoc::get(out, place(f->callSpan));
  if (!frame.path.empty())
    out = NameLoc::get(StringAttr::get(&context, frame.path), out);
  return out;
}

bool Importer::spend(const Frame &frame, Span span) {
  if (++spent <= maxSteps)
    return true;
  error(frame, span,
        "the model takes more than " + std::to_string(maxSteps) +
            " steps to read",
        "is a `repeat` too long?");
  return false;
}

} // namespace varve::importer
