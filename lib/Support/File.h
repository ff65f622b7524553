// Files: written whole or not at all, read with a bound on their size.
#ifndef VARVE_SUPPORT_FILE_H
#define VARVE_SUPPORT_FILE_H

#include "varve/Result.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace varve {

/// A file that appears under its name only when it is complete: a temporary
/// file in the same folder, fsync, rename, fsync of the folder. A failure, or
/// the end of the AtomicFile without `commit`, removes the temporary file and
/// leaves the earlier file whole. Temporary files that a killed process left
/// behind are removed by the next writer of the same name.
class AtomicFile {
public:
  /// Fails where the folder cannot be written or `path` is there and is no
  /// regular file.
  static Result<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  /// Appends bytes. After a failure the file can only be dropped.
  Status write(const void *bytes, size_t size);
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }

  /// Makes the file durable under its name.
  Status commit();

  /// Where the bytes are until `commit`, for what writes by itself (a linker).
  const std::string &temporaryPath() const { return temporary; }

private:
  AtomicFile() = default;

  std::string path, temporary;
  int descriptor = -1;
};

/// Writes the parts one after the other as one file, by AtomicFile.
Status writeFile(const std::string &path,
                 const std::vector<std::string_view> &parts);

/// A file opened for reading, its size known.
class InputFile {
public:
  static Result<InputFile> open(const std::string &path);

  InputFile(InputFile &&other) noexcept;
  InputFile &operator=(InputFile &&) = delete;
  ~InputFile();

  /// Bytes in the file when it was opened.
  uint64_t size() const { return bytes; }
  const std::string &path() const { return name; }

  /// Reads exactly `size` bytes at `offset`.
  Status read(uint64_t offset, void *to, size_t size) const;

private:
  InputFile() = default;

  std::string name;
  int descriptor = -1;
  uint64_t bytes = 0;
};

/// The whole file, which must be no larger than `limit` bytes.
Result<std::string> readFile(const std::string &path,
                             uint64_t limit = UINT64_MAX);

/// Makes a folder and those above it.
Status makeFolders(const std::string &path);

} // namespace varve
#endif
