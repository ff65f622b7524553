// Convolutions: register tiles of rows x 16-lane vectors, the epilogue where a
// tile is done. Padding is never read: each tile skips the terms that have
// none of it inside. Threads take different tiles, so their number changes no
// bit.
#include "Convolution.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace varve {

Convolution::Convolution(KernelBody &body, kernel::ConvOp root,
                         const TileOptions &options)
    : body(body), b(body.b), root(root), options(options) {
  RankedTensorType x = root.getX(), w = root.getW(), y = root.getY();
  element = x.getElementType();
  strides.assign(root.getStrides());
  padding.assign(root.getPadding());
  dilations.assign(root.getDilations());
  taps.assign(w.getShape().drop_front(2));
  in.assign(x.getShape().drop_front(2));
  out.assign(y.getShape().drop_front(2));
  groups = root.getGroups();
  batch = x.getDimSize(0);
  channels = w.getDimSize(1);
  features = w.getDimSize(0) / groups;
  terms = root.getNumTerms();
  chunks = llvm::divideCeil(terms, options.kc);

  ofWeight = root.getKind() == kernel::ConvKind::Weight;
  toFeatures = root.getKind() == kernel::ConvKind::Forward;
  rowFactor = root.getLhs();
  laneFactor = root.getRhs();
  if (ofWeight) {
    // Lanes go along what is contiguous in the out.
    Value out = body.def.getOutArguments()[0];
    toFeatures = body.bufferOf(out)->layout.contiguousDim() != 1;
    if (!toFeatures)
      std::swap(rowFactor, laneFactor);
  }
}

// Accumulators, the vectors of a row and one broadcast fit the registers; rows
// are spread evenly over the tiles.
void Convolution::chooseTile() {
  N = toFeatures ? features : channels;
  M = !ofWeight ? batch : toFeatures ? channels : features;
  int64_t registers =
      std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 32);
  int64_t budget =
      std::max<int64_t>(1, options.rows * options.vectors / registers);
  int64_t across = std::max<int64_t>(1, options.vectors / registers);
  across = std::min(across, vectorsIn(N));
  // Few rows leave registers for more columns.
  if (M < budget / across)
    across = std::min<int64_t>({vectorsIn(N), 8, std::max(across, budget / M)});
  int64_t high =
      std::min(std::max<int64_t>(1, budget / across), 2 * options.rows);
  width = across * kLanes;
  panels = llvm::divideCeil(N, width);
  tiles = llvm::divideCeil(M, high);
  rows = M / tiles;
  more = M % tiles;
}

Index Convolution::firstLane(int64_t j) { return panel * width + j * kLanes; }

Position Convolution::outPosition(Index row, int64_t j, int64_t columns) {
  Index lanes = firstLane(j);
  Position p;
  if (ofWeight && toFeatures)
    p.at = {group * features + lanes.withLane(1), row};
  else if (ofWeight)
    p.at = {group * features + row, lanes.withLane(1)};
  else
    p.at = {row, group * N + lanes.withLane(1)};
  p.at.append(spot);
  p.vector = true;
  p.mask = maskOf(columns, j);
  return p;
}

Value Convolution::plus(Value x, Value y) {
  if (isa<FloatType>(element))
    return arith::AddFOp::create(b, x, y);
  return arith::AddIOp::create(b, x, y);
}

Convolution::Values
Convolution::run(Value lo, Value hi, ValueRange acc, int64_t columns,
                 function_ref<Indices(Index, Index)> rowAt,
                 function_ref<Indices(Index, Index)> lanesAt) {
  const int64_t nv = vectorsIn(columns), height = acc.size() / nv;
  body.newPoint();
  Values sums = b.loop(lo, hi, 1, acc, [&](Value k, ValueRange in) {
    body.newPoint();
    Values next(in.begin(), in.end()), lanes;
    for (int64_t j = 0; j < nv; ++j) {
      Position p;
      p.at = lanesAt(firstLane(j).withLane(1), Index::of(k));
      p.vector = true;
      p.mask = maskOf(columns, j);
      lanes.push_back(b.toVector(body.element(laneFactor, p)));
    }
    for (int64_t i = 0; i < height; ++i) {
      Position p;
      p.at = rowAt(Index::of(firstRow) + i, Index::of(k));
      Value x = b.toVector(body.element(rowFactor, p));
      for (int64_t j = 0; j < nv; ++j)
        next[i * nv + j] = b.multiplyAdd(x, lanes[j], next[i * nv + j]);
    }
    return next;
  });
  body.newPoint();
  return sums;
}

Convolution::Values Convolution::chunk(Value q, int64_t height,
                                       int64_t columns) {
  return ofWeight ? chunkOfPlaces(q, height, columns)
                  : chunkOfTaps(q, height, columns);
}

// Rows of a finished tile, whose sums are in `partial`.
void Convolution::epilogue(int64_t height, int64_t columns) {
  b.loop(b.index(0), b.index(height), 1, [&](Value i) {
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      body.newPoint();
      Value at = partialAt(Index::of(i), j);
      Value sum =
          vector::LoadOp::create(b, b.vec(element), partial, ValueRange{at});
      body.know(root.getResult(), sum);
      body.storeYields(
          outPosition(Index::of(firstRow) + Index::of(i), j, columns));
    }
  });
  body.newPoint();
}

void Convolution::tile(int64_t height, int64_t columns) {
  const int64_t nv = vectorsIn(columns);
  auto each = [&](function_ref<void(int64_t i, int64_t j)> f) {
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < nv; ++j)
        f(i, j);
  };
  auto put = [&](Value v, int64_t i, int64_t j) {
    vector::StoreOp::create(b, v, partial,
                            ValueRange{partialAt(Index::of(i), j)});
  };
  if (chunks == 1) {
    Values sums = chunk(b.index(0), height, columns);
    bool direct = body.epilogueSize() <= 6;
    each([&](int64_t i, int64_t j) {
      if (!direct)
        return put(sums[i * nv + j], i, j);
      body.newPoint();
      body.know(root.getResult(), sums[i * nv + j]);
      body.storeYields(outPosition(Index::of(firstRow) + i, j, columns));
    });
    body.newPoint();
    if (!direct)
      epilogue(height, columns);
    return;
  }
  each([&](int64_t i, int64_t j) { put(b.zeros(element), i, j); });
  b.loop(b.index(0), b.index(chunks), 1, [&](Value q) {
    Values sums = chunk(q, height, columns);
    each([&](int64_t i, int64_t j) {
      Value so = vector::LoadOp::create(b, b.vec(element), partial,
                                        ValueRange{partialAt(Index::of(i), j)});
      put(plus(so, sums[i * nv + j]), i, j);
    });
  });
  epilogue(height, columns);
}

// One tile of the result, by its number in `sizes`.
void Convolution::unit(Value number, ArrayRef<int64_t> sizes) {
  body.newPoint();
  Indices at = b.delinearize(number, sizes);
  spot.assign(at.end() - taps.size(), at.end());
  at.truncate(at.size() - taps.size());
  group = at[0];
  panel = at[1];
  Value t = b.scalarPart(at[2]);
  firstRow = b.mul(t, rows);
  if (more)
    firstRow = b.add(firstRow, b.min(t, b.index(more)));
  if (ofWeight) {
    // The places of y for which the tap is inside of x.
    inside.clear();
    for (unsigned d = 0; d < taps.size(); ++d) {
      Value shift = b.scalarPart(spot[d] * -dilations[d] + padding[d]);
      Value first = b.div(
          b.max(b.add(shift, b.index(strides[d] - 1)), b.index(0)), strides[d]);
      Value end = b.div(
          b.max(b.add(shift, b.index(in[d] - 1 + strides[d])), b.index(0)),
          strides[d]);
      inside.push_back({first, b.min(end, b.index(out[d]))});
    }
  }
  auto heights = [&](int64_t columns) {
    if (!more)
      return tile(rows, columns);
    b.when(b.less(t, b.index(more)), [&] { tile(rows + 1, columns); });
    Value smaller =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, t, b.index(more));
    b.when(smaller, [&] { tile(rows, columns); });
  };
  int64_t last = N - (panels - 1) * width;
  if (panels == 1 || last == width)
    return heights(panels == 1 ? N : width);
  Value number2 = b.scalarPart(panel), end = b.index(panels - 1);
  b.when(b.less(number2, end), [&] { heights(width); });
  Value isLast =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, number2, end);
  b.when(isLast, [&] { heights(last); });
}

LogicalResult Convolution::expand() {
  for (Value v : body.def.getOutArguments())
    if (cast<ShapedType>(v.getType()).getShape() != root.getType().getShape())
      return body.def.emitError("the outs of a kernel differ in shape");
  chooseTile();
  partial = body.scratch((rows + (more ? 1 : 0)) * width, element);
  SmallVector<int64_t> sizes = {groups, panels, tiles};
  llvm::append_range(sizes, root.getType().getShape().drop_front(2));
  int64_t units = 1;
  for (int64_t n : sizes)
    units *= n;
  auto [lo, hi] = body.slice(units);
  b.loop(lo, hi, 1, [&](Value number) { unit(number, sizes); });
  return success();
}

LogicalResult expandConvolution(KernelBody &body, kernel::ConvOp root,
                                const TileOptions &options) {
  return Convolution(body, root, options).expand();
}

} // namespace varve
