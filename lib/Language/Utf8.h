// The little of UTF-8 that the front end needs: counting, and checking.
#ifndef VARVE_LANGUAGE_UTF8_H
#define VARVE_LANGUAGE_UTF8_H

#include <cstddef>
#include <string_view>

namespace varve {

/// Bytes of the character at the front of `text`, or 0 if it is not valid
/// UTF-8 (overlong forms, surrogates and values above U+10FFFF are not).
std::size_t characterLength(std::string_view text);

/// Characters in `text`; a byte that belongs to none counts as one.
std::size_t countCharacters(std::string_view text);

} // namespace varve
#endif
