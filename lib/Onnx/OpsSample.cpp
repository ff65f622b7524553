// Images read at places that other tensors name.
#include "Onnx/ImportCall.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

/// What GridSample says.
struct Sampling {
  std::string mode, padding;
  bool alignCorners;
};

/// The neighbours of each place along one axis.
struct Neighbours {
  Values index;  ///< i64, inside the axis
  Values valid;  ///< bool, or null: all are
  Values weight; ///< or null: 1
};

Value held(Call &c, Value x, double low, double high) {
  x = c.make("maximum", {x, constantLike(c.b, x, low)});
  return c.make("minimum", {x, constantLike(c.b, x, high)});
}

/// Reflected at both borders until it is between them.
Value reflect(Call &c, Value x, double low, double high) {
  double range = high - low;
  if (range <= 0)
    return constantLike(c.b, x, low);
  Value from = sub(c.b, x, constantLike(c.b, x, low));
  Value around =
      c.make("remainder", {from, constantLike(c.b, x, 2 * range)});
  Value back = sub(c.b, constantLike(c.b, x, 2 * range), around);
  Value place = add(c.b, c.make("minimum", {around, back}),
                    constantLike(c.b, x, low));
  Value inside = c.make(
      "and", {compare(c.b, x, "ge", constantLike(c.b, x, low)),
              compare(c.b, x, "le", constantLike(c.b, x, high))});
  return select(c.b, inside, x, place);
}

/// Keys' cubic at a distance: near is below 1, far from there to 2.
Value cubic(Call &c, Value x, bool isNear) {
  constexpr double a = -0.75;
  auto k = [&](double value) { return constantLike(c.b, x, value); };
  Value square = mul(c.b, x, x), cube = mul(c.b, square, x);
  if (isNear)
    return add(c.b, sub(c.b, mul(c.b, cube, a + 2), mul(c.b, square, a + 3)),
               k(1));
  Value y = sub(c.b, mul(c.b, cube, a), mul(c.b, square, 5 * a));
  return sub(c.b, add(c.b, y, mul(c.b, x, 8 * a)), k(4 * a));
}

/// at: places along an axis of `size`, -1 to 1.
Neighbours neighboursOf(Call &c, Value at, int64_t size, const Sampling &s) {
  double n = double(size), low = s.alignCorners ? 0 : -0.5,
         high = s.alignCorners ? n - 1 : n - 0.5;
  auto k = [&](double value) { return constantLike(c.b, at, value); };
  Value x = add(c.b, at, k(1));
  x = s.alignCorners ? mul(c.b, mul(c.b, x, 0.5), n - 1)
                     : mul(c.b, sub(c.b, mul(c.b, x, n), k(1)), 0.5);
  if (s.mode == "nearest")
    x = c.make("round", x);
  if (s.padding == "border") {
    Value inside = c.make("and", {compare(c.b, x, "ge", k(low)),
                                  compare(c.b, x, "le", k(high))});
    x = select(c.b, inside, x, held(c, x, 0, n - 1));
  } else if (s.padding == "reflection") {
    x = reflect(c, x, low, high);
  }
  Value first = s.mode == "nearest" ? x : c.make("floor", x);
  Value part = sub(c.b, x, first), other = sub(c.b, k(1), part);
  Neighbours all;
  auto neighbour = [&](double offset, Value weight) {
    Value place = add(c.b, first, k(offset)), valid;
    if (s.padding == "zeros")
      valid = c.make("and", {compare(c.b, place, "ge", k(0)),
                             compare(c.b, place, "le", k(n - 1))});
    else if (s.padding == "reflection")
      place = reflect(c, place, low, high);
    all.index.push_back(
        c.cast(held(c, place, 0, n - 1), c.b.getI64Type()));
    all.valid.push_back(valid);
    all.weight.push_back(weight);
  };
  if (s.mode == "nearest") {
    neighbour(0, Value());
  } else if (s.mode == "linear") {
    neighbour(0, other);
    neighbour(1, part);
  } else {
    neighbour(-1, cubic(c, add(c.b, part, k(1)), false));
    neighbour(0, cubic(c, part, true));
    neighbour(1, cubic(c, other, true));
    neighbour(2, cubic(c, add(c.b, other, k(1)), false));
  }
  return all;
}

/// The sum over all neighbours of weight times element. `rows`: a row of
/// channels for each place of each image; results are rows, too.
Value sumNeighbours(Call &c, Value rows, Value image,
                    ArrayRef<Neighbours> axes, ArrayRef<int64_t> sizes) {
  size_t count = 1;
  for (const Neighbours &axis : axes)
    count *= axis.index.size();
  Value total;
  for (size_t which = 0; which < count; ++which) {
    Value place = image, valid, weight;
    size_t rest = which;
    for (auto [axis, size] : llvm::zip(axes, sizes)) {
      size_t i = rest % axis.index.size();
      rest /= axis.index.size();
      place = add(c.b, mul(c.b, place, double(size)), axis.index[i]);
      if (axis.valid[i])
        valid = valid ? c.make("and", {valid, axis.valid[i]}) : axis.valid[i];
      if (axis.weight[i])
        weight = weight ? mul(c.b, weight, axis.weight[i]) : axis.weight[i];
    }
    Value term = c.make("gather", {rows, place}, {{"axis", 0}});
    Ints column(shapeOf(place));
    column.push_back(1);
    auto each = [&](Value v) {
      return c.broadcast(c.reshape(v, column), shapeOf(term));
    };
    if (weight)
      term = mul(c.b, term, c.cast(each(weight),
                                   typeOf(term).getElementType()));
    if (valid)
      term = select(c.b, each(valid), term, constantLike(c.b, term, 0));
    total = total ? add(c.b, total, term) : term;
  }
  return total;
}

void gridSample(Call &c) {
  Value x = c.in(0), grid = c.in(1);
  Ints shape(shapeOf(x)), places(shapeOf(grid));
  size_t axes = shape.size() - 2;
  if (shape.size() < 3 || places.size() != shape.size() ||
      places[0] != shape[0] || places.back() != int64_t(axes))
    c.fail("the grid does not fit input 0");
  Sampling s{c.text("mode", "linear"), c.text("padding_mode", "zeros"),
             c.flag("align_corners")};
  if (s.mode == "bilinear")
    s.mode = "linear";
  if (s.mode == "bicubic")
    s.mode = "cubic";
  if (s.mode != "linear" && s.mode != "cubic" && s.mode != "nearest")
    c.fail("mode is '" + s.mode + "'");
  if (s.padding != "zeros" && s.padding != "border" &&
      s.padding != "reflection")
    c.fail("padding_mode is '" + s.padding + "'");
  int64_t area = 1, points = 1;
  for (size_t i = 0; i < axes; ++i) {
    area *= shape[2 + i];
    points *= places[1 + i];
  }
  if (area == 0)
    c.fail("there is nothing in input 0");
  Value flat = c.reshape(grid, {shape[0], points, int64_t(axes)});
  SmallVector<Neighbours> all;
  for (size_t i = 0; i < axes; ++i) {
    // The grid's numbers are in the order of the axes from the last on.
    int64_t at = int64_t(axes - 1 - i);
    Value along = c.reshape(c.slice(flat, 2, at, at + 1), {shape[0], points});
    all.push_back(neighboursOf(c, along, shape[2 + i], s));
  }
  Value rows = c.transpose(c.reshape(x, {shape[0], shape[1], area}), {0, 2, 1});
  rows = c.reshape(rows, {shape[0] * area, shape[1]});
  Value image = c.make("iota", {},
                       {{"shape", Ints{shape[0], points}},
                        {"axis", 0},
                        {"dtype", c.b.getI64Type()}});
  Value y = sumNeighbours(c, rows, image, all, ArrayRef(shape).drop_front(2));
  Ints result = {shape[0], shape[1]};
  result.append(places.begin() + 1, places.end() - 1);
  c.give(c.reshape(c.transpose(y, {0, 2, 1}), result));
}

/// The places that an affine map names, for GridSample.
void affineGrid(Call &c) {
  Value theta = c.in(0);
  Ints size = c.ints(1);
  bool alignCorners = c.flag("align_corners");
  if (size.size() != 4 && size.size() != 5)
    c.fail("the size is not that of an image");
  int64_t axes = int64_t(size.size()) - 2;
  if (shapeOf(theta) != ArrayRef<int64_t>{size[0], axes, axes + 1})
    c.fail("theta is " + describe(c.datum(0)) + ", not a map for each image");
  Ints image(size.begin() + 2, size.end());
  int64_t points = elementCount({image.begin(), image.end()});
  if (points < 0)
    c.fail("the size is too large");
  RefTensor base(typeOf(theta).getElementType(), {points, axes + 1});
  for (int64_t p = 0; p < points; ++p) {
    int64_t rest = p;
    for (int64_t i = axes - 1; i >= 0; --i) {
      double n = double(image[size_t(i)]), at = double(rest % image[size_t(i)]);
      rest /= image[size_t(i)];
      double place = !alignCorners ? (2 * at + 1) / n - 1
                     : n > 1       ? 2 * at / (n - 1) - 1
                                   : -1;
      base.f[size_t(p * (axes + 1) + axes - 1 - i)] = place;
    }
    base.f[size_t(p * (axes + 1) + axes)] = 1;
  }
  Value all = c.broadcast(c.constant(base), {size[0], points, axes + 1});
  Value y = c.make("matmul", {all, c.transpose(theta, {0, 2, 1})});
  Ints result = {size[0]};
  result.append(image);
  result.push_back(axes);
  c.give(c.reshape(y, result));
}

} // namespace

ArrayRef<Operator> sampleOperators() {
  static constexpr Operator entries[] = {
      {"AffineGrid", 20, affineGrid},
      {"GridSample", 16, gridSample},
  };
  return entries;
}

} // namespace varve::onnx
