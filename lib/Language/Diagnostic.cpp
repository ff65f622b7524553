// How errors are kept and shown, and which name was probably meant.
#include "Language/Diagnostic.h"

#include "Support/Utf8.h"

#include <algorithm>
#include <cctype>
#include <tuple>

using namespace varve;

void Diagnostics::error(Span span, std::string message, std::string remedy,
                        std::vector<Diagnostic::Note> notes) {
  if (countOfFile.size() <= span.file)
    countOfFile.resize(span.file + 1);
  if (++countOfFile[span.file] <= maxErrors)
    list.push_back(
        {span, std::move(message), std::move(remedy), std::move(notes)});
}

namespace {

/// What a terminal may safely show: tabs as one space (so that carets stand
/// right), control characters and broken UTF-8 as `?`.
std::vector<std::string> printableCharacters(std::string_view text) {
  std::vector<std::string> characters;
  while (!text.empty()) {
    std::size_t length = characterLength(text);
    auto first = static_cast<unsigned char>(text[0]);
    if (first == '\t')
      characters.push_back(" ");
    else if (length == 0 || first < 0x20 || first == 0x7F)
      characters.push_back("?");
    else
      characters.emplace_back(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return characters;
}

/// A line this long is shown in part.
constexpr std::size_t shownColumns = 160;

std::string renderPlace(const Sources &sources, Span span,
                        const std::string &severity, const std::string &message,
                        const std::string &remedy) {
  LineColumn place = sources.position(span);
  std::string number = std::to_string(place.line);
  std::string out = sources.name(span.file) + ":";
  if (!sources.isOption(span.file))
    out += number + ":" + std::to_string(place.column) + ":";
  out += " " + severity + ": " + message + "\n";

  std::vector<std::string> line =
      printableCharacters(sources.lineText(span.file, place.line));
  std::size_t caret = place.column - 1;
  std::size_t begin = 0, end = line.size();
  if (line.size() > shownColumns) {
    begin = caret > shownColumns / 2 ? caret - shownColumns / 2 : 0;
    end = std::min(line.size(), begin + shownColumns);
  }
  out += number + " | ";
  std::size_t indent = caret - begin;
  if (begin > 0) {
    out += "...";
    indent += 3;
  }
  for (std::size_t i = begin; i < end; ++i)
    out += line[i];
  out += end < line.size() ? "...\n" : "\n";

  // The underline ends with the line.
  std::size_t width = countCharacters(sources.text(span));
  std::size_t left = end > caret ? end - caret : 1;
  width = std::max<std::size_t>(1, std::min(width, left));
  out += std::string(number.size(), ' ') + " | " + std::string(indent, ' ') +
         std::string(width, '^');
  return out + (remedy.empty() ? "\n" : " " + remedy + "\n");
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`: the
/// restricted Damerau-Levenshtein distance, by rows.
std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1),
      row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

} // namespace

std::string Diagnostics::render(const Diagnostic &diagnostic) const {
  std::string out = renderPlace(sources, diagnostic.span, "error",
                                diagnostic.message, diagnostic.remedy);
  for (const Diagnostic::Note &note : diagnostic.notes)
    out += renderPlace(sources, note.span, "note", note.message, "");
  return out;
}

std::string Diagnostics::render() const {
  std::vector<const Diagnostic *> sorted;
  for (const Diagnostic &diagnostic : list)
    sorted.push_back(&diagnostic);
  auto comesFirst = [](const Diagnostic *a, const Diagnostic *b) {
    return std::tie(a->span.file, a->span.begin) <
           std::tie(b->span.file, b->span.begin);
  };
  std::stable_sort(sorted.begin(), sorted.end(), comesFirst);
  std::string out;
  for (const Diagnostic *diagnostic : sorted)
    out += render(*diagnostic);
  for (std::size_t file = 0; file < countOfFile.size(); ++file)
    if (countOfFile[file] > maxErrors)
      out += sources.name(static_cast<FileId>(file)) + ": " +
             std::to_string(countOfFile[file] - maxErrors) +
             " more errors are not shown\n";
  return out;
}

Error Diagnostics::toError(ErrorKind kind) const {
  std::string text = render();
  if (!text.empty())
    text.pop_back();
  return {text, kind};
}

std::optional<std::string>
varve::closest(std::string_view name,
               const std::vector<std::string> &candidates) {
  // A third of the letters may be wrong; nobody misspells names this long.
  if (name.size() > 100)
    return std::nullopt;
  std::size_t best = (name.size() + 1) / 3 + 1;
  std::optional<std::string> found;
  std::string wanted = lower(name);
  for (const std::string &candidate : candidates) {
    std::size_t difference = candidate.size() > name.size()
                                 ? candidate.size() - name.size()
                                 : name.size() - candidate.size();
    if (difference >= best)
      continue;
    std::size_t distance = editDistance(wanted, lower(candidate));
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string varve::suggest(std::string_view name,
                           const std::vector<std::string> &candidates) {
  std::optional<std::string> found = closest(name, candidates);
  return found ? "did you mean `" + *found + "`?" : "";
}
