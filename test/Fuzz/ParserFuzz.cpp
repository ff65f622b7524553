// Any bytes are a .varve file or some errors; and what parses is printed, comes
// back as the same tree, and is printed the same again. To run it alone:
//
//   cmake -G Ninja -B build-fuzz -DVARVE_FUZZ=ON \
//         -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22
//   ninja -C build-fuzz fuzz-Parser
#include "Language/Parser.h"
#include "Language/Printer.h"

#include <cstdlib>

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Sources sources;
  Diagnostics diagnostics(sources);
  std::string text(reinterpret_cast<const char *>(data), size);
  ast::File tree = parseFile(sources, sources.add("fuzz", text), diagnostics);
  if (diagnostics.hasErrors()) {
    if (diagnostics.render().empty())
      std::abort();
    return 0;
  }
  std::string printed = print(tree);
  ast::File again =
      parseFile(sources, sources.add("printed", printed), diagnostics);
  if (diagnostics.hasErrors() || ast::dump(again) != ast::dump(tree) ||
      print(again) != printed)
    std::abort();
  return 0;
}
