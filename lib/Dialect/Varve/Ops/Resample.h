// Products with known sparse matrices along an axis.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_RESAMPLE_H
#define VARVE_LIB_DIALECT_VARVE_OPS_RESAMPLE_H

#include "Dialect/Varve/Ops/Scalar.h"

namespace varve {

/// A matrix by rows: each element of an axis of the result is a sum of weighted
/// elements of that axis of x.
struct AxisMatrix {
  struct Entry {
    int64_t index;
    double weight;
  };
  int64_t columns = 0; ///< elements of the axis of x
  std::vector<std::vector<Entry>> rows;

  AxisMatrix transposed() const;
  /// varve.resample, rows filled up with zeros.
  mlir::Value apply(LocBuilder &b, mlir::Value x, int64_t axis) const;
};

} // namespace varve
#endif
