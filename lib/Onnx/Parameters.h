// Which weights of a graph are parameters, and what a program calls them.
#ifndef VARVE_ONNX_PARAMETERS_H
#define VARVE_ONNX_PARAMETERS_H

#include "Onnx/Model.h"

namespace varve::onnx {

/// The dotted path of a node: "encoder.0.MatMul" for "/encoder/0/MatMul". One
/// without a name goes by its first output.
std::string pathOf(const Node &node);

struct Parameter {
  std::string key; ///< of the program's variable
  bool learns = false;
};

/// Of each initializer that is state, by its name. The key is the name, but for
/// those that PyTorch's exporter has numbered ("onnx::MatMul_14"): they go by
/// the node that reads them, "encoder.0.weight" for "/encoder/0/MatMul".
std::map<std::string, Parameter> parametersOf(const Graph &graph);

/// What a program that imports the graph under `prefix` calls an initializer.
inline std::string keyOf(const Parameter &parameter,
                         const std::string &prefix) {
  return prefix.empty() ? parameter.key : prefix + "." + parameter.key;
}

} // namespace varve::onnx
#endif
