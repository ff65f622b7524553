// Losses: means over the batch.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace varve;

// ---- cross_entropy ----

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> loc,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  auto logits = typeOf(adaptor.getLogits());
  auto target = typeOf(adaptor.getTarget());
  if (logits.getRank() < 1 ||
      logits.getShape().drop_back() != target.getShape()) // cross_entropy C1
    return emitOptionalError(loc, "target ", target, " does not suit logits ",
                             logits);
  double smoothing = adaptor.getSmoothing().convertToDouble();
  if (!(smoothing >= 0 && smoothing <= 1)) // cross_entropy C2
    return emitOptionalError(loc, "smoothing ", smoothing, " is not in [0, 1]");
  types.push_back(logits.clone(ArrayRef<int64_t>{}));
  return success();
}

/// (1 - s) one_hot(target) + s / C, of the type of logits.
static Value targetDistribution(LocBuilder &b, CrossEntropyOp op) {
  auto type = typeOf(op.getLogits());
  int64_t classes = type.getShape().back();
  double s = op.getSmoothing().convertToDouble();
  Value hot = OneHotOp::create(b, op.getTarget(), classes);
  hot = castTo(b, hot, type.getElementType());
  if (s == 0)
    return hot;
  return add(b, mul(b, hot, 1 - s), constantLike(b, hot, s / classes));
}

// -sum(target log_softmax) over the classes, then the mean.
SmallVector<Value> CrossEntropyOp::lower(LocBuilder &b, ArrayRef<Value> in) {
  auto type = typeOf(in[0]);
  int64_t last = type.getRank() - 1;
  Value log = LogSoftmaxOp::create(b, in[0], last);
  Value weighted = mul(b, log, targetDistribution(b, *this));
  Value each = neg(b, sum(b, weighted, {last}));
  SmallVector<int64_t> rest = otherAxes({last}, type.getRank());
  if (rest.empty())
    return {each};
  return {MeanOp::create(b, each, rest, false)};
}
void CrossEntropyOp::evaluate(ArrayRef<RefTensor> in,
                              MutableArrayRef<RefTensor> y) {
  const RefTensor &logits = in[0], &target = in[1];
  int64_t classes = logits.shape.back(), rows = target.size();
  double s = getSmoothing().convertToDouble(), total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const double *z = &logits.f[r * classes];
    double top = *std::max_element(z, z + classes), norm = 0;
    for (int64_t c = 0; c < classes; ++c)
      norm += std::exp(z[c] - top);
    for (int64_t c = 0; c < classes; ++c) {
      double want = s / classes + (target.i[r] == c ? 1 - s : 0);
      total -= want * (z[c] - top - std::log(norm));
    }
  }
  y[0].f[0] = total / rows;
}
// d logits = dy / rows (softmax(logits) - target distribution)
void CrossEntropyOp::buildVjp(LocBuilder &b, ArrayRef<Value> dy,
                              MutableArrayRef<Value> d) {
  Value logits = getLogits();
  auto type = typeOf(logits);
  int64_t last = type.getRank() - 1;
  double rows = type.getNumElements() / type.getDimSize(last);
  Value p = SoftmaxOp::create(b, logits, last);
  Value excess = sub(b, p, targetDistribution(b, *this));
  Value scale = mul(b, dy[0], 1 / rows);
  d[0] = mul(b, excess, broadcast(b, scale, type.getShape(), {}));
}
