// Softmax and normalization.
#include "Onnx/ImportCall.h"

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

/// By the batch's own mean and variance, which move the running ones.
void batchTraining(Call &c, Value x) {
  Ints axes = {0};
  for (size_t i = 2; i < shapeOf(x).size(); ++i)
    axes.push_back(int64_t(i));
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
  if (c.flag("training_mode"))
    return batchTraining(c, x);
  c.give(scaledBy(c, x, eachChannel(c, 3, x), eachChannel(c, 4, x)));
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
