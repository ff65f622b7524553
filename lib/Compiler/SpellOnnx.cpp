// `varve import`: an ONNX model as the text of a model, and its weights.
#include "Compiler/Compile.h"
#include "Language/Spell.h"
#include "Onnx/Export.h"
#include "Onnx/Read.h"
#include "Support/File.h"
#include "Support/Safetensors.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include <set>

using namespace mlir;

namespace varve {

/// The values of state under the names that the text has for it.
static Status writeWeights(const SpelledModel &spelled, onnx::Model &model,
                           const char *path) {
  std::map<std::string, const Tensor *> known;
  for (const onnx::TensorData &tensor : model.graph.initializers)
    known[tensor.name] = &tensor.value;
  std::vector<SafetensorsEntry> entries;
  for (const auto &[name, own] : spelled.state) {
    const Tensor &value = *known.at(name);
    entries.push_back({own, value.type, value.shape, value.data.data()});
  }
  std::vector<Tensor> constants;
  constants.reserve(spelled.constants.size());
  for (const auto &[own, elements] : spelled.constants) {
    onnx::TensorData data = onnx::tensorOf(elements);
    constants.push_back(std::move(data.value));
    const Tensor &value = constants.back();
    entries.push_back({own, value.type, value.shape, value.data.data()});
  }
  return writeSafetensors(path, entries, {});
}

/// What spelling a model leaves beside the text.
struct Origin {
  std::vector<std::string> files, specialized;
};

/// Imports the model with one more size known, or none, and spells it.
static Result<SpelledModel> spellAt(MLIRContext &context,
                                    const varve_compile_request &request,
                                    const std::string &dim, Origin &origin) {
  std::vector<const char *> dims(request.dim, request.dim + request.dims);
  if (!dim.empty())
    dims.push_back(dim.c_str());
  varve_compile_request bound = request;
  bound.dim = dims.data();
  bound.dims = int64_t(dims.size());
  Result<onnx::ImportedModel> imported = importOnnx(context, bound);
  if (!imported)
    return imported.error();
  origin = {imported->files, imported->specialized};
  PassManager passes(&context);
  passes.addPass(createCanonicalizerPass());
  if (failed(passes.run(*imported->module)))
    return Error{std::string(request.path) + ": cannot be simplified"};
  ProgramOp program = *imported->module->getOps<ProgramOp>().begin();
  return spellProgram(program, request.path);
}

/// What the model calls the number of samples: the first size of its first
/// input, if nothing says what it is; else "".
static std::string openSamples(const onnx::Model &model,
                               const varve_compile_request &request) {
  std::set<std::string> weights;
  for (const onnx::TensorData &tensor : model.graph.initializers)
    weights.insert(tensor.name);
  for (const onnx::ValueInfo &input : model.graph.inputs) {
    if (weights.count(input.name))
      continue;
    for (const varve_given_input &given :
         ArrayRef(request.input, request.inputs))
      if (input.name == given.name)
        return "";
    const auto &shape = input.type.shape;
    if (!shape || shape->empty() || shape->front().size >= 0)
      return "";
    const std::string &name = shape->front().name;
    for (const char *dim : ArrayRef(request.dim, request.dims))
      if (StringRef(dim).split('=').first == name)
        return "";
    return name;
  }
  return "";
}

/// The model for any number of samples: at two numbers that nothing else is a
/// multiple of the text is the same but for these. Else as it is.
static Result<SpelledModel> spellOpen(MLIRContext &context,
                                      const varve_compile_request &request,
                                      const onnx::Model &model,
                                      Origin &origin) {
  std::string name = openSamples(model, request);
  if (name.empty())
    return spellAt(context, request, "", origin);
  std::vector<SpelledModel> at;
  for (int64_t size : {1009, 1013}) {
    std::string dim = name + "=" + std::to_string(size);
    Result<SpelledModel> spelled = spellAt(context, request, dim, origin);
    if (!spelled)
      return spelled.error();
    spelled->text = withSizeNamed(spelled->text, size, "N");
    at.push_back(std::move(*spelled));
  }
  if (at[0].text != at[1].text || at[0].constants != at[1].constants)
    return Error{std::string(request.path) + ": error: the text depends on '" +
                     name + "': give it by --dim " + name + "=SIZE",
                 ErrorKind::Unsupported};
  Result<std::string> text = canonicalText(at[0].text, request.path);
  if (!text)
    return text.error();
  at[0].text = std::move(*text);
  return std::move(at[0]);
}

Status spellOnnx(MLIRContext &context, const varve_compile_request &request,
                 std::vector<std::string> &files, std::string &specialized) {
  if (!request.weights_path)
    return Error{"a text wants a file for the weights", ErrorKind::Usage};
  Result<onnx::Model> model = onnx::readModel(request.path);
  if (!model)
    return model.error();
  Origin origin;
  Result<SpelledModel> spelled = spellOpen(context, request, *model, origin);
  if (!spelled)
    return spelled.error();
  files = std::move(origin.files);
  specialized = llvm::join(origin.specialized, "\n");
  // Both files or none, as far as folders and space allow.
  Result<AtomicFile> text = AtomicFile::create(request.output_path);
  if (!text)
    return text.error();
  if (Status written = text->write(spelled->text); !written)
    return written;
  if (Status written = writeWeights(*spelled, *model, request.weights_path);
      !written)
    return written;
  return text->commit();
}

} // namespace varve
