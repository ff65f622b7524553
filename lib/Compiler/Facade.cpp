// The C functions of varve-c/Compiler.h. Built as libVarveCompiler.so, the one
// library that loads MLIR and LLVM.
#include "Compiler/Compile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include <chrono>
#include <cstring>

using namespace varve;

/// Runs `work` and fills the result with how it ended and how long it took.
template <class Work>
static int64_t report(varve_compile_result *result, Work work) {
  auto start = std::chrono::steady_clock::now();
  std::vector<std::string> files;
  std::string text;
  Status status = work(files, text);
  result->status = status ? VARVE_OK : varve_status(status.error().kind);
  result->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  result->diagnostic = strdup(status ? "" : status.error().message.c_str());
  result->dependencies = strdup(llvm::join(files, "\n").c_str());
  result->text = strdup(text.c_str());
  return result->status;
}

extern "C" const char *varve_compiler_version(void) {
  return VARVE_VERSION " (LLVM " LLVM_VERSION_STRING ")";
}

extern "C" int64_t varve_compiler_api(void) { return VARVE_COMPILER_API; }

extern "C" int64_t varve_compile(const varve_compile_request *request,
                                 varve_compile_result *result) {
  return report(result, [&](auto &files, std::string &text) -> Status {
    // What an older caller does not know of is not asked for.
    constexpr int64_t first = offsetof(varve_compile_request, input);
    if (request->size < first)
      return Error{"the request is older than this compiler", ErrorKind::Usage};
    varve_compile_request known = {};
    std::memcpy(&known, request,
                std::min<size_t>(size_t(request->size), sizeof known));
    if (known.functions < 1)
      return Error{"no function is asked for", ErrorKind::Usage};
    return compile(known, files, text);
  });
}

extern "C" int64_t varve_check(const varve_check_request *request,
                               varve_compile_result *result) {
  return report(result, [&](auto &, std::string &text) -> Status {
    if (request->size < int64_t(sizeof(varve_check_request)))
      return Error{"the request is older than this compiler", ErrorKind::Usage};
    return check(*request, text);
  });
}

extern "C" void varve_compile_result_clear(varve_compile_result *result) {
  free(result->diagnostic);
  free(result->dependencies);
  free(result->text);
  *result = {};
}
