// Random draws. They are the same in each run of a model: a draw depends on the
// seed that the model gives, else on the name of the result.
#include "Onnx/Convert.h"
#include "llvm/Support/xxhash.h"
#include <cstring>

using namespace mlir;

namespace varve::onnx {
namespace {

/// uniform or normal: f32 of a shape.
Value draw(Call &c, StringRef name, ArrayRef<int64_t> shape,
           SmallVector<Named> attributes = {}) {
  if (elementCount({shape.begin(), shape.end()}) < 0)
    c.fail("the shape is too large");
  bool isSeeded = c.hasAttribute("seed");
  int64_t stream = isSeeded ? 0 : int64_t(llvm::xxh3_64bits(c.node.outputs[0]));
  // The bits of the seed, which is a float and may be no whole number.
  auto seed = float(c.real("seed", 0));
  int32_t bits;
  std::memcpy(&bits, &seed, sizeof bits);
  Value zero = c.splat(c.b.getI64Type(), 0);
  attributes.push_back({"stream", stream});
  attributes.push_back({"shape", shape});
  return c.make(name, {c.splat(c.b.getI64Type(), bits), zero}, attributes);
}

Value uniform(Call &c, ArrayRef<int64_t> shape) {
  return draw(c, "uniform", shape,
              {{"low", c.real("low", 0)}, {"high", c.real("high", 1)}});
}

Value normal(Call &c, ArrayRef<int64_t> shape) {
  return draw(c, "normal", shape,
              {{"mean", c.real("mean", 0)}, {"std", c.real("scale", 1)}});
}

/// The type that attribute `dtype` names, else `otherwise`.
Element typeNamed(Call &c, Element otherwise) {
  Element to = elementNamed(c, c.integer("dtype", int64_t(otherwise)));
  if (!storageOf(to))
    c.fail("there are no random elements of type " + std::string(nameOf(to)));
  return to;
}

void giveAs(Call &c, Value y, Element to) {
  Element from = elementOf(typeOf(y).getElementType());
  c.give(convert(c, y, from, to), to);
}

using Draw = Value (*)(Call &, ArrayRef<int64_t>);

template <Draw of> void random(Call &c) {
  auto shape = c.list("shape");
  if (!shape)
    c.fail("attribute 'shape' is missing");
  giveAs(c, of(c, *shape), typeNamed(c, Element::F32));
}

/// Of the shape, and if it does not say otherwise the type, of input 0.
template <Draw of> void randomLike(Call &c) {
  giveAs(c, of(c, shapeOf(c.moved(0))), typeNamed(c, c.element(0)));
}

/// 1 with the probability that input 0 says.
void bernoulli(Call &c) {
  Value p = c.cast(c.in(0), c.b.getF32Type());
  Value draws = draw(c, "uniform", shapeOf(p));
  giveAs(c, compare(c.b, draws, "lt", p), typeNamed(c, c.element(0)));
}

/// Classes by their logarithms: the largest after a Gumbel draw is added to
/// each (Gumbel 1954).
void multinomial(Call &c) {
  Value x = c.cast(c.in(0), c.b.getF32Type());
  int64_t count = c.integer("sample_size", 1);
  if (shapeOf(x).size() != 2 || shapeOf(x)[1] == 0 || count < 0)
    c.fail("input 0 is no row of classes for each sample");
  Ints shape = {shapeOf(x)[0], count, shapeOf(x)[1]};
  auto logarithm = [&](Value v) { return neg(c.b, c.make("log", v)); };
  Value gumbel = logarithm(logarithm(draw(c, "uniform", shape)));
  Value each = c.broadcast(c.reshape(x, {shape[0], 1, shape[2]}), shape);
  Value y = c.make("argmax", add(c.b, each, gumbel), {{"axis", -1}});
  giveAs(c, y, typeNamed(c, Element::I32));
}

} // namespace

ArrayRef<Operator> randomOperators() {
  static constexpr Operator entries[] = {
      {"Bernoulli", 15, bernoulli},
      {"Multinomial", 7, multinomial},
      {"RandomNormal", 1, random<normal>},
      {"RandomNormalLike", 1, randomLike<normal>},
      {"RandomUniform", 1, random<uniform>},
      {"RandomUniformLike", 1, randomLike<uniform>},
  };
  return entries;
}

} // namespace varve::onnx
