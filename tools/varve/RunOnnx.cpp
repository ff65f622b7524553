// `varve run` of an ONNX model: values in and out as the format stores them.
// What the model's sizes and element types are follows from the inputs.
#include "Learn/Program.h"
#include "Model.h"
#include "Onnx/Read.h"
#include "Support/File.h"
#include "Support/Npy.h"
#include "Verbs.h"
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using onnx::Element;
using onnx::HostValue;

struct Given {
  std::string name;
  HostValue value;
};

std::string typeOf(const HostValue &value) {
  if (value.kind == HostValue::Kind::Tensor)
    return fmt::format("{}[{}]", nameOf(value.tensor.type),
                       fmt::join(value.tensor.dims, ", "));
  std::string text =
      value.kind == HostValue::Kind::Sequence ? "sequence(" : "optional(";
  for (const HostValue &item : value.items)
    text += typeOf(item) + ";";
  return text + ")";
}

Result<HostValue> readValue(const std::string &path, const onnx::TypeInfo &type,
                            const std::string &name) {
  if (fs::path(path).extension() != ".npy") {
    auto bytes = readFile(path);
    if (!bytes)
      return bytes.error();
    return onnx::parseValue(*bytes, type, path);
  }
  auto array = readNpy(path);
  if (!array)
    return array.error();
  onnx::TensorData tensor;
  tensor.name = name;
  tensor.type = onnx::elementOf(array->type);
  tensor.dims = array->shape;
  tensor.value = std::move(*array);
  return HostValue::of(std::move(tensor));
}

Result<std::vector<Given>> readGiven(const std::vector<std::string> &inputs,
                                     const onnx::Model &model) {
  std::vector<Given> result;
  for (const std::string &input : inputs) {
    size_t equal = input.find('=');
    if (equal == std::string::npos || equal == 0)
      return Error{fmt::format("--input takes NAME=FILE, not '{}'", input),
                   ErrorKind::Usage};
    // Names of ONNX may have a `=`.
    const onnx::ValueInfo *info = nullptr;
    std::vector<std::string> names;
    for (const onnx::ValueInfo &known : model.graph.inputs) {
      names.push_back(known.name);
      if (input.rfind(known.name + "=", 0) == 0 &&
          (!info || info->name.size() < known.name.size()))
        info = &known;
    }
    if (!info)
      return Error{fmt::format("the model has no input '{}'; it has: {}",
                               input.substr(0, equal), fmt::join(names, ", "))};
    const std::string &name = info->name;
    std::string path = input.substr(name.size() + 1);
    auto value = readValue(path, info->type, name);
    if (!value)
      return value.error();
    result.push_back({name, std::move(*value)});
  }
  return result;
}

/// The tensors of a value, by the names of the function's inputs.
void flatten(const HostValue &value, const std::string &name,
             std::map<std::string, const Tensor *> &to) {
  if (value.kind == HostValue::Kind::Tensor)
    to[name] = &value.tensor.value;
  for (size_t i = 0; i < value.items.size(); ++i)
    flatten(value.items[i], fmt::format("{}[{}]", name, i), to);
}

Status fillWeights(Program &program, const onnx::Model &model) {
  std::map<std::string_view, const Tensor *> weights;
  for (const onnx::TensorData &tensor : model.graph.initializers)
    weights[tensor.name] = &tensor.value;
  const varve_artifact &artifact = program.artifact();
  for (int64_t i = 0; i < artifact.states; ++i) {
    auto found = weights.find(artifact.state[i].name);
    if (found == weights.end())
      return Error{fmt::format("the model has no initializer '{}'",
                               artifact.state[i].name)};
    if (Status set = program.importState(i, *found->second); !set)
      return set.error();
  }
  return {};
}

/// Runs the function and returns its results in order.
Result<std::vector<Tensor>> call(Program &program,
                                 const std::vector<Given> &given) {
  std::map<std::string, const Tensor *> values;
  for (const Given &each : given)
    flatten(each.value, each.name, values);
  const varve_function_desc &function = *program.find("infer", 1);
  std::vector<Tensor> buffers;
  for (int64_t i = 0; i < function.inputs + function.results; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    Tensor &buffer = buffers.emplace_back(
        static_cast<DType>(desc.dtype),
        std::vector<int64_t>(desc.shape, desc.shape + desc.rank));
    if (i < function.inputs) {
      auto found = values.find(desc.name);
      if (found == values.end())
        return Error{fmt::format("input '{}' ({}) is missing", desc.name,
                                 toString(buffer.type, buffer.shape))};
      if (found->second->data.size() != buffer.data.size())
        return Error{fmt::format("input '{}' is of another size", desc.name)};
      std::memcpy(buffer.data.data(), found->second->data.data(),
                  buffer.data.size());
    }
    if (buffer.data.empty())
      buffer.data.resize(1); // an empty buffer still has its own address
  }
  std::vector<void *> args;
  for (Tensor &buffer : buffers)
    args.push_back(buffer.data.data());
  program.call(function, args.data());
  buffers.erase(buffers.begin(), buffers.begin() + function.inputs);
  for (Tensor &buffer : buffers)
    buffer.data.resize(size_t(buffer.elements()) * byteSize(buffer.type));
  return buffers;
}

/// An output, put together as the manifest says.
HostValue assemble(const json &entry, std::vector<Tensor> &results) {
  HostValue value;
  for (const char *kind : {"sequence", "optional"}) {
    if (!entry.contains(kind))
      continue;
    value.kind =
        *kind == 's' ? HostValue::Kind::Sequence : HostValue::Kind::Optional;
    for (const json &item : entry[kind])
      value.items.push_back(assemble(item, results));
    return value;
  }
  onnx::TensorData &tensor = value.tensor;
  if (entry.contains("strings")) {
    tensor.type = Element::String;
    tensor.dims = entry["dims"].get<std::vector<int64_t>>();
    tensor.strings = entry["strings"].get<std::vector<std::string>>();
    return value;
  }
  tensor.type = static_cast<Element>(entry["element"].get<int32_t>());
  tensor.value = std::move(results[entry["result"].get<size_t>()]);
  tensor.dims = tensor.value.shape;
  if (onnx::partsOf(tensor.type) == 2)
    tensor.dims.pop_back();
  return value;
}

/// A file for an output, in folders if its name has slashes; never outside.
std::string fileOf(const std::string &folder, const std::string &name,
                   const char *ending) {
  fs::path path = folder;
  for (const fs::path &part : fs::path("./" + name)) {
    if (part == ".")
      continue;
    path /= part == ".." || part.empty() || part == "/" ? "_" : part;
  }
  return path.string() + ending;
}

Status writeArrays(const std::string &folder, const std::string &name,
                   const HostValue &value) {
  if (value.kind != HostValue::Kind::Tensor) {
    for (size_t i = 0; i < value.items.size(); ++i)
      if (Status written = writeArrays(folder, fmt::format("{}.{}", name, i),
                                       value.items[i]);
          !written)
        return written;
    return {};
  }
  if (value.tensor.type == Element::String)
    return Error{fmt::format("output '{}' is of strings, which .npy files do "
                             "not hold; --format pb does",
                             name),
                 ErrorKind::Unsupported};
  std::string path = fileOf(folder, name, ".npy");
  if (Status made = makeFolders(fs::path(path).parent_path().string()); !made)
    return made;
  if (Status written = writeNpy(path, value.tensor.value); !written)
    return written;
  fmt::print("{} {}\n", path, typeOf(value));
  return {};
}

Status writeOutput(const RunArgs &args, const std::string &name,
                   const HostValue &value) {
  if (args.format == "npy")
    return writeArrays(args.outputDir, name, value);
  std::string path = fileOf(args.outputDir, name, ".pb");
  if (Status made = makeFolders(fs::path(path).parent_path().string()); !made)
    return made;
  if (Status written = writeFile(path, {onnx::serializeValue(value, name)});
      !written)
    return written;
  fmt::print("{} {}\n", path, typeOf(value));
  return {};
}

Status run(const RunArgs &args) {
  auto model = onnx::readModel(args.model.file);
  if (!model)
    return model.error();
  auto given = readGiven(args.inputs, *model);
  if (!given)
    return given.error();
  CompileOptions options;
  options.path = args.model.file;
  options.disabledPasses = args.model.disabledPasses;
  // `--dim`, which came as a setting.
  constexpr std::string_view dim = "dim.";
  for (const std::string &set : args.model.sets)
    (set.rfind(dim, 0) == 0 ? options.dims : options.sets)
        .push_back(set.rfind(dim, 0) == 0 ? set.substr(dim.size()) : set);
  for (const Given &each : *given)
    options.inputs.push_back({each.name, typeOf(each.value),
                              onnx::serializeValue(each.value, each.name)});
  auto artifacts = Artifacts::open(std::move(options));
  if (!artifacts)
    return artifacts.error();
  auto source = [&](const ArtifactRequest &request) {
    return artifacts->get(request.function, request.batches);
  };
  auto program = Program::open(source, args.model.threads, {"infer", {1}});
  if (!program)
    return program.error();
  if (Status filled = fillWeights(*program, *model); !filled)
    return filled;
  auto results = call(*program, *given);
  if (!results)
    return results.error();
  json manifest = json::parse(program->artifact().manifest, nullptr, false);
  if (manifest.is_discarded() || !manifest.contains("onnx"))
    return Error{"the artifact is of no ONNX model"};
  if (Status made = makeFolders(args.outputDir); !made)
    return made;
  for (const json &output : manifest["onnx"]["outputs"])
    if (Status written = writeOutput(args, output["name"].get<std::string>(),
                                     assemble(output["value"], *results));
        !written)
      return written;
  return {};
}

} // namespace

int runOnnx(const RunArgs &args) {
  Status done = run(args);
  return done ? 0 : fail(done.error());
}

} // namespace varve::cli
