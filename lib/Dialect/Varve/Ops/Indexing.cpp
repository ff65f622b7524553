// Places that tensors name: gather, scatter-add, slices at run-time places,
// one-hot.
#include "Dialect/Varve/Ops/Scalar.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

// ---- indices held to their axis ----

static int64_t hold(int64_t i, int64_t last) {
  return std::max<int64_t>(0, std::min(i, last));
}

static Type indexTypeOf(Value index) { return typeOf(index).getElementType(); }

// ---- gather ----

LogicalResult GatherOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX()), index = typeOf(adaptor.getIndex());
  int64_t axis = normalAxis(adaptor.getAxis(), x.getRank());
  if (axis < 0 || axis >= x.getRank()) // gather C1
    return emitOptionalError(loc, "axis ", adaptor.getAxis(),
                             " is not an axis of ", x);
  if (x.getDimSize(axis) == 0) // gather C2
    return emitOptionalError(loc, "axis ", axis, " of ", x, " is empty");
  SmallVector<int64_t> shape(x.getShape().take_front(axis));
  llvm::append_range(shape, index.getShape());
  llvm::append_range(shape, x.getShape().drop_front(axis + 1));
  types.push_back(x.clone(shape));
  return success();
}
/// Axes from `first` on as one.
static SmallVector<ReassociationIndices> joinFrom(int64_t first, int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < first; ++d)
    groups.push_back({d});
  groups.emplace_back(llvm::to_vector(llvm::seq(first, rank)));
  return groups;
}
// The axes after `axis` are copied as they are: one loop goes over them all.
SmallVector<Value> GatherOp::lower(LocBuilder &b, Values operands) {
  auto whole = signless(cast<RankedTensorType>(getType()));
  Value x = operands[0], index = operands[1];
  int64_t axis = normalAxis(getAxis(), typeOf(x).getRank());
  int64_t n = typeOf(index).getRank(), rank = typeOf(x).getRank();
  bool join = rank - axis > 2;
  RankedTensorType type = whole;
  if (join) {
    x = tensor::CollapseShapeOp::create(b, x, joinFrom(axis + 1, rank));
    SmallVector<int64_t> shape(whole.getShape().take_front(axis + n));
    shape.push_back(shapeOf(x).back());
    type = whole.clone(shape);
  }
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < n; ++d)
    exprs.push_back(b.getAffineDimExpr(axis + d));
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  Value y = buildGeneric(
      b, type, {index},
      [&](LocBuilder &in, Values v) -> Value {
        SmallVector<Value> at;
        for (int64_t d = 0; d < type.getRank(); ++d)
          if (d < axis || d >= axis + n)
            at.push_back(linalg::IndexOp::create(in, d));
        // Where the size is known at run time only, the caller has checked.
        int64_t size = typeOf(x).getDimSize(axis);
        int64_t last = ShapedType::isDynamic(size)
                           ? std::numeric_limits<int64_t>::max()
                           : size - 1;
        at.insert(at.begin() + axis,
                  holdIndex(in, v[0], indexTypeOf(getIndex()), last));
        return tensor::ExtractOp::create(in, x, at);
      },
      {map});
  if (!join)
    return {y};
  return {tensor::ExpandShapeOp::create(b, whole, y,
                                        joinFrom(axis + n, whole.getRank()))};
}
/// Calls visit(position in x, position in y) for each element of
/// y = gather(x, index, axis), in row-major order.
static void forEachPair(const RefTensor &x, const RefTensor &index,
                        const RefTensor &y, int64_t axis,
                        llvm::function_ref<void(int64_t, int64_t)> visit) {
  axis = normalAxis(axis, x.rank());
  for (int64_t e = 0; e < y.size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y.shape);
    auto first = at.begin() + axis, last = first + index.rank();
    int64_t i = index.i[positionOf(
        llvm::ArrayRef(at.data() + axis, index.rank()), index.shape)];
    std::vector<int64_t> from(at.begin(), first);
    from.push_back(hold(i, x.shape[axis] - 1));
    from.insert(from.end(), last, at.end());
    visit(positionOf(from, x.shape), e);
  }
}
void GatherOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  forEachPair(in[0], in[1], y[0], getAxis(),
              [&](int64_t from, int64_t to) { y[0].set(to, in[0].at(from)); });
}
void GatherOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = ScatterAddOp::create(b, constantLike(b, getX(), 0), getIndex(), dy[0],
                              getAxis());
}

// ---- scatter_add ----

LogicalResult ScatterAddOp::verify() {
  auto x = typeOf(getX()), index = typeOf(getIndex()), y = typeOf(getY());
  int64_t axis = normalAxis(getAxis(), x.getRank());
  if (axis < 0 || axis >= x.getRank() ||
      x.getDimSize(axis) == 0) // scatter_add C1
    return emitOpError() << "axis " << getAxis() << " is not an axis of " << x
                         << ", or empty";
  SmallVector<int64_t> shape(x.getShape().take_front(axis));
  llvm::append_range(shape, index.getShape());
  llvm::append_range(shape, x.getShape().drop_front(axis + 1));
  if (y != x.clone(shape)) // scatter_add C2
    return emitOpError() << "y is " << y << ", should be " << x.clone(shape);
  return success();
}
// In order, one element after the other: several may go to one place.
SmallVector<Value> ScatterAddOp::lower(LocBuilder &b, Values operands) {
  Value index = operands[1], y = operands[2];
  auto type = typeOf(operands[0]);
  int64_t axis = normalAxis(getAxis(), type.getRank());
  int64_t n = typeOf(index).getRank();
  auto addOne = [&](LocBuilder &in, Values at, Values carried) {
    Value place = tensor::ExtractOp::create(in, index, at.slice(axis, n));
    SmallVector<Value> to(at.take_front(axis));
    to.push_back(holdIndex(in, place, indexTypeOf(getIndex()),
                           type.getDimSize(axis) - 1));
    llvm::append_range(to, at.drop_front(axis + n));
    Value v = tensor::ExtractOp::create(in, y, at);
    Value old = tensor::ExtractOp::create(in, carried[0], to), sum;
    if (isFloat(v))
      sum = arith::AddFOp::create(in, old, v);
    else
      sum = arith::AddIOp::create(in, old, v);
    return SmallVector<Value>{
        tensor::InsertOp::create(in, sum, carried[0], to)};
  };
  return buildLoops(b, shapeOf(y), {operands[0]}, addOne);
}
void ScatterAddOp::evaluate(ArrayRef<RefTensor> in,
                            MutableArrayRef<RefTensor> z) {
  const RefTensor &x = in[0], &y = in[2];
  z[0] = x;
  forEachPair(x, in[1], y, getAxis(), [&](int64_t to, int64_t from) {
    RefScalar a = z[0].at(to), v = y.at(from);
    z[0].set(to, {a.f + v.f, wrapToType(uint64_t(a.i) + v.i, x.element)});
  });
}
void ScatterAddOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  d[0] = dz[0];
  d[2] = GatherOp::create(b, dz[0], getIndex(), getAxis());
}

// ---- dynamic_slice ----

LogicalResult DynamicSliceOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> loc,
                                               Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  ArrayRef<int64_t> size = adaptor.getSize();
  int64_t n = size.size(), first = x.getRank() - n;
  bool suits = first >= 0 && int64_t(adaptor.getStart().size()) == n;
  for (Value start : adaptor.getStart())
    suits &= typeOf(start).getRank() == 0;
  if (!suits) // dynamic_slice C1
    return emitOptionalError(loc, "size [", size, "] does not suit ", x,
                             " and ", adaptor.getStart().size(),
                             " starts of rank 0");
  SmallVector<int64_t> shape(x.getShape());
  for (int64_t d = 0; d < n; ++d) {
    if (size[d] < 0 || size[d] > shape[first + d]) // dynamic_slice C2
      return emitOptionalError(loc, "no ", size[d], " elements in axis ",
                               first + d, " of ", x);
    shape[first + d] = size[d];
  }
  types.push_back(x.clone(shape));
  return success();
}
SmallVector<Value> DynamicSliceOp::lower(LocBuilder &b, Values operands) {
  auto type = signless(cast<RankedTensorType>(getType()));
  Value x = operands[0];
  int64_t rank = type.getRank(), n = getSize().size();
  AffineMap map = AffineMap::get(rank, 0, {}, b.getContext());
  return {buildGeneric(
      b, type, operands.drop_front(),
      [&](LocBuilder &in, Values start) -> Value {
        SmallVector<Value> at;
        for (int64_t d = 0; d < rank; ++d)
          at.push_back(linalg::IndexOp::create(in, d));
        for (auto [i, s] : llvm::enumerate(start)) {
          int64_t d = rank - n + i;
          int64_t last = typeOf(x).getDimSize(d) - type.getDimSize(d);
          Value begin = holdIndex(in, s, indexTypeOf(getStart()[i]), last);
          at[d] = arith::AddIOp::create(in, at[d], begin);
        }
        return tensor::ExtractOp::create(in, x, at);
      },
      SmallVector<AffineMap>(n, map))};
}
void DynamicSliceOp::evaluate(ArrayRef<RefTensor> in,
                              MutableArrayRef<RefTensor> y) {
  const RefTensor &x = in[0];
  int64_t n = getSize().size(), first = x.rank() - n;
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape);
    for (int64_t i = 0; i < n; ++i)
      at[first + i] +=
          hold(in[1 + i].i[0], x.shape[first + i] - y[0].shape[first + i]);
    y[0].set(e, x.at(positionOf(at, x.shape)));
  }
}
// Put back into zeros, one axis after the other.
void DynamicSliceOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  int64_t rank = shapeOf(getX()).size(), n = getSize().size();
  Value grown = dy[0];
  for (int64_t i = 0; i < n; ++i) {
    int64_t axis = rank - n + i;
    SmallVector<int64_t> shape(shapeOf(grown));
    shape[axis] = shapeOf(getX())[axis];
    Value zeros = constant(b, typeOf(grown).clone(shape), 0);
    grown = DynamicUpdateSliceOp::create(b, zeros, grown, getStart()[i], axis);
  }
  d[0] = grown;
}

// ---- dynamic_update_slice ----

LogicalResult DynamicUpdateSliceOp::verify() {
  auto x = typeOf(getX()), y = typeOf(getY());
  int64_t axis = normalAxis(getAxis(), x.getRank());
  if (axis < 0 || axis >= x.getRank()) // dynamic_update_slice C1
    return emitOpError() << "axis " << getAxis() << " is not an axis of " << x;
  SmallVector<int64_t> shape(x.getShape());
  if (y.getRank() == x.getRank())
    shape[axis] = std::min(shape[axis], y.getDimSize(axis));
  if (y != x.clone(shape)) // dynamic_update_slice C2
    return emitOpError() << y << " is no part of " << x << " along axis "
                         << axis;
  if (typeOf(getStart()).getRank() != 0) // dynamic_update_slice C3
    return emitOpError() << "start is " << getStart().getType()
                         << ", not of rank 0";
  return success();
}
SmallVector<Value> DynamicUpdateSliceOp::lower(LocBuilder &b, Values operands) {
  auto type = typeOf(operands[0]);
  Value y = operands[1];
  int64_t rank = type.getRank(), axis = normalAxis(getAxis(), rank);
  int64_t n = typeOf(y).getDimSize(axis);
  if (n == 0)
    return {operands[0]};
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap none = AffineMap::get(rank, 0, {}, b.getContext());
  return {buildGeneric(
      b, type, {operands[0], operands[2]},
      [&](LocBuilder &in, Values v) -> Value {
        auto number = [&](int64_t k) -> Value {
          return arith::ConstantIndexOp::create(in, k);
        };
        SmallVector<Value> at;
        for (int64_t d = 0; d < rank; ++d)
          at.push_back(linalg::IndexOp::create(in, d));
        Value begin = holdIndex(in, v[1], indexTypeOf(getStart()),
                                type.getDimSize(axis) - n);
        Value i = arith::SubIOp::create(in, at[axis], begin);
        Value low =
            arith::CmpIOp::create(in, arith::CmpIPredicate::sge, i, number(0));
        Value high =
            arith::CmpIOp::create(in, arith::CmpIPredicate::slt, i, number(n));
        Value inside = arith::AndIOp::create(in, low, high);
        i = arith::MinSIOp::create(in, i, number(n - 1));
        at[axis] = arith::MaxSIOp::create(in, i, number(0));
        Value part = tensor::ExtractOp::create(in, y, at);
        return arith::SelectOp::create(in, inside, part, v[0]);
      },
      {identity, none})};
}
void DynamicUpdateSliceOp::evaluate(ArrayRef<RefTensor> in,
                                    MutableArrayRef<RefTensor> z) {
  const RefTensor &x = in[0], &y = in[1];
  int64_t axis = normalAxis(getAxis(), x.rank());
  int64_t begin = hold(in[2].i[0], x.shape[axis] - y.shape[axis]);
  z[0] = x;
  for (int64_t e = 0; e < y.size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y.shape);
    at[axis] += begin;
    z[0].set(positionOf(at, x.shape), y.at(e));
  }
}
void DynamicUpdateSliceOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  Value y = getY();
  int64_t rank = shapeOf(y).size(), axis = normalAxis(getAxis(), rank);
  d[0] = DynamicUpdateSliceOp::create(b, dz[0], constantLike(b, y, 0),
                                      getStart(), getAxis());
  SmallVector<Value> start{getStart()};
  Value zero = constantLike(b, getStart(), 0);
  start.append(rank - axis - 1, zero);
  d[1] = DynamicSliceOp::create(b, dz[0], start, shapeOf(y).drop_front(axis));
}

// ---- one_hot ----

LogicalResult OneHotOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> loc,
                                         Adaptor adaptor, Infer types) {
  int64_t classes = adaptor.getClasses();
  if (classes < 0) // one_hot C1
    return emitOptionalError(loc, "cannot have ", classes, " classes");
  SmallVector<int64_t> shape(shapeOf(adaptor.getIndex()));
  shape.push_back(classes);
  types.push_back(RankedTensorType::get(shape, Float32Type::get(context)));
  return success();
}
SmallVector<Value> OneHotOp::lower(LocBuilder &b, Values operands) {
  auto type = cast<RankedTensorType>(getType());
  int64_t last = type.getRank() - 1;
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < last; ++d)
    exprs.push_back(b.getAffineDimExpr(d));
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  bool noSign = varve::isUnsigned(indexTypeOf(getIndex()));
  return {buildGeneric(
      b, type, {operands[0]},
      [&](LocBuilder &in, Values v) -> Value {
        Type wide = in.getI64Type();
        Value c = linalg::IndexOp::create(in, last), want = v[0];
        c = arith::IndexCastOp::create(in, wide, c);
        if (want.getType() != wide)
          want = noSign ? Value(arith::ExtUIOp::create(in, wide, want))
                        : Value(arith::ExtSIOp::create(in, wide, want));
        Value hit =
            arith::CmpIOp::create(in, arith::CmpIPredicate::eq, c, want);
        Type element = type.getElementType();
        return arith::SelectOp::create(in, hit, scalar(in, element, 1),
                                       scalar(in, element, 0));
      },
      {map})};
}
void OneHotOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  int64_t classes = getClasses();
  for (int64_t e = 0; e < in[0].size(); ++e)
    if (in[0].i[e] >= 0 && in[0].i[e] < classes)
      y[0].f[e * classes + in[0].i[e]] = 1;
}
