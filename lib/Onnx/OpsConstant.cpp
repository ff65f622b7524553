// Operators whose results need no input but sizes.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

void constant(Call &c) {
  if (const NodeAttribute *value = c.attribute("value");
      value && value->tensor) {
    if (value->tensor->type == Element::String)
      c.give(Datum::of(*value->tensor));
    else
      c.give(c.constant(*value->tensor), value->tensor->type);
    return;
  }
  RefTensor tensor;
  if (c.hasAttribute("value_float")) {
    tensor = RefTensor(c.b.getF32Type(), {});
    tensor.f[0] = c.real("value_float");
  } else if (c.hasAttribute("value_int")) {
    tensor = RefTensor(c.b.getI64Type(), {});
    tensor.i[0] = c.integer("value_int");
  } else if (auto numbers = c.reals("value_floats")) {
    tensor = RefTensor(c.b.getF32Type(), {int64_t(numbers->size())});
    tensor.f.assign(numbers->begin(), numbers->end());
  } else if (auto numbers = c.list("value_ints")) {
    return c.give(c.intsConstant(*numbers));
  } else {
    c.refuse("it has none of the values that are supported");
  }
  c.give(c.constant(tensor));
}

void constantOfShape(Call &c) {
  Ints shape = c.ints(0);
  if (elementCount({shape.begin(), shape.end()}) < 0)
    c.fail("the shape is too large");
  const NodeAttribute *value = c.attribute("value");
  if (!value)
    return c.give(c.splat(c.b.getF32Type(), 0, shape));
  if (!value->tensor || value->tensor->dims.size() > 1 ||
      elementCount(value->tensor->dims) != 1)
    c.fail("attribute 'value' is no tensor of one element");
  Value one = c.reshape(c.constant(*value->tensor), {});
  c.give(c.broadcast(one, shape), value->tensor->type);
}

} // namespace

ArrayRef<Operator> constantOperators() {
  static constexpr Operator entries[] = {
      {"Constant", 1, constant},
      {"ConstantOfShape", 9, constantOfShape},
  };
  return entries;
}

} // namespace varve::onnx
