// Between programs and ONNX files.
#include "Networks.h"
#include "Learn/Weights.h"
#include "Onnx/Parameters.h"
#include "Onnx/Read.h"
#include "Onnx/Write.h"
#include "Support/File.h"
#include "Support/TemporaryFolder.h"
#include "Verbs.h"
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
    std::string key = onnx::keyOf(parameter, prefix);
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

/// Compiles what inference computes to an ONNX file; `out` "": to none.
static Status exportInference(const ModelArgs &args, const std::string &weights,
                              const std::string &out, bool externalData) {
  if (fs::path(args.file).extension() == ".so")
    return Error{fmt::format("an ONNX file is written of a text, not of '{}'",
                             args.file),
                 ErrorKind::Unsupported};
  CompileArgs compile;
  compile.file = args.file;
  compile.sets = args.sets;
  compile.disabledPasses = args.disabledPasses;
  compile.weights = weights;
  compile.output = out;
  compile.externalData = externalData;
  return compileOnnx(compile);
}

static bool isNetwork(const Program &program) {
  const auto &imports = program.manifest().imports;
  return imports && imports->whole;
}

Status checkOnnxOut(const ModelArgs &args, const Program &program,
                    const std::string &out) {
  if (!isNetwork(program))
    if (Status can = exportInference(args, "", "", false); !can)
      return can;
  auto file = AtomicFile::create(out);
  return file ? Status() : file.error();
}

Status writeOnnxOut(const ModelArgs &args, const Program &program,
                    const std::string &out, bool externalData) {
  if (!isNetwork(program)) {
    auto folder = TemporaryFolder::make();
    if (!folder)
      return folder.error();
    std::string weights = folder->path() + "/merged.safetensors";
    if (Status saved = saveWeights(program, weights, "", Updates::Merged);
        !saved)
      return saved;
    return exportInference(args, weights, out, externalData);
  }
  const Manifest::Imports &imports = *program.manifest().imports;
  std::string from = placeOf(args, imports.files[0]);
  std::map<std::string, std::string> variables;
  if (auto model = onnx::readModel(from); !model)
    return model.error();
  else
    variables = variablesOf(imports, imports.prefixes[0], model->graph);
  std::map<std::string, Tensor> values =
      exportWeights(program, Updates::Merged);
  std::map<std::string, Tensor> weights;
  for (const auto &[name, key] : variables)
    if (auto found = values.find(key); found != values.end())
      weights.emplace(name, std::move(found->second));
  onnx::WriteOptions options;
  if (externalData)
    options.limit = 0;
  return onnx::replaceWeights(from, weights, out, options);
}

} // namespace varve::cli
