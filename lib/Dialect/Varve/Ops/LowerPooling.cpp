// Pooling as elementwise operations: each element of the result looks at the
// few places of its window, so that a pool costs one pass and fuses. What has
// many places becomes a reduction along an axis of them.
#include "Dialect/Varve/Ops/Pooling.h"
#include "Dialect/Varve/Ops/Reduce.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace varve;

// ---- indices ----

static Value number(LocBuilder &b, int64_t n) {
  return arith::ConstantIndexOp::create(b, n);
}

namespace {
/// An index: n, or n more than a value.
struct Count {
  Value v;
  int64_t n = 0;

  Value get(LocBuilder &b) const {
    if (!v)
      return number(b, n);
    return n == 0 ? v : Value(arith::AddIOp::create(b, v, number(b, n)));
  }
};

/// Where an element of the result looks, and whether there is something: null
/// where there always is. Places are held to their axes.
struct Look {
  SmallVector<Value> at;
  Value inside;

  void require(LocBuilder &b, arith::CmpIPredicate p, Value v, int64_t n) {
    Value test = arith::CmpIOp::create(b, p, v, number(b, n));
    inside = inside ? Value(arith::AndIOp::create(b, inside, test)) : test;
  }
  /// Holds `v` to [0, last], where it may be below or above.
  void push(LocBuilder &b, Value v, int64_t last, bool below, bool above) {
    if (below) {
      require(b, arith::CmpIPredicate::sge, v, 0);
      v = arith::MaxSIOp::create(b, v, number(b, 0));
    }
    if (above) {
      require(b, arith::CmpIPredicate::sle, v, last);
      v = arith::MinSIOp::create(b, v, number(b, last));
    }
    at.push_back(v);
  }
};
} // namespace

static Count plus(LocBuilder &b, Count x, Count y) {
  if (x.v && y.v)
    return {arith::AddIOp::create(b, x.v, y.v), x.n + y.n};
  return {x.v ? x.v : y.v, x.n + y.n};
}
static Count times(LocBuilder &b, Count x, int64_t n) {
  if (!x.v || n == 1)
    return {x.v, x.n * n};
  return {arith::MulIOp::create(b, x.v, number(b, n)), x.n * n};
}

// ---- sums and the like over the places of a window ----

using Term = llvm::function_ref<Value(LocBuilder &, Values at, Values aligned,
                                      ArrayRef<Count> place)>;

/// For each element of `type`, the joined terms of all places below `counts`.
/// `aligned` are read at the element.
static Value foldPlaces(LocBuilder &b, RankedTensorType type, Values aligned,
                        ArrayRef<int64_t> counts, Combiner kind, Type element,
                        Term term) {
  constexpr int64_t most = 64; // unrolled
  int64_t total = 1, rank = type.getRank();
  for (int64_t n : counts)
    total *= n;
  auto indices = [&](LocBuilder &in) {
    SmallVector<Value> at;
    for (int64_t d = 0; d < rank; ++d)
      at.push_back(linalg::IndexOp::create(in, d));
    return at;
  };
  if (total <= most)
    return buildGeneric(b, type, aligned, [&](LocBuilder &in, Values v) {
      SmallVector<Value> at = indices(in);
      Value all;
      for (int64_t t = 0; t < total; ++t) {
        SmallVector<Count> place;
        for (int64_t i : indexOf(t, counts))
          place.push_back({{}, i});
        Value one = term(in, at, v, place);
        all = all ? join(in, kind, element, {all, one}) : one;
      }
      return all;
    });
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(total);
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < rank; ++d)
    exprs.push_back(b.getAffineDimExpr(d));
  AffineMap map = AffineMap::get(rank + 1, 0, exprs, b.getContext());
  Value terms = buildGeneric(
      b, type.clone(shape), aligned,
      [&](LocBuilder &in, Values v) {
        SmallVector<Count> place(counts.size());
        Value rest = linalg::IndexOp::create(in, rank);
        for (int64_t d = counts.size() - 1; d >= 0; --d) {
          Value n = number(in, counts[d]);
          place[d].v = d == 0 ? rest : arith::RemSIOp::create(in, rest, n);
          rest = arith::DivSIOp::create(in, rest, n);
        }
        return term(in, indices(in), v, place);
      },
      SmallVector<AffineMap>(aligned.size(), map));
  return reduceAxis(b, terms, rank, kind, element);
}

/// Where place `k` of the window of element `at` of the pool is in x.
static Look lookAt(LocBuilder &b, const Window &window, Values at,
                   ArrayRef<Count> k) {
  Look look{SmallVector<Value>(at.take_front(2)), {}};
  for (auto [d, axis] : llvm::enumerate(window)) {
    Count i = plus(b, times(b, {at[2 + d], 0}, axis.stride),
                   times(b, k[d], axis.dilation));
    i.n -= axis.before;
    int64_t first = k[d].v ? 0 : k[d].n;
    int64_t last = k[d].v ? axis.kernel - 1 : k[d].n;
    look.push(b, i.get(b), axis.size - 1, axis.at(0, first) < 0,
              axis.at(axis.places - 1, last) >= axis.size);
  }
  return look;
}

static SmallVector<int64_t> kernelOf(const Window &window) {
  SmallVector<int64_t> kernel;
  for (const WindowAxis &axis : window)
    kernel.push_back(axis.kernel);
  return kernel;
}

/// The number of place `k` in the window, in row order.
static Value numberOf(LocBuilder &b, const Window &window, ArrayRef<Count> k) {
  Count all;
  for (auto [axis, i] : llvm::zip(window, k))
    all = plus(b, times(b, all, axis.kernel), i);
  Type type = b.getI32Type();
  if (!all.v)
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(all.n));
  return arith::IndexCastOp::create(b, type, all.get(b));
}

static Value chosen(LocBuilder &b, Value inside, Value v, Value otherwise) {
  return inside ? Value(arith::SelectOp::create(b, inside, v, otherwise)) : v;
}

// ---- the windows that hold an element of x ----

/// How many windows along an axis are looked at for each element of x: those
/// that may hold it, or, where windows have gaps, one for each of their places.
static SmallVector<int64_t> holdersOf(const Window &window) {
  SmallVector<int64_t> counts;
  for (const WindowAxis &axis : window)
    counts.push_back(axis.dilation == 1
                         ? llvm::divideCeil(axis.kernel, axis.stride)
                         : axis.kernel);
  return counts;
}

/// The c-th window that holds element `at` of x, and the place it has there.
static Look lookBack(LocBuilder &b, const Window &window, Values at,
                     ArrayRef<Count> c, SmallVectorImpl<Count> &places) {
  Look look{SmallVector<Value>(at.take_front(2)), {}};
  for (auto [d, axis] : llvm::enumerate(window)) {
    int64_t stride = axis.stride, end = axis.size - 1 + axis.before;
    int64_t first = c[d].v ? 0 : c[d].n, last = c[d].n;
    Count i{at[2 + d], axis.before};
    if (axis.dilation == 1) {
      // Windows end - c of those that begin at or before the element.
      if (c[d].v)
        last = llvm::divideCeil(axis.kernel, stride) - 1;
      Count p = i, k = c[d];
      if (stride > 1) {
        Value shifted = i.get(b), step = number(b, stride);
        p = {arith::DivSIOp::create(b, shifted, step), 0};
        k = plus(b, times(b, k, stride),
                 {arith::RemSIOp::create(b, shifted, step), 0});
      }
      p = plus(b, p, times(b, c[d], -1));
      if ((last + 1) * stride > axis.kernel)
        look.require(b, arith::CmpIPredicate::slt, k.get(b), axis.kernel);
      look.push(b, p.get(b), axis.places - 1,
                axis.before / stride<last, end / stride - first> axis.places -
                    1);
      places.push_back(k);
      continue;
    }
    if (c[d].v)
      last = axis.kernel - 1;
    Value from = plus(b, i, times(b, c[d], -axis.dilation)).get(b);
    bool below = axis.before < last * axis.dilation;
    if (below) {
      look.require(b, arith::CmpIPredicate::sge, from, 0);
      from = arith::MaxSIOp::create(b, from, number(b, 0));
    }
    if (stride > 1) {
      Value step = number(b, stride);
      look.require(b, arith::CmpIPredicate::eq,
                   arith::RemSIOp::create(b, from, step), 0);
      from = arith::DivSIOp::create(b, from, step);
    }
    look.push(b, from, axis.places - 1, false,
              (end - first * axis.dilation) / stride > axis.places - 1);
    places.push_back(c[d]);
  }
  return look;
}

// ---- max_pool and its gradients ----

SmallVector<Value> MaxPoolOp::lower(LocBuilder &b, Values operands) {
  Window window = poolWindow(*this);
  Value x = operands[0];
  Type own = elementOf(*this);
  auto type = signless(cast<RankedTensorType>(getY().getType()));
  Type element = type.getElementType();
  SmallVector<int64_t> kernel = kernelOf(window);
  // A place out of x is held to one that is in the window as well, unless the
  // window has gaps.
  bool gaps = llvm::any_of(window, [](auto &a) { return a.dilation > 1; });
  Value y =
      foldPlaces(b, type, {}, kernel, Combiner::Max, own,
                 [&](LocBuilder &in, Values at, Values, ArrayRef<Count> k) {
                   Look look = lookAt(in, window, at, k);
                   Value v = tensor::ExtractOp::create(in, x, look.at);
                   if (!gaps || !look.inside)
                     return v;
                   Value least = arith::ConstantOp::create(
                       in, neutral(in, Combiner::Max, own));
                   return chosen(in, look.inside, v, least);
                 });
  auto indexType = cast<RankedTensorType>(getIndex().getType());
  Value index = foldPlaces(
      b, indexType, {y}, kernel, Combiner::Min, indexType.getElementType(),
      [&](LocBuilder &in, Values at, Values most, ArrayRef<Count> k) -> Value {
        Look look = lookAt(in, window, at, k);
        Value v = tensor::ExtractOp::create(in, x, look.at), hit;
        if (isa<FloatType>(element)) {
          hit =
              arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, v, most[0]);
          Value nan =
              arith::CmpFOp::create(in, arith::CmpFPredicate::UNO, v, v);
          hit = arith::OrIOp::create(in, hit, nan);
        } else {
          hit = arith::CmpIOp::create(in, arith::CmpIPredicate::eq, v, most[0]);
        }
        if (look.inside)
          hit = arith::AndIOp::create(in, hit, look.inside);
        Value none = arith::ConstantOp::create(
            in, in.getI32IntegerAttr(std::numeric_limits<int32_t>::max()));
        return arith::SelectOp::create(in, hit, numberOf(in, window, k), none);
      });
  return {y, index};
}

SmallVector<Value> MaxPoolAtOp::lower(LocBuilder &b, Values operands) {
  Window window = poolWindow(*this);
  Value x = operands[0];
  auto type = signless(cast<RankedTensorType>(getType()));
  return {buildGeneric(
      b, type, {operands[1]}, [&](LocBuilder &in, Values v) -> Value {
        SmallVector<Value> at;
        for (int64_t d = 0; d < type.getRank(); ++d)
          at.push_back(linalg::IndexOp::create(in, d));
        int64_t total = 1;
        for (const WindowAxis &axis : window)
          total *= axis.kernel;
        Value rest = holdIndex(in, v[0], in.getI32Type(), total - 1);
        SmallVector<Count> k(window.size());
        for (int64_t d = window.size() - 1; d >= 0; --d) {
          Value n = number(in, window[d].kernel);
          k[d].v = arith::RemSIOp::create(in, rest, n);
          rest = arith::DivSIOp::create(in, rest, n);
        }
        Look look = lookAt(in, window, at, k);
        Value element = tensor::ExtractOp::create(in, x, look.at);
        return chosen(in, look.inside, element,
                      scalar(in, type.getElementType(), 0));
      })};
}

SmallVector<Value> MaxUnpoolOp::lower(LocBuilder &b, Values operands) {
  Window window = poolWindow(*this);
  Value y = operands[0], index = operands[1];
  auto type = signless(cast<RankedTensorType>(getType()));
  Type element = type.getElementType();
  return {foldPlaces(
      b, type, {}, holdersOf(window), Combiner::Sum, elementOf(*this),
      [&](LocBuilder &in, Values at, Values, ArrayRef<Count> c) {
        SmallVector<Count> places;
        Look look = lookBack(in, window, at, c, places);
        Value named = tensor::ExtractOp::create(in, index, look.at);
        Value hit = arith::CmpIOp::create(in, arith::CmpIPredicate::eq, named,
                                          numberOf(in, window, places));
        if (look.inside)
          hit = arith::AndIOp::create(in, hit, look.inside);
        Value v = tensor::ExtractOp::create(in, y, look.at);
        return chosen(in, hit, v, scalar(in, element, 0));
      })};
}

// ---- avg_pool and its gradient ----

/// Whether each window has as many elements as it has places.
static bool isEven(const Window &window, bool countPadding) {
  return llvm::all_of(window, [&](const WindowAxis &axis) {
    int64_t last = axis.at(axis.places - 1, axis.kernel - 1);
    if (countPadding)
      return last < axis.size + axis.after;
    return axis.before == 0 && last < axis.size;
  });
}

/// y, an element for each window, over the number of elements of the window.
static Value overCounts(LocBuilder &b, Value y, const Window &window,
                        bool countPadding) {
  Type element = typeOf(y).getElementType();
  if (isEven(window, countPadding)) {
    double n = 1;
    for (const WindowAxis &axis : window)
      n *= axis.kernel;
    return mul(b, y, 1 / n);
  }
  return buildGeneric(b, typeOf(y), {y}, [&](LocBuilder &in, Values v) {
    Value n;
    for (auto [d, axis] : llvm::enumerate(window)) {
      Count p{linalg::IndexOp::create(in, 2 + d), 0};
      Value begin =
          plus(in, times(in, p, axis.stride), {{}, -axis.before}).get(in);
      Value end = arith::AddIOp::create(in, begin, number(in, axis.kernel));
      int64_t most = axis.size + (countPadding ? axis.after : 0);
      end = arith::MinSIOp::create(in, end, number(in, most));
      if (!countPadding)
        begin = arith::MaxSIOp::create(in, begin, number(in, 0));
      Value here = arith::SubIOp::create(in, end, begin);
      n = n ? Value(arith::MulIOp::create(in, n, here)) : here;
    }
    n = arith::IndexCastOp::create(in, in.getI64Type(), n);
    n = arith::SIToFPOp::create(in, element, n);
    return arith::DivFOp::create(in, v[0], n);
  });
}

static bool isNarrow(Type type) { return type.getIntOrFloatBitWidth() < 32; }

// Narrow floats are summed in f32.
SmallVector<Value> AvgPoolOp::lower(LocBuilder &b, Values operands) {
  Value x = operands[0];
  Type element = elementOf(*this);
  if (isNarrow(element)) {
    Value wide = castTo(b, x, b.getF32Type());
    Value y = AvgPoolOp::create(b, wide, getKernel(), getStride(), getPadding(),
                                getCeil(), getCountPadding());
    return {castTo(b, y, element)};
  }
  Window window = poolWindow(*this);
  Value y = foldPlaces(
      b, cast<RankedTensorType>(getType()), {}, kernelOf(window), Combiner::Sum,
      element, [&](LocBuilder &in, Values at, Values, ArrayRef<Count> k) {
        Look look = lookAt(in, window, at, k);
        Value v = tensor::ExtractOp::create(in, x, look.at);
        return chosen(in, look.inside, v, scalar(in, element, 0));
      });
  return {overCounts(b, y, window, getCountPadding())};
}

SmallVector<Value> AvgUnpoolOp::lower(LocBuilder &b, Values operands) {
  Value y = operands[0];
  Type element = elementOf(*this);
  if (isNarrow(element)) {
    Value wide = castTo(b, y, b.getF32Type());
    Value x = AvgUnpoolOp::create(b, wide, getSize(), getKernel(), getStride(),
                                  getPadding(), getCeil(), getCountPadding());
    return {castTo(b, x, element)};
  }
  Window window = poolWindow(*this);
  // The same factor for all can wait until the sum is there, and fuses then.
  bool even = isEven(window, getCountPadding());
  if (!even)
    y = overCounts(b, y, window, getCountPadding());
  Value x =
      foldPlaces(b, cast<RankedTensorType>(getType()), {}, holdersOf(window),
                 Combiner::Sum, element,
                 [&](LocBuilder &in, Values at, Values, ArrayRef<Count> c) {
                   SmallVector<Count> places;
                   Look look = lookBack(in, window, at, c, places);
                   Value v = tensor::ExtractOp::create(in, y, look.at);
                   return chosen(in, look.inside, v, scalar(in, element, 0));
                 });
  return {even ? overCounts(b, x, window, getCountPadding()) : x};
}
