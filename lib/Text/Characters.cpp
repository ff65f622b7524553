// A token is a character.
#include "Text/Characters.h"
#include "Support/Utf8.h"
#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace varve {
namespace {

/// "line 3, column 7", in characters, of the end of a text.
std::string placeAfter(std::string_view before) {
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t start = before.rfind('\n');
  start = start == std::string_view::npos ? 0 : start + 1;
  return fmt::format("line {}, column {}", line,
                     countCharacters(before.substr(start)) + 1);
}

/// The character as a person can read it: 'é' (U+00E9).
std::string shown(char32_t c) {
  std::string text;
  appendCharacter(text, c);
  return c < 0x20 || c == 0x7F
             ? fmt::format("U+{:04X}", static_cast<uint32_t>(c))
             : fmt::format("'{}' (U+{:04X})", text, static_cast<uint32_t>(c));
}

} // namespace

Result<std::unique_ptr<Tokenizer>>
CharacterTokenizer::ofText(std::string_view text) {
  std::set<char32_t> found;
  for (std::string_view rest = text; !rest.empty();) {
    if (characterLength(rest) == 0)
      return Error{fmt::format(
          "{}: byte 0x{:02x} is no UTF-8",
          placeAfter(text.substr(0, text.size() - rest.size())),
          static_cast<unsigned>(static_cast<unsigned char>(rest[0])))};
    found.insert(takeCharacter(rest));
  }
  if (found.empty())
    return Error{"an empty text has no characters"};
  auto tokenizer = std::make_unique<CharacterTokenizer>();
  tokenizer->characters.assign(found.begin(), found.end());
  for (char32_t character : found)
    tokenizer->numbers.emplace(
        character, static_cast<int32_t>(tokenizer->numbers.size()));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

Status CharacterTokenizer::encode(std::string_view text,
                                  std::vector<int32_t> &tokens) const {
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view before = text.substr(0, text.size() - rest.size());
    if (characterLength(rest) == 0)
      return Error{fmt::format(
          "{}: byte 0x{:02x} is no UTF-8", placeAfter(before),
          static_cast<unsigned>(static_cast<unsigned char>(rest[0])))};
    char32_t character = takeCharacter(rest);
    auto number = numbers.find(character);
    if (number == numbers.end())
      return Error{fmt::format("{}: {} is none of the {} characters that the "
                               "model learnt",
                               placeAfter(before), shown(character), size())};
    tokens.push_back(number->second);
  }
  return {};
}

std::string
CharacterTokenizer::decode(const std::vector<int32_t> &tokens) const {
  std::string text;
  for (int32_t token : tokens)
    appendCharacter(text, characters[static_cast<size_t>(token)]);
  return text;
}

std::optional<int32_t> CharacterTokenizer::find(std::string_view token) const {
  if (token.empty() || characterLength(token) != token.size())
    return std::nullopt;
  auto number = numbers.find(takeCharacter(token));
  return number == numbers.end() ? std::nullopt : std::optional(number->second);
}

std::map<std::string, std::string> CharacterTokenizer::metadata() const {
  std::string all;
  for (char32_t character : characters)
    appendCharacter(all, character);
  return {{"tokenizer", "characters"}, {"characters", all}};
}

} // namespace varve
