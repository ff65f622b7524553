// Between programs and ONNX files.
#include "Networks.h"
#include "Learn/Weights.h"
#include "Onnx/Parameters.h"
#include "Onnx/Read.h"
#include "Onnx/Write.h"
#include "Support/File.h"
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <set>

namespace varve::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view option = "import=";

/// Where a file of the text's is.
std::string placeOf(const ModelArgs &args, const std::string &file) {
  std::string place =
      (fs::path(args.file).parent_path() / file).string();
  for (const std::string &set : args.sets)
    if (set.rfind(option, 0) == 0)
      place = set.substr(option.size());
  return place;
}

/// The program's variable for each initializer that is one, by its name.
std::map<std::string, std::string>
variablesOf(const Manifest::Imports &imports, const std::string &prefix,
            const onnx::Graph &graph) {
  std::set<std::string> keys(imports.keys.begin(), imports.keys.end());
  std::map<std::string, std::string> variables;
  for (const auto &[name, parameter] : onnx::parametersOf(graph)) {
    std::string key =
        prefix.empty() ? parameter.key : prefix + "." + parameter.key;
    if (keys.count(key))
      variables[name] = key;
  }
  return variables;
}

} // namespace

void takeConfig(ModelArgs &args) {
  if (args.config.empty())
    return;
  args.network = args.file;
  args.file = args.config;
  args.sets.push_back(std::string(option) + args.network);
}

Status takeNetworkWeights(const ModelArgs &args, Program &program) {
  const auto &imports = program.manifest().imports;
  if (!imports)
    return {};
  std::map<std::string, Tensor> values;
  for (size_t i = 0; i < imports->files.size(); ++i) {
    auto model = onnx::readModel(placeOf(args, imports->files[i]));
    if (!model)
      return model.error();
    auto variables = variablesOf(*imports, imports->prefixes[i], model->graph);
    for (onnx::TensorData &tensor : model->graph.initializers)
      if (auto found = variables.find(tensor.name); found != variables.end())
        values.emplace(found->second, std::move(tensor.value));
  }
  return program.setBase(std::move(values));
}

Status checkNetworkOut(const Program &program, const std::string &out) {
  const Manifest &manifest = program.manifest();
  if (!manifest.imports)
    return Error{fmt::format("{}: the model imports no network that could be "
                             "written with its weights",
                             out),
                 ErrorKind::Unsupported};
  if (manifest.imports->files.size() != 1)
    return Error{fmt::format("{}: writing {} networks into one file is not "
                             "supported",
                             out, manifest.imports->files.size()),
                 ErrorKind::Unsupported};
  std::string more;
  for (const auto &[name, value] : exportWeights(program, Updates::Merged))
    if (!program.hasBase(name))
      more += (more.empty() ? "'" : ", '") + name + "'";
  if (!more.empty())
    return Error{fmt::format("{}: the network has no place for {}: writing a "
                             "new head into an ONNX file is not supported",
                             out, more),
                 ErrorKind::Unsupported};
  auto file = AtomicFile::create(out);
  return file ? Status() : file.error();
}

Status writeNetwork(const ModelArgs &args, const Program &program,
                    const std::string &out) {
  const Manifest::Imports &imports = *program.manifest().imports;
  std::string from = placeOf(args, imports.files[0]);
  auto model = onnx::readModel(from);
  if (!model)
    return model.error();
  std::map<std::string, Tensor> values =
      exportWeights(program, Updates::Merged);
  std::map<std::string, Tensor> weights;
  for (const auto &[name, key] :
       variablesOf(imports, imports.prefixes[0], model->graph))
    if (auto found = values.find(key); found != values.end())
      weights.emplace(name, std::move(found->second));
  return onnx::replaceWeights(from, weights, out);
}

} // namespace varve::cli
