// The ways back from windows, and pools that are sums: transposed
// convolutions, unpooling, columns of windows joined to pictures.
#include "Onnx/Indices.h"
#include "Onnx/Window.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace varve::onnx {
namespace {

// ---- transposed convolution ----

/// `pads` and `output_padding`, from sizes of the result where these are given.
void padFor(Call &c, Value x, Window &w, Ints &more) {
  size_t axes = w.axes();
  std::string mode = c.text("auto_pad", "NOTSET");
  auto sizes = c.list("output_shape");
  if (sizes && sizes->size() == axes + 2)
    sizes->erase(sizes->begin(), sizes->begin() + 2);
  if (sizes && sizes->size() != axes)
    c.fail("output_shape is not of the window's axes");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!sizes && !same)
    return;
  for (size_t i = 0; i < axes; ++i) {
    int64_t size = shapeOf(x)[2 + i];
    int64_t want = sizes ? (*sizes)[i] : size * w.stride[i];
    int64_t total =
        (size - 1) * w.stride[i] + more[i] + w.reach(i) - want;
    int64_t half = llvm::divideFloorSigned(total, 2);
    w.padding[i] = mode == "SAME_UPPER" ? half : total - half;
    w.padding[axes + i] = total - w.padding[i];
  }
}

/// What the dialect's operation takes: pads that are not negative, and less
/// output_padding than a stride.
bool isPlain(const Window &w, ArrayRef<int64_t> more) {
  for (int64_t pad : w.padding)
    if (pad < 0)
      return false;
  for (auto [extra, stride] : llvm::zip_equal(more, w.stride))
    if (extra < 0 || extra >= stride)
      return false;
  return true;
}

Value transposed(Call &c, Value x, Value weight, const Window &w,
                 ArrayRef<int64_t> more, int64_t groups) {
  return c.make("conv_transpose", {x, weight},
                {{"stride", w.stride},
                 {"padding", w.padding},
                 {"output_padding", more},
                 {"dilation", w.dilation},
                 {"groups", groups}});
}

/// The whole, then framed or cut as the pads say.
Value transposedInFrame(Call &c, Value x, Value weight, Window w,
                        ArrayRef<int64_t> more, int64_t groups) {
  Ints pads = w.padding, none(w.axes(), 0);
  w.padding.assign(2 * w.axes(), 0);
  Value y = transposed(c, x, weight, w, none, groups);
  Ints before(2, 0), after(2, 0);
  for (size_t i = 0; i < w.axes(); ++i) {
    int64_t first = -pads[i], last = more[i] - pads[w.axes() + i];
    int64_t size = shapeOf(y)[2 + i];
    int64_t begin = std::max<int64_t>(0, -first);
    int64_t end = size - std::max<int64_t>(0, -last);
    if (begin > end)
      c.fail("the pads take more than there is");
    y = c.slice(y, int64_t(2 + i), begin, end);
    before.push_back(std::max<int64_t>(0, first));
    after.push_back(std::max<int64_t>(0, last));
  }
  return c.make("pad", y, {{"before", before}, {"after", after}});
}

void convTranspose(Call &c) {
  Value x = channels(c, 0), weight = channels(c, 1);
  Ints kernel(shapeOf(weight).drop_front(2));
  if (auto said = c.list("kernel_shape"); said && *said != kernel)
    c.fail("kernel_shape is not that of the weight");
  Window w = windowOf(c, x, kernel);
  if (c.text("auto_pad", "NOTSET").rfind("SAME", 0) == 0)
    w.padding.assign(2 * w.axes(), 0);
  Ints more = c.list("output_padding").value_or(Ints(w.axes(), 0));
  if (more.size() != w.axes())
    c.fail("output_padding is not of the window's axes");
  padFor(c, x, w, more);
  int64_t groups = c.integer("group", 1);
  Value y = isPlain(w, more)
                ? transposed(c, x, weight, w, more, groups)
                : transposedInFrame(c, x, weight, w, more, groups);
  c.give(c.has(2) ? addBias(c, y, c.in(2)) : y);
}

/// Each column is put where its window lies: a transposed convolution with a
/// weight for each place of the window.
void col2Im(Call &c) {
  Value x = c.in(0);
  Ints image = c.ints(1), block = c.ints(2);
  if (shapeOf(x).size() != 3 || image.size() != block.size() || block.empty())
    c.fail("input 0 has not rank 3, or sizes are not of as many axes");
  size_t axes = block.size();
  Window w{block, c.list("strides").value_or(Ints(axes, 1)),
           c.list("dilations").value_or(Ints(axes, 1)),
           c.list("pads").value_or(Ints(2 * axes, 0))};
  if (w.stride.size() != axes || w.dilation.size() != axes ||
      w.padding.size() != 2 * axes)
    c.fail("strides, dilations or pads are not of the window's axes");
  int64_t places = countOf(block), n = shapeOf(x)[0];
  if (places < 1 || shapeOf(x)[1] % places)
    c.fail("the columns are not of the window's size");
  int64_t channels = shapeOf(x)[1] / places;
  Ints columns = {n * channels, places}, more, kernel = {places, 1};
  for (size_t i = 0; i < axes; ++i) {
    if (w.stride[i] < 1 || w.dilation[i] < 1)
      c.fail("strides and dilations are 1 or more");
    int64_t count = windowsOf(w, i, image[i], false);
    columns.push_back(count);
    int64_t made = (count - 1) * w.stride[i] - w.padding[i] -
                   w.padding[axes + i] + w.reach(i);
    more.push_back(image[i] - made);
  }
  kernel.append(block);
  Value one = compare(c.b, indicesAlong(c, {places, places}, 0), "eq",
                      indicesAlong(c, {places, places}, 1));
  Value weight =
      c.reshape(c.cast(one, typeOf(x).getElementType()), kernel);
  Value y = transposed(c, c.reshape(x, columns), weight, w, more, 1);
  Ints result = {n, channels};
  result.append(image);
  c.give(c.reshape(y, result));
}

/// Elements put where an index of MaxPool names them.
void maxUnpool(Call &c) {
  Value x = channels(c, 0), index = c.in(1);
  Window w = windowOf(c, x, kernelOf(c));
  Ints shape(shapeOf(x));
  for (size_t i = 0; i < w.axes(); ++i)
    shape[2 + i] = (shape[2 + i] - 1) * w.stride[i] - w.padding[i] -
                   w.padding[w.axes() + i] + w.kernel[i];
  for (int64_t size : shape)
    if (size < 1)
      c.fail("the pads take more than there is");
  if (shapeOf(index) != shapeOf(x))
    c.fail("there are not as many indices as elements");
  int64_t count = countOf(shapeOf(x)), places = countOf(shape);
  Value none = c.splat(typeOf(x).getElementType(), 0, {places});
  Value at = axisIndices(c, c.reshape(index, {count}), places);
  Value y = scatterRows(c, none, at, c.reshape(x, {count}), "none");
  y = c.reshape(y, shape);
  if (c.has(2)) {
    Ints want = c.ints(2), before(shape.size(), 0), after;
    if (want.size() != shape.size())
      c.fail("output_shape is not of as many axes as input 0");
    for (auto [size, has] : llvm::zip_equal(want, shape))
      after.push_back(size - has);
    y = c.make("pad", y, {{"before", before}, {"after", after}});
  }
  c.give(y);
}

// ---- pools that are sums ----

void lpPool(Call &c) {
  Value x = channels(c, 0);
  int64_t p = c.integer("p", 2);
  if (p < 1)
    c.fail("p is " + std::to_string(p));
  Value power = c.make("abs", x);
  if (p == 2)
    power = c.make("square", x);
  else if (p != 1)
    power = c.make("pow", {power, constantLike(c.b, x, double(p))});
  Value total = windowSums(c, power, windowOf(c, x, kernelOf(c)),
                           c.flag("ceil_mode"));
  if (p == 2)
    total = c.make("sqrt", total);
  else if (p != 1)
    total = c.make("pow", {total, constantLike(c.b, total, 1.0 / double(p))});
  c.give(total);
}

void globalLpPool(Call &c) {
  Value x = channels(c, 0);
  double p = double(c.integer("p", 2));
  Ints axes;
  for (size_t i = 2; i < shapeOf(x).size(); ++i)
    axes.push_back(int64_t(i));
  Value power = c.make("abs", x);
  power = c.make("pow", {power, constantLike(c.b, x, p)});
  Value total = c.make("sum", power, {{"axis", axes}, {"keepdims", true}});
  c.give(c.make("pow", {total, constantLike(c.b, total, 1 / p)}));
}

} // namespace

ArrayRef<Operator> unpoolOperators() {
  static constexpr Operator entries[] = {
      {"Col2Im", 18, col2Im},
      {"ConvTranspose", 1, convTranspose},
      {"GlobalLpPool", 2, globalLpPool},
      {"LpPool", 2, lpPool},
      {"MaxUnpool", 9, maxUnpool},
  };
  return entries;
}

} // namespace varve::onnx
