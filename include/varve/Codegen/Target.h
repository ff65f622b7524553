// The processors that Varve compiles for.
#ifndef VARVE_CODEGEN_TARGET_H
#define VARVE_CODEGEN_TARGET_H

#include "varve/Result.h"
#include <string>
#include <string_view>

namespace varve {

/// A level of an architecture and the processor to schedule for. The level
/// alone decides the instructions, and so who can load the artifact.
struct Target {
  std::string triple;   ///< "x86_64-pc-linux-gnu"
  std::string level;    ///< "x86-64-v3", "x86-64-v4", "neon"
  std::string tuneFor;  ///< LLVM's name, "znver4"; empty: generic
  int vectorBytes = 32; ///< of one register
  int vectorRegisters = 16;
};

/// Resolves `--target-cpu`: "native" (the best level of this machine),
/// "x86-64-v3", "x86-64-v4" or "neon". A machine without AVX2 and FMA and an
/// unknown name are errors (Unsupported).
Result<Target> resolveTarget(std::string_view cpu = "native");

} // namespace varve
#endif
