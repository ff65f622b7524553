// Decompression through zlib.
#include "Support/Inflate.h"
#include <algorithm>
#include <climits>
#include <cstdint>
#include <fmt/format.h>
#include <zlib.h>

namespace varve {

struct Inflater::State {
  z_stream stream = {};
  std::string_view rest; // not yet given to zlib
  Format format;
  bool ready = false, ended = false;

  // zlib counts in 32 bits.
  void feed() {
    if (stream.avail_in || rest.empty())
      return;
    size_t part = std::min<size_t>(rest.size(), UINT_MAX);
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(rest.data()));
    stream.avail_in = static_cast<uInt>(part);
    rest.remove_prefix(part);
  }
  bool hasInput() const { return stream.avail_in || !rest.empty(); }
};

bool isGzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

Inflater::Inflater(std::string_view bytes, Format format)
    : state(std::make_unique<State>()) {
  state->rest = bytes;
  state->format = format;
  // Window bits: the largest, + 16 for gzip's header, negative for none.
  state->ready = inflateInit2(&state->stream,
                              format == Format::Gzip ? 15 + 16 : -15) == Z_OK;
}

Inflater::~Inflater() {
  if (state && state->ready)
    inflateEnd(&state->stream);
}

Inflater::Inflater(Inflater &&) noexcept = default;

Result<size_t> Inflater::read(void *to, size_t size) {
  if (!state->ready)
    return Error{"zlib cannot start"};
  auto *next = static_cast<Bytef *>(to);
  size_t done = 0;
  z_stream &stream = state->stream;
  while (done < size && !state->ended) {
    state->feed();
    size_t part = std::min<size_t>(size - done, UINT_MAX);
    stream.next_out = next + done;
    stream.avail_out = static_cast<uInt>(part);
    int code = inflate(&stream, Z_NO_FLUSH);
    done += part - stream.avail_out;
    if (code == Z_STREAM_END) {
      // A gzip file may be several members; zeros may pad its end.
      state->feed();
      bool another = state->format == Format::Gzip && state->hasInput() &&
                     *stream.next_in != 0;
      if (!another)
        state->ended = true;
      else if (inflateReset(&stream) != Z_OK)
        return Error{"zlib cannot go on"};
      continue;
    }
    if (code == Z_BUF_ERROR && !state->hasInput())
      return Error{"the compressed data end too early"};
    if (code != Z_OK && code != Z_BUF_ERROR)
      return Error{fmt::format("the compressed data are corrupt ({})",
                               stream.msg ? stream.msg : "zlib error")};
  }
  return done;
}

Result<std::string> gunzip(std::string_view bytes, uint64_t limit) {
  Inflater inflater(bytes, Inflater::Format::Gzip);
  std::string text;
  for (size_t part = 1 << 16;; part = std::min<size_t>(2 * part, 1 << 26)) {
    size_t before = text.size();
    text.resize(before + part);
    auto got = inflater.read(text.data() + before, part);
    if (!got)
      return got.error();
    text.resize(before + *got);
    if (text.size() > limit)
      return Error{fmt::format("it expands to more than {} bytes", limit)};
    if (*got < part)
      return text;
  }
}

} // namespace varve
