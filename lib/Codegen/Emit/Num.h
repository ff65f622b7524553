// Values with operators, so that a formula in the compiler reads like one.
#ifndef VARVE_LIB_CODEGEN_EMIT_NUM_H
#define VARVE_LIB_CODEGEN_EMIT_NUM_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace varve {

/// A float, integer or boolean value, scalar or vector. Operators emit one
/// operation each; a plain number becomes a constant of the other's type.
struct Num {
  mlir::ImplicitLocOpBuilder *b;
  mlir::Value v;

  mlir::Type type() const { return v.getType(); }
  bool isFloat() const {
    return llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(v));
  }
  mlir::Type like(mlir::Type element) const {
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(type()))
      return vector.clone(element);
    return element;
  }
  Num constant(mlir::TypedAttr scalar) const {
    mlir::TypedAttr attr = scalar;
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(type()))
      attr = mlir::DenseElementsAttr::get(vector.clone(scalar.getType()),
                                          mlir::Attribute(scalar));
    return {b, mlir::arith::ConstantOp::create(*b, attr)};
  }
  /// `c` as a constant of this value's type.
  Num num(double c) const {
    mlir::Type e = mlir::getElementTypeOrSelf(v);
    if (isFloat())
      return constant(b->getFloatAttr(e, c));
    return constant(b->getIntegerAttr(e, int64_t(c)));
  }
  /// The constant of this value's float type with these bits.
  Num bits(uint64_t c) const {
    mlir::Type e = mlir::getElementTypeOrSelf(v);
    unsigned width = e.getIntOrFloatBitWidth();
    if (auto f = llvm::dyn_cast<mlir::FloatType>(e))
      return constant(b->getFloatAttr(
          f, llvm::APFloat(f.getFloatSemantics(), llvm::APInt(width, c))));
    return constant(b->getIntegerAttr(e, llvm::APInt(width, c)));
  }
  /// The same bits as an integer or a float of the same width.
  Num asInt() const {
    mlir::Type e = mlir::getElementTypeOrSelf(v);
    mlir::Type i = b->getIntegerType(e.getIntOrFloatBitWidth());
    return {b, mlir::arith::BitcastOp::create(*b, like(i), v)};
  }
  Num asFloat() const {
    unsigned width = mlir::getElementTypeOrSelf(v).getIntOrFloatBitWidth();
    mlir::Type f = width == 64 ? mlir::Type(b->getF64Type()) : b->getF32Type();
    return {b, mlir::arith::BitcastOp::create(*b, like(f), v)};
  }
  Num toF64() const {
    return {b, mlir::arith::ExtFOp::create(*b, like(b->getF64Type()), v)};
  }
  Num toF32() const {
    return {b, mlir::arith::TruncFOp::create(*b, like(b->getF32Type()), v)};
  }
  /// A signed integer's value as a float of the same width.
  Num toFloat() const {
    unsigned width = mlir::getElementTypeOrSelf(v).getIntOrFloatBitWidth();
    mlir::Type f = width == 64 ? mlir::Type(b->getF64Type()) : b->getF32Type();
    return {b, mlir::arith::SIToFPOp::create(*b, like(f), v)};
  }
  Num abs() const { return {b, mlir::math::AbsFOp::create(*b, v)}; }
  Num floor() const { return {b, mlir::math::FloorOp::create(*b, v)}; }
  Num withSignOf(Num s) const {
    return {b, mlir::math::CopySignOp::create(*b, v, s.v)};
  }
  /// Ordered comparison: false on NaN.
  Num compare(mlir::arith::CmpFPredicate p, Num y) const {
    return {b, mlir::arith::CmpFOp::create(*b, p, v, y.v)};
  }
  Num isNan() const { return compare(mlir::arith::CmpFPredicate::UNO, *this); }
};

#define VARVE_NUM_OPERATOR(OP, FLOAT, INT)                                     \
  inline Num operator OP(Num x, Num y) {                                       \
    if (x.isFloat())                                                           \
      return {x.b, mlir::arith::FLOAT::create(*x.b, x.v, y.v)};                \
    return {x.b, mlir::arith::INT::create(*x.b, x.v, y.v)};                    \
  }                                                                            \
  inline Num operator OP(Num x, double y) { return x OP x.num(y); }            \
  inline Num operator OP(double x, Num y) { return y.num(x) OP y; }
VARVE_NUM_OPERATOR(+, AddFOp, AddIOp)
VARVE_NUM_OPERATOR(-, SubFOp, SubIOp)
VARVE_NUM_OPERATOR(*, MulFOp, MulIOp)
VARVE_NUM_OPERATOR(/, DivFOp, DivSIOp)
#undef VARVE_NUM_OPERATOR

inline Num operator-(Num x) {
  return {x.b, mlir::arith::NegFOp::create(*x.b, x.v)};
}

#define VARVE_NUM_COMPARE(OP, PREDICATE)                                       \
  inline Num operator OP(Num x, Num y) {                                       \
    return x.compare(mlir::arith::CmpFPredicate::PREDICATE, y);                \
  }                                                                            \
  inline Num operator OP(Num x, double y) { return x OP x.num(y); }
VARVE_NUM_COMPARE(<, OLT)
VARVE_NUM_COMPARE(>, OGT)
VARVE_NUM_COMPARE(==, OEQ)
VARVE_NUM_COMPARE(!=, UNE)
#undef VARVE_NUM_COMPARE

inline Num operator&(Num x, Num y) {
  return {x.b, mlir::arith::AndIOp::create(*x.b, x.v, y.v)};
}
inline Num operator|(Num x, Num y) {
  return {x.b, mlir::arith::OrIOp::create(*x.b, x.v, y.v)};
}
inline Num operator<<(Num x, int n) {
  return {x.b, mlir::arith::ShLIOp::create(*x.b, x.v, x.num(n).v)};
}
/// Arithmetic shift.
inline Num operator>>(Num x, int n) {
  return {x.b, mlir::arith::ShRSIOp::create(*x.b, x.v, x.num(n).v)};
}
inline Num fma(Num x, Num y, Num z) {
  return {x.b, mlir::math::FmaOp::create(*x.b, x.v, y.v, z.v)};
}
inline Num fma(Num x, double y, Num z) { return fma(x, x.num(y), z); }
inline Num fma(Num x, Num y, double z) { return fma(x, y, x.num(z)); }
inline Num select(Num condition, Num x, Num y) {
  return {x.b, mlir::arith::SelectOp::create(*x.b, condition.v, x.v, y.v)};
}
inline Num select(Num condition, double x, Num y) {
  return select(condition, y.num(x), y);
}

/// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule in FMA.
inline Num polynomial(Num x, std::initializer_list<double> c) {
  const double *i = c.end() - 1;
  Num sum = x.num(*i);
  while (i-- != c.begin())
    sum = fma(sum, x, *i);
  return sum;
}

} // namespace varve
#endif
