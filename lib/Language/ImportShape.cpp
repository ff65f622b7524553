// Calls that move or cut axes and are one reshape, slice or concatenation in
// the dialect; and slices that start elsewhere in each sample.
#include "Language/ImportImpl.h"

using namespace mlir;

namespace varve::importer {

/// The axis counted from the front, or an error.
static std::optional<int64_t> countAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

Datum Importer::wrongAxis(const Frame &frame, Span span, int64_t axis,
                          int64_t rank) {
  return error(frame, span,
               "axis " + std::to_string(axis) + " is not below the rank, " +
                   std::to_string(rank));
}

// unsqueeze, squeeze: the axes are the result's, x's.
Datum Importer::moveAxes(Frame &frame, const std::string &name, const Datum &x,
                         const Datum &axes, Span span, Span at) {
  bool adds = name == "unsqueeze";
  std::set<int64_t> marked;
  int64_t rank = x.rank() + (adds ? axes.items.size() : 0);
  SmallVector<int64_t> list = *intsOf(axes);
  for (int64_t axis : list) {
    auto counted = countAxis(axis, rank);
    if (!counted)
      return wrongAxis(frame, at, axis, rank);
    if (!marked.insert(*counted).second)
      return error(frame, at, "an axis is given twice");
    if (!adds && x.shape()[*counted] != 1)
      return error(frame, at,
                   "axis " + std::to_string(axis) + " of " + describe(x) +
                       " is not 1");
  }
  SmallVector<int64_t> shape;
  if (x.batched)
    shape.push_back(batchOf(x));
  const int64_t *size = x.shape().begin();
  for (int64_t d = 0; d < rank; ++d) {
    if (adds)
      shape.push_back(marked.count(d) ? 1 : *size++);
    else if (!marked.count(d))
      shape.push_back(x.shape()[d]);
  }
  Value y = reshape(frame, span, x.tensor, shape);
  return y ? Datum::of(y, x.batched) : Datum();
}

// Each tensor gets the new axis, then they follow each other along it.
Datum Importer::stack(Frame &frame, std::vector<Datum> items, int64_t axis,
                      Span span, Span at) {
  if (items.empty())
    return error(frame, at, "nothing to stack");
  if (!unify(frame, at, items, {}, false))
    return {};
  auto counted = countAxis(axis, items[0].rank() + 1);
  if (!counted)
    return wrongAxis(frame, at, axis, items[0].rank() + 1);
  bool batched = items[0].batched;
  int64_t real = *counted + (batched ? 1 : 0);
  SmallVector<int64_t> shape(items[0].tensorType().getShape());
  shape.insert(shape.begin() + real, 1);
  SmallVector<Value> values;
  for (const Datum &item : items)
    values.push_back(reshape(frame, span, item.tensor, shape));
  Value y =
      buildValue(frame, span, "concat", values,
                 builder.getNamedAttr("axis", builder.getI64IntegerAttr(real)));
  return y ? Datum::of(y, batched) : Datum();
}

Datum Importer::split(Frame &frame, const Datum &x, int64_t parts, int64_t axis,
                      Span span) {
  auto counted = countAxis(axis, x.rank());
  if (!counted)
    return wrongAxis(frame, span, axis, x.rank());
  int64_t size = x.shape()[*counted];
  if (parts < 1 || size % parts != 0)
    return error(frame, span,
                 "axis " + std::to_string(axis) + " of " + describe(x) +
                     " does not split into " + std::to_string(parts) +
                     " equal parts");
  int64_t length = size / parts;
  SmallVector<SliceRange> ranges;
  for (int64_t d : x.tensorType().getShape())
    ranges.push_back({0, d, 1});
  std::vector<Datum> out;
  for (int64_t i = 0; i < parts; ++i) {
    ranges[*counted + (x.batched ? 1 : 0)] = {i * length, (i + 1) * length, 1};
    Value y = slice(frame, span, x.tensor, ranges);
    if (!y)
      return {};
    out.push_back(Datum::of(y, x.batched));
  }
  return Datum::list(std::move(out));
}

// `size` elements of the last axes from each sample's own start. The places
// are computed: element (b, l.., i..) is at b * D + l * .. + (start[b] + i) *
// .. of the flat samples, where a start is held to the axis.
Datum Importer::sliceSamples(Frame &frame, const Datum &x, const Datum &start,
                             ArrayRef<int64_t> size, Span span) {
  int64_t rank = x.rank(), cut = size.size();
  if (cut > rank || int64_t(start.items.size()) != cut)
    return error(frame, span,
                 "`dynamic_slice` has one start for each size, of the last "
                 "axes of " +
                     describe(x));
  SmallVector<int64_t> shape(x.tensorType().getShape());
  for (int64_t i = 0; i < cut; ++i) {
    int64_t whole = shape[1 + rank - cut + i];
    if (size[i] < 0 || size[i] > whole)
      return error(frame, span,
                   "a slice of " + std::to_string(size[i]) + " from " +
                       std::to_string(whole));
    shape[1 + rank - cut + i] = size[i];
  }
  Type i64 = builder.getIntegerType(64);
  Value place;
  auto add = [&](Value term, int64_t stride) {
    Value scaled =
        stride == 1
            ? term
            : buildValue(frame, span, "mul",
                         {term, splat(frame, span, i64, shape, stride)});
    place = place ? buildValue(frame, span, "add", {place, scaled}) : scaled;
  };
  int64_t stride = 1;
  for (int64_t d = rank; d >= 0; --d) {
    add(buildValue(
            frame, span, "iota", {},
            {builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape)),
             builder.getNamedAttr("axis", builder.getI64IntegerAttr(d)),
             builder.getNamedAttr("dtype", TypeAttr::get(i64))}),
        stride);
    int64_t whole = x.tensorType().getDimSize(d), i = d - 1 - (rank - cut);
    if (i >= 0) {
      Datum from = start.items[i];
      if (!from.isTensor())
        from = constant(frame, span, from, i64);
      if (from.isPoison())
        return {};
      if (from.rank() != 0 || !isInteger(from.element()))
        return error(frame, span,
                     "a start is an int, this is " + describe(from));
      from.tensor = cast(frame, span, from.tensor, i64);
      ArrayRef<int64_t> own = from.tensorType().getShape();
      Value low = splat(frame, span, i64, own, 0);
      Value high = splat(frame, span, i64, own, whole - size[i]);
      from.tensor = buildValue(
          frame, span, "minimum",
          {buildValue(frame, span, "maximum", {from.tensor, low}), high});
      if (!from.tensor)
        return {};
      add(broadcastTo(frame, span, from, shape, true), stride);
    }
    stride *= whole;
  }
  Value flat = reshape(frame, span, x.tensor, {stride});
  Value y =
      buildValue(frame, span, "gather", {flat, place},
                 builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
  return y ? Datum::of(y, true) : Datum();
}

} // namespace varve::importer
