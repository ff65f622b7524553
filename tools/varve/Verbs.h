// The verbs of the command line: what each was asked, and what it does. Each
// returns the exit status, 0 or an ErrorKind, after saying what went wrong.
#ifndef VARVE_TOOLS_VERBS_H
#define VARVE_TOOLS_VERBS_H

#include "varve/Result.h"
#include <string>
#include <vector>

namespace varve::cli {

/// Says what went wrong on stderr and returns the exit status.
int fail(const Error &error);

struct CacheArgs {
  std::string action; ///< "list", "path", "clear"
};
int runCache(const CacheArgs &args);

struct FmtArgs {
  std::vector<std::string> files;
  bool write = false, check = false, prelude = false;
};
int runFmt(const FmtArgs &args);

} // namespace varve::cli
#endif
