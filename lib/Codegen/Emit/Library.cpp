// Ahead-of-time libraries: the artifact and the runtime in one shared object,
// under the model's name.
#include "Link.h"
#include "RuntimeArchive.h"
#include "Steps.h"
#include "Support/Safetensors.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LLVMContext.h"

namespace varve {

std::string identifier(const std::string &text); // LibraryHeader.cpp

namespace {

/// `varve_weights` and `varve_weights_size` of lib/Runtime/Library.h.
void addWeights(llvm::Module &m, llvm::StringRef bytes) {
  llvm::LLVMContext &c = m.getContext();
  auto add = [&](llvm::Constant *value, llvm::StringRef name, int alignment) {
    auto *g = new llvm::GlobalVariable(m, value->getType(), /*isConstant=*/true,
                                       llvm::GlobalValue::ExternalLinkage,
                                       value, name);
    g->setVisibility(llvm::GlobalValue::HiddenVisibility);
    g->setAlignment(llvm::Align(alignment));
  };
  add(llvm::ConstantDataArray::getString(c, bytes), "varve_weights", 64);
  add(llvm::ConstantInt::get(llvm::Type::getInt64Ty(c), bytes.size()),
      "varve_weights_size", 8);
}

/// Whether the weights are those of the model: a library that cannot load its
/// own would be found out too late.
Status checkWeights(const std::string &bytes, const ArtifactDescription &d) {
  if (bytes.empty())
    return {};
  Result<Safetensors> file = parseSafetensors(bytes, "the weights");
  if (!file)
    return file.error();
  for (const StateDescription &s : d.states) {
    if ((s.role != VARVE_PARAM && s.role != VARVE_RUNNING) ||
        llvm::StringRef(s.name).starts_with("stage."))
      continue;
    const Tensor *value = file->find(s.name);
    if (!value)
      return Error{"no weight '" + s.name + "', which model '" + d.name +
                   "' needs"};
    if (value->type != s.type || value->shape != s.shape)
      return Error{"weight '" + s.name + "' is " +
                   toString(value->type, value->shape) + ", model '" + d.name +
                   "' needs " + toString(s.type, s.shape)};
  }
  return {};
}

} // namespace

Result<std::string> emitLibrary(mlir::ModuleOp module,
                                const ArtifactDescription &description,
                                const Target &target,
                                const LibraryOptions &library,
                                const EmitOptions &options) {
  if (target.level == "neon")
    return Error{"a library for neon; compile to an object (.o) and link it "
                 "there",
                 ErrorKind::Unsupported};
  if (Status s = checkWeights(library.weights, description); !s)
    return s.error();
  if (Status s = lowerModule(module, description, target, options); !s)
    return s.error();
  auto objects =
      compileObjects(module, description, target, options, /*mayBeTwo=*/true,
                     [&](llvm::Module &m) { addWeights(m, library.weights); });
  if (!objects)
    return objects.error();
  LinkInput input;
  input.files.assign(objects->begin(), objects->end());
  input.files.push_back(runtimeArchive());
  input.strip = true;
  std::string prefix =
      identifier(library.prefix.empty() ? description.name : library.prefix);
  for (const char *name : {"create", "destroy", "error", "initialize", "load",
                           "save", "find", "get", "set", "call"})
    input.exports.push_back(
        {prefix + "_" + name, std::string("varve_library_") + name});
  return linkShared(input);
}

} // namespace varve
