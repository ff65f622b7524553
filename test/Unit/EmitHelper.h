// Compiles text of expanded functions and loads the artifact.
#ifndef VARVE_TEST_UNIT_EMITHELPER_H
#define VARVE_TEST_UNIT_EMITHELPER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "varve-c/Artifact.h"
#include "varve/Codegen/Emit.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "gtest/gtest.h"
#include <cstdio>
#include <dlfcn.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace varve {

/// The levels this machine can run.
inline std::vector<std::string> levels() {
  auto native = resolveTarget();
  if (native && native->level == "x86-64-v4")
    return {"x86-64-v3", "x86-64-v4"};
  if (native && native->level == "x86-64-v3")
    return {"x86-64-v3"};
  return {};
}

struct Loaded {
  std::shared_ptr<void> library;
  const varve_artifact *artifact = nullptr;
  std::string error;
};

/// A context with every dialect that expanded functions use.
inline std::unique_ptr<mlir::MLIRContext> emitContext() {
  mlir::DialectRegistry registry;
  registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, kernel::KernelDialect,
                  mlir::math::MathDialect, mlir::memref::MemRefDialect,
                  mlir::scf::SCFDialect, mlir::vector::VectorDialect>();
  registerEmitTranslations(registry);
  auto context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

inline Loaded load(const std::string &bytes) {
  std::string path =
      ::testing::TempDir() + "varve-emit-" + std::to_string(getpid()) + ".so";
  FILE *f = fopen(path.c_str(), "wb");
  fwrite(bytes.data(), 1, bytes.size(), f);
  fclose(f);
  Loaded loaded;
  void *so = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  unlink(path.c_str());
  if (!so) {
    loaded.error = dlerror();
    return loaded;
  }
  loaded.library.reset(so, dlclose);
  loaded.artifact =
      static_cast<const varve_artifact *>(dlsym(so, "varve_artifact_v1"));
  if (!loaded.artifact)
    loaded.error = "no varve_artifact_v1";
  return loaded;
}

inline Loaded compile(const char *text, const ArtifactDescription &description,
                      const std::string &cpu, EmitOptions options = {}) {
  auto context = emitContext();
  Loaded failed;
  auto target = resolveTarget(cpu);
  if (!target) {
    failed.error = target.error().message;
    return failed;
  }
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  if (!module) {
    failed.error = "does not parse";
    return failed;
  }
  options.verify = true;
  auto bytes = emitBytes(*module, description, *target, options);
  if (!bytes) {
    failed.error = bytes.error().message;
    return failed;
  }
  return load(*bytes);
}

} // namespace varve
#endif
