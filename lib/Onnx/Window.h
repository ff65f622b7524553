// What operators with a window say about it, and sums over windows.
#ifndef VARVE_ONNX_WINDOW_H
#define VARVE_ONNX_WINDOW_H

#include "Onnx/ImportCall.h"

namespace varve::onnx {

struct Window {
  Ints kernel, stride, dilation;
  Ints padding; ///< before each axis, then after each

  size_t axes() const { return kernel.size(); }
  /// The elements from the first of a window to its last.
  int64_t reach(size_t i) const {
    return (kernel[i] - 1) * dilation[i] + 1;
  }
};

/// Input i, which is [N, C, size..].
mlir::Value channels(Call &c, size_t i);

/// Reads `strides`, `dilations`, `pads` and `auto_pad`; x has the axes of the
/// window after N and C.
Window windowOf(Call &c, mlir::Value x, Ints kernel);

/// The attribute `kernel_shape`, which must be there.
Ints kernelOf(Call &c);

/// How many windows go over an axis of `size`. With `ceil` the last may reach
/// over the end, if it begins in x or the padding before it.
int64_t windowsOf(const Window &w, size_t i, int64_t size, bool ceil);

/// The sum of each window, whatever its dilation.
mlir::Value windowSums(Call &c, mlir::Value x, const Window &w, bool ceil);

/// An operator of the same table, in a file of its own.
void deformConv(Call &c);

/// Adds a number for each channel, axis 1.
mlir::Value addBias(Call &c, mlir::Value y, mlir::Value bias);

} // namespace varve::onnx
#endif
