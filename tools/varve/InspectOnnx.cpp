// `varve inspect` of an ONNX model: what it takes and gives, its weights by the
// keys that patterns of a text match, and the values that a text may ask for.
#include "Model.h"
#include "Onnx/Parameters.h"
#include "Onnx/Read.h"
#include "Page.h"
#include "Verbs.h"
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

using Json = nlohmann::ordered_json;
using onnx::TypeInfo;

std::string typeText(const TypeInfo &type) {
  switch (type.kind) {
  case TypeInfo::Kind::Sequence:
    return fmt::format("sequence of {}", typeText(*type.inner));
  case TypeInfo::Kind::Optional:
    return fmt::format("optional {}", typeText(*type.inner));
  case TypeInfo::Kind::Tensor:
    break;
  default:
    return "of no type";
  }
  std::vector<std::string> sizes;
  for (const onnx::Dim &dim : type.shape.value_or(std::vector<onnx::Dim>()))
    sizes.push_back(dim.size >= 0      ? std::to_string(dim.size)
                    : dim.name.empty() ? "?"
                                       : dim.name);
  return fmt::format("{}[{}]", nameOf(type.element),
                     type.shape ? fmt::format("{}", fmt::join(sizes, ", "))
                                : "...");
}

struct Weight {
  std::string key, type;
  int64_t elements;
  bool learns;
};

std::vector<Weight> weightsOf(const onnx::Graph &graph) {
  auto parameters = onnx::parametersOf(graph);
  std::vector<Weight> weights;
  for (const onnx::TensorData &tensor : graph.initializers)
    if (auto found = parameters.find(tensor.name); found != parameters.end())
      weights.push_back({found->second.key,
                         fmt::format("{}[{}]", nameOf(tensor.type),
                                     fmt::join(tensor.dims, ", ")),
                         elementCount(tensor.dims), found->second.learns});
  return weights;
}

/// Inputs that are no weights.
std::vector<onnx::ValueInfo> inputsOf(const onnx::Graph &graph) {
  std::vector<onnx::ValueInfo> inputs = graph.inputs;
  for (const onnx::TensorData &tensor : graph.initializers)
    inputs.erase(std::remove_if(inputs.begin(), inputs.end(),
                                [&](const onnx::ValueInfo &info) {
                                  return info.name == tensor.name;
                                }),
                 inputs.end());
  return inputs;
}

std::string opsetsText(const onnx::Model &model) {
  std::vector<std::string> texts;
  for (const auto &[domain, version] : model.opsets)
    texts.push_back(domain.empty() ? fmt::format("opset {}", version)
                                   : fmt::format("{} {}", domain, version));
  return fmt::format("{}", fmt::join(texts, ", "));
}

int64_t parametersIn(const std::vector<Weight> &weights) {
  int64_t sum = 0;
  for (const Weight &weight : weights)
    sum += weight.learns ? weight.elements : 0;
  return sum;
}

Json toJson(const onnx::Model &model, const std::vector<Weight> &weights) {
  auto listOf = [](const std::vector<onnx::ValueInfo> &infos) {
    Json list = Json::array();
    for (const onnx::ValueInfo &info : infos)
      list.push_back({{"name", info.name}, {"type", typeText(info.type)}});
    return list;
  };
  Json tensors = Json::array(), nodes = Json::array();
  for (const Weight &weight : weights)
    tensors.push_back({{"name", weight.key},
                       {"type", weight.type},
                       {"learned", weight.learns}});
  for (const onnx::Node &node : model.graph.nodes)
    nodes.push_back({{"path", pathOf(node)},
                     {"operator", node.op},
                     {"values", node.outputs}});
  return {{"model", model.graph.name},
          {"opsets", model.opsets},
          {"parameters", parametersIn(weights)},
          {"inputs", listOf(inputsOf(model.graph))},
          {"outputs", listOf(model.graph.outputs)},
          {"weights", tensors},
          {"nodes", nodes}};
}

void showText(const onnx::Model &model, const std::vector<Weight> &weights) {
  const onnx::Graph &graph = model.graph;
  fmt::print("{}: {} parameters, {} nodes, {}\n\n", graph.name,
             grouped(parametersIn(weights)), graph.nodes.size(),
             opsetsText(model));
  size_t wide = 0;
  auto widen = [&](const std::string &name) {
    wide = std::max(wide, name.size());
  };
  for (const Weight &weight : weights)
    widen(weight.key);
  for (const onnx::Node &node : graph.nodes)
    widen(pathOf(node));
  for (const onnx::ValueInfo &info : inputsOf(graph))
    fmt::print("  input   {}  {}\n", info.name, typeText(info.type));
  for (const onnx::ValueInfo &info : graph.outputs)
    fmt::print("  output  {}  {}\n", info.name, typeText(info.type));
  fmt::print("\n  {:<{}}  {:<24} {:>14}\n", "weight", wide, "type",
             "elements");
  for (const Weight &weight : weights)
    fmt::print("  {:<{}}  {:<24} {:>14}{}\n", weight.key, wide, weight.type,
               grouped(weight.elements), weight.learns ? "" : "  not learned");
  fmt::print("\n  {:<{}}  {:<24} values\n", "node", wide, "operator");
  for (const onnx::Node &node : graph.nodes)
    fmt::print("  {:<{}}  {:<24} {}\n", pathOf(node), wide, node.op,
               fmt::join(node.outputs, ", "));
}

} // namespace

int runInspectOnnx(const InspectArgs &args) {
  if (args.memory || !args.html.empty())
    return fail({"--memory and --html are for models that learn: give the text "
                 "that imports this one by --config",
                 ErrorKind::Usage});
  auto model = onnx::readModel(args.model.file);
  if (!model)
    return fail(model.error());
  std::vector<Weight> weights = weightsOf(model->graph);
  if (args.model.json)
    fmt::print("{}\n",
               toJson(*model, weights)
                   .dump(-1, ' ', false, Json::error_handler_t::replace));
  else
    showText(*model, weights);
  return 0;
}

} // namespace varve::cli
