// Losses: means over the batch.
#include "Dialect/Varve/Ops/Reduce.h"
#include <cmath>

using namespace mlir;
using namespace varve;
using Infer = SmallVectorImpl<Type> &;

/// The mean of all elements.
static Value meanOfAll(LocBuilder &b, Value x) {
  return MeanOp::create(b, x, otherAxes({}, typeOf(x).getRank()), false);
}
/// A tensor of rank 0 at each element of `like`.
static Value everywhere(LocBuilder &b, Value scalar, Value like) {
  return broadcast(b, scalar, shapeOf(like), {});
}
/// The cotangent of each of n equal terms of a mean.
static Value shareOf(LocBuilder &b, Value dLoss, Value like, double n) {
  return everywhere(b, div(b, dLoss, n), like);
}

// ---- cross_entropy ----

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> loc,
                                               Adaptor adaptor, Infer types) {
  auto logits = typeOf(adaptor.getLogits());
  auto target = typeOf(adaptor.getTarget());
  if (logits.getRank() < 1 ||
      logits.getShape().drop_back() != target.getShape()) // cross_entropy C1
    return emitOptionalError(loc, "target ", target, " does not suit logits ",
                             logits);
  double smoothing = adaptor.getSmoothing().convertToDouble();
  if (!(smoothing >= 0 && smoothing <= 1)) // cross_entropy C2
    return emitOptionalError(loc, "smoothing ", smoothing, " is not in [0, 1]");
  if (Value weight = adaptor.getWeight())
    if (weight.getType() !=
        logits.clone(logits.getShape().take_back())) // cross_entropy C3
      return emitOptionalError(loc, "weight ", weight.getType(),
                               " does not suit logits ", logits);
  types.push_back(logits.clone(ArrayRef<int64_t>{}));
  return success();
}

namespace {
/// loss = sum over rows n of m_n sum over c of w_c q_nc (-log p_nc) / total,
/// total = sum over n of m_n w_target: the parts of it that do not depend on
/// the logits. m is 0 for ignored rows, else 1.
struct CrossEntropyParts {
  Value target;   // m q: rows x classes
  Value hot;      // m one_hot: rows x classes
  Value weighted; // w m q
  Value total;    // of rank 0
};
} // namespace

/// Whether there are targets to ignore: no unsigned one is negative.
static bool ignores(CrossEntropyOp op) {
  return op.getIgnore() &&
         (*op.getIgnore() >= 0 || !varve::isUnsigned(elementOf(op, 1)));
}

/// `target` is of an integer type that tells its sign.
static CrossEntropyParts partsOf(LocBuilder &b, CrossEntropyOp op, Value target,
                                 Value weight) {
  auto type = typeOf(op.getLogits());
  int64_t rank = type.getRank(), last = rank - 1,
          classes = type.getDimSize(last);
  double s = op.getSmoothing().convertToDouble();
  CrossEntropyParts parts;
  parts.hot =
      castTo(b, OneHotOp::create(b, target, classes), type.getElementType());
  parts.target = parts.hot;
  if (s != 0)
    parts.target = add(b, mul(b, parts.hot, 1 - s),
                       constantLike(b, parts.hot, s / classes));
  auto rows = type.clone(type.getShape().drop_back());
  Value kept;
  if (ignores(op)) {
    Value ignored = constantLike(b, target, double(*op.getIgnore()));
    Value known = compare(b, target, "ne", ignored);
    kept = castTo(b, known, type.getElementType());
    Value each = expand(b, kept, type.getShape(), {last});
    parts.hot = mul(b, parts.hot, each);
    parts.target = mul(b, parts.target, each);
  }
  parts.weighted = parts.target;
  if (weight) {
    Value each = broadcast(b, weight, type.getShape(), {last});
    parts.weighted = mul(b, parts.target, each);
    parts.total = sum(b, mul(b, parts.hot, each), otherAxes({}, rank));
  } else if (kept) {
    parts.total = sum(b, kept, otherAxes({}, rank - 1));
  } else {
    parts.total = constant(b, type.clone(ArrayRef<int64_t>{}),
                           double(rows.getNumElements()));
  }
  return parts;
}

// The signless target is made i64 first, by its sign.
SmallVector<Value> CrossEntropyOp::lower(LocBuilder &b, Values in) {
  Type element = elementOf(*this, 1), i64 = b.getI64Type();
  Value target = in[1];
  if (target.getType() != typeOf(target).clone(i64))
    target = buildGeneric(b, typeOf(target).clone(i64), {target},
                          [&](LocBuilder &inner, Values v) -> Value {
                            if (varve::isUnsigned(element))
                              return arith::ExtUIOp::create(inner, i64, v[0]);
                            return arith::ExtSIOp::create(inner, i64, v[0]);
                          });
  int64_t rank = typeOf(in[0]).getRank(), last = rank - 1;
  CrossEntropyParts parts =
      partsOf(b, *this, target, in.size() > 2 ? in[2] : Value());
  Value log = LogSoftmaxOp::create(b, in[0], last);
  Value each = neg(b, sum(b, mul(b, log, parts.weighted), {last}));
  Value whole = sum(b, each, otherAxes({}, rank - 1));
  return {div(b, whole, parts.total)};
}
void CrossEntropyOp::evaluate(ArrayRef<RefTensor> in,
                              MutableArrayRef<RefTensor> y) {
  const RefTensor &logits = in[0], &target = in[1];
  int64_t classes = logits.shape.back(), rows = target.size();
  double s = getSmoothing().convertToDouble(), sum = 0, total = 0;
  auto weight = [&](int64_t c) { return in.size() > 2 ? in[2].f[c] : 1; };
  for (int64_t r = 0; r < rows; ++r) {
    int64_t t = target.i[r];
    if (getIgnore() && t == *getIgnore())
      continue;
    const double *z = &logits.f[r * classes];
    double top = *std::max_element(z, z + classes), norm = 0;
    for (int64_t c = 0; c < classes; ++c)
      norm += std::exp(z[c] - top);
    for (int64_t c = 0; c < classes; ++c) {
      double want = s / classes + (t == c ? 1 - s : 0);
      sum -= weight(c) * want * (z[c] - top - std::log(norm));
    }
    bool isClass = t >= 0 && t < classes;
    total += in.size() > 2 ? (isClass ? weight(t) : 0) : 1;
  }
  y[0].f[0] = sum / total;
}
// With v = w m q: d logits = dy / total (softmax sum(v) - v). The weight has
// its part in the sum and in the total.
void CrossEntropyOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value logits = getLogits();
  auto type = typeOf(logits);
  int64_t rank = type.getRank(), last = rank - 1;
  CrossEntropyParts parts = partsOf(b, *this, getTarget(), getWeight());
  Value p = SoftmaxOp::create(b, logits, last), v = parts.weighted;
  Value scale = div(b, dy[0], parts.total);
  // Without weights or ignored rows the sum of v is 1.
  if (getWeight() || ignores(*this))
    p = mul(b, p, expand(b, sum(b, v, {last}), type.getShape(), {last}));
  d[0] = mul(b, sub(b, p, v), everywhere(b, scale, logits));
  if (!getWeight())
    return;
  Value log = LogSoftmaxOp::create(b, logits, last);
  Value inSum = neg(b, mul(b, log, parts.target));
  Value inTotal = mul(b, parts.hot, everywhere(b, getLoss(), logits));
  Value both = sum(b, sub(b, inSum, inTotal), otherAxes({last}, rank));
  d[2] = mul(b, both, everywhere(b, scale, both));
}

// ---- soft_cross_entropy ----

LogicalResult SoftCrossEntropyOp::inferReturnTypes(MLIRContext *,
                                                   std::optional<Location> loc,
                                                   Adaptor adaptor,
                                                   Infer types) {
  auto logits = typeOf(adaptor.getLogits());
  if (logits.getRank() < 1 ||
      logits != adaptor.getTarget().getType()) // soft_cross_entropy C1
    return emitOptionalError(loc, "target ", adaptor.getTarget().getType(),
                             " does not suit logits ", logits);
  types.push_back(logits.clone(ArrayRef<int64_t>{}));
  return success();
}
SmallVector<Value> SoftCrossEntropyOp::lower(LocBuilder &b, Values in) {
  int64_t last = typeOf(in[0]).getRank() - 1;
  Value log = LogSoftmaxOp::create(b, in[0], last);
  return {meanOfAll(b, neg(b, sum(b, mul(b, log, in[1]), {last})))};
}
void SoftCrossEntropyOp::evaluate(ArrayRef<RefTensor> in,
                                  MutableArrayRef<RefTensor> y) {
  int64_t classes = in[0].shape.back(), rows = in[0].size() / classes;
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const double *z = &in[0].f[r * classes], *t = &in[1].f[r * classes];
    double top = *std::max_element(z, z + classes), norm = 0;
    for (int64_t c = 0; c < classes; ++c)
      norm += std::exp(z[c] - top);
    for (int64_t c = 0; c < classes; ++c)
      total -= t[c] * (z[c] - top - std::log(norm));
  }
  y[0].f[0] = total / rows;
}
// d logits = dy / rows (softmax sum(target) - target)
void SoftCrossEntropyOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value logits = getLogits(), target = getTarget();
  auto type = typeOf(logits);
  int64_t last = type.getRank() - 1;
  double rows = double(type.getNumElements()) / type.getDimSize(last);
  Value share = shareOf(b, dy[0], logits, rows);
  Value mass = expand(b, sum(b, target, {last}), type.getShape(), {last});
  Value p = SoftmaxOp::create(b, logits, last);
  d[0] = mul(b, sub(b, mul(b, p, mass), target), share);
  d[1] = neg(b, mul(b, LogSoftmaxOp::create(b, logits, last), share));
}

// ---- means of a function of two numbers ----

static LogicalResult inferPairLoss(std::optional<Location> loc, Value x,
                                   Value target, Infer types) {
  // binary_cross_entropy C1, mean_squared_error C1, mean_absolute_error C1,
  // huber C1
  if (x.getType() != target.getType())
    return emitOptionalError(loc, "x is ", x.getType(), ", but target is ",
                             target.getType());
  types.push_back(typeOf(x).clone(ArrayRef<int64_t>{}));
  return success();
}
#define VARVE_INFER_PAIR_LOSS(OP)                                              \
  LogicalResult OP::inferReturnTypes(MLIRContext *,                            \
                                     std::optional<Location> loc,              \
                                     Adaptor adaptor, Infer types) {           \
    return inferPairLoss(loc, adaptor.getX(), adaptor.getTarget(), types);     \
  }
VARVE_INFER_PAIR_LOSS(BinaryCrossEntropyOp)
VARVE_INFER_PAIR_LOSS(MeanSquaredErrorOp)
VARVE_INFER_PAIR_LOSS(MeanAbsoluteErrorOp)
#undef VARVE_INFER_PAIR_LOSS

static void evaluatePairLoss(ArrayRef<RefTensor> in, RefTensor &y,
                             llvm::function_ref<double(double, double)> f) {
  for (int64_t e = 0; e < in[0].size(); ++e)
    y.f[0] += f(in[0].f[e], in[1].f[e]) / in[0].size();
}
static Value shareOf(LocBuilder &b, Value dLoss, Value x) {
  return shareOf(b, dLoss, x, typeOf(x).getNumElements());
}

SmallVector<Value> BinaryCrossEntropyOp::lower(LocBuilder &b, Values in) {
  Value each = sub(b, SoftplusOp::create(b, in[0]), mul(b, in[1], in[0]));
  return {meanOfAll(b, each)};
}
void BinaryCrossEntropyOp::evaluate(ArrayRef<RefTensor> in,
                                    MutableArrayRef<RefTensor> y) {
  evaluatePairLoss(in, y[0], [](double x, double t) {
    return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))) - t * x;
  });
}
void BinaryCrossEntropyOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value share = shareOf(b, dy[0], getX());
  Value p = SigmoidOp::create(b, getX());
  d[0] = mul(b, sub(b, p, getTarget()), share);
  d[1] = neg(b, mul(b, getX(), share));
}

SmallVector<Value> MeanSquaredErrorOp::lower(LocBuilder &b, Values in) {
  Value e = sub(b, in[0], in[1]);
  return {meanOfAll(b, mul(b, e, e))};
}
void MeanSquaredErrorOp::evaluate(ArrayRef<RefTensor> in,
                                  MutableArrayRef<RefTensor> y) {
  evaluatePairLoss(in, y[0],
                   [](double x, double t) { return (x - t) * (x - t); });
}
void MeanSquaredErrorOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value e = sub(b, getX(), getTarget());
  d[0] = mul(b, mul(b, e, 2), shareOf(b, dy[0], e));
  d[1] = neg(b, d[0]);
}

SmallVector<Value> MeanAbsoluteErrorOp::lower(LocBuilder &b, Values in) {
  return {meanOfAll(b, AbsOp::create(b, sub(b, in[0], in[1])))};
}
void MeanAbsoluteErrorOp::evaluate(ArrayRef<RefTensor> in,
                                   MutableArrayRef<RefTensor> y) {
  evaluatePairLoss(in, y[0],
                   [](double x, double t) { return std::fabs(x - t); });
}
void MeanAbsoluteErrorOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value sign = SignOp::create(b, sub(b, getX(), getTarget()));
  d[0] = mul(b, sign, shareOf(b, dy[0], sign));
  d[1] = neg(b, d[0]);
}

// ---- huber ----

LogicalResult HuberOp::inferReturnTypes(MLIRContext *,
                                        std::optional<Location> loc,
                                        Adaptor adaptor, Infer types) {
  double delta = adaptor.getDelta().convertToDouble();
  if (!(delta > 0)) // huber C2
    return emitOptionalError(loc, "delta ", delta, " is not above 0");
  return inferPairLoss(loc, adaptor.getX(), adaptor.getTarget(), types);
}
/// The error, held to [-delta, delta].
static Value heldError(LocBuilder &b, Value error, double delta) {
  Value low = MaximumOp::create(b, error, constantLike(b, error, -delta));
  return MinimumOp::create(b, low, constantLike(b, error, delta));
}
// With h the held error: h (e - h / 2), on both sides of delta.
SmallVector<Value> HuberOp::lower(LocBuilder &b, Values in) {
  Value e = sub(b, in[0], in[1]);
  Value h = heldError(b, e, getDelta().convertToDouble());
  return {meanOfAll(b, mul(b, h, sub(b, e, mul(b, h, 0.5))))};
}
void HuberOp::evaluate(ArrayRef<RefTensor> in, MutableArrayRef<RefTensor> y) {
  double delta = getDelta().convertToDouble();
  evaluatePairLoss(in, y[0], [&](double x, double t) {
    double e = std::fabs(x - t);
    return e <= delta ? e * e / 2 : delta * (e - delta / 2);
  });
}
void HuberOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value h =
      heldError(b, sub(b, getX(), getTarget()), getDelta().convertToDouble());
  d[0] = mul(b, h, shareOf(b, dy[0], h));
  d[1] = neg(b, d[0]);
}
