// Patterns of dotted names: `*` is a run without a dot, `**` any run.
#ifndef VARVE_SUPPORT_PATTERN_H
#define VARVE_SUPPORT_PATTERN_H

#include <optional>
#include <string>
#include <string_view>

namespace varve {

/// Whether `pattern` matches all of `name`.
bool matchesPattern(std::string_view pattern, std::string_view name);

/// The stars of a pattern: `**` is one.
size_t countStars(std::string_view pattern);

/// `replacement` with its stars replaced, in order, by what the stars of
/// `pattern` stand for in `name`; nothing where `pattern` does not match. A
/// star takes as much as it can. Both have the same number of stars.
std::optional<std::string> renameByPattern(std::string_view pattern,
                                           std::string_view replacement,
                                           std::string_view name);

} // namespace varve
#endif
