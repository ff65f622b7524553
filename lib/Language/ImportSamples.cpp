// Slices that start elsewhere in each sample of a batch.
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

} // namespace varve::importer
