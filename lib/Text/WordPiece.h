// BERT's tokens: a text is cut in words and marks, a word in the longest pieces
// of a vocabulary.
#ifndef VARVE_TEXT_WORDPIECE_H
#define VARVE_TEXT_WORDPIECE_H

#include "Text/Tokenizer.h"
#include <unordered_map>

namespace varve {

/// A vocabulary without the letter "A" is of lower case: texts are put in lower
/// case and lose their accents.
class WordPieceTokenizer : public Tokenizer {
public:
  /// From vocab.txt: a token a line, "##" before what does not begin a word.
  static Result<std::unique_ptr<Tokenizer>> parse(std::string_view vocabulary,
                                                  const std::string &name);

  int64_t size() const override { return static_cast<int64_t>(texts.size()); }
  Status encode(std::string_view text,
                std::vector<int32_t> &tokens) const override;
  /// Words with a space between.
  std::string decode(const std::vector<int32_t> &tokens) const override;
  std::optional<int32_t> find(std::string_view token) const override;
  std::map<std::string, std::string> metadata() const override {
    return {{"tokenizer", "wordpiece"}};
  }

private:
  void encodePlain(std::string_view text, std::vector<int32_t> &tokens) const;
  void encodeWord(std::string_view word, std::vector<int32_t> &tokens) const;

  std::vector<std::string> texts;
  std::unordered_map<std::string, int32_t> numbers;
  int32_t unknown = 0;
  bool lowerCase = true;
};

} // namespace varve
#endif
