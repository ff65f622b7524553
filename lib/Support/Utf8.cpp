// UTF-8 as RFC 3629 has it.
#include "Support/Utf8.h"

#include <algorithm>

namespace varve {

std::size_t characterLength(std::string_view text) {
  auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  unsigned lead = byte(0);
  if (text.empty())
    return 0;
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead <= 0xDF)
    return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : 0xBF;
    bool valid = byte(1) >= low && byte(1) <= high && continues(2);
    return valid ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    bool valid =
        byte(1) >= low && byte(1) <= high && continues(2) && continues(3);
    return valid ? 4 : 0;
  }
  return 0;
}

std::size_t countCharacters(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(std::max<std::size_t>(characterLength(text), 1));
    ++count;
  }
  return count;
}

char32_t takeCharacter(std::string_view &text) {
  std::size_t length = characterLength(text);
  auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  char32_t value = replacementCharacter;
  if (length == 1)
    value = byte(0);
  for (std::size_t i = 1; i < length; ++i)
    value = (i == 1 ? byte(0) & (0x7Fu >> length) : value) << 6 |
            (byte(i) & 0x3F);
  text.remove_prefix(std::max<std::size_t>(length, 1));
  return value;
}

void appendCharacter(std::string &text, char32_t c) {
  auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80)
    return add(c);
  if (c < 0x800) {
    add(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      add(0xE0 | c >> 12);
    } else {
      add(0xF0 | c >> 18);
      add(0x80 | (c >> 12 & 0x3F));
    }
    add(0x80 | (c >> 6 & 0x3F));
  }
  add(0x80 | (c & 0x3F));
}

} // namespace varve
