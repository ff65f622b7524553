// Versions, for programs that must know what they run with.
#ifndef VARVE_VERSION_H
#define VARVE_VERSION_H

#include "varve/Result.h"
#include <cstdint>
#include <string>

namespace varve {

struct Versions {
  std::string library;  ///< of Varve: "0.1.0"
  int64_t api = 0;      ///< VARVE_API_VERSION of varve-c/Varve.h
  int64_t artifact = 0; ///< VARVE_ABI_VERSION of varve-c/Artifact.h
  int64_t compiler = 0; ///< VARVE_COMPILER_API of varve-c/Compiler.h
  int64_t dialect = 0;  ///< VARVE_DIALECT_VERSION of varve-c/Compiler.h
};

/// Of the library that is loaded, not of the headers.
Versions versions();

/// "0.1.0 (LLVM 22.1.0)". Loads the compiler; fails where there is none.
Result<std::string> compilerVersion();

} // namespace varve
#endif
