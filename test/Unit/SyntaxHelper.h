// What tests of the language's syntax share.
#ifndef VARVE_TEST_SYNTAXHELPER_H
#define VARVE_TEST_SYNTAXHELPER_H

#include "Language/Parser.h"
#include "Language/Printer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace varve::test {

/// A text, what it parses to, and what was wrong with it.
struct Parsed {
  explicit Parsed(const std::string &text,
                  const std::string &name = "net.varve")
      : diagnostics(sources),
        tree(parseFile(sources, sources.add(name, text), diagnostics)) {}

  std::string errors() const { return diagnostics.render(); }
  std::string dump() const { return ast::dump(tree); }

  Sources sources;
  Diagnostics diagnostics;
  ast::File tree;
};

/// The dump of an expression, or the first error's message.
inline std::string parsedExpr(const std::string &text) {
  Sources sources;
  Diagnostics diagnostics(sources);
  auto expr = parseExpression(sources, sources.add("expr", text), diagnostics);
  if (diagnostics.hasErrors())
    return "error: " + diagnostics.errors()[0].message;
  return ast::dump(*expr);
}

inline std::string readText(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The files in `folder` of the source tree that end in `extension`, by name.
inline std::vector<std::filesystem::path>
filesIn(const std::string &folder, const std::string &extension) {
  std::vector<std::filesystem::path> out;
  for (auto &entry : std::filesystem::directory_iterator(
           std::filesystem::path(VARVE_SOURCE_DIR) / folder))
    if (entry.path().extension() == extension)
      out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace varve::test
#endif
