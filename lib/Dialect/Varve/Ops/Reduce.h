// What operations along axes share.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_REDUCE_H
#define VARVE_LIB_DIALECT_VARVE_OPS_REDUCE_H

#include "Dialect/Varve/Ops/Scalar.h"

namespace varve {

/// How a reduction joins a term and the running value.
enum class Combiner { Sum, Product, Max, Min, Any, All };

/// The combiner's scalar operation; `type` tells signed from unsigned.
mlir::Value join(LocBuilder &b, Combiner kind, mlir::Type type,
                 llvm::ArrayRef<mlir::Value> v);
/// What a reduction starts from: 0, 1, or the least or greatest of the type.
mlir::TypedAttr neutral(LocBuilder &b, Combiner kind, mlir::Type type);
/// The linalg reduction of one axis of signless x.
mlir::Value reduceAxis(LocBuilder &b, mlir::Value x, int64_t axis,
                       Combiner kind, mlir::Type type);

/// A reduction's value seen at each element of x again.
mlir::Value spread(LocBuilder &b, mlir::Value y, mlir::Value x,
                   llvm::ArrayRef<int64_t> axes);

/// Calls visit(result position, operand position) for each element of x in
/// row-major order.
void forEachTerm(const RefTensor &x, const RefTensor &y,
                 llvm::ArrayRef<int64_t> axes, bool keepdims,
                 llvm::function_ref<void(int64_t, int64_t)> visit);

} // namespace varve
#endif
