// SentencePiece models. Its library holds a protobuf of its own, another version
// under the names that ONNX's reader uses: in one program each would call the
// other. So it is loaded when it is needed, and told to look at its own first.
#include "Text/SentencePiece.h"
#include "Support/Library.h"
#include "Text/SentencePiecePlugin.h"
#include <dlfcn.h>
#include <fmt/format.h>

namespace varve {
namespace {

using Parse = decltype(&varve_sentencepiece);

Result<Parse> load() {
  int mode = RTLD_NOW | RTLD_LOCAL;
#ifndef __SANITIZE_ADDRESS__ // It must be looked at first itself.
  mode |= RTLD_DEEPBIND;
#endif
  void *handle = dlopen(libraryPath("libVarveSentencePiece.so").c_str(), mode);
  void *parse = handle ? dlsym(handle, "varve_sentencepiece") : nullptr;
  if (!parse)
    return Error{fmt::format("SentencePiece cannot be loaded: {}", dlerror()),
                 ErrorKind::Unsupported};
  return reinterpret_cast<Parse>(parse);
}

} // namespace

Result<std::unique_ptr<Tokenizer>>
parseSentencePiece(std::string_view model, const std::string &name) {
  static const Result<Parse> parse = load();
  if (!parse)
    return parse.error();
  std::unique_ptr<Tokenizer> made((*parse)(model.data(), model.size()));
  if (!made)
    return Error{fmt::format("{}: it is no SentencePiece model", name)};
  return made;
}

} // namespace varve
