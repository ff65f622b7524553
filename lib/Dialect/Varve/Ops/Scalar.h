// Short names for elementwise operations: their formula (reference value) and
// their scalar lowering.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_SCALAR_H
#define VARVE_LIB_DIALECT_VARVE_OPS_SCALAR_H

#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace varve {

using Scalars = llvm::ArrayRef<RefScalar>;
using Values = llvm::ArrayRef<mlir::Value>;
using Grads = llvm::MutableArrayRef<mlir::Value>;

inline bool isFloat(mlir::Value v) {
  return llvm::isa<mlir::FloatType>(v.getType());
}

/// The element type of an operand as the dialect has it: with signedness.
inline mlir::Type elementOf(mlir::Operation *op, unsigned operand = 0) {
  return typeOf(op->getOperand(operand)).getElementType();
}
inline bool isFloatOp(mlir::Operation *op) {
  return llvm::isa<mlir::FloatType>(elementOf(op));
}

inline RefScalar real(double f) { return {f, 0}; }
inline RefScalar integer(int64_t i) { return {0, i}; }

/// A constant of a signless scalar type.
inline mlir::Value scalar(LocBuilder &b, mlir::Type type, double value) {
  if (auto real = llvm::dyn_cast<mlir::FloatType>(type))
    return mlir::arith::ConstantOp::create(b,
                                           mlir::FloatAttr::get(real, value));
  return mlir::arith::ConstantOp::create(
      b, mlir::IntegerAttr::get(type, int64_t(value)));
}

} // namespace varve
#endif
