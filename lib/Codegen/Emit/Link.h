// Objects to a shared object, by LLD in this process.
#ifndef VARVE_LIB_CODEGEN_EMIT_LINK_H
#define VARVE_LIB_CODEGEN_EMIT_LINK_H

#include "varve/Result.h"
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Links object files (by their bytes) to a shared object (its bytes).
/// Undefined symbols are looked up in this process's
/// libc and libm, which become its dependencies. `strip` drops the symbol
/// table.
Result<std::string> linkShared(const std::vector<std::string_view> &objects,
                               bool strip);

} // namespace varve
#endif
