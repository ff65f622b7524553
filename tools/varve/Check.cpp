// `varve check`: the compiled program against the reference interpreter, whose
// gradients are held against finite differences.
#include "Driver/CompilerLibrary.h"
#include "Verbs.h"
#include <cstdio>
#include <fmt/format.h>

namespace varve::cli {

int runCheck(const CheckArgs &args) {
  auto library = CompilerLibrary::load();
  if (!library)
    return fail(library.error());
  std::vector<const char *> sets;
  for (const std::string &set : args.sets)
    sets.push_back(set.c_str());
  varve_check_request request = {};
  request.size = sizeof request;
  request.path = args.file.c_str();
  request.set = sets.data();
  request.sets = static_cast<int64_t>(sets.size());
  request.function = args.function.c_str();
  request.batch = args.batch;
  request.cpu = args.cpu.empty() ? nullptr : args.cpu.c_str();
  request.gradients = args.gradients;
  request.contract = args.contract;
  request.seed = args.seed;
  varve_compile_result result = {};
  library->check(&request, &result);
  fmt::print("{}", result.text);
  int status = 0;
  if (result.status != VARVE_OK)
    status = fail({result.diagnostic, static_cast<ErrorKind>(result.status)});
  library->clear(&result);
  return status;
}

} // namespace varve::cli
