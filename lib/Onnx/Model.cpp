// Element types of the format, and small questions about models.
#include "Onnx/Model.h"

namespace varve::onnx {
namespace {

struct TypeRow {
  Element type;
  const char *name;
  std::optional<DType> storage;
};

constexpr TypeRow rows[] = {
    {Element::F32, "f32", DType::F32},
    {Element::U8, "u8", DType::U8},
    {Element::I8, "i8", DType::I8},
    {Element::U16, "u16", DType::U16},
    {Element::I16, "i16", DType::I16},
    {Element::I32, "i32", DType::I32},
    {Element::I64, "i64", DType::I64},
    {Element::String, "string", std::nullopt},
    {Element::Bool, "bool", DType::Bool},
    {Element::F16, "f16", DType::F16},
    {Element::F64, "f64", DType::F64},
    {Element::U32, "u32", DType::U32},
    {Element::U64, "u64", DType::U64},
    {Element::Complex64, "complex64", DType::F32},
    {Element::Complex128, "complex128", DType::F64},
    {Element::BF16, "bf16", DType::BF16},
    {Element::F8E4M3FN, "float8e4m3fn", DType::U8},
    {Element::F8E4M3FNUZ, "float8e4m3fnuz", DType::U8},
    {Element::F8E5M2, "float8e5m2", DType::U8},
    {Element::F8E5M2FNUZ, "float8e5m2fnuz", DType::U8},
    {Element::U4, "u4", DType::U8},
    {Element::I4, "i4", DType::I8},
    {Element::F4E2M1, "float4e2m1", DType::U8},
    {Element::F8E8M0, "float8e8m0", DType::U8},
    {Element::U2, "u2", DType::U8},
    {Element::I2, "i2", DType::I8},
};

const TypeRow *rowOf(Element type) {
  for (const TypeRow &row : rows)
    if (row.type == type)
      return &row;
  return nullptr;
}

} // namespace

std::string_view nameOf(Element type) {
  const TypeRow *row = rowOf(type);
  return row ? row->name : "no type";
}

std::optional<DType> storageOf(Element type) {
  const TypeRow *row = rowOf(type);
  return row ? row->storage : std::nullopt;
}

Element elementOf(DType type) {
  for (const TypeRow &row : rows)
    if (row.storage == type && row.name == varve::nameOf(type))
      return row.type;
  return Element::Undefined;
}

int bitsOf(Element type) {
  switch (type) {
  case Element::U4:
  case Element::I4:
  case Element::F4E2M1:
    return 4;
  case Element::U2:
  case Element::I2:
    return 2;
  default:
    return int(8 * byteSize(*storageOf(type)) * size_t(partsOf(type)));
  }
}

bool isWeight(const TensorData &tensor) {
  // The function's name stands beside those of its state.
  if (!storageOf(tensor.type) || tensor.name.empty() || tensor.name == "infer")
    return false;
  constexpr int64_t few = 64;
  bool isFloat = tensor.type == Element::F16 || tensor.type == Element::BF16 ||
                 tensor.type == Element::F32 || tensor.type == Element::F64;
  int64_t elements = elementCount(tensor.dims);
  return elements > few || (isFloat && !tensor.dims.empty() && elements > 0);
}

void hoistConstants(Graph &graph) {
  std::vector<Node> kept;
  for (Node &node : graph.nodes) {
    auto value = node.attributes.find("value");
    bool isConstant = node.op == "Constant" && node.domain.empty() &&
                      node.outputs.size() == 1 &&
                      value != node.attributes.end() && value->second.tensor;
    if (isConstant) {
      TensorData &tensor = *value->second.tensor;
      tensor.name = node.outputs[0];
      tensor.isConstant = true;
      if (isWeight(tensor)) {
        graph.initializers.push_back(std::move(tensor));
        continue;
      }
    }
    kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
}

} // namespace varve::onnx
