// From expanded functions to files: the LLVM dialect, LLVM IR, machine code,
// the link. Microkernels skip LLVM's optimizer, which finds nothing to do in
// them and takes as long as everything else together.
#include "varve/Codegen/Emit.h"
#include "ArtifactTable.h"
#include "Link.h"
#include "Split.h"
#include "Steps.h"
#include "Support/File.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "varve/Codegen/Emit/Passes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <optional>
#include <thread>

using namespace mlir;

namespace varve {
namespace {

/// Errors of the context's diagnostics, for Status.
class DiagnosticText {
public:
  explicit DiagnosticText(MLIRContext *context)
      : handler(context, [this](Diagnostic &d) {
          if (d.getSeverity() == DiagnosticSeverity::Error) {
            llvm::raw_string_ostream os(text);
            os << (text.empty() ? "" : "\n") << d;
          }
          return failure(); // others may show it too
        }) {}
  std::string text;

private:
  ScopedDiagnosticHandler handler;
};

void setAttributes(llvm::Module &m, const Target &t) {
  // `libm.exp` gets its real name, which a kernel may hold.
  for (llvm::Function &f : llvm::make_early_inc_range(m)) {
    StringRef name = f.getName();
    if (!name.consume_front("libm."))
      continue;
    if (llvm::GlobalValue *taken = m.getNamedValue(name))
      taken->setName(name + ".kernel");
    f.setName(name);
    f.setDoesNotAccessMemory();
  }
  for (llvm::Function &f : m) {
    if (f.isDeclaration())
      continue;
    f.addFnAttr(llvm::Attribute::NoUnwind);
    f.addFnAttr("prefer-vector-width", std::to_string(t.vectorBytes * 8));
    if (!t.tuneFor.empty())
      f.addFnAttr("tune-cpu", t.tuneFor);
  }
}

template <class T> std::string printed(T &&print) {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os);
  return text;
}

/// Tells the lowering which operands of the entries are states.
Status markEntries(ModuleOp m, const ArtifactDescription &d) {
  Builder b(m.getContext());
  for (const FunctionDescription &f : d.functions) {
    auto op = m.lookupSymbol<func::FuncOp>(f.symbol);
    if (!op)
      return Error{"function '" + f.symbol + "' is not in the module"};
    // The arena, the thread and the number of threads are the last three.
    int64_t states = int64_t(op.getNumArguments()) - 3 -
                     int64_t(f.inputs.size() + f.results.size());
    bool all = f.stateOperands.empty() && states == int64_t(d.states.size());
    if (!all && states != int64_t(f.stateOperands.size()))
      return Error{"function '" + f.symbol + "' has " +
                   std::to_string(op.getNumArguments()) +
                   " operands, which is not what its description says"};
    op->setAttr("varve.states", b.getI64IntegerAttr(states));
    if (!all)
      op->setAttr("varve.state_operands",
                  b.getDenseI64ArrayAttr(f.stateOperands));
  }
  return {};
}

std::vector<ProfileRow> profileRows(ModuleOp m) {
  std::vector<ProfileRow> rows;
  if (auto list = m->getAttrOfType<ArrayAttr>("varve.profile"))
    for (auto row : list.getAsRange<ArrayAttr>()) {
      auto text = [&](int i) { return cast<StringAttr>(row[i]).str(); };
      auto number = [&](int i) { return cast<IntegerAttr>(row[i]).getInt(); };
      rows.push_back({text(0), text(1), number(2), number(3)});
    }
  return rows;
}

} // namespace

Result<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Target &t) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(t.triple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return Error{error, ErrorKind::Unsupported};
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  const bool neon = t.level == "neon";
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, neon ? "generic" : t.level, neon ? "+neon" : "", options,
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

Status lowerModule(ModuleOp m, const ArtifactDescription &d, const Target &t,
                   const EmitOptions &options) {
  if (Status s = markEntries(m, d); !s)
    return s;
  m->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(),
             StringAttr::get(m.getContext(), t.triple));
  DiagnosticText diagnostics(m.getContext());
  PassManager pm(m.getContext());
  pm.enableVerifier(options.verify);
  pm.addPass(createExpandMath());
  pm.addPass(createExpandNarrowFloats());
  LowerToLLVMOptions lowering;
  lowering.profile = options.profile;
  pm.addPass(createLowerToLLVM(lowering));
  if (failed(pm.run(m)))
    return Error{"lowering to LLVM failed: " + diagnostics.text};
  return {};
}

Result<std::string> generateCode(llvm::Module &m, llvm::TargetMachine &machine,
                                 llvm::CodeGenFileType type) {
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream os(bytes);
  llvm::legacy::PassManager pm;
  if (machine.addPassesToEmitFile(pm, os, nullptr, type,
                                  /*DisableVerify=*/true))
    return Error{"no code generator for this kind of file",
                 ErrorKind::Unsupported};
  pm.run(m);
  return std::string(bytes);
}

Result<std::unique_ptr<llvm::Module>>
translateModule(ModuleOp m, const Target &t, llvm::TargetMachine &machine,
                llvm::LLVMContext &context, const EmitOptions &options) {
  DiagnosticText diagnostics(m.getContext());
  std::unique_ptr<llvm::Module> ir =
      translateModuleToLLVMIR(m, context, "LLVMDialectModule", !options.verify);
  if (!ir)
    return Error{"translation to LLVM IR failed: " + diagnostics.text};
  ir->setDataLayout(machine.createDataLayout());
  ir->setTargetTriple(llvm::Triple(t.triple));
  setAttributes(*ir, t);
  return ir;
}

namespace {

Status addTables(llvm::Module &ir, ModuleOp m, const ArtifactDescription &d,
                 const Target &t, const EmitOptions &options) {
  if (options.profile)
    addProfileTable(ir, profileRows(m));
  return addArtifactTable(ir, d, t.level);
}

/// A module on its way to an object, in a context of its own.
struct Half {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> ir;

  Status translate(ModuleOp m, const Target &t, const EmitOptions &options) {
    auto created = createTargetMachine(t);
    if (!created)
      return created.error();
    machine = std::move(*created);
    auto translated = translateModule(m, t, *machine, context, options);
    if (!translated)
      return translated.error();
    ir = std::move(*translated);
    return {};
  }
  Result<std::string> generate(llvm::CodeGenFileType type) {
    return generateCode(*ir, *machine, type);
  }
};

} // namespace

Result<std::vector<std::string>>
compileObjects(ModuleOp m, const ArtifactDescription &d, const Target &t,
               const EmitOptions &options, bool mayBeTwo,
               llvm::function_ref<void(llvm::Module &)> extend) {
  EmitTimes unused, &times = options.times ? *options.times : unused;
  Stopwatch watch;
  OwningOpRef<ModuleOp> rest;
  if (mayBeTwo && std::thread::hardware_concurrency() > 1)
    rest = splitModule(m);
  Half first, second;
  if (Status s = first.translate(m, t, options); !s)
    return s.error();
  if (Status s = addTables(*first.ir, m, d, t, options); !s)
    return s.error();
  if (extend)
    extend(*first.ir);
  if (rest)
    if (Status s = second.translate(*rest, t, options); !s)
      return s.error();
  times.translate = watch.lap();

  constexpr auto type = llvm::CodeGenFileType::ObjectFile;
  std::optional<Result<std::string>> other;
  std::thread worker;
  if (rest)
    worker = std::thread([&] { other.emplace(second.generate(type)); });
  auto object = first.generate(type);
  if (worker.joinable())
    worker.join();
  times.codegen = watch.lap();
  if (!object)
    return object.error();
  std::vector<std::string> objects = {std::move(*object)};
  if (other && !*other)
    return other->error();
  if (other)
    objects.push_back(std::move(**other));
  return objects;
}

Result<std::string> emitBytes(ModuleOp module,
                              const ArtifactDescription &description,
                              const Target &target,
                              const EmitOptions &options) {
  EmitTimes unused, &times = options.times ? *options.times : unused;
  Stopwatch watch;
  if (Status s = lowerModule(module, description, target, options); !s)
    return s.error();
  times.lower = watch.lap();
  const bool link = options.kind == OutputKind::SharedObject;
  switch (options.kind) {
  case OutputKind::LlvmDialect:
    return printed([&](auto &os) { module.print(os); });
  case OutputKind::LlvmIr:
  case OutputKind::Assembly: {
    Half whole;
    if (Status s = whole.translate(module, target, options); !s)
      return s.error();
    if (Status s = addTables(*whole.ir, module, description, target, options);
        !s)
      return s.error();
    if (options.kind == OutputKind::Assembly)
      return whole.generate(llvm::CodeGenFileType::AssemblyFile);
    return printed([&](auto &os) { whole.ir->print(os, nullptr); });
  }
  case OutputKind::Object:
  case OutputKind::SharedObject:
    break;
  }
  if (link && target.level == "neon")
    return Error{"a shared object for neon; compile to an object (.o) and "
                 "link it there",
                 ErrorKind::Unsupported};
  auto objects = compileObjects(module, description, target, options, link);
  if (!objects)
    return objects.error();
  if (!link)
    return std::move(objects->front());
  watch.lap();
  LinkInput input;
  input.files.assign(objects->begin(), objects->end());
  auto linked = linkShared(input);
  times.link = watch.lap();
  return linked;
}

Status emitArtifact(ModuleOp module, const ArtifactDescription &description,
                    const Target &target, const std::string &path,
                    const EmitOptions &options) {
  auto bytes = emitBytes(module, description, target, options);
  if (!bytes)
    return bytes.error();
  return writeFile(path, {*bytes});
}

void registerEmitTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

} // namespace varve
