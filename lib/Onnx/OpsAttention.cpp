// Attention over keys, and the rotation of positions that comes before it.
#include "Onnx/Convert.h"
#include "Onnx/ImportImpl.h"
#include "Onnx/Indices.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

/// Batch, heads, positions, size of a head.
Value splitHeads(Call &c, Value x, int64_t heads) {
  Ints shape(shapeOf(x));
  if (heads < 1 || shape[2] % heads != 0)
    c.fail("a size of " + std::to_string(shape[2]) + " is not for " +
           std::to_string(heads) + " heads");
  x = c.reshape(x, {shape[0], shape[1], heads, shape[2] / heads});
  return c.transpose(x, {0, 2, 1, 3});
}

Value joinHeads(Call &c, Value x) {
  x = c.transpose(x, {0, 2, 1, 3});
  Ints shape(shapeOf(x));
  return c.reshape(x, {shape[0], shape[1], shape[2] * shape[3]});
}

/// Each of the heads of x so often that there are `heads`.
Value repeatHeads(Call &c, Value x, int64_t heads) {
  Ints shape(shapeOf(x));
  if (shape[1] == heads)
    return x;
  if (shape[1] == 0 || heads % shape[1] != 0)
    c.fail(std::to_string(shape[1]) + " heads do not divide " +
           std::to_string(heads));
  int64_t times = heads / shape[1];
  x = c.reshape(x, {shape[0], shape[1], 1, shape[2], shape[3]});
  x = c.broadcast(x, {shape[0], shape[1], times, shape[2], shape[3]});
  return c.reshape(x, {shape[0], heads, shape[2], shape[3]});
}

/// 0 where the condition holds, else -infinity.
Value biasOf(Call &c, Value allowed, Type element) {
  auto type = typeOf(allowed).clone(element);
  return select(c.b, allowed, varve::constant(c.b, type, 0),
                varve::constant(c.b, type, -INFINITY));
}

/// What a call of Attention is about, all of rank 4.
struct Parts {
  Value q, k, v;
  Value past;   ///< i64: how many keys are before the first query; broadcasts
  Value length; ///< i64: how many keys there are, or null
  int64_t queries() const { return shapeOf(q)[2]; }
  int64_t keys() const { return shapeOf(k)[2]; }
};

Value readMask(Call &c, const Parts &p, Type element) {
  Value mask = c.in(3);
  bool isBool = typeOf(mask).getElementType().isInteger(1);
  int64_t rank = rankOf(mask);
  if (rank < 1)
    c.fail("the mask has rank 0");
  if (!isBool)
    mask = c.cast(mask, element);
  else
    mask = biasOf(c, mask, element);
  int64_t missing = p.keys() - shapeOf(mask).back();
  if (shapeOf(mask).back() != 1 && missing > 0) {
    Ints before = {0}, after = {missing};
    mask = c.make("pad", mask,
                  {{"before", before}, {"after", after},
                   {"value", -double(INFINITY)}});
  }
  return mask;
}

/// What is added to the products of queries and keys; null: nothing.
Value buildBias(Call &c, const Parts &p) {
  Type element = typeOf(p.q).getElementType();
  Value bias;
  auto join = [&](Value next) {
    bias = bias ? c.elementwise("add", {bias, next}) : next;
  };
  if (c.has(3))
    join(readMask(c, p, element));
  Ints square = {1, 1, p.queries(), p.keys()};
  Value query = indicesAlong(c, square, 2), key = indicesAlong(c, square, 3);
  int64_t left = c.integer("left_window_size", -1);
  int64_t right = c.integer("right_window_size", -1);
  if (left < -1 || right < -1)
    c.fail("a window's size is -1 or more");
  if (c.flag("is_causal"))
    right = right < 0 ? 0 : std::min<int64_t>(right, 0);
  auto limit = [&](const char *predicate, int64_t by) {
    Value at = c.elementwise("add", {query, p.past});
    at = add(c.b, at, constantLike(c.b, at, double(by)));
    join(biasOf(c,
                c.elementwise("compare", {key, at}, {{"predicate", predicate}}),
                element));
  };
  if (right >= 0)
    limit("le", right);
  if (left >= 0)
    limit("ge", -left);
  if (p.length)
    join(biasOf(c,
                c.elementwise("compare", {key, p.length},
                              {{"predicate", "lt"}}),
                element));
  return bias;
}

Parts readParts(Call &c) {
  Parts p{c.in(0), c.in(1), c.in(2), {}, {}};
  size_t rank = shapeOf(p.q).size();
  if ((rank != 3 && rank != 4) || shapeOf(p.k).size() != rank ||
      shapeOf(p.v).size() != rank)
    c.fail("queries, keys and values have no common rank of 3 or 4");
  if (rank == 3) {
    int64_t heads = c.integer("q_num_heads"), shared = c.integer("kv_num_heads");
    p.q = splitHeads(c, p.q, heads);
    p.k = splitHeads(c, p.k, shared);
    p.v = splitHeads(c, p.v, shared);
  } else {
    c.ignore("q_num_heads");
    c.ignore("kv_num_heads");
  }
  if (c.has(4) != c.has(5))
    c.fail("past keys and past values come together");
  Value past = c.intsConstant({0});
  if (c.has(4)) {
    if (shapeOf(c.in(4)).size() != 4)
      c.fail("past keys are not of rank 4");
    past = c.intsConstant({shapeOf(c.in(4))[2]});
    p.k = c.make("concat", {c.in(4), p.k}, {{"axis", 2}});
    p.v = c.make("concat", {c.in(5), p.v}, {{"axis", 2}});
  }
  p.past = c.reshape(past, {1, 1, 1, 1});
  if (c.has(6)) {
    if (c.has(4))
      c.fail("there are both past keys and a number of keys");
    int64_t batch = shapeOf(p.q)[0];
    p.length = c.reshape(c.cast(c.in(6), c.b.getI64Type()), {batch, 1, 1, 1});
    p.past =
        sub(c.b, p.length, constantLike(c.b, p.length, double(p.queries())));
  }
  return p;
}

/// The type of a softmax: f32 at least, if none is asked for.
Type precisionOf(Call &c, Type element) {
  if (!c.hasAttribute("softmax_precision"))
    return element.isF64() ? element : Type(c.b.getF32Type());
  Element type = elementNamed(c, c.integer("softmax_precision"));
  Type storage = storageType(c.b.getContext(), type);
  if (!storage || !isa<FloatType>(storage))
    c.refuse("a softmax of type " + std::string(nameOf(type)) +
             " is not supported");
  return storage;
}

Value plus(Call &c, Value scores, Value bias) {
  return bias ? c.elementwise("add", {scores, bias}) : scores;
}

/// exp(x - max) over its sum, of a type asked for; 0 where the bias leaves no
/// key. Such rows are without bias inside, so that no NaN has a gradient.
Value weigh(Call &c, Value scores, Value bias) {
  Type element = typeOf(scores).getElementType();
  Value none;
  if (bias) {
    int64_t last = rankOf(bias) - 1;
    none = c.make("max", bias, {{"axis", Ints{last}}, {"keepdims", true}});
    none = compare(c.b, none, "eq", constantLike(c.b, none, -INFINITY));
    bias = select(c.b, c.broadcast(none, shapeOf(bias)),
                  constantLike(c.b, bias, 0), bias);
  }
  Value x = plus(c, scores, bias);
  if (c.hasAttribute("softmax_precision"))
    x = c.cast(x, precisionOf(c, element));
  x = c.cast(c.make("softmax", x, {{"axis", -1}}), element);
  return none ? select(c.b, c.broadcast(none, shapeOf(x)),
                       constantLike(c.b, x, 0), x)
              : x;
}

void attention(Call &c) {
  Parts p = readParts(c);
  bool isFlat = shapeOf(c.in(0)).size() == 3;
  Type element = typeOf(p.q).getElementType();
  Value presentKey = p.k, presentValue = p.v;
  int64_t heads = shapeOf(p.q)[1];
  double size = double(std::max<int64_t>(shapeOf(p.q)[3], 1));
  double scale = std::sqrt(c.real("scale", 1 / std::sqrt(size)));
  double cap = c.real("softcap", 0);
  int64_t mode = c.integer("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3)
    c.fail("qk_matmul_output_mode is " + std::to_string(mode));

  Value bias = buildBias(c, p);
  Value keys = mul(c.b, repeatHeads(c, p.k, heads), scale);
  Value product = c.make("matmul", {mul(c.b, p.q, scale),
                                    c.transpose(keys, {0, 1, 3, 2})});
  Value capped = product;
  if (cap > 0)
    capped = mul(c.b,
                 c.make("tanh", c.make("div", {product, constantLike(
                                                            c.b, product,
                                                            cap)})),
                 cap);
  Value weights = weigh(c, capped, bias);
  Value y = c.make("matmul", {weights, repeatHeads(c, p.v, heads)});
  c.give(c.cast(isFlat ? joinHeads(c, y) : y, element));
  c.give(presentKey);
  c.give(presentValue);
  Value shown[] = {product, capped, plus(c, capped, bias), weights};
  c.give(shown[mode]);
}

// ---- flexible attention ----

/// x as a graph of the call changes it, if there is one.
Value changed(Call &c, const std::string &name, Value x) {
  const NodeAttribute *attribute = c.attribute(name);
  if (!attribute)
    return x;
  if (!attribute->graph)
    c.fail("attribute '" + name + "' is no graph");
  Type element = typeOf(x).getElementType();
  std::vector<Datum> results = c.importer.runGraph(
      *attribute->graph, {Datum::of(x, elementOf(element))}, c.b);
  if (results.size() != 1 || !results[0].is(Datum::Kind::Tensor) ||
      shapeOf(results[0].value) != shapeOf(x))
    c.fail("'" + name + "' does not give what it takes");
  return c.cast(results[0].value, element);
}

void flexAttention(Call &c) {
  Value q = c.in(0), k = c.in(1), v = c.in(2);
  if (shapeOf(q).size() != 4 || shapeOf(k).size() != 4 ||
      shapeOf(v).size() != 4)
    c.fail("queries, keys and values are not of rank 4");
  int64_t heads = shapeOf(q)[1];
  double size = double(std::max<int64_t>(shapeOf(q)[3], 1));
  double scale = std::sqrt(c.real("scale", 1 / std::sqrt(size)));
  Type element = typeOf(q).getElementType();
  Type precision = precisionOf(c, element);
  Value keys = mul(c.b, repeatHeads(c, k, heads), scale);
  Value scores = c.make("matmul", {mul(c.b, q, scale),
                                   c.transpose(keys, {0, 1, 3, 2})});
  scores = changed(c, "score_mod", c.cast(scores, precision));
  Value weights = c.make("softmax", scores, {{"axis", -1}});
  weights = changed(c, "prob_mod", weights);
  Value values = c.cast(repeatHeads(c, v, heads), precision);
  c.give(c.cast(c.make("matmul", {weights, values}), element));
}

// ---- rotary embedding ----

/// A table's rows for each position: batch, position, 1, half.
Value rotations(Call &c, size_t input, int64_t batch, int64_t length,
                int64_t half) {
  Value table = c.in(input);
  if (c.has(3)) {
    if (shapeOf(table).size() != 2)
      c.fail("a table of angles is no matrix");
    table = c.make("gather", {table, c.in(3)}, {{"axis", 0}});
  }
  if (shapeOf(table) != ArrayRef<int64_t>{batch, length, half})
    c.fail("a table of angles is of another shape than the positions");
  return c.reshape(table, {batch, length, 1, half});
}

void rotaryEmbedding(Call &c) {
  Value x = c.in(0);
  Ints given(shapeOf(x));
  int64_t heads = c.integer("num_heads", 0);
  if (given.size() == 4) {
    x = c.transpose(x, {0, 2, 1, 3});
  } else if (given.size() == 3) {
    if (heads < 1 || given[2] % heads != 0)
      c.fail("num_heads is " + std::to_string(heads));
    x = c.reshape(x, {given[0], given[1], heads, given[2] / heads});
  } else {
    c.fail("input 0 is not of rank 3 or 4");
  }
  Ints shape(shapeOf(x));
  int64_t size = c.integer("rotary_embedding_dim", 0);
  size = size ? size : shape[3];
  if (size < 0 || size > shape[3] || size % 2)
    c.fail("rotary_embedding_dim is " + std::to_string(size));
  int64_t half = size / 2;
  Value turned = c.slice(x, 3, 0, size), rest = c.slice(x, 3, size, shape[3]);
  Ints halves = {shape[0], shape[1], shape[2], half};
  Value cosine = rotations(c, 1, shape[0], shape[1], half);
  Value sine = rotations(c, 2, shape[0], shape[1], half);
  cosine = c.broadcast(cosine, halves);
  sine = c.broadcast(sine, halves);

  // Pairs are neighbours, or come from the two halves.
  bool isInterleaved = c.flag("interleaved");
  int64_t pairAxis = isInterleaved ? 4 : 3;
  Ints pairs = {shape[0], shape[1], shape[2]};
  pairs.push_back(isInterleaved ? half : 2);
  pairs.push_back(isInterleaved ? 2 : half);
  Value paired = c.reshape(turned, pairs);
  Value first = c.reshape(c.slice(paired, pairAxis, 0, 1), halves);
  Value second = c.reshape(c.slice(paired, pairAxis, 1, 2), halves);
  Value real = sub(c.b, c.make("mul", {cosine, first}),
                   c.make("mul", {sine, second}));
  Value imaginary = add(c.b, c.make("mul", {sine, first}),
                        c.make("mul", {cosine, second}));
  Value joined = c.make("stack", {real, imaginary}, {{"axis", pairAxis}});
  Ints whole = {shape[0], shape[1], shape[2], size};
  Value y = c.make("concat", {c.reshape(joined, whole), rest}, {{"axis", 3}});
  c.give(given.size() == 4 ? c.transpose(y, {0, 2, 1, 3})
                           : c.reshape(y, given));
}

} // namespace

ArrayRef<Operator> attentionOperators() {
  static constexpr Operator entries[] = {
      {"Attention", 23, attention},
      {"FlexAttention", 1, flexAttention, "ai.onnx.preview"},
      {"RotaryEmbedding", 23, rotaryEmbedding},
  };
  return entries;
}

} // namespace varve::onnx
