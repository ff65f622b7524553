// From the text of a model to expanded functions, for every entry of the
// facade.
#ifndef VARVE_LIB_COMPILER_COMPILE_H
#define VARVE_LIB_COMPILER_COMPILE_H

#include "Language/Import.h"
#include "Onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "varve-c/Compiler.h"
#include "varve/Pipeline/Pipeline.h"
#include <memory>

namespace varve {

/// A context with every dialect that the phases use.
std::unique_ptr<mlir::MLIRContext> createContext();

/// A request's `text`, else the file at `path`.
Result<std::string> textOf(const char *path, const char *text);

/// The settings of a request.
std::vector<std::string> strings(const char *const *texts, int64_t count);

/// Reads the networks that a text imports, each file once.
NetworkReader networkReader();

/// Several functions of one program in one module.
struct CompiledProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ArtifactDescription description;
  std::vector<std::string> files; ///< that were read, the model first
  /// Inputs of an ONNX model for whose values it was compiled.
  std::vector<std::string> specialized;
  /// Whether weights are in the files of networks that the text imports.
  bool imports = false;
};

/// Imports each function and runs the phases on it.
Result<CompiledProgram>
compileFunctions(mlir::MLIRContext &context, const ImportRequest &import,
                 llvm::ArrayRef<varve_function_request> functions,
                 const PipelineOptions &options);

/// Writes what the request asks for, a report to `text`. `files` is filled as
/// far as it went.
Status compile(const varve_compile_request &request,
               std::vector<std::string> &files, std::string &text);

/// Imports the ONNX model of a request.
Result<onnx::ImportedModel> importOnnx(mlir::MLIRContext &context,
                                       const varve_compile_request &request);

/// Writes an ONNX model as a text, and its weights. `specialized`: the inputs,
/// one a line, for whose values it is right.
Status spellOnnx(mlir::MLIRContext &context,
                 const varve_compile_request &request,
                 std::vector<std::string> &files, std::string &specialized);

/// Imports what a request names and runs the phases on it.
Result<CompiledProgram> compileProgram(mlir::MLIRContext &context,
                                       const varve_compile_request &request,
                                       const PipelineOptions &options,
                                       const NetworkReader &readNetwork);

/// Whether low-rank updates are in the matrices of what is compiled.
bool mergesUpdates(const varve_compile_request &request);

/// Writes a request's one function, compiled up to the update, as an ONNX file:
/// for any number of samples, or `report` says what was in the way.
Status exportOnnx(mlir::MLIRContext &context,
                  const varve_compile_request &request,
                  const PipelineOptions &options,
                  std::vector<std::string> &files, std::string &report);

/// What `program` needs in memory to run its first function, in JSON.
std::string describeMemory(const CompiledProgram &program);

/// Runs a check and adds its lines to `report`.
Status check(const varve_check_request &request, std::string &report);

} // namespace varve
#endif
