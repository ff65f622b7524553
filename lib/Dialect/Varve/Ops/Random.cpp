// Counter-based random numbers.
#include "Dialect/Varve/Ops/Random.h"
#include "Dialect/Varve/Ops/Reduce.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

// ---- Philox4x32-10, twice: in numbers and in operations ----

static constexpr uint32_t multipliers[] = {0xD2511F53, 0xCD9E8D57};
static constexpr uint32_t increments[] = {0x9E3779B9, 0xBB67AE85};
static constexpr int rounds = 10;

static std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c,
                                      std::array<uint32_t, 2> key) {
  for (int round = 0; round < rounds; ++round) {
    uint64_t p = uint64_t(multipliers[0]) * c[0];
    uint64_t q = uint64_t(multipliers[1]) * c[2];
    c = {uint32_t(q >> 32) ^ c[1] ^ key[0], uint32_t(q),
         uint32_t(p >> 32) ^ c[3] ^ key[1], uint32_t(p)};
    key = {key[0] + increments[0], key[1] + increments[1]};
  }
  return c;
}

static std::array<uint32_t, 4> wordsOf(uint64_t seed, uint64_t step,
                                       uint64_t stream, int64_t element) {
  return philox({uint32_t(element), uint32_t(step), uint32_t(stream),
                 uint32_t(stream >> 32)},
                {uint32_t(seed), uint32_t(seed >> 32)});
}

/// The words of an element of `y`. With a step for each sample, the element is
/// counted in its sample.
static std::array<uint32_t, 4> drawWords(ArrayRef<RefTensor> in, int64_t stream,
                                         int64_t element, const RefTensor &y) {
  int64_t each = y.size() / (in[1].rank() ? in[1].size() : 1);
  return wordsOf(in[0].i[0], in[1].i[element / each], stream, element % each);
}

namespace {
/// The same in arith: 32-bit words as i32.
struct WordBuilder {
  LocBuilder &b;

  Value word(uint32_t w) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(w)));
  }
  Value wide(Value w) { return arith::ExtUIOp::create(b, b.getI64Type(), w); }
  Value low(Value v) { return arith::TruncIOp::create(b, b.getI32Type(), v); }
  Value high(Value v) {
    Value by = arith::ConstantOp::create(b, b.getI64IntegerAttr(32));
    return low(arith::ShRUIOp::create(b, v, by));
  }
  Value mix(Value x, Value y, Value z) {
    return arith::XOrIOp::create(b, arith::XOrIOp::create(b, x, y), z);
  }
  Value times(uint32_t m, Value w) {
    Value by = arith::ConstantOp::create(b, b.getI64IntegerAttr(int64_t(m)));
    return arith::MulIOp::create(b, wide(w), by);
  }

  std::array<Value, 4> philox(std::array<Value, 4> c, Value seed) {
    Value k0 = low(seed), k1 = high(seed);
    for (int round = 0; round < rounds; ++round) {
      Value p = times(multipliers[0], c[0]), q = times(multipliers[1], c[2]);
      c = {mix(high(q), c[1], k0), low(q), mix(high(p), c[3], k1), low(p)};
      k0 = arith::AddIOp::create(b, k0, word(increments[0]));
      k1 = arith::AddIOp::create(b, k1, word(increments[1]));
    }
    return c;
  }
  /// 24 bits of a word as an f32 in [0, 1).
  Value unit(Value w) {
    Value bits = arith::ShRUIOp::create(b, w, word(8));
    Value u = arith::UIToFPOp::create(b, b.getF32Type(), bits);
    return arith::MulFOp::create(b, u, scalar(b, u.getType(), 0x1p-24));
  }
  /// Two words as one number.
  Value pair(Value first, Value second) {
    Value by = arith::ConstantOp::create(b, b.getI64IntegerAttr(32));
    Value top = arith::ShLIOp::create(b, wide(first), by);
    return arith::OrIOp::create(b, top, wide(second));
  }
};
} // namespace

using FromWords =
    llvm::function_ref<Value(WordBuilder &, const std::array<Value, 4> &)>;

/// A tensor whose elements are made of their words.
static Value drawTensor(LocBuilder &b, RankedTensorType type, Values operands,
                        int64_t stream, FromWords fromWords) {
  AffineMap none = AffineMap::get(type.getRank(), 0, {}, b.getContext());
  int64_t samples = typeOf(operands[1]).getRank();
  AffineMap steps = none;
  if (samples)
    steps = AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(0));
  return buildGeneric(
      b, type, operands,
      [&](LocBuilder &in, Values v) {
        WordBuilder words{in};
        Value element = arith::ConstantIndexOp::create(in, 0);
        for (auto [d, size] : llvm::enumerate(type.getShape())) {
          if (int64_t(d) < samples) // counted in its sample
            continue;
          Value by = arith::ConstantIndexOp::create(in, size);
          element = arith::MulIOp::create(in, element, by);
          element = arith::AddIOp::create(in, element,
                                          linalg::IndexOp::create(in, d));
        }
        Value number = arith::IndexCastOp::create(in, in.getI64Type(), element);
        return fromWords(words,
                         words.philox({words.low(number), words.low(v[1]),
                                       words.word(uint32_t(stream)),
                                       words.word(uint64_t(stream) >> 32)},
                                      v[0]));
      },
      {none, steps});
}

static double unitOf(uint32_t word) { return (word >> 8) * 0x1p-24; }
static uint64_t pairOf(const std::array<uint32_t, 4> &words) {
  return uint64_t(words[0]) << 32 | words[1];
}

/// What all of them infer.
static LogicalResult inferRandom(std::optional<Location> loc,
                                 ValueRange operands, ArrayRef<int64_t> shape,
                                 Type element, Infer types,
                                 bool bySample = true) {
  // uniform C1, normal C1, bernoulli C1, random_int C1, permutation C1
  RankedTensorType seed = typeOf(operands[0]), step = typeOf(operands[1]);
  if (seed.getRank() != 0)
    return emitOptionalError(loc, "seed and step have rank 0, this is ", seed);
  bool samples = bySample && step.getRank() == 1 && !shape.empty() &&
                 step.getDimSize(0) == shape[0];
  if (step.getRank() != 0 && !samples)
    return emitOptionalError(loc, "seed and step have rank 0, ",
                             bySample ? "or step one number for each sample, "
                                      : "",
                             "this is ", step);
  // uniform C2, normal C2, bernoulli C2, random_int C2, permutation C2
  uint64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0 || size >= int64_t(1) << 32 ||
        count * uint64_t(size) >= uint64_t(1) << 32)
      return emitOptionalError(loc, "cannot draw [", shape, "]");
    count *= size;
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

// ---- uniform ----

LogicalResult UniformOp::inferReturnTypes(MLIRContext *context,
                                          std::optional<Location> loc,
                                          Adaptor adaptor, Infer types) {
  return inferRandom(loc, adaptor.getOperands(), adaptor.getShape(),
                     Float32Type::get(context), types);
}
SmallVector<Value> UniformOp::lower(LocBuilder &b, Values operands) {
  double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
  return {drawTensor(b, typeOf(getY()), operands, getStream(),
                     [&](WordBuilder &w, auto &words) -> Value {
                       LocBuilder &in = w.b;
                       Type f32 = in.getF32Type();
                       Value y = arith::MulFOp::create(
                           in, w.unit(words[0]), scalar(in, f32, high - low));
                       return arith::AddFOp::create(in, y,
                                                    scalar(in, f32, low));
                     })};
}
void UniformOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
  for (int64_t e = 0; e < y[0].size(); ++e)
    y[0].f[e] = low + (high - low) * unitOf(drawWords(in, getStream(), e, y[0])[0]);
}

// ---- normal ----

LogicalResult NormalOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> loc,
                                         Adaptor adaptor, Infer types) {
  return inferRandom(loc, adaptor.getOperands(), adaptor.getShape(),
                     Float32Type::get(context), types);
}
SmallVector<Value> NormalOp::lower(LocBuilder &b, Values operands) {
  return {drawTensor(
      b, typeOf(getY()), operands, getStream(),
      [&](WordBuilder &w, auto &words) -> Value {
        LocBuilder &in = w.b;
        auto number = [&](double v) { return scalar(in, in.getF32Type(), v); };
        auto times = [&](Value x, Value y) -> Value {
          return arith::MulFOp::create(in, x, y);
        };
        // 1 - u is exact and never 0.
        Value rest = arith::SubFOp::create(in, number(1), w.unit(words[0]));
        Value log = math::LogOp::create(in, rest);
        Value radius = math::SqrtOp::create(in, times(log, number(-2)));
        Value angle = times(w.unit(words[1]), number(2 * M_PI));
        Value z = times(radius, math::CosOp::create(in, angle));
        z = times(z, number(getStd().convertToDouble()));
        return arith::AddFOp::create(in, z,
                                     number(getMean().convertToDouble()));
      })};
}
void NormalOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  double mean = getMean().convertToDouble(), std = getStd().convertToDouble();
  for (int64_t e = 0; e < y[0].size(); ++e) {
    auto words = drawWords(in, getStream(), e, y[0]);
    double radius = std::sqrt(-2 * std::log(1 - unitOf(words[0])));
    double z = radius * std::cos(2 * M_PI * unitOf(words[1]));
    y[0].f[e] = mean + std * z;
  }
}

// ---- bernoulli ----

LogicalResult BernoulliOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  double p = adaptor.getP().convertToDouble();
  if (!(p >= 0 && p <= 1)) // bernoulli C3
    return emitOptionalError(loc, "probability ", p, " is not in [0, 1]");
  return inferRandom(loc, adaptor.getOperands(), adaptor.getShape(),
                     IntegerType::get(context, 1), types);
}
/// Words below this are true.
static int64_t thresholdOf(double p) { return std::llround(std::ldexp(p, 32)); }
static int64_t thresholdOf(BernoulliOp op) {
  return thresholdOf(op.getP().convertToDouble());
}
bool varve::drawBernoulli(uint64_t seed, uint64_t step, int64_t stream,
                          int64_t element, double p) {
  return int64_t(wordsOf(seed, step, stream, element)[0]) < thresholdOf(p);
}
SmallVector<Value> BernoulliOp::lower(LocBuilder &b, Values operands) {
  return {drawTensor(b, typeOf(getY()), operands, getStream(),
                     [&](WordBuilder &w, auto &words) -> Value {
                       Value bound = arith::ConstantOp::create(
                           w.b, w.b.getI64IntegerAttr(thresholdOf(*this)));
                       return arith::CmpIOp::create(w.b,
                                                    arith::CmpIPredicate::slt,
                                                    w.wide(words[0]), bound);
                     })};
}
void BernoulliOp::evaluate(ArrayRef<RefTensor> in,
                           MutableArrayRef<RefTensor> y) {
  for (int64_t e = 0; e < y[0].size(); ++e)
    y[0].i[e] = int64_t(drawWords(in, getStream(), e, y[0])[0]) < thresholdOf(*this);
}

// ---- random_int ----

LogicalResult RandomIntOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location> loc,
                                            Adaptor adaptor, Infer types) {
  if (adaptor.getBelow() < 1) // random_int C3
    return emitOptionalError(loc, "no whole number is in [0, ",
                             adaptor.getBelow(), ")");
  return inferRandom(loc, adaptor.getOperands(), adaptor.getShape(),
                     IntegerType::get(context, 64), types);
}
SmallVector<Value> RandomIntOp::lower(LocBuilder &b, Values operands) {
  return {drawTensor(
      b, typeOf(getY()), operands, getStream(),
      [&](WordBuilder &w, auto &words) -> Value {
        Value below =
            arith::ConstantOp::create(w.b, w.b.getI64IntegerAttr(getBelow()));
        return arith::RemUIOp::create(w.b, w.pair(words[0], words[1]), below);
      })};
}
void RandomIntOp::evaluate(ArrayRef<RefTensor> in,
                           MutableArrayRef<RefTensor> y) {
  for (int64_t e = 0; e < y[0].size(); ++e)
    y[0].i[e] =
        int64_t(pairOf(drawWords(in, getStream(), e, y[0])) % uint64_t(getBelow()));
}

// ---- permutation ----

LogicalResult PermutationOp::inferReturnTypes(MLIRContext *context,
                                              std::optional<Location> loc,
                                              Adaptor adaptor, Infer types) {
  return inferRandom(loc, adaptor.getOperands(), {adaptor.getCount()},
                     IntegerType::get(context, 64), types, /*bySample=*/false);
}
// Counting needs no sort, and its sums any order.
SmallVector<Value> PermutationOp::lower(LocBuilder &b, Values operands) {
  auto type = typeOf(getY());
  Value bits = drawTensor(
      b, type, operands, getStream(),
      [](WordBuilder &w, auto &words) { return w.pair(words[0], words[1]); });
  int64_t n = getCount();
  auto rows = AffineMap::get(2, 0, b.getAffineDimExpr(0));
  auto columns = AffineMap::get(2, 0, b.getAffineDimExpr(1));
  Value smaller = buildGeneric(
      b, type.clone({n, n}), {bits, bits},
      [](LocBuilder &in, Values v) -> Value {
        using P = arith::CmpIPredicate;
        Value less = arith::CmpIOp::create(in, P::ult, v[1], v[0]);
        Value same = arith::CmpIOp::create(in, P::eq, v[1], v[0]);
        Value first =
            arith::CmpIOp::create(in, P::ult, linalg::IndexOp::create(in, 1),
                                  linalg::IndexOp::create(in, 0));
        same = arith::AndIOp::create(in, same, first);
        return arith::ExtUIOp::create(in, in.getI64Type(),
                                      arith::OrIOp::create(in, less, same));
      },
      {rows, columns});
  return {reduceAxis(b, smaller, 1, Combiner::Sum, b.getI64Type())};
}
void PermutationOp::evaluate(ArrayRef<RefTensor> in,
                             MutableArrayRef<RefTensor> y) {
  std::vector<std::pair<uint64_t, int64_t>> bits;
  for (int64_t e = 0; e < y[0].size(); ++e)
    bits.emplace_back(pairOf(drawWords(in, getStream(), e, y[0])), e);
  std::sort(bits.begin(), bits.end());
  for (size_t rank = 0; rank < bits.size(); ++rank)
    y[0].i[bits[rank].second] = rank;
}
