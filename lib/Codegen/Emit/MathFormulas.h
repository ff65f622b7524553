// Transcendental functions as arithmetic, for one shape of value: a scalar or a
// vector of any width. Every formula uses +, -, *, /, fma and bit operations
// only, each correctly rounded, so the bits are the same everywhere.
#ifndef VARVE_LIB_CODEGEN_EMIT_MATHFORMULAS_H
#define VARVE_LIB_CODEGEN_EMIT_MATHFORMULAS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace varve {

/// The f32 functions. `x` and `y` are f32 or vectors of f32; so is the result.
/// Errors in units in the last place are the largest over all floats, found by
/// test/Unit/MathTest.cpp (exp, log, ... exhaustively, pow by sampling).
/// Subnormals, infinities, NaN and the sign of zero are as IEEE 754 asks.
class MathFormulas {
public:
  explicit MathFormulas(mlir::ImplicitLocOpBuilder &b) : b(b) {}

  mlir::Value exp(mlir::Value x);                ///< 1.02 ulp
  mlir::Value exp2(mlir::Value x);               ///< 1 ulp
  mlir::Value expm1(mlir::Value x);              ///< 1.3 ulp
  mlir::Value log(mlir::Value x);                ///< 1 ulp
  mlir::Value log1p(mlir::Value x);              ///< 1 ulp
  mlir::Value log2(mlir::Value x);               ///< 0.51 ulp
  mlir::Value log10(mlir::Value x);              ///< 0.51 ulp
  mlir::Value tanh(mlir::Value x);               ///< 0.75 ulp
  mlir::Value erf(mlir::Value x);                ///< 1.03 ulp
  mlir::Value sin(mlir::Value x);                ///< 0.51 ulp
  mlir::Value cos(mlir::Value x);                ///< 0.51 ulp
  mlir::Value pow(mlir::Value x, mlir::Value y); ///< 0.51 ulp

private:
  mlir::Value sine(mlir::Value x, bool cosine);

  mlir::ImplicitLocOpBuilder &b;
};

} // namespace varve
#endif
