// Indices that a model gives, as the dialect takes them.
#include "Onnx/Indices.h"
#include "Onnx/ImportImpl.h"

using namespace mlir;

namespace varve::onnx {

int64_t countOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

Ints stridesOf(ArrayRef<int64_t> shape) {
  Ints strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Value indicesAlong(Call &c, ArrayRef<int64_t> shape, int64_t axis) {
  return c.make(
      "iota", {},
      {{"shape", shape}, {"axis", axis}, {"dtype", c.b.getI64Type()}});
}

Value axisIndices(Call &c, Value index, int64_t size) {
  if (!isa<IntegerType>(typeOf(index).getElementType()))
    c.fail("indices are not integers");
  if (const RefTensor *known = c.importer.knownConstant(index)) {
    RefTensor held(c.b.getI64Type(), shapeOf(index));
    for (int64_t e = 0; e < known->size(); ++e) {
      int64_t at = normalAxis(known->i[size_t(e)], size);
      if (at < 0 || at >= size)
        c.fail("index " + std::to_string(known->i[size_t(e)]) +
               " is outside an axis of size " + std::to_string(size));
      held.i[size_t(e)] = at;
    }
    return c.constant(held);
  }
  index = c.cast(index, c.b.getI64Type());
  Value below = compare(c.b, index, "lt", constantLike(c.b, index, 0));
  Value shifted =
      add(c.b, index, constantLike(c.b, index, double(size)));
  return select(c.b, below, shifted, index);
}

Value placesAlong(Call &c, Value index, int64_t axis, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> own = shapeOf(index);
  if (own.size() != shape.size())
    c.fail("indices have rank " + std::to_string(own.size()) + ", not " +
           std::to_string(shape.size()));
  Ints strides = stridesOf(shape);
  Value places = axisIndices(c, index, shape[size_t(axis)]);
  places = mul(c.b, places, double(strides[size_t(axis)]));
  for (size_t i = 0; i < shape.size(); ++i) {
    if (int64_t(i) == axis)
      continue;
    if (own[i] > shape[i])
      c.fail("there are more indices along axis " + std::to_string(i) +
             " than elements");
    Value along = indicesAlong(c, own, int64_t(i));
    places = add(c.b, places, mul(c.b, along, double(strides[i])));
  }
  return places;
}

Value placesOf(Call &c, Value index, ArrayRef<int64_t> sizes) {
  Ints shape(shapeOf(index).drop_back());
  Ints strides = stridesOf(sizes);
  int64_t last = int64_t(shape.size());
  Value places = c.splat(c.b.getI64Type(), 0, shape);
  for (size_t i = 0; i < sizes.size(); ++i) {
    Value one = c.slice(index, last, int64_t(i), int64_t(i) + 1);
    one = axisIndices(c, c.reshape(one, shape), sizes[i]);
    places = add(c.b, places, mul(c.b, one, double(strides[i])));
  }
  return places;
}

// ---- scatter ----

/// For each of `rows` places the number, from 1 on, of the last index that names
/// it; 0 where none does.
static Value lastIndices(Call &c, Value index, int64_t rows) {
  int64_t count = shapeOf(index)[0];
  if (const RefTensor *known = c.importer.knownConstant(index)) {
    RefTensor last(c.b.getI64Type(), {rows});
    for (int64_t e = 0; e < count; ++e)
      if (int64_t place = known->i[size_t(e)]; place >= 0 && place < rows)
        last.i[size_t(place)] = e + 1;
    return c.constant(last);
  }
  Value numbers = indicesAlong(c, {count, 1}, 0);
  numbers = add(c.b, numbers, constantLike(c.b, numbers, 1));
  auto put = [](LocBuilder &b, ArrayRef<Value> at) -> SmallVector<Value> {
    return {DynamicUpdateSliceOp::create(b, at[0], at[2], at[1], 0)};
  };
  Value none = c.splat(c.b.getI64Type(), 0, {rows});
  auto scan = buildScan(c.b, count, none, {index, numbers}, {0, 0}, {}, {}, put);
  return scan->getResult(0);
}

/// Each row of the result reads its own: of y, or of x where none comes. ONNX
/// leaves open what a row is that is named twice; ONNX Runtime takes the last,
/// and files that PyTorch wrote count on it.
static Value replaceRows(Call &c, Value x, Value index, Value y) {
  Ints rows = {shapeOf(x)[0]};
  Value none = c.splat(c.b.getI64Type(), 0, rows);
  Value from = lastIndices(c, index, rows[0]);
  Value is = compare(c.b, from, "gt", none);
  from = sub(c.b, from, c.splat(c.b.getI64Type(), 1, rows));
  Value moved = c.make("gather", {y, from}, {{"axis", 0}});
  Ints apart(shapeOf(x).size(), 1);
  apart[0] = rows[0];
  is = c.broadcast(c.reshape(is, apart), shapeOf(x));
  return c.make("where", {is, moved, x});
}

/// One after the other, since a row may be named twice.
static Value joinRows(Call &c, Value x, Value index, Value y, StringRef name) {
  Ints shape(shapeOf(x));
  int64_t width = countOf(ArrayRef(shape).drop_front());
  int64_t count = shapeOf(index)[0];
  x = c.reshape(x, {shape[0], width});
  y = c.reshape(y, {count, 1, width});
  auto step = [&](LocBuilder &b, ArrayRef<Value> at) -> SmallVector<Value> {
    Value zero = constant(b, typeOf(at[1]), 0);
    Value row = DynamicSliceOp::create(
        b, at[0], ValueRange{at[1], zero}, ArrayRef<int64_t>{1, width});
    if (name == "mul")
      row = mul(b, row, at[2]);
    else if (name == "max")
      row = MaximumOp::create(b, row, at[2]);
    else
      row = MinimumOp::create(b, row, at[2]);
    return {DynamicUpdateSliceOp::create(b, at[0], row, at[1], 0)};
  };
  auto scan = buildScan(c.b, count, x, {index, y}, {0, 0}, {}, {}, step);
  return c.reshape(scan->getResult(0), shape);
}

Value scatterRows(Call &c, Value x, Value index, Value y, StringRef how) {
  if (how != "none" && how != "add" && how != "mul" && how != "max" &&
      how != "min")
    c.fail("reduction is '" + how.str() + "'");
  if (countOf(shapeOf(x)) == 0 || countOf(shapeOf(y)) == 0)
    return x;
  if (typeOf(x).getElementType() != typeOf(y).getElementType())
    c.fail("data and updates are of different types");
  if (how == "none")
    return replaceRows(c, x, index, y);
  if (how == "add")
    return c.make("scatter_add", {x, index, y}, {{"axis", 0}});
  return joinRows(c, x, index, y, how);
}

} // namespace varve::onnx
