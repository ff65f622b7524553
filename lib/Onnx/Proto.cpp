// From protobuf messages to models and values, and back. The one file that sees
// protobuf; the structs of Model.h are all that others see.
#include "Onnx/External.h"
#include "Onnx/Onnx.pb.h"
#include "Onnx/Read.h"
#include "Support/File.h"
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace varve::onnx {
namespace {

namespace pb = varve::onnxpb;

/// Messages are at most 2 GiB; larger weights are external data.
constexpr uint64_t maxModelBytes = INT32_MAX;

template <class T, class Range> std::vector<T> listOf(const Range &range) {
  return std::vector<T>(range.begin(), range.end());
}

/// Elements narrower than a byte, low bits first.
void unpackBits(const uint8_t *from, Element type, Tensor &to) {
  int bits = bitsOf(type), perByte = 8 / bits;
  bool isSigned = type == Element::I4 || type == Element::I2;
  auto *out = to.as<uint8_t>();
  for (int64_t i = 0; i < to.elements(); ++i) {
    unsigned code = from[i / perByte] >> (bits * int(i % perByte));
    code &= (1u << bits) - 1;
    if (isSigned && code >> (bits - 1))
      code |= 0xffu << bits;
    out[i] = uint8_t(code);
  }
}

std::string packBits(const Tensor &from, Element type) {
  int bits = bitsOf(type), perByte = 8 / bits;
  std::string bytes(size_t(from.elements() + perByte - 1) / size_t(perByte),
                    '\0');
  const auto *in = from.as<uint8_t>();
  for (int64_t i = 0; i < from.elements(); ++i) {
    unsigned code = in[i] & ((1u << bits) - 1);
    auto &byte = bytes[size_t(i / perByte)];
    byte = char(uint8_t(byte) | code << (bits * int(i % perByte)));
  }
  return bytes;
}

class Reader {
public:
  /// External data are read from `folder`; without one they are refused.
  Reader(std::string place, std::string folder)
      : place(std::move(place)), folder(std::move(folder)) {}

  Result<Model> read(const pb::Model &message);
  std::optional<HostValue> read(const pb::Tensor &message);
  std::optional<HostValue> read(const pb::Sequence &message);
  std::optional<HostValue> read(const pb::Optional &message);
  Error error() const { return *failure; }

private:
  std::nullopt_t fail(const std::string &text) {
    if (!failure)
      failure = Error{place + ": " + text};
    return std::nullopt;
  }
  std::optional<TensorData> tensor(const pb::Tensor &message,
                                   const std::string &what);
  bool typedData(const pb::Tensor &message, const std::string &what,
                 TensorData &to);
  bool external(const pb::Tensor &message, const std::string &what,
                size_t bytes, std::string &to);
  std::optional<TypeInfo> type(const pb::Type &message);
  std::optional<ValueInfo> valueInfo(const pb::ValueInfo &message);
  std::optional<NodeAttribute> attribute(const pb::Attribute &message,
                                         const std::string &what);
  std::optional<Node> node(const pb::Node &message);
  std::optional<Graph> graph(const pb::Graph &message);
  std::optional<Function> function(const pb::Function &message);
  template <class Messages>
  bool nodes(const Messages &messages, std::vector<Node> &to);

  std::string place, folder;
  std::optional<Error> failure;
  std::vector<std::string> files;
};

} // namespace

// ---- tensors ----

bool Reader::external(const pb::Tensor &message, const std::string &what,
                      size_t bytes, std::string &to) {
  ExternalPlace from;
  for (const pb::Entry &entry : message.external_data())
    if (Status set = from.set(entry.key(), entry.value()); !set) {
      fail(what + ": " + set.error().message);
      return false;
    }
  if (folder.empty()) {
    fail(what + " has external data, which only a model may have");
    return false;
  }
  Result<std::string> data = readExternal(folder, from, bytes);
  if (!data) {
    fail(what + ": " + data.error().message);
    return false;
  }
  files.push_back((std::filesystem::path(folder) / from.location).string());
  to = std::move(*data);
  return true;
}

/// Elements of fields that are not `raw_data`: each type has a field of its
/// own, and narrow ones share that of 32-bit integers.
bool Reader::typedData(const pb::Tensor &message, const std::string &what,
                       TensorData &to) {
  std::string packed;
  auto append = [&](const auto &values, auto narrow) {
    using Narrow = decltype(narrow);
    packed.resize(size_t(values.size()) * sizeof(Narrow));
    char *out = packed.data();
    for (auto value : values) {
      auto element = static_cast<Narrow>(value);
      std::memcpy(out, &element, sizeof element);
      out += sizeof element;
    }
  };
  size_t width = size_t(bitsOf(to.type)) / 8;
  switch (to.type) {
  case Element::F32:
  case Element::Complex64:
    append(message.float_data(), float());
    break;
  case Element::F64:
  case Element::Complex128:
    append(message.double_data(), double());
    break;
  case Element::I64:
    append(message.int64_data(), int64_t());
    break;
  case Element::U64:
    append(message.uint64_data(), uint64_t());
    break;
  case Element::U32:
    append(message.uint64_data(), uint32_t());
    break;
  default:
    if (width == 4)
      append(message.int32_data(), int32_t());
    else if (width == 2)
      append(message.int32_data(), uint16_t());
    else
      append(message.int32_data(), uint8_t());
  }
  size_t wanted =
      (size_t(elementCount(to.dims)) * size_t(bitsOf(to.type)) + 7) / 8;
  if (packed.size() != wanted) {
    fail(fmt::format("{} is {}[{}], but has data of {} bytes, not {}", what,
                     nameOf(to.type), fmt::join(to.dims, ", "), packed.size(),
                     wanted));
    return false;
  }
  to.value = Tensor(*storageOf(to.type), to.value.shape);
  if (bitsOf(to.type) < 8)
    unpackBits(reinterpret_cast<const uint8_t *>(packed.data()), to.type,
               to.value);
  else if (!packed.empty())
    std::memcpy(to.value.data.data(), packed.data(), packed.size());
  return true;
}

std::optional<TensorData> Reader::tensor(const pb::Tensor &message,
                                         const std::string &what) {
  TensorData to;
  to.name = message.name();
  to.type = static_cast<Element>(message.data_type());
  to.dims = listOf<int64_t>(message.dims());
  int64_t count = elementCount(to.dims);
  if (count < 0 || count > INT64_MAX / 256)
    return fail(
        fmt::format("{} claims sizes [{}]", what, fmt::join(to.dims, ", ")));
  if (to.type == Element::String) {
    to.strings = listOf<std::string>(message.string_data());
    if (int64_t(to.strings.size()) != count)
      return fail(fmt::format("{} is string[{}], but has {} elements", what,
                              fmt::join(to.dims, ", "), to.strings.size()));
    return to;
  }
  if (!storageOf(to.type))
    return fail(fmt::format("{} has elements of unknown type {}", what,
                            message.data_type()));
  to.value.shape = to.dims;
  if (partsOf(to.type) == 2)
    to.value.shape.push_back(2);
  bool isExternal = message.data_location() == 1;
  if (!isExternal && !message.has_raw_data()) {
    if (!typedData(message, what, to))
      return std::nullopt;
    return to;
  }
  size_t wanted = (size_t(count) * size_t(bitsOf(to.type)) + 7) / 8;
  std::string held;
  if (isExternal && !external(message, what, wanted, held))
    return std::nullopt;
  const std::string &raw = isExternal ? held : message.raw_data();
  if (raw.size() != wanted)
    return fail(fmt::format("{} is {}[{}], but has data of {} bytes, not {}",
                            what, nameOf(to.type), fmt::join(to.dims, ", "),
                            raw.size(), wanted));
  to.value = Tensor(*storageOf(to.type), to.value.shape);
  if (bitsOf(to.type) < 8)
    unpackBits(reinterpret_cast<const uint8_t *>(raw.data()), to.type,
               to.value);
  else if (!raw.empty())
    std::memcpy(to.value.data.data(), raw.data(), raw.size());
  return to;
}

// ---- values ----

std::optional<HostValue> Reader::read(const pb::Tensor &message) {
  auto data = tensor(message, "the tensor");
  if (!data)
    return std::nullopt;
  return HostValue::of(std::move(*data));
}

std::optional<HostValue> Reader::read(const pb::Sequence &message) {
  HostValue value;
  value.kind = HostValue::Kind::Sequence;
  auto add = [&](const auto &items) {
    for (const auto &item : items) {
      auto inner = read(item);
      if (!inner)
        return false;
      value.items.push_back(std::move(*inner));
    }
    return true;
  };
  if (message.sparse_tensor_values_size())
    return fail("sequences of sparse tensors are not supported");
  if (!add(message.tensor_values()) || !add(message.sequence_values()) ||
      !add(message.optional_values()))
    return std::nullopt;
  return value;
}

std::optional<HostValue> Reader::read(const pb::Optional &message) {
  HostValue value;
  value.kind = HostValue::Kind::Optional;
  std::optional<HostValue> inner;
  if (message.has_tensor_value())
    inner = read(message.tensor_value());
  else if (message.has_sequence_value())
    inner = read(message.sequence_value());
  else if (message.has_optional_value())
    inner = read(message.optional_value());
  else
    return value;
  if (!inner)
    return std::nullopt;
  value.items.push_back(std::move(*inner));
  return value;
}

// ---- models ----

std::optional<TypeInfo> Reader::type(const pb::Type &message) {
  TypeInfo info;
  auto contain = [&](TypeInfo::Kind kind,
                     const pb::ContainerType &of) -> std::optional<TypeInfo> {
    auto inner = type(of.elem_type());
    if (!inner)
      return std::nullopt;
    info.kind = kind;
    info.inner = std::make_shared<TypeInfo>(std::move(*inner));
    return info;
  };
  switch (message.value_case()) {
  case pb::Type::kSequenceType:
    return contain(TypeInfo::Kind::Sequence, message.sequence_type());
  case pb::Type::kOptionalType:
    return contain(TypeInfo::Kind::Optional, message.optional_type());
  case pb::Type::kTensorType:
    break;
  case pb::Type::VALUE_NOT_SET:
    return info;
  default:
    info.kind = TypeInfo::Kind::Other;
    return info;
  }
  info.kind = TypeInfo::Kind::Tensor;
  const pb::TensorType &tensor = message.tensor_type();
  info.element = static_cast<Element>(tensor.elem_type());
  if (!tensor.has_shape())
    return info;
  info.shape.emplace();
  for (const pb::Dimension &dim : tensor.shape().dim()) {
    Dim size;
    if (dim.value_case() == pb::Dimension::kDimValue)
      size.size = dim.dim_value();
    else if (dim.value_case() == pb::Dimension::kDimParam)
      size.name = dim.dim_param();
    // Some writers put 0 or -1 where they mean any size.
    if (size.size < -1)
      return fail(fmt::format("a size of {} is declared", size.size));
    info.shape->push_back(std::move(size));
  }
  return info;
}

std::optional<ValueInfo> Reader::valueInfo(const pb::ValueInfo &message) {
  auto info = type(message.type());
  if (!info)
    return std::nullopt;
  return ValueInfo{message.name(), std::move(*info)};
}

std::optional<NodeAttribute> Reader::attribute(const pb::Attribute &message,
                                               const std::string &what) {
  NodeAttribute to;
  to.kind = static_cast<NodeAttribute::Kind>(message.type());
  to.reference = message.ref_attr_name();
  to.f = message.f();
  to.i = message.i();
  to.s = message.s();
  to.floats = listOf<float>(message.floats());
  to.ints = listOf<int64_t>(message.ints());
  to.strings = listOf<std::string>(message.strings());
  if (message.has_t()) {
    auto data = tensor(message.t(), what);
    if (!data)
      return std::nullopt;
    to.tensor = std::make_shared<TensorData>(std::move(*data));
  }
  if (message.has_g()) {
    auto inner = graph(message.g());
    if (!inner)
      return std::nullopt;
    to.graph = std::make_shared<Graph>(std::move(*inner));
  }
  if (message.has_tp()) {
    auto info = type(message.tp());
    if (!info)
      return std::nullopt;
    to.type = std::move(*info);
  }
  if (to.kind != NodeAttribute::Kind::None || !to.reference.empty())
    return to;
  // Files of the first versions do not say which field is used.
  using Kind = NodeAttribute::Kind;
  to.kind = to.graph              ? Kind::Graph
            : to.tensor           ? Kind::Tensor
            : message.has_f()     ? Kind::Float
            : message.has_i()     ? Kind::Int
            : message.has_s()     ? Kind::String
            : !to.floats.empty()  ? Kind::Floats
            : !to.strings.empty() ? Kind::Strings
                                  : Kind::Ints;
  return to;
}

std::optional<Node> Reader::node(const pb::Node &message) {
  Node to;
  to.op = message.op_type();
  to.domain = message.domain() == "ai.onnx" ? "" : message.domain();
  to.overload = message.overload();
  to.name = message.name();
  to.inputs = listOf<std::string>(message.input());
  to.outputs = listOf<std::string>(message.output());
  for (const pb::Attribute &each : message.attribute()) {
    auto read = attribute(
        each, fmt::format("attribute '{}' of node '{}'", each.name(), to.name));
    if (!read)
      return std::nullopt;
    to.attributes[each.name()] = std::move(*read);
  }
  return to;
}

template <class Messages>
bool Reader::nodes(const Messages &messages, std::vector<Node> &to) {
  for (const pb::Node &message : messages) {
    auto read = node(message);
    if (!read)
      return false;
    to.push_back(std::move(*read));
  }
  return true;
}

std::optional<Graph> Reader::graph(const pb::Graph &message) {
  Graph to;
  to.name = message.name();
  if (message.sparse_initializer_size()) {
    fail("sparse initializers are not supported");
    failure->kind = ErrorKind::Unsupported;
    return std::nullopt;
  }
  std::set<std::string> stored, declared;
  for (const pb::Tensor &each : message.initializer()) {
    if (!stored.insert(each.name()).second)
      return fail(fmt::format("initializer '{}' is there twice", each.name()));
    auto data = tensor(each, fmt::format("initializer '{}'", each.name()));
    if (!data)
      return std::nullopt;
    to.initializers.push_back(std::move(*data));
  }
  for (auto [from, into] : {std::pair(&message.input(), &to.inputs),
                            std::pair(&message.output(), &to.outputs)})
    for (const pb::ValueInfo &each : *from) {
      auto info = valueInfo(each);
      if (!info)
        return std::nullopt;
      into->push_back(std::move(*info));
    }
  for (const ValueInfo &each : to.inputs)
    if (!declared.insert(each.name).second)
      return fail(fmt::format("input '{}' is there twice", each.name));
  if (!nodes(message.node(), to.nodes))
    return std::nullopt;
  return to;
}

static Opsets
opsetsOf(const google::protobuf::RepeatedPtrField<pb::OperatorSet> &messages) {
  Opsets opsets;
  for (const pb::OperatorSet &set : messages)
    opsets[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  return opsets;
}

std::optional<Function> Reader::function(const pb::Function &message) {
  Function to;
  to.name = message.name();
  to.domain = message.domain();
  to.overload = message.overload();
  to.inputs = listOf<std::string>(message.input());
  to.outputs = listOf<std::string>(message.output());
  to.attributes = listOf<std::string>(message.attribute());
  to.opsets = opsetsOf(message.opset_import());
  for (const pb::Attribute &each : message.attribute_proto()) {
    auto read = attribute(each, fmt::format("attribute '{}' of function '{}'",
                                            each.name(), to.name));
    if (!read)
      return std::nullopt;
    to.defaults[each.name()] = std::move(*read);
  }
  if (!nodes(message.node(), to.nodes))
    return std::nullopt;
  return to;
}

Result<Model> Reader::read(const pb::Model &message) {
  Model model;
  model.path = place;
  if (!message.has_graph())
    return Error{place + ": there is no graph in it"};
  model.opsets = opsetsOf(message.opset_import());
  auto main = graph(message.graph());
  if (!main)
    return error();
  model.graph = std::move(*main);
  hoistConstants(model.graph);
  for (const pb::Function &each : message.functions()) {
    auto read = function(each);
    if (!read)
      return error();
    model.functions.push_back(std::move(*read));
  }
  model.files = std::move(files);
  return model;
}

Result<Model> readModel(const std::string &path) {
  Result<std::string> bytes = readFile(path, maxModelBytes);
  if (!bytes)
    return bytes.error();
  pb::Model message;
  if (!message.ParseFromArray(bytes->data(), int(bytes->size())))
    return Error{path + ": this is no ONNX model, or a part of one"};
  std::string folder = std::filesystem::path(path).parent_path().string();
  return Reader(path, folder.empty() ? "." : folder).read(message);
}

Result<HostValue> parseValue(std::string_view bytes, const TypeInfo &type,
                             const std::string &name) {
  Reader reader(name, "");
  auto parse = [&](auto message) -> Result<HostValue> {
    if (bytes.size() > maxModelBytes ||
        !message.ParseFromArray(bytes.data(), int(bytes.size())))
      return Error{name + ": this is no value of ONNX, or a part of one"};
    auto value = reader.read(message);
    if (!value)
      return reader.error();
    return std::move(*value);
  };
  if (type.kind == TypeInfo::Kind::Sequence)
    return parse(pb::Sequence());
  if (type.kind == TypeInfo::Kind::Optional)
    return parse(pb::Optional());
  return parse(pb::Tensor());
}

// ---- writing ----

static void write(const TensorData &data, const std::string &name,
                  pb::Tensor &to) {
  to.set_name(name);
  to.set_data_type(int32_t(data.type));
  for (int64_t size : data.dims)
    to.add_dims(size);
  if (data.type == Element::String) {
    for (const std::string &text : data.strings)
      to.add_string_data(text);
    return;
  }
  if (bitsOf(data.type) < 8)
    to.set_raw_data(packBits(data.value, data.type));
  else
    to.set_raw_data(data.value.data.data(), data.value.data.size());
}

/// The number of a value's kind in `elem_type`.
static int32_t kindNumber(const HostValue &value) {
  return value.kind == HostValue::Kind::Tensor     ? 1
         : value.kind == HostValue::Kind::Sequence ? 3
                                                   : 5;
}

static void write(const HostValue &value, const std::string &name,
                  pb::Optional &to);

static void write(const HostValue &value, const std::string &name,
                  pb::Sequence &to) {
  to.set_name(name);
  to.set_elem_type(value.items.empty() ? 1 : kindNumber(value.items[0]));
  for (const HostValue &item : value.items)
    if (item.kind == HostValue::Kind::Tensor)
      write(item.tensor, name, *to.add_tensor_values());
    else if (item.kind == HostValue::Kind::Sequence)
      write(item, name, *to.add_sequence_values());
    else
      write(item, name, *to.add_optional_values());
}

static void write(const HostValue &value, const std::string &name,
                  pb::Optional &to) {
  to.set_name(name);
  if (value.items.empty()) {
    to.set_elem_type(0);
    return;
  }
  const HostValue &item = value.items[0];
  to.set_elem_type(kindNumber(item));
  if (item.kind == HostValue::Kind::Tensor)
    write(item.tensor, name, *to.mutable_tensor_value());
  else if (item.kind == HostValue::Kind::Sequence)
    write(item, name, *to.mutable_sequence_value());
  else
    write(item, name, *to.mutable_optional_value());
}

std::string serializeValue(const HostValue &value, const std::string &name) {
  if (value.kind == HostValue::Kind::Tensor) {
    pb::Tensor message;
    write(value.tensor, name, message);
    return message.SerializeAsString();
  }
  if (value.kind == HostValue::Kind::Sequence) {
    pb::Sequence message;
    write(value, name, message);
    return message.SerializeAsString();
  }
  pb::Optional message;
  write(value, name, message);
  return message.SerializeAsString();
}

} // namespace varve::onnx
