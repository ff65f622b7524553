// Operators that read elements where indices say.
#include "Onnx/Indices.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// The slices of x along `axis` that `index` names, 0 or more.
Value gathered(Call &c, Value x, Value index, int64_t axis) {
  Ints shape(shapeOf(x));
  if (countOf(shapeOf(index)) == 0 || countOf(shape) == 0) {
    // There is nothing to read, perhaps not even a slice.
    Ints result(shape.begin(), shape.begin() + axis);
    result.append(shapeOf(index).begin(), shapeOf(index).end());
    result.append(shape.begin() + axis + 1, shape.end());
    if (countOf(result) != 0)
      c.fail("there is nothing to read along axis " + std::to_string(axis));
    return c.splat(typeOf(x).getElementType(), 0, result);
  }
  return c.make("gather", {x, index}, {{"axis", axis}});
}

void gather(Call &c) {
  Value x = c.moved(0);
  int64_t axis = c.axisOf(x, 0);
  Value index = axisIndices(c, c.in(1), shapeOf(x)[size_t(axis)]);
  c.give(gathered(c, x, index, axis), c.element(0));
}

void gatherElements(Call &c) {
  Value x = c.moved(0), index = c.in(1);
  int64_t axis = c.axisOf(x, 0);
  Value places = placesAlong(c, index, axis, shapeOf(x));
  Value row = c.reshape(x, {countOf(shapeOf(x))});
  c.give(gathered(c, row, places, 0), c.element(0));
}

void gatherNd(Call &c) {
  Value x = c.moved(0), index = c.in(1);
  int64_t batch = c.integer("batch_dims", 0);
  ArrayRef<int64_t> shape = shapeOf(x), own = shapeOf(index);
  if (own.empty() || batch < 0 || batch >= int64_t(own.size()) ||
      batch > rankOf(x) || own.take_front(size_t(batch)) !=
                               shape.take_front(size_t(batch)))
    c.fail("the first axes of indices are not those of the data");
  ArrayRef<int64_t> rest = shape.drop_front(size_t(batch));
  int64_t deep = own.back();
  if (deep > int64_t(rest.size()))
    c.fail("indices name " + std::to_string(deep) + " axes, of " +
           std::to_string(rest.size()));
  ArrayRef<int64_t> sizes = rest.take_front(size_t(deep));
  rest = rest.drop_front(size_t(deep));
  Value places = placesOf(c, index, sizes);
  Ints strides = stridesOf(own.take_front(size_t(batch)));
  for (int64_t i = 0; i < batch; ++i) {
    double stride = double(strides[size_t(i)] * countOf(sizes));
    places = add(c.b, places,
                 mul(c.b, indicesAlong(c, shapeOf(places), i), stride));
  }
  Ints rows = {countOf(shape.take_front(size_t(batch))) * countOf(sizes)};
  rows.append(rest.begin(), rest.end());
  c.give(gathered(c, c.reshape(x, rows), places, 0), c.element(0));
}

/// The slices where a condition holds, which must be known: it decides a shape.
void compress(Call &c) {
  Value x = c.moved(0);
  Ints condition = c.ints(1);
  int64_t axis = 0;
  if (c.hasAttribute("axis"))
    axis = c.axisOf(x);
  else
    x = c.reshape(x, {countOf(shapeOf(x))});
  Ints kept;
  for (auto [e, holds] : llvm::enumerate(condition))
    if (holds) {
      if (int64_t(e) >= shapeOf(x)[size_t(axis)])
        c.fail("the condition is longer than the axis");
      kept.push_back(int64_t(e));
    }
  c.give(gathered(c, x, c.intsConstant(kept), axis), c.element(0));
}

/// The indices of the elements that are not 0, an axis a row.
void nonZero(Call &c) {
  const RefTensor &x = c.known(0);
  std::vector<std::vector<int64_t>> found;
  for (int64_t e = 0; e < x.size(); ++e)
    if (x.isFloat() ? x.f[size_t(e)] != 0 : x.i[size_t(e)] != 0)
      found.push_back(indexOf(e, x.shape));
  RefTensor result(c.b.getI64Type(), {x.rank(), int64_t(found.size())});
  for (size_t axis = 0; axis < size_t(x.rank()); ++axis)
    for (size_t e = 0; e < found.size(); ++e)
      result.i[axis * found.size() + e] = found[e][axis];
  c.give(c.constant(result));
}

/// `on` at the index along a new axis, else `off`.
void oneHot(Call &c) {
  Value index = c.cast(c.in(0), c.b.getI64Type()), values = c.moved(2);
  const RefTensor &deep = c.known(1);
  if (deep.size() != 1 || shapeOf(values) != ArrayRef<int64_t>{2})
    c.fail("depth is no single number, or values are not two");
  int64_t depth = deep.isFloat() ? int64_t(deep.f[0]) : deep.i[0];
  int64_t axis = c.axis(c.integer("axis", -1), rankOf(index) + 1);
  Ints shape(shapeOf(index)), apart = shape;
  shape.insert(shape.begin() + axis, depth);
  apart.insert(apart.begin() + axis, 1);
  // An index outside is that of no place.
  Value below = compare(c.b, index, "lt", constantLike(c.b, index, 0));
  index = select(c.b, below,
                 add(c.b, index, constantLike(c.b, index, double(depth))),
                 index);
  index = c.broadcast(c.reshape(index, apart), shape);
  Value is = compare(c.b, index, "eq", indicesAlong(c, shape, axis));
  auto value = [&](int64_t i) {
    return c.broadcast(c.reshape(c.slice(values, 0, i, i + 1), {}), shape);
  };
  c.give(c.make("where", {is, value(1), value(0)}), c.element(2));
}

/// The first elements of each sample in reverse order, as many as it says.
void reverseSequence(Call &c) {
  Value x = c.moved(0), lengths = c.cast(c.in(1), c.b.getI64Type());
  int64_t time = c.axis(c.integer("time_axis", 0), rankOf(x));
  int64_t batch = c.axis(c.integer("batch_axis", 1), rankOf(x));
  Ints shape(shapeOf(x)), apart(shape.size(), 1);
  apart[size_t(batch)] = shape[size_t(batch)];
  lengths = c.broadcast(c.reshape(lengths, apart), shape);
  Value at = indicesAlong(c, shape, time);
  Value back = sub(c.b, sub(c.b, lengths, at), constantLike(c.b, at, 1));
  Value is = compare(c.b, at, "lt", lengths);
  Value places = placesAlong(c, select(c.b, is, back, at), time, shape);
  c.give(gathered(c, c.reshape(x, {countOf(shape)}), places, 0), c.element(0));
}

} // namespace

ArrayRef<Operator> gatherOperators() {
  static constexpr Operator entries[] = {
      {"Compress", 9, compress},
      {"Gather", 1, gather},
      {"GatherElements", 11, gatherElements},
      {"GatherND", 11, gatherNd},
      {"NonZero", 9, nonZero},
      {"OneHot", 9, oneHot},
      {"ReverseSequence", 10, reverseSequence},
  };
  return entries;
}

} // namespace varve::onnx
