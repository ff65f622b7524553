// Contractions: register tiles of rows x 16-lane vectors, the epilogue where a
// tile is done.
//
// Of the two factors, B has the dimension that runs across lanes and A has the
// rows. For each panel of columns and each chunk of kc terms a tile is
//   acc[i][j] = fma(broadcast A[i, k], B[k, j], acc[i][j])
// for ascending k from 0, and chunk sums are folded in ascending order. What is
// not contiguous in B, or costs more than a load, is evaluated once into a
// packed panel. Threads take different tiles, so their number changes no bit.
#include "Contraction.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {
namespace {

std::optional<Factors> matchFactors(GenericOp g) {
  if (g->getNumResults() != 1 || !g.getNumReductionLoops())
    return {};
  Operation *sum = g.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  if (!sum || !isa<arith::AddFOp, arith::AddIOp>(sum))
    return {};
  BlockArgument acc = g.getRegionOutputArgs()[0];
  int side = sum->getOperand(0) == acc ? 1 : 0;
  if (!acc.hasOneUse() || sum->getOperand(1 - side) != acc)
    return {};
  Operation *product = sum->getOperand(side).getDefiningOp();
  if (!product || !isa<arith::MulFOp, arith::MulIOp>(product))
    return {};
  return Factors{product->getOperand(0), product->getOperand(1)};
}

/// The loop dimensions that a value of the body depends on.
llvm::SmallBitVector dimsOf(GenericOp g, Value v) {
  llvm::SmallBitVector dims(g.getNumLoops());
  auto addMap = [&](AffineMap map) {
    for (unsigned d = 0; d < g.getNumLoops(); ++d)
      if (map.isFunctionOfDim(d))
        dims.set(d);
  };
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    if (arg.getOwner() == g.getBody())
      addMap(g.getMatchingIndexingMap(g.getMatchingOpOperand(arg)));
  } else if (Operation *op = v.getDefiningOp(); g->isProperAncestor(op)) {
    if (auto ix = dyn_cast<linalg::IndexOp>(op))
      dims.set(ix.getDim());
    for (Value o : op->getOperands())
      dims |= dimsOf(g, o);
  }
  return dims;
}

} // namespace

LogicalResult Contraction::chooseDims() {
  factors = *matchFactors(root);
  sizes = root.getStaticLoopRanges();
  element = getElementTypeOrSelf(root->getResult(0).getType());
  AffineMap outMap = root.getIndexingMapMatchingResult(root->getResult(0));
  if (!outMap.isProjectedPermutation() || llvm::is_contained(sizes, 0) ||
      llvm::any_of(sizes, ShapedType::isDynamic))
    return body.def.emitError("a contraction with an odd output or no terms");
  // Lanes go along what is contiguous in the out.
  const KernelBody::Buffer *out = body.bufferOf(body.def.getOutArguments()[0]);
  if (!out || out->layout.shape.size() != outMap.getNumResults())
    return body.def.emitError("the first out is not of the root's shape");
  vectors = outMap.getNumResults() > 0;
  if (vectors)
    dj = outMap.getDimPosition(out->layout.contiguousDim());

  llvm::SmallBitVector x = dimsOf(root, factors.x), y = dimsOf(root, factors.y);
  if (vectors && x[dj] && !y[dj]) {
    std::swap(factors.x, factors.y);
    std::swap(x, y);
  }
  auto kinds = root.getIteratorTypesArray();
  for (unsigned d = 0; d < sizes.size(); ++d) {
    if (kinds[d] == utils::IteratorType::reduction) {
      terms.push_back(d);
      K *= sizes[d];
    } else if (int(d) != dj && x[d] && !y[d] &&
               (dm < 0 || sizes[d] > sizes[dm])) {
      dm = d;
    }
  }
  for (unsigned d = 0; d < sizes.size(); ++d)
    if (kinds[d] == utils::IteratorType::parallel && int(d) != dj &&
        int(d) != dm)
      outer.push_back(d);
  M = dm < 0 ? 1 : sizes[dm];
  N = dj < 0 ? 1 : sizes[dj];
  return success();
}

// Accumulators, the vectors of B and one broadcast fit the registers; rows are
// spread evenly over the tiles.
void Contraction::chooseTile() {
  int64_t registers =
      std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 32);
  int64_t budget = options.rows * options.vectors / registers;
  int64_t columns = vectors ? llvm::divideCeil(N, kLanes) : 1;
  int64_t across = std::max<int64_t>(1, options.vectors / registers);
  across = std::min(across, columns);
  // Few rows leave registers for more columns.
  if (M < budget / across)
    across = std::min<int64_t>(
        {columns, 8, std::max(across, (budget + 2) / (M + 1))});
  int64_t high = std::max<int64_t>(1, budget / across);
  high = std::min(high, 2 * options.rows);
  width = vectors ? across * kLanes : 1;
  panels = vectors ? llvm::divideCeil(N, width) : 1;
  tiles = llvm::divideCeil(M, high);
  rows = M / tiles;
  more = M % tiles;
  // Blocks bound the scratch for partial sums; more of them read B more often.
  int64_t blocks = llvm::divideCeil(tiles, 128);
  block = llvm::divideCeil(tiles, blocks);
  chunks = llvm::divideCeil(K, options.kc);
}

Position Contraction::position(Index row, int64_t j, Index k, bool lanes,
                               Value mask) {
  Position p;
  p.at = outerAt;
  if (dm >= 0)
    p.at[dm] = row;
  if (dj >= 0 && lanes) {
    p.at[dj] = Index::of(panelNumber, width) + j * kLanes;
    p.at[dj].lane = 1;
    p.vector = true;
    p.mask = mask;
  }
  if (terms.size() == 1) {
    p.at[terms[0]] = k;
    return p;
  }
  SmallVector<int64_t> sizesOfTerms;
  for (unsigned d : terms)
    sizesOfTerms.push_back(sizes[d]);
  for (auto [d, i] :
       llvm::zip(terms, b.delinearize(b.scalarPart(k), sizesOfTerms)))
    p.at[d] = i;
  return p;
}

Position Contraction::outPosition(const Position &p) {
  Position out;
  out.vector = p.vector;
  out.mask = p.mask;
  AffineMap map = root.getIndexingMapMatchingResult(root->getResult(0));
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    out.at.push_back(p.at[map.getDimPosition(i)]);
  return out;
}

// The chunk sums of a tile, row-major.
SmallVector<Value> Contraction::multiply(Value row, int64_t rows, Index k0,
                                         Value count, int64_t columns) {
  const int64_t nv = vectorsIn(columns);
  Value zero = b.constantLike(accType(), b.getZeroAttr(element));
  bool lanesInA = dj >= 0 && dimsOf(root, factors.x)[dj];
  if (rowsPacked)
    packRows(row, rows, k0, count);
  SmallVector<Value> acc(rows * nv, zero);
  acc = b.loop(b.index(0), count, 1, acc, [&](Value kk, ValueRange in) {
    body.newPoint();
    SmallVector<Value> next(in.begin(), in.end()), column;
    Index k = k0 + Index::of(kk);
    auto lanes = [&](Value v) { return vectors ? b.toVector(v) : v; };
    for (int64_t j = 0; j < nv; ++j) {
      if (packed) {
        Value place = b.scalarPart(Index::of(kk, width) + j * kLanes);
        column.push_back(vector::LoadOp::create(b, b.vec(factors.y.getType()),
                                                packedB, ValueRange{place}));
        continue;
      }
      Position p = position({}, j, k, vectors, maskOf(columns, j));
      column.push_back(lanes(body.scalar(root, p, factors.y)));
    }
    for (int64_t i = 0; i < rows; ++i) {
      Index at = Index::of(row) + i;
      Value x;
      for (int64_t j = 0; j < nv; ++j) {
        if (!x && rowsPacked) {
          Value place = b.scalarPart(Index::of(kk) + i * rowStride);
          x = b.splat(memref::LoadOp::create(b, packedA, ValueRange{place}));
        } else if (!x || lanesInA) {
          Position p = position(at, j, k, lanesInA,
                                lanesInA ? maskOf(columns, j) : Value());
          x = lanes(body.scalar(root, p, factors.x));
        }
        Value &sum = next[i * nv + j];
        sum = b.multiplyAdd(x, column[j], sum);
      }
    }
    return next;
  });
  body.newPoint();
  return acc;
}

// Rows [row, row + rows) of a finished tile, whose sums are in `partial`.
void Contraction::epilogue(Value row, Value place, Value rows,
                           int64_t columns) {
  b.loop(b.index(0), rows, 1, [&](Value i) {
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      body.newPoint();
      Value at = b.scalarPart(Index::of(place, width) + Index::of(i, width) +
                              j * kLanes);
      Value sum;
      if (vectors)
        sum =
            vector::LoadOp::create(b, b.vec(element), partial, ValueRange{at});
      else
        sum = memref::LoadOp::create(b, partial, ValueRange{at});
      Position p = position(Index::of(row) + Index::of(i), j, {}, vectors,
                            maskOf(columns, j));
      body.know(root->getResult(0), sum);
      body.storeYields(outPosition(p));
    }
  });
  body.newPoint();
}

// Tiles [lo, hi) of the row block. `place` is the tile's first row in the
// block's partial sums.
void Contraction::eachTile(
    Value lo, Value hi,
    function_ref<void(Value row, Value place, int64_t rows)> tile) {
  auto part = [&](Value from, Value to, int64_t height) {
    b.loop(from, to, 1, [&](Value t) {
      Value number = b.add(firstTile, t);
      Value row = b.mul(number, rows);
      if (more)
        row = b.add(row, b.min(number, b.index(more)));
      tile(row, b.mul(t, rows + (more ? 1 : 0)), height);
    });
  };
  if (!more)
    return part(lo, hi, rows);
  Value split = arith::SubIOp::create(b, b.index(more), firstTile);
  part(lo, b.min(hi, split), rows + 1);
  part(b.max(lo, split), hi, rows);
}

void Contraction::panel(Value lo, Value hi, int64_t columns) {
  const int64_t nv = vectorsIn(columns);
  auto plus = [&](Value x, Value y) -> Value {
    if (isa<FloatType>(element))
      return arith::AddFOp::create(b, x, y);
    return arith::AddIOp::create(b, x, y);
  };
  // -0 is the sum of nothing: it changes no first chunk, not even one of -0.
  auto start = [&](const Position &p) {
    TypedAttr nothing = isa<FloatType>(element)
                            ? TypedAttr(b.getFloatAttr(element, -0.0))
                            : b.getZeroAttr(element);
    Value from = plainStart
                     ? b.constant(nothing)
                     : body.element(root.getDpsInits()[0], outPosition(p));
    return vectors ? b.toVector(from) : from;
  };
  auto partialAt = [&](Value place, int64_t i, int64_t j) {
    return b.scalarPart(Index::of(place, width) + (i * width + j * kLanes));
  };
  auto get = [&](Value at) -> Value {
    if (!vectors)
      return memref::LoadOp::create(b, partial, ValueRange{at});
    return vector::LoadOp::create(b, b.vec(element), partial, ValueRange{at});
  };
  auto put = [&](Value v, Value at) {
    if (!vectors)
      memref::StoreOp::create(b, v, partial, ValueRange{at});
    else
      vector::StoreOp::create(b, v, partial, ValueRange{at});
  };

  // All chunks but the last leave their sums in scratch.
  if (chunks > 1) {
    eachTile(lo, hi, [&](Value row, Value place, int64_t height) {
      b.loop(b.index(0), b.index(height), 1, [&](Value i) {
        for (int64_t j = 0; j < nv; ++j) {
          body.newPoint();
          Position p = position(Index::of(row) + Index::of(i), j, {}, vectors,
                                maskOf(columns, j));
          put(start(p), b.scalarPart(Index::of(place, width) +
                                     Index::of(i, width) + j * kLanes));
        }
      });
    });
    b.loop(b.index(0), b.index(chunks - 1), 1, [&](Value c) {
      Index k0 = Index::of(c, options.kc);
      Value count = b.index(options.kc);
      if (packed)
        pack(k0, count, columns);
      eachTile(lo, hi, [&](Value row, Value place, int64_t height) {
        SmallVector<Value> sums = multiply(row, height, k0, count, columns);
        for (int64_t i = 0; i < height; ++i)
          for (int64_t j = 0; j < nv; ++j) {
            Value at = partialAt(place, i, j);
            put(plus(get(at), sums[i * nv + j]), at);
          }
      });
    });
  }

  // The last one finishes its tiles.
  Index k0 = Index::of((chunks - 1) * options.kc);
  Value count = b.index(K - (chunks - 1) * options.kc);
  if (packed)
    pack(k0, count, columns);
  bool direct = (plainStart || chunks > 1) && body.epilogueSize() <= 6;
  eachTile(lo, hi, [&](Value row, Value place, int64_t height) {
    if (chunks == 1)
      place = b.index(0);
    // What a long epilogue updates, and the out of a large product, come from
    // memory while the tile is multiplied.
    for (int64_t i = 0; i < height && (!direct || chunks > 1) && vectors; ++i)
      for (int64_t j = 0; j < nv; ++j)
        body.prefetchOuts(outPosition(
            position(Index::of(row) + i, j, {}, true, maskOf(columns, j))));
    body.newPoint();
    SmallVector<Value> sums = multiply(row, height, k0, count, columns);
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < nv; ++j) {
        body.newPoint();
        Value sum = sums[i * nv + j], at = partialAt(place, i, j);
        Position p =
            position(Index::of(row) + i, j, {}, vectors, maskOf(columns, j));
        if (chunks > 1)
          sum = plus(get(at), sum);
        else if (!plainStart)
          sum = plus(start(p), sum);
        if (direct) {
          body.know(root->getResult(0), sum);
          body.storeYields(outPosition(p));
        } else {
          put(sum, at);
        }
      }
    if (!direct)
      epilogue(row, place, b.index(height), columns);
  });
}

LogicalResult Contraction::expand() {
  if (failed(chooseDims()))
    return failure();
  chooseTile();
  choosePacking();
  auto fill = root.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  plainStart = fill && (matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ||
                        matchPattern(fill.getInputs()[0], m_Zero()));
  if (packed)
    packedB =
        body.scratch(std::min(K, options.kc) * width, factors.y.getType());
  if (rowsPacked)
    packedA =
        body.scratch((rows + (more ? 1 : 0)) * rowStride, factors.x.getType());
  int64_t places = (rows + (more ? 1 : 0)) * (chunks > 1 ? block : 1);
  partial = body.scratch(places * width, element);

  int64_t blocks = llvm::divideCeil(tiles, block);
  SmallVector<int64_t> outerSizes;
  int64_t pairs = blocks * panels;
  for (unsigned d : outer) {
    outerSizes.push_back(sizes[d]);
    pairs *= sizes[d];
  }
  outerSizes.append({blocks, panels});
  body.sliceRows(pairs, block, [&](Value pair, Value lo, Value hi) {
    SmallVector<Index> at = b.delinearize(pair, outerSizes);
    outerAt.assign(sizes.size(), {});
    for (auto [d, i] : llvm::zip(outer, at))
      outerAt[d] = i;
    panelNumber = b.scalarPart(at.back());
    firstTile = b.mul(b.scalarPart(at[at.size() - 2]), block);
    if (tiles % block) {
      Value left = arith::SubIOp::create(b, b.index(tiles), firstTile);
      hi = b.min(hi, left);
    }
    int64_t last = N - (panels - 1) * width;
    if (!vectors || last == width || panels == 1)
      return panel(lo, hi, panels == 1 && vectors ? N : width);
    Value isFull = b.less(panelNumber, b.index(panels - 1));
    b.when(isFull, [&] { panel(lo, hi, width); });
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                         panelNumber, b.index(panels - 1));
    b.when(isLast, [&] { panel(lo, hi, last); });
  });
  return success();
}

bool isContraction(GenericOp root) { return matchFactors(root).has_value(); }

LogicalResult expandContraction(KernelBody &body, GenericOp root,
                                const TileOptions &options) {
  return Contraction(body, root, options).expand();
}

} // namespace varve
