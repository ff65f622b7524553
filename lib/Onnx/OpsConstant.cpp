// Operators whose results need no input but sizes.
#include "Onnx/Indices.h"
#include <cmath>

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
  if (c.hasAttribute("value_string") || c.hasAttribute("value_strings")) {
    TensorData texts;
    texts.type = Element::String;
    if (auto several = c.texts("value_strings")) {
      texts.strings = std::move(*several);
      texts.dims = {int64_t(texts.strings.size())};
    } else {
      texts.strings = {c.text("value_string")};
    }
    return c.give(Datum::of(std::move(texts)));
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

/// How many steps lead from `start` to before `limit`.
int64_t stepsOf(Call &c, const RefTensor &start, const RefTensor &limit,
                const RefTensor &step) {
  double count;
  if (start.isFloat()) {
    count = std::ceil((limit.f[0] - start.f[0]) / step.f[0]);
  } else {
    // The difference of 64-bit numbers needs one more bit.
    auto by = (long double)(step.i[0]);
    count = double(std::ceil(
        ((long double)(limit.i[0]) - (long double)(start.i[0])) / by));
  }
  constexpr double most = 1LL << 40;
  if (!(std::abs(count) < most))
    c.fail("there is no end of steps");
  return std::max<int64_t>(0, int64_t(count));
}

void range(Call &c) {
  const RefTensor &start = c.known(0), &limit = c.known(1), &step = c.known(2);
  for (const RefTensor *each : {&start, &limit, &step})
    if (each->size() != 1 || each->element != start.element)
      c.fail("start, limit and delta are no single numbers of one type");
  Ints shape = {stepsOf(c, start, limit, step)};
  Value places = c.make(
      "iota", {}, {{"shape", shape}, {"axis", 0}, {"dtype", start.element}});
  auto wide = [&](size_t i) {
    return c.broadcast(c.reshape(c.in(i), {}), shape);
  };
  c.give(add(c.b, wide(0), mul(c.b, places, wide(2))));
}

void size(Call &c) {
  const Datum &x = c.datum(0);
  ArrayRef<int64_t> shape =
      x.strings ? ArrayRef(x.strings->dims) : shapeOf(c.moved(0));
  c.give(c.splat(c.b.getI64Type(), double(countOf(shape))));
}

/// 1 on a diagonal of a matrix as large as x.
void eyeLike(Call &c) {
  Value x = c.moved(0);
  if (shapeOf(x).size() != 2)
    c.fail("input 0 is no matrix");
  Element to = Element(c.integer("dtype", int64_t(c.element(0))));
  Type type = storageType(c.b.getContext(), to);
  if (!type || elementOf(type) != to)
    c.refuse("elements of this type are not supported here");
  Value row = indicesAlong(c, shapeOf(x), 0);
  row = add(c.b, row, constantLike(c.b, row, double(c.integer("k", 0))));
  Value is = compare(c.b, indicesAlong(c, shapeOf(x), 1), "eq", row);
  c.give(c.cast(is, type));
}

} // namespace

ArrayRef<Operator> constantOperators() {
  static constexpr Operator entries[] = {
      {"Constant", 1, constant},
      {"ConstantOfShape", 9, constantOfShape},
      {"EyeLike", 9, eyeLike},
      {"Range", 11, range},
      {"Size", 1, size},
  };
  return entries;
}

} // namespace varve::onnx
