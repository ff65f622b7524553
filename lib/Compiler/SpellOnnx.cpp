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

Status spellOnnx(MLIRContext &context, const varve_compile_request &request,
                 std::vector<std::string> &files) {
  if (!request.weights_path)
    return Error{"a text wants a file for the weights", ErrorKind::Usage};
  Result<onnx::ImportedModel> imported = importOnnx(context, request);
  if (!imported)
    return imported.error();
  files = imported->files;
  PassManager passes(&context);
  passes.addPass(createCanonicalizerPass());
  if (failed(passes.run(*imported->module)))
    return Error{std::string(request.path) + ": cannot be simplified"};
  ProgramOp program = *imported->module->getOps<ProgramOp>().begin();
  Result<SpelledModel> spelled = spellProgram(program, request.path);
  if (!spelled)
    return spelled.error();
  Result<onnx::Model> model = onnx::readModel(request.path);
  if (!model)
    return model.error();
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
