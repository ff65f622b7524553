// Vocabularies and merges of tokenizers, and texts: no input may crash, and
// byte pairs give back every text.
#include "Text/BytePair.h"
#include "Text/Characters.h"
#include "Text/WordPiece.h"
#include <cstdlib>

using namespace varve;

static void encode(const Tokenizer &tokenizer, std::string_view text,
                   bool whole) {
  std::vector<int32_t> tokens;
  if (!tokenizer.encode(text, tokens))
    return;
  for (int32_t token : tokens)
    if (token < 0 || token >= tokenizer.size())
      std::abort();
  if (tokenizer.decode(tokens) != text && whole)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  size_t cut = bytes.find('\0');
  std::string_view first = bytes.substr(0, cut),
                   rest = cut == bytes.npos ? "" : bytes.substr(cut + 1);
  if (auto pairs = BytePairTokenizer::parse(first, "vocab.json", rest, "m"))
    encode(**pairs, bytes, /*whole=*/true);
  if (auto pieces = WordPieceTokenizer::parse(first, "vocab.txt"))
    encode(**pieces, rest, /*whole=*/false);
  if (auto characters = CharacterTokenizer::ofText(first))
    encode(**characters, first, /*whole=*/true);
  return 0;
}
