// Import, phases and emission of the functions of one program.
#include "Compiler/Compile.h"
#include "Onnx/Read.h"
#include "Support/File.h"
#include "Support/Safetensors.h"
#include "Support/TemporaryFolder.h"
#include "varve/Codegen/Emit.h"
#include "varve/InitAll.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace varve {

std::unique_ptr<MLIRContext> createContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

Result<std::string> textOf(const char *path, const char *text) {
  return text ? Result<std::string>(std::string(text)) : readFile(path);
}

std::vector<std::string> strings(const char *const *texts, int64_t count) {
  return std::vector<std::string>(texts, texts + count);
}

NetworkReader networkReader() {
  auto known =
      std::make_shared<std::map<std::string, std::shared_ptr<const Network>>>();
  return [known](const std::string &path)
             -> Result<std::shared_ptr<const Network>> {
    if (auto found = known->find(path); found != known->end())
      return found->second;
    auto read = onnx::readNetwork(path);
    if (read)
      known->emplace(path, *read);
    return read;
  };
}

/// Moves what `from` defines into `into`. Both describe the same state; names
/// that are taken get a suffix.
static Status mergePrograms(CompiledProgram &into, ModuleOp from,
                            const ArtifactDescription &part) {
  if (into.description.digest != part.digest)
    return Error{"functions of one program disagree about its state"};
  std::string suffix = "_" + std::to_string(into.description.functions.size());
  SymbolTable known(*into.module), symbols(from);
  for (FunctionDescription f : part.functions) {
    if (known.lookup(f.symbol))
      f.symbol += suffix;
    into.description.functions.push_back(f);
  }
  for (Operation &op : llvm::make_early_inc_range(*from.getBody())) {
    auto name = SymbolTable::getSymbolName(&op).getValue();
    if (known.lookup(name) &&
        failed(symbols.rename(&op, (name + suffix).str())))
      return Error{"cannot rename '" + name.str() + "'"};
  }
  Block &body = *into.module->getBody();
  body.getOperations().splice(body.end(), from.getBody()->getOperations());
  return {};
}

Result<CompiledProgram>
compileFunctions(MLIRContext &context, const ImportRequest &import,
                 ArrayRef<varve_function_request> functions,
                 const PipelineOptions &options) {
  CompiledProgram whole;
  for (const varve_function_request &function : functions) {
    ImportRequest request = import;
    request.function = function.name;
    request.batch = function.batch;
    PipelineOptions own = options;
    // "find_nan:STAGE" is "train_step:STAGE".
    StringRef named = function.name;
    own.findNan = named.consume_front("find_nan");
    if (own.findNan)
      request.function = "train_step" + named.str();
    // "gradients" is "infer", which the pipeline turns round.
    own.inputGradients = named == "gradients";
    if (own.inputGradients)
      request.function = "infer";
    Result<ImportedProgram> program = importProgram(context, request);
    if (!program)
      return program.error();
    for (ProgramOp each : program->module->getOps<ProgramOp>())
      whole.imports |= each.getSettingsAttr().get("imports") != nullptr;
    Result<ArtifactDescription> part = runPipeline(*program->module, own);
    if (!part)
      return part.error();
    for (FunctionDescription &described : part->functions)
      described.name = function.name;
    if (!whole.module) {
      whole.module = std::move(program->module);
      whole.description = std::move(*part);
      whole.files = {import.path};
      whole.files.insert(whole.files.end(), program->files.begin(),
                         program->files.end());
    } else if (Status merged = mergePrograms(whole, *program->module, *part);
               !merged) {
      return merged.error();
    }
  }
  return whole;
}

/// What an ONNX model is imported with.
static Result<onnx::ImportRequest>
onnxRequestOf(const varve_compile_request &request) {
  onnx::ImportRequest import;
  import.path = request.path;
  for (const varve_given_input &input : ArrayRef(request.input, request.inputs))
    import.inputs[input.name] = {static_cast<const char *>(input.bytes),
                                 size_t(input.size)};
  for (const char *dim : ArrayRef(request.dim, request.dims)) {
    auto [name, size] = StringRef(dim).split('=');
    int64_t &to = import.dims[name.str()];
    if (name.empty() || size.getAsInteger(10, to) || to < 0)
      return Error{std::string("--dim takes NAME=SIZE, not '") + dim + "'",
                   ErrorKind::Usage};
  }
  StringRef name = request.functions == 1 ? request.function->name : "";
  if (name != "infer" && name != "gradients")
    return Error{"'" + name.str() +
                     "' of an ONNX model is not supported, only infer and "
                     "gradients",
                 ErrorKind::Unsupported};
  return import;
}

Result<onnx::ImportedModel>
importOnnx(MLIRContext &context, const varve_compile_request &request) {
  Result<onnx::ImportRequest> import = onnxRequestOf(request);
  if (!import)
    return import.error();
  return onnx::importModel(context, *import);
}

/// The one setting that an ONNX model has: what its products of f32 are
/// computed in.
static Result<Type> precisionOfOnnx(MLIRContext &context,
                                    const varve_compile_request &request) {
  Type precision;
  for (const std::string &set : strings(request.set, request.sets)) {
    auto [key, value] = StringRef(set).split('=');
    if (key != "precision")
      return Error{"an ONNX model has no setting `" + key.str() +
                       "`, only `precision`",
                   ErrorKind::Usage};
    if (value == "bf16")
      precision = BFloat16Type::get(&context);
    else if (value == "f16")
      precision = Float16Type::get(&context);
    else if (value == "f32")
      precision = Type();
    else
      return Error{"`precision` is f32, bf16 or f16, not `" + value.str() + "`",
                   ErrorKind::Usage};
  }
  return precision;
}

/// Imports an ONNX model and runs the phases on it.
static Result<CompiledProgram> compileOnnx(MLIRContext &context,
                                           const varve_compile_request &request,
                                           const PipelineOptions &options) {
  Result<onnx::ImportedModel> model = importOnnx(context, request);
  if (!model)
    return model.error();
  CompiledProgram whole;
  whole.module = std::move(model->module);
  whole.files = std::move(model->files);
  whole.files.insert(whole.files.begin(), request.path);
  whole.specialized = std::move(model->specialized);
  Result<Type> precision = precisionOfOnnx(context, request);
  if (!precision)
    return precision.error();
  if (*precision)
    for (ProgramOp program : whole.module->getOps<ProgramOp>())
      program->setAttr("varve.precision", TypeAttr::get(*precision));
  PipelineOptions own = options;
  own.inputGradients = StringRef(request.function->name) == "gradients";
  Result<ArtifactDescription> description = runPipeline(*whole.module, own);
  if (!description)
    return description.error();
  whole.description = std::move(*description);
  for (FunctionDescription &described : whole.description.functions)
    described.name = request.function->name;
  return whole;
}

static Result<CompiledProgram>
compileVarve(MLIRContext &context, const varve_compile_request &request,
             const PipelineOptions &options, const NetworkReader &readNetwork) {
  Result<std::string> text = textOf(request.path, request.text);
  if (!text)
    return text.error();
  ImportRequest import;
  import.path = request.path;
  import.text = std::move(*text);
  import.set = strings(request.set, request.sets);
  import.readNetwork = readNetwork;
  import.updatesMerged = mergesUpdates(request);
  return compileFunctions(
      context, import, ArrayRef(request.function, request.functions), options);
}

Result<CompiledProgram> compileProgram(MLIRContext &context,
                                       const varve_compile_request &request,
                                       const PipelineOptions &options,
                                       const NetworkReader &readNetwork) {
  if (StringRef(request.path).ends_with(".onnx"))
    return compileOnnx(context, request, options);
  return compileVarve(context, request, options, readNetwork);
}

static Result<PipelineOptions>
pipelineOptionsOf(const varve_compile_request &request, const Target &target) {
  PipelineOptions options;
  options.target = target;
  options.disabledPasses =
      strings(request.disabled_pass, request.disabled_passes);
  for (const std::string &name : options.disabledPasses)
    if (!llvm::is_contained(optionalPasses(), name))
      return Error{"there is no optional pass `" + name + "`; those are " +
                       llvm::join(optionalPasses(), ", "),
                   ErrorKind::Usage};
  if (request.stop_after) {
    std::optional<Phase> phase = parsePhase(request.stop_after);
    if (!phase)
      return Error{std::string("there is no phase `") + request.stop_after +
                       "`",
                   ErrorKind::Usage};
    if (request.output != VARVE_OUTPUT_MLIR)
      return Error{"a compilation that stops early gives .mlir",
                   ErrorKind::Usage};
    options.stopAfter = *phase;
  }
  if (request.output == VARVE_OUTPUT_MEMORY)
    options.stopAfter = Phase::Plan;
  if (request.output == VARVE_OUTPUT_ONNX) {
    options.stopAfter = Phase::Update;
    // State stays whole, and memory is for others to plan.
    for (const char *name :
         {"drop-dead-weights", "choose-layouts", "checkpoint-activations"})
      options.disabledPasses.push_back(name);
  }
  if (request.reproducer)
    options.reproducer = request.reproducer;
  if (request.print_phases)
    options.afterPhase = [](Phase phase, ModuleOp module) {
      llvm::errs() << "// -----// after " << nameOf(phase) << " //----- //\n"
                   << module << "\n";
    };
  return options;
}

static OutputKind outputKindOf(int64_t output) {
  switch (output) {
  case VARVE_OUTPUT_OBJECT:
    return OutputKind::Object;
  case VARVE_OUTPUT_LLVM_IR:
    return OutputKind::LlvmIr;
  case VARVE_OUTPUT_ASSEMBLY:
    return OutputKind::Assembly;
  default:
    return OutputKind::SharedObject;
  }
}

/// The file of weights that a library carries; "" where it has first values.
/// Those of an ONNX model are its own.
static Result<std::string> weightsFor(const ArtifactDescription &library,
                                      const varve_compile_request &request) {
  if (request.weights)
    return readFile(request.weights);
  if (!StringRef(request.path).ends_with(".onnx"))
    return std::string();
  Result<onnx::Model> model = onnx::readModel(request.path);
  if (!model)
    return model.error();
  std::map<std::string, const Tensor *> known;
  for (const onnx::TensorData &tensor : model->graph.initializers)
    known[tensor.name] = &tensor.value;
  std::vector<SafetensorsEntry> entries;
  for (const StateDescription &state : library.states)
    if (const Tensor *value = known[state.name])
      entries.push_back(
          {state.name, value->type, value->shape, value->data.data()});
  Result<TemporaryFolder> folder = TemporaryFolder::make();
  if (!folder)
    return folder.error();
  std::string path = folder->path() + "/weights.safetensors";
  if (Status written = writeSafetensors(path, entries, {}); !written)
    return written.error();
  return readFile(path);
}

static Status writeLibrary(CompiledProgram &program, const Target &target,
                           const varve_compile_request &request) {
  if (program.imports && !request.weights)
    return Error{"a library of a model with an `import` needs --weights: it "
                 "reads no ONNX file; `varve train --merge` writes them",
                 ErrorKind::Unsupported};
  Result<std::string> weights = weightsFor(program.description, request);
  if (!weights)
    return weights.error();
  LibraryOptions library;
  library.weights = std::move(*weights);
  std::string header = libraryHeader(program.description, target, library);
  Result<std::string> bytes =
      emitLibrary(*program.module, program.description, target, library);
  if (!bytes)
    return bytes.error();
  if (Status s = writeFile(request.output_path, {*bytes});
      !s || !request.header_path)
    return s;
  return writeFile(request.header_path, {header});
}

Status compile(const varve_compile_request &request,
               std::vector<std::string> &files, std::string &report) {
  Result<Target> target = resolveTarget(request.cpu ? request.cpu : "native");
  if (!target)
    return target.error();
  Result<PipelineOptions> options = pipelineOptionsOf(request, *target);
  if (!options)
    return options.error();
  std::unique_ptr<MLIRContext> context = createContext();
  if (request.output == VARVE_OUTPUT_TEXT)
    return spellOnnx(*context, request, files, report);
  if (request.output == VARVE_OUTPUT_ONNX)
    return exportOnnx(*context, request, *options, files, report);
  Result<CompiledProgram> program =
      compileProgram(*context, request, *options, networkReader());
  if (!program)
    return program.error();
  files = program->files;
  report = llvm::join(program->specialized, "\n");

  switch (request.output) {
  case VARVE_OUTPUT_MEMORY:
    report = describeMemory(*program);
    return {};
  case VARVE_OUTPUT_LIBRARY:
    return writeLibrary(*program, *target, request);
  case VARVE_OUTPUT_MLIR: {
    std::string printed;
    llvm::raw_string_ostream(printed) << *program->module;
    return writeFile(request.output_path, {printed});
  }
  default:
    EmitOptions emit;
    emit.kind = outputKindOf(request.output);
    emit.profile = request.profile != 0;
    return emitArtifact(*program->module, program->description, *target,
                        request.output_path, emit);
  }
}

} // namespace varve
