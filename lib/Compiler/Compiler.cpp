// The facade: from a model file to a file of code, behind the C functions of
// varve-c/Compiler.h. Built as libVarveCompiler.so, the one library that loads
// MLIR and LLVM.
#include "Language/Import.h"
#include "Support/File.h"
#include "mlir/IR/MLIRContext.h"
#include "varve-c/Compiler.h"
#include "varve/Codegen/Emit.h"
#include "varve/InitAll.h"
#include "varve/Pipeline/Pipeline.h"
#include "llvm/Config/llvm-config.h"
#include <chrono>
#include <cstring>

using namespace varve;

namespace {

/// A compilation's files and warnings, whether it succeeds or not.
struct Outcome {
  Status status;
  std::string dependencies;
};

ImportRequest importRequestOf(const varve_compile_request &request,
                              const varve_function_request &function) {
  ImportRequest import;
  import.path = request.path;
  if (request.text)
    import.text = request.text;
  for (int64_t i = 0; i < request.sets; ++i)
    import.set.push_back(request.set[i]);
  import.function = function.name;
  import.batch = function.batch;
  return import;
}

OutputKind outputKindOf(int64_t output) {
  switch (output) {
  case VARVE_OUTPUT_OBJECT:
    return OutputKind::Object;
  case VARVE_OUTPUT_LLVM_IR:
    return OutputKind::LlvmIr;
  case VARVE_OUTPUT_ASSEMBLY:
    return OutputKind::Assembly;
  case VARVE_OUTPUT_MLIR:
    return OutputKind::LlvmDialect;
  default:
    return OutputKind::SharedObject;
  }
}

/// Moves the functions of `from` into `into`; both describe the same state.
Status mergePrograms(mlir::ModuleOp into, ArtifactDescription &whole,
                     mlir::ModuleOp from, ArtifactDescription part) {
  if (whole.digest != part.digest)
    return Error{"functions of one program disagree about its state"};
  std::string suffix = "_" + std::to_string(whole.functions.size());
  mlir::SymbolTable symbols(from);
  for (mlir::Operation &op : llvm::make_early_inc_range(*from.getBody())) {
    auto name = mlir::SymbolTable::getSymbolName(&op).getValue();
    if (mlir::SymbolTable(into).lookup(name)) {
      std::string renamed = (name + suffix).str();
      if (failed(symbols.rename(&op, renamed)))
        return Error{"cannot rename '" + name.str() + "'"};
    }
  }
  for (FunctionDescription f : part.functions) {
    if (mlir::SymbolTable(into).lookup(f.symbol))
      f.symbol += suffix;
    whole.functions.push_back(f);
  }
  into.getBody()->getOperations().splice(into.getBody()->end(),
                                         from.getBody()->getOperations());
  return {};
}

Outcome compile(const varve_compile_request &request) {
  Outcome outcome;
  auto fail = [&](Error error) {
    outcome.status = std::move(error);
    return outcome;
  };
  Result<Target> target = resolveTarget(request.cpu ? request.cpu : "native");
  if (!target)
    return fail(target.error());
  if (request.functions < 1)
    return fail({"no function is asked for", ErrorKind::Usage});

  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry,
                            mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  PipelineOptions options;
  options.target = *target;
  for (int64_t i = 0; i < request.disabled_passes; ++i) {
    options.disabledPasses.push_back(request.disabled_pass[i]);
    if (!llvm::is_contained(optionalPasses(),
                            llvm::StringRef(request.disabled_pass[i])))
      return fail({"no optional pass `" + options.disabledPasses.back() + "`",
                   ErrorKind::Usage});
  }

  mlir::OwningOpRef<mlir::ModuleOp> module;
  ArtifactDescription description;
  for (int64_t i = 0; i < request.functions; ++i) {
    Result<ImportedProgram> program =
        importProgram(context, importRequestOf(request, request.function[i]));
    if (!program)
      return fail(program.error());
    if (i == 0) {
      outcome.dependencies = request.path;
      for (const std::string &file : program->files)
        outcome.dependencies += "\n" + file;
    }
    Result<ArtifactDescription> part = runPipeline(*program->module, options);
    if (!part)
      return fail(part.error());
    if (!module) {
      module = std::move(program->module);
      description = std::move(*part);
    } else if (Status merged = mergePrograms(*module, description,
                                             *program->module, *part);
               !merged) {
      return fail(merged.error());
    }
  }
  EmitOptions emit;
  emit.kind = outputKindOf(request.output);
  outcome.status = emitArtifact(*module, description, *target,
                                request.output_path, emit);
  return outcome;
}

} // namespace

extern "C" const char *varve_compiler_version(void) {
  return VARVE_VERSION " (LLVM " LLVM_VERSION_STRING ")";
}

extern "C" int64_t varve_compiler_api(void) { return VARVE_COMPILER_API; }

extern "C" int64_t varve_compile(const varve_compile_request *request,
                                 varve_compile_result *result) {
  auto start = std::chrono::steady_clock::now();
  Outcome outcome;
  varve_compile_request filled = *request;
  std::string text;
  if (!filled.text) {
    Result<std::string> file = readFile(filled.path);
    if (file) {
      text = std::move(*file);
      filled.text = text.c_str();
      outcome = compile(filled);
    } else {
      outcome.status = file.error();
    }
  } else {
    outcome = compile(filled);
  }
  result->status = outcome.status ? VARVE_OK
                                  : varve_status(outcome.status.error().kind);
  result->diagnostic =
      strdup(outcome.status ? "" : outcome.status.error().message.c_str());
  result->dependencies = strdup(outcome.dependencies.c_str());
  result->seconds = std::chrono::duration<double>(
                        std::chrono::steady_clock::now() - start)
                        .count();
  return result->status;
}

extern "C" void varve_compile_result_clear(varve_compile_result *result) {
  free(result->diagnostic);
  free(result->dependencies);
  *result = {};
}
