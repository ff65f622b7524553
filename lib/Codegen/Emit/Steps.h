// The steps of emission that artifacts and libraries share.
#ifndef VARVE_LIB_CODEGEN_EMIT_STEPS_H
#define VARVE_LIB_CODEGEN_EMIT_STEPS_H

#include "mlir/IR/BuiltinOps.h"
#include "varve/Codegen/Emit.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Target/TargetMachine.h"
#include <chrono>
#include <memory>

namespace varve {

class Stopwatch {
public:
  /// Milliseconds since the last call.
  double lap() {
    auto now = std::chrono::steady_clock::now();
    double ms = std::chrono::duration<double, std::milli>(now - last).count();
    last = now;
    return ms;
  }

private:
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

Result<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Target &target);

/// Expanded functions to the LLVM dialect, in place.
Status lowerModule(mlir::ModuleOp module,
                   const ArtifactDescription &description, const Target &target,
                   const EmitOptions &options);

/// The LLVM dialect to LLVM IR for `target`.
Result<std::unique_ptr<llvm::Module>>
translateModule(mlir::ModuleOp module, const Target &target,
                llvm::TargetMachine &machine, llvm::LLVMContext &context,
                const EmitOptions &options);

/// Machine code or assembly.
Result<std::string> generateCode(llvm::Module &module,
                                 llvm::TargetMachine &machine,
                                 llvm::CodeGenFileType type);

/// A module in the LLVM dialect to objects, with the artifact's table and what
/// `extend` adds to its LLVM IR. Two objects where two threads pay.
Result<std::vector<std::string>>
compileObjects(mlir::ModuleOp module, const ArtifactDescription &description,
               const Target &target, const EmitOptions &options, bool mayBeTwo,
               llvm::function_ref<void(llvm::Module &)> extend = {});

} // namespace varve
#endif
