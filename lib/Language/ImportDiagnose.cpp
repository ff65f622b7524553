// Errors of the importer, with the calls that lead to them, and the places
// that operations carry.
#include "Language/ImportImpl.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace varve::importer {

/// Statements and calls that one import may run: a guard against texts like
/// `repeat i in 0..1_000_000_000 { }`.
constexpr uint64_t maxSteps = 500'000;

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
/// What makes a number part of a name or a fraction.
static bool isWord(char c) {
  return isDigit(c) || c == '.' || c == '_' || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

std::vector<Diagnostic::Note> Importer::callNotes(const Frame &frame) {
  constexpr size_t maxNotes = 8;
  std::vector<Diagnostic::Note> notes;
  // What is wrong with an argument stands in the call itself.
  const Frame *first = frame.binding ? frame.caller : &frame;
  for (const Frame *f = first; f->caller && notes.size() < maxNotes;
       f = f->caller)
    if (f->callSpan.end > f->callSpan.begin)
      notes.push_back({f->callSpan, "in this call of `" + f->blockName + "`"});
  return notes;
}

// In the trial with stand-in samples, sizes are multiples of their number.
std::string Importer::nameSamples(const std::string &text) const {
  if (!trial)
    return text;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && isDigit(text[end]))
      ++end;
    bool number = end > i && end - i < 18 && (i == 0 || !isWord(text[i - 1])) &&
                  (end == text.size() || !isWord(text[end]));
    int64_t size = number ? std::stoll(text.substr(i, end - i)) : 0;
    if (size > 0 && size % standInSamples == 0) {
      int64_t factor = size / standInSamples;
      out += samplesName + (factor == 1 ? "" : " * " + std::to_string(factor));
      i = end;
      continue;
    }
    end = std::max(end, i + 1);
    out += text.substr(i, end - i);
    i = end;
  }
  return out;
}

Datum Importer::error(const Frame &frame, Span span, std::string message,
                      std::string remedy) {
  onlyRefusals = false;
  message = nameSamples(message);
  remedy = nameSamples(remedy);
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
  anyRefusal = true;
  bool before = onlyRefusals;
  Datum out = error(frame, span, std::move(message), std::move(remedy));
  onlyRefusals = before;
  return out;
}

const Frame &Importer::userFrame(const Frame &frame, Span &span) const {
  const Frame *f = &frame;
  while (isPrelude(span) && f->caller) {
    span = f->callSpan;
    f = f->caller;
  }
  return *f;
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
  if (spent == maxSteps + 1)
    error(frame, span,
          "the model takes more than " + std::to_string(maxSteps) +
              " steps to read",
          "is a `repeat` too long?");
  return false;
}

} // namespace varve::importer
