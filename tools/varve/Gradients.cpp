// `varve gradients`: of the sum of a model's outputs, each weighed by a
// cotangent, with respect to its inputs.
#include "Learn/Weights.h"
#include "OnnxValues.h"
#include "Verbs.h"
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

constexpr const char *function = "gradients";

using nlohmann::json;
using onnx::HostValue;

/// The results by the names of the inputs whose gradients they are.
std::map<std::string, Tensor> byName(const varve_function_desc &function,
                                     std::vector<Tensor> results) {
  std::map<std::string, Tensor> named;
  for (int64_t i = 0; i < function.results; ++i)
    named.emplace(function.args[function.inputs + i].name,
                  std::move(results[static_cast<size_t>(i)]));
  return named;
}

bool isFloat(DType type) {
  return type == DType::F16 || type == DType::BF16 || type == DType::F32 ||
         type == DType::F64;
}

bool isOfFloats(const HostValue &value) {
  if (value.kind != HostValue::Kind::Tensor)
    return !value.items.empty() && isOfFloats(value.items[0]);
  return value.tensor.type != onnx::Element::String &&
         isFloat(value.tensor.value.type);
}

/// Of an input's own form; zeros where no output depends on it.
HostValue gradientOf(HostValue value, const std::string &name,
                     std::map<std::string, Tensor> &gradients) {
  for (size_t i = 0; i < value.items.size(); ++i)
    value.items[i] = gradientOf(std::move(value.items[i]),
                                fmt::format("{}[{}]", name, i), gradients);
  if (value.kind == HostValue::Kind::Tensor) {
    Tensor &tensor = value.tensor.value;
    auto found = gradients.find(name);
    tensor = found == gradients.end() ? Tensor(tensor.type, tensor.shape)
                                      : std::move(found->second);
  }
  return value;
}

Status ofOnnx(const GradientsArgs &args) {
  if (!args.weights.empty())
    return Error{"an ONNX model has its weights: --weights is not for it",
                 ErrorKind::Usage};
  auto model = onnx::readModel(args.model.file);
  if (!model)
    return model.error();
  const onnx::Graph &graph = model->graph;
  auto inputs = readOnnxValues("--input", args.inputs, "input", graph.inputs);
  if (!inputs)
    return inputs.error();
  auto cotangents =
      readOnnxValues("--cotangent", args.cotangents, "output", graph.outputs);
  if (!cotangents)
    return cotangents.error();
  // An input's default is a value like any other.
  auto isNamed = [](const std::string &name) {
    return [&name](const auto &other) { return other.name == name; };
  };
  for (const onnx::TensorData &tensor : graph.initializers)
    if (std::any_of(graph.inputs.begin(), graph.inputs.end(),
                    isNamed(tensor.name)) &&
        std::none_of(inputs->begin(), inputs->end(), isNamed(tensor.name)))
      inputs->push_back({tensor.name, HostValue::of(tensor)});
  auto program = openOnnx(args.model, *model, *inputs, function);
  if (!program)
    return program.error();
  const varve_function_desc &called = *program->find(function, 1);
  auto results = callFunction(*program, called, tensorsOf(*inputs),
                              tensorsOf(*cotangents));
  if (!results)
    return results.error();
  auto gradients = byName(called, std::move(*results));
  // What became a constant has no gradient here; zero would be a wrong one.
  json manifest = json::parse(program->artifact().manifest, nullptr, false);
  if (manifest.is_discarded() || !manifest.contains("onnx"))
    return Error{"the artifact is of no ONNX model"};
  auto madeFor = manifest["onnx"]["made_for"].get<std::vector<std::string>>();
  auto isFixed = [&](const std::string &name) {
    return gradients.count(name) == 0 &&
           std::find(madeFor.begin(), madeFor.end(), name) != madeFor.end();
  };
  std::vector<OnnxValue> outputs;
  for (const OnnxValue &input : *inputs)
    if (isOfFloats(input.value) && isFixed(input.name))
      fmt::print(stderr,
                 "varve: warning: input '{}' has no gradient: the program was "
                 "made for its value\n",
                 input.name);
    else if (isOfFloats(input.value))
      outputs.push_back(
          {input.name, gradientOf(input.value, input.name, gradients)});
  return writeOnnxValues(args.outputDir, args.format, outputs);
}

/// What is given must be something that the function takes.
Status checkNames(const varve_function_desc &function,
                  const std::vector<NamedTensor> &given, varve_argument kind,
                  const char *what) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < function.inputs; ++i)
    if (function.args[i].kind == kind)
      names.emplace_back(function.args[i].name);
  for (const NamedTensor &each : given)
    if (std::find(names.begin(), names.end(), each.name) == names.end())
      return Error{fmt::format("the model has no {} '{}'; it has: {}", what,
                               each.name, fmt::join(names, ", "))};
  return {};
}

Status ofModel(const GradientsArgs &args) {
  if (args.format != "npy")
    return Error{"--format is for ONNX models", ErrorKind::Usage};
  auto inputs = readArrays("--input", args.inputs);
  if (!inputs)
    return inputs.error();
  auto cotangents = readArrays("--cotangent", args.cotangents);
  if (!cotangents)
    return cotangents.error();
  const std::vector<int64_t> &shape = inputs->front().value.shape;
  int64_t batch = shape.empty() ? 1 : std::max<int64_t>(shape[0], 1);
  auto model = openModel(args.model, function, batch);
  if (!model)
    return model.error();
  showWarnings(*model);
  Program &program = model->program;
  if (auto loaded = openWeights(program, args.weights); !loaded)
    return loaded.error();
  const varve_function_desc &called = *program.find(function, batch);
  if (Status known = checkNames(called, *inputs, VARVE_ARG_INPUT, "input");
      !known)
    return known;
  if (Status known = checkNames(called, *cotangents, VARVE_ARG_COTANGENT,
                                "output of floats");
      !known)
    return known;
  TensorsByName values, weights;
  for (const NamedTensor &each : *inputs)
    values[each.name] = &each.value;
  for (const NamedTensor &each : *cotangents)
    weights[each.name] = &each.value;
  auto results = callFunction(program, called, values, weights);
  if (!results)
    return results.error();
  auto gradients = byName(called, std::move(*results));
  std::vector<OnnxValue> outputs;
  for (const NamedTensor &input : *inputs)
    if (isFloat(input.value.type)) {
      HostValue value = HostValue::of({input.name,
                                       onnx::elementOf(input.value.type),
                                       input.value.shape,
                                       input.value,
                                       {}});
      outputs.push_back(
          {input.name, gradientOf(std::move(value), input.name, gradients)});
    }
  return writeOnnxValues(args.outputDir, args.format, outputs);
}

} // namespace

int runGradients(const GradientsArgs &args) {
  Status done = isOnnx(args.model.file) ? ofOnnx(args) : ofModel(args);
  return done ? 0 : fail(done.error());
}

} // namespace varve::cli
