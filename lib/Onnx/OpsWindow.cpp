// Operators with windows: convolutions and pools.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// What all operators with a window say about it.
struct Window {
  Ints kernel, stride, dilation;
  Ints padding; ///< before each axis, then after each

  size_t axes() const { return kernel.size(); }
};

/// Reads `strides`, `dilations`, `pads` and `auto_pad`; x has the axes of the
/// window after N and C.
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
    int64_t reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
    int64_t total =
        std::max<int64_t>(0, (count - 1) * w.stride[i] + reach - size);
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

/// Adds a number for each channel, axis 1.
Value addBias(Call &c, Value y, Value bias) {
  Ints shape(shapeOf(y).size(), 1);
  shape[1] = shapeOf(y)[1];
  return c.make("add", {y, c.broadcast(c.reshape(bias, shape), shapeOf(y))});
}

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

void maxPool(Call &c) {
  Value x = channels(c, 0);
  auto kernel = c.list("kernel_shape");
  if (!kernel)
    c.fail("attribute 'kernel_shape' is missing");
  Window w = windowOf(c, x, *kernel);
  c.ignore("storage_order"); // Of the indices alone.
  Operation *pool = c.makeOp("max_pool", x,
                             {{"kernel", w.kernel},
                              {"stride", w.stride},
                              {"padding", w.padding},
                              {"dilation", w.dilation},
                              {"ceil", c.flag("ceil_mode")}});
  c.give(pool->getResult(0));
}

void averagePool(Call &c) {
  Value x = channels(c, 0);
  auto kernel = c.list("kernel_shape");
  if (!kernel)
    c.fail("attribute 'kernel_shape' is missing");
  Window w = windowOf(c, x, *kernel);
  for (int64_t each : w.dilation)
    if (each != 1)
      c.refuse("dilations are not supported");
  c.give(c.make("avg_pool", x,
                {{"kernel", w.kernel},
                 {"stride", w.stride},
                 {"padding", w.padding},
                 {"ceil", c.flag("ceil_mode")},
                 {"count_padding", c.flag("count_include_pad")}}));
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
      {"AveragePool", 7, averagePool},
      {"Conv", 1, conv},
      {"GlobalAveragePool", 1, globalAverage},
      {"GlobalMaxPool", 1, globalMax},
      {"MaxPool", 1, maxPool},
  };
  return entries;
}

} // namespace varve::onnx
