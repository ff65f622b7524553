// Byte-level byte pair encoding as GPT-2 has it: a text is cut in words, a word
// in bytes, and pairs of neighbours are merged in the order of a list.
#ifndef VARVE_TEXT_BYTEPAIR_H
#define VARVE_TEXT_BYTEPAIR_H

#include "Text/Tokenizer.h"
#include <array>
#include <unordered_map>

namespace varve {

/// Every text has tokens, also one that is no UTF-8, and decoding gives back
/// its bytes. Special tokens, such as "<|endoftext|>", are found by name; in a
/// text they are text.
class BytePairTokenizer : public Tokenizer {
public:
  /// From vocab.json, which numbers the tokens, and merges.txt. Both spell
  /// bytes as characters that can be printed. Names stand in diagnostics.
  static Result<std::unique_ptr<Tokenizer>>
  parse(std::string_view vocabulary, const std::string &vocabularyName,
        std::string_view merges, const std::string &mergesName);

  int64_t size() const override { return static_cast<int64_t>(bytes.size()); }
  Status encode(std::string_view text,
                std::vector<int32_t> &tokens) const override;
  std::string decode(const std::vector<int32_t> &tokens) const override;
  std::optional<int32_t> find(std::string_view token) const override;
  std::map<std::string, std::string> metadata() const override {
    return {{"tokenizer", "bpe"}};
  }

private:
  /// What a pair of tokens is merged to, and how soon.
  struct Merge {
    int32_t rank, token;
  };
  void encodeWord(std::string_view word, std::vector<int32_t> &tokens) const;
  const Merge *mergeOf(int32_t left, int32_t right) const;

  std::array<int32_t, 256> byteTokens;
  std::unordered_map<uint64_t, Merge> merges; ///< by both tokens' numbers
  std::vector<std::string> bytes;             ///< of each token
  std::unordered_map<std::string, int32_t> numbers; ///< as spelt
};

/// The length of GPT-2's next word: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
/// ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ at the front of `text`, which is not empty.
size_t wordLength(std::string_view text);

} // namespace varve
#endif
