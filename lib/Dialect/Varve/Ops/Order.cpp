// What depends on the order along an axis: indices of extrema, running sums,
// the k largest.
#include "Dialect/Varve/Ops/Reduce.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

/// Whether v goes before w, the largest first (the smallest, without
/// `largest`): NaN before numbers.
static bool goesBefore(RefScalar v, RefScalar w, Type type, bool largest) {
  if (isa<FloatType>(type))
    return std::isnan(v.f) ? !std::isnan(w.f)
                           : (largest ? v.f > w.f : v.f < w.f);
  if (varve::isUnsigned(type))
    return largest ? uint64_t(v.i) > uint64_t(w.i)
                   : uint64_t(v.i) < uint64_t(w.i);
  return largest ? v.i > w.i : v.i < w.i;
}

// ---- argmax, argmin ----

static LogicalResult inferArg(std::optional<Location> loc, Value operand,
                              int64_t from, Infer types) {
  auto x = typeOf(operand);
  int64_t axis = normalAxis(from, x.getRank());
  if (axis < 0 || axis >= x.getRank() ||
      x.getDimSize(axis) == 0) // argmax C1, argmin C1
    return emitOptionalError(loc, "axis ", from, " is not an axis of ", x,
                             ", or empty");
  SmallVector<int64_t> shape;
  for (int64_t d : otherAxes({axis}, x.getRank()))
    shape.push_back(x.getDimSize(d));
  types.push_back(x.clone(shape).clone(IntegerType::get(x.getContext(), 64)));
  return success();
}
// The least index where x equals its extremum: two reductions with one simple
// operation each, in any order of terms.
static SmallVector<Value> lowerArg(LocBuilder &b, Operation *op, Value x,
                                   int64_t axis, Combiner kind) {
  auto type = typeOf(x);
  axis = normalAxis(axis, type.getRank());
  Value top = reduceAxis(b, x, axis, kind, elementOf(op));
  SmallVector<AffineExpr> kept;
  for (int64_t d : otherAxes({axis}, type.getRank()))
    kept.push_back(b.getAffineDimExpr(d));
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  AffineMap projected = AffineMap::get(type.getRank(), 0, kept, b.getContext());
  Type i64 = b.getI64Type();
  Value candidate = buildGeneric(
      b, type.clone(i64), {x, top},
      [&](LocBuilder &in, Values v) -> Value {
        Value i = linalg::IndexOp::create(in, axis), hit;
        i = arith::IndexCastOp::create(in, i64, i);
        Value none = arith::ConstantOp::create(
            in, in.getI64IntegerAttr(std::numeric_limits<int64_t>::max()));
        if (isFloat(v[0])) {
          // An extremum of NaN is met by NaN.
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
  return {reduceAxis(b, candidate, axis, Combiner::Min, i64)};
}
static void evaluateArg(const RefTensor &x, RefTensor &y, int64_t axis,
                        bool largest) {
  axis = normalAxis(axis, x.rank());
  std::vector<int64_t> best(y.size(), -1);
  forEachTerm(x, y, {axis}, false, [&](int64_t to, int64_t from) {
    if (best[to] >= 0 &&
        !goesBefore(x.at(from), x.at(best[to]), x.element, largest))
      return;
    best[to] = from;
    y.i[to] = indexOf(from, x.shape)[axis];
  });
}

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor, Infer types) {
  return inferArg(loc, adaptor.getX(), adaptor.getAxis(), types);
}
SmallVector<Value> ArgmaxOp::lower(LocBuilder &b, Values x) {
  return lowerArg(b, *this, x[0], getAxis(), Combiner::Max);
}
void ArgmaxOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateArg(x[0], y[0], getAxis(), true);
}

LogicalResult ArgminOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor, Infer types) {
  return inferArg(loc, adaptor.getX(), adaptor.getAxis(), types);
}
SmallVector<Value> ArgminOp::lower(LocBuilder &b, Values x) {
  return lowerArg(b, *this, x[0], getAxis(), Combiner::Min);
}
void ArgminOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  evaluateArg(x[0], y[0], getAxis(), false);
}

// ---- cumsum ----

LogicalResult CumsumOp::verify() {
  int64_t rank = shapeOf(getX()).size(), axis = normalAxis(getAxis(), rank);
  if (axis < 0 || axis >= rank) // cumsum C1
    return emitOpError() << "axis " << getAxis() << " is not an axis of "
                         << getX().getType();
  return success();
}
// One element after the other: y[i] = y[i - 1] + x[i]. The axis is the
// outermost loop, so that the inner ones are free.
SmallVector<Value> CumsumOp::lower(LocBuilder &b, Values operands) {
  Value x = operands[0];
  auto type = typeOf(x);
  int64_t axis = normalAxis(getAxis(), type.getRank());
  SmallVector<int64_t> shape(type.getShape());
  std::rotate(shape.begin(), shape.begin() + axis, shape.begin() + axis + 1);
  auto step = [&](LocBuilder &in, Values loops, Values carried) {
    SmallVector<Value> at(loops), before;
    std::rotate(at.begin(), at.begin() + 1, at.begin() + axis + 1);
    before = at;
    Value zero = arith::ConstantIndexOp::create(in, 0);
    Value one = arith::ConstantIndexOp::create(in, 1);
    Value back = arith::SubIOp::create(in, at[axis], one);
    before[axis] = arith::MaxSIOp::create(in, back, zero);
    Value isFirst =
        arith::CmpIOp::create(in, arith::CmpIPredicate::eq, at[axis], zero);
    Value v = tensor::ExtractOp::create(in, x, at);
    Value sum = tensor::ExtractOp::create(in, carried[0], before);
    sum = join(in, Combiner::Sum, elementOf(*this), {v, sum});
    // The first is x itself, whatever the buffer held.
    sum = arith::SelectOp::create(in, isFirst, v, sum);
    return SmallVector<Value>{
        tensor::InsertOp::create(in, sum, carried[0], at)};
  };
  Value y = tensor::EmptyOp::create(b, type.getShape(), type.getElementType());
  return buildLoops(b, shape, {y}, step);
}
void CumsumOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  int64_t axis = normalAxis(getAxis(), x[0].rank());
  for (int64_t e = 0; e < x[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, x[0].shape);
    RefScalar v = x[0].at(e), sum;
    if (at[axis]-- > 0)
      sum = y[0].at(positionOf(at, x[0].shape));
    y[0].set(e, {sum.f + v.f, wrapToType(uint64_t(sum.i) + v.i, x[0].element)});
  }
}
// Each element is a term of all sums from its own on.
void CumsumOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  SmallVector<int64_t> axis{getAxis()};
  Value back = FlipOp::create(b, dy[0], axis);
  dx[0] = FlipOp::create(b, CumsumOp::create(b, back, getAxis()), axis);
}

// ---- top_k ----

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location> loc,
                                       Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  int64_t k = adaptor.getK();
  if (x.getRank() < 1 || k < 0 || k > x.getShape().back()) // top_k C1
    return emitOptionalError(loc, "no ", k, " largest along the last axis of ",
                             x);
  SmallVector<int64_t> shape(x.getShape());
  shape.back() = k;
  types.assign(
      {x.clone(shape), x.clone(shape).clone(IntegerType::get(context, 64))});
  return success();
}
// Each element goes down a list of k indices, which is in order, and changes
// places with those that it goes before. Unused places have index -1, and
// everything goes before them. The values follow from the indices.
SmallVector<Value> TopKOp::lower(LocBuilder &b, Values operands) {
  Value x = operands[0];
  auto type = typeOf(x);
  auto indices = cast<RankedTensorType>(getIndex().getType());
  Type element = elementOf(*this), i64 = b.getI64Type();
  Value none = arith::ConstantOp::create(b, b.getI64IntegerAttr(-1));
  Value empty = tensor::EmptyOp::create(b, indices.getShape(), i64);
  Value filled = linalg::FillOp::create(b, none, empty).getResult(0);
  auto goesFirst = [&](LocBuilder &in, Value v, Value w) -> Value {
    if (isFloat(v)) {
      using P = arith::CmpFPredicate;
      Value more = arith::CmpFOp::create(in, P::OGT, v, w);
      Value nan = arith::CmpFOp::create(in, P::UNO, v, v);
      Value number = arith::CmpFOp::create(in, P::ORD, w, w);
      return arith::OrIOp::create(in, more,
                                  arith::AndIOp::create(in, nan, number));
    }
    auto p = varve::isUnsigned(element) ? arith::CmpIPredicate::ugt
                                        : arith::CmpIPredicate::sgt;
    return arith::CmpIOp::create(in, p, v, w);
  };
  // x in the row of `at` where index i says; anywhere for an unused place.
  auto valueAt = [&](LocBuilder &in, Values at, Value i) -> Value {
    SmallVector<Value> place(at.drop_back());
    place.push_back(holdIndex(in, i, i64, type.getShape().back() - 1));
    return tensor::ExtractOp::create(in, x, place);
  };
  auto insertOne = [&](LocBuilder &in, Values at, Values carried) {
    Value i = arith::IndexCastOp::create(in, i64, at.back());
    Value v = tensor::ExtractOp::create(in, x, at);
    auto down = [&](LocBuilder &in2, Values place, Values c) {
      SmallVector<Value> to(at.drop_back());
      to.push_back(place[0]);
      Value j = tensor::ExtractOp::create(in2, c[0], to);
      Value w = valueAt(in2, at, j);
      Value unused =
          arith::CmpIOp::create(in2, arith::CmpIPredicate::eq, j, none);
      Value wins = arith::OrIOp::create(in2, unused, goesFirst(in2, c[1], w));
      auto choose = [&](Value first, Value second) -> Value {
        return arith::SelectOp::create(in2, wins, first, second);
      };
      Value stays = choose(c[2], j);
      return SmallVector<Value>{tensor::InsertOp::create(in2, stays, c[0], to),
                                choose(w, c[1]), choose(j, c[2])};
    };
    return SmallVector<Value>{
        buildLoops(in, {getK()}, {carried[0], v, i}, down)[0]};
  };
  Value index = buildLoops(b, type.getShape(), {filled}, insertOne)[0];
  Value values = buildGeneric(b, type.clone(indices.getShape()), {index},
                              [&](LocBuilder &in, Values v) {
                                SmallVector<Value> at;
                                for (int64_t d = 0; d < type.getRank(); ++d)
                                  at.push_back(linalg::IndexOp::create(in, d));
                                return valueAt(in, at, v[0]);
                              });
  return {values, index};
}
void TopKOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> out) {
  const RefTensor &x = in[0];
  int64_t n = x.shape.back(), k = getK();
  for (int64_t row = 0; n > 0 && row < x.size() / n; ++row) {
    std::vector<int64_t> order(n);
    for (int64_t i = 0; i < n; ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      return goesBefore(x.at(row * n + i), x.at(row * n + j), x.element, true);
    });
    for (int64_t i = 0; i < k; ++i) {
      out[0].set(row * k + i, x.at(row * n + order[i]));
      out[1].i[row * k + i] = order[i];
    }
  }
}
// dx = sum over the k of d values at their index
void TopKOp::buildVjp(LocBuilder &b, Values d, Grads dx) {
  int64_t n = shapeOf(getX()).back();
  Value hot = OneHotOp::create(b, getIndex(), n);
  hot = castTo(b, hot, elementOf(*this));
  ArrayRef<int64_t> shape = shapeOf(hot);
  int64_t rank = shape.size();
  Value spread = expand(b, d[0], shape, {rank - 1});
  dx[0] = sum(b, mul(b, hot, spread), {rank - 2});
}
