// Convolutions and pools, their adjoints, and products with sparse matrices.
#include "Dialect/Varve/Ops/Pooling.h"
#include "Onnx/ExportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

int64_t productOf(ArrayRef<int64_t> sizes) { return llvm::product_of(sizes); }

/// Padding as `pads` has it: all before, then all after.
Ints padsOf(const Window &window) {
  Ints pads;
  for (const WindowAxis &axis : window)
    pads.push_back(axis.before);
  for (const WindowAxis &axis : window)
    pads.push_back(axis.after);
  return pads;
}

Ints kernelOf(const Window &window) {
  Ints kernel;
  for (const WindowAxis &axis : window)
    kernel.push_back(axis.kernel);
  return kernel;
}

// ---- convolutions ----

template <class Op> std::vector<Setting> convSettings(Op op) {
  Window window = convWindow(op);
  return {{"kernel_shape", kernelOf(window)},
          {"strides", op.getStride()},
          {"pads", padsOf(window)},
          {"dilations", op.getDilation()},
          {"group", op.getGroups()}};
}

void conv(ExportCall &c) {
  c.give(c.make("Conv", {c.in(0), c.in(1)},
                convSettings(mlir::cast<ConvOp>(c.op))));
}

void convTranspose(ExportCall &c) {
  auto op = mlir::cast<ConvTransposeOp>(c.op);
  std::vector<Setting> settings = convSettings(op);
  settings.push_back({"output_padding", op.getOutputPadding()});
  c.give(c.make("ConvTranspose", {c.in(0), c.in(1)}, settings));
}

/// The convolution in which samples and channels have changed places: x has
/// the channels of a group as samples, y is its kernel, and the weight's places
/// are what strides were.
void convWeight(ExportCall &c) {
  auto op = mlir::cast<ConvWeightOp>(c.op);
  Window window = convWindow(op);
  int64_t groups = op.getGroups(), rank = c.type().getRank();
  ArrayRef<int64_t> shape = c.type().getShape();
  Ints swap{1, 0}, grouped{shape[0], groups, shape[1] / groups}, turn{2, 1, 0},
      samples{shape[1] / groups, groups * shape[0]};
  for (int64_t d = 2; d < rank; ++d) {
    swap.push_back(d);
    turn.push_back(d + 1);
    grouped.push_back(shape[size_t(d)]);
    samples.push_back(shape[size_t(d)]);
  }
  std::string x = c.in(0);
  if (groups == 1)
    x = c.transpose(x, swap);
  else
    x = c.reshape(c.transpose(c.reshape(x, grouped), turn), samples);
  std::string y = c.transpose(c.in(1), swap);
  std::vector<Setting> settings = {
      {"kernel_shape", Ints(c.type(1).getShape().drop_front(2))},
      {"strides", op.getDilation()},
      {"pads", padsOf(window)},
      {"dilations", op.getStride()},
      {"group", groups}};
  std::string w = c.transpose(c.make("Conv", {x, y}, settings), swap);
  // Where a stride leaves elements over, there are places beyond the kernel.
  Ints begin, end, axes;
  for (auto [d, axis] : llvm::enumerate(window))
    if (axis.rest() >= axis.dilation) {
      axes.push_back(int64_t(d) + 2);
      begin.push_back(0);
      end.push_back(axis.kernel);
    }
  c.give(axes.empty() ? w : c.slice(w, begin, end, axes));
}

// ---- pools ----

/// The window with the padding that makes its places without `ceil`.
template <class Op> Window filled(Op op) {
  Window window = poolWindow(op);
  for (WindowAxis &axis : window) {
    int64_t needed = (axis.places - 1) * axis.stride + axis.reach();
    axis.after = std::max(axis.after, needed - axis.size - axis.before);
  }
  return window;
}

template <class Op>
std::vector<Setting> poolSettings(Op op, const Window &window) {
  return {{"kernel_shape", op.getKernel()},
          {"strides", op.getStride()},
          {"pads", padsOf(window)}};
}

/// The index is that of ONNX, into the whole of x; it is read by the adjoints
/// alone, which know.
void maxPool(ExportCall &c) {
  auto op = mlir::cast<MaxPoolOp>(c.op);
  std::vector<Setting> settings = poolSettings(op, filled(op));
  settings.push_back({"dilations", op.getDilation()});
  bool indexed = !op.getIndex().use_empty();
  for (Operation *user : op.getIndex().getUsers())
    if (!isa<MaxUnpoolOp, MaxPoolAtOp>(user))
      c.refuse("whose index is read has no form in ONNX");
  for (std::string &name :
       c.makeSeveral("MaxPool", {c.in(0)}, {true, indexed}, settings))
    c.give(name);
}

/// The index of a pool with the same window.
template <class Op> std::string poolIndex(ExportCall &c, Op op) {
  auto pool = op.getIndex().template getDefiningOp<MaxPoolOp>();
  if (!pool || pool.getKernel() != op.getKernel() ||
      pool.getStride() != op.getStride() ||
      pool.getPadding() != op.getPadding() ||
      pool.getDilation() != op.getDilation() || pool.getCeil() != op.getCeil())
    c.refuse("whose index is not that of a max_pool with its window has no "
             "form in ONNX");
  return c.reshape(c.value(op.getIndex()), {-1});
}

void maxUnpool(ExportCall &c) {
  auto op = mlir::cast<MaxUnpoolOp>(c.op);
  std::string index = poolIndex(c, op);
  ArrayRef<int64_t> shape = c.resultType().getShape();
  std::string zeros =
      c.expand(c.number(c.type().getElementType(), 0), {productOf(shape)});
  std::string x =
      c.make("ScatterElements", {zeros, index, c.reshape(c.in(0), {-1})},
             {{"axis", 0}, {"reduction", "add"}});
  c.give(c.reshape(x, shape));
}

void maxPoolAt(ExportCall &c) {
  std::string index = poolIndex(c, mlir::cast<MaxPoolAtOp>(c.op));
  std::string y = c.make("GatherElements", {c.reshape(c.in(0), {-1}), index},
                         {{"axis", 0}});
  c.give(c.reshape(y, c.resultType().getShape()));
}

/// How many elements the sum over each window is divided by.
template <class Op>
SmallVector<double> divisorsOf(Op op, const Window &window) {
  SmallVector<double> all{1};
  for (const WindowAxis &axis : window) {
    SmallVector<double> longer;
    for (double before : all)
      for (int64_t p = 0; p < axis.places; ++p) {
        int64_t n = 0;
        for (int64_t k = 0; k < axis.kernel; ++k) {
          int64_t i = axis.at(p, k);
          n +=
              op.getCountPadding() ? i < axis.size + axis.after : axis.holds(i);
        }
        longer.push_back(before * double(n));
      }
    all = std::move(longer);
  }
  return all;
}

Ints placesOf(const Window &window) {
  Ints places;
  for (const WindowAxis &axis : window)
    places.push_back(axis.places);
  return places;
}

void avgPool(ExportCall &c) {
  auto op = mlir::cast<AvgPoolOp>(c.op);
  Window window = poolWindow(op), whole = filled(op);
  std::vector<Setting> settings = poolSettings(op, whole);
  settings.push_back({"count_include_pad", op.getCountPadding()});
  std::string y = c.make("AveragePool", {c.in(0)}, settings);
  // What is added for the last windows counts in ONNX, and not here.
  bool added = llvm::any_of(llvm::zip(window, whole), [](auto pair) {
    return std::get<0>(pair).after != std::get<1>(pair).after;
  });
  if (added && op.getCountPadding()) {
    SmallVector<double> factors = divisorsOf(op, window);
    for (double &n : factors)
      n = double(productOf(op.getKernel())) / n;
    y = c.make("Mul", {y, c.numbers(c.type().getElementType(), placesOf(window),
                                    factors)});
  }
  c.give(y);
}

/// Each element over its divisor, spread by the adjoint of a convolution with
/// ones, of one channel.
void avgUnpool(ExportCall &c) {
  auto op = mlir::cast<AvgUnpoolOp>(c.op);
  Window window = poolWindow(op);
  Type element = c.type().getElementType();
  ArrayRef<int64_t> shape = c.resultType().getShape();
  SmallVector<double> divisors = divisorsOf(op, window);
  bool even = llvm::all_equal(divisors);
  std::string divisor = even ? c.number(element, divisors[0])
                             : c.numbers(element, placesOf(window), divisors);
  std::string y = c.make("Div", {c.in(0), divisor});
  Ints flat{shape[0] * shape[1], 1}, kernel{1, 1}, more;
  for (WindowAxis &axis : window) {
    flat.push_back(axis.places);
    kernel.push_back(axis.kernel);
    int64_t over = (axis.places - 1) * axis.stride + axis.reach() -
                   axis.before - axis.size;
    axis.after = std::max<int64_t>(over, 0);
    more.push_back(std::max<int64_t>(-over, 0));
  }
  std::vector<Setting> settings = poolSettings(op, window);
  settings.push_back({"output_padding", more});
  std::string ones = c.expand(c.number(element, 1), kernel);
  std::string x = c.make("ConvTranspose", {c.reshape(y, flat), ones}, settings);
  c.give(c.reshape(x, shape));
}

// ---- along an axis ----

/// The matrix written out: its product with x, whose axis is the last or the
/// one before it meanwhile.
void resample(ExportCall &c) {
  auto op = mlir::cast<ResampleOp>(c.op);
  int64_t axis = op.getAxis(), taps = op.getTaps(), rank = c.type().getRank();
  int64_t columns = c.type().getDimSize(axis);
  int64_t rows = c.resultType().getDimSize(axis);
  Type element = c.type().getElementType();
  SmallVector<double> matrix(size_t(rows * columns));
  bool isLast = axis == rank - 1;
  for (int64_t e = 0; e < rows * taps; ++e) {
    int64_t row = e / taps, column = op.getIndex()[e];
    matrix[isLast ? column * rows + row : row * columns + column] +=
        op.getWeight()[e];
  }
  if (isLast)
    return c.give(c.make(
        "MatMul", {c.in(0), c.numbers(element, {columns, rows}, matrix)}));
  // What follows the axis is one axis meanwhile.
  Ints shape(c.type().getShape().take_front(axis + 1));
  shape.push_back(productOf(c.type().getShape().drop_front(axis + 1)));
  bool folds = axis != rank - 2;
  std::string x = folds ? c.reshape(c.in(0), shape) : c.in(0);
  std::string y =
      c.make("MatMul", {c.numbers(element, {rows, columns}, matrix), x});
  c.give(folds ? c.reshape(y, c.resultType().getShape()) : y);
}

/// Of mode "nearest".
void interpolate(ExportCall &c) {
  std::string x = c.in(0);
  ArrayRef<int64_t> from = c.type().getShape(), to = c.resultType().getShape();
  bool whole = true;
  for (auto [n, m] : llvm::zip(from, to))
    whole &= m % n == 0;
  if (whole) {
    return c.give(c.make("Resize", {x, "", "", c.ints(to)},
                         {{"mode", "nearest"},
                          {"nearest_mode", "floor"},
                          {"coordinate_transformation_mode", "asymmetric"}}));
  }
  // Exact, where a runtime's scale is rounded.
  for (size_t d = 2; d < from.size(); ++d) {
    Ints places;
    for (int64_t i = 0; i < to[d]; ++i)
      places.push_back(i * from[d] / to[d]);
    if (from[d] != to[d])
      x = c.make("Gather", {x, c.ints(places)}, {{"axis", int64_t(d)}});
  }
  c.give(x);
}

} // namespace

ArrayRef<ExportRule> windowRules() {
  static const ExportRule rules[] = {
      {"conv", conv},
      {"conv_transpose", convTranspose},
      {"conv_weight", convWeight},
      {"max_pool", maxPool},
      {"max_unpool", maxUnpool},
      {"max_pool_at", maxPoolAt},
      {"avg_pool", avgPool},
      {"avg_unpool", avgUnpool},
      {"resample", resample},
      {"interpolate", interpolate},
  };
  return rules;
}

} // namespace varve::onnx
