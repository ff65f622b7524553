// The compiler, loaded only when it is needed.
#include "Driver/CompilerLibrary.h"
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>

namespace varve {
namespace {

namespace fs = std::filesystem;

constexpr const char *fileName = "libVarveCompiler.so";

// Beside the shared library that this code is in, if it is in one. In the build
// folder and after installation the library's folder stands beside the
// program's. Else the loader looks for it.
const std::string &libraryPath() {
  static const std::string path = [] {
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
    return std::string(fileName);
  }();
  return path;
}

Result<CompilerLibrary> loadOnce() {
  void *handle = dlopen(libraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return Error{fmt::format("the compiler cannot be loaded: {}", dlerror()),
                 ErrorKind::Unsupported};
  auto api = reinterpret_cast<decltype(&::varve_compiler_api)>(
      dlsym(handle, "varve_compiler_api"));
  CompilerLibrary library;
  library.compile = reinterpret_cast<decltype(&::varve_compile)>(
      dlsym(handle, "varve_compile"));
  library.check =
      reinterpret_cast<decltype(&::varve_check)>(dlsym(handle, "varve_check"));
  library.clear = reinterpret_cast<decltype(&::varve_compile_result_clear)>(
      dlsym(handle, "varve_compile_result_clear"));
  library.version = reinterpret_cast<decltype(&::varve_compiler_version)>(
      dlsym(handle, "varve_compiler_version"));
  if (!api || api() != VARVE_COMPILER_API || !library.compile ||
      !library.check || !library.clear || !library.version)
    return Error{
        fmt::format("'{}' is another version of the compiler", libraryPath()),
        ErrorKind::Unsupported};
  return library;
}

} // namespace

Result<CompilerLibrary> CompilerLibrary::load() {
  static const Result<CompilerLibrary> library = loadOnce();
  return library;
}

std::string CompilerLibrary::identity() {
  struct stat info;
  if (stat(libraryPath().c_str(), &info) != 0)
    return VARVE_VERSION;
  return fmt::format("{} {} {}.{:09}", VARVE_VERSION, info.st_size,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

} // namespace varve
