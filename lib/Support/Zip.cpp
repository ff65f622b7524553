// Reading zip files. The central directory is the truth; local headers are
// only looked at for the place where an entry's bytes begin.
#include "Support/Zip.h"
#include "Support/Inflate.h"
#include <algorithm>
#include <fmt/format.h>
#include <unordered_set>
#include <zlib.h>

namespace varve {
namespace {

// Little-endian numbers at checked places.
class Bytes {
public:
  explicit Bytes(std::string_view bytes) : bytes(bytes) {}

  bool has(uint64_t offset, uint64_t size) const {
    return offset <= bytes.size() && size <= bytes.size() - offset;
  }
  uint64_t number(uint64_t offset, int width) const {
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
    return value;
  }
  uint16_t u16(uint64_t offset) const { return number(offset, 2); }
  uint32_t u32(uint64_t offset) const { return number(offset, 4); }
  uint64_t u64(uint64_t offset) const { return number(offset, 8); }
  std::string_view text(uint64_t offset, uint64_t size) const {
    return bytes.substr(offset, size);
  }
  uint64_t size() const { return bytes.size(); }

private:
  std::string_view bytes;
};

constexpr uint32_t localSignature = 0x04034b50, centralSignature = 0x02014b50,
                   endSignature = 0x06054b50, end64Signature = 0x06064b50,
                   locator64Signature = 0x07064b50;
constexpr uint64_t localBytes = 30, centralBytes = 46, endBytes = 22,
                   locatorBytes = 20, end64Bytes = 56;

struct Directory {
  uint64_t entries, bytes, offset;
};

// The end record stands before a comment of up to 65,535 bytes.
Result<Directory> findDirectory(const Bytes &file) {
  Error none{"it has no end of a zip directory"};
  if (file.size() < endBytes)
    return none;
  uint64_t end = file.size() - endBytes;
  uint64_t last = end > 65535 ? end - 65535 : 0;
  while (file.u32(end) != endSignature ||
         file.u16(end + 20) != file.size() - end - endBytes) {
    if (end == last)
      return none;
    --end;
  }
  Directory result{file.u16(end + 10), file.u32(end + 12), file.u32(end + 16)};
  if (end >= locatorBytes &&
      file.u32(end - locatorBytes) == locator64Signature) {
    uint64_t end64 = file.u64(end - locatorBytes + 8);
    if (!file.has(end64, end64Bytes) || file.u32(end64) != end64Signature)
      return Error{"its zip64 directory is not where it should be"};
    result = {file.u64(end64 + 32), file.u64(end64 + 40), file.u64(end64 + 48)};
  }
  if (!file.has(result.offset, result.bytes) ||
      result.entries > result.bytes / centralBytes)
    return Error{"its zip directory does not fit the file"};
  return result;
}

// Sizes that do not fit 32 bits stand in an extra field, in this order.
bool readZip64Extra(const Bytes &file, uint64_t offset, uint64_t size,
                    ZipEntry &entry) {
  uint64_t end = offset + size;
  uint64_t *fields[] = {&entry.bytes, &entry.compressedBytes, &entry.offset};
  bool needed = std::any_of(std::begin(fields), std::end(fields),
                            [](uint64_t *f) { return *f == UINT32_MAX; });
  while (needed && offset + 4 <= end) {
    uint64_t next = offset + 4, stop = next + file.u16(offset + 2);
    if (stop > end)
      return false;
    if (file.u16(offset) == 1) {
      for (uint64_t *field : fields) {
        if (*field != UINT32_MAX)
          continue;
        if (next + 8 > stop)
          return false;
        *field = file.u64(next);
        next += 8;
      }
      return true;
    }
    offset = stop;
  }
  return !needed;
}

} // namespace

Result<std::vector<ZipEntry>> listZip(std::string_view bytes) {
  Bytes file(bytes);
  auto directory = findDirectory(file);
  if (!directory)
    return directory.error();
  std::vector<ZipEntry> entries;
  std::unordered_set<std::string> names;
  uint64_t at = directory->offset, end = at + directory->bytes;
  for (uint64_t i = 0; i < directory->entries; ++i) {
    Error bad{fmt::format("entry {} of its zip directory is damaged", i + 1)};
    if (end - at < centralBytes || file.u32(at) != centralSignature)
      return bad;
    uint64_t name = file.u16(at + 28), extra = file.u16(at + 30),
             comment = file.u16(at + 32);
    if (end - at - centralBytes < name + extra + comment)
      return bad;
    ZipEntry entry;
    entry.name = file.text(at + centralBytes, name);
    entry.method = file.u16(at + 10);
    entry.crc = file.u32(at + 16);
    entry.compressedBytes = file.u32(at + 20);
    entry.bytes = file.u32(at + 24);
    entry.offset = file.u32(at + 42);
    if (!readZip64Extra(file, at + centralBytes + name, extra, entry))
      return bad;
    if (file.u16(at + 8) & 1)
      return Error{fmt::format("its entry '{}' is encrypted", entry.name),
                   ErrorKind::Unsupported};
    if (!names.insert(entry.name).second)
      return Error{fmt::format("'{}' stands twice in it", entry.name)};
    at += centralBytes + name + extra + comment;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::string> extractZip(std::string_view bytes, const ZipEntry &entry) {
  Bytes file(bytes);
  auto bad = [&](std::string_view what) {
    return Error{fmt::format("its entry '{}' {}", entry.name, what)};
  };
  if (!file.has(entry.offset, localBytes) ||
      file.u32(entry.offset) != localSignature)
    return bad("is not where the directory says");
  uint64_t begin = entry.offset + localBytes + file.u16(entry.offset + 26) +
                   file.u16(entry.offset + 28);
  if (!file.has(begin, entry.compressedBytes))
    return bad("is longer than the file");
  std::string_view packed = file.text(begin, entry.compressedBytes);
  if (entry.method != 0 && entry.method != 8)
    return Error{fmt::format("its entry '{}' is compressed by method {}; only "
                             "stored and deflated ones are supported",
                             entry.name, entry.method),
                 ErrorKind::Unsupported};
  uint64_t ratio = entry.method == 0 ? 1 : maxInflateRatio;
  if (entry.bytes / ratio > packed.size() ||
      (entry.method == 0 && entry.bytes != packed.size()))
    return bad(fmt::format("claims {} bytes, but has {} packed ones",
                           entry.bytes, packed.size()));
  std::string content;
  if (entry.method == 0) {
    content = packed;
  } else {
    Inflater inflater(packed, Inflater::Format::Raw);
    // One more byte than claimed, to see a stream that goes on.
    for (size_t part = 1 << 20; content.size() <= entry.bytes; part *= 2) {
      size_t before = content.size();
      part = std::min<uint64_t>(part, entry.bytes - before + 1);
      content.resize(before + part);
      auto got = inflater.read(content.data() + before, part);
      if (!got)
        return bad(fmt::format("cannot be unpacked: {}", got.error().message));
      content.resize(before + *got);
      if (*got < part)
        break;
    }
    if (content.size() != entry.bytes)
      return bad(fmt::format("does not unpack to the {} bytes it claims",
                             entry.bytes));
  }
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef *>(content.data()),
                      content.size());
  if (crc != entry.crc)
    return bad("has a wrong checksum");
  return content;
}

} // namespace varve
