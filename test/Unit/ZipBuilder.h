// Zip files for tests, written from the format's description, with lies where
// a test wants them.
#ifndef VARVE_TEST_ZIPBUILDER_H
#define VARVE_TEST_ZIPBUILDER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <zlib.h>

namespace varve {

class ZipBuilder {
public:
  /// Method 8 deflates; any other number is only claimed. `claimed`: the size
  /// that the directory says, if not the true one.
  ZipBuilder &add(std::string_view name, std::string_view content,
                  uint16_t method = 0, int64_t claimed = -1) {
    std::string packed(content);
    if (method == 8)
      packed = deflated(content);
    uint32_t crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef *>(content.data()),
              static_cast<uInt>(content.size())));
    uint64_t size = claimed < 0 ? content.size() : uint64_t(claimed);
    uint64_t offset = body.size();
    std::string common;
    number(common, 0, 2); // flags
    number(common, method, 2);
    number(common, 0, 4); // time and date
    number(common, crc, 4);
    number(common, packed.size(), 4);
    number(common, size, 4);
    number(common, name.size(), 2);
    number(common, 0, 2); // extra field
    number(body, 0x04034b50, 4);
    number(body, 20, 2); // version needed
    body.append(common).append(name).append(packed);
    number(directory, 0x02014b50, 4);
    number(directory, 20, 2); // made by
    number(directory, 20, 2);
    directory += common;
    number(directory, 0, 2 + 2 + 2 + 4); // comment, disk, attributes
    number(directory, offset, 4);
    directory += name;
    ++entries;
    return *this;
  }

  std::string bytes() const {
    std::string file = body + directory;
    number(file, 0x06054b50, 4);
    number(file, 0, 4); // disks
    number(file, entries, 2);
    number(file, entries, 2);
    number(file, directory.size(), 4);
    number(file, body.size(), 4);
    number(file, 0, 2); // comment
    return file;
  }

private:
  static void number(std::string &to, uint64_t value, int width) {
    for (int i = 0; i < width; ++i)
      to += static_cast<char>(i < 8 ? value >> (8 * i) : 0);
  }
  static std::string deflated(std::string_view content) {
    z_stream stream = {};
    deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
    std::string packed(deflateBound(&stream, content.size()), '\0');
    stream.next_in =
        reinterpret_cast<Bytef *>(const_cast<char *>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef *>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
  }

  std::string body, directory;
  uint16_t entries = 0;
};

} // namespace varve
#endif
