// The `varve` command: its verbs, their flags and their help.
#include "Verbs.h"
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <functional>

namespace varve::cli {
namespace {

constexpr int usageStatus = static_cast<int>(ErrorKind::Usage);

constexpr const char *overview =
    "Varve compiles a model, its loss and its optimizer to one program, and "
    "trains it.";

constexpr const char *statuses =
    "Exit status: 0 done; 1 the input is wrong; 2 asked for something not\n"
    "supported; 64 wrong usage. `varve VERB --help` shows a verb's flags and\n"
    "examples.";

/// Adds a verb; `run` becomes the action when it is the one asked for.
CLI::App *addVerb(CLI::App &app, std::function<int()> &action, const char *name,
                  const char *description, const char *examples,
                  std::function<int()> run) {
  CLI::App *verb = app.add_subcommand(name, description);
  verb->footer(fmt::format("Examples:\n{}", examples));
  verb->group("Verbs");
  verb->callback([&action, run = std::move(run)] { action = run; });
  return verb;
}

void addCache(CLI::App &app, std::function<int()> &action) {
  static CacheArgs args;
  CLI::App *verb = addVerb(
      app, action, "cache", "List or clear what was compiled",
      "  varve cache list         the artifacts, those used last first\n"
      "  varve cache path         the folder: $VARVE_CACHE, else\n"
      "                           $XDG_CACHE_HOME/varve, else ~/.cache/varve\n"
      "  varve cache clear        removes them all",
      [] { return runCache(args); });
  verb->add_option("ACTION", args.action, "list, path or clear")
      ->required()
      ->check(CLI::IsMember({"list", "path", "clear"}));
}

void addFmt(CLI::App &app, std::function<int()> &action) {
  static FmtArgs args;
  CLI::App *verb = addVerb(
      app, action, "fmt", "Print model files in their canonical form",
      "  varve fmt model.varve            prints it\n"
      "  varve fmt --write *.varve        rewrites the files\n"
      "  varve fmt --check *.varve        status 1 if one is not canonical\n"
      "  varve fmt --prelude              prints the layers that are always "
      "there",
      [] { return runFmt(args); });
  auto *files = verb->add_option("FILE", args.files, "model files");
  auto *write = verb->add_flag("--write", args.write, "rewrite the files");
  verb->add_flag("--check", args.check, "only say which are not canonical")
      ->excludes(write);
  auto *prelude =
      verb->add_flag("--prelude", args.prelude, "print the prelude");
  verb->parse_complete_callback([files, prelude] {
    if (files->count() == 0 && prelude->count() == 0)
      throw CLI::RequiredError("FILE");
  });
}

int run(int argc, char **argv) {
  CLI::App app(overview, "varve");
  std::function<int()> action;
  app.footer(statuses);
  app.set_version_flag("--version", "varve " VARVE_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.get_formatter()->column_width(34);
  addFmt(app, action);
  addCache(app, action);
  if (argc < 2) {
    fmt::print(stderr, "{}", app.help());
    return usageStatus;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : usageStatus;
  }
  return action();
}

} // namespace

int fail(const Error &error) {
  // Diagnostics with a place carry the word themselves.
  bool placed = error.message.find(": error: ") != std::string::npos;
  std::string_view text = error.message;
  while (!text.empty() && text.back() == '\n')
    text.remove_suffix(1);
  std::fflush(stdout);
  fmt::print(stderr, "{}{}\n", placed ? "" : "varve: error: ", text);
  return static_cast<int>(error.kind);
}

} // namespace varve::cli

int main(int argc, char **argv) {
  try {
    return varve::cli::run(argc, argv);
  } catch (const std::exception &error) {
    fmt::print(stderr, "varve: error: {}\n", error.what());
    return 1;
  }
}
