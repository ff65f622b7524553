// Products with sparse matrices along axes, and what is made of them:
// interpolation, response normalization, pools of uneven windows.
#include "Dialect/Varve/Ops/Resample.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

// ---- matrices ----

AxisMatrix AxisMatrix::transposed() const {
  AxisMatrix other;
  other.columns = rows.size();
  other.rows.resize(columns);
  for (size_t row = 0; row < rows.size(); ++row)
    for (const Entry &entry : rows[row])
      other.rows[entry.index].push_back({int64_t(row), entry.weight});
  return other;
}

Value AxisMatrix::apply(LocBuilder &b, Value x, int64_t axis) const {
  size_t taps = 1;
  for (const auto &row : rows)
    taps = std::max(taps, row.size());
  SmallVector<int64_t> index;
  SmallVector<double> weight;
  for (const auto &row : rows)
    for (size_t t = 0; t < taps; ++t) {
      index.push_back(t < row.size() ? row[t].index : 0);
      weight.push_back(t < row.size() ? row[t].weight : 0);
    }
  return ResampleOp::create(b, x, axis, taps, index, weight);
}

static AxisMatrix matrixOf(ResampleOp op) {
  AxisMatrix matrix;
  matrix.columns = shapeOf(op.getX())[op.getAxis()];
  int64_t taps = op.getTaps();
  matrix.rows.resize(op.getIndex().size() / taps);
  for (int64_t e = 0, n = op.getIndex().size(); e < n; ++e)
    if (op.getWeight()[e] != 0)
      matrix.rows[e / taps].push_back({op.getIndex()[e], op.getWeight()[e]});
  return matrix;
}

// ---- resample ----

LogicalResult ResampleOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location> loc,
                                           Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  int64_t axis = adaptor.getAxis(), taps = adaptor.getTaps();
  ArrayRef<int64_t> index = adaptor.getIndex();
  if (axis < 0 || axis >= x.getRank()) // resample C1
    return emitOptionalError(loc, "axis ", axis, " is not an axis of ", x);
  if (taps < 1 || index.size() != adaptor.getWeight().size() ||
      index.size() % taps != 0) // resample C2
    return emitOptionalError(loc, index.size(), " indices and ",
                             adaptor.getWeight().size(),
                             " weights are not for ", taps, " taps");
  for (int64_t i : index)
    if (i < 0 || i >= x.getDimSize(axis)) // resample C3
      return emitOptionalError(loc, i, " is no place of axis ", axis, " of ",
                               x);
  SmallVector<int64_t> shape(x.getShape());
  shape[axis] = index.size() / taps;
  types.push_back(x.clone(shape));
  return success();
}
// The matrix comes as constants, a place and a weight for each tap.
SmallVector<Value> ResampleOp::lower(LocBuilder &b, Values operands) {
  Value x = operands[0];
  Type element = elementOf(*this);
  if (element.getIntOrFloatBitWidth() < 32) {
    Value wide = castTo(b, x, b.getF32Type());
    Value y = ResampleOp::create(b, wide, getAxis(), getTaps(), getIndex(),
                                 getWeight());
    return {castTo(b, y, element)};
  }
  auto type = cast<RankedTensorType>(getType());
  int64_t axis = getAxis(), taps = getTaps(), n = type.getDimSize(axis);
  SmallVector<Value> tables;
  for (int64_t t = 0; t < taps; ++t) {
    RefTensor places(b.getI64Type(), {n}), weights(element, {n});
    for (int64_t i = 0; i < n; ++i) {
      places.i[i] = getIndex()[i * taps + t];
      weights.f[i] = getWeight()[i * taps + t];
    }
    tables.push_back(arith::ConstantOp::create(b, places.toElements()));
    tables.push_back(arith::ConstantOp::create(b, weights.toElements()));
  }
  AffineMap map = AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(axis),
                                 b.getContext());
  return {buildGeneric(
      b, type, tables,
      [&](LocBuilder &in, Values v) {
        SmallVector<Value> at;
        for (int64_t d = 0; d < type.getRank(); ++d)
          at.push_back(linalg::IndexOp::create(in, d));
        Value sum;
        for (int64_t t = 0; t < taps; ++t) {
          at[axis] =
              arith::IndexCastOp::create(in, in.getIndexType(), v[2 * t]);
          Value one = tensor::ExtractOp::create(in, x, at);
          one = arith::MulFOp::create(in, one, v[2 * t + 1]);
          sum = sum ? Value(arith::AddFOp::create(in, sum, one)) : one;
        }
        return sum;
      },
      SmallVector<AffineMap>(tables.size(), map))};
}
void ResampleOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  int64_t axis = getAxis(), taps = getTaps();
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape);
    for (int64_t t = 0, row = at[axis] * taps; t < taps; ++t) {
      at[axis] = getIndex()[row + t];
      y[0].f[e] += x[0].f[positionOf(at, x[0].shape)] * getWeight()[row + t];
    }
  }
}
void ResampleOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  dx[0] = matrixOf(*this).transposed().apply(b, dy[0], getAxis());
}

// ---- sizes for the axes after samples and channels ----

static LogicalResult inferResized(std::optional<Location> loc,
                                  RankedTensorType x, ArrayRef<int64_t> size,
                                  Infer types) {
  SmallVector<int64_t> shape(x.getShape());
  bool fits = x.getRank() >= 3 && int64_t(size.size()) == x.getRank() - 2;
  for (size_t d = 0; fits && d < size.size(); ++d) {
    fits = size[d] >= 1 && shape[2 + d] >= 1;
    shape[2 + d] = size[d];
  }
  if (!fits)
    return emitOptionalError(loc, "cannot bring ", x, " to size [", size, "]");
  types.push_back(x.clone(shape));
  return success();
}

// ---- interpolate ----

/// The matrix along one axis.
static AxisMatrix interpolation(int64_t from, int64_t to, bool linear,
                                bool corners) {
  AxisMatrix matrix;
  matrix.columns = from;
  for (int64_t i = 0; i < to; ++i) {
    if (!linear) {
      matrix.rows.push_back({{i * from / to, 1}});
      continue;
    }
    double at = (i + 0.5) * from / to - 0.5;
    if (corners)
      at = to > 1 ? double(i * (from - 1)) / (to - 1) : 0;
    at = std::clamp(at, 0.0, double(from - 1));
    int64_t low = at;
    double part = at - low;
    matrix.rows.push_back({{low, 1 - part}});
    if (part > 0)
      matrix.rows.back().push_back({low + 1, part});
  }
  return matrix;
}

LogicalResult InterpolateOp::inferReturnTypes(MLIRContext *,
                                              std::optional<Location> loc,
                                              Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  if (failed(inferResized(loc, x, adaptor.getSize(), types)))
    return failure(); // interpolate C1
  StringRef linear[] = {"linear", "bilinear", "trilinear"};
  int64_t axes = x.getRank() - 2;
  bool nearest = adaptor.getMode() == "nearest";
  if (!nearest && (axes > 3 || adaptor.getMode() != linear[axes - 1] ||
                   !isa<FloatType>(x.getElementType()))) // interpolate C2
    return emitOptionalError(loc, "no mode \"", adaptor.getMode(), "\" for ",
                             x);
  if (nearest && adaptor.getAlignCorners()) // interpolate C3
    return emitOptionalError(loc, "mode \"nearest\" aligns no corners");
  return success();
}
static AxisMatrix matrixOf(InterpolateOp op, int64_t axis) {
  return interpolation(shapeOf(op.getX())[axis], op.getSize()[axis - 2],
                       op.getMode() != "nearest", op.getAlignCorners());
}
SmallVector<Value> InterpolateOp::lower(LocBuilder &b, Values operands) {
  auto type = signless(cast<RankedTensorType>(getType()));
  Value x = operands[0];
  int64_t rank = type.getRank();
  if (getMode() != "nearest") {
    // Along the last axis first: the first pass is over the smaller tensor.
    for (int64_t d = rank - 1; d >= 2; --d)
      x = matrixOf(*this, d).apply(b, x, d);
    return {x};
  }
  return {buildGeneric(b, type, {}, [&](LocBuilder &in, Values) -> Value {
    SmallVector<Value> at;
    for (int64_t d = 0; d < rank; ++d) {
      Value i = linalg::IndexOp::create(in, d);
      int64_t from = typeOf(x).getDimSize(d), to = type.getDimSize(d);
      int64_t common = std::gcd(from, to);
      if (from != common)
        i = arith::MulIOp::create(
            in, i, arith::ConstantIndexOp::create(in, from / common));
      if (to != common)
        i = arith::DivSIOp::create(
            in, i, arith::ConstantIndexOp::create(in, to / common));
      at.push_back(i);
    }
    return tensor::ExtractOp::create(in, x, at);
  })};
}
// From the formula, element by element.
void InterpolateOp::evaluate(ArrayRef<RefTensor> in,
                             MutableArrayRef<RefTensor> y) {
  const RefTensor &x = in[0];
  int64_t axes = x.rank() - 2;
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> to = indexOf(e, y[0].shape);
    if (getMode() == "nearest") {
      std::vector<int64_t> from = to;
      for (int64_t d = 2; d < x.rank(); ++d)
        from[d] = to[d] * x.shape[d] / y[0].shape[d];
      y[0].set(e, x.at(positionOf(from, x.shape)));
      continue;
    }
    // Each corner of the cell around the place, weighed by its distance.
    for (int64_t corner = 0; corner < int64_t(1) << axes; ++corner) {
      std::vector<int64_t> from = to;
      double weight = 1;
      for (int64_t d = 0; d < axes; ++d) {
        double n = x.shape[2 + d], m = y[0].shape[2 + d], i = to[2 + d];
        double at = getAlignCorners() ? (m > 1 ? i * (n - 1) / (m - 1) : 0)
                                      : (i + 0.5) * n / m - 0.5;
        at = std::min(std::max(at, 0.0), n - 1);
        int64_t place = int64_t(std::floor(at)) + (corner >> d & 1);
        weight *= std::max(0.0, 1 - std::fabs(at - double(place)));
        from[2 + d] = std::min<int64_t>(place, n - 1);
      }
      y[0].f[e] += weight * x.f[positionOf(from, x.shape)];
    }
  }
}
void InterpolateOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  Value d = dy[0];
  for (int64_t axis = 2; axis < typeOf(d).getRank(); ++axis)
    if (shapeOf(getX())[axis] != shapeOf(d)[axis])
      d = matrixOf(*this, axis).transposed().apply(b, d, axis);
  dx[0] = d;
}

// ---- local_response_norm ----

LogicalResult LocalResponseNormOp::verify() {
  if (shapeOf(getX()).size() < 2) // local_response_norm C1
    return emitOpError() << getX().getType() << " has no channels";
  if (getSize() < 1) // local_response_norm C2
    return emitOpError() << "size " << getSize() << " is not positive";
  return success();
}
/// Sums over the channels around each.
static AxisMatrix neighbours(LocalResponseNormOp op) {
  AxisMatrix matrix;
  int64_t n = shapeOf(op.getX())[1], before = op.getSize() / 2;
  int64_t after = op.getSize() - 1 - before;
  matrix.columns = n;
  matrix.rows.resize(n);
  for (int64_t c = 0; c < n; ++c)
    for (int64_t i = std::max<int64_t>(0, c - before),
                 end = std::min(n - 1, c + after);
         i <= end; ++i)
      matrix.rows[c].push_back({i, 1});
  return matrix;
}
/// k + alpha / size * sum of x^2 around.
static Value responseOf(LocBuilder &b, LocalResponseNormOp op, Value x) {
  Value squares = neighbours(op).apply(b, mul(b, x, x), 1);
  squares = mul(b, squares, op.getAlpha().convertToDouble() / op.getSize());
  return add(b, squares, constantLike(b, x, op.getK().convertToDouble()));
}
SmallVector<Value> LocalResponseNormOp::lower(LocBuilder &b, Values operands) {
  Type element = elementOf(*this);
  bool narrow = element.getIntOrFloatBitWidth() < 32;
  Value x = castTo(b, operands[0], narrow ? b.getF32Type() : element);
  Value beta = constantLike(b, x, getBeta().convertToDouble());
  Value power = PowOp::create(b, responseOf(b, *this, x), beta);
  return {castTo(b, div(b, x, power), element)};
}
void LocalResponseNormOp::evaluate(ArrayRef<RefTensor> x,
                                   MutableArrayRef<RefTensor> y) {
  int64_t channels = x[0].shape[1], size = getSize();
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, x[0].shape);
    double sum = 0;
    int64_t first = at[1] - size / 2;
    for (int64_t c = first; c < first + size; ++c) {
      if (c < 0 || c >= channels)
        continue;
      at[1] = c;
      double v = x[0].f[positionOf(at, x[0].shape)];
      sum += v * v;
    }
    double base =
        getK().convertToDouble() + getAlpha().convertToDouble() * sum / size;
    y[0].f[e] = x[0].f[e] / std::pow(base, getBeta().convertToDouble());
  }
}
// With r the response: dy r^-beta, and through the squares
// -2 alpha beta / size x sum around of dy x r^(-beta - 1).
void LocalResponseNormOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  Value x = getX(), r = responseOf(b, *this, x);
  double beta = getBeta().convertToDouble();
  double factor = -2 * beta * getAlpha().convertToDouble() / getSize();
  Value power = PowOp::create(b, r, constantLike(b, r, -beta));
  Value direct = mul(b, dy[0], power);
  Value through = div(b, mul(b, direct, x), r);
  through = neighbours(*this).transposed().apply(b, through, 1);
  dx[0] = add(b, direct, mul(b, mul(b, x, through), factor));
}

// ---- adaptive pools ----

namespace {
/// The windows of an adaptive pool along one axis.
struct Parts {
  int64_t from, to;

  int64_t begin(int64_t p) const { return p * from / to; }
  int64_t end(int64_t p) const { return llvm::divideCeil((p + 1) * from, to); }
  bool even() const { return from % to == 0; }
  /// The size of windows of a pool that does this axis; 1 where they differ.
  int64_t kernel() const { return even() ? from / to : 1; }
  /// The most elements of a window.
  int64_t most() const {
    int64_t n = 1;
    for (int64_t p = 0; p < to; ++p)
      n = std::max(n, end(p) - begin(p));
    return n;
  }
  AxisMatrix means() const {
    AxisMatrix matrix;
    matrix.columns = from;
    for (int64_t p = 0; p < to; ++p) {
      matrix.rows.emplace_back();
      for (int64_t i = begin(p); i < end(p); ++i)
        matrix.rows.back().push_back({i, 1.0 / double(end(p) - begin(p))});
    }
    return matrix;
  }
  /// All windows one after the other, filled up to `most()` by their last.
  AxisMatrix windows() const {
    AxisMatrix matrix;
    matrix.columns = from;
    for (int64_t p = 0; p < to; ++p)
      for (int64_t k = 0; k < most(); ++k)
        matrix.rows.push_back({{std::min(begin(p) + k, end(p) - 1), 1}});
    return matrix;
  }
};
} // namespace

template <class Op> static SmallVector<Parts> partsOf(Op op) {
  SmallVector<Parts> parts;
  for (auto [from, to] :
       llvm::zip(shapeOf(op.getX()).drop_front(2), op.getSize()))
    parts.push_back({from, to});
  return parts;
}

LogicalResult AdaptiveAvgPoolOp::inferReturnTypes(MLIRContext *,
                                                  std::optional<Location> loc,
                                                  Adaptor adaptor,
                                                  Infer types) {
  return inferResized(loc, typeOf(adaptor.getX()), adaptor.getSize(),
                      types); // adaptive_avg_pool C1
}
LogicalResult AdaptiveMaxPoolOp::inferReturnTypes(MLIRContext *,
                                                  std::optional<Location> loc,
                                                  Adaptor adaptor,
                                                  Infer types) {
  return inferResized(loc, typeOf(adaptor.getX()), adaptor.getSize(),
                      types); // adaptive_max_pool C1
}

/// Calls visit(result position, operand position) for each element of each
/// window, in row order.
static void forEachElement(ArrayRef<Parts> parts, ArrayRef<int64_t> x,
                           ArrayRef<int64_t> y,
                           llvm::function_ref<void(int64_t, int64_t)> visit) {
  int64_t outputs = 1, inputs = 1;
  for (int64_t size : y)
    outputs *= size;
  for (const Parts &axis : parts)
    inputs *= axis.from;
  for (int64_t e = 0; e < outputs; ++e)
    for (int64_t i = 0; i < inputs; ++i) {
      std::vector<int64_t> at = indexOf(e, y), to = at;
      std::vector<int64_t> place = indexOf(i, x.drop_front(2));
      bool inside = true;
      for (auto [d, axis] : llvm::enumerate(parts)) {
        at[2 + d] = place[d];
        inside &=
            place[d] >= axis.begin(to[2 + d]) && place[d] < axis.end(to[2 + d]);
      }
      if (inside)
        visit(e, positionOf(at, x));
    }
}

static SmallVector<int64_t> kernelsOf(ArrayRef<Parts> parts) {
  SmallVector<int64_t> kernel;
  for (const Parts &axis : parts)
    kernel.push_back(axis.kernel());
  return kernel;
}
static bool allOnes(ArrayRef<int64_t> list) {
  return llvm::all_of(list, [](int64_t n) { return n == 1; });
}

// Even windows are those of a pool, others means by a matrix.
SmallVector<Value> AdaptiveAvgPoolOp::lower(LocBuilder &b, Values operands) {
  Value x = operands[0];
  SmallVector<Parts> parts = partsOf(*this);
  SmallVector<int64_t> kernel = kernelsOf(parts), none(parts.size(), 0);
  if (!allOnes(kernel))
    x = AvgPoolOp::create(b, x, kernel, kernel, none, false, true);
  for (auto [d, axis] : llvm::enumerate(parts))
    if (!axis.even())
      x = axis.means().apply(b, x, 2 + d);
  return {x};
}
void AdaptiveAvgPoolOp::evaluate(ArrayRef<RefTensor> x,
                                 MutableArrayRef<RefTensor> y) {
  std::vector<double> counts(y[0].size(), 0);
  forEachElement(partsOf(*this), x[0].shape, y[0].shape,
                 [&](int64_t to, int64_t from) {
                   y[0].f[to] += x[0].f[from];
                   ++counts[to];
                 });
  for (int64_t e = 0; e < y[0].size(); ++e)
    y[0].f[e] /= counts[e];
}
void AdaptiveAvgPoolOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  Value d = dy[0];
  SmallVector<Parts> parts = partsOf(*this);
  SmallVector<int64_t> kernel = kernelsOf(parts), none(parts.size(), 0);
  for (auto [i, axis] : llvm::enumerate(parts))
    if (!axis.even())
      d = axis.means().transposed().apply(b, d, 2 + i);
  if (!allOnes(kernel))
    d = AvgUnpoolOp::create(b, d, shapeOf(getX()).drop_front(2), kernel, kernel,
                            none, false, true);
  dx[0] = d;
}

/// The places of a matrix with one 1 in each row.
static Value placesOf(LocBuilder &b, const AxisMatrix &matrix) {
  RefTensor places(b.getI64Type(), {int64_t(matrix.rows.size())});
  for (size_t i = 0; i < matrix.rows.size(); ++i)
    places.i[i] = matrix.rows[i][0].index;
  return ConstantOp::create(b, places.toElements());
}

/// Uneven windows are laid out one after the other; then all are even.
static MaxPoolOp poolEvenly(LocBuilder &b, Value x, ArrayRef<Parts> parts) {
  SmallVector<int64_t> kernel, none(parts.size(), 0), ones(parts.size(), 1);
  for (auto [d, axis] : llvm::enumerate(parts)) {
    kernel.push_back(axis.even() ? axis.kernel() : axis.most());
    if (!axis.even())
      x = GatherOp::create(b, x, placesOf(b, axis.windows()), 2 + d);
  }
  return MaxPoolOp::create(b, x, kernel, kernel, none, ones, false);
}
SmallVector<Value> AdaptiveMaxPoolOp::lower(LocBuilder &b, Values operands) {
  return {poolEvenly(b, operands[0], partsOf(*this)).getY()};
}
void AdaptiveMaxPoolOp::evaluate(ArrayRef<RefTensor> x,
                                 MutableArrayRef<RefTensor> y) {
  std::vector<bool> seen(y[0].size(), false);
  bool noSign = varve::isUnsigned(x[0].element);
  forEachElement(
      partsOf(*this), x[0].shape, y[0].shape, [&](int64_t to, int64_t from) {
        RefScalar a = y[0].at(to), v = x[0].at(from);
        bool wins = noSign ? uint64_t(v.i) > uint64_t(a.i) : v.i > a.i;
        if (x[0].isFloat())
          wins = v.f > a.f || std::isnan(v.f);
        if (!seen[to] || wins)
          y[0].set(to, v);
        seen[to] = true;
      });
}
void AdaptiveMaxPoolOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  SmallVector<Parts> parts = partsOf(*this);
  MaxPoolOp pool = poolEvenly(b, getX(), parts);
  Value d = MaxUnpoolOp::create(b, dy[0], pool.getIndex(),
                                shapeOf(pool.getX()).drop_front(2),
                                pool.getKernel(), pool.getStride(),
                                pool.getPadding(), pool.getDilation(), false);
  for (auto [i, axis] : llvm::enumerate(parts))
    if (!axis.even())
      d = axis.windows().transposed().apply(b, d, 2 + i);
  dx[0] = d;
}
