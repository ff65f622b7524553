// `varve compile -o model.onnx`: the graph, for any number of samples where
// that is possible, and the values of state.
#include "Compiler/Compile.h"
#include "Onnx/Export.h"
#include "Onnx/ExportSamples.h"
#include "Onnx/ImportDatum.h"
#include "Onnx/Parameters.h"
#include "Onnx/Read.h"
#include "Onnx/Write.h"
#include "Support/LowRank.h"
#include "Support/Pattern.h"
#include "Support/Torch.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

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
using Tensors = std::map<std::string, Tensor>;

/// The weights of a file under one choice of names.
struct Fit {
  DictionaryAttr map;
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

/// What is in `based` the file may lack.
static Fit fitWeights(ArrayRef<StateOp> states, const Safetensors &file,
                      DictionaryAttr map, const Tensors &based) {
  Fit fit;
  fit.map = map;
  for (StateOp state : states) {
    // A moving average is the parameter that the file has.
    StringRef own =
        state.getRole() == "average" ? *state.getOf() : state.getSymName();
    std::string name = fileName(map, own.str());
    const Tensor *value = file.find(name);
    std::string wanted = toString(dtypeOf(state), sizesOf(state));
    if (!value && based.count(own.str()))
      continue;
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

/// The weights of the networks that a text imports, by the names of variables.
static Result<Tensors> readNetworks(ProgramOp program,
                                    const varve_compile_request &request) {
  Tensors values;
  auto imports = program.getSettingsAttr().getAs<DictionaryAttr>("imports");
  if (!imports)
    return values;
  StringRef folder = llvm::sys::path::parent_path(request.path);
  for (auto [file, prefix] : llvm::zip(
           imports.getAs<ArrayAttr>("files").getAsRange<StringAttr>(),
           imports.getAs<ArrayAttr>("prefixes").getAsRange<StringAttr>())) {
    SmallString<128> path = file.getValue();
    if (!llvm::sys::path::is_absolute(path)) {
      path = folder;
      llvm::sys::path::append(path, file.getValue());
    }
    for (StringRef set : ArrayRef(request.set, request.sets))
      if (set.consume_front("import="))
        path = set;
    Result<onnx::Model> model = onnx::readModel(path.str().str());
    if (!model)
      return model.error();
    auto parameters = onnx::parametersOf(model->graph);
    for (onnx::TensorData &tensor : model->graph.initializers)
      if (auto found = parameters.find(tensor.name); found != parameters.end())
        values[onnx::keyOf(found->second, prefix.getValue().str())] =
            std::move(tensor.value);
  }
  return values;
}

/// The state that a function uses and files of weights hold.
static SmallVector<StateOp> weightsOf(ProgramOp program, FuncOp func) {
  SmallVector<StateOp> states;
  for (auto use : func.getUses().getAsRange<FlatSymbolRefAttr>()) {
    auto state = program.lookupSymbol<StateOp>(use.getValue());
    bool isAverage = state.getRole() == "average" && func.getUpdates().empty();
    if ((state.getRole() == "param" || state.getRole() == "running" ||
         isAverage) &&
        !use.getValue().starts_with("stage."))
      states.push_back(state);
  }
  return states;
}

/// Puts the low-rank updates of a file into the matrices; one without them has
/// matrices that they are in already.
static void mergeUpdates(ProgramOp program, const Safetensors &file,
                         DictionaryAttr map, Tensors &values) {
  auto adapters = program.getSettingsAttr().getAs<ArrayAttr>("adapters");
  if (!adapters)
    return;
  for (auto adapter : adapters.getAsRange<DictionaryAttr>()) {
    auto text = [&](const char *key) {
      return adapter.getAs<StringAttr>(key).getValue().str();
    };
    auto weight = values.find(text("weight"));
    const Tensor *a = file.find(fileName(map, text("a")));
    const Tensor *b = file.find(fileName(map, text("b")));
    if (a && b && weight != values.end())
      addLowRank(weight->second, *a, *b,
                 adapter.getAs<FloatAttr>("scale").getValueAsDouble(),
                 adapter.get("transposed") != nullptr);
  }
}

/// What a file of weights has for the state that a function uses, on top of
/// what networks have.
static Status readValues(ProgramOp program, FuncOp func, const char *path,
                         bool updatesMerged, Tensors &values) {
  Result<Safetensors> file = readWeightFile(path);
  if (!file)
    return file.error();
  SmallVector<StateOp> states = weightsOf(program, func);
  Fit fit = fitWeights(states, *file, {}, values);
  if (auto maps = program.getSettingsAttr().getAs<ArrayAttr>("names"))
    for (auto map : maps.getAsRange<DictionaryAttr>())
      if (Fit other = fitWeights(states, *file, map, values);
          other.misfits.size() < fit.misfits.size())
        fit = std::move(other);
  if (!fit.misfits.empty())
    return Error{std::string(path) + ": " + std::to_string(fit.values.size()) +
                 " of " + std::to_string(states.size()) + " weights fit\n  " +
                 llvm::join(fit.misfits, "\n  ")};
  for (const auto &[name, value] : fit.values)
    values[name] = *value;
  if (updatesMerged)
    mergeUpdates(program, *file, fit.map, values);
  return {};
}

/// The values of state that are known.
static Result<Tensors> valuesOf(ProgramOp program, FuncOp func,
                                const varve_compile_request &request) {
  if (StringRef(request.path).ends_with(".onnx")) {
    Result<onnx::Model> model = onnx::readModel(request.path);
    if (!model)
      return model.error();
    Tensors values;
    for (onnx::TensorData &tensor : model->graph.initializers)
      values[tensor.name] = std::move(tensor.value);
    return values;
  }
  Result<Tensors> values = readNetworks(program, request);
  if (values && request.weights)
    if (Status read = readValues(program, func, request.weights,
                                 mergesUpdates(request), *values);
        !read)
      return read.error();
  return values;
}

bool mergesUpdates(const varve_compile_request &request) {
  return request.output == VARVE_OUTPUT_ONNX &&
         StringRef(request.function->name) == "infer";
}

namespace {
/// Compiles and exports one function.
class FunctionExport {
public:
  FunctionExport(MLIRContext &context, const varve_compile_request &request,
                 const PipelineOptions &options,
                 std::vector<std::string> &files, std::string &report)
      : context(context), request(request), options(options), files(files),
        report(report), readNetwork(networkReader()) {}

  /// At a number of samples; 0: what the request or the model says.
  Result<onnx::Model> at(int64_t samples);
  Result<onnx::Model> openly();

private:
  Status findValues(ProgramOp program);

  MLIRContext &context;
  const varve_compile_request &request;
  const PipelineOptions &options;
  std::vector<std::string> &files;
  std::string &report;
  NetworkReader readNetwork;
  /// Values of state, for the first model; later ones have their shapes.
  std::optional<Tensors> values;
};
} // namespace

Status FunctionExport::findValues(ProgramOp program) {
  FuncOp func = *program.getOps<FuncOp>().begin();
  values.emplace();
  if (request.output_path) {
    Result<Tensors> known = valuesOf(program, func, request);
    if (!known)
      return known.error();
    values = std::move(*known);
  }
  // Counters and the scale of a loss are small, and begin as they always do.
  for (StateOp state : program.getOps<StateOp>())
    if (state.getTensorType().getRank() == 0 && state.getRole() != "param" &&
        state.getInit() == "constant")
      values->try_emplace(state.getSymName().str(), firstValue(state));
  return {};
}

Result<onnx::Model> FunctionExport::at(int64_t samples) {
  varve_function_request function = *request.function;
  varve_compile_request own = request;
  own.function = &function;
  if (samples)
    function.batch = samples;
  Result<CompiledProgram> compiled =
      compileProgram(context, own, options, readNetwork);
  if (!compiled)
    return compiled.error();
  files = compiled->files;
  report = llvm::join(compiled->specialized, "\n");
  ProgramOp program = *compiled->module->getOps<ProgramOp>().begin();
  if (!values)
    if (Status found = findValues(program); !found)
      return found.error();
  onnx::ExportRequest to;
  to.path = request.path;
  for (auto &[name, value] : *values) {
    Tensor shape;
    shape.type = value.type;
    shape.shape = value.shape;
    to.values[name] = std::exchange(value, std::move(shape));
  }
  return onnx::exportProgram(program, std::move(to));
}

Result<onnx::Model> FunctionExport::openly() {
  // Primes that are the sizes of little else: constants of equal sizes are one.
  onnx::OfThree<onnx::SizedModel> models;
  for (auto [model, samples] :
       llvm::zip(models, onnx::OfThree<int64_t>{29, 31, 37})) {
    Result<onnx::Model> sized = at(samples);
    if (!sized)
      return sized.error();
    model = {samples, std::move(*sized)};
  }
  if (Status open = onnx::openSamples(models); !open)
    return open.error();
  return std::move(models[0].model);
}

Status exportOnnx(MLIRContext &context, const varve_compile_request &request,
                  const PipelineOptions &options,
                  std::vector<std::string> &files, std::string &report) {
  if (request.functions != 1)
    return Error{"an ONNX file holds one function: give one --batch",
                 ErrorKind::Usage};
  Result<onnx::Model> model = Error{""};
  bool isOpen = StringRef(request.function->name) == "infer" &&
                request.function->batch == 0 &&
                !StringRef(request.path).ends_with(".onnx");
  if (isOpen)
    model = FunctionExport(context, request, options, files, report).openly();
  if (!model) {
    std::string why = model.error().message;
    model = FunctionExport(context, request, options, files, report).at(0);
    if (model && isOpen)
      report = why;
  }
  if (!model)
    return model.error();
  if (!request.output_path)
    return {};
  onnx::WriteOptions write;
  if (request.external_data)
    write.limit = 0;
  return onnx::writeModel(request.output_path, *model, write);
}

} // namespace varve
