// Short names for what gradient rules and lowerings build.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace varve;

Type varve::signless(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSignless())
    return type;
  return IntegerType::get(type.getContext(), integer.getWidth());
}

RankedTensorType varve::signless(RankedTensorType type) {
  return type.clone(signless(type.getElementType()));
}

bool varve::isElementType(Type type) {
  if (isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type) ||
      type.isInteger(1))
    return true;
  auto integer = dyn_cast<IntegerType>(type);
  return integer && !integer.isSigned() &&
         llvm::is_contained({8, 16, 32, 64}, integer.getWidth());
}

bool varve::isUnsigned(Type type) {
  return type.isUnsignedInteger() || type.isInteger(1);
}

Value varve::constant(LocBuilder &b, RankedTensorType type, double value) {
  Type element = type.getElementType();
  Attribute scalar;
  if (auto real = dyn_cast<FloatType>(element))
    scalar = FloatAttr::get(real, value);
  else
    scalar = IntegerAttr::get(element, int64_t(value));
  return ConstantOp::create(b, type, DenseElementsAttr::get(type, scalar));
}

Value varve::constantLike(LocBuilder &b, Value like, double value) {
  return constant(b, typeOf(like), value);
}

Value varve::add(LocBuilder &b, Value x, Value y) {
  return AddOp::create(b, x, y);
}
Value varve::sub(LocBuilder &b, Value x, Value y) {
  return SubOp::create(b, x, y);
}
Value varve::mul(LocBuilder &b, Value x, Value y) {
  return MulOp::create(b, x, y);
}
Value varve::mul(LocBuilder &b, Value x, double y) {
  return MulOp::create(b, x, constantLike(b, x, y));
}
Value varve::div(LocBuilder &b, Value x, Value y) {
  return DivOp::create(b, x, y);
}
Value varve::div(LocBuilder &b, Value x, double y) {
  return DivOp::create(b, x, constantLike(b, x, y));
}
Value varve::neg(LocBuilder &b, Value x) { return NegOp::create(b, x); }
Value varve::compare(LocBuilder &b, Value x, StringRef predicate, Value y) {
  return CompareOp::create(b, x, y, predicate);
}
Value varve::select(LocBuilder &b, Value condition, Value x, Value y) {
  return WhereOp::create(b, condition, x, y);
}
Value varve::castTo(LocBuilder &b, Value x, Type element) {
  if (typeOf(x).getElementType() == element)
    return x;
  return CastOp::create(b, x, element);
}

Value varve::reshape(LocBuilder &b, Value x, ArrayRef<int64_t> shape) {
  if (shapeOf(x) == shape)
    return x;
  return ReshapeOp::create(b, x, shape);
}

Value varve::transpose(LocBuilder &b, Value x, ArrayRef<int64_t> perm) {
  return TransposeOp::create(b, x, b.getDenseI64ArrayAttr(perm));
}

Value varve::broadcast(LocBuilder &b, Value x, ArrayRef<int64_t> shape,
                       ArrayRef<int64_t> axes) {
  return BroadcastOp::create(b, x, b.getDenseI64ArrayAttr(shape),
                             b.getDenseI64ArrayAttr(axes));
}

Value varve::expand(LocBuilder &b, Value x, ArrayRef<int64_t> shape,
                    ArrayRef<int64_t> reduced) {
  if (reduced.empty())
    return x;
  return broadcast(b, x, shape, otherAxes(reduced, shape.size()));
}

Value varve::sum(LocBuilder &b, Value x, ArrayRef<int64_t> axes,
                 bool keepdims) {
  if (axes.empty())
    return x;
  return SumOp::create(b, x, axes, keepdims);
}

bool varve::areAxes(ArrayRef<int64_t> axes, int64_t rank) {
  int64_t last = -1;
  for (int64_t axis : axes) {
    if (axis <= last || axis >= rank)
      return false;
    last = axis;
  }
  return true;
}

SmallVector<int64_t> varve::otherAxes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> others;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(axes, d))
      others.push_back(d);
  return others;
}

Value varve::buildGeneric(LocBuilder &b, RankedTensorType type,
                          ArrayRef<Value> operands, ScalarBody body,
                          ArrayRef<AffineMap> maps) {
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> all(maps);
  if (maps.empty())
    all.assign(operands.size(), identity);
  all.push_back(identity);
  SmallVector<utils::IteratorType> kinds(type.getRank(),
                                         utils::IteratorType::parallel);
  Value out =
      tensor::EmptyOp::create(b, type.getShape(), type.getElementType());
  auto generic = linalg::GenericOp::create(
      b, TypeRange(type), operands, ValueRange(out), all, kinds,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, nested);
        SmallVector<Value> x(args.drop_back());
        linalg::YieldOp::create(inner, body(inner, x));
      });
  return generic.getResult(0);
}

Value varve::buildReduction(LocBuilder &b, Value x, int64_t axis,
                            TypedAttr init, ScalarBody body) {
  auto type = typeOf(x);
  SmallVector<int64_t> kept = otherAxes({axis}, type.getRank()), shape;
  SmallVector<AffineExpr> exprs;
  SmallVector<utils::IteratorType> kinds(type.getRank(),
                                         utils::IteratorType::parallel);
  kinds[axis] = utils::IteratorType::reduction;
  for (int64_t d : kept) {
    shape.push_back(type.getDimSize(d));
    exprs.push_back(b.getAffineDimExpr(d));
  }
  Value empty = tensor::EmptyOp::create(b, shape, type.getElementType());
  Value scalar = arith::ConstantOp::create(b, init);
  Value filled = linalg::FillOp::create(b, scalar, empty).getResult(0);
  if (type.getDimSize(axis) == 0)
    return filled;
  AffineMap in = b.getMultiDimIdentityMap(type.getRank());
  AffineMap out = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  auto generic = linalg::GenericOp::create(
      b, TypeRange(filled.getType()), ValueRange(x), ValueRange(filled),
      ArrayRef<AffineMap>{in, out}, kinds,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, nested);
        SmallVector<Value> pair(args);
        linalg::YieldOp::create(inner, body(inner, pair));
      });
  return generic.getResult(0);
}

Value varve::holdIndex(LocBuilder &b, Value i, Type type, int64_t last) {
  Type index = b.getIndexType();
  i = varve::isUnsigned(type) ? Value(arith::IndexCastUIOp::create(b, index, i))
                              : Value(arith::IndexCastOp::create(b, index, i));
  i = arith::MinSIOp::create(b, i, arith::ConstantIndexOp::create(b, last));
  return arith::MaxSIOp::create(b, i, arith::ConstantIndexOp::create(b, 0));
}

SmallVector<Value> varve::buildLoops(
    LocBuilder &b, ArrayRef<int64_t> shape, ArrayRef<Value> init,
    llvm::function_ref<SmallVector<Value>(LocBuilder &, ArrayRef<Value>,
                                          ArrayRef<Value>)>
        body) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Value> at, carried(init), results;
  SmallVector<scf::ForOp> loops;
  // At rank 0 a loop of one turn, so that all is in one operation.
  int64_t once = 1;
  for (int64_t size : shape.empty() ? ArrayRef<int64_t>(once) : shape) {
    Value end = arith::ConstantIndexOp::create(b, size);
    auto loop = scf::ForOp::create(b, zero, end, one, carried);
    if (loops.empty())
      results = llvm::to_vector_of<Value>(loop.getResults());
    loops.push_back(loop);
    if (!shape.empty())
      at.push_back(loop.getInductionVar());
    carried = llvm::to_vector_of<Value>(loop.getRegionIterArgs());
    b.setInsertionPointToStart(loop.getBody());
  }
  SmallVector<Value> next = body(b, at, carried);
  for (scf::ForOp loop : llvm::reverse(loops)) {
    b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(b, next);
    next = llvm::to_vector_of<Value>(loop.getResults());
  }
  return results;
}
