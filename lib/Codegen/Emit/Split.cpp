// Two modules of a lowered one. Only kernels move that call nothing but the C
// library; they become visible to the other object, and to no one else.
#include "Split.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace varve {
namespace {

/// Operations for which a second thread saves more time than it costs.
constexpr size_t leastWork = 2000;

struct Kernel {
  LLVM::LLVMFuncOp function;
  size_t work = 0;
  bool movable = true;
  SmallVector<StringRef> symbols; // that it refers to
};

Kernel examine(LLVM::LLVMFuncOp f, const SymbolTable &symbols) {
  Kernel k;
  k.function = f;
  // An entry stays with the table that names it.
  k.movable =
      f.getLinkage() == LLVM::Linkage::Internal && !f->hasAttr("varve.states");
  f.walk([&](Operation *op) {
    ++k.work;
    StringRef name;
    if (auto call = dyn_cast<LLVM::CallOp>(op))
      name = call.getCallee().value_or("");
    else if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
      name = address.getGlobalName();
    else
      return;
    auto callee = symbols.lookup<LLVM::LLVMFuncOp>(name);
    auto global = symbols.lookup<LLVM::GlobalOp>(name);
    k.movable &= callee ? callee.isExternal() : global && global.getConstant();
    k.symbols.push_back(name);
  });
  return k;
}

/// Makes `f` a function of the other object and returns its declaration.
LLVM::LLVMFuncOp share(LLVM::LLVMFuncOp f) {
  if (!f.getName().contains('.')) {
    // A name that no library has.
    auto name = StringAttr::get(f.getContext(), f.getName() + ".kernel");
    (void)SymbolTable::replaceAllSymbolUses(f, name,
                                            f->getParentOfType<ModuleOp>());
    f.setSymNameAttr(name);
  }
  f.setLinkage(LLVM::Linkage::External);
  f.setVisibility_(LLVM::Visibility::Hidden);
  return cast<LLVM::LLVMFuncOp>(f->cloneWithoutRegions());
}

} // namespace

OwningOpRef<ModuleOp> splitModule(ModuleOp module) {
  SymbolTable symbols(module);
  std::vector<Kernel> kernels;
  size_t here = 0, there = 0, all = 0;
  for (auto f : module.getOps<LLVM::LLVMFuncOp>()) {
    kernels.push_back(examine(f, symbols));
    all += kernels.back().work;
    if (!kernels.back().movable)
      here += kernels.back().work;
  }
  if (all < leastWork)
    return {};
  llvm::stable_sort(kernels, [](const Kernel &a, const Kernel &b) {
    return a.work > b.work;
  });
  OwningOpRef<ModuleOp> other = ModuleOp::create(module.getLoc());
  (*other)->setDiscardableAttrs(module->getDiscardableAttrDictionary());
  SymbolTable moved(*other);
  for (Kernel &k : kernels) {
    if (!k.movable)
      continue;
    if (here <= there) {
      here += k.work;
      continue;
    }
    there += k.work;
    for (StringRef name : k.symbols)
      if (!moved.lookup(name))
        moved.insert(symbols.lookup(name)->clone());
    LLVM::LLVMFuncOp declaration = share(k.function);
    k.function->moveBefore(other->getBody(), other->getBody()->end());
    module.push_back(declaration);
  }
  if (!there)
    return {};
  return other;
}

} // namespace varve
