// Name patterns of settings: `*` is a run without a dot, `**` any run.
#ifndef VARVE_LIB_TRANSFORMS_PATTERNS_H
#define VARVE_LIB_TRANSFORMS_PATTERNS_H

#include "mlir/IR/BuiltinAttributes.h"

namespace varve {

/// Whether `pattern` matches all of `name`.
inline bool matchesPattern(llvm::StringRef pattern, llvm::StringRef name) {
  if (pattern.empty())
    return name.empty();
  if (pattern.consume_front("**")) {
    for (size_t n = 0; n <= name.size(); ++n)
      if (matchesPattern(pattern, name.drop_front(n)))
        return true;
    return false;
  }
  if (pattern.consume_front("*")) {
    for (size_t n = 0; n <= name.size(); ++n) {
      if (matchesPattern(pattern, name.drop_front(n)))
        return true;
      if (n < name.size() && name[n] == '.')
        return false;
    }
    return false;
  }
  return !name.empty() && pattern.front() == name.front() &&
         matchesPattern(pattern.drop_front(), name.drop_front());
}

/// A list of patterns from an array of strings, which may be null.
class Patterns {
public:
  explicit Patterns(mlir::ArrayAttr patterns) : patterns(patterns) {}
  bool match(llvm::StringRef name) const {
    return patterns &&
           llvm::any_of(patterns.getAsRange<mlir::StringAttr>(),
                        [&](mlir::StringAttr pattern) {
                          return matchesPattern(pattern.getValue(), name);
                        });
  }

private:
  mlir::ArrayAttr patterns;
};

} // namespace varve
#endif
