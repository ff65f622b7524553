// What each sample of a batch has elsewhere: slices that start where it says,
// pixels between those that it has.
#include "Language/ImportImpl.h"

using namespace mlir;

namespace varve::importer {

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

// Elements [.., row, column] of the flat image, where row and column (i64, of
// the result's shape without the axes between samples and rows) say.
Value Importer::gatherPixels(Frame &frame, const Datum &image, Value row,
                             Value column, ArrayRef<int64_t> shape, Span span) {
  Type i64 = builder.getIntegerType(64);
  int64_t rank = shape.size();
  SmallVector<int64_t> axes;
  if (image.batched)
    axes.push_back(0);
  axes.append({rank - 2, rank - 1});
  auto spread = [&](Value x) {
    return buildValue(
        frame, span, "broadcast", {x},
        {builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape)),
         builder.getNamedAttr("axis", builder.getDenseI64ArrayAttr(axes))});
  };
  int64_t width = image.shape().back();
  int64_t stride = image.shape()[image.rank() - 2] * width;
  auto inner = ::mlir::cast<RankedTensorType>(row.getType()).getShape();
  Value place = buildValue(
      frame, span, "add",
      {buildValue(frame, span, "mul",
                  {row, splat(frame, span, i64, inner, double(width))}),
       column});
  place = spread(place);
  for (int64_t d = rank - 3; d >= 0; --d) {
    Value count = buildValue(
        frame, span, "iota", {},
        {builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape)),
         builder.getNamedAttr("axis", builder.getI64IntegerAttr(d)),
         builder.getNamedAttr("dtype", TypeAttr::get(i64))});
    Value scaled =
        buildValue(frame, span, "mul",
                   {count, splat(frame, span, i64, shape, double(stride))});
    place = buildValue(frame, span, "add", {place, scaled});
    stride *= shape[d];
  }
  Value flat = reshape(frame, span, image.tensor, {stride});
  Value pixels =
      buildValue(frame, span, "gather", {flat, place},
                 builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
  return cast(frame, span, pixels, builder.getF32Type());
}

// The image between its pixels: at (y, x), in pixels from the first one's
// centre, the mean of the four around, by distance. Outside is the nearest
// pixel, or zero.
Datum Importer::sampleBilinear(Frame &frame, const Datum &image, Datum y,
                               Datum x, bool zeroOutside, Span span) {
  Datum places[2] = {std::move(y), std::move(x)};
  if (image.rank() < 2)
    return error(frame, span,
                 "`bilinear` of " + describe(image) +
                     ", which has no rows and columns");
  if (!unify(frame, span, places, {}, /*divides=*/false))
    return {};
  for (const Datum &place : places)
    if (place.rank() != 2 || !place.element().isF32())
      return error(frame, span,
                   "places are f32[rows, columns], these are " +
                       describe(place));
  bool batched = image.batched || places[0].batched;
  SmallVector<int64_t> inner(places[0].shape()), shape(image.shape());
  shape[shape.size() - 2] = inner[0];
  shape[shape.size() - 1] = inner[1];
  if (batched) {
    inner.insert(inner.begin(), samplesInBatch);
    shape.insert(shape.begin(), samplesInBatch);
  }
  Datum source = image;
  if (batched && !image.batched) {
    SmallVector<int64_t> whole(image.shape());
    whole.insert(whole.begin(), samplesInBatch);
    source = Datum::of(broadcastTo(frame, span, image, whole, true), true);
  }

  Type f32 = builder.getF32Type(), i64 = builder.getIntegerType(64);
  auto number = [&](Type type, double value) {
    return splat(frame, span, type, inner, value);
  };
  auto op = [&](const char *name, ValueRange operands) {
    return buildValue(frame, span, name, operands);
  };
  /// The pixel before and after along an axis, and the weight of each.
  struct Pair {
    Value place[2], weight[2];
  };
  Pair pairs[2];
  for (int axis = 0; axis < 2; ++axis) {
    double last = double(image.shape()[image.rank() - 2 + axis]) - 1;
    double margin = zeroOutside ? 1 : 0;
    Value at = broadcastTo(frame, span, places[axis], inner, batched);
    at = op("minimum", {op("maximum", {at, number(f32, -margin)}),
                        number(f32, last + margin)});
    Value before = op("floor", {at});
    Value part = op("sub", {at, before});
    Pair &pair = pairs[axis];
    pair.weight[0] = op("sub", {number(f32, 1), part});
    pair.weight[1] = part;
    for (int i = 0; i < 2; ++i) {
      Value whole = cast(frame, span, before, i64);
      if (i)
        whole = op("add", {whole, number(i64, 1)});
      Value held = op("minimum", {op("maximum", {whole, number(i64, 0)}),
                                  number(i64, last)});
      if (zeroOutside) {
        Value inside = buildValue(
            frame, span, "compare", {held, whole},
            builder.getNamedAttr("predicate", builder.getStringAttr("eq")));
        pair.weight[i] = op("where", {inside, pair.weight[i], number(f32, 0)});
      }
      pair.place[i] = held;
    }
  }
  Value sum;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      Value weight = op("mul", {pairs[0].weight[i], pairs[1].weight[j]});
      if (!weight)
        return {};
      Value pixels = gatherPixels(frame, source, pairs[0].place[i],
                                  pairs[1].place[j], shape, span);
      Datum spread = Datum::of(weight, batched);
      Value term =
          op("mul", {pixels, broadcastTo(frame, span, spread, shape, batched)});
      sum = sum ? op("add", {sum, term}) : term;
    }
  return sum ? Datum::of(sum, batched) : Datum();
}

} // namespace varve::importer
