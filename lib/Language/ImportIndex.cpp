// `x[i, ..., a:b:c]`: of lists, of shapes, of tensors.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::Subscript;

namespace {
/// NumPy's slice of `size` elements with a positive step.
struct Range {
  int64_t begin, end, step;
  int64_t length() const {
    return end > begin ? (end - begin + step - 1) / step : 0;
  }
};

Range clamp(int64_t size, std::optional<int64_t> begin,
            std::optional<int64_t> end, int64_t step) {
  auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  return {begin ? place(*begin) : 0, end ? place(*end) : size, step};
}
} // namespace

bool Importer::sliceOf(Frame &frame, const Subscript &subscript, int64_t size,
                       int64_t (&out)[3]) {
  std::optional<int64_t> parts[3];
  const std::optional<Expr> *exprs[] = {&subscript.begin, &subscript.end,
                                        &subscript.step};
  for (int i = 0; i < 3; ++i) {
    if (!*exprs[i])
      continue;
    parts[i] = evaluateInt(frame, **exprs[i], "a bound of a slice");
    if (!parts[i])
      return false;
  }
  if (parts[2] && *parts[2] <= 0) {
    error(frame, subscript.step->span, "the step of a slice is positive",
          "`flip` turns an axis around");
    return false;
  }
  Range range = clamp(size, parts[0], parts[1], parts[2].value_or(1));
  out[0] = range.begin;
  out[1] = range.step;
  out[2] = range.length();
  return true;
}

Datum Importer::indexList(Frame &frame, const Expr &expr, const Datum &list) {
  int64_t size = list.items.size();
  const Subscript &subscript = expr.subscripts[0];
  if (expr.subscripts.size() > 1 || subscript.kind == Subscript::Kind::Ellipsis)
    return error(frame, expr.span, "a list has one index");
  if (subscript.kind == Subscript::Kind::Slice) {
    int64_t slice[3];
    if (!sliceOf(frame, subscript, size, slice))
      return {};
    std::vector<Datum> items;
    for (int64_t i = 0; i < slice[2]; ++i)
      items.push_back(list.items[slice[0] + i * slice[1]]);
    return Datum::list(std::move(items));
  }
  auto index = evaluateInt(frame, *subscript.begin, "the index of a list");
  if (!index)
    return {};
  if (*index < -size || *index >= size)
    return error(frame, subscript.span,
                 "index " + std::to_string(*index) + " of a list of " +
                     std::to_string(size));
  Datum item = list.items[*index < 0 ? *index + size : *index];
  return item;
}

Datum Importer::evaluateIndex(Frame &frame, const Expr &expr) {
  // `h[0].attn` on its own is a layer, of which nothing is to be had.
  Datum x = value(frame, expr.operands[0]);
  if (x.isPoison())
    return {};
  if (x.is(Datum::Kind::List))
    return indexList(frame, expr, x);
  if (!x.isTensor())
    return error(frame, expr.span, describe(x) + " has no index");

  int64_t given = 0, ellipses = 0;
  for (const Subscript &subscript : expr.subscripts)
    (subscript.kind == Subscript::Kind::Ellipsis ? ellipses : given) += 1;
  if (ellipses > 1)
    return error(frame, expr.span, "`...` stands once in an index");
  if (given > x.rank())
    return error(frame, expr.span,
                 std::to_string(given) + " indices for " + describe(x));

  // Axes before `axis` are done; an int takes its axis away.
  int64_t axis = 0;
  for (const Subscript &subscript : expr.subscripts) {
    if (subscript.kind == Subscript::Kind::Ellipsis) {
      axis += x.rank() - (axis + given);
      given = x.rank() - axis;
      continue;
    }
    --given;
    int64_t size = x.shape()[axis];
    int64_t real = axis + (x.batched ? 1 : 0);
    auto gather = [&](Value index) {
      x.tensor = buildValue(
          frame, subscript.span, "gather", {x.tensor, index},
          builder.getNamedAttr("axis", builder.getI64IntegerAttr(real)));
      return bool(x.tensor);
    };
    if (subscript.kind == Subscript::Kind::Slice) {
      int64_t slice[3];
      if (!sliceOf(frame, subscript, size, slice))
        return {};
      if (slice[2] != size) {
        if (slice[2] == 0)
          return error(frame, subscript.span,
                       "this slice of " + std::to_string(size) +
                           " elements is empty");
        x.tensor = sliceAxis(frame, subscript.span, x.tensor, real, slice);
        if (!x.tensor)
          return {};
      }
      ++axis;
      continue;
    }
    Datum index = value(frame, *subscript.begin);
    if (index.isPoison())
      return {};
    if (index.is(Datum::Kind::Int)) {
      int64_t at = index.intValue;
      if (at < -size || at >= size)
        return error(frame, subscript.span,
                     "index " + std::to_string(at) + " of an axis of " +
                         std::to_string(size));
      Type i64 = builder.getIntegerType(64);
      if (!gather(
              splat(frame, subscript.span, i64, {}, at < 0 ? at + size : at)))
        return {};
      continue;
    }
    if (index.is(Datum::Kind::List))
      index =
          constant(frame, subscript.span, index, builder.getIntegerType(64));
    if (index.isPoison())
      return {};
    if (!index.isTensor() || !isInteger(index.element()))
      return error(frame, subscript.span,
                   "an index is an int or a tensor of ints, this is " +
                       describe(index));
    if (index.batched)
      return refuse(frame, subscript.span,
                    "an index of samples is not supported in `prepare`");
    if (!gather(index.tensor))
      return {};
    axis += index.rank();
  }
  return x;
}

Value Importer::sliceAxis(Frame &frame, Span span, Value x, int64_t axis,
                          const int64_t (&slice)[3]) {
  SmallVector<Attribute> places;
  Type i64 = builder.getIntegerType(64);
  for (int64_t i = 0; i < slice[2]; ++i)
    places.push_back(builder.getI64IntegerAttr(slice[0] + i * slice[1]));
  auto type = RankedTensorType::get({slice[2]}, i64);
  Value index = ConstantOp::create(builder, location(frame, span), type,
                                   DenseElementsAttr::get(type, places));
  return buildValue(
      frame, span, "gather", {x, index},
      builder.getNamedAttr("axis", builder.getI64IntegerAttr(axis)));
}

} // namespace varve::importer
