// Tar: a header of 512 bytes, then the file, filled up to 512 bytes. Two empty
// headers end the archive; its end does, too.
#include "Support/Tar.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>

namespace varve {
namespace {

constexpr size_t blockBytes = 512;
/// Names and what else stands in the extended headers.
constexpr uint64_t maxHeaderBytes = 1 << 20;

using Block = std::array<char, blockBytes>;

std::string_view textAt(const Block &block, size_t offset, size_t size) {
  std::string_view text(block.data() + offset, size);
  return text.substr(0, text.find('\0'));
}

/// Octal digits, or, where the first bit is set, a big-endian number.
std::optional<uint64_t> numberAt(const Block &block, size_t offset,
                                 size_t size) {
  uint64_t value = 0;
  const char *digits = block.data() + offset;
  if (static_cast<unsigned char>(digits[0]) == 0x80) {
    for (size_t i = size - 8; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(digits[i]);
    return value;
  }
  bool any = false;
  for (size_t i = 0; i < size; ++i) {
    char c = digits[i];
    if (c >= '0' && c <= '7') {
      value = value << 3 | static_cast<uint64_t>(c - '0');
      any = true;
    } else if (c == ' ' && !any) {
      continue;
    } else if (c == ' ' || c == '\0') {
      break;
    } else {
      return std::nullopt;
    }
  }
  return any ? std::optional(value) : std::nullopt;
}

/// The sum of the header's bytes, its own field taken as spaces.
bool checksumFits(const Block &block) {
  uint64_t sum = 8 * ' ';
  for (size_t i = 0; i < blockBytes; ++i)
    if (i < 148 || i >= 156)
      sum += static_cast<unsigned char>(block[i]);
  return numberAt(block, 148, 8) == sum;
}

/// "LENGTH KEY=VALUE\n" records of a pax header.
std::optional<std::string> paxValue(std::string_view records,
                                    std::string_view key) {
  while (!records.empty()) {
    size_t space = records.find(' '), length = 0;
    if (space == std::string_view::npos || space > 9)
      return std::nullopt;
    for (char c : records.substr(0, space)) {
      if (c < '0' || c > '9')
        return std::nullopt;
      length = length * 10 + static_cast<size_t>(c - '0');
    }
    if (length <= space + 1 || length > records.size())
      return std::nullopt;
    std::string_view record =
        records.substr(space + 1, length - space - 2); // without \n
    if (record.size() > key.size() && record[key.size()] == '=' &&
        record.substr(0, key.size()) == key)
      return std::string(record.substr(key.size() + 1));
    records.remove_prefix(length);
  }
  return std::nullopt;
}

} // namespace

TarReader::TarReader(std::string_view bytes) : bytes(bytes) {
  if (isGzip(bytes))
    inflater.emplace(bytes, Inflater::Format::Gzip);
}

Result<size_t> TarReader::read(char *to, size_t size) {
  if (inflater)
    return inflater->read(to, size);
  size = std::min(size, bytes.size() - at);
  std::memcpy(to, bytes.data() + at, size);
  at += size;
  return size;
}

// In parts, so that no claimed size is believed.
Status TarReader::readContent(uint64_t size, std::string *to) {
  Block padding;
  std::string part;
  for (uint64_t done = 0; done < size;) {
    uint64_t step = std::min<uint64_t>(size - done, 1 << 20);
    part.resize(step);
    auto got = read(part.data(), step);
    if (!got)
      return got.error();
    if (*got < step)
      return Error{"the archive ends in an entry"};
    if (to)
      to->append(part);
    done += step;
  }
  size_t rest = (blockBytes - size % blockBytes) % blockBytes;
  auto got = read(padding.data(), rest);
  return got ? Status() : Status(got.error());
}

Result<std::optional<TarEntry>> TarReader::next(bool contents) {
  std::string longName;
  while (true) {
    Block header;
    auto got = read(header.data(), blockBytes);
    if (!got)
      return got.error();
    if (*got == 0 || std::all_of(header.begin(), header.end(),
                                 [](char c) { return c == 0; }))
      return std::optional<TarEntry>();
    if (*got < blockBytes || !checksumFits(header))
      return Error{"the archive has a damaged header"};
    auto size = numberAt(header, 124, 12);
    if (!size)
      return Error{"the archive has a damaged header"};
    char type = header[156];
    if (type == 'x' || type == 'L') {
      if (*size > maxHeaderBytes)
        return Error{"the archive has a damaged header"};
      std::string text;
      if (Status status = readContent(*size, &text); !status)
        return status.error();
      longName = type == 'L' ? text.substr(0, text.find('\0'))
                             : paxValue(text, "path").value_or(longName);
      continue;
    }
    TarEntry entry;
    entry.name = longName;
    longName.clear();
    if (entry.name.empty()) {
      std::string_view folder = textAt(header, 345, 155);
      if (textAt(header, 257, 5) == "ustar" && header[262] == '\0' &&
          !folder.empty())
        entry.name = std::string(folder) + "/";
      entry.name += textAt(header, 0, 100);
    }
    bool regular = type == '0' || type == '\0';
    // A link has no content, whatever size it claims.
    if (type == '1' || type == '2')
      size = 0;
    if (Status status =
            readContent(*size, regular && contents ? &entry.content : nullptr);
        !status)
      return Error{fmt::format("'{}': {}", entry.name, status.error().message)};
    if (regular)
      return std::optional(std::move(entry));
  }
}

} // namespace varve
