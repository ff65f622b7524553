// What learns when a model is fine-tuned: the floats that PyTorch would call
// parameters. The format does not say which these are; how they are read does.
#include "Onnx/Parameters.h"
#include <algorithm>
#include <set>

namespace varve::onnx {
namespace {

bool isFloat(Element type) {
  return type == Element::F32 || type == Element::F64 || type == Element::F16 ||
         type == Element::BF16;
}

/// Inputs that hold statistics, scales of quantization, bounds or sizes.
bool isSetting(const std::string &op, size_t input) {
  struct Row {
    const char *op;
    size_t first, last;
  };
  static constexpr Row rows[] = {
      {"BatchNormalization", 3, 4}, {"QuantizeLinear", 1, 2},
      {"DequantizeLinear", 1, 2},   {"QLinearConv", 0, 8},
      {"QLinearMatMul", 0, 8},      {"Resize", 1, 3},
      {"Upsample", 1, 1},           {"Clip", 1, 2},
      {"Pad", 2, 2},                {"Dropout", 1, 2},
      {"OneHot", 1, 2},             {"Range", 0, 2},
      {"RoiAlign", 1, 1},           {"MelWeightMatrix", 0, 4},
      {"Pow", 1, 1},
  };
  return std::any_of(std::begin(rows), std::end(rows), [&](const Row &row) {
    return op == row.op && input >= row.first && input <= row.last;
  });
}

/// Where a parameter may be a single number: others are constants of the
/// formula, such as the root of a width.
bool takesOne(const std::string &op) {
  static const std::set<std::string> ops = {
      "Add",   "Conv", "ConvTranspose",     "Gemm",
      "MatMul", "PRelu", "BatchNormalization", "LayerNormalization"};
  return ops.count(op);
}

struct Use {
  const Node *node;
  size_t input;
};

using Uses = std::map<std::string, std::vector<Use>>;

void addUses(const std::vector<Node> &nodes, Uses &uses) {
  for (const Node &node : nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      uses[node.inputs[i]].push_back({&node, i});
    for (const auto &[name, attribute] : node.attributes)
      if (attribute.graph)
        addUses(attribute.graph->nodes, uses);
  }
}

/// What reads the tensor, also behind Identity, by which exporters give one
/// tensor the names of several that are equal.
void addReaders(const std::string &name, Uses &uses,
                std::set<std::string> &seen, std::vector<Use> &readers) {
  if (!seen.insert(name).second)
    return;
  for (const Use &use : uses[name])
    if (use.node->op == "Identity" && use.node->outputs.size() == 1)
      addReaders(use.node->outputs[0], uses, seen, readers);
    else
      readers.push_back(use);
}

bool learns(const TensorData &tensor, const std::vector<Use> &uses) {
  if (tensor.isConstant || !isFloat(tensor.type))
    return false;
  bool isOne = elementCount(tensor.dims) == 1;
  return std::all_of(uses.begin(), uses.end(), [&](const Use &use) {
    return !isSetting(use.node->op, use.input) &&
           (!isOne || takesOne(use.node->op));
  });
}

} // namespace

std::string pathOf(const Node &node) {
  std::string path = node.name;
  if (path.empty() && !node.outputs.empty())
    path = node.outputs[0];
  if (!path.empty() && path[0] == '/')
    path.erase(0, 1);
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

std::map<std::string, Parameter> parametersOf(const Graph &graph) {
  Uses uses;
  addUses(graph.nodes, uses);
  std::map<std::string, Parameter> parameters;
  std::set<std::string> taken;
  for (const TensorData &tensor : graph.initializers)
    taken.insert(tensor.name);
  for (const TensorData &tensor : graph.initializers) {
    if (!isWeight(tensor))
      continue;
    std::vector<Use> read;
    std::set<std::string> seen;
    addReaders(tensor.name, uses, seen, read);
    Parameter parameter{tensor.name, learns(tensor, read)};
    bool isNumbered = tensor.name.rfind("onnx::", 0) == 0;
    if (isNumbered && !read.empty()) {
      std::string path = pathOf(*read[0].node);
      size_t dot = path.rfind('.');
      std::string key = path.substr(0, dot == path.npos ? 0 : dot + 1) + "weight";
      if (taken.insert(key).second)
        parameter.key = std::move(key);
    }
    parameters.emplace(tensor.name, std::move(parameter));
  }
  return parameters;
}

} // namespace varve::onnx
