// Constants and shapes.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

// ---- constant ----

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }
LogicalResult ConstantOp::verify() {
  if (!isa<DenseElementsAttr>(getValue())) // constant C1
    return emitOpError() << "value is not dense";
  return success();
}

// Dense constants: a splat stays a constant inside kernels, the rest becomes
// data.
SmallVector<Value> ConstantOp::lower(LocBuilder &b, ArrayRef<Value>) {
  auto type = signless(cast<RankedTensorType>(getType()));
  auto dense = cast<DenseElementsAttr>(getValue());
  if (dense.isSplat()) {
    Attribute value = dense.getSplatValue<Attribute>();
    if (auto integer = dyn_cast<IntegerAttr>(value))
      value = IntegerAttr::get(type.getElementType(), integer.getValue());
    Value scalar = arith::ConstantOp::create(b, cast<TypedAttr>(value));
    return {buildGeneric(
        b, type, {}, [&](LocBuilder &, ArrayRef<Value>) { return scalar; })};
  }
  if (dense.getType() != type)
    dense = dense.bitcast(type.getElementType());
  return {arith::ConstantOp::create(b, dense)};
}
void ConstantOp::evaluate(ArrayRef<RefTensor>, MutableArrayRef<RefTensor> y) {
  y[0] = RefTensor(cast<DenseElementsAttr>(getValue()));
}

// ---- broadcast ----

SmallVector<int64_t> BroadcastOp::getAxes() {
  if (auto axis = getAxis())
    return SmallVector<int64_t>(*axis);
  int64_t rank = shapeOf(getX()).size(), shift = getShape().size() - rank;
  SmallVector<int64_t> axes;
  for (int64_t d = 0; d < rank; ++d)
    axes.push_back(shift + d);
  return axes;
}
LogicalResult BroadcastOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  ArrayRef<int64_t> shape = adaptor.getShape();
  int64_t rank = shape.size(), shift = rank - x.getRank(), last = -1;
  auto axis = adaptor.getAxis();
  bool whole = axis ? int64_t(axis->size()) == x.getRank() : shift >= 0;
  for (int64_t d = 0; whole && d < x.getRank(); ++d) {
    int64_t to = axis ? (*axis)[d] : shift + d;
    whole = to > last && to < rank; // broadcast C1
    last = to;
    if (whole && x.getDimSize(d) != 1 &&
        x.getDimSize(d) != shape[to]) // broadcast C2
      return emitOptionalError(loc, "axis ", d, " of ", x,
                               " does not broadcast to [", shape, "]");
  }
  if (!whole)
    return emitOptionalError(loc, "the axes of ", x, " do not fit [", shape,
                             "]");
  types.push_back(x.clone(shape));
  return success();
}
OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    return splat.resizeSplat(cast<ShapedType>(getType()));
  return {};
}
SmallVector<Value> BroadcastOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  auto type = signless(cast<RankedTensorType>(getType()));
  SmallVector<AffineExpr> exprs;
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> kept;
  // Axes of size 1 that stretch are dropped, so that the map is a projection.
  auto from = typeOf(x[0]);
  SmallVector<int64_t> axes = getAxes();
  for (auto [d, to] : llvm::enumerate(axes))
    if (from.getDimSize(d) == type.getDimSize(to)) {
      exprs.push_back(b.getAffineDimExpr(to));
      kept.push_back(from.getDimSize(d));
    }
  Value source = x[0];
  if (int64_t(kept.size()) != from.getRank()) {
    // Each dropped axis of size 1 joins a kept neighbour.
    ReassociationIndices group;
    for (auto [d, to] : llvm::enumerate(axes)) {
      bool keep = from.getDimSize(d) == type.getDimSize(to);
      if (keep && llvm::any_of(group, [&](int64_t g) {
            return from.getDimSize(g) == type.getDimSize(axes[g]);
          })) {
        groups.push_back(group);
        group.clear();
      }
      group.push_back(d);
    }
    if (!kept.empty())
      groups.push_back(group);
    source =
        tensor::CollapseShapeOp::create(b, from.clone(kept), source, groups);
  }
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  return {buildGeneric(b, type, {source},
                       [](LocBuilder &, ArrayRef<Value> v) { return v[0]; },
                       {map})};
}
void BroadcastOp::evaluate(ArrayRef<RefTensor> x,
                           MutableArrayRef<RefTensor> y) {
  SmallVector<int64_t> axes = getAxes();
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape), from;
    for (auto [d, to] : llvm::enumerate(axes))
      from.push_back(x[0].shape[d] == 1 ? 0 : at[to]);
    y[0].set(e, x[0].at(positionOf(from, x[0].shape)));
  }
}
// Sums over what was repeated.
void BroadcastOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                           MutableArrayRef<Value> dx) {
  SmallVector<int64_t> axes = getAxes(), summed;
  ArrayRef<int64_t> from = shapeOf(getX()), to = getShape();
  for (int64_t d = 0, rank = to.size(); d < rank; ++d) {
    auto *it = llvm::find(axes, d);
    if (it == axes.end() || (from[it - axes.begin()] == 1 && to[d] != 1))
      summed.push_back(d);
  }
  dx[0] = reshape(b, sum(b, dy[0], summed), from);
}

// ---- reshape ----

LogicalResult ReshapeOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  SmallVector<int64_t> shape(adaptor.getShape());
  if (!x.hasStaticShape())
    return emitOptionalError(loc, "cannot reshape ", x);
  int64_t known = 1, open = -1;
  bool valid = true;
  for (auto [d, size] : llvm::enumerate(shape)) {
    if (size == -1 && open < 0)
      open = d;
    else if (size < 0)
      valid = false;
    else
      known *= size;
  }
  int64_t n = x.getNumElements();
  if (valid && open >= 0) {
    valid = known > 0 && n % known == 0;
    if (valid)
      shape[open] = n / known;
  } else {
    valid &= known == n;
  }
  if (!valid) // reshape C1
    return emitOptionalError(loc, x, " has ", n, " elements and does not fit [",
                             adaptor.getShape(), "]");
  types.push_back(x.clone(shape));
  return success();
}
OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(adaptor.getX()))
    return dense.reshape(cast<ShapedType>(getType()));
  if (auto before = getX().getDefiningOp<ReshapeOp>()) {
    getXMutable().assign(before.getX());
    return getResult();
  }
  return {};
}
// Through a vector where neither shape refines the other.
SmallVector<Value> ReshapeOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  auto from = typeOf(x[0]), to = signless(cast<RankedTensorType>(getType()));
  if (from == to)
    return {x[0]};
  if (auto groups = getReassociationIndicesForReshape(from, to)) {
    if (from.getRank() > to.getRank())
      return {tensor::CollapseShapeOp::create(b, to, x[0], *groups)};
    return {tensor::ExpandShapeOp::create(b, to, x[0], *groups)};
  }
  auto whole = [](RankedTensorType type) {
    ReassociationIndices all;
    for (int64_t d = 0; d < type.getRank(); ++d)
      all.push_back(d);
    return SmallVector<ReassociationIndices>{all};
  };
  auto flat = to.clone(ArrayRef<int64_t>{to.getNumElements()});
  Value line = x[0];
  if (from.getRank() != 1)
    line = tensor::CollapseShapeOp::create(b, flat, line, whole(from));
  if (to.getRank() == 1)
    return {line};
  return {tensor::ExpandShapeOp::create(b, to, line, whole(to))};
}
void ReshapeOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  y[0].f = x[0].f;
  y[0].i = x[0].i;
}
void ReshapeOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                         MutableArrayRef<Value> dx) {
  dx[0] = reshape(b, dy[0], shapeOf(getX()));
}

// ---- unsqueeze, squeeze ----

LogicalResult UnsqueezeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  ArrayRef<int64_t> axes = adaptor.getAxis();
  if (!areAxes(axes, x.getRank() + axes.size())) // unsqueeze C1
    return emitOptionalError(loc, "[", axes, "] are no new axes of ", x,
                             " in ascending order");
  SmallVector<int64_t> shape(x.getShape());
  for (int64_t axis : axes)
    shape.insert(shape.begin() + axis, 1);
  types.push_back(x.clone(shape));
  return success();
}
SmallVector<Value> UnsqueezeOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return {reshape(b, x[0], shapeOf(getResult()))};
}
void UnsqueezeOp::evaluate(ArrayRef<RefTensor> x,
                           MutableArrayRef<RefTensor> y) {
  y[0].f = x[0].f;
  y[0].i = x[0].i;
}
void UnsqueezeOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                           MutableArrayRef<Value> dx) {
  dx[0] = reshape(b, dy[0], shapeOf(getX()));
}

LogicalResult SqueezeOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  ArrayRef<int64_t> axes = adaptor.getAxis();
  bool valid = areAxes(axes, x.getRank());
  for (int64_t axis : axes)
    valid = valid && x.getDimSize(axis) == 1;
  if (!valid) // squeeze C1
    return emitOptionalError(loc, "[", axes, "] are not axes of size 1 of ", x,
                             " in ascending order");
  SmallVector<int64_t> shape;
  for (int64_t d : otherAxes(axes, x.getRank()))
    shape.push_back(x.getDimSize(d));
  types.push_back(x.clone(shape));
  return success();
}
SmallVector<Value> SqueezeOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return {reshape(b, x[0], shapeOf(getResult()))};
}
void SqueezeOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  y[0].f = x[0].f;
  y[0].i = x[0].i;
}
void SqueezeOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                         MutableArrayRef<Value> dx) {
  dx[0] = reshape(b, dy[0], shapeOf(getX()));
}

// ---- transpose ----

SmallVector<int64_t> TransposeOp::getPermutation() {
  if (auto perm = getPerm())
    return SmallVector<int64_t>(*perm);
  SmallVector<int64_t> perm;
  int64_t rank = shapeOf(getX()).size();
  for (int64_t d = 0; d < rank; ++d)
    perm.push_back(d);
  if (rank >= 2)
    std::swap(perm[rank - 2], perm[rank - 1]);
  return perm;
}
LogicalResult TransposeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  int64_t rank = x.getRank();
  SmallVector<int64_t> shape;
  auto perm = adaptor.getPerm();
  if (!perm) {
    if (rank < 2)
      return emitOptionalError(loc, "cannot transpose ", x);
    shape.assign(x.getShape().begin(), x.getShape().end());
    std::swap(shape[rank - 2], shape[rank - 1]);
  } else {
    SmallVector<bool> seen(rank, false);
    for (int64_t axis : *perm) {
      if (axis < 0 || axis >= rank || seen[axis])
        break;
      seen[axis] = true;
      shape.push_back(x.getDimSize(axis));
    }
    if (int64_t(shape.size()) != rank ||
        int64_t(perm->size()) != rank) // transpose C1
      return emitOptionalError(loc, "[", *perm,
                               "] is no permutation of the axes of ", x);
  }
  types.push_back(x.clone(shape));
  return success();
}
SmallVector<Value> TransposeOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  auto type = signless(cast<RankedTensorType>(getType()));
  SmallVector<AffineExpr> exprs(type.getRank());
  for (auto [d, axis] : llvm::enumerate(getPermutation()))
    exprs[axis] = b.getAffineDimExpr(d);
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  return {buildGeneric(b, type, {x[0]},
                       [](LocBuilder &, ArrayRef<Value> v) { return v[0]; },
                       {map})};
}
void TransposeOp::evaluate(ArrayRef<RefTensor> x,
                           MutableArrayRef<RefTensor> y) {
  SmallVector<int64_t> perm = getPermutation();
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape), from(at.size());
    for (auto [d, axis] : llvm::enumerate(perm))
      from[axis] = at[d];
    y[0].set(e, x[0].at(positionOf(from, x[0].shape)));
  }
}
void TransposeOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                           MutableArrayRef<Value> dx) {
  SmallVector<int64_t> perm = getPermutation(), inverse(perm.size());
  for (auto [d, axis] : llvm::enumerate(perm))
    inverse[axis] = d;
  dx[0] = transpose(b, dy[0], inverse);
}

namespace {
/// transpose(transpose(x)) is one transpose, or x.
struct ComposeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "x is no transpose");
    SmallVector<int64_t> first = inner.getPermutation(), perm;
    bool identity = true;
    for (int64_t axis : op.getPermutation()) {
      perm.push_back(first[axis]);
      identity &= perm.back() == int64_t(perm.size()) - 1;
    }
    if (identity)
      rewriter.replaceOp(op, inner.getX());
    else
      rewriter.replaceOpWithNewOp<TransposeOp>(
          op, inner.getX(), rewriter.getDenseI64ArrayAttr(perm));
    return success();
  }
};

/// (x y)' = y' x': the same products in the same order of k, so that a weight
/// gradient is made in the layout of its weight.
struct TransposeProduct : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto product = op.getX().getDefiningOp<MatmulOp>();
    if (!product || !product->hasOneUse())
      return rewriter.notifyMatchFailure(op, "x is no product of its own");
    SmallVector<int64_t> perm = op.getPermutation();
    int64_t rank = perm.size();
    for (int64_t d = 0; d < rank - 2; ++d)
      if (perm[d] != d)
        return rewriter.notifyMatchFailure(op, "moves leading axes");
    if (perm[rank - 1] == rank - 1)
      return rewriter.notifyMatchFailure(op, "moves nothing");
    Location loc = op.getLoc();
    auto x = TransposeOp::create(rewriter, loc, product.getX(), nullptr);
    auto y = TransposeOp::create(rewriter, loc, product.getY(), nullptr);
    rewriter.replaceOpWithNewOp<MatmulOp>(op, y, x);
    return success();
  }
};
} // namespace

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<ComposeTransposes, TransposeProduct>(context);
}

// ---- iota ----

LogicalResult IotaOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> loc,
                                       Adaptor adaptor, Infer types) {
  int64_t axis = adaptor.getAxis(), rank = adaptor.getShape().size();
  if (axis < 0 || axis >= rank) // iota C1
    return emitOptionalError(loc, "axis ", axis, " is not one of ", rank);
  Type dtype = adaptor.getDtype();
  if (!isElementType(dtype) || dtype.isInteger(1)) // iota C2
    return emitOptionalError(loc, dtype, " is no type of numbers");
  types.push_back(RankedTensorType::get(adaptor.getShape(), dtype));
  return success();
}
SmallVector<Value> IotaOp::lower(LocBuilder &b, ArrayRef<Value>) {
  auto type = signless(cast<RankedTensorType>(getType()));
  return {buildGeneric(b, type, {}, [&](LocBuilder &in, ArrayRef<Value>) {
    Type element = type.getElementType();
    Value i = linalg::IndexOp::create(in, getAxis());
    if (isa<IntegerType>(element))
      return Value(arith::IndexCastOp::create(in, element, i));
    Value wide = arith::IndexCastOp::create(in, in.getI64Type(), i);
    return Value(arith::SIToFPOp::create(in, element, wide));
  })};
}
void IotaOp::evaluate(ArrayRef<RefTensor>, MutableArrayRef<RefTensor> y) {
  for (int64_t e = 0; e < y[0].size(); ++e) {
    int64_t i = indexOf(e, y[0].shape)[getAxis()];
    y[0].set(e, {double(i), wrapToType(i, y[0].element)});
  }
}
