// The runtime as bytes of the compiler.
#ifndef VARVE_LIB_CODEGEN_EMIT_RUNTIMEARCHIVE_H
#define VARVE_LIB_CODEGEN_EMIT_RUNTIMEARCHIVE_H

#include <string_view>

namespace varve {

/// A static library of lib/Runtime, for this machine's architecture.
std::string_view runtimeArchive();

} // namespace varve
#endif
