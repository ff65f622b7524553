// Reverse-mode differentiation of straight-line code, as a function that passes
// and tests call.
#ifndef VARVE_TRANSFORMS_DIFFERENTIATE_H
#define VARVE_TRANSFORMS_DIFFERENTIATE_H

#include "varve/Dialect/Varve/Varve.h"

namespace varve {

/// Builds, at the insertion point of `b`, the gradients of
/// sum_i <results[i], cotangents[i]> with respect to `wrt`. All values belong
/// to one block, before the insertion point. Entry j of the answer is null
/// where nothing depends on wrt[j]. Fails with a diagnostic at an operation
/// that has no gradient and does not say so.
///
/// Second order: call it again with the answers as results.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildGradients(
    mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> results,
    llvm::ArrayRef<mlir::Value> cotangents, llvm::ArrayRef<mlir::Value> wrt);

/// Builds the Jacobian-vector product: the tangents of `results` where wrt[j]
/// moves by tangents[j]. Reverse mode twice: the gradient is linear in its
/// cotangent u, so d<J'u, tangents>/du = J tangents, which no longer depends
/// on u. No operation needs a forward rule.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildTangents(
    mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> results,
    llvm::ArrayRef<mlir::Value> wrt, llvm::ArrayRef<mlir::Value> tangents);

} // namespace varve
#endif
