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

} // namespace

ArrayRef<Operator> scatterOperators() {
  static constexpr Operator entries[] = {
      {"Scatter", 9, scatterElements},
      {"ScatterElements", 11, scatterElements},
      {"ScatterND", 11, scatterNd},
  };
  return entries;
}

} // namespace varve::onnx
