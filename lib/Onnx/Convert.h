// Conversion between element types, those that programs hold as another type
// included.
#ifndef VARVE_ONNX_CONVERT_H
#define VARVE_ONNX_CONVERT_H

#include "Onnx/ImportCall.h"

namespace varve::onnx {

/// What Cast says about narrow floats.
struct Rounding {
  /// Numbers too large become the largest, not infinite or NaN.
  bool saturate = true;
  enum Mode { Up, Down, Nearest };
  /// Of Float8E8M0 alone; all others round to nearest even.
  Mode mode = Up;
};

bool isNarrowFloat(Element type);
/// The bits of an integer of fewer than 8 bits, else 0.
unsigned narrowBits(Element type);
inline bool isComplex(Element type) { return partsOf(type) == 2; }
/// The range of an integer type of up to 32 bits.
std::pair<double, double> rangeOf(Call &c, Element type);

/// The elements of a tensor in storage as another type, in its storage.
mlir::Value convert(Call &c, mlir::Value x, Element from, Element to,
                    Rounding rounding = {});
/// The numbers of a tensor in storage as f32, or of a wider type as
/// themselves; for arithmetic.
mlir::Value numbers(Call &c, mlir::Value x, Element from);
/// How many of ascending `bounds` are not above each number of `a`, f32 or f64:
/// i32. Their count is a power of 2 less one.
mlir::Value bisect(Call &c, mlir::Value a, std::vector<double> bounds);
/// Which numbers have the sign of negative ones, -0 included.
mlir::Value hasSign(Call &c, mlir::Value x);
/// The type that an attribute names by its number.
Element elementNamed(Call &c, int64_t number);

} // namespace varve::onnx
#endif
