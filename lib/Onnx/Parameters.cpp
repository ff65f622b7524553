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

void addUses(const std::vector<Node> &nodes,
             std::map<std::string, std::vector<Use>> &uses) {
  for (const Node &node : nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      uses[node.inputs[i]].push_back({&node, i});
    for (const auto &[name, attribute] : node.attributes)
      if (attribute.graph)
        addUses(attribute.graph->nodes, uses);
  }
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
  std::map<std::string, std::vector<Use>> uses;
  addUses(graph.nodes, uses);
  std::map<std::string, Parameter> parameters;
  std::set<std::string> taken;
  for (const TensorData &tensor : graph.initializers)
    taken.insert(tensor.name);
  for (const TensorData &tensor : graph.initializers) {
    if (!isWeight(tensor))
      continue;
    const std::vector<Use> &read = uses[tensor.name];
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
