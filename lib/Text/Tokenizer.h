// From text to the numbers of tokens and back: the interface, and how the
// language's `tokenizer` setting becomes an object.
#ifndef VARVE_TEXT_TOKENIZER_H
#define VARVE_TEXT_TOKENIZER_H

#include "varve/Result.h"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Does not change once it is made; may be used from several threads.
class Tokenizer {
public:
  virtual ~Tokenizer() = default;

  /// Tokens are numbered from 0 to below it.
  virtual int64_t size() const = 0;

  /// Appends the tokens of a text. Fails on what has none, with its place.
  virtual Status encode(std::string_view text,
                        std::vector<int32_t> &tokens) const = 0;

  /// The text of tokens, each below `size()`. Not always the text that they
  /// were made of: some tokenizers drop case and spaces.
  virtual std::string decode(const std::vector<int32_t> &tokens) const = 0;

  /// The number of a token by its own text, such as "[MASK]".
  virtual std::optional<int32_t> find(std::string_view token) const = 0;

  /// What files of weights must keep so that the tokenizer can be made again:
  /// "tokenizer" and whatever is not in files of its own.
  virtual std::map<std::string, std::string> metadata() const = 0;
};

/// `bpe("vocab.json", "merges.txt")`.
struct TokenizerSpec {
  std::string kind; ///< "characters", "bpe", "wordpiece", "sentencepiece"
  std::vector<std::string> files;
};

/// Reads the setting as the language prints it. Fails on what is no tokenizer.
Result<TokenizerSpec> parseTokenizer(std::string_view text);

/// Where the files of a tokenizer are, and what stands for them.
struct TokenizerPlace {
  /// `--tokenizer`: a folder of the tokenizer's files, or its one file.
  std::string given;
  /// Where relative names are looked for, in this order.
  std::vector<std::string> folders;
  /// Of weights: what Tokenizer::metadata said.
  std::map<std::string, std::string> metadata;
  /// A text whose characters are the vocabulary where nothing else says it.
  const std::string *text = nullptr;
};

/// Fails where a file is missing or malformed, naming it.
Result<std::unique_ptr<Tokenizer>> openTokenizer(const TokenizerSpec &spec,
                                                 const TokenizerPlace &place);

} // namespace varve
#endif
