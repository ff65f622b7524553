// Short names for what gradient rules and lowerings build, so that a rule
// reads like the mathematics.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_BUILD_H
#define VARVE_LIB_DIALECT_VARVE_OPS_BUILD_H

#include "mlir/IR/AffineMap.h"
#include "varve/Dialect/Varve/Varve.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace varve {

using LocBuilder = mlir::ImplicitLocOpBuilder;

inline mlir::RankedTensorType typeOf(mlir::Value v) {
  return llvm::cast<mlir::RankedTensorType>(v.getType());
}
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value v) {
  return typeOf(v).getShape();
}
/// The type with signless integers, as upstream dialects want it.
mlir::Type signless(mlir::Type type);
mlir::RankedTensorType signless(mlir::RankedTensorType type);
/// Whether tensors of the dialect may have elements of this type.
bool isElementType(mlir::Type type);
/// Whether integers of this type compare and convert as unsigned.
bool isUnsigned(mlir::Type type);

// ---- varve operations: for gradient rules and composite lowerings ----

/// A splat of `value`, of the type of `like` or of `type`.
mlir::Value constant(LocBuilder &b, mlir::RankedTensorType type, double value);
mlir::Value constantLike(LocBuilder &b, mlir::Value like, double value);
mlir::Value add(LocBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value sub(LocBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value mul(LocBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value mul(LocBuilder &b, mlir::Value x, double y);
mlir::Value div(LocBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value div(LocBuilder &b, mlir::Value x, double y);
mlir::Value neg(LocBuilder &b, mlir::Value x);
mlir::Value compare(LocBuilder &b, mlir::Value x, llvm::StringRef predicate,
                    mlir::Value y);
mlir::Value select(LocBuilder &b, mlir::Value condition, mlir::Value x,
                   mlir::Value y);
mlir::Value castTo(LocBuilder &b, mlir::Value x, mlir::Type element);
mlir::Value reshape(LocBuilder &b, mlir::Value x,
                    llvm::ArrayRef<int64_t> shape);
mlir::Value transpose(LocBuilder &b, mlir::Value x,
                      llvm::ArrayRef<int64_t> perm);
/// Axis i of x becomes axis `axes[i]` of the result.
mlir::Value broadcast(LocBuilder &b, mlir::Value x,
                      llvm::ArrayRef<int64_t> shape,
                      llvm::ArrayRef<int64_t> axes);
/// x, which lacks `reduced` of the axes of `shape`, repeated along them.
mlir::Value expand(LocBuilder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape,
                   llvm::ArrayRef<int64_t> reduced);
mlir::Value sum(LocBuilder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes,
                bool keepdims = false);

/// `axis` counted from the end if negative.
inline int64_t normalAxis(int64_t axis, int64_t rank) {
  return axis < 0 ? axis + rank : axis;
}
/// Whether these are axes of a tensor of this rank, in ascending order.
bool areAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);
/// The axes of `rank` that are not in `axes`.
llvm::SmallVector<int64_t> otherAxes(llvm::ArrayRef<int64_t> axes,
                                     int64_t rank);

// ---- linalg: for lowerings ----

using ScalarBody = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                  llvm::ArrayRef<mlir::Value>)>;

/// An all-parallel linalg.generic over the elements of `type`. Without maps
/// each operand is read at the result's index.
mlir::Value buildGeneric(LocBuilder &b, mlir::RankedTensorType type,
                         llvm::ArrayRef<mlir::Value> operands, ScalarBody body,
                         llvm::ArrayRef<mlir::AffineMap> maps = {});

/// A linalg.generic that reduces axis `axis` of `x`: `body(element, partial)`
/// joins a term and the running value, which starts at `init`.
mlir::Value buildReduction(LocBuilder &b, mlir::Value x, int64_t axis,
                           mlir::TypedAttr init, ScalarBody body);

/// `i`, an integer of type `type`, as an index held to [0, last]. (An unsigned
/// number too large for a signed one is negative then, and held to 0.)
mlir::Value holdIndex(LocBuilder &b, mlir::Value i, mlir::Type type,
                      int64_t last);

/// Sequential loops over `shape`, the last axis innermost: `body(at, carried)`
/// gives the next values of what is carried, which begins as `init`.
llvm::SmallVector<mlir::Value> buildLoops(
    LocBuilder &b, llvm::ArrayRef<int64_t> shape,
    llvm::ArrayRef<mlir::Value> init,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(
        LocBuilder &, llvm::ArrayRef<mlir::Value>, llvm::ArrayRef<mlir::Value>)>
        body);

} // namespace varve
#endif
