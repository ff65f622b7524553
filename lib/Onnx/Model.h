// ONNX models and values in memory, free of protobuf and MLIR. Tensors are
// unpacked: every element has a whole number of bytes of its storage type.
#ifndef VARVE_ONNX_MODEL_H
#define VARVE_ONNX_MODEL_H

#include "varve/Tensor.h"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve::onnx {

/// Element types, with the numbers of the format.
enum class Element : int32_t {
  Undefined = 0,
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  String = 8,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BF16 = 16,
  F8E4M3FN = 17,
  F8E4M3FNUZ = 18,
  F8E5M2 = 19,
  F8E5M2FNUZ = 20,
  U4 = 21,
  I4 = 22,
  F4E2M1 = 23,
  F8E8M0 = 24,
  U2 = 25,
  I2 = 26,
};

/// "f32", "float8e4m3fn"; the language's name where it has the type.
std::string_view nameOf(Element type);

/// How elements lie in memory: integers of 2 and 4 bits as i8 and u8, floats
/// of 4 and 8 bits as their codes in u8, complex numbers as pairs of floats.
/// Nothing for strings and what is no type.
std::optional<DType> storageOf(Element type);
/// The inverse, for types that are stored as themselves.
Element elementOf(DType type);
/// 2 for complex numbers, which have one more axis of that size in memory.
inline int64_t partsOf(Element type) {
  return type == Element::Complex64 || type == Element::Complex128 ? 2 : 1;
}

/// Bits of one element in packed form, as files have it; of no strings.
int bitsOf(Element type);

/// A tensor of any type.
struct TensorData {
  std::string name;
  Element type = Element::Undefined;
  std::vector<int64_t> dims;
  Tensor value;                     ///< in storage type, unless strings
  std::vector<std::string> strings; ///< if type is String
  bool isConstant = false;          ///< a node's, not an initializer
};

/// What a model is given or gives: a tensor, a sequence or an optional.
struct HostValue {
  enum class Kind { Tensor, Sequence, Optional };
  Kind kind = Kind::Tensor;
  TensorData tensor;
  std::vector<HostValue> items; ///< of a sequence; of an optional none or one

  static HostValue of(TensorData tensor) {
    HostValue value;
    value.tensor = std::move(tensor);
    return value;
  }
};

/// A declared size: a number, a name, or neither.
struct Dim {
  int64_t size = -1;
  std::string name;
};

/// A declared type.
struct TypeInfo {
  enum class Kind { None, Tensor, Sequence, Optional, Other };
  Kind kind = Kind::None;
  Element element = Element::Undefined;
  std::optional<std::vector<Dim>> shape; ///< nothing: of any rank
  std::shared_ptr<TypeInfo> inner;       ///< of a sequence or optional
};

struct ValueInfo {
  std::string name;
  TypeInfo type;
};

struct Graph;

struct NodeAttribute {
  /// With the numbers of the format.
  enum class Kind : int32_t {
    None = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
    Tensors = 9,
    Graphs = 10,
    SparseTensor = 11,
    SparseTensors = 12,
    Type = 13,
    Types = 14,
  };
  Kind kind = Kind::None;
  float f = 0;
  int64_t i = 0;
  std::string s;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> strings;
  std::shared_ptr<TensorData> tensor;
  std::shared_ptr<Graph> graph;
  TypeInfo type;
  /// In a function: the attribute of the call whose value this is.
  std::string reference;
};

struct Node {
  std::string op, domain, overload;
  std::string name;
  std::vector<std::string> inputs, outputs; ///< "": absent
  std::map<std::string, NodeAttribute> attributes;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<TensorData> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

/// Versions of operator sets by domain; "" is the standard's.
using Opsets = std::map<std::string, int64_t>;

struct Function {
  std::string name, domain, overload;
  std::vector<std::string> inputs, outputs, attributes;
  std::map<std::string, NodeAttribute> defaults;
  std::vector<Node> nodes;
  Opsets opsets;
};

struct Model {
  std::string path;
  Graph graph;
  Opsets opsets;
  std::vector<Function> functions;
  /// Files of external data that were read.
  std::vector<std::string> files;
};

/// Whether an initializer is a weight of the program, which is state and not in
/// its code: what a file names and is a list of floats, or large.
bool isWeight(const TensorData &tensor);
/// Makes initializers of those constants of the main graph that are weights.
void hoistConstants(Graph &graph);

} // namespace varve::onnx
#endif
