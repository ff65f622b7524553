// Pooling: shapes, reference values and gradients. LowerPooling.cpp lowers.
#include "Dialect/Varve/Ops/Pooling.h"
#include <cmath>

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

// ---- windows ----

/// Sets the places of an axis of `size` elements. Nothing where C3 does not
/// hold.
static bool place(WindowAxis &axis, int64_t size, bool ceil) {
  axis.size = size;
  int64_t room = size + axis.before + axis.after - axis.reach();
  if (size < 1 || (room < 0 && !ceil) || room + axis.stride <= 0)
    return false;
  axis.places = (room + (ceil ? axis.stride - 1 : 0)) / axis.stride + 1;
  // The last window begins in x or in the padding before it.
  if (ceil && (axis.places - 1) * axis.stride >= size + axis.before)
    --axis.places;
  for (int64_t p = 0; p < axis.places; ++p) {
    int64_t below = std::max<int64_t>(0, -axis.at(p, 0));
    int64_t k = llvm::divideCeil(below, axis.dilation);
    if (k >= axis.kernel || axis.at(p, k) >= size)
      return false;
  }
  return axis.places > 0;
}

namespace {
/// The lists of a pool, under one name for all operations.
struct PoolLists {
  ArrayRef<int64_t> kernel, stride, padding, dilation;
  bool ceil;
};
} // namespace

/// Checks C2 and C3 on x of these sizes and places the window.
static FailureOr<Window> placeWindow(std::optional<Location> loc,
                                     const PoolLists &lists,
                                     ArrayRef<int64_t> size) {
  int64_t axes = size.size();
  SmallVector<int64_t> ones(axes, 1);
  auto window = windowOf(axes, lists.kernel, lists.stride, lists.padding,
                         lists.dilation.empty() ? ones : lists.dilation);
  // max_pool C2, max_pool_at C2, max_unpool C2, avg_pool C2, avg_unpool C2
  if (!window) {
    (void)emitOptionalError(loc, "kernel [", lists.kernel, "], stride [",
                            lists.stride, "], padding [", lists.padding,
                            "] and dilation [", lists.dilation,
                            "] do not suit ", axes, " axes");
    return failure();
  }
  // max_pool C3, max_pool_at C3, max_unpool C3, avg_pool C3, avg_unpool C3
  for (auto [axis, n] : llvm::zip(*window, size))
    if (!place(axis, n, lists.ceil)) {
      (void)emitOptionalError(loc, "windows of ", axis.reach(), " in ", n,
                              " elements, padded by ", axis.before, " and ",
                              axis.after, ", would have none");
      return failure();
    }
  return *window;
}

static SmallVector<int64_t> pooledShape(RankedTensorType x,
                                        const Window &window) {
  SmallVector<int64_t> shape(x.getShape().take_front(2));
  for (const WindowAxis &axis : window)
    shape.push_back(axis.places);
  return shape;
}

template <class T> static PoolLists maxLists(T op) {
  return {op.getKernel(), op.getStride(), op.getPadding(), op.getDilation(),
          op.getCeil()};
}
template <class T> static PoolLists avgLists(T op) {
  return {op.getKernel(), op.getStride(), op.getPadding(), {}, op.getCeil()};
}

Window varve::poolWindow(MaxPoolOp op) {
  return *placeWindow({}, maxLists(op), shapeOf(op.getX()).drop_front(2));
}
Window varve::poolWindow(MaxPoolAtOp op) {
  return *placeWindow({}, maxLists(op), shapeOf(op.getX()).drop_front(2));
}
Window varve::poolWindow(MaxUnpoolOp op) {
  return *placeWindow({}, maxLists(op), op.getSize());
}
Window varve::poolWindow(AvgPoolOp op) {
  return *placeWindow({}, avgLists(op), shapeOf(op.getX()).drop_front(2));
}
Window varve::poolWindow(AvgUnpoolOp op) {
  return *placeWindow({}, avgLists(op), op.getSize());
}

/// The shape of what a pool makes of `x`, which has rank 3 or more (C1).
static FailureOr<SmallVector<int64_t>> inferPooled(std::optional<Location> loc,
                                                   RankedTensorType x,
                                                   const PoolLists &lists) {
  if (x.getRank() < 3) { // max_pool C1, avg_pool C1, max_pool_at C1
    (void)emitOptionalError(loc, x, " has no axis after its channels");
    return failure();
  }
  auto window = placeWindow(loc, lists, x.getShape().drop_front(2));
  if (failed(window))
    return failure();
  return pooledShape(x, *window);
}

/// The type of x of these sizes whose pool is `y`.
static LogicalResult inferUnpooled(std::optional<Location> loc,
                                   RankedTensorType y, ArrayRef<int64_t> size,
                                   const PoolLists &lists, Infer types) {
  if (y.getRank() < 3) // max_unpool C1, avg_unpool C1
    return emitOptionalError(loc, y, " has no axis after its channels");
  if (int64_t(size.size()) != y.getRank() - 2)
    return emitOptionalError(loc, "size [", size, "] does not suit ", y);
  SmallVector<int64_t> shape(y.getShape().take_front(2));
  llvm::append_range(shape, size);
  auto x = y.clone(shape);
  auto window = placeWindow(loc, lists, size);
  if (failed(window))
    return failure();
  if (ArrayRef(pooledShape(x, *window)) !=
      y.getShape()) // max_unpool C1, avg_unpool C1
    return emitOptionalError(loc, "no pool makes ", y, " of ", x);
  types.push_back(x);
  return success();
}

// ---- reference values ----

namespace {
/// One place of a window: where the element is in x, if it is there.
struct Tap {
  int64_t number; ///< in the window
  int64_t x;      ///< position
};
} // namespace

/// The elements of x that the window at position `e` of y holds, in row order.
static std::vector<Tap> tapsAt(int64_t e, const Window &window,
                               ArrayRef<int64_t> x, ArrayRef<int64_t> y) {
  SmallVector<int64_t> kernel;
  int64_t count = 1;
  for (const WindowAxis &axis : window) {
    kernel.push_back(axis.kernel);
    count *= axis.kernel;
  }
  std::vector<int64_t> to = indexOf(e, y);
  std::vector<Tap> taps;
  for (int64_t t = 0; t < count; ++t) {
    std::vector<int64_t> k = indexOf(t, kernel), from = to;
    bool inside = true;
    for (auto [d, axis] : llvm::enumerate(window)) {
      from[2 + d] = axis.at(to[2 + d], k[d]);
      inside &= axis.holds(from[2 + d]);
    }
    if (inside)
      taps.push_back({t, positionOf(from, x)});
  }
  return taps;
}

/// Whether v takes the place of the largest element so far.
static bool exceeds(const RefTensor &x, RefScalar v, RefScalar most) {
  if (x.isFloat())
    return v.f > most.f || (std::isnan(v.f) && !std::isnan(most.f));
  if (varve::isUnsigned(x.element))
    return uint64_t(v.i) > uint64_t(most.i);
  return v.i > most.i;
}

/// What the sum over the window at position `e` is divided by.
static double divisorAt(int64_t e, const Window &window, bool countPadding,
                        ArrayRef<int64_t> y) {
  std::vector<int64_t> at = indexOf(e, y);
  double divisor = 1;
  for (auto [d, axis] : llvm::enumerate(window)) {
    int64_t n = 0;
    for (int64_t k = 0; k < axis.kernel; ++k) {
      int64_t i = axis.at(at[2 + d], k);
      n += countPadding ? i < axis.size + axis.after : axis.holds(i);
    }
    divisor *= n;
  }
  return divisor;
}

/// The gradient in x of a pool that takes the elements at `index`.
template <class Op> static Value unpooled(LocBuilder &b, Op pool, Value dy) {
  return MaxUnpoolOp::create(
      b, dy, pool.getIndex(), shapeOf(pool.getX()).drop_front(2),
      pool.getKernel(), pool.getStride(), pool.getPadding(), pool.getDilation(),
      pool.getCeil());
}

// ---- max_pool ----

LogicalResult MaxPoolOp::inferReturnTypes(MLIRContext *context,
                                          std::optional<Location> loc,
                                          Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  auto shape = inferPooled(loc, x, maxLists(adaptor));
  if (failed(shape))
    return failure();
  types.push_back(x.clone(*shape));
  types.push_back(RankedTensorType::get(*shape, IntegerType::get(context, 32)));
  return success();
}
void MaxPoolOp::evaluate(ArrayRef<RefTensor> in,
                         MutableArrayRef<RefTensor> out) {
  Window window = poolWindow(*this);
  const RefTensor &x = in[0];
  for (int64_t e = 0; e < out[0].size(); ++e) {
    std::vector<Tap> taps = tapsAt(e, window, x.shape, out[0].shape);
    Tap best = taps.front();
    for (const Tap &tap : taps)
      if (exceeds(x, x.at(tap.x), x.at(best.x)))
        best = tap;
    out[0].set(e, x.at(best.x));
    out[1].i[e] = best.number;
  }
}
void MaxPoolOp::buildVjp(LocBuilder &b, Values d, Grads dx) {
  if (d[0])
    dx[0] = unpooled(b, *this, d[0]);
}

// ---- max_pool_at ----

LogicalResult MaxPoolAtOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  auto shape = inferPooled(loc, x, maxLists(adaptor));
  if (failed(shape))
    return failure();
  if (shapeOf(adaptor.getIndex()) != ArrayRef(*shape)) // max_pool_at C1
    return emitOptionalError(loc, "index is ", adaptor.getIndex().getType(),
                             ", should have shape [", *shape, "]");
  types.push_back(x.clone(*shape));
  return success();
}
void MaxPoolAtOp::evaluate(ArrayRef<RefTensor> in,
                           MutableArrayRef<RefTensor> y) {
  Window window = poolWindow(*this);
  for (int64_t e = 0; e < y[0].size(); ++e)
    for (const Tap &tap : tapsAt(e, window, in[0].shape, y[0].shape))
      if (tap.number == in[1].i[e])
        y[0].set(e, in[0].at(tap.x));
}
void MaxPoolAtOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = unpooled(b, *this, dy[0]);
}

// ---- max_unpool ----

LogicalResult MaxUnpoolOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  auto y = typeOf(adaptor.getY());
  if (shapeOf(adaptor.getIndex()) != y.getShape()) // max_unpool C1
    return emitOptionalError(loc, "index is ", adaptor.getIndex().getType(),
                             ", should have shape [", y.getShape(), "]");
  return inferUnpooled(loc, y, adaptor.getSize(), maxLists(adaptor), types);
}
void MaxUnpoolOp::evaluate(ArrayRef<RefTensor> in,
                           MutableArrayRef<RefTensor> x) {
  Window window = poolWindow(*this);
  for (int64_t e = 0; e < in[0].size(); ++e)
    for (const Tap &tap : tapsAt(e, window, x[0].shape, in[0].shape))
      if (tap.number == in[1].i[e]) {
        RefScalar a = x[0].at(tap.x), v = in[0].at(e);
        x[0].set(tap.x,
                 {a.f + v.f, wrapToType(uint64_t(a.i) + v.i, x[0].element)});
      }
}
void MaxUnpoolOp::buildVjp(LocBuilder &b, Values dx, Grads d) {
  d[0] = MaxPoolAtOp::create(b, dx[0], getIndex(), getKernel(), getStride(),
                             getPadding(), getDilation(), getCeil());
}

// ---- avg_pool ----

LogicalResult AvgPoolOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  auto shape = inferPooled(loc, x, avgLists(adaptor));
  if (failed(shape))
    return failure();
  types.push_back(x.clone(*shape));
  return success();
}
void AvgPoolOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  Window window = poolWindow(*this);
  for (int64_t e = 0; e < y[0].size(); ++e) {
    for (const Tap &tap : tapsAt(e, window, x[0].shape, y[0].shape))
      y[0].f[e] += x[0].f[tap.x];
    y[0].f[e] /= divisorAt(e, window, getCountPadding(), y[0].shape);
  }
}
void AvgPoolOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  dx[0] = AvgUnpoolOp::create(b, dy[0], shapeOf(getX()).drop_front(2),
                              getKernel(), getStride(), getPadding(), getCeil(),
                              getCountPadding());
}

// ---- avg_unpool ----

LogicalResult AvgUnpoolOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  return inferUnpooled(loc, typeOf(adaptor.getY()), adaptor.getSize(),
                       avgLists(adaptor), types);
}
void AvgUnpoolOp::evaluate(ArrayRef<RefTensor> y,
                           MutableArrayRef<RefTensor> x) {
  Window window = poolWindow(*this);
  for (int64_t e = 0; e < y[0].size(); ++e)
    for (const Tap &tap : tapsAt(e, window, x[0].shape, y[0].shape))
      x[0].f[tap.x] +=
          y[0].f[e] / divisorAt(e, window, getCountPadding(), y[0].shape);
}
void AvgUnpoolOp::buildVjp(LocBuilder &b, Values dx, Grads dy) {
  dy[0] = AvgPoolOp::create(b, dx[0], getKernel(), getStride(), getPadding(),
                            getCeil(), getCountPadding());
}
