// Values of ONNX models between files and programs.
#include "OnnxValues.h"
#include "Support/File.h"
#include "Support/Npy.h"
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace varve::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using onnx::Element;
using onnx::HostValue;

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

void flatten(const HostValue &value, const std::string &name,
             TensorsByName &to) {
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

std::vector<GivenInput> givenOf(const std::vector<OnnxValue> &values) {
  std::vector<GivenInput> given;
  for (const OnnxValue &each : values)
    given.push_back({each.name, typeOf(each.value),
                     onnx::serializeValue(each.value, each.name)});
  return given;
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

/// A file of one tensor, or (`.pb`) of one value of any kind.
struct ValueFile {
  std::string path, name;
  const HostValue *value;
};

/// The files of a value: for .npy each tensor of a sequence has its own.
Status listFiles(const std::string &folder, const std::string &format,
                 const std::string &name, const HostValue &value,
                 std::vector<ValueFile> &files) {
  bool isArray = format == "npy";
  if (isArray && value.kind != HostValue::Kind::Tensor) {
    for (size_t i = 0; i < value.items.size(); ++i)
      if (Status listed = listFiles(folder, format, fmt::format("{}.{}", name, i),
                                    value.items[i], files);
          !listed)
        return listed;
    return {};
  }
  if (isArray && value.tensor.type == Element::String)
    return Error{fmt::format("output '{}' is of strings, which .npy files do "
                             "not hold; --format pb does",
                             name),
                 ErrorKind::Unsupported};
  std::string path = fileOf(folder, name, isArray ? ".npy" : ".pb");
  // What is written first has a longer name.
  constexpr size_t longestName = 255 - 16;
  for (const fs::path &part : fs::path(path))
    if (part.string().size() > longestName)
      return Error{fmt::format("the name '{}' is too long for a file", name)};
  for (const ValueFile &other : files)
    if (other.path == path && other.name != name)
      return Error{fmt::format("'{}' and '{}' would both be written as '{}'",
                               other.name, name, path)};
  files.push_back({path, name, &value});
  return {};
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

} // namespace

Result<std::vector<OnnxValue>>
readOnnxValues(const std::string &flag, const std::vector<std::string> &texts,
               const std::string &what,
               const std::vector<onnx::ValueInfo> &known) {
  std::vector<OnnxValue> result;
  for (const std::string &text : texts) {
    size_t equal = text.find('=');
    if (equal == std::string::npos || equal == 0)
      return Error{fmt::format("{} takes NAME=FILE, not '{}'", flag, text),
                   ErrorKind::Usage};
    // Names of ONNX may have a `=`.
    const onnx::ValueInfo *info = nullptr;
    std::vector<std::string> names;
    for (const onnx::ValueInfo &each : known) {
      names.push_back(each.name);
      if (text.rfind(each.name + "=", 0) == 0 &&
          (!info || info->name.size() < each.name.size()))
        info = &each;
    }
    if (!info)
      return Error{fmt::format("the model has no {} '{}'; it has: {}", what,
                               text.substr(0, equal), fmt::join(names, ", "))};
    for (const OnnxValue &each : result)
      if (each.name == info->name)
        return Error{fmt::format("{} {} is given twice", flag, info->name)};
    auto value =
        readValue(text.substr(info->name.size() + 1), info->type, info->name);
    if (!value)
      return value.error();
    result.push_back({info->name, std::move(*value)});
  }
  return result;
}

Result<std::vector<GivenInput>>
readGivenInputs(const std::string &file,
                const std::vector<std::string> &texts) {
  if (texts.empty())
    return std::vector<GivenInput>();
  if (!isOnnx(file))
    return Error{"--input is for ONNX models, whose shapes may depend on it",
                 ErrorKind::Usage};
  auto model = onnx::readModel(file);
  if (!model)
    return model.error();
  auto values = readOnnxValues("--input", texts, "input", model->graph.inputs);
  if (!values)
    return values.error();
  return givenOf(*values);
}

void showMadeFor(const char *names) {
  std::istringstream lines(names ? names : "");
  for (std::string name; std::getline(lines, name);)
    fmt::print(stderr,
               "varve: warning: the result is right for this value of input "
               "'{}' alone: it decides shapes\n",
               name);
}

TensorsByName tensorsOf(const std::vector<OnnxValue> &values) {
  TensorsByName tensors;
  for (const OnnxValue &each : values)
    flatten(each.value, each.name, tensors);
  return tensors;
}

Result<Program> openOnnx(const ModelArgs &args, const onnx::Model &model,
                         const std::vector<OnnxValue> &inputs,
                         const std::string &function) {
  CompileOptions options;
  options.path = args.file;
  options.disabledPasses = args.disabledPasses;
  // `--dim`, which came as a setting.
  constexpr std::string_view dim = "dim.";
  for (const std::string &set : args.sets)
    (set.rfind(dim, 0) == 0 ? options.dims : options.sets)
        .push_back(set.rfind(dim, 0) == 0 ? set.substr(dim.size()) : set);
  options.inputs = givenOf(inputs);
  auto opened = Artifacts::open(std::move(options));
  if (!opened)
    return opened.error();
  auto artifacts = std::make_shared<Artifacts>(std::move(*opened));
  auto source = [artifacts](const ArtifactRequest &request) {
    return artifacts->get(request.function, request.batches);
  };
  auto program = Program::open(source, args.threads, {function, {1}});
  if (!program)
    return program.error();
  if (Status filled = fillWeights(*program, model); !filled)
    return filled.error();
  return program;
}

Result<std::vector<OnnxValue>> onnxOutputs(const Program &program,
                                           std::vector<Tensor> results) {
  json manifest = json::parse(program.artifact().manifest, nullptr, false);
  if (manifest.is_discarded() || !manifest.contains("onnx"))
    return Error{"the artifact is of no ONNX model"};
  std::vector<OnnxValue> outputs;
  for (const json &output : manifest["onnx"]["outputs"])
    outputs.push_back({output["name"].get<std::string>(),
                       assemble(output["value"], results)});
  return outputs;
}

Status writeOnnxValues(const std::string &folder, const std::string &format,
                       const std::vector<OnnxValue> &values) {
  std::vector<ValueFile> files;
  for (const OnnxValue &each : values)
    if (Status listed =
            listFiles(folder, format, each.name, each.value, files);
        !listed)
      return listed;
  if (Status made = makeFolders(folder); !made)
    return made;
  for (const auto &[path, name, value] : files) {
    if (Status made = makeFolders(fs::path(path).parent_path().string()); !made)
      return made;
    Status written = format == "npy"
                         ? writeNpy(path, value->tensor.value)
                         : writeFile(path, {onnx::serializeValue(*value, name)});
    if (!written)
      return written;
    fmt::print("{} {}\n", path, typeOf(*value));
  }
  return {};
}

} // namespace varve::cli
