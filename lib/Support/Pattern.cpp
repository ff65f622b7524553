// Patterns of dotted names, in time pattern x name: stars nest, so a naive
// search could take exponential time.
#include "Support/Pattern.h"

#include <vector>

bool varve::matchesPattern(std::string_view pattern, std::string_view name) {
  // reached[n]: the pattern so far matches the first n characters.
  std::vector<bool> reached(name.size() + 1, false);
  reached[0] = true;
  for (size_t p = 0; p < pattern.size(); ++p) {
    bool any = pattern.substr(p, 2) == "**";
    if (pattern[p] == '*') {
      for (size_t n = 0; n < name.size(); ++n)
        if (reached[n] && (any || name[n] != '.'))
          reached[n + 1] = true;
      p += any;
      continue;
    }
    for (size_t n = name.size(); n > 0; --n)
      reached[n] = reached[n - 1] && name[n - 1] == pattern[p];
    reached[0] = false;
  }
  return reached[name.size()];
}
