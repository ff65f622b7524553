// Reference values: what `evaluate` of an operation reads and writes. Floats
// are doubles whatever their type, integers are int64_t held to their type, so
// that formulas read as in the book.
#ifndef VARVE_DIALECT_VARVE_REFTENSOR_H
#define VARVE_DIALECT_VARVE_REFTENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace varve {

/// One element: `f` if its type is a float, else `i`.
struct RefScalar {
  double f = 0;
  int64_t i = 0;
};

struct RefTensor {
  mlir::Type element;
  std::vector<int64_t> shape;
  std::vector<double> f;  ///< elements, if `element` is a float
  std::vector<int64_t> i; ///< elements, if not

  RefTensor() = default;
  /// Zeros of a type with a static shape.
  explicit RefTensor(mlir::RankedTensorType type)
      : RefTensor(type.getElementType(), type.getShape()) {}
  RefTensor(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  explicit RefTensor(mlir::DenseElementsAttr elements);

  /// The elements as an attribute, rounded to their type.
  mlir::DenseElementsAttr toElements() const;

  bool isFloat() const { return llvm::isa<mlir::FloatType>(element); }
  int64_t size() const { return isFloat() ? f.size() : i.size(); }
  int64_t rank() const { return shape.size(); }
  RefScalar at(int64_t e) const {
    return isFloat() ? RefScalar{f[e], 0} : RefScalar{0, i[e]};
  }
  void set(int64_t e, RefScalar s) {
    if (isFloat())
      f[e] = s.f;
    else
      i[e] = s.i;
  }
};

/// Row-major position <-> index. Both go over axes from the last to the first.
std::vector<int64_t> indexOf(int64_t position, llvm::ArrayRef<int64_t> shape);
int64_t positionOf(llvm::ArrayRef<int64_t> index,
                   llvm::ArrayRef<int64_t> shape);

/// `i` held to an integer type: what is left after the type's wrap-around.
int64_t wrapToType(int64_t i, mlir::Type type);

} // namespace varve
#endif
