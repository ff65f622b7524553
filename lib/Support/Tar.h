// Reading tar files (POSIX ustar and pax, GNU's long names), plain or gzip,
// one entry after the other.
#ifndef VARVE_SUPPORT_TAR_H
#define VARVE_SUPPORT_TAR_H

#include "Support/Inflate.h"
#include "varve/Result.h"
#include <optional>
#include <string>
#include <string_view>

namespace varve {

/// A regular file in an archive.
struct TarEntry {
  std::string name;
  std::string content; ///< empty where only names are wanted
};

class TarReader {
public:
  /// `bytes` outlives it.
  explicit TarReader(std::string_view bytes);

  /// The next regular file, or nothing at the end. Contents are read, or
  /// skipped. Fails on damage and on an archive that ends in an entry.
  Result<std::optional<TarEntry>> next(bool contents = true);

private:
  /// Up to `size` bytes: fewer at the end of the archive.
  Result<size_t> read(char *to, size_t size);
  /// `size` bytes and the padding after them.
  Status readContent(uint64_t size, std::string *to);

  std::string_view bytes;
  size_t at = 0;
  std::optional<Inflater> inflater;
};

} // namespace varve
#endif
