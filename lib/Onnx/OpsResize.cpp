// Resize and Upsample: along each axis every element is a weighted sum of
// neighbours, which are worked out at import.
#include "Onnx/Convert.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

/// What Resize says, for all axes.
struct Rule {
  std::string mode = "nearest", place = "half_pixel",
              rounding = "round_prefer_floor";
  double cubic = -0.75, outsideValue = 0;
  bool excludeOutside = false, antialias = false;
};

/// One axis.
struct AxisRule {
  int64_t from, to;
  double scale;
  double first = 0, last = 1; ///< the part of x that is looked at
};

/// The taps of each element of the result.
struct Taps {
  int64_t count = 1;
  Ints index;
  SmallVector<double> weight;
  SmallVector<bool> isOutside;
};

double placeOf(Call &c, const Rule &rule, const AxisRule &a, double i) {
  double exact = a.scale * double(a.from), last = double(a.from - 1);
  const std::string &place = rule.place;
  if (place == "align_corners")
    return exact == 1 ? 0 : i * last / (exact - 1);
  if (place == "asymmetric")
    return i / a.scale;
  if (place == "tf_crop_and_resize") {
    double part = (a.last - a.first) * last;
    return (exact == 1 ? part / 2 : i * part / (exact - 1)) + a.first * last;
  }
  if (place == "pytorch_half_pixel" && exact == 1)
    return -0.5;
  double half = (i + 0.5) / a.scale - 0.5;
  if (place == "half_pixel" || place == "pytorch_half_pixel")
    return half;
  if (place == "half_pixel_symmetric")
    return double(a.from) / 2 * (1 - double(a.to) / exact) + half;
  if (place == "tf_half_pixel_for_nn")
    return (i + 0.5) / a.scale;
  c.fail("coordinate_transformation_mode is '" + place + "'");
}

double cubicAt(double x, double a) {
  x = std::abs(x);
  if (x <= 1)
    return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

int64_t nearest(Call &c, const Rule &rule, double at) {
  if (rule.rounding == "floor")
    return int64_t(std::floor(at));
  if (rule.rounding == "ceil")
    return int64_t(std::ceil(at));
  if (rule.rounding == "round_prefer_floor")
    return int64_t(std::ceil(at - 0.5));
  if (rule.rounding == "round_prefer_ceil")
    return int64_t(std::floor(at + 0.5));
  c.fail("nearest_mode is '" + rule.rounding + "'");
}

/// How far neighbours reach at each side, in elements of x.
int64_t reachOf(const Rule &rule, double scale) {
  double support = rule.mode == "cubic" ? 2 : 1;
  return int64_t(std::ceil(support / (rule.antialias ? std::min(scale, 1.0)
                                                     : 1.0)));
}

Taps tapsOf(Call &c, const Rule &rule, const AxisRule &a) {
  bool isNearest = rule.mode == "nearest";
  int64_t reach = isNearest ? 0 : reachOf(rule, a.scale);
  constexpr int64_t maxTaps = 1 << 24;
  if (reach > maxTaps / (2 * std::max<int64_t>(a.to, 1)))
    c.refuse("so many neighbours are not supported");
  double stretch = rule.antialias ? std::min(a.scale, 1.0) : 1.0;
  Taps taps;
  taps.count = isNearest ? 1 : 2 * reach;
  auto held = [&](int64_t i) { return std::clamp<int64_t>(i, 0, a.from - 1); };
  for (int64_t i = 0; i < a.to; ++i) {
    double at = placeOf(c, rule, a, double(i));
    taps.isOutside.push_back(rule.place == "tf_crop_and_resize" &&
                             (at < 0 || at > double(a.from - 1)));
    // Held first: far outside nothing fits an integer.
    at = std::clamp(at, -double(reach) - 1, double(a.from + reach));
    if (isNearest) {
      taps.index.push_back(held(nearest(c, rule, at)));
      continue;
    }
    int64_t begin = int64_t(std::floor(at)) - reach + 1;
    double sum = 0;
    size_t start = taps.weight.size();
    for (int64_t t = begin; t < begin + taps.count; ++t) {
      double far = (double(t) - at) * stretch;
      double weight = rule.mode == "cubic"
                          ? cubicAt(far, rule.cubic)
                          : std::max(0.0, 1 - std::abs(far));
      if (rule.excludeOutside && t != held(t))
        weight = 0;
      taps.index.push_back(held(t));
      taps.weight.push_back(weight);
      sum += weight;
    }
    if ((rule.excludeOutside || rule.antialias) && sum != 0)
      for (size_t t = start; t < taps.weight.size(); ++t)
        taps.weight[t] /= sum;
  }
  return taps;
}

Value resizeAxis(Call &c, Value x, int64_t axis, const Rule &rule,
                 const AxisRule &a) {
  if (a.from == 0)
    c.fail("there is nothing along axis " + std::to_string(axis));
  Taps taps = tapsOf(c, rule, a);
  if (rule.mode == "nearest")
    x = c.make("gather", {x, c.intsConstant(taps.index)}, {{"axis", axis}});
  else
    x = c.make("resample", x,
               {{"axis", axis},
                {"taps", taps.count},
                {"index", taps.index},
                {"weight", ArrayRef<double>(taps.weight)}});
  if (!llvm::is_contained(taps.isOutside, true))
    return x;
  RefTensor outside(c.b.getI1Type(), {a.to});
  for (auto [i, flag] : llvm::enumerate(taps.isOutside))
    outside.i[i] = flag;
  Ints shape(shapeOf(x).size(), 1);
  shape[size_t(axis)] = a.to;
  Value mask = c.broadcast(c.reshape(c.constant(outside), shape), shapeOf(x));
  return select(c.b, mask, constantLike(c.b, x, rule.outsideValue), x);
}

/// `axis` of the rules: those axes that are named, with the sizes in `rules`.
Value resizeAll(Call &c, Value x, const Rule &rule, ArrayRef<int64_t> axes,
                ArrayRef<AxisRule> rules) {
  Type element = typeOf(x).getElementType();
  bool isInteger = !isa<FloatType>(element);
  if (isInteger && element.isInteger(1) && rule.mode != "nearest")
    c.fail("bools have no weighted sums");
  bool converts = isInteger && rule.mode != "nearest";
  if (converts)
    x = c.cast(x, c.b.getF64Type());
  for (auto [axis, a] : llvm::zip(axes, rules)) {
    if (a.to < 0 || a.to > (int64_t(1) << 40) || !(a.scale > 0))
      c.fail("axis " + std::to_string(axis) + " cannot be resized by " +
             std::to_string(a.scale));
    if (a.from == a.to && a.scale == 1 && a.first == 0 && a.last == 1)
      continue;
    x = resizeAxis(c, x, axis, rule, a);
  }
  return converts ? c.cast(c.make("round", x), element) : x;
}

SmallVector<double> knownReals(Call &c, size_t i) {
  const RefTensor &value = c.known(i);
  if (!value.isFloat())
    c.fail("input " + std::to_string(i) + " is not of floats");
  return SmallVector<double>(value.f.begin(), value.f.end());
}

SmallVector<AxisRule> byScales(Call &c, Value x, ArrayRef<int64_t> axes,
                               ArrayRef<double> scales) {
  if (scales.size() != axes.size())
    c.fail("there are " + std::to_string(scales.size()) + " scales for " +
           std::to_string(axes.size()) + " axes");
  SmallVector<AxisRule> rules;
  for (auto [axis, scale] : llvm::zip(axes, scales)) {
    int64_t from = shapeOf(x)[size_t(axis)];
    double to = scale * double(from);
    rules.push_back({from, to >= 0 && to < 0x1p40 ? int64_t(to) : -1, scale});
  }
  return rules;
}

SmallVector<AxisRule> bySizes(Call &c, Value x, ArrayRef<int64_t> axes,
                              ArrayRef<int64_t> sizes,
                              const std::string &policy) {
  if (sizes.size() != axes.size())
    c.fail("there are " + std::to_string(sizes.size()) + " sizes for " +
           std::to_string(axes.size()) + " axes");
  SmallVector<AxisRule> rules;
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    int64_t from = shapeOf(x)[size_t(axis)];
    rules.push_back({from, size, double(size) / double(from)});
  }
  if (policy == "stretch" || rules.empty())
    return rules;
  if (policy != "not_larger" && policy != "not_smaller")
    c.fail("keep_aspect_ratio_policy is '" + policy + "'");
  double scale = rules[0].scale;
  for (const AxisRule &rule : rules)
    scale = policy == "not_larger" ? std::min(scale, rule.scale)
                                   : std::max(scale, rule.scale);
  for (AxisRule &rule : rules)
    rule = {rule.from, int64_t(scale * double(rule.from) + 0.5), scale};
  return rules;
}

Ints allAxes(Value x) {
  Ints axes;
  for (size_t i = 0; i < shapeOf(x).size(); ++i)
    axes.push_back(int64_t(i));
  return axes;
}

Rule readRule(Call &c) {
  Rule rule;
  rule.mode = c.text("mode", "nearest");
  if (rule.mode != "nearest" && rule.mode != "linear" && rule.mode != "cubic")
    c.fail("mode is '" + rule.mode + "'");
  rule.place = c.text("coordinate_transformation_mode", "half_pixel");
  rule.rounding = c.text("nearest_mode", "round_prefer_floor");
  rule.cubic = c.real("cubic_coeff_a", -0.75);
  rule.outsideValue = c.real("extrapolation_value", 0);
  rule.excludeOutside = c.flag("exclude_outside");
  rule.antialias = c.flag("antialias") && rule.mode != "nearest";
  return rule;
}

/// X, roi, scales, sizes.
void resize(Call &c) {
  Value x = c.in(0);
  Rule rule = readRule(c);
  Ints axes = allAxes(x);
  if (auto said = c.list("axes")) {
    axes.clear();
    for (int64_t axis : *said)
      axes.push_back(c.axis(axis, rankOf(x)));
  }
  std::string policy = c.text("keep_aspect_ratio_policy", "stretch");
  SmallVector<AxisRule> rules;
  bool hasSizes = c.has(3) && shapeOf(c.in(3)) != ArrayRef<int64_t>{0};
  if (hasSizes)
    rules = bySizes(c, x, axes, c.ints(3), policy);
  else
    rules = byScales(c, x, axes, knownReals(c, 2));
  if (rule.place == "tf_crop_and_resize") {
    SmallVector<double> part = knownReals(c, 1);
    if (part.size() != 2 * axes.size())
      c.fail("roi has not two numbers for each axis");
    for (auto [i, each] : llvm::enumerate(rules)) {
      each.first = part[i];
      each.last = part[axes.size() + i];
    }
  }
  c.give(resizeAll(c, x, rule, axes, rules));
}

/// Before opset 11: the place of element i is i / scale.
void upsampleBy(Call &c, ArrayRef<double> scales) {
  Value x = c.in(0);
  Rule rule;
  rule.mode = c.text("mode", "nearest");
  if (rule.mode == "bilinear")
    rule.mode = "linear";
  if (rule.mode != "nearest" && rule.mode != "linear")
    c.fail("mode is '" + rule.mode + "'");
  rule.place = "asymmetric";
  rule.rounding = "floor";
  Ints axes = allAxes(x);
  c.give(resizeAll(c, x, rule, axes, byScales(c, x, axes, scales)));
}

void upsample(Call &c) { upsampleBy(c, knownReals(c, 1)); }

void upsample7(Call &c) {
  auto scales = c.reals("scales");
  if (!scales)
    c.fail("attribute 'scales' is missing");
  upsampleBy(c, *scales);
}

} // namespace

ArrayRef<Operator> resizeOperators() {
  static constexpr Operator entries[] = {
      {"Resize", 10, upsample},
      {"Resize", 11, resize},
      {"Upsample", 7, upsample7},
      {"Upsample", 9, upsample},
  };
  return entries;
}

} // namespace varve::onnx
