// A token is a character; the vocabulary are those that stand in a text.
#ifndef VARVE_TEXT_CHARACTERS_H
#define VARVE_TEXT_CHARACTERS_H

#include "Text/Tokenizer.h"
#include <unordered_map>

namespace varve {

/// Characters of Unicode, numbered by their code points.
class CharacterTokenizer : public Tokenizer {
public:
  /// The characters that stand in a text. Fails on a text that is no UTF-8,
  /// with the line, and on an empty one.
  static Result<std::unique_ptr<Tokenizer>> ofText(std::string_view text);

  int64_t size() const override {
    return static_cast<int64_t>(characters.size());
  }
  Status encode(std::string_view text,
                std::vector<int32_t> &tokens) const override;
  std::string decode(const std::vector<int32_t> &tokens) const override;
  std::optional<int32_t> find(std::string_view token) const override;
  std::map<std::string, std::string> metadata() const override;

private:
  std::vector<char32_t> characters; ///< ascending
  std::unordered_map<char32_t, int32_t> numbers;
};

} // namespace varve
#endif
