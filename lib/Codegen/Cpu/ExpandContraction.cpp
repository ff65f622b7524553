// Contractions: register tiles of rows x 16-lane vectors, the epilogue where a
// tile is done.
//
// Of the two factors, B has the dimension that runs across lanes and A has the
// rows. For each panel of columns and each chunk of kc terms a tile is
//   acc[i][j] = fma(broadcast A[i, k], B[k, j], acc[i][j])   k ascending, from
//   0
// and chunk sums are folded in ascending order. What is not contiguous in B, or
// costs more than a load, is evaluated once into a packed panel. Threads take
// different tiles, so their number changes no bit.
#include "KernelBody.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {
namespace {

/// acc + x * y in the body.
struct Factors {
  Value x, y;
};

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

class Contraction {
public:
  Contraction(KernelBody &body, GenericOp root, const TileOptions &options)
      : body(body), b(body.b), root(root), options(options) {}

  LogicalResult expand();

private:
  LogicalResult chooseDims();
  void chooseTile();
  void choosePacking();
  /// All tiles [lo, hi) of a row block of panel p.
  void panel(Value lo, Value hi, int64_t columns);
  void pack(Index k0, Value terms, int64_t columns);
  void packTransposed(Index k0, Value terms, int64_t columns);
  SmallVector<Value> multiply(Value row, int64_t rows, Index k0, Value terms,
                              int64_t columns);
  void epilogue(Value row, Value place, Value rows, int64_t columns);
  void eachTile(Value lo, Value hi,
                function_ref<void(Value row, Value place, int64_t rows)> tile);

  /// The loops at row, column vector j of the panel, term k.
  Position position(Index row, int64_t j, Index k, bool lanes, Value mask);
  Position outPosition(const Position &p);
  Value maskOf(int64_t columns, int64_t j) {
    int64_t tail = columns - j * kLanes;
    return vectors && tail < kLanes ? b.maskBelow(tail) : Value();
  }
  int64_t vectorsIn(int64_t columns) {
    return vectors ? llvm::divideCeil(columns, kLanes) : 1;
  }
  Type accType() { return vectors ? Type(b.vec(element)) : element; }

  KernelBody &body;
  LoopBuilder &b;
  GenericOp root;
  const TileOptions &options;

  Factors factors;
  Type element;               // of the accumulator
  SmallVector<int64_t> sizes; // of the loops
  int dj = -1, dm = -1;       // the dimension of lanes, of rows
  SmallVector<unsigned> outer, terms;
  int64_t K = 1, M = 1, N = 1;

  bool vectors = true;           // false: no dimension for lanes
  int64_t width = 0, panels = 1; // columns of a panel
  int64_t tiles = 1, rows = 1;   // `more` tiles have one row more
  int64_t more = 0, block = 1;   // tiles in a row block
  int64_t chunks = 1;
  bool packed = false, transposed = false, plainStart = true;
  Value packedB, partial; // scratch

  SmallVector<Index> outerAt; // by loop dimension
  Value panelNumber, firstTile;
};

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
    across = std::min<int64_t>({columns, 8, std::max(across, budget / M)});
  int64_t high = std::max<int64_t>(1, budget / across);
  high = std::min(high, 2 * options.rows);
  width = vectors ? across * kLanes : 1;
  panels = vectors ? llvm::divideCeil(N, width) : 1;
  tiles = llvm::divideCeil(M, high);
  rows = M / tiles;
  more = M % tiles;
  int64_t blocks = llvm::divideCeil(tiles, 16);
  block = llvm::divideCeil(tiles, blocks);
  chunks = llvm::divideCeil(K, options.kc);
}

/// The inputs of the root that a value of its body depends on.
void collectInputs(GenericOp g, Value v, SetVector<OpOperand *> &inputs) {
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    if (arg.getOwner() == g.getBody())
      inputs.insert(g.getMatchingOpOperand(arg));
  } else if (Operation *op = v.getDefiningOp(); g->isProperAncestor(op)) {
    for (Value o : op->getOperands())
      collectInputs(g, o, inputs);
  }
}

// Loads of B in place need its lanes contiguous, and rows that do not fall on
// the same few cache sets. Anything else pays once per panel if several tiles
// use it. What is contiguous along k is loaded along k and transposed.
void Contraction::choosePacking() {
  if (!vectors)
    return;
  SetVector<OpOperand *> inputs;
  collectInputs(root, factors.y, inputs);
  bool alongLanes = body.readsContiguously(root, inputs.getArrayRef(), dj);
  transposed = !alongLanes && terms.size() == 1 &&
               body.readsContiguously(root, inputs.getArrayRef(), terms[0]);
  if (transposed || tiles == 1) {
    packed = transposed;
    return;
  }
  auto arg = dyn_cast<BlockArgument>(factors.y);
  const KernelBody::Buffer *buffer =
      arg ? body.bufferOf(root.getMatchingOpOperand(arg)->get()) : nullptr;
  packed = !alongLanes || !buffer || terms.size() > 1;
  if (packed || tiles < 6)
    return;
  // Rows 4 KiB apart share their sets of the first cache, and their TLB
  // entries are too many.
  AffineMap map = root.getMatchingIndexingMap(root.getMatchingOpOperand(arg));
  for (auto [i, e] : llvm::enumerate(map.getResults()))
    if (e.isFunctionOfDim(terms[0]))
      packed |=
          buffer->layout.stride(i) * element.getIntOrFloatBitWidth() / 8 >=
          4096;
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

void Contraction::pack(Index k0, Value count, int64_t columns) {
  if (transposed)
    return packTransposed(k0, count, columns);
  b.loop(b.index(0), count, 1, [&](Value k) {
    body.newPoint();
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      Position p = position({}, j, k0 + Index::of(k), true, maskOf(columns, j));
      Value v = b.toVector(body.scalar(root, p, factors.y));
      Value place = b.scalarPart(Index::of(k, width) + j * kLanes);
      vector::StoreOp::create(b, v, packedB, ValueRange{place});
    }
  });
  body.newPoint();
}

/// Rows to columns, by exchange of off-diagonal blocks of 8, 4, 2, 1.
void transpose(LoopBuilder &b, MutableArrayRef<Value> rows) {
  for (int64_t w = kLanes / 2; w; w /= 2) {
    SmallVector<int64_t> low, high; // of the two rows, the second from kLanes
    for (int64_t l = 0; l < kLanes; ++l) {
      low.push_back(l & w ? kLanes + l - w : l);
      high.push_back(l & w ? kLanes + l : l + w);
    }
    for (int64_t i = 0; i < kLanes; ++i)
      if (!(i & w)) {
        Value x = rows[i], y = rows[i + w];
        rows[i] = vector::ShuffleOp::create(b, x, y, low);
        rows[i + w] = vector::ShuffleOp::create(b, x, y, high);
      }
  }
}

// Blocks of 16 terms by 16 columns.
void Contraction::packTransposed(Index k0, Value count, int64_t columns) {
  auto packBlock = [&](Index k, int64_t valid) {
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      body.newPoint();
      SmallVector<Value> rows(kLanes, b.zeros(factors.y.getType()));
      for (int64_t r = 0; r < kLanes && j * kLanes + r < columns; ++r) {
        Position p = position({}, 0, (k0 + k).withLane(1), false, {});
        p.at[dj] = Index::of(panelNumber, width) + (j * kLanes + r);
        p.vector = true;
        p.mask = valid < kLanes ? b.maskBelow(valid) : Value();
        rows[r] = b.toVector(body.scalar(root, p, factors.y));
      }
      transpose(b, rows);
      for (int64_t l = 0; l < valid; ++l) {
        Value place = b.scalarPart((k + l) * width + j * kLanes);
        vector::StoreOp::create(b, rows[l], packedB, ValueRange{place});
      }
    }
    body.newPoint();
  };
  Value blocks = b.div(count, kLanes);
  b.loop(b.index(0), blocks, 1,
         [&](Value i) { packBlock(Index::of(i, kLanes), kLanes); });
  int64_t tail = K % kLanes;
  if (!tail)
    return;
  // Chunks before the last have no tail.
  if (chunks == 1)
    return packBlock(Index::of(K - tail), tail);
  Value isLast = b.less(count, b.index(options.kc));
  b.when(isLast, [&] { packBlock(Index::of(blocks, kLanes), tail); });
}

// The chunk sums of a tile, row-major.
SmallVector<Value> Contraction::multiply(Value row, int64_t rows, Index k0,
                                         Value count, int64_t columns) {
  const int64_t nv = vectorsIn(columns);
  Value zero = b.constantLike(accType(), b.getZeroAttr(element));
  bool lanesInA = dj >= 0 && dimsOf(root, factors.x)[dj];
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
        if (!x || lanesInA) {
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

  if (chunks == 1) {
    Value count = b.index(K);
    Index k0;
    if (packed)
      pack(k0, count, columns);
    bool direct = plainStart && body.epilogueSize() <= 6;
    eachTile(lo, hi, [&](Value row, Value, int64_t height) {
      SmallVector<Value> sums = multiply(row, height, k0, count, columns);
      for (int64_t i = 0; i < height; ++i)
        for (int64_t j = 0; j < nv; ++j) {
          body.newPoint();
          Value sum = sums[i * nv + j];
          Position p =
              position(Index::of(row) + i, j, {}, vectors, maskOf(columns, j));
          if (!plainStart) {
            Value from = body.element(root.getDpsInits()[0], outPosition(p));
            from = vectors ? b.toVector(from) : from;
            sum = isa<FloatType>(element)
                      ? Value(arith::AddFOp::create(b, from, sum))
                      : Value(arith::AddIOp::create(b, from, sum));
          }
          if (direct) {
            body.know(root->getResult(0), sum);
            body.storeYields(outPosition(p));
          } else {
            put(sum, partialAt(b.index(0), i, j));
          }
        }
      if (!direct)
        epilogue(row, b.index(0), b.index(height), columns);
    });
    return;
  }

  // -0 is the sum of nothing: it changes no first chunk, not even one of -0.
  TypedAttr nothing = isa<FloatType>(element)
                          ? TypedAttr(b.getFloatAttr(element, -0.0))
                          : b.getZeroAttr(element);
  eachTile(lo, hi, [&](Value row, Value place, int64_t height) {
    b.loop(b.index(0), b.index(height), 1, [&](Value i) {
      for (int64_t j = 0; j < nv; ++j) {
        body.newPoint();
        Position p = position(Index::of(row) + Index::of(i), j, {}, vectors,
                              maskOf(columns, j));
        Value from = b.constant(nothing);
        if (!plainStart)
          from = body.element(root.getDpsInits()[0], outPosition(p));
        Value at = b.scalarPart(Index::of(place, width) + Index::of(i, width) +
                                j * kLanes);
        put(vectors ? b.toVector(from) : from, at);
      }
    });
  });
  b.loop(b.index(0), b.index(chunks), 1, [&](Value c) {
    Index k0 = Index::of(c, options.kc);
    Value left = arith::SubIOp::create(b, b.index(K), b.scalarPart(k0));
    Value count = b.min(left, b.index(options.kc));
    if (packed)
      pack(k0, count, columns);
    eachTile(lo, hi, [&](Value row, Value place, int64_t height) {
      SmallVector<Value> sums = multiply(row, height, k0, count, columns);
      for (int64_t i = 0; i < height; ++i)
        for (int64_t j = 0; j < nv; ++j) {
          Value at = partialAt(place, i, j), v = sums[i * nv + j];
          put(isa<FloatType>(element)
                  ? Value(arith::AddFOp::create(b, get(at), v))
                  : Value(arith::AddIOp::create(b, get(at), v)),
              at);
        }
    });
  });
  eachTile(lo, hi, [&](Value row, Value place, int64_t height) {
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

} // namespace

bool isContraction(GenericOp root) { return matchFactors(root).has_value(); }

LogicalResult expandContraction(KernelBody &body, GenericOp root,
                                const TileOptions &options) {
  return Contraction(body, root, options).expand();
}

} // namespace varve
