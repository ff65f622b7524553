// Windows that move along axes: what convolutions and pools share.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_WINDOW_H
#define VARVE_LIB_DIALECT_VARVE_OPS_WINDOW_H

#include "Dialect/Varve/Ops/Scalar.h"

namespace varve {

/// One axis: place p of the pooled or convolved tensor sees places
/// p * stride + k * dilation - before of x, for k < kernel.
struct WindowAxis {
  int64_t size = 0;   ///< of x
  int64_t places = 0; ///< of the result
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t before = 0, after = 0; ///< padding

  /// From the first to the last element of a window.
  int64_t reach() const { return (kernel - 1) * dilation + 1; }
  int64_t at(int64_t p, int64_t k) const {
    return p * stride + k * dilation - before;
  }
  bool holds(int64_t i) const { return i >= 0 && i < size; }
  /// What x has beyond the last element that a window could see.
  int64_t rest() const { return (size + before + after - reach()) % stride; }
};
using Window = llvm::SmallVector<WindowAxis>;

/// A window without sizes and places, or nothing where the lists do not have an
/// entry for each of `axes` axes (padding: one or two) or an entry is too small
/// or large.
std::optional<Window> windowOf(int64_t axes, llvm::ArrayRef<int64_t> kernel,
                               llvm::ArrayRef<int64_t> stride,
                               llvm::ArrayRef<int64_t> padding,
                               llvm::ArrayRef<int64_t> dilation);

/// The window of a verified convolution, with its sizes and places; of its
/// adjoints, that of the convolution.
Window convWindow(ConvOp op);
Window convWindow(ConvTransposeOp op);
Window convWindow(ConvWeightOp op);

} // namespace varve
#endif
