// Normalization of each sample, group or channel by its own elements.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// All axes from one on.
Ints axesFrom(int64_t axis, int64_t rank) {
  Ints axes;
  for (; axis < rank; ++axis)
    axes.push_back(axis);
  return axes;
}

/// x in the type that means are taken in: at least f32.
Value staged(Call &c, Value x) {
  int64_t type = c.integer("stash_type", 1);
  if (type != int64_t(Element::F32) && type != int64_t(Element::F64))
    c.refuse("stash_type " + std::to_string(type) + " is not supported");
  Type element = typeOf(x).getElementType();
  if (!isa<FloatType>(element))
    c.fail("input 0 is " + describe(c.datum(0)) + ", not floats");
  if (type == int64_t(Element::F64))
    return c.cast(x, c.b.getF64Type());
  return element.isF64() ? x : c.cast(x, c.b.getF32Type());
}

/// A mean or a deviation with the axes it lacks, of size 1.
Value kept(Call &c, Value x, Value reduced, ArrayRef<int64_t> axes) {
  Ints shape(shapeOf(x));
  for (int64_t axis : axes)
    shape[size_t(axis)] = 1;
  return c.reshape(reduced, shape);
}

void layerNormalization(Call &c) {
  Value x = c.in(0), wide = staged(c, x);
  int64_t axis = c.axisOf(x, -1);
  double eps = c.real("epsilon", 1e-5);
  Ints axes = axesFrom(axis, rankOf(x));
  Operation *normal =
      c.makeOp("normalize", wide, {{"axis", axes}, {"eps", eps}});
  Value y = c.cast(normal->getResult(0), typeOf(x).getElementType());
  y = c.elementwise("mul", {y, c.in(1)});
  if (c.has(2))
    y = c.elementwise("add", {y, c.in(2)});
  c.give(y);
  Type type = c.integer("stash_type", 1) == 1 ? Type(c.b.getF32Type())
                                              : Type(c.b.getF64Type());
  Value mean = normal->getResult(1), var = normal->getResult(2);
  Value inverse = c.make("rsqrt", add(c.b, var, constantLike(c.b, var, eps)));
  c.give(c.cast(kept(c, x, mean, axes), type));
  c.give(c.cast(kept(c, x, inverse, axes), type));
}

void rmsNormalization(Call &c) {
  Value x = c.in(0), wide = staged(c, x);
  Ints axes = axesFrom(c.axisOf(x, -1), rankOf(x));
  Value square = c.make("mean", c.make("square", wide),
                        {{"axis", axes}, {"keepdims", true}});
  Value eps = constantLike(c.b, square, c.real("epsilon", 1e-5));
  Value factor = c.make("rsqrt", add(c.b, square, eps));
  Value y = c.elementwise("mul", {wide, factor});
  y = c.cast(y, typeOf(x).getElementType());
  c.give(c.elementwise("mul", {y, c.in(1)}));
}

Value channels(Call &c) {
  Value x = c.in(0);
  if (rankOf(x) < 3)
    c.fail("input 0 has rank " + std::to_string(rankOf(x)) +
           ", not 3 or more");
  return x;
}

/// y times a number for each channel, axis 1, plus another.
Value scaled(Call &c, Value y, Value scale, Value bias) {
  y = c.elementwise("mul", {y, c.perChannel(scale, y)});
  return c.elementwise("add", {y, c.perChannel(bias, y)});
}

void instanceNormalization(Call &c) {
  Value x = channels(c);
  c.ignore("consumed_inputs");
  Value y = c.make("normalize", x,
                   {{"axis", axesFrom(2, rankOf(x))},
                    {"eps", c.real("epsilon", 1e-5)}});
  c.give(scaled(c, y, c.in(1), c.in(2)));
}

/// `scale` and `bias` are one for each group before opset 21, then one for
/// each channel.
template <bool byGroup> void groupNormalization(Call &c) {
  Value x = channels(c);
  Ints shape(shapeOf(x));
  int64_t groups = c.integer("num_groups");
  if (groups < 1 || shape[1] % groups)
    c.fail(std::to_string(shape[1]) + " channels do not fall into " +
           std::to_string(groups) + " groups");
  Value wide = byGroup ? x : staged(c, x);
  int64_t rest = shape[1] / groups;
  for (int64_t size : ArrayRef(shape).drop_front(2))
    rest *= size;
  Value y = c.make("normalize", c.reshape(wide, {shape[0], groups, rest}),
                   {{"axis", Ints{2}}, {"eps", c.real("epsilon", 1e-5)}});
  y = c.cast(y, typeOf(x).getElementType());
  if (byGroup)
    return c.give(c.reshape(scaled(c, y, c.in(1), c.in(2)), shape));
  c.give(scaled(c, c.reshape(y, shape), c.in(1), c.in(2)));
}

void meanVariance(Call &c) {
  Value x = c.in(0);
  Ints axes = c.axes(c.list("axes").value_or(Ints{0, 2, 3}), rankOf(x));
  Named along("axis", axes), keep("keepdims", true);
  Value apart = c.elementwise("sub", {x, c.make("mean", x, {along, keep})});
  Value var = c.make("mean", c.make("square", apart), {along, keep});
  Value deviation = c.make("sqrt", var);
  deviation = add(c.b, deviation, constantLike(c.b, deviation, 1e-9));
  c.give(c.elementwise("div", {apart, deviation}));
}

/// What has no length stays 0.
void lpNormalization(Call &c) {
  Value x = c.in(0);
  int64_t axis = c.axisOf(x, -1);
  int64_t p = c.integer("p", 2);
  if (p != 1 && p != 2)
    c.fail("p is " + std::to_string(p) + ", not 1 or 2");
  Value size = c.make("sum", c.make(p == 1 ? "abs" : "square", x),
                      {{"axis", Ints{axis}}, {"keepdims", true}});
  if (p == 2)
    size = c.make("sqrt", size);
  size = c.broadcast(size, shapeOf(x));
  Value zero = constantLike(c.b, x, 0);
  c.give(select(c.b, compare(c.b, size, "eq", zero), zero,
                c.make("div", {x, size})));
}

/// The dialect's window has the odd channel of an even size before, ONNX's
/// after.
void localResponse(Call &c) {
  Value x = channels(c);
  int64_t size = c.integer("size");
  Named channel("axis", Ints{1});
  bool even = size % 2 == 0;
  if (even)
    x = c.make("flip", x, channel);
  Value y = c.make("local_response_norm", x,
                   {{"size", size},
                    {"alpha", c.real("alpha", 1e-4)},
                    {"beta", c.real("beta", 0.75)},
                    {"k", c.real("bias", 1)}});
  c.give(even ? c.make("flip", y, channel) : y);
}

} // namespace

ArrayRef<Operator> normalizeAxesOperators() {
  static constexpr Operator entries[] = {
      {"GroupNormalization", 18, groupNormalization<true>},
      {"GroupNormalization", 21, groupNormalization<false>},
      {"InstanceNormalization", 1, instanceNormalization},
      {"LRN", 1, localResponse},
      {"LayerNormalization", 17, layerNormalization},
      {"LpNormalization", 1, lpNormalization},
      {"MeanVarianceNormalization", 9, meanVariance},
      {"RMSNormalization", 23, rmsNormalization},
  };
  return entries;
}

} // namespace varve::onnx
