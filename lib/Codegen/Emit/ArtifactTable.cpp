// The constant `varve_artifact_v1` in LLVM IR, field by field in the order of
// varve-c/Artifact.h. Every field is 8 bytes wide, so the structs are plain.
#include "ArtifactTable.h"
#include "llvm/IR/Constants.h"

using namespace llvm;

namespace varve {
namespace {

class Table {
public:
  explicit Table(llvm::Module &module)
      : module(module), context(module.getContext()) {}

  Constant *integer(int64_t v) {
    return ConstantInt::get(Type::getInt64Ty(context), v, /*IsSigned=*/true);
  }
  Constant *real(double v) {
    return ConstantFP::get(Type::getDoubleTy(context), v);
  }
  Constant *string(const std::string &s) {
    Constant *&known = strings[s];
    if (!known)
      known = global(ConstantDataArray::getString(context, s), "string", 1);
    return known;
  }
  Constant *integers(const std::vector<int64_t> &v) {
    if (v.empty())
      return null();
    return global(ConstantDataArray::get(context, ArrayRef<int64_t>(v)),
                  "sizes", 8);
  }
  Constant *null() {
    return ConstantPointerNull::get(PointerType::get(context, 0));
  }
  Constant *record(ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context, fields);
  }
  Constant *records(ArrayRef<Constant *> v) {
    if (v.empty())
      return null();
    auto *type = ArrayType::get(v.front()->getType(), v.size());
    return global(ConstantArray::get(type, v), "table", 8);
  }
  Constant *
  global(Constant *value, const Twine &name, uint64_t alignment,
         GlobalValue::LinkageTypes linkage = GlobalValue::PrivateLinkage) {
    auto *g = new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                 linkage, value, name);
    g->setAlignment(Align(alignment));
    return g;
  }

  Constant *tensor(const TensorDescription &t) {
    return record({string(t.name), integer(t.kind), integer(int64_t(t.type)),
                   integer(t.shape.size()), integers(t.shape),
                   real(t.defaultValue)});
  }
  Constant *state(const StateDescription &s) {
    std::vector<int64_t> perm = s.perm;
    for (size_t i = perm.size(); i < s.shape.size(); ++i)
      perm.push_back(i);
    int64_t bytes = s.bytes;
    if (!bytes)
      bytes = elementCount(s.shape) * byteSize(s.type);
    return record({string(s.name), string(s.of), integer(s.role),
                   integer(int64_t(s.type)), integer(s.shape.size()),
                   integers(s.shape), integers(perm), integer(s.panel),
                   integer(bytes), integer(s.init), real(s.a), real(s.b),
                   integers(s.window)});
  }
  Constant *function(const FunctionDescription &f, Function *run) {
    SmallVector<Constant *> args;
    for (auto *list : {&f.inputs, &f.results})
      for (const TensorDescription &t : *list)
        args.push_back(tensor(t));
    return record({string(f.name), integer(f.batch), run, integer(f.arenaBytes),
                   integer(f.flops), integer(f.inputs.size()),
                   integer(f.results.size()), records(args)});
  }

private:
  llvm::Module &module;
  LLVMContext &context;
  std::map<std::string, Constant *> strings;
};

} // namespace

Status addArtifactTable(llvm::Module &module, const ArtifactDescription &d,
                        const std::string &cpu) {
  Table t(module);
  SmallVector<Constant *> states, functions;
  for (const StateDescription &s : d.states)
    states.push_back(t.state(s));
  for (const FunctionDescription &f : d.functions) {
    Function *run = module.getFunction(f.symbol);
    if (!run || run->isDeclaration())
      return Error{"function '" + f.symbol + "' is not in the module"};
    functions.push_back(t.function(f, run));
  }
  Constant *artifact = t.record(
      {t.integer(VARVE_ARTIFACT_MAGIC), t.integer(VARVE_ABI_VERSION),
       t.string(d.name), t.string(d.digest), t.string(d.compiler),
       t.string(cpu), t.string(d.manifest), t.integer(states.size()),
       t.records(states), t.integer(functions.size()), t.records(functions)});
  t.global(artifact, "varve_artifact_v1", 8, GlobalValue::ExternalLinkage);
  return {};
}

void addProfileTable(llvm::Module &module,
                     const std::vector<ProfileRow> &rows) {
  Table t(module);
  SmallVector<Constant *> records;
  for (const ProfileRow &r : rows)
    records.push_back(
        t.record({t.string(r.function), t.string(r.kernel), t.integer(r.flops),
                  t.integer(r.bytes), t.integer(0), t.integer(0)}));
  Constant *table = t.records(records);
  if (GlobalVariable *counted =
          module.getGlobalVariable("varve.profile.rows")) {
    cast<GlobalVariable>(table)->setConstant(false);
    counted->replaceAllUsesWith(table);
    counted->eraseFromParent();
  }
  t.global(t.record({t.integer(rows.size()), table}), "varve_profile_v1", 8,
           GlobalValue::ExternalLinkage);
}

} // namespace varve
