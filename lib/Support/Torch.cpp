// PyTorch's files. A tensor is a call of `_rebuild_tensor_v2` on a storage
// (by a persistent id), an offset, sizes and strides.
#include "Support/Torch.h"
#include "Support/File.h"
#include "Support/Pickle.h"
#include "Support/Zip.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace varve {
namespace {

using Kind = PickleValue::Kind;

/// A LONG1 of ten bytes: how the older format begins.
constexpr std::string_view legacyMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a"
                                       "\xa8\x50\x19",
                                       12);

const std::map<std::string, DType> &storageTypes() {
  static const std::map<std::string, DType> types = {
      {"torch.FloatStorage", DType::F32},
      {"torch.DoubleStorage", DType::F64},
      {"torch.HalfStorage", DType::F16},
      {"torch.BFloat16Storage", DType::BF16},
      {"torch.LongStorage", DType::I64},
      {"torch.IntStorage", DType::I32},
      {"torch.ShortStorage", DType::I16},
      {"torch.CharStorage", DType::I8},
      {"torch.ByteStorage", DType::U8},
      {"torch.BoolStorage", DType::Bool},
  };
  return types;
}

constexpr const char *rebuildTensor = "torch._utils._rebuild_tensor_v2",
                     *rebuildTensor1 = "torch._utils._rebuild_tensor",
                     *rebuildParameter = "torch._utils._rebuild_parameter";

bool admits(const std::string &global) {
  return storageTypes().count(global) || global == rebuildTensor ||
         global == rebuildTensor1 || global == rebuildParameter ||
         global == "collections.OrderedDict";
}

/// The bytes of storages, by key.
struct Storages {
  std::map<std::string, std::string> owned; ///< unpacked
  std::map<std::string, std::string_view> bytes;
  uint64_t total = 0;

  void add(const std::string &key, std::string_view content) {
    bytes[key] = content;
    total += content.size();
  }
};

const PickleValue *callOf(const PickleValue *value, const char *global) {
  bool matches = value->is(Kind::Object) && !value->items.empty() &&
                 value->items[0]->text == global;
  return matches ? value : nullptr;
}

/// The call that makes a tensor, or null: a parameter is a tensor.
const PickleValue *tensorCall(const PickleValue *value) {
  if (callOf(value, rebuildParameter) && value->items.size() >= 2)
    value = value->items[1];
  const PickleValue *call = callOf(value, rebuildTensor);
  return call ? call : callOf(value, rebuildTensor1);
}

bool hasTensors(const PickleValue *value) {
  return value->is(Kind::Dict) &&
         std::any_of(value->entries.begin(), value->entries.end(),
                     [](auto &entry) { return tensorCall(entry.second); });
}

/// The state dict in what a file holds, or null.
const PickleValue *findStateDict(const PickleValue *root) {
  for (const char *key : {"state_dict", "model_state_dict"})
    if (const PickleValue *found = root->find(key); found && hasTensors(found))
      return found;
  if (hasTensors(root))
    return root;
  const PickleValue *only = nullptr;
  for (const auto &[key, value] : root->entries) {
    if (!hasTensors(value))
      continue;
    if (only)
      return nullptr;
    only = value;
  }
  return only;
}

struct StorageId {
  DType type;
  std::string key;
};

/// ("storage", type, key, location, elements, view or None).
std::optional<StorageId> storageOf(const PickleValue *value) {
  if (!value->is(Kind::Persistent) || !value->items[0]->is(Kind::List))
    return std::nullopt;
  const auto &id = value->items[0]->items;
  bool fits = id.size() >= 5 && id[0]->text == "storage" &&
              id[1]->is(Kind::Global) && id[2]->is(Kind::String) &&
              (id.size() < 6 || id[5]->is(Kind::None));
  auto type = fits ? storageTypes().find(id[1]->text) : storageTypes().end();
  if (type == storageTypes().end())
    return std::nullopt;
  return StorageId{type->second, id[2]->text};
}

bool readSizes(const PickleValue *value, std::vector<int64_t> &sizes) {
  if (!value->is(Kind::List) || value->items.size() > 64)
    return false;
  for (const PickleValue *item : value->items) {
    if (!item->is(Kind::Int) || item->number < 0)
      return false;
    sizes.push_back(item->number);
  }
  return true;
}

/// Copies elements in row-major order from where strides say.
void gather(const std::byte *from, const std::vector<int64_t> &strides,
            size_t bytes, Tensor &to) {
  std::vector<int64_t> index(to.shape.size(), 0);
  int64_t offset = 0, count = to.elements();
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to.data.data() + static_cast<size_t>(i) * bytes,
                from + static_cast<size_t>(offset) * bytes, bytes);
    for (size_t d = index.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < to.shape[d])
        break;
      offset -= strides[d] * to.shape[d];
      index[d] = 0;
    }
  }
}

/// (storage, offset, sizes, strides, ...).
Result<Tensor> makeTensor(const PickleValue *call, const Storages &storages) {
  const auto &arguments = call->items;
  Error malformed{"is malformed"};
  std::vector<int64_t> shape, strides;
  if (arguments.size() < 5 || !arguments[2]->is(Kind::Int) ||
      !readSizes(arguments[3], shape) || !readSizes(arguments[4], strides) ||
      shape.size() != strides.size())
    return malformed;
  auto id = storageOf(arguments[1]);
  if (!id)
    return malformed;
  auto storage = storages.bytes.find(id->key);
  if (storage == storages.bytes.end())
    return Error{fmt::format("has no storage '{}'", id->key)};
  size_t bytes = byteSize(id->type);
  auto available = static_cast<int64_t>(storage->second.size() / bytes);
  int64_t count = elementCount(shape), offset = arguments[2]->number;
  // The last element's place is the furthest; one that is used twice could
  // make a small file large.
  int64_t last = offset;
  bool fits = count >= 0 && count <= available && offset >= 0;
  for (size_t d = 0; fits && count > 0 && d < shape.size(); ++d) {
    int64_t step;
    fits = !__builtin_mul_overflow(shape[d] - 1, strides[d], &step) &&
           !__builtin_add_overflow(last, step, &last);
  }
  if (!fits || (count > 0 && last >= available))
    return Error{fmt::format("is {} at {}, outside its storage of {} elements",
                             toString(id->type, shape), offset, available)};
  Tensor tensor(id->type, shape);
  if (count > 0)
    gather(reinterpret_cast<const std::byte *>(storage->second.data()) +
               static_cast<size_t>(offset) * bytes,
           strides, bytes, tensor);
  return tensor;
}

void dropPrefix(std::vector<std::pair<std::string, Tensor>> &tensors,
                std::string_view prefix) {
  auto has = [&](const auto &entry) {
    return entry.first.compare(0, prefix.size(), prefix) == 0;
  };
  if (std::all_of(tensors.begin(), tensors.end(), has))
    for (auto &[name, tensor] : tensors)
      name.erase(0, prefix.size());
}

Result<Safetensors> makeTensors(const PickleValue *root,
                                const Storages &storages) {
  const PickleValue *dict = findStateDict(root);
  if (!dict)
    return Error{"it holds no state dict of tensors"};
  Safetensors result;
  // Tied weights share a storage; a file in which all do is made to be large.
  uint64_t left = 16 * storages.total;
  for (const auto &[key, value] : dict->entries) {
    const PickleValue *call = tensorCall(value);
    if (!call || !key->is(Kind::String))
      continue;
    auto tensor = makeTensor(call, storages);
    if (!tensor)
      return Error{
          fmt::format("its tensor '{}' {}", key->text, tensor.error().message)};
    if (tensor->data.size() > left)
      return Error{"its tensors are much larger than their storages"};
    left -= tensor->data.size();
    if (result.find(key->text))
      return Error{fmt::format("'{}' stands twice in it", key->text)};
    result.tensors.push_back({key->text, std::move(*tensor)});
  }
  dropPrefix(result.tensors, "module.");
  return result;
}

/// NAME/data.pkl, NAME/data/KEY, NAME/byteorder.
Result<Safetensors> parseArchive(std::string_view bytes) {
  auto entries = listZip(bytes);
  if (!entries)
    return entries.error();
  constexpr std::string_view end = "data.pkl";
  std::string folder, program;
  bool found = false;
  for (const ZipEntry &entry : *entries) {
    size_t slash = entry.name.rfind('/');
    size_t base = slash == std::string::npos ? 0 : slash + 1;
    if (std::string_view(entry.name).substr(base) != end)
      continue;
    auto content = extractZip(bytes, entry);
    if (!content)
      return content.error();
    folder = entry.name.substr(0, base);
    program = std::move(*content);
    found = true;
    break;
  }
  if (!found)
    return Error{"it has no data.pkl, as PyTorch's files have"};
  Storages storages;
  std::string data = folder + "data/";
  for (const ZipEntry &entry : *entries) {
    bool order = entry.name == folder + "byteorder";
    if (!order && entry.name.compare(0, data.size(), data) != 0)
      continue;
    auto content = extractZip(bytes, entry);
    if (!content)
      return content.error();
    if (order && *content != "little")
      return Error{"its byte order is not little-endian",
                   ErrorKind::Unsupported};
    if (order)
      continue;
    // Entries may stand on the same bytes, so their number bounds nothing.
    if (storages.total > 64 * bytes.size())
      return Error{"its entries unpack to more than 64 times its size"};
    std::string key = entry.name.substr(data.size());
    storages.owned[key] = std::move(*content);
    storages.add(key, storages.owned[key]);
  }
  PickleReader reader(program, admits);
  auto root = reader.read();
  if (!root)
    return root.error();
  return makeTensors(*root, storages);
}

uint64_t littleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 8; i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

/// Pickles: magic, version, system, the value, the keys of storages; then each
/// storage, its elements (i64) and its bytes.
Result<Safetensors> parseLegacy(std::string_view bytes) {
  PickleReader reader(bytes, admits);
  const PickleValue *parts[5];
  for (const PickleValue *&part : parts) {
    auto next = reader.read();
    if (!next)
      return next.error();
    part = *next;
  }
  const PickleValue *system = parts[2], *root = parts[3], *keys = parts[4];
  if (const PickleValue *little = system->find("little_endian");
      !little || little->number != 1)
    return Error{"its byte order is not little-endian", ErrorKind::Unsupported};
  if (!keys->is(Kind::List))
    return Error{"its storages have no keys"};
  // Only the ids say which types storages have.
  std::map<std::string, DType> types;
  for (const PickleValue &value : reader.all())
    if (auto id = storageOf(&value))
      types[id->key] = id->type;
  Storages storages;
  size_t at = reader.position();
  for (const PickleValue *key : keys->items) {
    auto type = types.find(key->text);
    if (type == types.end())
      return Error{
          fmt::format("its storage '{}' belongs to no tensor", key->text)};
    uint64_t count =
        bytes.size() - at < 8 ? UINT64_MAX : littleEndian(bytes.substr(at));
    size_t each = byteSize(type->second);
    if (count > (bytes.size() - at) / each ||
        count * each > bytes.size() - at - 8)
      return Error{
          fmt::format("its storage '{}' is longer than the file", key->text)};
    storages.add(key->text, bytes.substr(at + 8, count * each));
    at += 8 + count * each;
  }
  return makeTensors(root, storages);
}

} // namespace

bool isTorch(std::string_view bytes) {
  return bytes.substr(0, 4) == "PK\3\4" ||
         (bytes.size() > 14 && bytes[0] == '\x80' &&
          bytes.substr(2, legacyMagic.size()) == legacyMagic);
}

Result<Safetensors> parseTorch(std::string_view bytes,
                               const std::string &name) {
  auto file =
      bytes.substr(0, 2) == "PK" ? parseArchive(bytes) : parseLegacy(bytes);
  if (file)
    return file;
  return Error{fmt::format("'{}' is no weight file of PyTorch: {}", name,
                           file.error().message),
               file.error().kind};
}

Result<Safetensors> readWeightFile(const std::string &path) {
  auto file = InputFile::open(path);
  if (!file)
    return file.error();
  std::string begin(std::min<uint64_t>(file->size(), 16), '\0');
  if (Status read = file->read(0, begin.data(), begin.size()); !read)
    return read.error();
  if (!isTorch(begin))
    return readSafetensors(path);
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  return parseTorch(*bytes, path);
}

} // namespace varve
