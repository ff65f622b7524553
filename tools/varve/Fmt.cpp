// `varve fmt`: the canonical form of model files.
#include "Language/Parser.h"
#include "Language/Printer.h"
#include "Support/File.h"
#include "Verbs.h"
#include <cstdio>
#include <fmt/format.h>

namespace varve::cli {
namespace {

Result<std::string> canonical(const std::string &path,
                              const std::string &text) {
  Sources sources;
  FileId file = sources.add(path, text);
  Diagnostics diagnostics(sources);
  ast::File tree = parseFile(sources, file, diagnostics);
  if (diagnostics.hasErrors())
    return diagnostics.toError();
  return print(tree);
}

} // namespace

int runFmt(const FmtArgs &args) {
  if (args.prelude) {
    fmt::print("{}", preludeText());
    return 0;
  }
  int status = 0;
  for (const std::string &path : args.files) {
    auto text = readFile(path, 64 << 20);
    auto form = text ? canonical(path, *text) : text;
    if (!form) {
      status = fail(form.error());
      continue;
    }
    if (args.check && *form != *text) {
      fmt::print(stderr, "{}: not in canonical form\n", path);
      status = 1;
    } else if (args.write && *form != *text) {
      if (Status written = writeFile(path, {*form}); !written)
        status = fail(written.error());
    } else if (!args.write && !args.check) {
      fmt::print("{}", *form);
    }
  }
  return status;
}

} // namespace varve::cli
