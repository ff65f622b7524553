// Losses of classes.
#include "Onnx/Indices.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// The weighted mean, the sum or each of -logs at the target class, axis 1.
Value pickLoss(Call &c, Value logs, Value target) {
  Ints shape(shapeOf(logs)), rest = shape;
  if (shape.size() < 2)
    c.fail("input 0 has no axis of classes");
  rest.erase(rest.begin() + 1);
  if (shapeOf(target) != ArrayRef(rest))
    c.fail("the target's shape is not input 0's without axis 1");
  std::string reduction = c.text("reduction", "mean");
  if (reduction != "mean" && reduction != "sum" && reduction != "none")
    c.fail("reduction is '" + reduction + "'");

  Ints column = shape;
  column[1] = 1;
  target = c.cast(target, c.b.getI64Type());
  Value same = compare(c.b, indicesAlong(c, shape, 1), "eq",
                       c.broadcast(c.reshape(target, column), shape));
  Ints axis = {1};
  Value loss = c.make(
      "sum", select(c.b, same, neg(c.b, logs), constantLike(c.b, logs, 0)),
      {{"axis", axis}});

  Value weight = constantLike(c.b, loss, 1);
  if (c.has(2)) {
    if (shapeOf(c.in(2)) != ArrayRef<int64_t>{shape[1]})
      c.fail("there are not as many weights as classes");
    weight = c.make("gather", {c.in(2), target}, {{"axis", 0}});
  }
  if (c.hasAttribute("ignore_index")) {
    double ignored = double(c.integer("ignore_index"));
    Value ignore =
        compare(c.b, target, "eq", constantLike(c.b, target, ignored));
    weight = select(c.b, ignore, constantLike(c.b, weight, 0), weight);
    // A class that is ignored need not be one, and its log may be infinite.
    loss = select(c.b, ignore, constantLike(c.b, loss, 0), loss);
  }
  loss = c.make("mul", {loss, weight});
  if (reduction == "none")
    return loss;
  Ints all;
  for (size_t i = 0; i < rest.size(); ++i)
    all.push_back(int64_t(i));
  Value total = c.make("sum", loss, {{"axis", all}});
  if (reduction == "sum")
    return total;
  return div(c.b, total, c.make("sum", weight, {{"axis", all}}));
}

void negativeLogLikelihood(Call &c) {
  c.give(pickLoss(c, c.in(0), c.in(1)));
}

void softmaxCrossEntropy(Call &c) {
  Value x = c.in(0);
  if (shapeOf(x).size() < 2)
    c.fail("input 0 has no axis of classes");
  Value logs = c.make("log_softmax", x, {{"axis", 1}});
  c.give(pickLoss(c, logs, c.in(1)));
  c.give(logs);
}

} // namespace

ArrayRef<Operator> lossOperators() {
  static constexpr Operator entries[] = {
      {"NegativeLogLikelihoodLoss", 12, negativeLogLikelihood},
      {"SoftmaxCrossEntropyLoss", 12, softmaxCrossEntropy},
  };
  return entries;
}

} // namespace varve::onnx
