// Patterns of dotted names, in time pattern x name: stars nest, so a naive
// search could take exponential time.
#include "Support/Pattern.h"

#include <algorithm>
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

size_t varve::countStars(std::string_view pattern) {
  size_t count = 0;
  for (size_t p = 0; p < pattern.size(); ++p)
    if (pattern[p] == '*') {
      ++count;
      p += pattern.substr(p, 2) == "**";
    }
  return count;
}

// From left to right: after each star the rest of the pattern must match the
// rest of the name, so the first length that lets it, from the longest down, is
// the star's.
std::optional<std::string> varve::renameByPattern(std::string_view pattern,
                                                  std::string_view replacement,
                                                  std::string_view name) {
  if (!matchesPattern(pattern, name))
    return std::nullopt;
  std::vector<std::string_view> runs;
  for (size_t p = 0; p < pattern.size();) {
    if (pattern[p] != '*') {
      ++p;
      name.remove_prefix(1);
      continue;
    }
    bool any = pattern.substr(p, 2) == "**";
    p += any ? 2 : 1;
    size_t length = any ? name.size() : std::min(name.find('.'), name.size());
    while (!matchesPattern(pattern.substr(p), name.substr(length)))
      --length;
    runs.push_back(name.substr(0, length));
    name.remove_prefix(length);
  }
  std::string result;
  size_t run = 0;
  for (size_t r = 0; r < replacement.size(); ++r) {
    if (replacement[r] != '*') {
      result += replacement[r];
      continue;
    }
    r += replacement.substr(r, 2) == "**";
    if (run < runs.size())
      result += runs[run++];
  }
  return result;
}
