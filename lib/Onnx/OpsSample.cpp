// Images read at places that other tensors name.
#include "Onnx/ImportImpl.h"
#include "Onnx/Indices.h"
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
    x = select(c.b, inside, x, c.clamp(x, 0, n - 1));
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
    all.index.push_back(c.cast(c.clamp(place, 0, n - 1), c.b.getI64Type()));
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

/// The sum over all neighbours of weight times element, or what `join` makes of
/// them. `rows`: a row of channels for each place of each image; results are
/// rows, too.
Value sumNeighbours(Call &c, Value rows, Value image, ArrayRef<Neighbours> axes,
                    ArrayRef<int64_t> sizes, StringRef join = "add") {
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
    total = total ? c.make(join, {total, term}) : term;
  }
  return total;
}

/// The places of all images, each a row of its channels.
Value rowsOf(Call &c, Value x) {
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t area = countOf(shape.drop_front(2));
  Value rows = c.reshape(x, {shape[0], shape[1], area});
  return c.reshape(c.transpose(rows, {0, 2, 1}), {shape[0] * area, shape[1]});
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
  int64_t points = 1;
  for (size_t i = 0; i < axes; ++i)
    points *= places[1 + i];
  if (countOf(ArrayRef(shape).drop_front(2)) == 0)
    c.fail("there is nothing in input 0");
  Value flat = c.reshape(grid, {shape[0], points, int64_t(axes)});
  SmallVector<Neighbours> all;
  for (size_t i = 0; i < axes; ++i) {
    // The grid's numbers are in the order of the axes from the last on.
    int64_t at = int64_t(axes - 1 - i);
    Value along = c.reshape(c.slice(flat, 2, at, at + 1), {shape[0], points});
    all.push_back(neighboursOf(c, along, shape[2 + i], s));
  }
  Value image = indicesAlong(c, {shape[0], points}, 0);
  Value y =
      sumNeighbours(c, rowsOf(c, x), image, all, ArrayRef(shape).drop_front(2));
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

// ---- regions ----

/// The samples of all regions along one axis, some for each of `bins`.
struct Samples {
  Neighbours at;               ///< each [regions, bins * most]
  int64_t most = 0;            ///< samples of a bin
  SmallVector<int64_t> counts; ///< how many of them each region has
};

/// `begin` and `width` are those of the regions. With `ratio` 0 a region has as
/// many samples as its bins are wide, which its value decides.
Samples samplesOf(Call &c, Value begin, Value width, int64_t bins, int64_t size,
                  int64_t ratio) {
  int64_t regions = shapeOf(begin)[0];
  Samples s;
  s.counts.assign(size_t(regions), ratio);
  constexpr double most = 1 << 14;
  if (ratio == 0) {
    const RefTensor *known = c.importer.known(width);
    if (!known)
      c.refuse("regions that are not known before the model runs are not "
               "supported without a sampling_ratio");
    for (auto [count, each] : llvm::zip(s.counts, known->f)) {
      double wide = std::ceil(float(each) / float(bins));
      if (!(wide <= most))
        c.refuse("a region as large as that is not supported");
      count = std::max<int64_t>(int64_t(wide), 0);
    }
  }
  for (int64_t count : s.counts)
    s.most = std::max<int64_t>({s.most, count, 1});
  // In bins from the region's beginning; those that a region lacks are invalid.
  int64_t points = bins * s.most;
  RefTensor place(typeOf(begin).getElementType(), {regions, points});
  RefTensor valid(c.b.getI1Type(), {regions, points});
  for (int64_t e = 0; e < regions * points; ++e) {
    int64_t count = s.counts[size_t(e / points)], i = e % s.most;
    place.f[size_t(e)] =
        double(e % points / s.most) +
        (double(i) + 0.5) / double(std::max<int64_t>(count, 1));
    valid.i[size_t(e)] = i < count;
  }
  auto each = [&](Value v) {
    return c.broadcast(c.reshape(v, {regions, 1}), {regions, points});
  };
  Value bin = div(c.b, width, constantLike(c.b, width, double(bins)));
  Value at = add(c.b, each(begin), mul(c.b, c.constant(place), each(bin)));
  auto k = [&](double value) { return constantLike(c.b, at, value); };
  Value is = c.make("and", {compare(c.b, at, "ge", k(-1)),
                            compare(c.b, at, "le", k(double(size)))});
  is = c.make("and", {is, c.constant(valid)});
  at = c.clamp(at, 0, double(size - 1));
  Value low = c.make("floor", at), part = sub(c.b, at, low);
  Value high = c.make("minimum", {add(c.b, low, k(1)), k(double(size - 1))});
  for (auto [index, weight] :
       {std::pair(low, sub(c.b, k(1), part)), std::pair(high, part)}) {
    s.at.index.push_back(c.cast(index, c.b.getI64Type()));
    s.at.valid.push_back(is);
    s.at.weight.push_back(weight);
  }
  return s;
}

/// Each of the samples along one axis with each along the other: in rows of
/// `outer * inner`, along the outer axis first.
void repeatAlong(Call &c, Samples &s, bool isOuter, int64_t other) {
  auto repeat = [&](Value v) {
    int64_t regions = shapeOf(v)[0], own = shapeOf(v)[1];
    Ints apart = {regions, isOuter ? own : 1, isOuter ? 1 : own};
    Ints whole = {regions, isOuter ? own : other, isOuter ? other : own};
    return c.reshape(c.broadcast(c.reshape(v, apart), whole),
                     {regions, own * other});
  };
  for (Values *values : {&s.at.index, &s.at.valid, &s.at.weight})
    for (Value &each : *values)
      each = repeat(each);
}

void roiAlign(Call &c, bool isHalf) {
  Value x = c.in(0), rois = c.in(1), image = c.in(2);
  Ints shape(shapeOf(x));
  ArrayRef<int64_t> regions = shapeOf(rois);
  if (shape.size() != 4 || shape[2] == 0 || shape[3] == 0)
    c.fail("input 0 is " + describe(c.datum(0)) + ", not images");
  if (regions.size() != 2 || regions[1] != 4 ||
      shapeOf(image) != regions.take_front())
    c.fail("the regions are " + describe(c.datum(1)) + " in images " +
           describe(c.datum(2)));
  if (!isa<FloatType>(typeOf(x).getElementType()) ||
      !isa<FloatType>(typeOf(rois).getElementType()))
    c.fail("images or regions are not of floats");
  std::string mode = c.text("mode", "avg");
  Ints bins = {c.integer("output_height", 1), c.integer("output_width", 1)};
  int64_t ratio = std::max<int64_t>(c.integer("sampling_ratio", 0), 0);
  double scale = c.real("spatial_scale", 1);
  constexpr int64_t most = 1 << 14;
  if (mode != "avg" && mode != "max")
    c.fail("mode is '" + mode + "'");
  if (bins[0] < 1 || bins[1] < 1)
    c.fail("there is nothing in the output");
  if (bins[0] > most || bins[1] > most || ratio > most)
    c.refuse("as many samples are not supported");
  int64_t count = regions[0];
  auto edge = [&](int64_t i) {
    Value v = c.reshape(c.slice(rois, 1, i, i + 1), {count});
    v = mul(c.b, v, scale);
    return isHalf ? sub(c.b, v, constantLike(c.b, v, 0.5)) : v;
  };
  std::vector<Samples> axes;
  for (int64_t i : {1, 0}) {
    Value begin = edge(i), width = sub(c.b, edge(i + 2), begin);
    if (!isHalf)
      width = c.make("maximum", {width, constantLike(c.b, width, 1)});
    axes.push_back(samplesOf(c, begin, width, bins[size_t(1 - i)],
                             shape[size_t(3 - i)], ratio));
  }
  int64_t high = bins[0] * axes[0].most, wide = bins[1] * axes[1].most;
  repeatAlong(c, axes[0], /*isOuter=*/true, wide);
  repeatAlong(c, axes[1], /*isOuter=*/false, high);
  image = axisIndices(c, image, shape[0]);
  image = c.broadcast(c.reshape(image, {count, 1}), {count, high * wide});
  bool isMax = mode == "max";
  Value y =
      sumNeighbours(c, rowsOf(c, x), image, {axes[0].at, axes[1].at},
                    ArrayRef(shape).drop_front(2), isMax ? "maximum" : "add");
  Ints whole = {count, bins[0], axes[0].most, bins[1], axes[1].most, shape[1]};
  y = c.reshape(y, whole);
  // Which samples a region has, and one over their number.
  RefTensor has(c.b.getI1Type(), {count, 1, whole[2], 1, whole[4], 1});
  RefTensor share(typeOf(x).getElementType(), {count, 1, 1, 1});
  for (int64_t r = 0; r < count; ++r) {
    int64_t rows = axes[0].counts[size_t(r)],
            columns = axes[1].counts[size_t(r)];
    share.f[size_t(r)] = 1 / double(std::max<int64_t>(rows * columns, 1));
    for (int64_t e = 0; e < whole[2] * whole[4]; ++e)
      has.i[size_t(r * whole[2] * whole[4] + e)] =
          rows * columns == 0 ||
          (e / whole[4] < rows && e % whole[4] < columns);
  }
  if (isMax) {
    Value is = c.broadcast(c.constant(has), whole);
    y = select(c.b, is, y, constantLike(c.b, y, -INFINITY));
    y = c.make("max", y, {{"axis", Ints{2, 4}}});
  } else {
    y = c.make("sum", y, {{"axis", Ints{2, 4}}});
    y = c.elementwise("mul", {y, c.constant(share)});
  }
  c.give(c.transpose(y, {0, 3, 1, 2}));
}

void roiAlign10(Call &c) { roiAlign(c, /*isHalf=*/false); }

void roiAlign16(Call &c) {
  std::string mode = c.text("coordinate_transformation_mode", "half_pixel");
  if (mode != "half_pixel" && mode != "output_half_pixel")
    c.fail("coordinate_transformation_mode is '" + mode + "'");
  roiAlign(c, mode == "half_pixel");
}

} // namespace

ArrayRef<Operator> sampleOperators() {
  static constexpr Operator entries[] = {
      {"AffineGrid", 20, affineGrid},
      {"GridSample", 16, gridSample},
      {"RoiAlign", 10, roiAlign10},
      {"RoiAlign", 16, roiAlign16},
  };
  return entries;
}

} // namespace varve::onnx
