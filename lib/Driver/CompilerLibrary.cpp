// The compiler, loaded only when it is needed.
#include "Driver/CompilerLibrary.h"
#include "Support/Library.h"
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace varve {
namespace {

const std::string &compilerPath() {
  static const std::string path = libraryPath("libVarveCompiler.so");
  return path;
}

Result<CompilerLibrary> loadOnce() {
  void *handle = dlopen(compilerPath().c_str(), RTLD_NOW | RTLD_LOCAL);
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
        fmt::format("'{}' is another version of the compiler", compilerPath()),
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
  if (stat(compilerPath().c_str(), &info) != 0)
    return VARVE_VERSION;
  return fmt::format("{} {} {}.{:09}", VARVE_VERSION, info.st_size,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

} // namespace varve
