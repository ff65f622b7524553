// What carries a state from position to position: RNN, GRU and LSTM (a scan for
// each direction), linear attention, convolutions of what came before.
#include "Onnx/Indices.h"
#include <cmath>
#include <functional>

using namespace mlir;

namespace varve::onnx {
namespace {

using Activation = std::function<Value(LocBuilder &, Value)>;

Value function(LocBuilder &b, StringRef name, Value x) {
  return (*createPrimitive(b, b.getLoc(), name, x, {}))->getResult(0);
}

/// An activation by its name, with the next of the parameters given.
Activation activationOf(Call &c, const std::string &name, double alpha,
                        double beta) {
  std::string lower = llvm::StringRef(name).lower();
  for (const char *plain :
       {"sigmoid", "tanh", "relu", "softplus"})
    if (lower == plain)
      return [plain](LocBuilder &b, Value x) { return function(b, plain, x); };
  if (lower == "affine")
    return [=](LocBuilder &b, Value x) {
      return add(b, mul(b, x, alpha), constantLike(b, x, beta));
    };
  if (lower == "scaledtanh")
    return [=](LocBuilder &b, Value x) {
      return mul(b, function(b, "tanh", mul(b, x, beta)), alpha);
    };
  if (lower == "leakyrelu")
    return [=](LocBuilder &b, Value x) {
      Value above = compare(b, x, "ge", constantLike(b, x, 0));
      return select(b, above, x, mul(b, x, alpha));
    };
  if (lower == "softsign")
    return [](LocBuilder &b, Value x) {
      return div(b, x, add(b, function(b, "abs", x), constantLike(b, x, 1)));
    };
  c.refuse("activation '" + name + "' is not supported");
}

/// Where an activation has parameters, and which where none are given.
bool hasAlpha(StringRef lower) {
  return lower == "affine" || lower == "scaledtanh" || lower == "leakyrelu";
}
bool hasBeta(StringRef lower) {
  return lower == "affine" || lower == "scaledtanh";
}

/// What the three have in common.
struct Recurrent {
  int64_t gates = 1, directions = 1, hidden = 0, batch = 0, length = 0;
  bool batchFirst = false;
  std::string direction;
  std::vector<Activation> activations; ///< `perDirection` for each direction
  size_t perDirection = 1;
  std::optional<double> clip;
  Value x, weight, recurrence, bias; ///< bias may be null
  Value lengths;                     ///< i64[batch], or null
};

void readActivations(Call &c, Recurrent &r, ArrayRef<const char *> defaults) {
  r.perDirection = defaults.size();
  std::vector<std::string> names;
  if (const NodeAttribute *said = c.attribute("activations"))
    names = said->strings;
  for (int64_t d = 0; names.size() < defaults.size() * size_t(r.directions) &&
                      !c.hasAttribute("activations");
       ++d)
    names.insert(names.end(), defaults.begin(), defaults.end());
  if (names.size() != defaults.size() * size_t(r.directions))
    c.fail("there are " + std::to_string(names.size()) + " activations");
  auto alphas = c.reals("activation_alpha"), betas = c.reals("activation_beta");
  size_t alpha = 0, beta = 0;
  for (const std::string &name : names) {
    std::string lower = llvm::StringRef(name).lower();
    double a = lower == "leakyrelu" ? 0.01 : 1, b = lower == "scaledtanh";
    if (hasAlpha(lower) && alphas && alpha < alphas->size())
      a = (*alphas)[alpha++];
    if (hasBeta(lower) && betas && beta < betas->size())
      b = (*betas)[beta++];
    r.activations.push_back(activationOf(c, name, a, b));
  }
}

Recurrent read(Call &c, int64_t gates, ArrayRef<const char *> activations) {
  Recurrent r;
  r.gates = gates;
  r.direction = c.text("direction", "forward");
  if (r.direction != "forward" && r.direction != "reverse" &&
      r.direction != "bidirectional")
    c.fail("direction is '" + r.direction + "'");
  r.directions = r.direction == "bidirectional" ? 2 : 1;
  r.batchFirst = c.flag("layout");
  r.x = c.in(0);
  r.weight = c.in(1);
  r.recurrence = c.in(2);
  if (shapeOf(r.x).size() != 3 || shapeOf(r.weight).size() != 3 ||
      shapeOf(r.recurrence).size() != 3)
    c.fail("input and weights are not of rank 3");
  if (r.batchFirst)
    r.x = c.transpose(r.x, {1, 0, 2});
  r.length = shapeOf(r.x)[0];
  r.batch = shapeOf(r.x)[1];
  r.hidden = shapeOf(r.recurrence)[2];
  if (c.integer("hidden_size", r.hidden) != r.hidden ||
      shapeOf(r.weight) != ArrayRef<int64_t>{r.directions, gates * r.hidden,
                                             shapeOf(r.x)[2]} ||
      shapeOf(r.recurrence) !=
          ArrayRef<int64_t>{r.directions, gates * r.hidden, r.hidden})
    c.fail("the weights' shapes do not fit the input");
  if (c.has(3)) {
    r.bias = c.in(3);
    if (shapeOf(r.bias) !=
        ArrayRef<int64_t>{r.directions, 2 * gates * r.hidden})
      c.fail("the bias does not fit the weights");
  }
  if (c.has(4)) {
    r.lengths = c.cast(c.in(4), c.b.getI64Type());
    if (shapeOf(r.lengths) != ArrayRef<int64_t>{r.batch})
      c.fail("there is not a length for each sample");
  }
  if (c.hasAttribute("clip"))
    r.clip = c.real("clip");
  readActivations(c, r, activations);
  return r;
}

/// Direction d of a tensor whose first axis is that of directions.
Value directionOf(Call &c, Value v, int64_t d) {
  return c.make("squeeze", c.slice(v, 0, d, d + 1), {{"axis", Ints{0}}});
}

/// What is carried at first: zeros, or an input.
Value initial(Call &c, const Recurrent &r, size_t input, int64_t d) {
  if (!c.has(input))
    return c.splat(typeOf(r.x).getElementType(), 0, {r.batch, r.hidden});
  Value v = c.in(input);
  if (shapeOf(v).size() != 3)
    c.fail("input " + std::to_string(input) + " is not of rank 3");
  if (r.batchFirst)
    v = c.transpose(v, {1, 0, 2});
  v = directionOf(c, v, d);
  if (shapeOf(v) != ArrayRef<int64_t>{r.batch, r.hidden})
    c.fail("input " + std::to_string(input) + " does not fit");
  return v;
}

/// One direction's weights, ready for its steps.
struct Weights {
  Value gates; ///< [length, batch, gates * hidden]: of the input, with biases
  Value recurrence; ///< transposed
  Value recurrentBias; ///< [1, gates * hidden]
};

Weights weightsOf(Call &c, const Recurrent &r, int64_t d, bool joinBiases) {
  Weights w;
  int64_t wide = r.gates * r.hidden, inputs = shapeOf(r.x)[2];
  Value x = c.reshape(r.x, {r.length * r.batch, inputs});
  Value gates = c.make(
      "matmul", {x, c.transpose(directionOf(c, r.weight, d), {1, 0})});
  w.recurrence = c.transpose(directionOf(c, r.recurrence, d), {1, 0});
  if (r.bias) {
    Value all = c.reshape(directionOf(c, r.bias, d), {1, 2 * wide});
    Value bias = c.slice(all, 1, 0, wide);
    w.recurrentBias = c.slice(all, 1, wide, 2 * wide);
    if (joinBiases)
      bias = add(c.b, bias, w.recurrentBias);
    gates = c.elementwise("add", {gates, bias});
  }
  w.gates = c.reshape(gates, {r.length, r.batch, wide});
  return w;
}

Value matmul(LocBuilder &b, Value x, Value y) {
  return (*createPrimitive(b, b.getLoc(), "matmul", {x, y}, {}))->getResult(0);
}

Value cut(LocBuilder &b, Value x, int64_t begin, int64_t end) {
  NamedAttribute attributes[] = {
      b.getNamedAttr("begin", b.getDenseI64ArrayAttr({0, begin})),
      b.getNamedAttr("end", b.getDenseI64ArrayAttr({shapeOf(x)[0], end})),
      b.getNamedAttr("step", b.getDenseI64ArrayAttr({1, 1}))};
  return (*createPrimitive(b, b.getLoc(), "slice", x, attributes))
      ->getResult(0);
}

/// One step: what is carried on, hidden first, from gates of the input and
/// what is carried.
using Step = std::function<Values(LocBuilder &, Value, ArrayRef<Value>)>;

/// Runs one direction; results are all hidden values, then the last of what
/// is carried.
Values runDirection(Call &c, const Recurrent &r, const Weights &w,
                    ArrayRef<Value> inits, bool backward, const Step &step) {
  Values sequences = {w.gates};
  Ints axes = {0};
  if (r.lengths) {
    Ints shape = {r.length, r.batch};
    Value inside = compare(c.b, indicesAlong(c, shape, 0), "lt",
                           c.broadcast(r.lengths, shape));
    Ints column = {r.length, r.batch, 1}, all = {r.length, r.batch, r.hidden};
    sequences.push_back(c.broadcast(c.reshape(inside, column), all));
    axes.push_back(0);
  }
  auto body = [&](LocBuilder &b, ArrayRef<Value> arguments) {
    ArrayRef<Value> carried = arguments.take_front(inits.size());
    Values next = step(b, arguments[inits.size()], carried);
    Value shown = next[0];
    if (r.lengths) {
      Value inside = arguments[inits.size() + 1];
      shown = select(b, inside, next[0], constantLike(b, next[0], 0));
      for (auto [value, before] : llvm::zip(next, carried))
        value = select(b, inside, value, before);
    }
    next.push_back(shown);
    return next;
  };
  ScanOp op = buildScan(c.b, r.length, inits, sequences, axes, {}, {0}, body,
                        backward);
  Values results = {op.getResults().back()};
  for (size_t i = 0; i < inits.size(); ++i)
    results.push_back(op.getResult(unsigned(i)));
  return results;
}

/// Joins the directions' results and gives them: all, then the last ones.
void giveResults(Call &c, const Recurrent &r, ArrayRef<Values> directions) {
  for (size_t i = 0; i < directions[0].size(); ++i) {
    Values parts;
    for (const Values &direction : directions)
      parts.push_back(direction[i]);
    Value y = c.make("stack", parts, {{"axis", i == 0 ? 1 : 0}});
    if (r.batchFirst)
      y = c.transpose(y, i == 0 ? Ints{2, 0, 1, 3} : Ints{1, 0, 2});
    c.give(y);
  }
}

/// Builds each direction: `make` gives its step.
void runAll(Call &c, const Recurrent &r, ArrayRef<size_t> states,
            bool joinBiases,
            llvm::function_ref<Step(const Weights &, ArrayRef<Activation>,
                                    int64_t)>
                make) {
  std::vector<Values> directions;
  for (int64_t d = 0; d < r.directions; ++d) {
    Weights w = weightsOf(c, r, d, joinBiases);
    Values inits;
    for (size_t input : states)
      inits.push_back(initial(c, r, input, d));
    ArrayRef<Activation> own =
        ArrayRef(r.activations).slice(size_t(d) * r.perDirection,
                                      r.perDirection);
    bool backward = d == 1 || r.direction == "reverse";
    directions.push_back(
        runDirection(c, r, w, inits, backward, make(w, own, d)));
  }
  giveResults(c, r, directions);
}

Value activate(LocBuilder &b, const Recurrent &r, const Activation &f,
               Value x) {
  if (r.clip) {
    x = (*createPrimitive(b, b.getLoc(), "maximum",
                          {x, constantLike(b, x, -*r.clip)}, {}))
            ->getResult(0);
    x = (*createPrimitive(b, b.getLoc(), "minimum",
                          {x, constantLike(b, x, *r.clip)}, {}))
            ->getResult(0);
  }
  return f(b, x);
}

void rnn(Call &c) {
  Recurrent r = read(c, 1, {"Tanh"});
  runAll(c, r, {5}, /*joinBiases=*/true,
         [&](const Weights &w, ArrayRef<Activation> f, int64_t) -> Step {
           return [&r, w, f](LocBuilder &b, Value gates,
                             ArrayRef<Value> carried) {
             Value sum = add(b, gates, matmul(b, carried[0], w.recurrence));
             return Values{activate(b, r, f[0], sum)};
           };
         });
}

/// Gates in order: update, reset, hidden.
void gru(Call &c) {
  Recurrent r = read(c, 3, {"Sigmoid", "Tanh"});
  bool linearFirst = c.flag("linear_before_reset");
  int64_t n = r.hidden;
  runAll(
      c, r, {5}, /*joinBiases=*/!linearFirst,
      [&](const Weights &w, ArrayRef<Activation> f, int64_t) -> Step {
        Value bias;
        if (linearFirst && w.recurrentBias)
          bias = c.broadcast(w.recurrentBias, {r.batch, 3 * n});
        return [&r, w, f, n, linearFirst, bias](LocBuilder &b, Value gates,
                                                ArrayRef<Value> carried) {
          Value h = carried[0];
          Value back = matmul(b, h, w.recurrence);
          if (bias)
            back = add(b, back, bias);
          Value both = add(b, cut(b, gates, 0, 2 * n), cut(b, back, 0, 2 * n));
          Value update = activate(b, r, f[0], cut(b, both, 0, n));
          Value reset = activate(b, r, f[0], cut(b, both, n, 2 * n));
          Value next;
          if (linearFirst)
            next = mul(b, reset, cut(b, back, 2 * n, 3 * n));
          else
            next = matmul(b, mul(b, reset, h),
                          cut(b, w.recurrence, 2 * n, 3 * n));
          next = activate(b, r, f[1],
                          add(b, cut(b, gates, 2 * n, 3 * n), next));
          Value keep = mul(b, update, h);
          Value one = constantLike(b, update, 1);
          return Values{add(b, mul(b, sub(b, one, update), next), keep)};
        };
      });
}

/// Gates in order: input, output, forget, cell.
void lstm(Call &c) {
  Recurrent r = read(c, 4, {"Sigmoid", "Tanh", "Tanh"});
  if (c.flag("input_forget"))
    c.refuse("input_forget is not supported");
  int64_t n = r.hidden;
  runAll(
      c, r, {5, 6}, /*joinBiases=*/true,
      [&](const Weights &w, ArrayRef<Activation> f, int64_t d) -> Step {
        Values peep(3);
        if (c.has(7)) {
          if (shapeOf(c.in(7)) != ArrayRef<int64_t>{r.directions, 3 * n})
            c.fail("the peepholes do not fit the weights");
          Value all = c.reshape(directionOf(c, c.in(7), d), {1, 3 * n});
          for (int64_t i = 0; i < 3; ++i)
            peep[size_t(i)] =
                c.broadcast(c.slice(all, 1, i * n, (i + 1) * n), {r.batch, n});
        }
        return [&r, w, f, n, peep](LocBuilder &b, Value gates,
                                   ArrayRef<Value> carried) {
          Value h = carried[0], cell = carried[1];
          Value all = add(b, gates, matmul(b, h, w.recurrence));
          auto gate = [&](int64_t i, Value seen) {
            Value x = cut(b, all, i * n, (i + 1) * n);
            // Peepholes are in the order input, output, forget.
            if (peep[size_t(i)])
              x = add(b, x, mul(b, peep[size_t(i)], seen));
            return activate(b, r, f[0], x);
          };
          Value in = gate(0, cell), forget = gate(2, cell);
          Value fresh = activate(b, r, f[1], cut(b, all, 3 * n, 4 * n));
          Value next = add(b, mul(b, forget, cell), mul(b, in, fresh));
          Value out = gate(1, next);
          return Values{mul(b, out, activate(b, r, f[2], next)), next};
        };
      });
}

// ---- linear attention ----

Value repeat(LocBuilder &b, Value x, ArrayRef<int64_t> shape) {
  NamedAttribute attributes[] = {
      b.getNamedAttr("shape", b.getDenseI64ArrayAttr(shape))};
  return (*createPrimitive(b, b.getLoc(), "broadcast", x, attributes))
      ->getResult(0);
}

/// What LinearAttention carries and reads, in f32.
struct Linear {
  int64_t batch, length, heads, group, keySize, valueSize;
  Value query, key, keyColumn, value; ///< axis 1 is the position
  Value decay, beta;                  ///< or null

  Ints state() const { return {batch, heads, keySize, valueSize}; }
};

Value inF32(Call &c, size_t i) {
  Value x = c.in(i);
  if (shapeOf(x).size() != 3)
    c.fail("input " + std::to_string(i) + " is not of rank 3");
  return c.cast(x, c.b.getF32Type());
}

/// The gates, spread over the axes that they are for.
void readGates(Call &c, Linear &a, const std::string &rule) {
  bool isGated = rule == "gated" || rule == "gated_delta";
  bool isDelta = rule == "delta" || rule == "gated_delta";
  if (!isGated && !isDelta && rule != "linear")
    c.fail("update_rule is '" + rule + "'");
  if (c.has(4) != isGated || c.has(5) != isDelta)
    c.fail("update_rule '" + rule + "' does not go with the gates given");
  if (isGated) {
    Value decay = inF32(c, 4);
    int64_t each = shapeOf(decay)[2] == a.heads ? 1 : a.keySize;
    decay = c.reshape(decay, {a.batch, a.length, a.heads, each, 1});
    a.decay = c.make("exp", decay);
  }
  if (isDelta) {
    Value beta = inF32(c, 5);
    int64_t heads = shapeOf(beta)[2];
    beta = c.reshape(beta, {a.batch, a.length, heads, 1, 1});
    a.beta = c.broadcast(beta, {a.batch, a.length, a.heads, 1, a.valueSize});
  }
}

Linear readLinear(Call &c) {
  Value q = inF32(c, 0), k = inF32(c, 1), v = inF32(c, 2);
  int64_t queryHeads = c.integer("q_num_heads");
  Linear a{};
  a.heads = c.integer("kv_num_heads");
  a.batch = shapeOf(q)[0];
  a.length = shapeOf(q)[1];
  if (a.heads < 1 || queryHeads < 1 || queryHeads % a.heads ||
      shapeOf(q)[2] % queryHeads || shapeOf(v)[2] % a.heads)
    c.fail("the sizes are not for " + std::to_string(queryHeads) + " and " +
           std::to_string(a.heads) + " heads");
  a.group = queryHeads / a.heads;
  a.keySize = shapeOf(q)[2] / queryHeads;
  a.valueSize = shapeOf(v)[2] / a.heads;
  // Heads that share a key are neighbours.
  a.query = c.reshape(q, {a.batch, a.length, a.heads, a.group, a.keySize});
  a.key = c.reshape(k, {a.batch, a.length, a.heads, 1, a.keySize});
  a.keyColumn = c.reshape(k, {a.batch, a.length, a.heads, a.keySize, 1});
  a.value = c.reshape(v, {a.batch, a.length, a.heads, 1, a.valueSize});
  readGates(c, a, c.text("update_rule", "gated_delta"));
  return a;
}

/// At each position the state S fades, takes in the key's and value's product
/// (of what it does not hold yet), and is read by the query.
void linearAttention(Call &c) {
  Linear a = readLinear(c);
  c.ignore("chunk_size"); // Of how it is computed alone.
  double scale = c.real("scale", 0);
  if (scale == 0)
    scale = 1 / std::sqrt(double(a.keySize));
  Type element = typeOf(c.in(0)).getElementType();
  Value init = c.splat(c.b.getF32Type(), 0, a.state());
  Type stateElement = element;
  if (c.has(3)) {
    stateElement = typeOf(c.in(3)).getElementType();
    init = c.cast(c.in(3), c.b.getF32Type());
    if (shapeOf(init) != ArrayRef<int64_t>(a.state()))
      c.fail("the state is " + describe(c.datum(3)));
  }
  Values sequences = {a.query, a.key, a.keyColumn, a.value};
  if (a.decay)
    sequences.push_back(a.decay);
  if (a.beta)
    sequences.push_back(a.beta);
  auto step = [&](LocBuilder &b, ArrayRef<Value> arguments) {
    Value state = arguments[0], value = arguments[4];
    if (a.decay)
      state = mul(b, state, repeat(b, arguments[5], a.state()));
    if (a.beta)
      value = mul(b, arguments.back(),
                  sub(b, value, matmul(b, arguments[2], state)));
    state = add(b, state, matmul(b, arguments[3], value));
    return Values{state, matmul(b, arguments[1], state)};
  };
  ScanOp op = buildScan(c.b, a.length, init, sequences,
                        Ints(sequences.size(), 1), {}, {1}, step);
  Value y = mul(c.b, op.getResult(1), scale);
  y = c.reshape(y, {a.batch, a.length, a.heads * a.group * a.valueSize});
  c.give(c.cast(y, element));
  c.give(c.cast(op.getResult(0), stateElement));
}

/// A convolution of each channel with what came before, and the last of it.
void causalConv(Call &c) {
  Value x = c.in(0), weight = c.in(1);
  if (shapeOf(x).size() != 3 || shapeOf(weight).size() != 3)
    c.fail("input and weight are not of rank 3");
  int64_t channels = shapeOf(x)[1], size = shapeOf(weight)[2];
  if (size < 1)
    c.fail("the weight is empty");
  Type element = typeOf(x).getElementType();
  Value past = c.has(3)
                   ? c.in(3)
                   : c.splat(element, 0, {shapeOf(x)[0], channels, size - 1});
  Value all = c.make("concat", {past, x}, {{"axis", 2}});
  Value y = c.make("conv", {all, weight},
                   {{"stride", Ints{1}},
                    {"padding", Ints{0, 0}},
                    {"dilation", Ints{1}},
                    {"groups", channels}});
  if (c.has(2))
    y = c.elementwise("add", {y, c.reshape(c.in(2), {channels, 1})});
  std::string activation = c.text("activation", "none");
  if (activation == "silu" || activation == "swish") {
    Value wide = c.cast(y, c.b.getF32Type());
    y = c.cast(mul(c.b, wide, c.make("sigmoid", wide)), element);
  } else if (activation != "none") {
    c.fail("activation is '" + activation + "'");
  }
  c.give(y);
  int64_t length = shapeOf(all)[2];
  c.give(c.slice(all, 2, length - (size - 1), length));
}

} // namespace

ArrayRef<Operator> recurrentOperators() {
  static constexpr Operator entries[] = {
      {"CausalConvWithState", 27, causalConv},
      {"GRU", 7, gru},
      {"LSTM", 7, lstm},
      {"LinearAttention", 27, linearAttention},
      {"RNN", 7, rnn},
  };
  return entries;
}

} // namespace varve::onnx
