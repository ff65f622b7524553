// `mixup a` (Zhang 2018): a batch meets itself in another order. Inputs become
// c x + (1 - c) x', losses c L(y) + (1 - c) L(y'), with one c from Beta(a, a)
// and one order for a step.
#include "Language/ImportImpl.h"

#include <cmath>

using namespace mlir;

namespace varve::importer {

// The quantiles of Beta(a, a) at i / count. Below a half, with u = t^a,
//   integral of t^(a-1) (1-t)^(a-1) = 1/a integral of (1 - u^(1/a))^(a-1),
// which is smooth where the first is not; above it the law is symmetric.
std::vector<double> betaQuantiles(double a, int count) {
  constexpr int points = 1 << 14;
  double end = std::pow(0.5, a);
  std::vector<double> areas(points + 1, 0);
  auto density = [&](double u) {
    return std::pow(1 - std::pow(u, 1 / a), a - 1);
  };
  double h = end / points;
  for (int i = 0; i < points; ++i)
    areas[i + 1] = areas[i] + h / 6 *
                                  (density(i * h) + 4 * density((i + 0.5) * h) +
                                   density((i + 1) * h));
  std::vector<double> quantiles(count + 1);
  int at = 0;
  for (int i = 0; 2 * i <= count; ++i) {
    double area = areas[points] * 2 * i / count;
    while (at + 1 < points && areas[at + 1] < area)
      ++at;
    double part = (area - areas[at]) / (areas[at + 1] - areas[at]);
    quantiles[i] = std::pow((at + part) * h, 1 / a);
    quantiles[count - i] = 1 - quantiles[i];
  }
  return quantiles;
}

/// c: the quantile at a random place, between those of a table.
Value Importer::drawMixture(Frame &frame) {
  constexpr int count = 1024;
  std::vector<Datum> numbers;
  for (double quantile : betaQuantiles(info.mixup, count))
    numbers.push_back(Datum::real(quantile));
  Type f32 = builder.getF32Type(), i64 = builder.getIntegerType(64);
  Datum table = constant(frame, {}, Datum::list(std::move(numbers)), f32);
  Value place = buildValue(
      frame, {}, "uniform", {seed, step},
      {builder.getNamedAttr("low", builder.getF64FloatAttr(0)),
       builder.getNamedAttr("high", builder.getF64FloatAttr(count)),
       builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr({})),
       builder.getNamedAttr("stream",
                            builder.getI64IntegerAttr(streamOf(frame.path)))});
  // A rounded product may reach the end.
  place = buildValue(frame, {}, "minimum",
                     {place, splat(frame, {}, f32, {}, count - 0.5)});
  Value before = buildValue(frame, {}, "floor", {place});
  Value part = buildValue(frame, {}, "sub", {place, before});
  Value index = cast(frame, {}, before, i64);
  auto at = [&](Value i) {
    return buildValue(
        frame, {}, "gather", {table.tensor, i},
        builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
  };
  Value low = at(index),
        high = at(buildValue(frame, {}, "add",
                             {index, splat(frame, {}, i64, {}, 1)}));
  Value rise = buildValue(frame, {}, "mul",
                          {part, buildValue(frame, {}, "sub", {high, low})});
  return buildValue(frame, {}, "add", {low, rise});
}

/// c x + (1 - c) y.
Value Importer::mix(Frame &frame, Value x, Value y) {
  auto type = ::mlir::cast<RankedTensorType>(x.getType());
  Value c = cast(frame, {}, mixture, type.getElementType());
  c = broadcastTo(frame, {}, Datum::of(c), type.getShape(), false);
  Value rest = buildValue(
      frame, {}, "sub",
      {splat(frame, {}, type.getElementType(), type.getShape(), 1), c});
  return buildValue(frame, {}, "add",
                    {buildValue(frame, {}, "mul", {c, x}),
                     buildValue(frame, {}, "mul", {rest, y})});
}

// The model's inputs are mixed; other fields wait for the losses.
bool Importer::mixSamples() {
  Frame frame;
  frame.blockName = "mixup";
  frame.path = "mixup";
  mixture = drawMixture(frame);
  Value order = buildValue(
      frame, {}, "permutation", {seed, step},
      {builder.getNamedAttr("count", builder.getI64IntegerAttr(samplesInBatch)),
       builder.getNamedAttr("stream",
                            builder.getI64IntegerAttr(streamOf(frame.path)))});
  if (!mixture || !order)
    return false;
  for (auto &[name, datum] : samples) {
    if (!datum.isTensor() || datum.rank() == 0 ||
        batchOf(datum) != samplesInBatch)
      continue;
    Value other =
        buildValue(frame, {}, "gather", {datum.tensor, order},
                   builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
    if (!other)
      return false;
    bool input = llvm::any_of(model->inputs, [&](const ast::Input &each) {
      return each.name.text == name;
    });
    if (!input || !isFloat(datum.element())) {
      partners[name] = Datum::of(other);
      continue;
    }
    datum.tensor = mix(frame, datum.tensor, other);
    if (!datum.tensor)
      return false;
  }
  return true;
}

Value Importer::lossTerm(Frame &terms, const ast::Expr &expr) {
  Value own = scalarTerm(terms, expr, "a loss");
  if (!own || !mixture)
    return own;
  Frame others = terms;
  others.reuse = true;
  for (const auto &[name, datum] : partners) {
    Datum &bound = others.names[name];
    if (bound.isTensor() && bound.tensor == samples[name].tensor)
      bound = datum;
  }
  Value other = scalarTerm(others, expr, "a loss");
  return other ? mix(terms, own, other) : Value();
}

} // namespace varve::importer
