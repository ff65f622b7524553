// Reading zip files (PKWARE's APPNOTE): stored and deflated entries, zip64.
#ifndef VARVE_SUPPORT_ZIP_H
#define VARVE_SUPPORT_ZIP_H

#include "varve/Result.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

struct ZipEntry {
  std::string name;
  uint16_t method = 0; ///< 0 stored, 8 deflated
  uint32_t crc = 0;
  uint64_t compressedBytes = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0; ///< of the local header
};

/// The entries in the order of the central directory; names are unique.
Result<std::vector<ZipEntry>> listZip(std::string_view file);

/// An entry's content, its size and checksum verified.
Result<std::string> extractZip(std::string_view file, const ZipEntry &entry);

} // namespace varve
#endif
