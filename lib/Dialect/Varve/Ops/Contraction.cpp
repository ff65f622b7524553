// Matrix products.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace varve;

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  auto x = typeOf(adaptor.getX()), y = typeOf(adaptor.getY());
  int64_t rank = x.getRank();
  // matmul C1
  if (rank < 2 || y.getRank() != rank ||
      x.getElementType() != y.getElementType())
    return emitOptionalError(loc, "cannot multiply ", x, " and ", y);
  // matmul C2
  if (x.getDimSize(rank - 1) != y.getDimSize(rank - 2))
    return emitOptionalError(loc, "inner sizes ", x.getDimSize(rank - 1),
                             " and ", y.getDimSize(rank - 2), " differ");
  // matmul C3
  for (int64_t d = 0; d < rank - 2; ++d)
    if (x.getDimSize(d) != y.getDimSize(d))
      return emitOptionalError(loc, "leading sizes ", x.getDimSize(d), " and ",
                               y.getDimSize(d), " differ");
  SmallVector<int64_t> shape(x.getShape());
  shape[rank - 1] = y.getDimSize(rank - 1);
  types.push_back(x.clone(shape));
  return success();
}

// Loops b.., i, j, k. Products of narrow floats are summed in f32.
SmallVector<Value> MatmulOp::lower(LocBuilder &b, ArrayRef<Value> operands) {
  auto type = signless(cast<RankedTensorType>(getType()));
  // A kernel has terms and elements.
  if (llvm::any_of(operands, [](Value x) {
        return llvm::is_contained(shapeOf(x), 0);
      }))
    return {arith::ConstantOp::create(b, b.getZeroAttr(type))};
  int64_t rank = type.getRank(), m = rank - 2, n = rank - 1, k = rank;
  Type element = type.getElementType();
  bool narrow = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  Type wide = narrow ? b.getF32Type() : element;
  auto map = [&](int64_t row, int64_t column) {
    SmallVector<AffineExpr> exprs;
    for (int64_t d = 0; d < m; ++d)
      exprs.push_back(b.getAffineDimExpr(d));
    exprs.push_back(b.getAffineDimExpr(row));
    exprs.push_back(b.getAffineDimExpr(column));
    return AffineMap::get(rank + 1, 0, exprs, b.getContext());
  };
  SmallVector<AffineMap> maps{map(m, k), map(k, n), map(m, n)};
  SmallVector<utils::IteratorType> kinds(rank + 1,
                                         utils::IteratorType::parallel);
  kinds[k] = utils::IteratorType::reduction;
  auto acc = type.clone(wide);
  Value empty = tensor::EmptyOp::create(b, acc.getShape(), wide);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(wide));
  Value filled = linalg::FillOp::create(b, zero, empty).getResult(0);
  auto product = linalg::GenericOp::create(
      b, TypeRange(acc), operands, ValueRange(filled), maps, kinds,
      [&](OpBuilder &nested, Location loc, ValueRange v) {
        LocBuilder in(loc, nested);
        Value x = v[0], y = v[1], z;
        if (narrow) {
          x = arith::ExtFOp::create(in, wide, x);
          y = arith::ExtFOp::create(in, wide, y);
        }
        if (isa<FloatType>(wide)) {
          z = arith::MulFOp::create(in, x, y);
          z = arith::AddFOp::create(in, v[2], z);
        } else {
          z = arith::MulIOp::create(in, x, y);
          z = arith::AddIOp::create(in, v[2], z);
        }
        linalg::YieldOp::create(in, z);
      });
  Value z = product.getResult(0);
  if (!narrow)
    return {z};
  return {buildGeneric(b, type, {z}, [&](LocBuilder &in, ArrayRef<Value> v) {
    return arith::TruncFOp::create(in, element, v[0]);
  })};
}

// Row by row, so that large products take no longer than they must.
void MatmulOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> z) {
  const RefTensor &x = in[0], &y = in[1];
  int64_t rank = x.rank(), m = x.shape[rank - 2], k = x.shape[rank - 1],
          n = y.shape[rank - 1];
  for (int64_t row = 0, e = 0; n && e < z[0].size(); ++row, e += n)
    for (int64_t l = 0; l < k; ++l) {
      int64_t p = row * k + l, q = (row / m * k + l) * n;
      if (x.isFloat())
        for (int64_t j = 0; j < n; ++j)
          z[0].f[e + j] += x.f[p] * y.f[q + j];
      else
        for (int64_t j = 0; j < n; ++j)
          z[0].i[e + j] = wrapToType(uint64_t(z[0].i[e + j]) +
                                         uint64_t(x.i[p]) * uint64_t(y.i[q + j]),
                                     x.element);
    }
}

// dx = dz y', dy = x' dz; dx first, so that an update of y in place may follow
// right after dy.
void MatmulOp::buildVjp(LocBuilder &b, ArrayRef<Value> dz,
                        MutableArrayRef<Value> d) {
  d[0] = MatmulOp::create(b, dz[0], TransposeOp::create(b, getY(), nullptr));
  d[1] = MatmulOp::create(b, TransposeOp::create(b, getX(), nullptr), dz[0]);
}
