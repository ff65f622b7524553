// Reductions along axes.
#include "Onnx/Indices.h"
#include <cmath>

using namespace mlir;

namespace varve::onnx {
namespace {

/// What all reductions say: along which axes, and whether these stay.
struct Reduction {
  Ints axes;
  bool keep;
};

Reduction reductionOf(Call &c, Value x) {
  Reduction how;
  int64_t rank = rankOf(x);
  auto said = c.listOrInput("axes", 1);
  bool none = c.flag("noop_with_empty_axes");
  how.keep = c.flag("keepdims", true);
  if (said && !said->empty())
    how.axes = c.axes(*said, rank);
  else if (!none)
    for (int64_t i = 0; i < rank; ++i)
      how.axes.push_back(i);
  return how;
}

/// What a reduction of nothing gives.
double neutral(StringRef name, Type element) {
  if (name == "max" || name == "min") {
    double sign = name == "max" ? -1 : 1;
    if (isa<FloatType>(element))
      return sign * INFINITY;
    unsigned bits = element.getIntOrFloatBitWidth();
    if (element.isUnsignedInteger())
      return sign < 0 ? 0 : std::ldexp(1, int(bits)) - 1;
    return sign < 0 ? -std::ldexp(1, int(bits) - 1)
                    : std::ldexp(1, int(bits) - 1) - 1;
  }
  if (name == "mean")
    return NAN;
  return name == "prod" || name == "all";
}

/// Of nothing, a constant: there is nothing to compile.
Value reduceNothing(Call &c, const char *name, Value x, const Reduction &how) {
  Type element = typeOf(x).getElementType();
  bool isWhole = !isa<FloatType>(element);
  if (isWhole && element.getIntOrFloatBitWidth() == 64 &&
      StringRef(name) == "min")
    c.refuse("the smallest of no 64-bit integers is not supported");
  Ints shape;
  for (auto [i, size] : llvm::enumerate(shapeOf(x))) {
    bool reduced = llvm::is_contained(how.axes, int64_t(i));
    if (!reduced || how.keep)
      shape.push_back(reduced ? 1 : size);
  }
  return c.splat(element, neutral(name, element), shape);
}

Value reduce(Call &c, const char *name, Value x, const Reduction &how) {
  if (how.axes.empty())
    return x;
  if (countOf(shapeOf(x)) == 0)
    return reduceNothing(c, name, x, how);
  return c.make(name, x, {{"axis", how.axes}, {"keepdims", how.keep}});
}

bool isFloat(Value x) { return isa<FloatType>(typeOf(x).getElementType()); }

/// x in a type that has roots and logarithms.
Value inFloat(Call &c, Value x) {
  return isFloat(x) ? x : c.cast(x, c.b.getF64Type());
}

constexpr char sumName[] = "sum", prodName[] = "prod", maxName[] = "max",
               minName[] = "min", anyName[] = "any", allName[] = "all";

template <const char *name> void plain(Call &c) {
  Value x = c.in(0);
  c.give(reduce(c, name, x, reductionOf(c, x)));
}

/// `truth` is what the largest or smallest is of truth values.
template <const char *name, const char *truth> void extreme(Call &c) {
  Value x = c.in(0);
  bool isBool = typeOf(x).getElementType().isInteger(1);
  c.give(reduce(c, isBool ? truth : name, x, reductionOf(c, x)));
}

void mean(Call &c) {
  Value x = c.in(0);
  Reduction how = reductionOf(c, x);
  if (isFloat(x))
    return c.give(reduce(c, "mean", x, how));
  int64_t count = 1;
  for (int64_t axis : how.axes)
    count *= shapeOf(x)[size_t(axis)];
  Value total = reduce(c, "sum", x, how);
  c.give(div(c.b, total, constantLike(c.b, total, double(count))));
}

void sumOfAbsolutes(Call &c) {
  Value x = c.in(0);
  c.give(reduce(c, "sum", c.make("abs", x), reductionOf(c, x)));
}

void sumOfSquares(Call &c) {
  Value x = c.in(0);
  c.give(reduce(c, "sum", c.make("square", x), reductionOf(c, x)));
}

void rootOfSquares(Call &c) {
  Value x = c.in(0), wide = inFloat(c, x);
  Value total = reduce(c, "sum", c.make("square", wide), reductionOf(c, x));
  c.give(c.cast(c.make("sqrt", total), typeOf(x).getElementType()));
}

void logOfSum(Call &c) {
  Value x = c.in(0), wide = inFloat(c, x);
  Value total = reduce(c, "sum", wide, reductionOf(c, x));
  c.give(c.cast(c.make("log", total), typeOf(x).getElementType()));
}

/// The largest element is taken out before, so that nothing overflows.
void logOfSumOfExponentials(Call &c) {
  Value x = c.in(0), wide = inFloat(c, x);
  Reduction how = reductionOf(c, x), kept{how.axes, true};
  Value top = reduce(c, "max", wide, kept);
  Value finite = c.make("compare", {c.make("abs", top),
                                    constantLike(c.b, top, INFINITY)},
                        {{"predicate", "lt"}});
  top = select(c.b, finite, top, constantLike(c.b, top, 0));
  Value shifted = sub(c.b, wide, c.broadcast(top, shapeOf(wide)));
  Value total = reduce(c, "sum", c.make("exp", shifted), how);
  Value y = add(c.b, c.make("log", total), c.reshape(top, shapeOf(total)));
  c.give(c.cast(y, typeOf(x).getElementType()));
}

} // namespace

ArrayRef<Operator> reduceOperators() {
  static constexpr Operator entries[] = {
      {"ReduceL1", 1, sumOfAbsolutes},
      {"ReduceL2", 1, rootOfSquares},
      {"ReduceLogSum", 1, logOfSum},
      {"ReduceLogSumExp", 1, logOfSumOfExponentials},
      {"ReduceMax", 1, extreme<maxName, anyName>},
      {"ReduceMean", 1, mean},
      {"ReduceMin", 1, extreme<minName, allName>},
      {"ReduceProd", 1, plain<prodName>},
      {"ReduceSum", 1, plain<sumName>},
      {"ReduceSumSquare", 1, sumOfSquares},
  };
  return entries;
}

} // namespace varve::onnx
