// Random numbers: Philox4x32-10 written out in 64-bit integers, so that what is
// drawn is what a compiled program draws, bit by bit (see Random.td).
#include "Onnx/ExportCall.h"
#include <array>
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

using Words = std::array<std::string, 4>;

/// Words are i64 of 32 bits.
class WordBuilder {
public:
  explicit WordBuilder(ExportCall &c)
      : c(c), mask(c.integer(0xFFFFFFFF)),
        i64(IntegerType::get(c.op->getContext(), 64)),
        u64(IntegerType::get(c.op->getContext(), 64, IntegerType::Unsigned)) {}

  std::string low(const std::string &x) {
    return c.make("BitwiseAnd", {x, mask});
  }
  /// Shifts are of unsigned integers.
  std::string shifted(const std::string &x, const char *direction,
                      int64_t bits) {
    std::string by = c.cast(c.integer(bits), u64);
    return c.make("BitShift", {c.cast(x, u64), by}, {{"direction", direction}});
  }
  std::string high(const std::string &x) {
    return c.cast(shifted(x, "RIGHT", 32), i64);
  }
  std::string mixed(const std::string &x, const std::string &y) {
    return c.make("BitwiseXor", {x, y});
  }
  /// The product wraps around, and so has all its 64 bits.
  std::string times(int64_t m, const std::string &x) {
    return c.make("Mul", {x, c.integer(m)});
  }
  Words philox(Words words, std::string k0, std::string k1);
  /// The words of each element of the result.
  Words draw();

  /// Two words as the 64 bits of one number.
  std::string pair(const Words &words) {
    return c.make("Add", {times(int64_t(1) << 32, words[0]), words[1]});
  }
  /// 24 bits of a word as an f32 in [0, 1).
  std::string unit(const std::string &word) {
    Type f32 = Float32Type::get(c.op->getContext());
    std::string bits = c.make("Div", {word, c.integer(256)});
    return c.make("Mul", {c.cast(bits, f32), c.number(f32, 0x1p-24)});
  }

private:
  ExportCall &c;
  std::string mask;

public:
  const Type i64, u64;
};

Words WordBuilder::philox(Words words, std::string k0, std::string k1) {
  for (int round = 0; round < 10; ++round) {
    std::string p = times(0xD2511F53, words[0]),
                q = times(0xCD9E8D57, words[2]);
    words = {mixed(mixed(high(q), words[1]), k0), low(q),
             mixed(mixed(high(p), words[3]), k1), low(p)};
    if (round == 9)
      break;
    k0 = low(c.make("Add", {k0, c.integer(0x9E3779B9)}));
    k1 = low(c.make("Add", {k1, c.integer(0xBB67AE85)}));
  }
  return words;
}

/// With a step for each sample, elements are counted in their sample.
Words WordBuilder::draw() {
  ArrayRef<int64_t> shape = c.resultType().getShape();
  bool samples = c.type(1).getRank() == 1;
  Ints steps(samples ? shape.size() : 0, 1), each(shape);
  if (samples)
    steps[0] = shape[0], each[0] = 1;
  std::string element = c.reshape(c.range(llvm::product_of(each)), each);
  std::string seed = c.in(0), step = low(c.in(1));
  if (samples && steps.size() > 1)
    step = c.reshape(step, steps);
  auto stream = uint64_t(c.op->getAttrOfType<IntegerAttr>("stream").getInt());
  return philox({element, step, c.integer(int64_t(stream & 0xFFFFFFFF)),
                 c.integer(int64_t(stream >> 32))},
                low(seed), high(seed));
}

void uniform(ExportCall &c) {
  auto op = mlir::cast<UniformOp>(c.op);
  double low = op.getLow().convertToDouble(),
         high = op.getHigh().convertToDouble();
  Type f32 = c.resultType().getElementType();
  WordBuilder words(c);
  std::string y = words.unit(words.draw()[0]);
  y = c.make("Mul", {y, c.number(f32, high - low)});
  c.give(c.make("Add", {y, c.number(f32, low)}));
}

/// Box and Muller's formula, see NormalOp.
void normal(ExportCall &c) {
  auto op = mlir::cast<NormalOp>(c.op);
  Type f32 = c.resultType().getElementType();
  WordBuilder builder(c);
  Words words = builder.draw();
  std::string rest = c.make("Sub", {c.number(f32, 1), builder.unit(words[0])});
  std::string radius = c.make(
      "Sqrt", {c.make("Mul", {c.make("Log", {rest}), c.number(f32, -2)})});
  std::string angle =
      c.make("Mul", {builder.unit(words[1]), c.number(f32, 2 * M_PI)});
  std::string z = c.make("Mul", {radius, c.make("Cos", {angle})});
  z = c.make("Mul", {z, c.number(f32, op.getStd().convertToDouble())});
  c.give(c.make("Add", {z, c.number(f32, op.getMean().convertToDouble())}));
}

void bernoulli(ExportCall &c) {
  double p = mlir::cast<BernoulliOp>(c.op).getP().convertToDouble();
  int64_t bound = std::llround(std::ldexp(p, 32));
  c.give(c.make("Less", {WordBuilder(c).draw()[0], c.integer(bound)}));
}

void randomInt(ExportCall &c) {
  WordBuilder words(c);
  std::string bits = c.cast(words.pair(words.draw()), words.u64);
  std::string below =
      c.cast(c.integer(mlir::cast<RandomIntOp>(c.op).getBelow()), words.u64);
  c.give(c.cast(c.make("Mod", {bits, below}), words.i64));
}

/// Element i is how many go before it. With the other sign, bits are in order
/// as signed numbers.
void permutation(ExportCall &c) {
  WordBuilder words(c);
  std::string bits =
      words.mixed(words.pair(words.draw()), c.integer(INT64_MIN));
  std::string count = c.range(c.resultType().getDimSize(0));
  std::string row = c.unsqueeze(bits, {1}), at = c.unsqueeze(count, {1});
  std::string tie = c.make(
      "And", {c.make("Equal", {bits, row}), c.make("Less", {count, at})});
  std::string before = c.make("Or", {c.make("Less", {bits, row}), tie});
  c.give(c.reduce("ReduceSum", c.cast(before, words.i64), {1}, false));
}

} // namespace

ArrayRef<ExportRule> randomRules() {
  static const ExportRule rules[] = {
      {"uniform", uniform},         {"normal", normal},
      {"bernoulli", bernoulli},     {"random_int", randomInt},
      {"permutation", permutation},
  };
  return rules;
}

} // namespace varve::onnx
