// Where element (i, j, ...) of a logical tensor stands in its buffer.
#ifndef VARVE_CODEGEN_CPU_LAYOUT_H
#define VARVE_CODEGEN_CPU_LAYOUT_H

#include "mlir/IR/BuiltinTypes.h"

namespace varve {

/// A layout in memory: a stride for each logical dimension, and at most one
/// dimension cut into panels. Element x of that one stands at
/// (x floordiv panel) * panelStride + x mod panel.
struct Layout {
  llvm::SmallVector<int64_t> shape, strides;
  int panelDim = -1;
  int64_t panel = 0, panelStride = 0;
  /// Elements of the buffer, padding included; dynamic where a dimension is.
  int64_t size = 0;

  /// Of row-major, permuted, panelled and strided memrefs; fails on others.
  static mlir::FailureOr<Layout> of(mlir::MemRefType type);

  /// The dimension along which neighbours are neighbours in memory; the last
  /// one if there is none (all sizes 1). -1 for rank 0.
  int contiguousDim() const;
  /// The distance of neighbours along `dim`, within a panel.
  int64_t stride(unsigned dim) const {
    return int(dim) == panelDim ? 1 : strides[dim];
  }
  /// Whether the buffer has elements that belong to no index.
  bool padded() const;
};

/// The buffer as code sees it: rank 1, i1 in bytes.
mlir::FailureOr<mlir::MemRefType> flatType(mlir::MemRefType type);

} // namespace varve

#endif
