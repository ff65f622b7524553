// From models to protobuf messages and files: the way back of Proto.cpp.
#include "Onnx/ProtoFile.h"
#include <fmt/format.h>

namespace varve::onnx {
namespace {

namespace pb = varve::onnxpb;

/// Of the format whose opsets end at 21 (onnx 1.16).
constexpr int64_t irVersion = 10;

/// All but its bytes, which are returned.
Weight write(const TensorData &data, pb::Tensor &to) {
  to.set_name(data.name);
  to.set_data_type(int32_t(data.type));
  for (int64_t size : data.dims)
    to.add_dims(size);
  for (const std::string &text : data.strings)
    to.add_string_data(text);
  return {&to,
          {reinterpret_cast<const char *>(data.value.data.data()),
           data.value.data.size()}};
}

/// A tensor that stays inside its message.
void writeWhole(const TensorData &data, pb::Tensor &to) {
  Weight weight = write(data, to);
  if (data.type != Element::String)
    to.set_raw_data(weight.bytes.data(), weight.bytes.size());
}

void write(const ValueInfo &info, pb::ValueInfo &to) {
  to.set_name(info.name);
  if (info.type.kind == TypeInfo::Kind::None)
    return;
  pb::TensorType &type = *to.mutable_type()->mutable_tensor_type();
  type.set_elem_type(int32_t(info.type.element));
  if (!info.type.shape)
    return;
  pb::Shape &shape = *type.mutable_shape();
  for (const Dim &dim : *info.type.shape) {
    pb::Dimension &size = *shape.add_dim();
    if (dim.size >= 0)
      size.set_dim_value(dim.size);
    else if (!dim.name.empty())
      size.set_dim_param(dim.name);
  }
}

void writeInner(const Graph &graph, pb::Graph &to);

/// One attribute; lists of tensors and of graphs, sparse tensors and types are
/// refused before.
void write(const NodeAttribute &attribute, pb::Attribute &to) {
  using Kind = NodeAttribute::Kind;
  to.set_type(int32_t(attribute.kind));
  switch (attribute.kind) {
  case Kind::Float:
    to.set_f(attribute.f);
    break;
  case Kind::Int:
    to.set_i(attribute.i);
    break;
  case Kind::String:
    to.set_s(attribute.s);
    break;
  case Kind::Tensor:
    writeWhole(*attribute.tensor, *to.mutable_t());
    break;
  case Kind::Graph:
    writeInner(*attribute.graph, *to.mutable_g());
    break;
  case Kind::Floats:
    to.mutable_floats()->Add(attribute.floats.begin(), attribute.floats.end());
    break;
  case Kind::Ints:
    to.mutable_ints()->Add(attribute.ints.begin(), attribute.ints.end());
    break;
  case Kind::Strings:
    for (const std::string &text : attribute.strings)
      to.add_strings(text);
    break;
  default:
    break;
  }
}

void write(const Node &node, pb::Node &to) {
  to.set_op_type(node.op);
  to.set_domain(node.domain);
  to.set_name(node.name);
  for (const std::string &name : node.inputs)
    to.add_input(name);
  for (const std::string &name : node.outputs)
    to.add_output(name);
  for (const auto &[name, attribute] : node.attributes) {
    pb::Attribute &message = *to.add_attribute();
    message.set_name(name);
    write(attribute, message);
  }
}

/// All but its initializers.
void write(const Graph &graph, pb::Graph &to) {
  to.set_name(graph.name);
  for (const Node &node : graph.nodes)
    write(node, *to.add_node());
  for (const ValueInfo &info : graph.inputs)
    write(info, *to.add_input());
  for (const ValueInfo &info : graph.outputs)
    write(info, *to.add_output());
}

/// A graph inside a node.
void writeInner(const Graph &graph, pb::Graph &to) {
  write(graph, to);
  for (const TensorData &tensor : graph.initializers)
    writeWhole(tensor, *to.add_initializer());
}

std::string unwritable(const TensorData &tensor) {
  bool isPacked = tensor.type == Element::U4 || tensor.type == Element::I4 ||
                  tensor.type == Element::F4E2M1 ||
                  tensor.type == Element::U2 || tensor.type == Element::I2;
  return isPacked ? fmt::format("'{}' of {}", tensor.name, nameOf(tensor.type))
                  : "";
}

/// What `write` does not know, named; "" if there is nothing of it.
std::string unwritable(const Graph &graph) {
  using Kind = NodeAttribute::Kind;
  std::string found;
  auto note = [&](std::string text) {
    if (found.empty())
      found = std::move(text);
  };
  for (const TensorData &tensor : graph.initializers)
    note(unwritable(tensor));
  for (const auto *list : {&graph.inputs, &graph.outputs})
    for (const ValueInfo &info : *list)
      if (info.type.kind != TypeInfo::Kind::Tensor &&
          info.type.kind != TypeInfo::Kind::None)
        note(fmt::format("'{}', which is no tensor", info.name));
  for (const Node &node : graph.nodes)
    for (const auto &[name, attribute] : node.attributes) {
      if (attribute.tensor)
        note(unwritable(*attribute.tensor));
      if (attribute.graph)
        note(unwritable(*attribute.graph));
      if (attribute.kind == Kind::None || attribute.kind >= Kind::Tensors)
        note(fmt::format("'{}' of node '{}'", name, node.name));
    }
  return found;
}

} // namespace

Status writeModel(const std::string &path, const Model &model,
                  const WriteOptions &options) {
  std::string what = model.functions.empty()
                         ? unwritable(model.graph)
                         : "function '" + model.functions.front().name + "'";
  if (!what.empty())
    return Error{fmt::format("{}: writing {} is not supported", path, what),
                 ErrorKind::Unsupported};
  pb::Model message;
  message.set_ir_version(irVersion);
  message.set_producer_name("varve");
  for (const auto &[domain, version] : model.opsets) {
    pb::OperatorSet &set = *message.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
  }
  write(model.graph, *message.mutable_graph());
  std::vector<Weight> weights;
  for (const TensorData &tensor : model.graph.initializers) {
    pb::Tensor &to = *message.mutable_graph()->add_initializer();
    if (tensor.type == Element::String)
      writeWhole(tensor, to);
    else
      weights.push_back(write(tensor, to));
  }
  return writeMessage(path, message, weights, options);
}

} // namespace varve::onnx
