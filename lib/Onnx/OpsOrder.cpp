// Operators that depend on the order of elements along an axis.
#include "Onnx/Indices.h"

using namespace mlir;

namespace varve::onnx {
namespace {

constexpr char argmaxName[] = "argmax", argminName[] = "argmin";

template <const char *name> void arg(Call &c) {
  Value x = c.in(0);
  int64_t axis = c.axisOf(x, 0);
  Value y;
  if (c.flag("select_last_index")) {
    y = c.make(name, c.make("flip", x, {{"axis", Ints{axis}}}),
               {{"axis", axis}});
    double last = double(shapeOf(x)[size_t(axis)] - 1);
    y = sub(c.b, constantLike(c.b, y, last), y);
  } else {
    y = c.make(name, x, {{"axis", axis}});
  }
  if (c.flag("keepdims", true))
    y = c.make("unsqueeze", y, {{"axis", Ints{axis}}});
  c.give(y);
}

/// x moved by `by` elements along an axis, `value` coming in.
Value shift(Call &c, Value x, int64_t axis, int64_t by, double value) {
  int64_t size = shapeOf(x)[size_t(axis)];
  by = std::min(by, size);
  Ints before(shapeOf(x).size(), 0), none = before;
  before[size_t(axis)] = by;
  return c.make("pad", c.slice(x, axis, 0, size - by),
                {{"before", before}, {"after", none}, {"value", value}});
}

/// Products by doubling: of 2, 4, 8 ... elements.
Value runningProduct(Call &c, Value x, int64_t axis) {
  for (int64_t by = 1; by < shapeOf(x)[size_t(axis)]; by *= 2)
    x = mul(c.b, x, shift(c, x, axis, by, 1));
  return x;
}

/// What runs along an axis, either way, with or without the element itself.
template <bool isSum> void running(Call &c) {
  Value x = c.in(0);
  Ints axes = c.ints(1);
  if (axes.size() != 1)
    c.fail("the axis is no single number");
  int64_t axis = c.axis(axes[0], rankOf(x));
  Named along("axis", Ints{axis});
  bool reverse = c.flag("reverse");
  if (reverse)
    x = c.make("flip", x, along);
  if (c.flag("exclusive"))
    x = shift(c, x, axis, 1, isSum ? 0 : 1);
  x = isSum ? c.make("cumsum", x, {{"axis", axis}})
            : runningProduct(c, x, axis);
  c.give(reverse ? c.make("flip", x, along) : x);
}

/// Numbers in the opposite order: -x, or what all integers have, -1 - x.
Value opposite(Call &c, Value x) {
  Type element = typeOf(x).getElementType();
  if (isa<FloatType>(element))
    return neg(c.b, x);
  Value ones = sub(c.b, constantLike(c.b, x, 0), constantLike(c.b, x, 1));
  return sub(c.b, ones, x);
}

void topK(Call &c) {
  Value x = c.in(0);
  auto k = c.hasAttribute("k") ? Ints{c.integer("k")} : c.ints(1);
  if (k.size() != 1)
    c.fail("k is no single number");
  int64_t rank = rankOf(x);
  int64_t axis = c.axis(c.integer("axis", -1), rank);
  bool largest = c.flag("largest", true);
  c.ignore("sorted"); // Sorted is in no wrong order.
  Ints perm;
  for (int64_t i = 0; i < rank; ++i)
    perm.push_back(i);
  std::swap(perm[size_t(axis)], perm.back());
  x = c.transpose(x, perm);
  Operation *top =
      c.makeOp("top_k", largest ? x : opposite(c, x), {{"k", k[0]}});
  Value values = top->getResult(0);
  c.give(c.transpose(largest ? values : opposite(c, values), perm));
  c.give(c.transpose(top->getResult(1), perm));
}

/// 1 at the first largest element along an axis, else 0.
Value hardmaxAlong(Call &c, Value x, int64_t axis) {
  Value at = c.make("argmax", x, {{"axis", axis}});
  at = c.make("unsqueeze", at, {{"axis", Ints{axis}}});
  Value places = indicesAlong(c, shapeOf(x), axis);
  Value is = c.elementwise("compare", {places, at}, {{"predicate", "eq"}});
  return c.cast(is, typeOf(x).getElementType());
}

void hardmax(Call &c) {
  Value x = c.in(0);
  c.give(hardmaxAlong(c, x, c.axisOf(x, -1)));
}

/// Before opset 13 all axes from `axis` on are one.
void hardmaxFlat(Call &c) {
  Value x = c.in(0);
  Value y = hardmaxAlong(c, c.flatten(x), 1);
  c.give(c.reshape(y, shapeOf(x)));
}

} // namespace

ArrayRef<Operator> orderOperators() {
  static constexpr Operator entries[] = {
      {"ArgMax", 1, arg<argmaxName>}, {"ArgMin", 1, arg<argminName>},
      {"CumProd", 26, running<false>}, {"CumSum", 11, running<true>},
      {"Hardmax", 1, hardmaxFlat},    {"Hardmax", 13, hardmax},
      {"TopK", 1, topK},
  };
  return entries;
}

} // namespace varve::onnx
