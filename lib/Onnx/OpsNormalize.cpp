// Softmax and normalization.
#include "Onnx/ImportTraining.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// Before opset 13 all axes from `axis` on are one.
template <bool isLog> void softmaxFlat(Call &c) {
  Value x = c.in(0);
  Value y =
      c.make(isLog ? "log_softmax" : "softmax", c.flatten(x), {{"axis", 1}});
  c.give(c.reshape(y, shapeOf(x)));
}

template <bool isLog> void softmax(Call &c) {
  Value x = c.in(0);
  int64_t axis = c.axisOf(x, -1);
  c.give(c.make(isLog ? "log_softmax" : "softmax", x, {{"axis", axis}}));
}

/// Input i, one number a channel of x, in x's type.
Value eachChannel(Call &c, size_t i, Value x) {
  return c.cast(c.perChannel(c.in(i), x), typeOf(x).getElementType());
}

/// Once a factor and a shift for each channel are known.
Value scaledBy(Call &c, Value x, Value mean, Value var) {
  Value scale = eachChannel(c, 1, x), bias = eachChannel(c, 2, x);
  Value eps = constantLike(c.b, var, c.real("epsilon", 1e-5));
  Value factor = mul(c.b, scale, c.make("rsqrt", add(c.b, var, eps)));
  Value shift = sub(c.b, bias, mul(c.b, mean, factor));
  return c.elementwise("add", {c.elementwise("mul", {x, factor}), shift});
}

/// All but that of channels.
Ints axesOfSamples(Value x) {
  Ints axes = {0};
  for (int64_t i = 2; i < rankOf(x); ++i)
    axes.push_back(i);
  return axes;
}

/// As PyTorch's module in training: by the batch's own mean and variance. The
/// running variance is moved by that of the population, which the format leaves
/// open.
void batchLearning(Call &c, Value x) {
  Value scale = c.perChannel(c.in(1), x), bias = c.perChannel(c.in(2), x);
  int64_t channels = shapeOf(x)[1];
  auto count =
      double(elementCount(shapeOf(x).vec()) / std::max<int64_t>(channels, 1));
  if (count < 2)
    c.fail("training needs more than one value in a channel");
  double eps = c.real("epsilon", 1e-5), momentum = c.real("momentum", 0.9);
  Operation *normal =
      c.makeOp("normalize", x, {{"axis", axesOfSamples(x)}, {"eps", eps}});
  auto fitting = [&](Value v) { return c.cast(v, typeOf(x).getElementType()); };
  Value y = c.elementwise("mul", {normal->getResult(0), fitting(scale)});
  c.give(c.elementwise("add", {y, fitting(bias)}));
  for (auto [i, factor] :
       {std::pair(3, 1.0), std::pair(4, count / (count - 1))}) {
    Value running = c.in(size_t(i));
    Value now = c.cast(normal->getResult(unsigned(i) - 2),
                       typeOf(running).getElementType());
    Value moved = add(c.b, mul(c.b, running, momentum),
                      mul(c.b, now, (1 - momentum) * factor));
    if (!hostOf(c).update(running, moved))
      c.refuse("training is not supported where running statistics are no "
               "initializers");
    c.give(moved);
  }
}

/// By the batch's own mean and variance, which move the running ones.
void batchTraining(Call &c, Value x) {
  Ints axes = axesOfSamples(x);
  Named along("axis", axes), keep("keepdims", true);
  Value mean = c.make("mean", x, {along, keep});
  Value square = c.make("square", c.elementwise("sub", {x, mean}));
  Value var = c.make("mean", square, {along, keep});
  double momentum = c.real("momentum", 0.9);
  c.give(scaledBy(c, x, mean, var));
  for (auto [i, now] : {std::pair(size_t(3), mean), std::pair(size_t(4), var)}) {
    Value running = c.in(i);
    now = c.cast(c.reshape(now, shapeOf(running)),
                 typeOf(running).getElementType());
    c.give(add(c.b, mul(c.b, running, momentum), mul(c.b, now, 1 - momentum)));
  }
}

void batchNormalization(Call &c) {
  Value x = c.in(0);
  c.ignore("momentum");
  if (!c.flag("spatial", true))
    c.refuse("statistics of each element are not supported");
  bool said = c.flag("training_mode");
  std::optional<bool> training = inTraining(c);
  if (training.value_or(false))
    return batchLearning(c, x);
  if (said && !training)
    return batchTraining(c, x);
  c.give(scaledBy(c, x, eachChannel(c, 3, x), eachChannel(c, 4, x)));
  if (said) {
    c.give(c.in(3));
    c.give(c.in(4));
  }
}

/// Before opset 7 an attribute says whether it learns.
void batchNormalizationFirst(Call &c) {
  if (!c.flag("is_test"))
    c.refuse("training is not supported before opset 14");
  c.ignore("consumed_inputs");
  batchNormalization(c);
}

} // namespace

ArrayRef<Operator> normalizeOperators() {
  static constexpr Operator entries[] = {
      {"BatchNormalization", 1, batchNormalizationFirst},
      {"BatchNormalization", 7, batchNormalization},
      {"LogSoftmax", 1, softmaxFlat<true>},
      {"LogSoftmax", 13, softmax<true>},
      {"Softmax", 1, softmaxFlat<false>},
      {"Softmax", 13, softmax<false>},
  };
  return entries;
}

} // namespace varve::onnx
