// Compiles a module of kernels and runs its function `step` on a team.
#ifndef VARVE_TEST_UNIT_CODEGENHELPER_H
#define VARVE_TEST_UNIT_CODEGENHELPER_H

#include "EmitHelper.h"
#include "mlir/Pass/PassManager.h"
#include "varve/Codegen/Passes.h"

#include <atomic>
#include <cstring>
#include <sys/mman.h>
#include <thread>

namespace varve {

/// How a program is compiled and run; no choice may change a bit.
struct Variant {
  std::string level = "x86-64-v3";
  int64_t rows = 0, vectors = 0; // of the tile; 0: the target's
  int threads = 1;
  bool layOut = true; // buffers between kernels
};

/// An arena filled with NaNs, its guard pages out of reach.
class GuardedArena {
public:
  GuardedArena(int64_t bytes, llvm::ArrayRef<int64_t> guards)
      : size((bytes + 8191) / 4096 * 4096) {
    base = static_cast<char *>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(base, 0xff, size);
    for (int64_t at : guards)
      mprotect(base + at, 4096, PROT_NONE);
  }
  ~GuardedArena() { munmap(base, size); }
  char *data() { return base; }

private:
  char *base;
  size_t size;
};

struct TestTeam {
  varve_team team{[](varve_team *t) {
    auto *self = reinterpret_cast<TestTeam *>(t);
    int turn = self->turn.load();
    if (self->arrived.fetch_add(1) + 1 == self->threads) {
      self->arrived = 0;
      self->turn = turn + 1;
    } else {
      while (self->turn.load() == turn)
        std::this_thread::yield();
    }
  }};
  int threads = 1;
  std::atomic<int> arrived{0}, turn{0};
};

struct Program {
  Loaded loaded;
  std::string error;
  int64_t arenaBytes = 0;
  std::vector<int64_t> guards;

  /// `args`: every memref argument of `step`.
  void run(const std::vector<void *> &args, int threads) {
    GuardedArena arena(arenaBytes, guards);
    TestTeam team;
    team.threads = threads;
    varve_run f = loaded.artifact->function[0].run;
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t)
      others.emplace_back([&, t] {
        f(nullptr, args.data(), arena.data(), &team.team, t, threads);
      });
    f(nullptr, args.data(), arena.data(), &team.team, 0, threads);
    for (std::thread &t : others)
      t.join();
  }
};

inline Program compileKernels(const std::string &text, const Variant &v,
                              bool guard = true) {
  Program program;
  mlir::DialectRegistry registry;
  registerCodegenDialects(registry);
  registry.insert<mlir::LLVM::LLVMDialect>();
  registerEmitTranslations(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) {
    program.error = "does not parse:\n" + text;
    return program;
  }
  mlir::PassManager pm(&context);
  pm.enableVerifier(true);
  PlanMemoryOptions plan;
  plan.guardArena = guard;
  addMemoryPasses(pm, plan, v.layOut);
  ExpandKernelsOptions expand;
  expand.target = v.level.substr(v.level.size() - 2);
  expand.rows = v.rows;
  expand.vectors = v.vectors;
  addExpansionPasses(pm, expand);
  if (failed(pm.run(*module))) {
    program.error = "code generation failed:\n" + text;
    return program;
  }
  auto f = module->lookupSymbol<mlir::func::FuncOp>("step");
  program.arenaBytes =
      f->getAttrOfType<mlir::IntegerAttr>("varve.arena_bytes").getInt();
  if (auto g = f->getAttrOfType<mlir::DenseI64ArrayAttr>("varve.arena_guards"))
    program.guards = g.asArrayRef().vec();
  ArtifactDescription d;
  d.name = "kernels";
  FunctionDescription function;
  function.name = function.symbol = "step";
  function.arenaBytes = program.arenaBytes;
  // All buffers pass as inputs; the arena and the threads are not among them.
  function.inputs.resize(f.getNumArguments() - 3);
  d.functions.push_back(function);
  auto target = resolveTarget(v.level);
  if (!target) {
    program.error = target.error().message;
    return program;
  }
  EmitOptions options;
  options.verify = true;
  auto bytes = emitBytes(*module, d, *target, options);
  if (!bytes) {
    program.error = bytes.error().message;
    return program;
  }
  program.loaded = load(*bytes);
  program.error = program.loaded.error;
  return program;
}

} // namespace varve
#endif
