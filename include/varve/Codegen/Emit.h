// From expanded functions to files: an artifact, or what leads to it.
#ifndef VARVE_CODEGEN_EMIT_H
#define VARVE_CODEGEN_EMIT_H

#include "varve/Codegen/ArtifactDescription.h"
#include "varve/Codegen/Target.h"
#include "varve/Result.h"
#include <string>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace varve {

/// What to write; the names are the suffixes of `varve compile -o`.
enum class OutputKind {
  SharedObject, ///< .so: the artifact
  Object,       ///< .o: the artifact before linking
  LlvmIr,       ///< .ll
  Assembly,     ///< .s
  LlvmDialect,  ///< .mlir
};

/// Milliseconds spent, for --json and the benchmarks.
struct EmitTimes {
  double lower = 0, translate = 0, codegen = 0, link = 0;
};

struct EmitOptions {
  OutputKind kind = OutputKind::SharedObject;
  bool verify = false;        ///< the IR between passes; tests turn it on
  /// Count the time of each kernel, see varve_profile in varve-c/Artifact.h.
  /// A call of a kernel function with the attributes `varve.flops` and
  /// `varve.bytes` says how much work it is.
  bool profile = false;
  EmitTimes *times = nullptr; ///< filled where given
};

/// Lowers `module` (which is consumed) to the bytes of a file. Each function of
/// `description` names an expanded function: (states..., inputs..., results...
/// : memrefs, arena : memref of i8, thread, threads : index), see
/// Emit/Passes.td. Errors: what cannot be lowered, with its diagnostics.
Result<std::string> emitBytes(mlir::ModuleOp module,
                              const ArtifactDescription &description,
                              const Target &target,
                              const EmitOptions &options = {});

/// The same to the file `path`, written whole or not at all.
Status emitArtifact(mlir::ModuleOp module,
                    const ArtifactDescription &description,
                    const Target &target, const std::string &path,
                    const EmitOptions &options = {});

/// A library for programs that know nothing of Varve.
struct LibraryOptions {
  /// What its symbols begin with, "mnist_mlp"; empty: the model's name. Letters
  /// that C does not take become underscores.
  std::string prefix;
  std::string weights; ///< bytes of a safetensors file to carry; may be empty
};

/// The artifact with the runtime inside: needs libc and libm only. Exports the
/// functions that libraryHeader declares, and varve_artifact_v1.
Result<std::string> emitLibrary(mlir::ModuleOp module,
                                const ArtifactDescription &description,
                                const Target &target,
                                const LibraryOptions &library,
                                const EmitOptions &options = {});

/// The C header of that library.
std::string libraryHeader(const ArtifactDescription &description,
                          const Target &target, const LibraryOptions &library);

/// The translations to LLVM IR that emitArtifact needs.
void registerEmitTranslations(mlir::DialectRegistry &registry);

} // namespace varve
#endif
