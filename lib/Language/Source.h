// The texts a compilation reads, and places in them.
#ifndef VARVE_LANGUAGE_SOURCE_H
#define VARVE_LANGUAGE_SOURCE_H

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Index of a text in its Sources.
using FileId = std::uint32_t;

/// The bytes [begin, end) of a file.
struct Span {
  FileId file = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// From the first byte of `first` to the last of `last`, in one file.
inline Span join(Span first, Span last) {
  return {first.file, first.begin, last.end};
}

/// Both count from 1; the column counts characters, not bytes.
struct LineColumn {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// Keeps the texts; a view of one stays valid as long as this lives.
class Sources {
public:
  /// `name` is what diagnostics show. The text is shorter than 4 GiB.
  FileId add(std::string name, std::string text);

  const std::string &name(FileId file) const { return files[file].name; }
  /// What is given on the command line has a name that begins with this, and
  /// no lines.
  static constexpr const char *option = "--set";
  bool isOption(FileId file) const { return name(file).rfind(option, 0) == 0; }
  std::string_view text(FileId file) const { return files[file].text; }
  std::string_view text(Span span) const;

  /// Where `span` begins.
  LineColumn position(Span span) const;
  /// Line `line`, without its line break.
  std::string_view lineText(FileId file, std::uint32_t line) const;

private:
  struct File {
    std::string name;
    std::string text;
    std::vector<std::uint32_t> lineStarts;
  };
  std::deque<File> files;
};

} // namespace varve
#endif
