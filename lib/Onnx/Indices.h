// Indices that a model gives, as the dialect takes them: from 0 on, and of
// places in a tensor seen as one row.
#ifndef VARVE_ONNX_INDICES_H
#define VARVE_ONNX_INDICES_H

#include "Onnx/ImportCall.h"

namespace varve::onnx {

/// i64 indices into an axis of `size` elements, of which -1 is the last. Known
/// ones outside are an error; others are held to the axis where they are used.
mlir::Value axisIndices(Call &c, mlir::Value index, int64_t size);

/// The elements of `index` as places along `axis` of `shape`, and those of the
/// other axes as they are: places in the row of all elements. `index` has as
/// many axes as `shape`, none longer but `axis`.
mlir::Value placesAlong(Call &c, mlir::Value index, int64_t axis,
                        llvm::ArrayRef<int64_t> shape);

/// The last axis of `index` names places along the axes of `sizes`: the place
/// in their row.
mlir::Value placesOf(Call &c, mlir::Value index, llvm::ArrayRef<int64_t> sizes);

/// How often the elements of `shape` stride: the product of the sizes after
/// each axis.
Ints stridesOf(llvm::ArrayRef<int64_t> shape);

/// How many elements a shape has.
int64_t countOf(llvm::ArrayRef<int64_t> shape);

/// Each element is its index along an axis of `shape`: i64.
mlir::Value indicesAlong(Call &c, llvm::ArrayRef<int64_t> shape, int64_t axis);

/// The slices of x, which is [size, ...], with those of y in place of the ones
/// that index names; joined with what is there if `how` is a sum or such.
mlir::Value scatterRows(Call &c, mlir::Value x, mlir::Value index,
                        mlir::Value y, llvm::StringRef how);

} // namespace varve::onnx
#endif
