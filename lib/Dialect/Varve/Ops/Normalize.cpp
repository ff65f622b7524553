// Softmax and normalization along axes.
#include "Dialect/Varve/Ops/Reduce.h"
#include <cmath>

using namespace mlir;
using namespace varve;

// ---- softmax ----

static LogicalResult verifyAxis(Operation *op, Value x, int64_t axis) {
  int64_t rank = shapeOf(x).size(), d = normalAxis(axis, rank);
  if (d < 0 || d >= rank)
    return op->emitOpError()
           << "axis " << axis << " is not an axis of " << x.getType();
  return success();
}
LogicalResult SoftmaxOp::verify() { // softmax C1
  return verifyAxis(*this, getX(), getAxis());
}
LogicalResult LogSoftmaxOp::verify() { // log_softmax C1
  return verifyAxis(*this, getX(), getAxis());
}

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
// dx = y (dy - sum(y dy)). A row of nothing but -inf is NaN; no gradient comes
// from it, since what is selected away must have none.
void SoftmaxOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                         MutableArrayRef<Value> dx) {
  Value y = getResult();
  y = select(b, compare(b, y, "eq", y), y, constantLike(b, y, 0));
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

// ---- normalize ----

LogicalResult NormalizeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  auto x = typeOf(adaptor.getX());
  ArrayRef<int64_t> axes = adaptor.getAxis();
  if (!areAxes(axes, x.getRank())) // normalize C1
    return emitOptionalError(loc, "[", axes, "] are not axes of ", x,
                             " in ascending order");
  double eps = adaptor.getEps().convertToDouble();
  if (!(eps >= 0)) // normalize C2
    return emitOptionalError(loc, "eps ", eps, " is negative");
  SmallVector<int64_t> kept;
  for (int64_t d : otherAxes(axes, x.getRank()))
    kept.push_back(x.getDimSize(d));
  types.assign({x, x.clone(kept), x.clone(kept)});
  return success();
}
// Three passes over x. The squares and the result are each made of x by one
// operation: of a common x - mean the fusion would make a tensor in memory.
SmallVector<Value> NormalizeOp::lower(LocBuilder &b, ArrayRef<Value> in) {
  Value x = in[0];
  ArrayRef<int64_t> axes = getAxis();
  int64_t rank = typeOf(x).getRank();
  SmallVector<AffineExpr> kept;
  for (int64_t d : otherAxes(axes, rank))
    kept.push_back(b.getAffineDimExpr(d));
  AffineMap whole = b.getMultiDimIdentityMap(rank);
  AffineMap each = AffineMap::get(rank, 0, kept, b.getContext());
  Value mean = MeanOp::create(b, x, axes, false);
  Value squares = buildGeneric(b, typeOf(x), {x, mean},
                               [](LocBuilder &in, ArrayRef<Value> v) -> Value {
                                 Value away =
                                     arith::SubFOp::create(in, v[0], v[1]);
                                 return arith::MulFOp::create(in, away, away);
                               },
                               {whole, each});
  Value var = MeanOp::create(b, squares, axes, false);
  Value scale = RsqrtOp::create(
      b, add(b, var, constantLike(b, var, getEps().convertToDouble())));
  Value y = buildGeneric(b, typeOf(x), {x, mean, scale},
                         [](LocBuilder &in, ArrayRef<Value> v) -> Value {
                           Value away = arith::SubFOp::create(in, v[0], v[1]);
                           return arith::MulFOp::create(in, away, v[2]);
                         },
                         {whole, each, each});
  return {y, mean, var};
}
void NormalizeOp::evaluate(ArrayRef<RefTensor> in,
                           MutableArrayRef<RefTensor> out) {
  const RefTensor &x = in[0];
  RefTensor &y = out[0], &mean = out[1], &var = out[2];
  double n = double(x.size()) / mean.size();
  auto visit = [&](llvm::function_ref<void(int64_t, int64_t)> each) {
    forEachTerm(x, mean, getAxis(), false, each);
  };
  visit([&](int64_t r, int64_t e) { mean.f[r] += x.f[e] / n; });
  visit([&](int64_t r, int64_t e) {
    var.f[r] += (x.f[e] - mean.f[r]) * (x.f[e] - mean.f[r]) / n;
  });
  double eps = getEps().convertToDouble();
  visit([&](int64_t r, int64_t e) {
    y.f[e] = (x.f[e] - mean.f[r]) / std::sqrt(var.f[r] + eps);
  });
}
/// `v` as u times a factor that is the same along `axes`, where that can be
/// seen: the cotangent of a normalized value that is scaled.
static std::pair<Value, Value> withoutFactor(Value v, ArrayRef<int64_t> axes) {
  auto product = v.getDefiningOp<MulOp>();
  if (!product)
    return {v, {}};
  SmallVector<int64_t> kept = otherAxes(axes, typeOf(v).getRank());
  for (bool first : {false, true}) {
    Value one = first ? product.getX() : product.getY();
    auto factor = one.getDefiningOp<BroadcastOp>();
    if (factor && ArrayRef(factor.getAxes()) == ArrayRef(kept) &&
        llvm::equal(
            shapeOf(factor.getX()),
            llvm::map_range(kept, [&](int64_t d) { return shapeOf(v)[d]; })))
      return {first ? product.getY() : product.getX(), factor.getX()};
  }
  return {v, {}};
}
// With s = 1 / sqrt(var + eps): from y, s (dy - mean(dy) - y mean(dy y)); from
// the mean, dmean / n; from the variance, 2 dvar (x - mean) / n. A factor of
// all of dy waits until last: the means are then those that the gradients of a
// scale and a shift after the operation need.
void NormalizeOp::buildVjp(LocBuilder &b, ArrayRef<Value> d,
                           MutableArrayRef<Value> dx) {
  Value x = getX(), y = getY(), total;
  ArrayRef<int64_t> axes = getAxis();
  double n = 1;
  for (int64_t axis : axes)
    n *= shapeOf(x)[axis];
  auto join = [&](Value v) { total = total ? add(b, total, v) : v; };
  auto average = [&](Value v) {
    return spread(b, MeanOp::create(b, v, axes, false), x, axes);
  };
  if (d[0]) {
    Value eps = constantLike(b, getVar(), getEps().convertToDouble());
    Value scale = RsqrtOp::create(b, add(b, getVar(), eps));
    auto [dy, factor] = withoutFactor(d[0], axes);
    if (factor)
      scale = mul(b, scale, factor);
    Value centred = sub(b, dy, average(dy));
    Value along = mul(b, y, average(mul(b, dy, y)));
    join(mul(b, spread(b, scale, x, axes), sub(b, centred, along)));
  }
  if (d[1])
    join(spread(b, div(b, d[1], n), x, axes));
  if (d[2]) {
    Value away = sub(b, x, spread(b, getMean(), x, axes));
    join(mul(b, spread(b, div(b, mul(b, d[2], 2), n), x, axes), away));
  }
  dx[0] = total;
}
