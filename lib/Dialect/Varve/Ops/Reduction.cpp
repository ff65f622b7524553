// Sums, products, extrema and logic along axes.
#include "Dialect/Varve/Ops/Reduce.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace varve;

/// What all reductions infer.
static LogicalResult inferReduction(std::optional<Location> loc, Value operand,
                                    ArrayRef<int64_t> axes, bool keepdims,
                                    SmallVectorImpl<Type> &types) {
  auto x = typeOf(operand);
  // sum C1, mean C1, max C1, min C1, prod C1, any C1, all C1
  if (!areAxes(axes, x.getRank()))
    return emitOptionalError(loc, "[", axes, "] are not axes of ", x,
                             " in ascending order");
  SmallVector<int64_t> shape;
  for (int64_t d = 0; d < x.getRank(); ++d) {
    if (!llvm::is_contained(axes, d))
      shape.push_back(x.getDimSize(d));
    else if (keepdims)
      shape.push_back(1);
  }
  types.push_back(x.clone(shape));
  return success();
}

/// Puts sizes of 1 back where `keepdims` asks for them.
static Value shaped(LocBuilder &b, Value x, RankedTensorType to) {
  if (x.getType() == to)
    return x;
  SmallVector<ReassociationIndices> groups;
  auto from = typeOf(x);
  // Axes of size 1 join the axis before them, leading ones the first.
  int64_t d = 0;
  for (int64_t i = 0; i < from.getRank(); ++i) {
    ReassociationIndices group;
    while (d < to.getRank() && to.getDimSize(d) == 1 && from.getDimSize(i) != 1)
      group.push_back(d++);
    group.push_back(d++);
    groups.push_back(group);
  }
  if (!groups.empty())
    while (d < to.getRank())
      groups.back().push_back(d++);
  return tensor::ExpandShapeOp::create(b, to, x, groups);
}

void varve::forEachTerm(const RefTensor &x, const RefTensor &y,
                        ArrayRef<int64_t> axes, bool keepdims,
                        llvm::function_ref<void(int64_t, int64_t)> visit) {
  for (int64_t e = 0; e < x.size(); ++e) {
    std::vector<int64_t> at = indexOf(e, x.shape), to;
    for (int64_t d = 0; d < x.rank(); ++d) {
      if (!llvm::is_contained(axes, d))
        to.push_back(at[d]);
      else if (keepdims)
        to.push_back(0);
    }
    visit(positionOf(to, y.shape), e);
  }
}

Value varve::spread(LocBuilder &b, Value y, Value x, ArrayRef<int64_t> axes) {
  ArrayRef<int64_t> shape = shapeOf(x);
  SmallVector<int64_t> kept;
  for (int64_t d : otherAxes(axes, shape.size()))
    kept.push_back(shape[d]);
  return expand(b, reshape(b, y, kept), shape, axes);
}

/// Equal extrema share the gradient.
static Value vjpOfExtremum(LocBuilder &b, Value x, Value y, Value dy,
                           ArrayRef<int64_t> axes) {
  Value hit = compare(b, x, "eq", spread(b, y, x, axes));
  Value one = castTo(b, hit, typeOf(x).getElementType());
  Value share = div(b, one, spread(b, sum(b, one, axes), x, axes));
  return mul(b, share, spread(b, dy, x, axes));
}

Value varve::join(LocBuilder &b, Combiner kind, Type type, ArrayRef<Value> v) {
  bool real = isFloat(v[0]), noSign = varve::isUnsigned(type);
  switch (kind) {
  case Combiner::Sum:
    if (real)
      return arith::AddFOp::create(b, v[0], v[1]);
    return arith::AddIOp::create(b, v[0], v[1]);
  case Combiner::Product:
    if (real)
      return arith::MulFOp::create(b, v[0], v[1]);
    return arith::MulIOp::create(b, v[0], v[1]);
  case Combiner::Max:
    if (real)
      return arith::MaximumFOp::create(b, v[0], v[1]);
    if (noSign)
      return arith::MaxUIOp::create(b, v[0], v[1]);
    return arith::MaxSIOp::create(b, v[0], v[1]);
  case Combiner::Min:
    if (real)
      return arith::MinimumFOp::create(b, v[0], v[1]);
    if (noSign)
      return arith::MinUIOp::create(b, v[0], v[1]);
    return arith::MinSIOp::create(b, v[0], v[1]);
  case Combiner::Any:
    return arith::OrIOp::create(b, v[0], v[1]);
  case Combiner::All:
    return arith::AndIOp::create(b, v[0], v[1]);
  }
  llvm_unreachable("all combiners are above");
}

TypedAttr varve::neutral(LocBuilder &b, Combiner kind, Type type) {
  Type element = signless(type);
  if (auto real = dyn_cast<FloatType>(element); real && kind == Combiner::Sum)
    return FloatAttr::get(
        real, APFloat::getZero(real.getFloatSemantics(), /*Negative=*/true));
  if (kind == Combiner::Sum || kind == Combiner::Any)
    return b.getZeroAttr(element);
  if (kind == Combiner::Product || kind == Combiner::All)
    return b.getOneAttr(element);
  bool isMax = kind == Combiner::Max;
  if (auto real = dyn_cast<FloatType>(element))
    return FloatAttr::get(
        real, APFloat::getInf(real.getFloatSemantics(), /*Negative=*/isMax));
  unsigned width = element.getIntOrFloatBitWidth();
  bool noSign = varve::isUnsigned(type);
  APInt least =
      noSign ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt greatest =
      noSign ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  return IntegerAttr::get(element, isMax ? least : greatest);
}

Value varve::reduceAxis(LocBuilder &b, Value x, int64_t axis, Combiner kind,
                        Type type) {
  return buildReduction(b, x, axis, neutral(b, kind, type),
                        [&](LocBuilder &in, ArrayRef<Value> v) {
                          return join(in, kind, type, v);
                        });
}

static bool isNarrow(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32;
}

// Terms of narrow floats are summed and multiplied in f32.
static SmallVector<Value> lowerReduction(LocBuilder &b, Combiner kind,
                                         Operation *op, Value x,
                                         ArrayRef<int64_t> axes) {
  Type element = elementOf(op);
  bool widen =
      isNarrow(element) && (kind == Combiner::Sum || kind == Combiner::Product);
  auto result = signless(cast<RankedTensorType>(op->getResult(0).getType()));
  Type wide = widen ? b.getF32Type() : element;
  if (widen)
    x = buildGeneric(b, typeOf(x).clone(wide), {x},
                     [&](LocBuilder &in, ArrayRef<Value> v) {
                       return arith::ExtFOp::create(in, wide, v[0]);
                     });
  // The contract's order: dimension by dimension, the innermost first.
  for (int64_t axis : llvm::reverse(axes))
    x = reduceAxis(b, x, axis, kind, wide);
  x = shaped(b, x, result.clone(signless(wide)));
  if (widen)
    x = buildGeneric(b, result, {x}, [&](LocBuilder &in, ArrayRef<Value> v) {
      return arith::TruncFOp::create(in, element, v[0]);
    });
  return {x};
}

static void evaluateExtremum(bool isMax, const RefTensor &x, RefTensor &y,
                             ArrayRef<int64_t> axes, bool keepdims) {
  std::vector<bool> seen(y.size(), false);
  bool noSign = varve::isUnsigned(x.element);
  forEachTerm(x, y, axes, keepdims, [&](int64_t to, int64_t from) {
    RefScalar a = y.at(to), v = x.at(from);
    bool wins;
    if (x.isFloat())
      wins = std::isnan(v.f) || (isMax ? v.f > a.f : v.f < a.f);
    else if (noSign)
      wins =
          isMax ? uint64_t(v.i) > uint64_t(a.i) : uint64_t(v.i) < uint64_t(a.i);
    else
      wins = isMax ? v.i > a.i : v.i < a.i;
    if (!seen[to] || wins)
      y.set(to, v);
    seen[to] = true;
  });
}

#define VARVE_INFER_REDUCTION(OP)                                              \
  LogicalResult OP::inferReturnTypes(                                          \
      MLIRContext *, std::optional<Location> loc, Adaptor adaptor,             \
      SmallVectorImpl<Type> &types) {                                          \
    return inferReduction(loc, adaptor.getX(), adaptor.getAxis(),              \
                          adaptor.getKeepdims(), types);                       \
  }
VARVE_INFER_REDUCTION(SumOp)
VARVE_INFER_REDUCTION(MeanOp)
VARVE_INFER_REDUCTION(MaxOp)
VARVE_INFER_REDUCTION(MinOp)
VARVE_INFER_REDUCTION(ProdOp)
VARVE_INFER_REDUCTION(AnyOp)
VARVE_INFER_REDUCTION(AllOp)
#undef VARVE_INFER_REDUCTION

SmallVector<Value> SumOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, Combiner::Sum, *this, x[0], getAxis());
}
void SumOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  forEachTerm(
      x[0], y[0], getAxis(), getKeepdims(), [&](int64_t to, int64_t from) {
        RefScalar a = y[0].at(to), v = x[0].at(from);
        y[0].set(to,
                 {a.f + v.f, wrapToType(uint64_t(a.i) + v.i, x[0].element)});
      });
}
void SumOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                     MutableArrayRef<Value> dx) {
  dx[0] = spread(b, dy[0], getX(), getAxis());
}

static double termsOf(Value x, ArrayRef<int64_t> axes) {
  double n = 1;
  for (int64_t axis : axes)
    n *= shapeOf(x)[axis];
  return n;
}
// In f32 if x is narrower: its sum could be too large for it.
SmallVector<Value> MeanOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  Type element = elementOf(*this);
  Type wide = isNarrow(element) ? b.getF32Type() : element;
  Value total = sum(b, castTo(b, x[0], wide), getAxis(), getKeepdims());
  return {castTo(b, mul(b, total, 1 / termsOf(getX(), getAxis())), element)};
}
void MeanOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  forEachTerm(x[0], y[0], getAxis(), getKeepdims(),
              [&](int64_t to, int64_t from) { y[0].f[to] += x[0].f[from]; });
  for (double &v : y[0].f)
    v /= termsOf(getX(), getAxis());
}
void MeanOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                      MutableArrayRef<Value> dx) {
  Value each = div(b, dy[0], termsOf(getX(), getAxis()));
  dx[0] = spread(b, each, getX(), getAxis());
}

SmallVector<Value> MaxOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, Combiner::Max, *this, x[0], getAxis());
}
void MaxOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateExtremum(true, x[0], y[0], getAxis(), getKeepdims());
}
void MaxOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                     MutableArrayRef<Value> dx) {
  dx[0] = vjpOfExtremum(b, getX(), getResult(), dy[0], getAxis());
}

SmallVector<Value> MinOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, Combiner::Min, *this, x[0], getAxis());
}
void MinOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateExtremum(false, x[0], y[0], getAxis(), getKeepdims());
}
void MinOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                     MutableArrayRef<Value> dx) {
  dx[0] = vjpOfExtremum(b, getX(), getResult(), dy[0], getAxis());
}

SmallVector<Value> ProdOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, Combiner::Product, *this, x[0], getAxis());
}
void ProdOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  for (int64_t e = 0; e < y[0].size(); ++e)
    y[0].set(e, {1, 1});
  forEachTerm(x[0], y[0], getAxis(), getKeepdims(),
              [&](int64_t to, int64_t from) {
                RefScalar a = y[0].at(to), v = x[0].at(from);
                int64_t product = int64_t(uint64_t(a.i) * uint64_t(v.i));
                y[0].set(to, {a.f * v.f, wrapToType(product, x[0].element)});
              });
}
/// A part of x along its last axis.
static Value lastFrom(LocBuilder &b, Value x, int64_t from, int64_t to) {
  SmallVector<int64_t> begin(typeOf(x).getRank(), 0), end(shapeOf(x));
  SmallVector<int64_t> step(begin.size(), 1);
  begin.back() = from;
  end.back() = to;
  return SliceOp::create(b, x, begin, end, step);
}

/// For each element along the last axis of x the product of the others, without
/// a division, so that zeros are numbers like any. Elements of both halves are
/// multiplied in pairs; what an element lacks is its partner, and what the pair
/// lacks.
static Value productOfOthers(LocBuilder &b, Value x) {
  int64_t axis = typeOf(x).getRank() - 1, n = shapeOf(x)[axis], half = n / 2;
  if (n < 2)
    return constantLike(b, x, 1);
  Value low = lastFrom(b, x, 0, half), high = lastFrom(b, x, half, 2 * half);
  if (n == 2)
    return ConcatOp::create(b, ValueRange{high, low}, axis);
  Value pairs = mul(b, low, high);
  if (n % 2)
    pairs = ConcatOp::create(b, ValueRange{pairs, lastFrom(b, x, n - 1, n)},
                             axis);
  Value above = productOfOthers(b, pairs), ofPairs = above;
  if (n % 2)
    ofPairs = lastFrom(b, above, 0, half);
  SmallVector<Value> parts = {mul(b, ofPairs, high), mul(b, ofPairs, low)};
  if (n % 2)
    parts.push_back(lastFrom(b, above, half, half + 1));
  return ConcatOp::create(b, parts, axis);
}

// dy times the product of the others, along the axes as if they were one.
void ProdOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                      MutableArrayRef<Value> dx) {
  Value x = getX();
  ArrayRef<int64_t> axes = getAxis(), shape = shapeOf(x);
  SmallVector<int64_t> order = otherAxes(axes, shape.size()), flat;
  int64_t n = 1;
  for (int64_t d : order)
    flat.push_back(shape[d]);
  for (int64_t d : axes)
    n *= shape[d];
  flat.push_back(n);
  llvm::append_range(order, axes);
  Value row = transpose(b, x, order);
  ArrayRef<int64_t> moved = shapeOf(row);
  Value others = productOfOthers(b, reshape(b, row, flat));
  SmallVector<int64_t> back(order.size());
  for (auto [to, from] : llvm::enumerate(order))
    back[from] = to;
  others = transpose(b, reshape(b, others, moved), back);
  dx[0] = mul(b, others, spread(b, dy[0], x, axes));
}

SmallVector<Value> AnyOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, Combiner::Any, *this, x[0], getAxis());
}
void AnyOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  forEachTerm(x[0], y[0], getAxis(), getKeepdims(),
              [&](int64_t to, int64_t from) { y[0].i[to] |= x[0].i[from]; });
}

SmallVector<Value> AllOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, Combiner::All, *this, x[0], getAxis());
}
void AllOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  y[0].i.assign(y[0].i.size(), 1);
  forEachTerm(x[0], y[0], getAxis(), getKeepdims(),
              [&](int64_t to, int64_t from) { y[0].i[to] &= x[0].i[from]; });
}
