// Texts and places: line and column are computed from the line starts.
#include "Language/Source.h"

#include "Support/Utf8.h"

#include <algorithm>
#include <cassert>
#include <limits>

using namespace varve;

FileId Sources::add(std::string name, std::string text) {
  assert(text.size() < std::numeric_limits<std::uint32_t>::max() &&
         "offsets have 32 bits");
  File file{std::move(name), std::move(text), {0}};
  for (std::size_t i = 0; i < file.text.size(); ++i)
    if (file.text[i] == '\n')
      file.lineStarts.push_back(static_cast<std::uint32_t>(i + 1));
  files.push_back(std::move(file));
  return static_cast<FileId>(files.size() - 1);
}

std::string_view Sources::text(Span span) const {
  return text(span.file).substr(span.begin, span.end - span.begin);
}

LineColumn Sources::position(Span span) const {
  const std::vector<std::uint32_t> &starts = files[span.file].lineStarts;
  auto next = std::upper_bound(starts.begin(), starts.end(), span.begin);
  auto line = static_cast<std::uint32_t>(next - starts.begin());
  std::uint32_t start = starts[line - 1];
  std::string_view before = text(span.file).substr(start, span.begin - start);
  return {line, static_cast<std::uint32_t>(countCharacters(before) + 1)};
}

std::string_view Sources::lineText(FileId file, std::uint32_t line) const {
  const std::vector<std::uint32_t> &starts = files[file].lineStarts;
  std::string_view rest = text(file).substr(starts[line - 1]);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r')
    rest.remove_suffix(1);
  return rest;
}
