// Looks for shared libraries.
#include "Support/Library.h"
#include <cstring>
#include <dlfcn.h>
#include <filesystem>

namespace varve {

namespace fs = std::filesystem;

std::string libraryPath(const char *fileName) {
  std::error_code code;
  Dl_info here;
  if (dladdr(reinterpret_cast<const void *>(&libraryPath), &here) &&
      here.dli_fname && std::strchr(here.dli_fname, '/'))
    if (fs::path file = fs::path(here.dli_fname).parent_path() / fileName;
        fs::exists(file, code))
      return file.string();
  fs::path program = fs::read_symlink("/proc/self/exe", code).parent_path();
  for (const char *folder : {"../lib", "../" VARVE_INSTALL_LIBDIR, "."})
    if (fs::path file = program / folder / fileName; fs::exists(file, code))
      return file.string();
  return fileName;
}

} // namespace varve
