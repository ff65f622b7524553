// Decompression through zlib, a stream at a time, so that no size is believed
// before its bytes have been seen.
#ifndef VARVE_SUPPORT_INFLATE_H
#define VARVE_SUPPORT_INFLATE_H

#include "varve/Result.h"
#include <memory>
#include <string>
#include <string_view>

namespace varve {

/// Whether the bytes begin like a gzip file.
bool isGzip(std::string_view bytes);

/// Deflate expands by less than this factor, so a claim above it is false.
constexpr uint64_t maxInflateRatio = 1032;

/// Decompresses bytes in memory, which must outlive it.
class Inflater {
public:
  enum class Format {
    Gzip, ///< members with header and checksum, one after the other
    Raw,  ///< one deflate stream, as in zip files
  };
  Inflater(std::string_view bytes, Format format);
  ~Inflater();
  Inflater(Inflater &&) noexcept;

  /// Fills up to `size` bytes; fewer only at the end of the stream. Fails on
  /// corrupt and on truncated data.
  Result<size_t> read(void *to, size_t size);

private:
  struct State;
  std::unique_ptr<State> state;
};

/// A whole gzip file; fails above `limit` bytes.
Result<std::string> gunzip(std::string_view bytes, uint64_t limit = UINT64_MAX);

} // namespace varve
#endif
