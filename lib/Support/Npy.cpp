// NumPy's .npy format: "\x93NUMPY", the version, the header's length, a Python
// dictionary {'descr': .., 'fortran_order': .., 'shape': (..)}, the elements.
#include "Support/Npy.h"
#include "Support/File.h"
#include "Support/Zip.h"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/format.h>

namespace varve {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

struct NamedType {
  std::string_view descr;
  DType type;
};
constexpr NamedType types[] = {
    {"<f2", DType::F16}, {"<V2", DType::BF16}, {"<f4", DType::F32},
    {"<f8", DType::F64}, {"|i1", DType::I8},   {"<i2", DType::I16},
    {"<i4", DType::I32}, {"<i8", DType::I64},  {"|u1", DType::U8},
    {"<u2", DType::U16}, {"<u4", DType::U32},  {"<u8", DType::U64},
    {"|b1", DType::Bool}};

struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

// Reads the dictionary, a Python literal of a fixed form.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest(text) {}

  bool parse(Header &header) {
    bool descr = false, order = false, shape = false;
    if (!take('{'))
      return false;
    while (!take('}')) {
      std::string key;
      if (!parseString(key) || !take(':'))
        return false;
      if (key == "descr" && !descr)
        descr = parseString(header.descr);
      else if (key == "fortran_order" && !order)
        order = parseBool(header.fortranOrder);
      else if (key == "shape" && !shape)
        shape = parseShape(header.shape);
      else
        return false;
      if (!take(',') && !peek('}'))
        return false;
    }
    skipSpace();
    return rest.empty() && descr && order && shape;
  }

private:
  void skipSpace() {
    size_t start = rest.find_first_not_of(" \t\n\r");
    rest.remove_prefix(std::min(start, rest.size()));
  }
  bool peek(char c) {
    skipSpace();
    return !rest.empty() && rest[0] == c;
  }
  bool take(char c) {
    if (!peek(c))
      return false;
    rest.remove_prefix(1);
    return true;
  }
  bool takeWord(std::string_view word) {
    skipSpace();
    if (rest.substr(0, word.size()) != word)
      return false;
    rest.remove_prefix(word.size());
    return true;
  }
  bool parseString(std::string &text) {
    char quote = peek('"') ? '"' : '\'';
    if (!take(quote))
      return false;
    size_t end = rest.find(quote);
    if (end == std::string_view::npos)
      return false;
    text = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return true;
  }
  bool parseBool(bool &value) {
    value = takeWord("True");
    return value || takeWord("False");
  }
  bool parseShape(std::vector<int64_t> &shape) {
    if (!take('('))
      return false;
    while (!take(')')) {
      int64_t size;
      skipSpace();
      auto [end, code] =
          std::from_chars(rest.data(), rest.data() + rest.size(), size);
      if (code != std::errc() || size < 0 || shape.size() == 64)
        return false;
      rest.remove_prefix(static_cast<size_t>(end - rest.data()));
      takeWord("L"); // long integers of Python 2
      shape.push_back(size);
      if (!take(',') && !peek(')'))
        return false;
    }
    return true;
  }

  std::string_view rest;
};

bool parseType(std::string_view descr, DType &type) {
  for (const NamedType &known : types)
    if (known.descr == descr ||
        // The order of bytes means nothing for single bytes and plain ones.
        (descr.size() == 3 && known.descr.substr(1) == descr.substr(1) &&
         (byteSize(known.type) == 1 || descr[1] == 'V') &&
         (descr[0] == '|' || descr[0] == '<'))) {
      type = known.type;
      return true;
    }
  return false;
}

// Fortran order is C order of the reversed shape. Walks the elements in C
// order and keeps the source's offset by its strides.
void copyFromFortranOrder(const char *from, Tensor &tensor) {
  size_t width = byteSize(tensor.type), rank = tensor.shape.size();
  std::vector<size_t> stride(rank), index(rank);
  size_t next = width;
  for (size_t i = 0; i < rank; ++i) {
    stride[i] = next;
    next *= static_cast<size_t>(tensor.shape[i]);
  }
  std::byte *to = tensor.data.data(), *end = to + tensor.data.size();
  for (size_t offset = 0; to != end; to += width) {
    std::memcpy(to, from + offset, width);
    for (size_t i = rank; i-- > 0;) {
      offset += stride[i];
      if (++index[i] < static_cast<size_t>(tensor.shape[i]))
        break;
      offset -= stride[i] * index[i];
      index[i] = 0;
    }
  }
}

Result<Tensor> parseArray(std::string_view bytes) {
  if (bytes.size() < 10 || bytes.substr(0, magic.size()) != magic)
    return Error{"it does not begin with \\x93NUMPY"};
  int major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3)
    return Error{
        fmt::format("its format is version {}; 1 to 3 are known", major)};
  size_t lengthBytes = major == 1 ? 2 : 4, begin = 8 + lengthBytes;
  if (bytes.size() < begin)
    return Error{"it ends inside its header"};
  uint64_t length = 0;
  for (size_t i = lengthBytes; i-- > 0;)
    length = length << 8 | static_cast<unsigned char>(bytes[8 + i]);
  if (length > bytes.size() - begin)
    return Error{fmt::format("it claims a header of {} bytes, but {} follow",
                             length, bytes.size() - begin)};
  Header header;
  if (!HeaderParser(bytes.substr(begin, length)).parse(header))
    return Error{
        "its header is not {'descr': .., 'fortran_order': .., 'shape': (..)}"};
  DType type;
  if (!parseType(header.descr, type))
    return Error{
        fmt::format("its elements '{}' are not supported{}", header.descr,
                    header.descr.substr(0, 1) == ">" ? " (big-endian)" : ""),
        ErrorKind::Unsupported};
  std::string_view data = bytes.substr(begin + length);
  int64_t count = elementCount(header.shape), size;
  if (count < 0 ||
      __builtin_mul_overflow(count, int64_t(byteSize(type)), &size))
    return Error{"its shape is too large"};
  if (static_cast<uint64_t>(size) != data.size())
    return Error{fmt::format("{} needs {} bytes, {} follow its header",
                             toString(type, header.shape), size, data.size())};
  Tensor tensor(type, header.shape);
  if (header.fortranOrder && header.shape.size() > 1)
    copyFromFortranOrder(data.data(), tensor);
  else if (size)
    std::memcpy(tensor.data.data(), data.data(), data.size());
  return tensor;
}

Error withName(const std::string &name, const char *what, const Error &error) {
  return {
      fmt::format("'{}' is not a valid {} file: {}", name, what, error.message),
      error.kind};
}

} // namespace

Result<Tensor> parseNpy(std::string_view bytes, const std::string &name) {
  auto tensor = parseArray(bytes);
  if (!tensor)
    return withName(name, ".npy", tensor.error());
  return tensor;
}

Result<Tensor> readNpy(const std::string &path) {
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  return parseNpy(*bytes, path);
}

Status writeNpy(const std::string &path, const Tensor &tensor) {
  std::string_view descr;
  for (const NamedType &known : types)
    if (known.type == tensor.type)
      descr = known.descr;
  std::string shape;
  for (int64_t size : tensor.shape)
    shape += fmt::format("{}, ", size);
  // NumPy writes (3, 4) but (3,).
  if (tensor.shape.size() > 1)
    shape.resize(shape.size() - 2);
  else if (tensor.shape.size() == 1)
    shape.resize(shape.size() - 1);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                  descr, shape);
  // The elements begin at a multiple of 64; the header ends with a newline.
  size_t total = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(total - 10 - 1, ' ');
  header += '\n';
  std::string start(magic);
  start += {'\1', '\0', static_cast<char>(header.size() & 255),
            static_cast<char>(header.size() >> 8)};
  return writeFile(path, {start,
                          header,
                          {reinterpret_cast<const char *>(tensor.data.data()),
                           tensor.data.size()}});
}

Result<std::vector<std::pair<std::string, Tensor>>>
parseNpz(std::string_view bytes, const std::string &name,
         const std::vector<std::string> &wanted) {
  auto entries = listZip(bytes);
  if (!entries)
    return withName(name, ".npz", entries.error());
  std::vector<std::pair<std::string, Tensor>> arrays;
  for (const ZipEntry &entry : *entries) {
    std::string key = entry.name;
    constexpr std::string_view suffix = ".npy";
    if (key.size() < suffix.size() ||
        key.compare(key.size() - suffix.size(), suffix.size(), suffix) != 0)
      continue;
    key.resize(key.size() - suffix.size());
    if (!wanted.empty() &&
        std::find(wanted.begin(), wanted.end(), key) == wanted.end())
      continue;
    auto content = extractZip(bytes, entry);
    if (!content)
      return withName(name, ".npz", content.error());
    auto tensor = parseArray(*content);
    if (!tensor)
      return withName(
          name, ".npz",
          {fmt::format("array '{}': {}", key, tensor.error().message),
           tensor.error().kind});
    arrays.emplace_back(std::move(key), std::move(*tensor));
  }
  return arrays;
}

Result<std::vector<std::pair<std::string, Tensor>>>
readNpz(const std::string &path, const std::vector<std::string> &wanted) {
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  return parseNpz(*bytes, path, wanted);
}

} // namespace varve
