// Slices, padding, reversal, concatenation.
#include "Dialect/Varve/Ops/Resample.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

/// The elements of `x` at places that depend on the result's index in each
/// axis. (An indexing map would do, but linalg wants loops over all of x where
/// the map is the identity.)
static Value readAt(
    LocBuilder &b, RankedTensorType type, Value x,
    llvm::function_ref<Value(LocBuilder &, int64_t axis, Value index)> place) {
  return buildGeneric(b, type, {}, [&](LocBuilder &in, Values) -> Value {
    SmallVector<Value> at;
    for (int64_t d = 0; d < type.getRank(); ++d)
      at.push_back(place(in, d, linalg::IndexOp::create(in, d)));
    return tensor::ExtractOp::create(in, x, at);
  });
}
static Value number(LocBuilder &b, int64_t n) {
  return arith::ConstantIndexOp::create(b, n);
}

// ---- slice ----

LogicalResult SliceOp::inferReturnTypes(MLIRContext *,
                                        std::optional<Location> loc,
                                        Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  auto begin = adaptor.getBegin(), end = adaptor.getEnd(),
       step = adaptor.getStep();
  size_t rank = x.getRank();
  if (begin.size() != rank || end.size() != rank ||
      step.size() != rank) // slice C1
    return emitOptionalError(loc, "begin [", begin, "], end [", end,
                             "] and step [", step, "] do not suit ", x);
  SmallVector<int64_t> shape;
  for (size_t d = 0; d < rank; ++d) {
    if (begin[d] < 0 || begin[d] > end[d] || end[d] > x.getDimSize(d) ||
        step[d] < 1) // slice C2
      return emitOptionalError(loc, "no slice ", begin[d], ":", end[d], ":",
                               step[d], " of axis ", d, " of ", x);
    shape.push_back((end[d] - begin[d] + step[d] - 1) / step[d]);
  }
  types.push_back(x.clone(shape));
  return success();
}
OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    return splat.resizeSplat(cast<ShapedType>(getType()));
  return {};
}
SmallVector<Value> SliceOp::lower(LocBuilder &b, Values x) {
  auto type = signless(cast<RankedTensorType>(getType()));
  return {readAt(b, type, x[0], [&](LocBuilder &in, int64_t d, Value i) {
    if (getStep()[d] != 1)
      i = arith::MulIOp::create(in, i, number(in, getStep()[d]));
    if (getBegin()[d] != 0)
      i = arith::AddIOp::create(in, i, number(in, getBegin()[d]));
    return i;
  })};
}
void SliceOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape);
    for (size_t d = 0; d < at.size(); ++d)
      at[d] = getBegin()[d] + at[d] * getStep()[d];
    y[0].set(e, x[0].at(positionOf(at, x[0].shape)));
  }
}
// Zeros where nothing was taken.
void SliceOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  SmallVector<int64_t> after;
  ArrayRef<int64_t> from = shapeOf(getX()), to = shapeOf(getResult());
  for (size_t d = 0; d < from.size(); ++d) {
    if (to[d] == 0) { // Nothing depends on x.
      dx[0] = constantLike(b, getX(), 0);
      return;
    }
    int64_t last = getBegin()[d] + (to[d] - 1) * getStep()[d];
    after.push_back(from[d] - 1 - last);
  }
  dx[0] = PadOp::create(b, dy[0], getBegin(), after, APFloat(0.0), "constant",
                        b.getDenseI64ArrayAttr(getStep()));
}

// ---- pad ----

namespace {
/// What pad does along one axis of x: new places and their distance.
struct Margin {
  int64_t before = 0, after = 0, step = 1;
};
} // namespace
static SmallVector<Margin> marginsOf(PadOp op) {
  int64_t rank = shapeOf(op.getX()).size(), n = op.getBefore().size();
  SmallVector<Margin> margins(rank);
  for (int64_t i = 0; i < n; ++i)
    margins[rank - n + i] = {op.getBefore()[i], op.getAfter()[i],
                             op.getStep() ? (*op.getStep())[i] : 1};
  return margins;
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *,
                                      std::optional<Location> loc,
                                      Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  auto before = adaptor.getBefore(), after = adaptor.getAfter();
  auto step = adaptor.getStep();
  int64_t n = before.size(), rank = x.getRank();
  if (n > rank || int64_t(after.size()) != n ||
      (step && int64_t(step->size()) != n)) // pad C1
    return emitOptionalError(loc, "before [", before, "] and after [", after,
                             "] do not suit ", x);
  SmallVector<int64_t> shape(x.getShape());
  for (int64_t i = 0; i < n; ++i) {
    int64_t distance = step ? (*step)[i] : 1, &size = shape[rank - n + i];
    if (before[i] < 0 || after[i] < 0 || distance < 1) // pad C2
      return emitOptionalError(loc, "cannot pad by ", before[i], " and ",
                               after[i], " with step ", distance);
    size = before[i] + (size > 0 ? (size - 1) * distance + 1 : 0) + after[i];
  }
  StringRef mode = adaptor.getMode();
  if (mode != "constant" && mode != "edge" && mode != "reflect") // pad C3
    return emitOptionalError(loc, "unknown mode \"", mode, "\"");
  for (int64_t i = 0; mode != "constant" && i < n; ++i) {
    int64_t most = std::max(before[i], after[i]),
            had = x.getDimSize(rank - n + i);
    if (step || (most > 0 && had == 0) ||
        (mode == "reflect" && most > 0 && most >= had)) // pad C4
      return emitOptionalError(loc, "mode \"", mode, "\" cannot pad axis ",
                               rank - n + i, " of ", x, " by ", before[i],
                               " and ", after[i], step ? " with steps" : "");
  }
  types.push_back(x.clone(shape));
  return success();
}
OpFoldResult PadOp::fold(FoldAdaptor) {
  return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
}
/// x beyond its edges by its own elements: places are held to it, or mirrored.
static Value padByOwn(LocBuilder &b, RankedTensorType type, Value x,
                      ArrayRef<Margin> margins, bool reflect) {
  return readAt(b, type, x, [&](LocBuilder &in, int64_t d, Value i) -> Value {
    auto [before, after, step] = margins[d];
    Value zero = number(in, 0), last = number(in, typeOf(x).getDimSize(d) - 1);
    if (before > 0) {
      i = arith::SubIOp::create(in, i, number(in, before));
      Value mirrored =
          reflect ? Value(arith::SubIOp::create(in, zero, i)) : zero;
      i = arith::MaxSIOp::create(in, i, mirrored);
    }
    if (after > 0) {
      Value mirrored = last;
      if (reflect) {
        mirrored = arith::AddIOp::create(in, last, last);
        mirrored = arith::SubIOp::create(in, mirrored, i);
      }
      i = arith::MinSIOp::create(in, i, mirrored);
    }
    return i;
  });
}
/// The same along one axis of n elements, as a matrix.
static AxisMatrix paddingOf(const Margin &margin, int64_t n, bool reflect) {
  AxisMatrix matrix;
  matrix.columns = n;
  for (int64_t i = -margin.before; i < n + margin.after; ++i) {
    int64_t inside = std::clamp<int64_t>(i, 0, n - 1);
    matrix.rows.push_back({{reflect ? 2 * inside - i : inside, 1}});
  }
  return matrix;
}
// Each element of the result is x at (index - before) / step where that is a
// place of x, else the value.
SmallVector<Value> PadOp::lower(LocBuilder &b, Values operands) {
  auto type = signless(cast<RankedTensorType>(getType()));
  Value x = operands[0];
  if (getMode() != "constant")
    return {padByOwn(b, type, x, marginsOf(*this), getMode() == "reflect")};
  auto from = typeOf(x);
  Value fill = scalar(b, type.getElementType(), getValue().convertToDouble());
  if (from.getNumElements() == 0)
    return {
        buildGeneric(b, type, {}, [&](LocBuilder &, Values) { return fill; })};
  SmallVector<Margin> margins = marginsOf(*this);
  return {buildGeneric(b, type, {}, [&](LocBuilder &in, Values) -> Value {
    auto compare = [&](arith::CmpIPredicate p, Value v, int64_t n) -> Value {
      return arith::CmpIOp::create(in, p, v, number(in, n));
    };
    Value inside;
    auto require = [&](Value test) {
      inside = inside ? Value(arith::AndIOp::create(in, inside, test)) : test;
    };
    SmallVector<Value> at;
    for (auto [d, m] : llvm::enumerate(margins)) {
      Value i = linalg::IndexOp::create(in, d);
      int64_t last = from.getDimSize(d) - 1;
      if (m.before > 0) {
        require(compare(arith::CmpIPredicate::sge, i, m.before));
        i = arith::SubIOp::create(in, i, number(in, m.before));
      }
      if (m.after > 0)
        require(compare(arith::CmpIPredicate::sle, i, last * m.step));
      if (m.before > 0)
        i = arith::MaxSIOp::create(in, i, number(in, 0));
      if (m.step > 1) {
        Value rest = arith::RemSIOp::create(in, i, number(in, m.step));
        require(compare(arith::CmpIPredicate::eq, rest, 0));
        i = arith::DivSIOp::create(in, i, number(in, m.step));
      }
      if (m.after > 0)
        i = arith::MinSIOp::create(in, i, number(in, last));
      at.push_back(i);
    }
    Value v = tensor::ExtractOp::create(in, x, at);
    return inside ? Value(arith::SelectOp::create(in, inside, v, fill)) : v;
  })};
}
void PadOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  SmallVector<Margin> margins = marginsOf(*this);
  for (int64_t e = 0; getMode() != "constant" && e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape);
    for (int64_t d = 0; d < x[0].rank(); ++d) {
      int64_t i = at[d] - margins[d].before, n = x[0].shape[d];
      if (i < 0)
        i = getMode() == "edge" ? 0 : -i;
      else if (i >= n)
        i = getMode() == "edge" ? n - 1 : 2 * (n - 1) - i;
      at[d] = i;
    }
    y[0].set(e, x[0].at(positionOf(at, x[0].shape)));
  }
  if (getMode() != "constant")
    return;
  double value = getValue().convertToDouble();
  for (int64_t e = 0; e < y[0].size(); ++e)
    y[0].set(e, {value, wrapToType(int64_t(value), y[0].element)});
  for (int64_t e = 0; e < x[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, x[0].shape);
    for (auto [i, m] : llvm::zip(at, margins))
      i = m.before + i * m.step;
    y[0].set(positionOf(at, y[0].shape), x[0].at(e));
  }
}
void PadOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  if (getMode() != "constant") {
    dx[0] = dy[0];
    for (auto [d, margin] : llvm::enumerate(marginsOf(*this)))
      if (margin.before + margin.after > 0)
        dx[0] = paddingOf(margin, shapeOf(getX())[d], getMode() == "reflect")
                    .transposed()
                    .apply(b, dx[0], d);
    return;
  }
  SmallVector<int64_t> begin, end, step;
  for (auto [m, size] : llvm::zip(marginsOf(*this), shapeOf(getX()))) {
    begin.push_back(m.before);
    end.push_back(m.before + (size > 0 ? (size - 1) * m.step + 1 : 0));
    step.push_back(m.step);
  }
  dx[0] = SliceOp::create(b, dy[0], begin, end, step);
}

// ---- flip ----

LogicalResult FlipOp::verify() {
  int64_t rank = shapeOf(getX()).size();
  SmallVector<bool> seen(rank, false);
  for (int64_t axis : getAxis()) {
    int64_t d = normalAxis(axis, rank);
    if (d < 0 || d >= rank || seen[d]) // flip C1
      return emitOpError() << "[" << getAxis() << "] are not axes of "
                           << getX().getType();
    seen[d] = true;
  }
  return success();
}
static bool isFlipped(FlipOp op, int64_t d) {
  int64_t rank = shapeOf(op.getX()).size();
  return llvm::any_of(
      op.getAxis(), [&](int64_t axis) { return normalAxis(axis, rank) == d; });
}
SmallVector<Value> FlipOp::lower(LocBuilder &b, Values x) {
  auto type = typeOf(x[0]);
  return {readAt(b, type, x[0], [&](LocBuilder &in, int64_t d, Value i) {
    if (!isFlipped(*this, d))
      return i;
    Value last = number(in, type.getDimSize(d) - 1);
    return Value(arith::SubIOp::create(in, last, i));
  })};
}
void FlipOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  for (int64_t e = 0; e < y[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, y[0].shape);
    for (size_t d = 0; d < at.size(); ++d)
      if (isFlipped(*this, d))
        at[d] = x[0].shape[d] - 1 - at[d];
    y[0].set(e, x[0].at(positionOf(at, x[0].shape)));
  }
}
void FlipOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  dx[0] = FlipOp::create(b, dy[0], getAxis());
}

// ---- concat ----

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor, Infer types) {
  if (adaptor.getX().empty()) // concat C1
    return emitOptionalError(loc, "nothing to concatenate");
  auto first = typeOf(adaptor.getX()[0]);
  int64_t rank = first.getRank(), axis = normalAxis(adaptor.getAxis(), rank);
  if (axis < 0 || axis >= rank) // concat C2
    return emitOptionalError(loc, "axis ", adaptor.getAxis(),
                             " is not an axis of ", first);
  SmallVector<int64_t> shape(first.getShape());
  shape[axis] = 0;
  for (Value v : adaptor.getX()) {
    auto x = typeOf(v);
    bool fits = x.getElementType() == first.getElementType() &&
                x.getRank() == rank; // concat C1
    for (int64_t d = 0; fits && d < rank; ++d)
      fits = d == axis || x.getDimSize(d) == shape[d]; // concat C3
    if (!fits)
      return emitOptionalError(loc, "cannot concatenate ", first, " and ", x,
                               " along axis ", axis);
    shape[axis] += x.getDimSize(axis);
  }
  types.push_back(first.clone(shape));
  return success();
}
OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getX().size() == 1 ? OpFoldResult(getX()[0]) : OpFoldResult();
}
// From the last: x[k] from where x[k] begins on. Places are held to each x, so
// that what is not chosen may be read as well.
SmallVector<Value> ConcatOp::lower(LocBuilder &b, Values x) {
  auto type = signless(cast<RankedTensorType>(getType()));
  int64_t axis = normalAxis(getAxis(), type.getRank());
  return {buildGeneric(b, type, {}, [&](LocBuilder &in, Values) -> Value {
    SmallVector<Value> at;
    for (int64_t d = 0; d < type.getRank(); ++d)
      at.push_back(linalg::IndexOp::create(in, d));
    Value i = at[axis], chosen;
    int64_t begin = type.getDimSize(axis);
    for (Value part : llvm::reverse(x)) {
      int64_t n = typeOf(part).getDimSize(axis), end = begin;
      begin -= n;
      if (n == 0)
        continue;
      Value here = arith::SubIOp::create(in, i, number(in, begin));
      if (begin > 0)
        here = arith::MaxSIOp::create(in, here, number(in, 0));
      if (end < type.getDimSize(axis))
        here = arith::MinSIOp::create(in, here, number(in, n - 1));
      at[axis] = here;
      Value v = tensor::ExtractOp::create(in, part, at);
      if (chosen) {
        Value before = arith::CmpIOp::create(in, arith::CmpIPredicate::slt, i,
                                             number(in, end));
        v = arith::SelectOp::create(in, before, v, chosen);
      }
      chosen = v;
    }
    // Without any element nothing runs.
    return chosen ? chosen : scalar(in, type.getElementType(), 0);
  })};
}
void ConcatOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  int64_t axis = normalAxis(getAxis(), y[0].rank()), begin = 0;
  for (const RefTensor &part : x) {
    for (int64_t e = 0; e < part.size(); ++e) {
      std::vector<int64_t> at = indexOf(e, part.shape);
      at[axis] += begin;
      y[0].set(positionOf(at, y[0].shape), part.at(e));
    }
    begin += part.shape[axis];
  }
}
void ConcatOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  ArrayRef<int64_t> shape = shapeOf(getResult());
  SmallVector<int64_t> begin(shape.size(), 0), step(shape.size(), 1);
  int64_t axis = normalAxis(getAxis(), shape.size());
  for (auto [i, part] : llvm::enumerate(getX())) {
    SmallVector<int64_t> end(shape);
    end[axis] = begin[axis] + shapeOf(part)[axis];
    dx[i] = SliceOp::create(b, dy[0], begin, end, step);
    begin[axis] = end[axis];
  }
}

// ---- stack ----

LogicalResult StackOp::inferReturnTypes(MLIRContext *,
                                        std::optional<Location> loc,
                                        Adaptor adaptor, Infer types) {
  if (adaptor.getX().empty()) // stack C1
    return emitOptionalError(loc, "nothing to stack");
  auto first = typeOf(adaptor.getX()[0]);
  for (Value v : adaptor.getX())
    if (v.getType() != first) // stack C1
      return emitOptionalError(loc, "cannot stack ", first, " and ",
                               v.getType());
  int64_t rank = first.getRank() + 1,
          axis = normalAxis(adaptor.getAxis(), rank);
  if (axis < 0 || axis >= rank) // stack C2
    return emitOptionalError(loc, "axis ", adaptor.getAxis(),
                             " is not a new axis of ", first);
  SmallVector<int64_t> shape(first.getShape());
  shape.insert(shape.begin() + axis, adaptor.getX().size());
  types.push_back(first.clone(shape));
  return success();
}
/// The shape of one of what is stacked, with the new axis.
static SmallVector<int64_t> shapeOfOne(StackOp op) {
  SmallVector<int64_t> shape(shapeOf(op.getResult()));
  shape[normalAxis(op.getAxis(), shape.size())] = 1;
  return shape;
}
SmallVector<Value> StackOp::lower(LocBuilder &b, Values x) {
  SmallVector<Value> parts;
  for (Value v : x)
    parts.push_back(reshape(b, v, shapeOfOne(*this)));
  return {ConcatOp::create(b, parts, getAxis())};
}
void StackOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  int64_t axis = normalAxis(getAxis(), y[0].rank());
  for (size_t i = 0; i < x.size(); ++i)
    for (int64_t e = 0; e < x[i].size(); ++e) {
      std::vector<int64_t> at = indexOf(e, x[i].shape);
      at.insert(at.begin() + axis, i);
      y[0].set(positionOf(at, y[0].shape), x[i].at(e));
    }
}
void StackOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  ArrayRef<int64_t> shape = shapeOf(getResult());
  SmallVector<int64_t> begin(shape.size(), 0), end(shape),
      step(shape.size(), 1);
  int64_t axis = normalAxis(getAxis(), shape.size());
  for (auto [i, part] : llvm::enumerate(getX())) {
    begin[axis] = i;
    end[axis] = i + 1;
    Value one = SliceOp::create(b, dy[0], begin, end, step);
    dx[i] = reshape(b, one, shapeOf(part));
  }
}

// ---- split ----

LogicalResult SplitOp::inferReturnTypes(MLIRContext *,
                                        std::optional<Location> loc,
                                        Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX());
  int64_t axis = normalAxis(adaptor.getAxis(), x.getRank());
  int64_t parts = adaptor.getParts();
  if (axis < 0 || axis >= x.getRank() || parts < 1 ||
      x.getDimSize(axis) % parts != 0) // split C1
    return emitOptionalError(loc, "cannot split axis ", adaptor.getAxis(),
                             " of ", x, " in ", parts);
  SmallVector<int64_t> shape(x.getShape());
  shape[axis] /= parts;
  types.assign(parts, x.clone(shape));
  return success();
}
SmallVector<Value> SplitOp::lower(LocBuilder &b, Values x) {
  ArrayRef<int64_t> shape = shapeOf(x[0]);
  SmallVector<int64_t> begin(shape.size(), 0), end(shape),
      step(shape.size(), 1);
  int64_t axis = normalAxis(getAxis(), shape.size());
  int64_t size = shape[axis] / getParts();
  SmallVector<Value> parts;
  for (int64_t i = 0; i < getParts(); ++i) {
    begin[axis] = i * size;
    end[axis] = (i + 1) * size;
    parts.push_back(SliceOp::create(b, x[0], begin, end, step));
  }
  return parts;
}
void SplitOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  int64_t axis = normalAxis(getAxis(), x[0].rank());
  int64_t size = x[0].shape[axis] / getParts();
  for (int64_t e = 0; e < x[0].size(); ++e) {
    std::vector<int64_t> at = indexOf(e, x[0].shape);
    RefTensor &part = y[at[axis] / size];
    at[axis] %= size;
    part.set(positionOf(at, part.shape), x[0].at(e));
  }
}
void SplitOp::buildVjp(LocBuilder &b, Values dy, Grads dx) {
  SmallVector<Value> parts;
  for (auto [cotangent, part] : llvm::zip(dy, getResults()))
    parts.push_back(cotangent ? cotangent : constantLike(b, part, 0));
  dx[0] = ConcatOp::create(b, parts, getAxis());
}
