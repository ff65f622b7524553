// Parts of a kernel's outs in which each element comes from one known place: a
// concatenation asks its index which operand to read, once for each element; in
// the part of one operand there is nothing to ask.
#ifndef VARVE_CODEGEN_CPU_SECTIONS_H
#define VARVE_CODEGEN_CPU_SECTIONS_H

#include "KernelBody.h"

namespace varve {

class Sections {
public:
  using Value = mlir::Value;

  /// Of outs of `shape`, which are walked 16 elements at a time along `lane`.
  Sections(KernelBody &body, llvm::ArrayRef<int64_t> shape, int lane);

  /// The dimension that is cut. Section i of it is [bounds[i], bounds[i + 1]).
  unsigned dim = 0;
  llvm::SmallVector<int64_t> bounds;

  /// What values of the bodies are in a section: a select what it selects, an
  /// index held to a range in which it lies anyway that index.
  llvm::DenseMap<Value, Value> equalsIn(size_t section) const;

private:
  struct Range {
    int64_t low, high; ///< both included
  };
  void visit(Value tensor, mlir::AffineMap map);
  std::optional<unsigned> dimOf(mlir::linalg::IndexOp index) const;
  std::optional<Range> rangeOf(Value v, Range along) const;

  /// From an out's indices to a body's loops; null where these differ from one
  /// use to another.
  llvm::MapVector<mlir::Operation *, mlir::AffineMap> loops;
};

} // namespace varve

#endif
