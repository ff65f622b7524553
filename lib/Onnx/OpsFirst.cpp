// Operators as they were before opset 7: broadcasting was asked for, and went
// from an axis on.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// Input 1, whose axes are those of input 0 from `axis` on, or the last ones.
Value second(Call &c) {
  Value x = c.in(0), y = c.in(1);
  c.ignore("consumed_inputs");
  if (!c.flag("broadcast")) {
    c.ignore("axis");
    if (shapeOf(x) != shapeOf(y))
      c.fail("shapes differ, and 'broadcast' is not set");
    return y;
  }
  int64_t rank = rankOf(x), own = rankOf(y);
  if (!c.hasAttribute("axis"))
    return c.broadcast(y, shapeOf(x));
  int64_t axis = c.axis(c.integer("axis"), std::max<int64_t>(rank, 1));
  if (axis + own > rank)
    c.fail("input 1 has more axes than input 0 from axis " +
           std::to_string(axis) + " on");
  Ints shape(shapeOf(y));
  shape.append(size_t(rank - axis - own), 1);
  return c.broadcast(c.reshape(y, shape), shapeOf(x));
}

constexpr char addName[] = "add", subName[] = "sub", mulName[] = "mul",
               divName[] = "div", powName[] = "pow", andName[] = "and",
               orName[] = "or", eq[] = "eq", lt[] = "lt", gt[] = "gt",
               ne[] = "ne";

template <const char *name> void binary(Call &c) {
  Value y = second(c);
  c.give(c.make(name, {c.in(0), y}));
}

template <const char *predicate> void comparison(Call &c) {
  Value y = second(c);
  c.give(c.make("compare", {c.in(0), y}, {{"predicate", predicate}}));
}

/// One slope, or one for each channel.
void pRelu(Call &c) {
  Value x = c.in(0), slope = c.in(1);
  c.ignore("consumed_inputs");
  if (shapeOf(slope).size() == 1 && shapeOf(slope)[0] != 1) {
    if (shapeOf(x).size() < 2)
      c.fail("input 0 has no channels");
    Ints shape(shapeOf(x).size() - 1, 1);
    shape[0] = shapeOf(slope)[0];
    slope = c.reshape(slope, shape);
  }
  Value less = c.make("mul", {x, c.broadcast(slope, shapeOf(x))});
  Value below = compare(c.b, x, "lt", constantLike(c.b, x, 0));
  c.give(select(c.b, below, less, x));
}

/// The shape was an attribute.
void reshape(Call &c) {
  Value x = c.moved(0);
  c.ignore("consumed_inputs");
  auto shape = c.list("shape");
  if (!shape)
    c.fail("attribute 'shape' is missing");
  for (size_t i = 0; i < shape->size(); ++i)
    if ((*shape)[i] == 0 && i < shapeOf(x).size())
      (*shape)[i] = shapeOf(x)[i];
  c.give(c.reshape(x, *shape), c.element(0));
}

} // namespace

ArrayRef<Operator> firstOperators() {
  static constexpr Operator entries[] = {
      {"Add", 1, binary<addName>},      {"And", 1, binary<andName>},
      {"Div", 1, binary<divName>},      {"Equal", 1, comparison<eq>},
      {"Greater", 1, comparison<gt>},   {"Less", 1, comparison<lt>},
      {"Mul", 1, binary<mulName>},      {"Or", 1, binary<orName>},
      {"PRelu", 1, pRelu},              {"Pow", 1, binary<powName>},
      {"Reshape", 1, reshape},          {"Sub", 1, binary<subName>},
      {"Xor", 1, comparison<ne>},
  };
  return entries;
}

} // namespace varve::onnx
