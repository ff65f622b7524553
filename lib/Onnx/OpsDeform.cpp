// A convolution whose windows read x at places that another input moves.
#include "Onnx/Indices.h"
#include "Onnx/Window.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// x between its elements: places are [N, groups, K, P], for each axis of the
/// window, and the result [N, groups, K, P, channels of a group].
struct Sampler {
  Call &c;
  Value rows; ///< [N groups S, channels]: the elements of a place
  Ints sizes; ///< of the axes of the window
  int64_t groups;

  Sampler(Call &c, Value x, int64_t groups)
      : c(c), sizes(shapeOf(x).drop_front(2)), groups(groups) {
    int64_t n = shapeOf(x)[0], deep = shapeOf(x)[1] / groups;
    int64_t places = countOf(sizes);
    x = c.reshape(x, {n, groups, deep, places});
    x = c.transpose(x, {0, 1, 3, 2});
    rows = c.reshape(x, {n * groups * places, deep});
  }

  /// The elements at whole places, 0 outside x.
  Value at(ArrayRef<Value> whole) {
    ArrayRef<int64_t> shape = shapeOf(whole[0]);
    int64_t places = countOf(sizes);
    Value row = mul(c.b, indicesAlong(c, shape, 0), double(groups * places));
    row = add(c.b, row, mul(c.b, indicesAlong(c, shape, 1), double(places)));
    Value inside = c.splat(c.b.getI1Type(), 1, shape);
    Ints strides = stridesOf(sizes);
    for (size_t i = 0; i < sizes.size(); ++i) {
      Value index = c.cast(whole[i], c.b.getI64Type());
      Value last = constantLike(c.b, whole[i], double(sizes[i] - 1));
      Value low = compare(c.b, whole[i], "ge", constantLike(c.b, last, 0));
      Value high = compare(c.b, whole[i], "le", last);
      inside = c.make("and", {inside, c.make("and", {low, high})});
      row = add(c.b, row, mul(c.b, index, double(strides[i])));
    }
    Value read = c.make("gather", {rows, row}, {{"axis", 0}});
    Ints apart(shape);
    apart.push_back(1);
    inside = c.broadcast(c.reshape(inside, apart), shapeOf(read));
    return select(c.b, inside, read, constantLike(c.b, read, 0));
  }

  /// The sum of the elements around, weighted by nearness.
  Value between(ArrayRef<Value> places) {
    Value total;
    Ints apart(shapeOf(places[0]));
    apart.push_back(1);
    for (size_t corner = 0; corner < size_t(1) << sizes.size(); ++corner) {
      Values whole;
      Value weight = constantLike(c.b, places[0], 1);
      for (size_t i = 0; i < sizes.size(); ++i) {
        Value low = c.make("floor", places[i]);
        Value one = constantLike(c.b, low, 1);
        Value part = sub(c.b, places[i], low);
        bool upper = corner >> i & 1;
        whole.push_back(upper ? add(c.b, low, one) : low);
        weight = mul(c.b, weight, upper ? part : sub(c.b, one, part));
      }
      Value each = c.elementwise("mul", {at(whole), c.reshape(weight, apart)});
      total = total ? add(c.b, total, each) : each;
    }
    return total;
  }
};

/// Where windows read along axis i without offsets: [1, 1, K, P].
Value restPlaces(Call &c, const Window &w, size_t i, ArrayRef<int64_t> result,
                 Type element) {
  int64_t kernel = countOf(w.kernel), count = countOf(result);
  RefTensor places(element, {1, 1, kernel, count});
  for (int64_t k = 0; k < kernel; ++k)
    for (int64_t p = 0; p < count; ++p)
      places.f[size_t(k * count + p)] =
          double(indexOf(p, result)[i] * w.stride[i] - w.padding[i] +
                 indexOf(k, w.kernel)[i] * w.dilation[i]);
  return c.constant(places);
}

void checkShapes(Call &c, Value x, Value weight, int64_t groups,
                 int64_t moved) {
  if (groups < 1 || moved < 1 || shapeOf(x)[1] % moved ||
      shapeOf(weight)[1] * groups != shapeOf(x)[1] ||
      shapeOf(weight)[0] % groups)
    c.fail("the groups do not divide the channels");
}

} // namespace

void deformConv(Call &c) {
  Value x = channels(c, 0), weight = channels(c, 1), offset = channels(c, 2);
  Ints kernel(shapeOf(weight).drop_front(2));
  if (auto said = c.list("kernel_shape"); said && *said != kernel)
    c.fail("kernel_shape is not that of the weight");
  Window w = windowOf(c, x, kernel);
  int64_t groups = c.integer("group", 1);
  int64_t moved = c.integer("offset_group", 1);
  checkShapes(c, x, weight, groups, moved);
  Ints result;
  for (size_t i = 0; i < w.axes(); ++i)
    result.push_back(windowsOf(w, i, shapeOf(x)[2 + i], false));
  int64_t n = shapeOf(x)[0], places = countOf(result), k = countOf(kernel);
  int64_t axes = int64_t(w.axes()), deep = shapeOf(weight)[0];
  offset = c.reshape(offset, {n, moved, k, axes, places});
  Values at;
  for (int64_t i = 0; i < axes; ++i) {
    Value by = c.reshape(c.slice(offset, 3, i, i + 1), {n, moved, k, places});
    Value rest = restPlaces(c, w, size_t(i), result,
                            typeOf(offset).getElementType());
    at.push_back(c.elementwise("add", {by, rest}));
  }
  Value read = Sampler(c, x, moved).between(at);
  if (c.has(4))
    read = c.elementwise(
        "mul", {read, c.reshape(c.in(4), {n, moved, k, places, 1})});
  // [N, groups, channels of a group and places of the window, P].
  int64_t inner = shapeOf(weight)[1] * k;
  read = c.reshape(c.transpose(read, {0, 1, 4, 2, 3}),
                   {n, groups, inner, places});
  weight = c.reshape(weight, {1, groups, deep / groups, inner});
  weight = c.broadcast(weight, {n, groups, deep / groups, inner});
  Ints shape = {n, deep};
  shape.append(result);
  Value y = c.reshape(c.make("matmul", {weight, read}), shape);
  c.give(c.has(3) ? addBias(c, y, c.in(3)) : y);
}

} // namespace varve::onnx
