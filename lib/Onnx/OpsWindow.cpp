// Operators with windows: convolutions and pools.
#include "Onnx/Window.h"
#include "Onnx/Indices.h"

using namespace mlir;

namespace varve::onnx {
Window windowOf(Call &c, Value x, Ints kernel) {
  size_t axes = shapeOf(x).size() - 2;
  Window w;
  if (kernel.size() != axes)
    c.fail("a window of " + std::to_string(kernel.size()) + " axes over " +
           std::to_string(axes));
  w.kernel = kernel;
  w.stride = c.list("strides").value_or(Ints(axes, 1));
  w.dilation = c.list("dilations").value_or(Ints(axes, 1));
  w.padding = c.list("pads").value_or(Ints(2 * axes, 0));
  if (w.stride.size() != axes || w.dilation.size() != axes ||
      w.padding.size() != 2 * axes)
    c.fail("strides, dilations or pads are not of the window's axes");
  for (size_t i = 0; i < axes; ++i)
    if (w.stride[i] < 1 || w.dilation[i] < 1 || w.kernel[i] < 1)
      c.fail("strides, dilations and sizes of a window are 1 or more");
  // Where windows lie is worked out, one after the other.
  constexpr int64_t most = int64_t(1) << 26;
  auto isFar = [](int64_t each) { return each > most || each < -most; };
  for (ArrayRef<int64_t> each :
       {shapeOf(x), ArrayRef<int64_t>(w.kernel), ArrayRef<int64_t>(w.stride),
        ArrayRef<int64_t>(w.dilation), ArrayRef<int64_t>(w.padding)})
    if (llvm::any_of(each, isFar))
      c.refuse("windows over more than " + std::to_string(most) +
               " places are not supported");
  std::string mode = c.text("auto_pad", "NOTSET");
  if (mode == "NOTSET")
    return w;
  bool upper = mode == "SAME_UPPER";
  if (!upper && mode != "SAME_LOWER" && mode != "VALID")
    c.fail("auto_pad is '" + mode + "'");
  w.padding.assign(2 * axes, 0);
  if (mode == "VALID")
    return w;
  // The result has ceil(size / stride) elements.
  for (size_t i = 0; i < axes; ++i) {
    int64_t size = shapeOf(x)[2 + i];
    int64_t count = (size + w.stride[i] - 1) / w.stride[i];
    int64_t total =
        std::max<int64_t>(0, (count - 1) * w.stride[i] + w.reach(i) - size);
    w.padding[i] = upper ? total / 2 : total - total / 2;
    w.padding[axes + i] = total - w.padding[i];
  }
  return w;
}

Value channels(Call &c, size_t i) {
  Value x = c.in(i);
  if (shapeOf(x).size() < 3)
    c.fail("input " + std::to_string(i) + " has rank " +
           std::to_string(shapeOf(x).size()) + ", not 3 or more");
  return x;
}

Value addBias(Call &c, Value y, Value bias) {
  return c.elementwise("add", {y, c.perChannel(bias, y)});
}

Ints kernelOf(Call &c) {
  auto kernel = c.list("kernel_shape");
  if (!kernel)
    c.fail("attribute 'kernel_shape' is missing");
  return *kernel;
}

int64_t windowsOf(const Window &w, size_t i, int64_t size, bool ceil) {
  int64_t before = w.padding[i], stride = w.stride[i];
  int64_t room = size + before + w.padding[w.axes() + i] - w.reach(i);
  if (room < 0)
    return 0;
  int64_t count = room / stride + 1;
  if (ceil && room % stride && count * stride < size + before)
    ++count;
  return count;
}

/// A convolution of each channel with ones.
Value windowSums(Call &c, Value x, const Window &w, bool ceil) {
  Ints shape(shapeOf(x)), apart = shape, kernel = {1, 1}, padding = w.padding;
  apart[0] *= apart[1];
  apart[1] = 1;
  kernel.append(w.kernel);
  for (size_t i = 0; i < w.axes(); ++i) {
    int64_t size = shape[2 + i], count = windowsOf(w, i, size, ceil);
    if (count < 1)
      c.fail("a window is larger than what it goes over");
    int64_t need = (count - 1) * w.stride[i] + w.reach(i);
    int64_t &after = padding[w.axes() + i];
    after = std::max(after, need - size - w.padding[i]);
    shape[2 + i] = count;
  }
  Value ones = c.splat(typeOf(x).getElementType(), 1, kernel);
  Value y = c.make("conv", {c.reshape(x, apart), ones},
                   {{"stride", w.stride},
                    {"padding", padding},
                    {"dilation", w.dilation},
                    {"groups", 1}});
  return c.reshape(y, shape);
}

namespace {

void conv(Call &c) {
  Value x = channels(c, 0), weight = channels(c, 1);
  Ints kernel(shapeOf(weight).drop_front(2));
  if (auto said = c.list("kernel_shape"); said && *said != kernel)
    c.fail("kernel_shape is not that of the weight");
  Window w = windowOf(c, x, kernel);
  Value y = c.make("conv", {x, weight},
                   {{"stride", w.stride},
                    {"padding", w.padding},
                    {"dilation", w.dilation},
                    {"groups", c.integer("group", 1)}});
  c.give(c.has(2) ? addBias(c, y, c.in(2)) : y);
}

/// The dialect counts places of the window, ONNX those of the whole tensor;
/// with `storage_order` the first axis of a picture is the innermost.
Value placesOfMax(Call &c, Value x, Value index, const Window &w) {
  index = c.cast(index, c.b.getI64Type());
  ArrayRef<int64_t> sizes = shapeOf(x).drop_front(2), result = shapeOf(index);
  Ints strides = stridesOf(sizes);
  if (c.flag("storage_order")) {
    Ints backwards(llvm::reverse(sizes));
    backwards = stridesOf(backwards);
    strides.assign(backwards.rbegin(), backwards.rend());
  }
  double picture = double(countOf(sizes));
  Value place = mul(c.b, indicesAlong(c, result, 1), picture);
  place = add(c.b, place,
              mul(c.b, indicesAlong(c, result, 0),
                  picture * double(shapeOf(x)[1])));
  for (size_t i = w.axes(); i-- > 0;) {
    Value size = constantLike(c.b, index, double(w.kernel[i]));
    Value inside = c.make("remainder", {index, size});
    index = div(c.b, index, size);
    Value at = mul(c.b, indicesAlong(c, result, int64_t(2 + i)),
                   double(w.stride[i]));
    at = add(c.b, at, mul(c.b, inside, double(w.dilation[i])));
    at = sub(c.b, at, constantLike(c.b, at, double(w.padding[i])));
    place = add(c.b, place, mul(c.b, at, double(strides[i])));
  }
  return place;
}

void maxPool(Call &c) {
  Value x = channels(c, 0);
  Window w = windowOf(c, x, kernelOf(c));
  c.ignore("storage_order"); // Of the indices alone.
  Operation *pool = c.makeOp("max_pool", x,
                             {{"kernel", w.kernel},
                              {"stride", w.stride},
                              {"padding", w.padding},
                              {"dilation", w.dilation},
                              {"ceil", c.flag("ceil_mode")}});
  c.give(pool->getResult(0));
  if (c.wants(1))
    c.give(placesOfMax(c, x, pool->getResult(1), w));
}

/// How many elements each window has: of x, or of x and its padding.
Value windowCounts(Call &c, Value x, const Window &w, bool ceil, bool padding) {
  Type element = typeOf(x).getElementType();
  Value counts = c.splat(element, 1, Ints(shapeOf(x).size(), 1));
  for (size_t i = 0; i < w.axes(); ++i) {
    int64_t size = shapeOf(x)[2 + i], from = 0, to = size;
    if (padding) {
      from = -w.padding[i];
      to = size + w.padding[w.axes() + i];
    }
    Ints shape(shapeOf(x).size(), 1);
    shape[2 + i] = windowsOf(w, i, size, ceil);
    RefTensor along(element, shape);
    for (int64_t o = 0; o < shape[2 + i]; ++o)
      for (int64_t k = 0; k < w.kernel[i]; ++k) {
        int64_t at = o * w.stride[i] - w.padding[i] + k * w.dilation[i];
        along.f[size_t(o)] += at >= from && at < to;
      }
    counts = c.elementwise("mul", {counts, c.constant(along)});
  }
  return counts;
}

void averagePool(Call &c) {
  Value x = channels(c, 0);
  Window w = windowOf(c, x, kernelOf(c));
  bool ceil = c.flag("ceil_mode"), padding = c.flag("count_include_pad");
  if (!isa<FloatType>(typeOf(x).getElementType()))
    c.fail("input 0 is " + describe(c.datum(0)) + ", not floats");
  if (llvm::any_of(w.dilation, [](int64_t each) { return each != 1; })) {
    Value sums = windowSums(c, x, w, ceil);
    return c.give(c.elementwise(
        "div", {sums, windowCounts(c, x, w, ceil, padding)}));
  }
  c.give(c.make("avg_pool", x,
                {{"kernel", w.kernel},
                 {"stride", w.stride},
                 {"padding", w.padding},
                 {"ceil", ceil},
                 {"count_padding", padding}}));
}

/// Along all axes of the window.
Ints windowAxes(Value x) {
  Ints axes;
  for (size_t i = 2; i < shapeOf(x).size(); ++i)
    axes.push_back(int64_t(i));
  return axes;
}

void globalAverage(Call &c) {
  Value x = channels(c, 0);
  c.give(c.make("mean", x, {{"axis", windowAxes(x)}, {"keepdims", true}}));
}

void globalMax(Call &c) {
  Value x = channels(c, 0);
  c.give(c.make("max", x, {{"axis", windowAxes(x)}, {"keepdims", true}}));
}

} // namespace

ArrayRef<Operator> windowOperators() {
  static constexpr Operator entries[] = {
      {"AveragePool", 1, averagePool},
      {"Conv", 1, conv},
      {"DeformConv", 19, deformConv},
      {"GlobalAveragePool", 1, globalAverage},
      {"GlobalMaxPool", 1, globalMax},
      {"MaxPool", 1, maxPool},
  };
  return entries;
}

} // namespace varve::onnx
