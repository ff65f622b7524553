// The numeric contract, executed: each operation in the type of its elements
// and in the contract's order, so that compiled code must give the same bits.
// Operations whose bits the contract does not fix by arithmetic alone (our own
// transcendentals) have no value here.
#include "varve/Reference/Reference.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace mlir;
using namespace varve;

namespace {

constexpr int64_t productChunk = 512, sumChunk = 4096, lanes = 16;

/// What terms of this type are added and multiplied in.
bool isDouble(Type element) { return element.isF64(); }

double roundTo(Type element, double value) {
  if (element.isF64())
    return value;
  if (element.isF32())
    return float(value);
  APFloat narrow(value);
  bool lossy;
  narrow.convert(cast<FloatType>(element).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &lossy);
  narrow.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
  return narrow.convertToDouble();
}

void roundAll(RefTensor &x) {
  for (double &v : x.f)
    v = roundTo(x.element, v);
}

/// Sums of f32, or of f64: one addition in double and one rounding is an
/// addition in f32, since a double has more than twice its digits.
struct Adder {
  bool wide;
  double add(double x, double y) const { return wide ? x + y : float(x + y); }
  double multiply(double x, double y) const {
    return wide ? x * y : float(x * y);
  }
  double multiplyAdd(double x, double y, double z) const {
    return wide ? std::fma(x, y, z) : std::fmaf(float(x), float(y), float(z));
  }
};

/// Chunks of 4096 terms; in each, term i joins lane i mod 16, and the lanes
/// join as a tree; the chunks follow each other.
template <class Join>
double foldLine(ArrayRef<double> terms, double neutral, Join join) {
  double total = neutral;
  for (size_t from = 0; from < terms.size(); from += sumChunk) {
    double lane[lanes];
    std::fill(lane, lane + lanes, neutral);
    size_t count = std::min<size_t>(sumChunk, terms.size() - from);
    for (size_t i = 0; i < count; ++i)
      lane[i % lanes] = join(lane[i % lanes], terms[from + i]);
    for (int64_t half = lanes / 2; half > 0; half /= 2)
      for (int64_t i = 0; i < half; ++i)
        lane[i] = join(lane[i], lane[i + half]);
    total = from == 0 ? lane[0] : join(total, lane[0]);
  }
  return total;
}

/// Axis by axis, the innermost first.
template <class Join>
std::vector<double> foldAxes(const RefTensor &x, ArrayRef<int64_t> axes,
                             double neutral, Join join) {
  std::vector<double> values = x.f;
  std::vector<int64_t> shape = x.shape;
  for (int64_t axis : llvm::reverse(axes)) {
    int64_t outer = 1, inner = 1, length = shape[axis];
    for (int64_t d = 0; d < axis; ++d)
      outer *= shape[d];
    for (int64_t d = axis + 1; d < int64_t(shape.size()); ++d)
      inner *= shape[d];
    std::vector<double> folded(outer * inner), line(length);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) {
        for (int64_t k = 0; k < length; ++k)
          line[k] = values[(o * length + k) * inner + i];
        folded[o * inner + i] = foldLine(line, neutral, join);
      }
    values = std::move(folded);
    shape[axis] = 1;
  }
  return values;
}

/// A sum starts from -0, which changes no term.
std::vector<double> sumOf(const RefTensor &x, ArrayRef<int64_t> axes) {
  Adder adder{isDouble(x.element)};
  return foldAxes(x, axes, -0.0,
                  [&](double p, double q) { return adder.add(p, q); });
}

void evaluateMean(MeanOp op, const RefTensor &x, RefTensor &y) {
  Adder adder{isDouble(x.element)};
  Type wide = adder.wide ? x.element : Float32Type::get(op.getContext());
  double terms = 1;
  for (int64_t axis : op.getAxis())
    terms *= double(x.shape[axis]);
  y.f = sumOf(x, op.getAxis());
  for (double &v : y.f)
    v = adder.multiply(v, roundTo(wide, 1 / terms));
}

void evaluateProduct(ProdOp op, const RefTensor &x, RefTensor &y) {
  Adder adder{isDouble(x.element)};
  y.f = foldAxes(x, op.getAxis(), 1,
                 [&](double p, double q) { return adder.multiply(p, q); });
}

/// Chunks of 512 terms: in each one chain of multiply-adds from +0.
void evaluateMatmul(const RefTensor &x, const RefTensor &y, RefTensor &z) {
  Adder adder{isDouble(z.element)};
  int64_t rank = x.rank(), m = x.shape[rank - 2], k = x.shape[rank - 1],
          n = y.shape[rank - 1];
  for (int64_t e = 0; e < z.size(); ++e) {
    int64_t batch = e / (m * n), i = e / n % m, j = e % n;
    double total = 0;
    for (int64_t from = 0; from < k; from += productChunk) {
      double chain = 0;
      for (int64_t l = from; l < std::min(k, from + productChunk); ++l)
        chain = adder.multiplyAdd(x.f[(batch * m + i) * k + l],
                                  y.f[(batch * k + l) * n + j], chain);
      total = from == 0 ? chain : adder.add(total, chain);
    }
    z.f[e] = total;
  }
}

/// Operations of one rounding for each element, or of none: their value in
/// double, rounded, is their value.
bool isRoundedOnce(Operation *op) {
  static const llvm::StringSet<> names = {
      "abs",     "add",       "all",       "and",     "any",
      "argmax",  "argmin",    "broadcast", "cast",    "ceil",
      "compare", "concat",    "constant",  "div",     "dynamic_slice",
      "flip",    "floor",     "gather",    "iota",    "max",
      "maximum", "min",       "minimum",   "mul",     "neg",
      "not",     "one_hot",   "or",        "pad",     "reciprocal",
      "relu",    "reshape",   "round",     "sign",    "slice",
      "split",   "sqrt",      "square",    "squeeze", "stack",
      "sub",     "transpose", "unsqueeze", "where",   "stop_gradient"};
  return names.contains(op->getName().stripDialect());
}

LogicalResult evaluateByContract(Operation *op, ArrayRef<RefTensor> operands,
                                 MutableArrayRef<RefTensor> results,
                                 EvaluateOperation others) {
  bool real = !results.empty() && results[0].isFloat();
  if (auto sum = dyn_cast<SumOp>(op); sum && real)
    results[0].f = sumOf(operands[0], sum.getAxis());
  else if (auto mean = dyn_cast<MeanOp>(op))
    evaluateMean(mean, operands[0], results[0]);
  else if (auto product = dyn_cast<ProdOp>(op); product && real)
    evaluateProduct(product, operands[0], results[0]);
  else if (isa<MatmulOp>(op) && real)
    evaluateMatmul(operands[0], operands[1], results[0]);
  else if (isRoundedOnce(op) || (!real && isa<SumOp, ProdOp, MatmulOp>(op)))
    cast<EvaluableOpInterface>(op).evaluate(operands, results);
  else if (others)
    return others(op, operands, results);
  else
    return op->emitOpError("has no value by the contract");
  for (RefTensor &x : results)
    roundAll(x);
  return success();
}

} // namespace

FailureOr<SmallVector<RefTensor>>
varve::evaluateContract(FuncOp func, ArrayRef<RefTensor> inputs,
                        RefState &state, EvaluateOperation others) {
  return evaluateFunction(
      func, inputs, state,
      [&](Operation *op, ArrayRef<RefTensor> operands,
          MutableArrayRef<RefTensor> results) {
        return evaluateByContract(op, operands, results, others);
      });
}
