// The little of UTF-8 that texts need: cutting in characters, and checking.
#ifndef VARVE_SUPPORT_UTF8_H
#define VARVE_SUPPORT_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace varve {

/// Bytes of the character at the front of `text`, or 0 if it is not valid
/// UTF-8 (overlong forms, surrogates and values above U+10FFFF are not).
std::size_t characterLength(std::string_view text);

/// Characters in `text`; a byte that belongs to none counts as one.
std::size_t countCharacters(std::string_view text);

/// What a byte that belongs to no character decodes to.
constexpr char32_t replacementCharacter = 0xFFFD;

/// Takes the character at the front of `text`, which is not empty; a byte that
/// belongs to none is taken alone, as the replacement character.
char32_t takeCharacter(std::string_view &text);

/// Appends a character, at most U+10FFFF.
void appendCharacter(std::string &text, char32_t character);

} // namespace varve
#endif
