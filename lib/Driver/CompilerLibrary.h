// The compiler, loaded only when it is needed: libVarveCompiler.so beside this
// program, through varve-c/Compiler.h.
#ifndef VARVE_DRIVER_COMPILERLIBRARY_H
#define VARVE_DRIVER_COMPILERLIBRARY_H

#include "varve-c/Compiler.h"
#include "varve/Result.h"
#include <string>

namespace varve {

struct CompilerLibrary {
  decltype(&::varve_compile) compile = nullptr;
  decltype(&::varve_check) check = nullptr;
  decltype(&::varve_compile_result_clear) clear = nullptr;
  decltype(&::varve_compiler_version) version = nullptr;

  /// Loads it, once for the process; it is never unloaded.
  static Result<CompilerLibrary> load();

  /// What tells one build of the compiler from another, without loading it.
  static std::string identity();
};

} // namespace varve
#endif
