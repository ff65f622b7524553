// Convolutions: register tiles of rows x 16-lane vectors, the epilogue where a
// tile is done. Padding is never read: each tile skips the taps that have none
// of it inside. Threads take different tiles, so their number changes no bit.
#include "Convolution.h"

using namespace mlir;

namespace varve {

/// Tiles of a weight's gradient that take their chunks together, so that the
/// pixels of a chunk stay in the cache.
constexpr int64_t kBlock = 256;
/// Rows from which images are enough to fill a tile.
constexpr int64_t kEnoughRows = 6;

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
  depthwise = groups > 1 && channels == 1 && features == 1;
  rowFactor = root.getLhs();
  laneFactor = root.getRhs();
  if (ofWeight) {
    // Lanes go along what is contiguous in the out.
    Value out = body.def.getOutArguments()[0];
    toFeatures = depthwise || body.bufferOf(out)->layout.contiguousDim() != 1;
    if (!toFeatures)
      std::swap(rowFactor, laneFactor);
  }
  depth = toFeatures ? channels : features;
  N = depthwise ? groups : toFeatures ? features : channels;
  if (depthwise)
    groups = 1;
}

// ---- what a tile is ----

// The positions at which every tap is inside.
Convolution::Span Convolution::interior(unsigned d) {
  int64_t reach = (taps[d] - 1) * dilations[d], first, end;
  if (toFeatures) {
    first = llvm::divideCeil(padding[d], strides[d]);
    int64_t last = in[d] - 1 + padding[d] - reach;
    end = last < 0 ? 0 : std::min(out[d], last / strides[d] + 1);
  } else {
    if (strides[d] > 1)
      return {};
    first = std::max<int64_t>(0, reach - padding[d]);
    end = std::min(in[d], out[d] - padding[d]);
  }
  return {first, std::max<int64_t>(0, end - first), end - first, 0};
}

// Few images do not fill a tile. Then its rows are neighbours where they have
// the same taps: along the last dimension inside of the borders, along the one
// before it at the left and right border, and images in the corners.
void Convolution::chooseRegions() {
  ArrayRef<int64_t> shape = root.getType().getShape().drop_front(2);
  Region rest;
  for (int64_t n : shape)
    rest.spans.push_back({0, n, n, 0});
  rest.M = !ofWeight ? batch : depthwise ? 1 : toFeatures ? channels : features;
  const int rank = shape.size();
  for (int d = rank - 1; d >= 0 && d >= rank - 2; --d) {
    if (ofWeight || batch >= kEnoughRows)
      break;
    Span middle = interior(d);
    if (middle.count <= batch)
      break;
    Region region = rest;
    region.along = d;
    region.M = middle.count;
    region.spans[d] = middle;
    regions.push_back(region);
    rest.spans[d] = {0, shape[d] - middle.count, middle.first, middle.count};
    if (!rest.spans[d].count)
      return;
  }
  regions.push_back(rest);
}

// Accumulators, the vectors of a row and one broadcast fit the registers; rows
// are spread evenly over the tiles.
void Convolution::chooseTile() {
  int64_t registers =
      std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 32);
  budget = (options.rows + 1) * options.vectors / registers;
  int64_t across = std::max<int64_t>(1, options.vectors / registers);
  across = std::min(across, vectorsIn(N));
  // Few rows leave registers for more columns.
  int64_t M = regions.front().M;
  if (M < budget / across - 1)
    across = std::min<int64_t>(
        {vectorsIn(N), 8, std::max(across, budget / (M + 1))});
  setWidth(across);
}

void Convolution::setWidth(int64_t across) {
  high = std::clamp<int64_t>(budget / across - 1, 1, 2 * options.rows);
  width = across * kLanes;
  panels = llvm::divideCeil(N, width);
}

void Convolution::countUnits(Region &region) {
  region.tiles = llvm::divideCeil(region.M, high);
  region.rows = region.M / region.tiles;
  region.more = region.M % region.tiles;
  region.sizes = {region.tiles};
  if (region.along >= 0)
    region.sizes.push_back(batch);
  for (auto [d, span] : llvm::enumerate(region.spans))
    if (int(d) != region.along)
      region.sizes.push_back(span.count);
  for (int64_t n : region.sizes)
    region.units *= n;
}

void Convolution::unit(const Region &region, Value number,
                       function_ref<void(int64_t height)> write) {
  body.newPoint();
  Indices at = b.delinearize(number, region.sizes);
  Value t = b.scalarPart(at[0]);
  firstRow = b.mul(t, region.rows);
  if (region.more)
    firstRow = b.add(firstRow, b.min(t, b.index(region.more)));
  along = region.along;
  unsigned next = 1;
  image = along >= 0 ? at[next++] : Index();
  spot.clear();
  for (auto [d, span] : llvm::enumerate(region.spans)) {
    if (int(d) == along) {
      spot.push_back(Index::of(firstRow) + span.first);
      continue;
    }
    Index place = at[next++] + span.first;
    if (span.gap) {
      Value p = b.scalarPart(place);
      Value before = b.less(p, b.index(span.gapAt));
      place = Index::of(
          arith::SelectOp::create(b, before, p, b.add(p, b.index(span.gap))));
    }
    spot.push_back(place);
  }
  if (ofWeight)
    findInside();
  if (!region.more)
    return write(region.rows);
  Value more = b.index(region.more);
  b.when(b.less(t, more), [&] { write(region.rows + 1); });
  Value fewer = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, t, more);
  b.when(fewer, [&] { write(region.rows); });
}

void Convolution::eachWidth(function_ref<void(int64_t columns)> write) {
  int64_t last = N - (panels - 1) * width;
  if (panels == 1 || last == width)
    return write(panels == 1 ? N : width);
  Value number = b.scalarPart(panel), end = b.index(panels - 1);
  b.when(b.less(number, end), [&] { write(width); });
  Value isLast =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, number, end);
  b.when(isLast, [&] { write(last); });
}

Position Convolution::outPosition(Index row, int64_t j, int64_t columns) {
  Index lanes = firstLane(j).withLane(1), at = Index::of(firstRow) + row;
  Position p;
  if (depthwise && ofWeight)
    p.at = {lanes, at};
  else if (ofWeight && toFeatures)
    p.at = {channelLane(lanes, features), at};
  else if (ofWeight)
    p.at = {channelLane(at, features), lanes};
  else
    p.at = {along < 0 ? at : image, channelLane(lanes, N)};
  for (auto [d, i] : llvm::enumerate(spot))
    p.at.push_back(int(d) == along ? i + row : i);
  p.vector = true;
  p.mask = maskOf(columns, j);
  return p;
}

Value Convolution::plus(Value x, Value y) {
  if (isa<FloatType>(element))
    return arith::AddFOp::create(b, x, y);
  return arith::AddIOp::create(b, x, y);
}

// ---- tiles ----

Convolution::Values Convolution::chunk(Value q, int64_t height,
                                       int64_t columns) {
  return ofWeight ? chunkOfPlaces(q, height, columns)
                  : chunkOfTaps(q, height, columns);
}

// A tile whose sums are in scratch.
void Convolution::finish(Value place, int64_t height, int64_t columns) {
  b.loop(b.index(0), b.index(height), 1, [&](Value i) {
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      body.newPoint();
      body.know(root.getResult(),
                getPartial(partialAt(place, Index::of(i), j)));
      body.storeYields(outPosition(Index::of(i), j, columns));
    }
  });
  body.newPoint();
}

// A long epilogue is an update of large state: it comes from memory while the
// tile is multiplied.
void Convolution::prefetch(int64_t height, int64_t columns) {
  b.loop(b.index(0), b.index(height), 1, [&](Value i) {
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      body.newPoint();
      body.prefetchOuts(outPosition(Index::of(i), j, columns));
    }
  });
  body.newPoint();
}

void Convolution::tile(int64_t height, int64_t columns) {
  const int64_t nv = vectorsIn(columns);
  auto each = [&](function_ref<void(int64_t i, int64_t j, Value place)> f) {
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < nv; ++j)
        f(i, j, partialAt(b.index(0), Index::of(i), j));
  };
  bool direct = body.epilogueSize() <= 6;
  if (!direct)
    prefetch(height, columns);
  if (chunks == 1) {
    Values sums = chunk(b.index(0), height, columns);
    each([&](int64_t i, int64_t j, Value place) {
      if (!direct)
        return putPartial(sums[i * nv + j], place);
      body.newPoint();
      body.know(root.getResult(), sums[i * nv + j]);
      body.storeYields(outPosition(Index::of(i), j, columns));
    });
    body.newPoint();
    if (!direct)
      finish(b.index(0), height, columns);
    return;
  }
  each([&](int64_t, int64_t, Value place) {
    putPartial(b.zeros(element), place);
  });
  b.loop(b.index(0), b.index(chunks), 1, [&](Value q) {
    Values sums = chunk(q, height, columns);
    each([&](int64_t i, int64_t j, Value place) {
      putPartial(plus(getPartial(place), sums[i * nv + j]), place);
    });
  });
  finish(b.index(0), height, columns);
}

// Tiles of one panel follow each other, so that its part of the weights is
// packed once and stays in the cache.
void Convolution::expandByPanels() {
  int64_t units = 0, most = 0;
  for (Region &region : regions) {
    units += region.units;
    most = std::max(most, region.rows + (region.more ? 1 : 0));
  }
  partial = body.scratch(most * width, element);
  body.sliceRows(groups * panels, units, [&](Value p, Value lo, Value hi) {
    Indices at = b.delinearize(p, {groups, panels});
    group = at[0];
    panel = at[1];
    eachWidth([&](int64_t columns) {
      if (packed)
        pack(columns);
      int64_t before = 0;
      for (Region &region : regions) {
        Value from = b.max(lo, b.index(before));
        Value to = b.min(hi, b.index(before + region.units));
        b.loop(from, to, 1, [&](Value u) {
          Value number = b.add(u, b.index(-before));
          unit(region, number, [&](int64_t height) { tile(height, columns); });
        });
        before += region.units;
      }
    });
  });
}

// A weight's tiles sum all pixels: many take a chunk before any takes the next.
void Convolution::expandByBlocks() {
  Region &region = regions.front();
  int64_t size = (region.rows + (region.more ? 1 : 0)) * width;
  int64_t units = groups * panels * region.units;
  int64_t block = chunks == 1 ? 1 : std::min(kBlock, units);
  partial = body.scratch(block * size, element);
  auto at = [&](Value number, function_ref<void(int64_t, int64_t)> write) {
    Indices i = b.delinearize(number, {groups, panels, region.units});
    group = i[0];
    panel = i[1];
    unit(region, b.scalarPart(i[2]), [&](int64_t height) {
      eachWidth([&](int64_t columns) { write(height, columns); });
    });
  };
  auto [lo, hi] = body.slice(units);
  if (chunks == 1)
    return b.loop(lo, hi, 1, [&](Value u) {
      at(u, [&](int64_t height, int64_t columns) { tile(height, columns); });
    });
  b.loop(lo, hi, block, [&, hi = hi](Value first) {
    Value count = b.min(arith::SubIOp::create(b, hi, first), b.index(block));
    b.loop(b.index(0), b.mul(count, size), kLanes,
           [&](Value i) { putPartial(b.zeros(element), i); });
    b.loop(b.index(0), b.index(chunks), 1, [&](Value q) {
      Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, q,
                                           b.index(chunks - 1));
      b.loop(b.index(0), count, 1, [&](Value u) {
        at(b.add(first, u), [&](int64_t height, int64_t columns) {
          b.when(isLast, [&] { prefetch(height, columns); });
          Values sums = chunk(q, height, columns);
          const int64_t nv = vectorsIn(columns);
          Value place = b.mul(u, size);
          for (int64_t i = 0; i < height; ++i)
            for (int64_t j = 0; j < nv; ++j) {
              Value to = partialAt(place, Index::of(i), j);
              putPartial(plus(getPartial(to), sums[i * nv + j]), to);
            }
          b.when(isLast, [&] { finish(place, height, columns); });
        });
      });
    });
  });
}

LogicalResult Convolution::expand() {
  for (Value v : body.def.getOutArguments())
    if (cast<ShapedType>(v.getType()).getShape() != root.getType().getShape())
      return body.def.emitError("the outs of a kernel differ in shape");
  chooseRegions();
  chooseTile();
  if (!ofWeight)
    choosePacking();
  for (Region &region : regions)
    countUnits(region);
  if (ofWeight)
    expandByBlocks();
  else
    expandByPanels();
  return success();
}

LogicalResult expandConvolution(KernelBody &body, kernel::ConvOp root,
                                const TileOptions &options) {
  return Convolution(body, root, options).expand();
}

} // namespace varve
