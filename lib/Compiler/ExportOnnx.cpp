// `varve compile -o model.onnx`: the values of state, and the graph.
#include "Compiler/Compile.h"
#include "Onnx/Export.h"
#include "Onnx/ImportDatum.h"
#include "Onnx/Read.h"
#include "Onnx/Write.h"
#include "Support/Pattern.h"
#include "Support/Torch.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve {

static std::vector<int64_t> sizesOf(StateOp state) {
  return state.getTensorType().getShape().vec();
}

static DType dtypeOf(StateOp state) {
  return *onnx::storageOf(
      onnx::elementOf(state.getTensorType().getElementType()));
}

/// What a state that is one number begins with.
static Tensor firstValue(StateOp state) {
  RefTensor one(state.getTensorType());
  double a = state.getA().convertToDouble();
  one.set(0, {a, int64_t(a)});
  return onnx::tensorOf(one.toElements()).value;
}

namespace {
/// The weights of a file under one choice of names.
struct Fit {
  std::map<std::string, const Tensor *> values; ///< by state
  std::vector<std::string> misfits;             ///< a line each
};
} // namespace

/// `map` has patterns of names of ours and of others', or is null.
static std::string fileName(DictionaryAttr map, std::string name) {
  if (!map)
    return name;
  for (auto [ours, theirs] :
       llvm::zip(map.getAs<ArrayAttr>("ours").getAsRange<StringAttr>(),
                 map.getAs<ArrayAttr>("theirs").getAsRange<StringAttr>()))
    if (auto other = renameByPattern(ours.getValue().str(),
                                     theirs.getValue().str(), name))
      return *other;
  return name;
}

static Fit fitWeights(ArrayRef<StateOp> states, const Safetensors &file,
                      DictionaryAttr map) {
  Fit fit;
  for (StateOp state : states) {
    // A moving average is the parameter that the file has.
    StringRef own =
        state.getRole() == "average" ? *state.getOf() : state.getSymName();
    std::string name = fileName(map, own.str());
    const Tensor *value = file.find(name);
    std::string wanted = toString(dtypeOf(state), sizesOf(state));
    if (!value)
      fit.misfits.push_back("'" + name + "': " + wanted + " is missing");
    else if (value->type != dtypeOf(state) || value->shape != sizesOf(state))
      fit.misfits.push_back("'" + name +
                            "': " + toString(value->type, value->shape) +
                            ", the model's is " + wanted);
    else
      fit.values[state.getSymName().str()] = value;
  }
  return fit;
}

/// What a file of weights has for the state that a function uses.
static Result<std::map<std::string, Tensor>>
readValues(ProgramOp program, FuncOp func, const char *path) {
  Result<Safetensors> file = readWeightFile(path);
  if (!file)
    return file.error();
  SmallVector<StateOp> states;
  for (auto use : func.getUses().getAsRange<FlatSymbolRefAttr>()) {
    auto state = program.lookupSymbol<StateOp>(use.getValue());
    bool isAverage = state.getRole() == "average" && func.getUpdates().empty();
    if ((state.getRole() == "param" || state.getRole() == "running" ||
         isAverage) &&
        !use.getValue().starts_with("stage."))
      states.push_back(state);
  }
  Fit fit = fitWeights(states, *file, {});
  if (auto maps = program.getSettingsAttr().getAs<ArrayAttr>("names"))
    for (auto map : maps.getAsRange<DictionaryAttr>())
      if (Fit other = fitWeights(states, *file, map);
          other.misfits.size() < fit.misfits.size())
        fit = std::move(other);
  if (!fit.misfits.empty())
    return Error{std::string(path) + ": " + std::to_string(fit.values.size()) +
                 " of " + std::to_string(states.size()) + " weights fit\n  " +
                 llvm::join(fit.misfits, "\n  ")};
  std::map<std::string, Tensor> values;
  for (const auto &[name, value] : fit.values)
    values[name] = *value;
  return values;
}

/// The weights of an ONNX model that was imported.
static Result<std::map<std::string, Tensor>> readOnnxValues(const char *path) {
  Result<onnx::Model> model = onnx::readModel(path);
  if (!model)
    return model.error();
  std::map<std::string, Tensor> values;
  for (onnx::TensorData &tensor : model->graph.initializers)
    values[tensor.name] = std::move(tensor.value);
  return values;
}

Status exportOnnx(CompiledProgram &compiled,
                  const varve_compile_request &request) {
  if (request.functions != 1)
    return Error{"an ONNX file holds one function: give one --batch",
                 ErrorKind::Usage};
  ProgramOp program = *compiled.module->getOps<ProgramOp>().begin();
  FuncOp func = *program.getOps<FuncOp>().begin();
  onnx::ExportRequest to;
  to.path = request.path;
  bool isOnnx = StringRef(request.path).ends_with(".onnx");
  if (isOnnx || request.weights) {
    auto values = isOnnx ? readOnnxValues(request.path)
                         : readValues(program, func, request.weights);
    if (!values)
      return values.error();
    to.values = std::move(*values);
  }
  // Counters and the scale of a loss are small, and begin as they always do.
  for (StateOp state : program.getOps<StateOp>())
    if (state.getTensorType().getRank() == 0 && state.getRole() != "param" &&
        state.getInit() == "constant")
      to.values.try_emplace(state.getSymName().str(), firstValue(state));
  Result<onnx::Model> model = onnx::exportProgram(program, std::move(to));
  if (!model)
    return model.error();
  return onnx::writeModel(request.output_path, *model);
}

} // namespace varve
