// Objects to a shared object, by LLD in this process.
#ifndef VARVE_LIB_CODEGEN_EMIT_LINK_H
#define VARVE_LIB_CODEGEN_EMIT_LINK_H

#include "varve/Result.h"
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve {

struct LinkInput {
  std::vector<std::string_view> files; ///< bytes of objects and archives
  bool strip = false;                  ///< drop the symbol table
  /// Names for symbols of the input, by name. If there are any, nothing else
  /// is exported but varve_artifact_v1.
  std::vector<std::pair<std::string, std::string>> exports;
};

/// Links to a shared object; returns its bytes. Undefined symbols are looked up
/// in this process's libc and libm, which become its dependencies.
Result<std::string> linkShared(const LinkInput &input);

} // namespace varve
#endif
