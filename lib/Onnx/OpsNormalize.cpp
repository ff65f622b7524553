// Softmax and normalization.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// Before opset 13 all axes from `axis` on are one.
template <bool isLog> void softmaxFlat(Call &c) {
  Value x = c.in(0);
  int64_t rank = int64_t(shapeOf(x).size()), axis = c.integer("axis", 1);
  axis = axis == rank ? rank : c.axis(axis, rank);
  int64_t before = 1, after = 1;
  for (auto [i, size] : llvm::enumerate(shapeOf(x)))
    (int64_t(i) < axis ? before : after) *= size;
  Value y = c.make(isLog ? "log_softmax" : "softmax",
                   c.reshape(x, {before, after}), {{"axis", 1}});
  c.give(c.reshape(y, shapeOf(x)));
}

template <bool isLog> void softmax(Call &c) {
  Value x = c.in(0);
  int64_t axis = c.axis(c.integer("axis", -1), int64_t(shapeOf(x).size()));
  c.give(c.make(isLog ? "log_softmax" : "softmax", x, {{"axis", axis}}));
}

/// In inference, and then only the first result.
void batchNormalization(Call &c) {
  Value x = c.in(0);
  if (c.flag("training_mode"))
    c.refuse("training is not supported");
  c.ignore("momentum");
  c.ignore("spatial");
  if (shapeOf(x).size() < 2)
    c.fail("input 0 has no channels");
  Ints shape(shapeOf(x).size(), 1);
  shape[1] = shapeOf(x)[1];
  auto each = [&](size_t i) {
    return c.cast(c.reshape(c.in(i), shape), typeOf(x).getElementType());
  };
  Value scale = each(1), bias = each(2), mean = each(3), var = each(4);
  Value eps = constantLike(c.b, var, c.real("epsilon", 1e-5));
  Value factor = mul(c.b, scale, c.make("rsqrt", add(c.b, var, eps)));
  Value shift = sub(c.b, bias, mul(c.b, mean, factor));
  c.give(c.elementwise("add", {c.elementwise("mul", {x, factor}), shift}));
}

} // namespace

ArrayRef<Operator> normalizeOperators() {
  static constexpr Operator entries[] = {
      {"BatchNormalization", 7, batchNormalization},
      {"LogSoftmax", 1, softmaxFlat<true>},
      {"LogSoftmax", 13, softmax<true>},
      {"Softmax", 1, softmaxFlat<false>},
      {"Softmax", 13, softmax<false>},
  };
  return entries;
}

} // namespace varve::onnx
