// The processors that Varve compiles for, and which of them this one is.
#include "varve/Codegen/Target.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace varve {
namespace {

// What the psABI's levels add, as far as LLVM reports it by name.
constexpr const char *v3Features[] = {"avx", "avx2",  "bmi",   "bmi2",  "f16c",
                                      "fma", "lzcnt", "movbe", "popcnt"};
constexpr const char *v4Features[] = {"avx512f", "avx512bw", "avx512cd",
                                      "avx512dq", "avx512vl"};

template <size_t N>
const char *missing(const char *const (&wanted)[N],
                    const llvm::StringMap<bool> &have) {
  for (const char *f : wanted)
    if (!have.lookup(f))
      return f;
  return nullptr;
}

Target x86(bool v4, std::string tuneFor) {
  Target t{"x86_64-pc-linux-gnu", v4 ? "x86-64-v4" : "x86-64-v3",
           std::move(tuneFor)};
  t.vectorBytes = v4 ? 64 : 32;
  t.vectorRegisters = v4 ? 32 : 16;
  return t;
}

Target neon(std::string tuneFor) {
  return {"aarch64-unknown-linux-gnu", "neon", std::move(tuneFor), 16, 32};
}

} // namespace

Result<Target> resolveTarget(std::string_view cpu) {
  llvm::Triple host(llvm::sys::getDefaultTargetTriple());
  std::string name = llvm::sys::getHostCPUName().str();
  if (cpu == "x86-64-v3" || cpu == "x86-64-v4")
    return x86(cpu == "x86-64-v4", host.isX86() ? name : "");
  if (cpu == "neon")
    return neon(host.isAArch64() ? name : "");
  if (cpu != "native")
    return Error{"unknown target CPU '" + std::string(cpu) +
                     "'; known are native, x86-64-v3, x86-64-v4 and neon",
                 ErrorKind::Unsupported};
  if (host.isAArch64())
    return neon(name);
  if (!host.isX86() || !host.isArch64Bit())
    return Error{"no code generator for " + host.str(), ErrorKind::Unsupported};
  llvm::StringMap<bool> have;
  for (auto &f : llvm::sys::getHostCPUFeatures())
    have[f.first()] = f.second;
  if (const char *f = missing(v3Features, have))
    return Error{"this processor (" + name + ") lacks " + f +
                     "; x86-64-v3 (AVX2 and FMA) is the least that compiled "
                     "code runs on",
                 ErrorKind::Unsupported};
  return x86(!missing(v4Features, have), name);
}

} // namespace varve
