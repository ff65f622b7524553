// Sums and extrema along axes.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace varve;

namespace {

/// What all reductions infer: C1 is checked here.
LogicalResult inferReduction(std::optional<Location> loc, Value operand,
                             ArrayRef<int64_t> axes, bool keepdims,
                             SmallVectorImpl<Type> &types) {
  auto x = typeOf(operand);
  int64_t last = -1;
  for (int64_t axis : axes) {
    if (axis <= last || axis >= x.getRank())
      return emitOptionalError(loc, "[", axes, "] are not axes of ", x,
                               " in ascending order");
    last = axis;
  }
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

/// The contract's order: dimension by dimension, the innermost first.
Value reduceAxes(LocBuilder &b, Value x, ArrayRef<int64_t> axes, TypedAttr init,
                 ScalarBody join) {
  for (int64_t axis : llvm::reverse(axes))
    x = buildReduction(b, x, axis, init, join);
  return x;
}

/// Puts sizes of 1 back where `keepdims` asks for them.
Value shaped(LocBuilder &b, Value x, Type result) {
  auto to = signless(cast<RankedTensorType>(result));
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

/// Calls visit(result position, operand position) for each element of x in
/// row-major order.
void forEachTerm(const RefTensor &x, const RefTensor &y, ArrayRef<int64_t> axes,
                 bool keepdims,
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

/// A reduction's value seen at each element of x again.
Value spread(LocBuilder &b, Value y, Value x, ArrayRef<int64_t> axes) {
  ArrayRef<int64_t> shape = shapeOf(x);
  SmallVector<int64_t> kept;
  for (int64_t d : otherAxes(axes, shape.size()))
    kept.push_back(shape[d]);
  return expand(b, reshape(b, y, kept), shape, axes);
}

/// Equal extrema share the gradient.
Value vjpOfExtremum(LocBuilder &b, Value x, Value y, Value dy,
                    ArrayRef<int64_t> axes) {
  Value hit = compare(b, x, "eq", spread(b, y, x, axes));
  Value one = castTo(b, hit, typeOf(x).getElementType());
  Value share = div(b, one, spread(b, sum(b, one, axes), x, axes));
  return mul(b, share, spread(b, dy, x, axes));
}

Value join(LocBuilder &b, StringRef kind, Type type, ArrayRef<Value> v) {
  bool real = isa<FloatType>(v[0].getType()), noSign = isUnsigned(type);
  if (kind == "max") {
    if (real)
      return arith::MaximumFOp::create(b, v[0], v[1]);
    if (noSign)
      return arith::MaxUIOp::create(b, v[0], v[1]);
    return arith::MaxSIOp::create(b, v[0], v[1]);
  }
  if (kind == "min") {
    if (real)
      return arith::MinimumFOp::create(b, v[0], v[1]);
    if (noSign)
      return arith::MinUIOp::create(b, v[0], v[1]);
    return arith::MinSIOp::create(b, v[0], v[1]);
  }
  if (real)
    return arith::AddFOp::create(b, v[0], v[1]);
  return arith::AddIOp::create(b, v[0], v[1]);
}

/// What a reduction starts from: 0, or the least or greatest of the type.
TypedAttr neutral(LocBuilder &b, StringRef kind, Type type) {
  Type element = signless(type);
  if (kind == "sum")
    return b.getZeroAttr(element);
  bool isMax = kind == "max";
  if (auto real = dyn_cast<FloatType>(element))
    return FloatAttr::get(
        real, APFloat::getInf(real.getFloatSemantics(), /*Negative=*/isMax));
  unsigned width = element.getIntOrFloatBitWidth();
  bool noSign = isUnsigned(type);
  APInt least =
      noSign ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt greatest =
      noSign ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  return IntegerAttr::get(element, isMax ? least : greatest);
}

SmallVector<Value> lowerReduction(LocBuilder &b, StringRef kind, Operation *op,
                                  Value x, ArrayRef<int64_t> axes) {
  Type element = typeOf(op->getOperand(0)).getElementType();
  Value y = reduceAxes(b, x, axes, neutral(b, kind, element),
                       [&](LocBuilder &in, ArrayRef<Value> v) {
                         return join(in, kind, element, v);
                       });
  return {shaped(b, y, op->getResult(0).getType())};
}

void evaluateExtremum(bool isMax, const RefTensor &x, RefTensor &y,
                      ArrayRef<int64_t> axes, bool keepdims) {
  std::vector<bool> seen(y.size(), false);
  bool noSign = isUnsigned(x.element);
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

} // namespace

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
#undef VARVE_INFER_REDUCTION

SmallVector<Value> SumOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, "sum", *this, x[0], getAxis());
}
void SumOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  forEachTerm(x[0], y[0], getAxis(), getKeepdims(),
              [&](int64_t to, int64_t from) {
                RefScalar a = y[0].at(to), v = x[0].at(from);
                y[0].set(to, {a.f + v.f, wrapToType(a.i + v.i, x[0].element)});
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
SmallVector<Value> MeanOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  Value total = sum(b, x[0], getAxis(), getKeepdims());
  return {mul(b, total, 1 / termsOf(getX(), getAxis()))};
}
void MeanOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  forEachTerm(x[0], y[0], getAxis(), getKeepdims(),
              [&](int64_t to, int64_t from) { y[0].f[to] += x[0].f[from]; });
  for (double &v : y[0].f)
    v /= termsOf(getX(), getAxis());
}
void MeanOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                      MutableArrayRef<Value> dx) {
  Value each = mul(b, dy[0], 1 / termsOf(getX(), getAxis()));
  dx[0] = spread(b, each, getX(), getAxis());
}

SmallVector<Value> MaxOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, "max", *this, x[0], getAxis());
}
void MaxOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateExtremum(true, x[0], y[0], getAxis(), getKeepdims());
}
void MaxOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                     MutableArrayRef<Value> dx) {
  dx[0] = vjpOfExtremum(b, getX(), getResult(), dy[0], getAxis());
}

SmallVector<Value> MinOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  return lowerReduction(b, "min", *this, x[0], getAxis());
}
void MinOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateExtremum(false, x[0], y[0], getAxis(), getKeepdims());
}
void MinOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                     MutableArrayRef<Value> dx) {
  dx[0] = vjpOfExtremum(b, getX(), getResult(), dy[0], getAxis());
}

// ---- argmax ----

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  auto x = typeOf(adaptor.getX());
  int64_t axis = normalAxis(adaptor.getAxis(), x.getRank());
  if (axis < 0 || axis >= x.getRank()) // argmax C1
    return emitOptionalError(loc, "axis ", adaptor.getAxis(),
                             " is not an axis of ", x);
  SmallVector<int64_t> shape;
  for (int64_t d : otherAxes({axis}, x.getRank()))
    shape.push_back(x.getDimSize(d));
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
  return success();
}
// The least index where x equals its maximum: two reductions with one simple
// operation each, in any order of terms.
SmallVector<Value> ArgmaxOp::lower(LocBuilder &b, ArrayRef<Value> operands) {
  Value x = operands[0];
  auto type = typeOf(x);
  int64_t axis = normalAxis(getAxis(), type.getRank());
  Type element = typeOf(getX()).getElementType();
  Value top = buildReduction(b, x, axis, neutral(b, "max", element),
                             [&](LocBuilder &in, ArrayRef<Value> v) {
                               return join(in, "max", element, v);
                             });
  SmallVector<AffineExpr> kept;
  for (int64_t d : otherAxes({axis}, type.getRank()))
    kept.push_back(b.getAffineDimExpr(d));
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  AffineMap projected = AffineMap::get(type.getRank(), 0, kept, b.getContext());
  auto indices = type.clone(b.getI64Type());
  Value candidate = buildGeneric(
      b, indices, {x, top},
      [&](LocBuilder &in, ArrayRef<Value> v) -> Value {
        Value i = linalg::IndexOp::create(in, axis);
        i = arith::IndexCastOp::create(in, in.getI64Type(), i);
        Value none = arith::ConstantOp::create(
            in, in.getI64IntegerAttr(std::numeric_limits<int64_t>::max()));
        Value hit;
        if (isa<FloatType>(v[0].getType())) {
          // A maximum of NaN is met by NaN.
          Value equal =
              arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, v[0], v[1]);
          Value nan =
              arith::CmpFOp::create(in, arith::CmpFPredicate::UNO, v[0], v[0]);
          hit = arith::OrIOp::create(in, equal, nan);
        } else {
          hit = arith::CmpIOp::create(in, arith::CmpIPredicate::eq, v[0], v[1]);
        }
        return arith::SelectOp::create(in, hit, i, none);
      },
      {identity, projected});
  Type i64 = b.getI64Type();
  return {buildReduction(b, candidate, axis, neutral(b, "min", i64),
                         [&](LocBuilder &in, ArrayRef<Value> v) {
                           return join(in, "min", i64, v);
                         })};
}
void ArgmaxOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  const RefTensor &x = in[0];
  int64_t axis = normalAxis(getAxis(), x.rank());
  std::vector<int64_t> best(y[0].size(), -1);
  bool noSign = isUnsigned(x.element);
  forEachTerm(x, y[0], {axis}, false, [&](int64_t to, int64_t from) {
    int64_t i = indexOf(from, x.shape)[axis];
    bool wins = best[to] < 0;
    if (!wins) {
      RefScalar a = x.at(best[to]), v = x.at(from);
      if (x.isFloat())
        wins = !std::isnan(a.f) && (std::isnan(v.f) || v.f > a.f);
      else
        wins = noSign ? uint64_t(v.i) > uint64_t(a.i) : v.i > a.i;
    }
    if (wins) {
      best[to] = from;
      y[0].i[to] = i;
    }
  });
}

// ---- softmax ----

/// x minus its maximum along an axis, which moves no probability.
static Value shifted(LocBuilder &b, Value x, int64_t axis) {
  Value top = MaxOp::create(b, x, ArrayRef<int64_t>{axis}, false);
  return sub(b, x, expand(b, top, shapeOf(x), {axis}));
}
SmallVector<Value> SoftmaxOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  int64_t axis = normalAxis(getAxis(), typeOf(x[0]).getRank());
  Value e = ExpOp::create(b, shifted(b, x[0], axis));
  return {div(b, e, expand(b, sum(b, e, {axis}), shapeOf(e), {axis}))};
}
static void evaluateSoftmax(const RefTensor &x, RefTensor &y, int64_t axis,
                            bool log) {
  int64_t n = x.shape[axis], inner = 1;
  for (int64_t d = axis + 1; d < x.rank(); ++d)
    inner *= x.shape[d];
  for (int64_t start = 0; start < x.size(); ++start) {
    if (start / inner % n != 0)
      continue;
    double top = -INFINITY, total = 0;
    for (int64_t i = 0; i < n; ++i)
      top = std::max(top, x.f[start + i * inner]);
    for (int64_t i = 0; i < n; ++i)
      total += std::exp(x.f[start + i * inner] - top);
    for (int64_t i = 0; i < n; ++i) {
      double z = x.f[start + i * inner] - top;
      y.f[start + i * inner] = log ? z - std::log(total) : std::exp(z) / total;
    }
  }
}
void SoftmaxOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateSoftmax(x[0], y[0], normalAxis(getAxis(), x[0].rank()), false);
}
// dx = y (dy - sum(y dy))
void SoftmaxOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                         MutableArrayRef<Value> dx) {
  Value y = getResult();
  int64_t axis = normalAxis(getAxis(), typeOf(y).getRank());
  Value total = sum(b, mul(b, y, dy[0]), {axis});
  dx[0] = mul(b, y, sub(b, dy[0], expand(b, total, shapeOf(y), {axis})));
}

SmallVector<Value> LogSoftmaxOp::lower(LocBuilder &b, ArrayRef<Value> x) {
  int64_t axis = normalAxis(getAxis(), typeOf(x[0]).getRank());
  Value z = shifted(b, x[0], axis);
  Value total = sum(b, ExpOp::create(b, z), {axis});
  Value log = LogOp::create(b, total);
  return {sub(b, z, expand(b, log, shapeOf(z), {axis}))};
}
void LogSoftmaxOp::evaluate(ArrayRef<RefTensor> x,
                            MutableArrayRef<RefTensor> y) {
  evaluateSoftmax(x[0], y[0], normalAxis(getAxis(), x[0].rank()), true);
}
// dx = dy - exp(y) sum(dy)
void LogSoftmaxOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                            MutableArrayRef<Value> dx) {
  Value y = getResult();
  int64_t axis = normalAxis(getAxis(), typeOf(y).getRank());
  Value total = expand(b, sum(b, dy[0], {axis}), shapeOf(y), {axis});
  Value p = ExpOp::create(b, y);
  dx[0] = sub(b, dy[0], mul(b, p, total));
}
