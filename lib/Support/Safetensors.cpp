// The safetensors format. Everything in a header is checked before a tensor is
// made, so that a bad file costs no more memory than its header.
#include "Support/Safetensors.h"
#include "Support/File.h"
#include <algorithm>
#include <cassert>
#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_set>

namespace varve {
namespace {

using nlohmann::json;

// The bound of the format's own reader.
constexpr uint64_t maxHeaderBytes = 100'000'000;
constexpr std::string_view metadataKey = "__metadata__";

struct HeaderEntry {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

struct Header {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries; // in the order of their bytes
};

struct NamedType {
  std::string_view name;
  DType type;
};
constexpr NamedType types[] = {
    {"F16", DType::F16},  {"BF16", DType::BF16}, {"F32", DType::F32},
    {"F64", DType::F64},  {"I8", DType::I8},     {"I16", DType::I16},
    {"I32", DType::I32},  {"I64", DType::I64},   {"U8", DType::U8},
    {"U16", DType::U16},  {"U32", DType::U32},   {"U64", DType::U64},
    {"BOOL", DType::Bool}};

bool parseType(std::string_view name, DType &type) {
  for (const NamedType &known : types)
    if (known.name == name) {
      type = known.type;
      return true;
    }
  return false;
}

std::string_view typeName(DType type) {
  for (const NamedType &known : types)
    if (known.type == type)
      return known.name;
  return "";
}

// A key that stands twice would silently win in the parsed value, so keys are
// looked at while parsing: depth 1 are tensors, deeper ones their fields.
json parseUnique(std::string_view text, std::string &duplicate) {
  std::vector<std::unordered_set<std::string>> keys;
  auto watch = [&](int, json::parse_event_t event, json &value) {
    if (event == json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == json::parse_event_t::key) {
      const auto &key = value.get_ref<const std::string &>();
      if (!keys.back().insert(key).second)
        duplicate = key;
    }
    return true;
  };
  return json::parse(text, watch, /*allow_exceptions=*/false);
}

bool parseIndex(const json &value, uint64_t &index) {
  if (!value.is_number_unsigned())
    return false;
  index = value.get<uint64_t>();
  return index <= INT64_MAX;
}

Status parseEntry(const json &value, HeaderEntry &entry) {
  auto bad = [&](std::string_view what) {
    return Status(Error{fmt::format("tensor '{}': {}", entry.name, what)});
  };
  if (!value.is_object())
    return bad("its entry is not an object");
  auto dtype = value.find("dtype"), shape = value.find("shape"),
       offsets = value.find("data_offsets");
  if (dtype == value.end() || shape == value.end() || offsets == value.end() ||
      value.size() != 3)
    return bad("its entry is not {dtype, shape, data_offsets}");
  if (!dtype->is_string() ||
      !parseType(dtype->get_ref<const std::string &>(), entry.type))
    return bad(fmt::format(
        "unknown dtype {}",
        dtype->dump(-1, ' ', false, json::error_handler_t::replace)));
  if (!shape->is_array() || shape->size() > 64)
    return bad("its shape is not a list of at most 64 sizes");
  for (const json &size : *shape) {
    uint64_t extent;
    if (!parseIndex(size, extent))
      return bad("a size is not an integer of at least 0");
    entry.shape.push_back(static_cast<int64_t>(extent));
  }
  if (!offsets->is_array() || offsets->size() != 2 ||
      !parseIndex((*offsets)[0], entry.begin) ||
      !parseIndex((*offsets)[1], entry.end) || entry.begin > entry.end)
    return bad("its data_offsets are not two integers [begin, end]");
  int64_t count = elementCount(entry.shape), bytes;
  if (count < 0 ||
      __builtin_mul_overflow(count, int64_t(byteSize(entry.type)), &bytes))
    return bad("its shape is too large");
  if (entry.end - entry.begin != static_cast<uint64_t>(bytes))
    return bad(fmt::format("{} needs {} bytes, its data_offsets span {}",
                           toString(entry.type, entry.shape), bytes,
                           entry.end - entry.begin));
  return {};
}

Status parseMetadata(const json &value,
                     std::map<std::string, std::string> &metadata) {
  if (!value.is_object())
    return Error{"its __metadata__ is not an object"};
  for (const auto &[key, text] : value.items()) {
    if (!text.is_string())
      return Error{fmt::format("its metadata '{}' is not a string", key)};
    metadata[key] = text.get<std::string>();
  }
  return {};
}

// `dataBytes`: what follows the header in the file.
Result<Header> parseHeader(std::string_view text, uint64_t dataBytes) {
  std::string duplicate;
  json root = parseUnique(text, duplicate);
  if (root.is_discarded() || !root.is_object())
    return Error{"its header is not a JSON object"};
  if (!duplicate.empty())
    return Error{fmt::format("'{}' stands twice in its header", duplicate)};
  Header header;
  for (const auto &[name, value] : root.items()) {
    if (name == metadataKey) {
      if (Status status = parseMetadata(value, header.metadata); !status)
        return status.error();
      continue;
    }
    HeaderEntry entry{name, DType::F32, {}, 0, 0};
    if (Status status = parseEntry(value, entry); !status)
      return status.error();
    header.entries.push_back(std::move(entry));
  }
  // Empty tensors first where offsets are equal, so that begin = last end.
  std::sort(header.entries.begin(), header.entries.end(),
            [](const HeaderEntry &a, const HeaderEntry &b) {
              return std::tie(a.begin, a.end, a.name) <
                     std::tie(b.begin, b.end, b.name);
            });
  uint64_t next = 0;
  for (const HeaderEntry &entry : header.entries) {
    if (entry.begin != next)
      return Error{fmt::format(
          "tensor '{}': its bytes begin at {}, {} {}", entry.name, entry.begin,
          entry.begin < next ? "inside the tensor that ends at"
                             : "after a hole from",
          next)};
    next = entry.end;
  }
  if (next != dataBytes)
    return Error{fmt::format("its tensors need {} bytes, the file has {}", next,
                             dataBytes)};
  return header;
}

// Reads `size` bytes at `offset` of the file, which has `total` bytes.
template <class Read>
Result<Header> readHeader(uint64_t total, uint64_t &dataBegin, Read read) {
  unsigned char raw[8];
  if (total < sizeof raw)
    return Error{fmt::format("it has {} bytes, fewer than the 8 of a header's "
                             "length",
                             total)};
  if (Status status = read(0, raw, sizeof raw); !status)
    return status.error();
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | raw[i];
  if (length > maxHeaderBytes || length > total - sizeof raw)
    return Error{fmt::format("it claims a header of {} bytes, but {} follow",
                             length, total - sizeof raw)};
  std::string text(length, '\0');
  if (Status status = read(sizeof raw, text.data(), text.size()); !status)
    return status.error();
  dataBegin = sizeof raw + length;
  return parseHeader(text, total - dataBegin);
}

template <class Read>
Result<Safetensors> readAll(const std::string &name, uint64_t total,
                            Read read) {
  auto fail = [&](const Error &error) {
    return Error{fmt::format("'{}' is not a valid safetensors file: {}", name,
                             error.message)};
  };
  uint64_t dataBegin = 0;
  auto header = readHeader(total, dataBegin, read);
  if (!header)
    return fail(header.error());
  Safetensors file;
  file.metadata = std::move(header->metadata);
  for (HeaderEntry &entry : header->entries) {
    Tensor tensor(entry.type, std::move(entry.shape));
    if (Status status = read(dataBegin + entry.begin, tensor.data.data(),
                             tensor.data.size());
        !status)
      return fail(status.error());
    file.tensors.emplace_back(std::move(entry.name), std::move(tensor));
  }
  return file;
}

auto readerOf(const InputFile &file) {
  return [&file](uint64_t offset, void *to, size_t size) {
    return file.read(offset, to, size);
  };
}

} // namespace

const Tensor *Safetensors::find(std::string_view name) const {
  for (const auto &[key, tensor] : tensors)
    if (key == name)
      return &tensor;
  return nullptr;
}

Result<Safetensors> readSafetensors(const std::string &path) {
  auto file = InputFile::open(path);
  if (!file)
    return file.error();
  return readAll(path, file->size(), readerOf(*file));
}

Result<Safetensors> parseSafetensors(std::string_view bytes,
                                     const std::string &name) {
  auto read = [&](uint64_t offset, void *to, size_t size) {
    assert(offset + size <= bytes.size() && "sizes are checked before reads");
    if (size)
      std::memcpy(to, bytes.data() + offset, size);
    return Status();
  };
  return readAll(name, bytes.size(), read);
}

Result<std::map<std::string, std::string>>
readSafetensorsMetadata(const std::string &path) {
  auto file = InputFile::open(path);
  if (!file)
    return file.error();
  uint64_t dataBegin = 0;
  auto header = readHeader(file->size(), dataBegin, readerOf(*file));
  if (!header)
    return Error{fmt::format("'{}' is not a valid safetensors file: {}", path,
                             header.error().message)};
  return std::move(header->metadata);
}

Status writeSafetensors(const std::string &path,
                        const std::vector<SafetensorsEntry> &entries,
                        const std::map<std::string, std::string> &metadata) {
  std::vector<const SafetensorsEntry *> order;
  std::unordered_set<std::string_view> names;
  for (const SafetensorsEntry &entry : entries) {
    if (entry.name == metadataKey || !names.insert(entry.name).second)
      return Error{fmt::format(
          "cannot write '{}': the name '{}' {}", path, entry.name,
          entry.name == metadataKey ? "is reserved" : "stands twice")};
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto *a, const auto *b) {
                     return byteSize(a->type) > byteSize(b->type);
                   });

  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!metadata.empty())
    root[std::string(metadataKey)] = metadata;
  uint64_t offset = 0;
  std::vector<std::string_view> parts(2);
  for (const SafetensorsEntry *entry : order) {
    int64_t count = elementCount(entry->shape);
    assert(count >= 0 && "a tensor in memory has a valid shape");
    size_t bytes = static_cast<size_t>(count) * byteSize(entry->type);
    root[entry->name] = {{"dtype", typeName(entry->type)},
                         {"shape", entry->shape},
                         {"data_offsets", {offset, offset + bytes}}};
    parts.emplace_back(static_cast<const char *>(entry->data), bytes);
    offset += bytes;
  }
  // Names that are no UTF-8 are written with replacement characters.
  std::string header = root.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<char>(uint64_t(header.size()) >> (8 * i));
  parts[0] = length;
  parts[1] = header;
  return writeFile(path, parts);
}

} // namespace varve
