// Patterns of dotted names: `*` is a run without a dot, `**` any run.
#ifndef VARVE_SUPPORT_PATTERN_H
#define VARVE_SUPPORT_PATTERN_H

#include <string_view>

namespace varve {

/// Whether `pattern` matches all of `name`.
bool matchesPattern(std::string_view pattern, std::string_view name);

} // namespace varve
#endif
