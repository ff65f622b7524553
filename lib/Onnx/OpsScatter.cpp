// Operators that put elements where indices say.
#include "Onnx/Indices.h"

using namespace mlir;

namespace varve::onnx {
namespace {

void scatterElements(Call &c) {
  Value x = c.moved(0), index = c.in(1), y = c.moved(2);
  Ints shape(shapeOf(x));
  int64_t axis = c.axis(c.integer("axis", 0), int64_t(shape.size()));
  if (shapeOf(index) != shapeOf(y))
    c.fail("there are not as many indices as updates");
  Value places = placesAlong(c, index, axis, shape);
  auto row = [&](Value v) { return c.reshape(v, {countOf(shapeOf(v))}); };
  Value z = scatterRows(c, row(x), row(places), row(y),
                        c.text("reduction", "none"));
  c.give(c.reshape(z, shape), c.element(0));
}

void scatterNd(Call &c) {
  Value x = c.moved(0), index = c.in(1), y = c.moved(2);
  ArrayRef<int64_t> shape = shapeOf(x), own = shapeOf(index);
  if (own.empty() || own.back() > int64_t(shape.size()))
    c.fail("indices name more axes than there are");
  ArrayRef<int64_t> sizes = shape.take_front(size_t(own.back()));
  ArrayRef<int64_t> rest = shape.drop_front(sizes.size());
  Ints updates(own.drop_back());
  updates.append(rest.begin(), rest.end());
  if (shapeOf(y) != ArrayRef(updates))
    c.fail("the updates are not of the shape that the indices say");
  int64_t count = countOf(own.drop_back());
  Ints rows = {countOf(sizes)}, parts = {count};
  rows.append(rest.begin(), rest.end());
  parts.append(rest.begin(), rest.end());
  Value places = c.reshape(placesOf(c, index, sizes), {count});
  Value z = scatterRows(c, c.reshape(x, rows), places, c.reshape(y, parts),
                        c.text("reduction", "none"));
  c.give(c.reshape(z, shape), c.element(0));
}

/// A cache, in which what comes goes to a place of each sample's own. A place
/// reads what comes to it, if anything does.
void tensorScatter(Call &c) {
  Value x = c.moved(0), y = c.moved(1);
  Ints shape(shapeOf(x)), part(shapeOf(y));
  auto rank = int64_t(shape.size());
  int64_t axis = c.axis(c.integer("axis", -2), rank);
  std::string mode = c.text("mode", "linear");
  if (mode != "linear" && mode != "circular")
    c.fail("mode is '" + mode + "'");
  if (axis == 0)
    c.fail("axis 0 counts samples");
  int64_t length = shape[size_t(axis)];
  int64_t count = part.size() == shape.size() ? part[size_t(axis)] : -1;
  Ints wanted = shape;
  wanted[size_t(axis)] = count;
  if (part != wanted || count > length)
    c.fail("the update is " + describe(c.datum(1)) + " for a cache that is " +
           describe(c.datum(0)));
  if (count == 0)
    return c.give(x, c.element(0));
  Ints rows = {shape[0], length};
  Value from = indicesAlong(c, rows, 1);
  if (c.has(2)) {
    Value begin = c.cast(c.in(2), c.b.getI64Type());
    if (shapeOf(begin) != ArrayRef(rows).take_front())
      c.fail("there is not one place for each sample");
    from = sub(c.b, from, c.broadcast(c.reshape(begin, {rows[0], 1}), rows));
  }
  auto size = [&](int64_t value) {
    return constantLike(c.b, from, double(value));
  };
  if (mode == "circular")
    from = c.make("remainder", {from, size(length)});
  Value is = c.make("and", {compare(c.b, from, "ge", size(0)),
                            compare(c.b, from, "lt", size(count))});
  from = c.clamp(from, 0, double(count - 1));
  from = add(c.b, from, mul(c.b, indicesAlong(c, rows, 0), double(count)));
  // The axis next to the samples, and both as one.
  Ints perm = {0, axis}, back(shape.size());
  for (int64_t i = 1; i < rank; ++i)
    if (i != axis)
      perm.push_back(i);
  for (auto [to, at] : llvm::enumerate(perm))
    back[size_t(at)] = int64_t(to);
  Value moved = c.transpose(y, perm);
  Ints flat = {shape[0] * count};
  flat.append(shapeOf(moved).begin() + 2, shapeOf(moved).end());
  moved = c.make("gather", {c.reshape(moved, flat), from}, {{"axis", 0}});
  moved = c.transpose(moved, back);
  Ints apart(shape.size(), 1);
  apart[0] = shape[0];
  apart[size_t(axis)] = length;
  is = c.broadcast(c.reshape(is, apart), shape);
  c.give(c.make("where", {is, moved, x}), c.element(0));
}

} // namespace

ArrayRef<Operator> scatterOperators() {
  static constexpr Operator entries[] = {
      {"Scatter", 9, scatterElements},
      {"ScatterElements", 11, scatterElements},
      {"ScatterND", 11, scatterNd},
      {"TensorScatter", 24, tensorScatter},
  };
  return entries;
}

} // namespace varve::onnx
