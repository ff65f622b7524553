// The name patterns of a setting, as attributes hold them.
#ifndef VARVE_LIB_TRANSFORMS_PATTERNS_H
#define VARVE_LIB_TRANSFORMS_PATTERNS_H

#include "Support/Pattern.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace varve {

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
