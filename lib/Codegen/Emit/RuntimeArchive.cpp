// The runtime as bytes of the compiler, so that an ahead-of-time library can be
// made wherever the compiler is.
#include "RuntimeArchive.h"

// The path is the build system's.
asm(".section .rodata.varve_runtime_archive,\"a\",@progbits\n"
    ".balign 16\n"
    "varve_runtime_archive:\n"
    ".incbin \"" VARVE_RUNTIME_ARCHIVE "\"\n"
    "varve_runtime_archive_end:\n"
    ".previous\n");

extern "C" {
__attribute__((visibility("hidden"))) extern const char varve_runtime_archive[],
    varve_runtime_archive_end[];
}

namespace varve {

std::string_view runtimeArchive() {
  return {varve_runtime_archive,
          size_t(varve_runtime_archive_end - varve_runtime_archive)};
}

} // namespace varve
