// Convolutions and their adjoints.
#include "Dialect/Varve/Ops/Window.h"
#include "varve/Dialect/Kernel/Kernel.h"

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

// ---- what the three share ----

std::optional<Window> varve::windowOf(int64_t axes, ArrayRef<int64_t> kernel,
                                      ArrayRef<int64_t> stride,
                                      ArrayRef<int64_t> padding,
                                      ArrayRef<int64_t> dilation) {
  constexpr int64_t most = int64_t(1) << 31;
  auto suits = [&](ArrayRef<int64_t> list, int64_t least, int64_t length) {
    return int64_t(list.size()) == length && llvm::all_of(list, [&](int64_t v) {
             return v >= least && v <= most;
           });
  };
  bool ends = int64_t(padding.size()) == 2 * axes;
  if (!suits(kernel, 1, axes) || !suits(stride, 1, axes) ||
      !suits(dilation, 1, axes) || !suits(padding, 0, ends ? 2 * axes : axes))
    return std::nullopt;
  Window window(axes);
  for (auto [d, axis] : llvm::enumerate(window)) {
    axis.kernel = kernel[d];
    axis.stride = stride[d];
    axis.dilation = dilation[d];
    axis.before = padding[d];
    axis.after = padding[ends ? axes + d : d];
  }
  return window;
}

/// The axes of a window: all but samples and channels.
static ArrayRef<int64_t> spatial(RankedTensorType type) {
  return type.getShape().drop_front(2);
}

/// The window of y = conv(x, weight) for tensors of these types; of an
/// operation that was verified.
template <class Op>
static Window convWindowOf(Op op, RankedTensorType x, RankedTensorType weight,
                           RankedTensorType y) {
  Window window = *windowOf(x.getRank() - 2, spatial(weight), op.getStride(),
                            op.getPadding(), op.getDilation());
  for (auto [axis, size, places] : llvm::zip(window, spatial(x), spatial(y))) {
    axis.size = size;
    axis.places = places;
  }
  return window;
}

Window varve::convWindow(ConvOp op) {
  return convWindowOf(op, typeOf(op.getX()), typeOf(op.getWeight()),
                      typeOf(op.getResult()));
}
Window varve::convWindow(ConvTransposeOp op) {
  return convWindowOf(op, typeOf(op.getResult()), typeOf(op.getWeight()),
                      typeOf(op.getX()));
}
Window varve::convWindow(ConvWeightOp op) {
  return convWindowOf(op, typeOf(op.getX()), typeOf(op.getResult()),
                      typeOf(op.getY()));
}

/// Calls visit(position in y, in x, in weight) for each product of
/// y = conv(x, weight).
static void
forEachProduct(const Window &window, int64_t groups, ArrayRef<int64_t> x,
               ArrayRef<int64_t> weight, ArrayRef<int64_t> y,
               llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  int64_t outputs = 1, taps = 1;
  for (int64_t size : y)
    outputs *= size;
  for (int64_t size : weight.drop_front())
    taps *= size;
  for (int64_t e = 0; e < outputs; ++e) {
    std::vector<int64_t> to = indexOf(e, y);
    int64_t group = to[1] / (weight[0] / groups);
    for (int64_t t = 0; t < taps; ++t) {
      std::vector<int64_t> tap = indexOf(t, weight.drop_front());
      std::vector<int64_t> from = to;
      from[1] = group * weight[1] + tap[0];
      bool inside = true;
      for (auto [d, axis] : llvm::enumerate(window)) {
        from[2 + d] = axis.at(to[2 + d], tap[1 + d]);
        inside &= axis.holds(from[2 + d]);
      }
      if (inside)
        visit(e, positionOf(from, x), to[1] * taps + t);
    }
  }
}

static bool isConvolved(RankedTensorType x, RankedTensorType other) {
  return x.getRank() >= 3 && other.getRank() == x.getRank() &&
         other.getElementType() == x.getElementType();
}

// One kernel for all three; where it has an empty tensor, the sums have no
// term. Products of narrow floats are summed in f32.
template <class Op>
static SmallVector<Value> lowerConvolution(LocBuilder &b, Op op, Values factors,
                                           kernel::ConvKind kind) {
  auto type = cast<RankedTensorType>(op.getType());
  if (type.getNumElements() == 0 || llvm::any_of(factors, [](Value v) {
        return typeOf(v).getNumElements() == 0;
      }))
    return {constant(b, type, 0)};
  Type element = type.getElementType();
  bool narrow = element.getIntOrFloatBitWidth() < 32;
  Type wide = narrow ? b.getF32Type() : element;
  Value result = kernel::ConvOp::create(
      b, type.clone(wide), kind, castTo(b, factors[0], wide),
      castTo(b, factors[1], wide), op.getStride(),
      op.getPadding().take_front(type.getRank() - 2), op.getDilation(),
      op.getGroups());
  return {castTo(b, result, element)};
}
SmallVector<Value> ConvOp::lower(LocBuilder &b, Values x) {
  return lowerConvolution(b, *this, x, kernel::ConvKind::Forward);
}
SmallVector<Value> ConvTransposeOp::lower(LocBuilder &b, Values x) {
  return lowerConvolution(b, *this, x, kernel::ConvKind::Data);
}
SmallVector<Value> ConvWeightOp::lower(LocBuilder &b, Values x) {
  return lowerConvolution(b, *this, x, kernel::ConvKind::Weight);
}

static LogicalResult refuseLists(std::optional<Location> loc, int64_t axes,
                                 ArrayRef<int64_t> stride,
                                 ArrayRef<int64_t> padding,
                                 ArrayRef<int64_t> dilation) {
  return emitOptionalError(loc, "stride [", stride, "], padding [", padding,
                           "] and dilation [", dilation, "] do not suit ", axes,
                           " axes");
}

static LogicalResult refuseGroups(std::optional<Location> loc, int64_t groups,
                                  RankedTensorType x, RankedTensorType other) {
  return emitOptionalError(loc, x, " and ", other, " do not make ", groups,
                           groups == 1 ? " group" : " groups", " of channels");
}

/// The sizes of the window of checked lists, 1 for each axis.
static std::optional<Window> windowOfOnes(int64_t axes,
                                          ArrayRef<int64_t> stride,
                                          ArrayRef<int64_t> padding,
                                          ArrayRef<int64_t> dilation) {
  return windowOf(axes, SmallVector<int64_t>(axes, 1), stride, padding,
                  dilation);
}

// ---- conv ----

LogicalResult ConvOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> loc,
                                       Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX()), weight = typeOf(adaptor.getWeight());
  if (!isConvolved(x, weight)) // conv C1
    return emitOptionalError(loc, "cannot convolve ", x, " with ", weight);
  auto window = windowOfOnes(x.getRank() - 2, adaptor.getStride(),
                             adaptor.getPadding(), adaptor.getDilation());
  if (!window) // conv C2
    return refuseLists(loc, x.getRank() - 2, adaptor.getStride(),
                       adaptor.getPadding(), adaptor.getDilation());
  int64_t groups = adaptor.getGroups(), channels = x.getDimSize(1);
  if (groups < 1 || channels % groups != 0 ||
      weight.getDimSize(0) % groups != 0 ||
      weight.getDimSize(1) != channels / groups) // conv C3
    return refuseGroups(loc, groups, x, weight);
  SmallVector<int64_t> shape{x.getDimSize(0), weight.getDimSize(0)};
  for (auto [d, axis] : llvm::enumerate(*window)) {
    axis.kernel = weight.getDimSize(2 + d);
    int64_t padded = x.getDimSize(2 + d) + axis.before + axis.after;
    if (axis.kernel < 1 || axis.reach() > padded) // conv C4
      return emitOptionalError(loc, "a kernel of ", axis.reach(),
                               " does not fit into axis ", 2 + d, " of ", x,
                               ", padded to ", padded);
    shape.push_back((padded - axis.reach()) / axis.stride + 1);
  }
  types.push_back(x.clone(shape));
  return success();
}
void ConvOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  Window window = convWindow(*this);
  forEachProduct(window, getGroups(), in[0].shape, in[1].shape, y[0].shape,
                 [&](int64_t to, int64_t from, int64_t tap) {
                   y[0].f[to] += in[0].f[from] * in[1].f[tap];
                 });
}
/// What a window leaves over at the end of each axis of x.
static SmallVector<int64_t> restsOf(const Window &window) {
  SmallVector<int64_t> rests;
  for (const WindowAxis &axis : window)
    rests.push_back(axis.rest());
  return rests;
}
void ConvOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Window window = convWindow(*this);
  d[0] =
      ConvTransposeOp::create(b, dy[0], getWeight(), getStride(), getPadding(),
                              restsOf(window), getDilation(), getGroups());
  d[1] = ConvWeightOp::create(b, getX(), dy[0], spatial(typeOf(getWeight())),
                              getStride(), getPadding(), getDilation(),
                              getGroups());
}

// ---- conv_transpose ----

LogicalResult ConvTransposeOp::inferReturnTypes(MLIRContext *,
                                                std::optional<Location> loc,
                                                Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX()), weight = typeOf(adaptor.getWeight());
  if (!isConvolved(x, weight)) // conv_transpose C1
    return emitOptionalError(loc, "cannot convolve ", x, " with ", weight);
  auto window = windowOfOnes(x.getRank() - 2, adaptor.getStride(),
                             adaptor.getPadding(), adaptor.getDilation());
  if (!window) // conv_transpose C2
    return refuseLists(loc, x.getRank() - 2, adaptor.getStride(),
                       adaptor.getPadding(), adaptor.getDilation());
  int64_t groups = adaptor.getGroups(), channels = x.getDimSize(1);
  if (groups < 1 || channels % groups != 0 ||
      weight.getDimSize(0) != channels) // conv_transpose C3
    return refuseGroups(loc, groups, x, weight);
  ArrayRef<int64_t> more = adaptor.getOutputPadding();
  bool fits = more.size() == window->size();
  for (size_t d = 0; fits && d < more.size(); ++d)
    fits = more[d] >= 0 && more[d] < (*window)[d].stride;
  if (!fits) // conv_transpose C5
    return emitOptionalError(loc, "output_padding [", more,
                             "] does not suit stride [", adaptor.getStride(),
                             "]");
  SmallVector<int64_t> shape{x.getDimSize(0), weight.getDimSize(1) * groups};
  for (auto [d, axis] : llvm::enumerate(*window)) {
    axis.kernel = weight.getDimSize(2 + d);
    int64_t size = (x.getDimSize(2 + d) - 1) * axis.stride - axis.before -
                   axis.after + axis.reach() + more[d];
    if (axis.kernel < 1 || size < 1) // conv_transpose C4
      return emitOptionalError(loc, "axis ", 2 + d, " of the result of ", x,
                               " and ", weight, " would have ", size,
                               " elements");
    shape.push_back(size);
  }
  types.push_back(x.clone(shape));
  return success();
}
void ConvTransposeOp::evaluate(ArrayRef<RefTensor> in,
                               MutableArrayRef<RefTensor> y) {
  Window window = convWindow(*this);
  forEachProduct(window, getGroups(), y[0].shape, in[1].shape, in[0].shape,
                 [&](int64_t from, int64_t to, int64_t tap) {
                   y[0].f[to] += in[0].f[from] * in[1].f[tap];
                 });
}
void ConvTransposeOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = ConvOp::create(b, dy[0], getWeight(), getStride(), getPadding(),
                        getDilation(), getGroups());
  d[1] = ConvWeightOp::create(b, dy[0], getX(), spatial(typeOf(getWeight())),
                              getStride(), getPadding(), getDilation(),
                              getGroups());
}

// ---- conv_weight ----

LogicalResult ConvWeightOp::inferReturnTypes(MLIRContext *,
                                             std::optional<Location> loc,
                                             Adaptor adaptor, Infer types) {
  auto x = typeOf(adaptor.getX()), y = typeOf(adaptor.getY());
  if (!isConvolved(x, y) ||
      x.getDimSize(0) != y.getDimSize(0)) // conv_weight C1
    return emitOptionalError(loc, "no convolution makes ", y, " of ", x);
  int64_t axes = x.getRank() - 2;
  auto window = windowOfOnes(axes, adaptor.getStride(), adaptor.getPadding(),
                             adaptor.getDilation());
  if (!window) // conv_weight C2
    return refuseLists(loc, axes, adaptor.getStride(), adaptor.getPadding(),
                       adaptor.getDilation());
  int64_t groups = adaptor.getGroups();
  if (groups < 1 || x.getDimSize(1) % groups != 0 ||
      y.getDimSize(1) % groups != 0) // conv_weight C3
    return refuseGroups(loc, groups, x, y);
  ArrayRef<int64_t> kernel = adaptor.getKernel();
  window = windowOf(axes, kernel, adaptor.getStride(), adaptor.getPadding(),
                    adaptor.getDilation());
  bool fits = window.has_value();
  for (int64_t d = 0; fits && d < axes; ++d) {
    const WindowAxis &axis = (*window)[d];
    int64_t room =
        x.getDimSize(2 + d) + axis.before + axis.after - axis.reach();
    fits = room >= 0 && room / axis.stride + 1 == y.getDimSize(2 + d);
  }
  if (!fits) // conv_weight C4
    return emitOptionalError(loc, "a kernel of [", kernel, "] does not make ",
                             y, " of ", x);
  SmallVector<int64_t> shape{y.getDimSize(1), x.getDimSize(1) / groups};
  llvm::append_range(shape, kernel);
  types.push_back(x.clone(shape));
  return success();
}
void ConvWeightOp::evaluate(ArrayRef<RefTensor> in,
                            MutableArrayRef<RefTensor> w) {
  Window window = convWindow(*this);
  forEachProduct(window, getGroups(), in[0].shape, w[0].shape, in[1].shape,
                 [&](int64_t out, int64_t from, int64_t tap) {
                   w[0].f[tap] += in[0].f[from] * in[1].f[out];
                 });
}
void ConvWeightOp::buildVjp(LocBuilder &b, Values dw, Grads d) {
  Window window = convWindow(*this);
  d[0] = ConvTransposeOp::create(b, getY(), dw[0], getStride(), getPadding(),
                                 restsOf(window), getDilation(), getGroups());
  d[1] = ConvOp::create(b, getX(), dw[0], getStride(), getPadding(),
                        getDilation(), getGroups());
}
