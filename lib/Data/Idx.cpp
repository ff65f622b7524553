// The IDX format. The sizes that a header claims are held against the file's
// size (for gzip: against what its bytes could expand to) before memory is
// taken, and memory grows with what is really there.
#include "Data/Idx.h"
#include "Support/File.h"
#include "Support/Inflate.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <optional>

namespace varve {
namespace {

// The bytes of a plain or a gzip file, one after the other.
class Stream {
public:
  explicit Stream(std::string_view bytes) : rest(bytes) {
    if (isGzip(bytes))
      inflater.emplace(bytes, Inflater::Format::Gzip);
  }
  Result<size_t> read(void *to, size_t size) {
    if (inflater)
      return inflater->read(to, size);
    size = std::min(size, rest.size());
    if (size)
      std::memcpy(to, rest.data(), size);
    rest.remove_prefix(size);
    return size;
  }

private:
  std::string_view rest;
  std::optional<Inflater> inflater;
};

bool parseType(unsigned char code, DType &type) {
  switch (code) {
  case 0x08:
    type = DType::U8;
    return true;
  case 0x09:
    type = DType::I8;
    return true;
  case 0x0b:
    type = DType::I16;
    return true;
  case 0x0c:
    type = DType::I32;
    return true;
  case 0x0d:
    type = DType::F32;
    return true;
  case 0x0e:
    type = DType::F64;
    return true;
  }
  return false;
}

void reverseBytes(Tensor &tensor) {
  size_t width = byteSize(tensor.type);
  if (width == 1)
    return;
  for (size_t i = 0; i < tensor.data.size(); i += width)
    std::reverse(tensor.data.begin() + static_cast<ptrdiff_t>(i),
                 tensor.data.begin() + static_cast<ptrdiff_t>(i + width));
}

Result<Tensor> readTensor(Stream &stream, uint64_t atMost) {
  auto readAll = [&](void *to, size_t size) -> Status {
    auto got = stream.read(to, size);
    if (!got)
      return got.error();
    if (*got < size)
      return Error{"it ends inside its header"};
    return {};
  };
  unsigned char magic[4], size[4];
  if (Status status = readAll(magic, sizeof magic); !status)
    return status.error();
  Tensor tensor;
  if (magic[0] || magic[1] || !parseType(magic[2], tensor.type))
    return Error{fmt::format("its magic number is {:02x}{:02x}{:02x}{:02x}",
                             magic[0], magic[1], magic[2], magic[3])};
  for (int i = 0; i < magic[3]; ++i) {
    if (Status status = readAll(size, sizeof size); !status)
      return status.error();
    tensor.shape.push_back(int64_t(size[0]) << 24 | int64_t(size[1]) << 16 |
                           int64_t(size[2]) << 8 | int64_t(size[3]));
  }
  int64_t count = elementCount(tensor.shape), bytes;
  std::string shape = toString(tensor.type, tensor.shape);
  if (count < 0 ||
      __builtin_mul_overflow(count, int64_t(byteSize(tensor.type)), &bytes) ||
      static_cast<uint64_t>(bytes) > atMost)
    return Error{
        fmt::format("it claims to be {}, more than it can hold", shape)};

  uint64_t total = static_cast<uint64_t>(bytes), done = 0;
  for (uint64_t goal = 1 << 26; done < total; goal *= 2) {
    goal = std::min(goal, total);
    tensor.data.resize(goal);
    auto got = stream.read(tensor.data.data() + done, goal - done);
    if (!got)
      return got.error();
    done += *got;
    if (done < goal)
      return Error{
          fmt::format("{} needs {} bytes, it has {}", shape, total, done)};
  }
  char more;
  auto got = stream.read(&more, 1);
  if (!got)
    return got.error();
  if (*got)
    return Error{fmt::format("{} needs {} bytes, it has more", shape, total)};
  reverseBytes(tensor);
  return tensor;
}

} // namespace

Result<Tensor> parseIdx(std::string_view bytes, const std::string &name) {
  uint64_t ratio = isGzip(bytes) ? maxInflateRatio : 1;
  Stream stream(bytes);
  auto tensor = readTensor(stream, ratio * bytes.size());
  if (!tensor)
    return Error{fmt::format("'{}' is not a valid IDX file: {}", name,
                             tensor.error().message)};
  return tensor;
}

Result<Tensor> readIdx(const std::string &path) {
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  return parseIdx(*bytes, path);
}

} // namespace varve
