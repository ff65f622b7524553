// `x[i, ..., a:b:c]`: of lists, of shapes, of tensors.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::Subscript;

// NumPy's slice of `size` elements, with a positive step.
std::optional<SliceRange>
Importer::sliceOf(Frame &frame, const Subscript &subscript, int64_t size) {
  std::optional<int64_t> parts[3];
  const std::optional<Expr> *exprs[] = {&subscript.begin, &subscript.end,
                                        &subscript.step};
  for (int i = 0; i < 3; ++i) {
    if (!*exprs[i])
      continue;
    parts[i] = evaluateInt(frame, **exprs[i], "a bound of a slice");
    if (!parts[i])
      return std::nullopt;
  }
  if (parts[2] && *parts[2] <= 0) {
    error(frame, subscript.step->span, "the step of a slice is positive",
          "`flip` turns an axis around");
    return std::nullopt;
  }
  auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  SliceRange range;
  range.begin = parts[0] ? place(*parts[0]) : 0;
  range.end = std::max(parts[1] ? place(*parts[1]) : size, range.begin);
  range.step = std::min(parts[2].value_or(1), std::max<int64_t>(size, 1));
  return range;
}

Datum Importer::indexList(Frame &frame, const Expr &expr, const Datum &list) {
  int64_t size = list.items.size();
  const Subscript &subscript = expr.subscripts[0];
  if (expr.subscripts.size() > 1 || subscript.kind == Subscript::Kind::Ellipsis)
    return error(frame, expr.span, "a list has one index");
  if (subscript.kind == Subscript::Kind::Slice) {
    auto range = sliceOf(frame, subscript, size);
    if (!range)
      return {};
    std::vector<Datum> items;
    for (int64_t i = range->begin; i < range->end; i += range->step)
      items.push_back(list.items[i]);
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

// A tensor of ints, or an int in the range of the axis; else an error.
Datum Importer::placeOf(Frame &frame, const Subscript &subscript,
                        int64_t size) {
  Datum index = value(frame, *subscript.begin);
  if (index.is(Datum::Kind::List))
    index = constant(frame, subscript.span, index, builder.getIntegerType(64));
  if (index.isPoison())
    return {};
  if (index.is(Datum::Kind::Int)) {
    int64_t at = index.intValue;
    if (at < -size || at >= size)
      return error(frame, subscript.span,
                   "index " + std::to_string(at) + " of an axis of " +
                       std::to_string(size));
    return Datum::of(at < 0 ? at + size : at);
  }
  if (!index.isTensor() || !isInteger(index.element()))
    return error(frame, subscript.span,
                 "an index is an int or a tensor of ints, this is " +
                     describe(index));
  if (index.batched)
    return refuse(frame, subscript.span,
                  "an index of samples is not supported in `prepare`");
  return index;
}

Datum Importer::evaluateIndex(Frame &frame, const Expr &expr) {
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

  // Ints and slices first, in one operation; then the axes of ints go; then
  // tensors name places along axes that are left.
  SmallVector<SliceRange> ranges;
  SmallVector<int64_t> kept;
  SmallVector<std::pair<int64_t, Datum>> places;
  for (int64_t size : x.tensorType().getShape())
    ranges.push_back({0, size, 1});
  int64_t hidden = x.batched ? 1 : 0, axis = hidden;
  if (hidden)
    kept.push_back(0);
  auto keep = [&](int64_t count) {
    for (; count > 0; --count)
      kept.push_back(axis++);
  };
  for (const Subscript &subscript : expr.subscripts) {
    if (subscript.kind == Subscript::Kind::Ellipsis) {
      keep(x.rank() + hidden - axis - given);
      continue;
    }
    --given;
    int64_t size = ranges[axis].end;
    if (subscript.kind == Subscript::Kind::Slice) {
      auto range = sliceOf(frame, subscript, size);
      if (!range)
        return {};
      if (range->begin == range->end)
        return error(frame, subscript.span,
                     "this slice of " + std::to_string(size) +
                         " elements is empty");
      ranges[axis] = *range;
      keep(1);
      continue;
    }
    Datum place = placeOf(frame, subscript, size);
    if (place.isPoison())
      return {};
    if (place.isTensor()) {
      places.push_back({int64_t(kept.size()), place});
      keep(1);
    } else {
      ranges[axis] = {place.intValue, place.intValue + 1, 1};
      ++axis;
    }
  }
  keep(x.rank() + hidden - axis);

  Value result = slice(frame, expr.span, x.tensor, ranges);
  if (!result)
    return {};
  SmallVector<int64_t> shape;
  for (int64_t d : kept)
    shape.push_back(
        ::mlir::cast<RankedTensorType>(result.getType()).getDimSize(d));
  result = reshape(frame, expr.span, result, shape);
  int64_t shift = 0;
  for (const auto &[at, place] : places) {
    result = buildValue(
        frame, expr.span, "gather", {result, place.tensor},
        builder.getNamedAttr("axis", builder.getI64IntegerAttr(at + shift)));
    if (!result)
      return {};
    shift += place.rank() - 1;
  }
  return result ? Datum::of(result, x.batched) : Datum();
}

Value Importer::slice(const Frame &frame, Span span, Value x,
                      ArrayRef<SliceRange> ranges) {
  ArrayRef<int64_t> shape =
      ::mlir::cast<RankedTensorType>(x.getType()).getShape();
  SmallVector<int64_t> begin, end, step;
  bool whole = true;
  for (auto [range, size] : llvm::zip(ranges, shape)) {
    begin.push_back(range.begin);
    end.push_back(range.end);
    step.push_back(range.step);
    whole &= range.begin == 0 && range.end == size && range.step == 1;
  }
  if (whole)
    return x;
  return buildValue(
      frame, span, "slice", {x},
      {builder.getNamedAttr("begin", builder.getDenseI64ArrayAttr(begin)),
       builder.getNamedAttr("end", builder.getDenseI64ArrayAttr(end)),
       builder.getNamedAttr("step", builder.getDenseI64ArrayAttr(step))});
}

} // namespace varve::importer
