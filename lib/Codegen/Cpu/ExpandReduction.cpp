// Reductions along one dimension, in the order of the numeric contract: chunks
// of 4096 terms; in a chunk term i goes to running value i mod 16, in order,
// then the tree 8, 4, 2, 1; chunk results fold in order.
//
// Where the reduced dimension is contiguous the 16 running values are the lanes
// of a vector. Where another one is, lanes are 16 outputs and each running
// value is a vector of its own.
#include "KernelBody.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {
namespace {

constexpr int64_t kChunk = 4096;

/// One result of the root: acc = combine(acc, term).
struct Fold {
  Operation *combine;
  Value term;
  Value neutral; // a scalar constant
  bool startsNeutral;
};

TypedAttr neutralOf(Operation *op, Builder &b) {
  Type t = op->getResult(0).getType();
  auto real = [&](APFloat v) { return TypedAttr(b.getFloatAttr(t, v)); };
  auto integer = [&](APInt v) { return TypedAttr(b.getIntegerAttr(t, v)); };
  if (auto f = dyn_cast<FloatType>(t)) {
    const llvm::fltSemantics &s = f.getFloatSemantics();
    if (isa<arith::AddFOp>(op))
      return real(APFloat::getZero(s));
    if (isa<arith::MulFOp>(op))
      return real(APFloat::getOne(s));
    if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
      return real(APFloat::getInf(s, /*Negative=*/true));
    if (isa<arith::MinimumFOp, arith::MinNumFOp>(op))
      return real(APFloat::getInf(s));
    return {};
  }
  unsigned width = t.getIntOrFloatBitWidth();
  if (isa<arith::AddIOp, arith::OrIOp, arith::XOrIOp, arith::MaxUIOp>(op))
    return integer(APInt::getZero(width));
  if (isa<arith::MulIOp>(op))
    return integer(APInt(width, 1));
  if (isa<arith::AndIOp, arith::MinUIOp>(op))
    return integer(APInt::getAllOnes(width));
  if (isa<arith::MaxSIOp>(op))
    return integer(APInt::getSignedMinValue(width));
  if (isa<arith::MinSIOp>(op))
    return integer(APInt::getSignedMaxValue(width));
  return {};
}

class Reduction {
public:
  Reduction(KernelBody &body, GenericOp root)
      : body(body), b(body.b), root(root) {}

  LogicalResult expand();

private:
  bool matchFolds();
  void chooseLanes();
  bool contiguousInReads(unsigned dim) {
    return body.readsContiguously(root, root.getDpsInputOperands(), dim);
  }

  using Values = SmallVector<Value>;
  /// `acc` with the terms at p.
  Values accumulate(const Position &p, ValueRange acc);
  Value join(const Fold &f, Value x, Value y);
  Values neutrals(bool vector);
  /// The fold of terms [first, first + count), count at most a chunk.
  Values chunkAlongLanes(Position p, Index first, int64_t count);
  Values chunkAcrossLanes(Position p, Index first, int64_t count);
  Values sequential(Position p);
  Values all(const Position &p);
  void finish(const Position &p, Values results);

  KernelBody &body;
  LoopBuilder &b;
  GenericOp root;
  SmallVector<Fold> folds; // empty: any body, term after term
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> reduced;
  unsigned red = 0;
  int lane = -1; // the output dimension of lanes
  bool alongLanes = false;
  AffineMap outMap;
};

bool Reduction::matchFolds() {
  Operation *yield = root.getBody()->getTerminator();
  for (auto [v, acc] :
       llvm::zip(yield->getOperands(), root.getRegionOutputArgs())) {
    Operation *op = v.getDefiningOp();
    if (!op || op->getNumOperands() != 2 || !acc.hasOneUse() ||
        *acc.user_begin() != op)
      return false;
    TypedAttr neutral = neutralOf(op, b);
    if (!neutral)
      return false;
    Value term = op->getOperand(op->getOperand(0) == acc ? 1 : 0);
    Value init =
        root.getDpsInits()[acc.getArgNumber() - root.getNumDpsInputs()];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    Attribute from;
    bool same = fill && matchPattern(fill.getInputs()[0], m_Constant(&from)) &&
                from == neutral;
    folds.push_back({op, term, b.constant(neutral), same});
  }
  return true;
}

void Reduction::chooseLanes() {
  if (!folds.empty() && contiguousInReads(red)) {
    alongLanes = true;
    return;
  }
  for (int i = int(outMap.getNumResults()) - 1; i >= 0; --i) {
    unsigned d = outMap.getDimPosition(i);
    if (sizes[d] > 1 && contiguousInReads(d)) {
      lane = d;
      return;
    }
  }
  alongLanes = !folds.empty();
}

Value Reduction::join(const Fold &f, Value x, Value y) {
  OperationState state(b.getLoc(), f.combine->getName());
  state.addOperands({x, y});
  state.addTypes(x.getType());
  state.addAttributes(f.combine->getAttrs());
  return b.create(state)->getResult(0);
}

Reduction::Values Reduction::neutrals(bool vector) {
  Values r;
  for (const Fold &f : folds)
    r.push_back(vector ? b.splat(f.neutral) : f.neutral);
  return r;
}

Reduction::Values Reduction::accumulate(const Position &p, ValueRange acc) {
  Values r;
  for (auto [f, a] : llvm::zip(folds, acc)) {
    Value term = body.scalar(root, p, f.term);
    r.push_back(join(f, a, p.vector ? b.toVector(term) : term));
  }
  return r;
}

Reduction::Values Reduction::chunkAlongLanes(Position p, Index first,
                                             int64_t count) {
  p.vector = true;
  int64_t whole = count / kLanes * kLanes;
  Values acc = neutrals(true);
  if (whole)
    acc = b.loop(b.index(0), b.index(whole), kLanes, acc,
                 [&](Value i, ValueRange in) {
                   body.newPoint();
                   p.at[red] = (first + Index::of(i)).withLane(1);
                   return accumulate(p, in);
                 });
  body.newPoint();
  if (whole < count) {
    p.at[red] = (first + whole).withLane(1);
    p.mask = b.maskBelow(count - whole);
    for (auto [a, next] : llvm::zip(acc, accumulate(p, acc)))
      a = arith::SelectOp::create(b, p.mask, next, a);
  }
  for (int64_t w = kLanes / 2; w; w /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t l = 0; l < w; ++l) {
      low.push_back(l);
      high.push_back(l + w);
    }
    for (auto [f, a] : llvm::zip(folds, acc))
      a = join(f, vector::ShuffleOp::create(b, a, a, low),
               vector::ShuffleOp::create(b, a, a, high));
  }
  for (Value &a : acc)
    a = vector::ExtractOp::create(b, a, ArrayRef<int64_t>{0});
  body.newPoint();
  return acc;
}

Reduction::Values Reduction::chunkAcrossLanes(Position p, Index first,
                                              int64_t count) {
  const int64_t n = folds.size();
  int64_t whole = count / kLanes * kLanes;
  Values acc; // running value l of result f at l * n + f
  for (int64_t l = 0; l < kLanes; ++l)
    acc.append(neutrals(p.vector));
  auto step = [&](Index from, int64_t terms) {
    for (int64_t l = 0; l < terms; ++l) {
      p.at[red] = from + l;
      Values next = accumulate(p, ArrayRef(acc).slice(l * n, n));
      llvm::copy(next, acc.begin() + l * n);
    }
  };
  if (whole)
    acc = b.loop(b.index(0), b.index(whole), kLanes, acc,
                 [&](Value i, ValueRange in) {
                   body.newPoint();
                   acc.assign(in.begin(), in.end());
                   step(first + Index::of(i), kLanes);
                   return acc;
                 });
  body.newPoint();
  step(first + whole, count - whole);
  for (int64_t w = kLanes / 2; w; w /= 2)
    for (int64_t l = 0; l < w * n; ++l)
      acc[l] = join(folds[l % n], acc[l], acc[l + w * n]);
  acc.resize(n);
  body.newPoint();
  return acc;
}

// Bodies that are no fold: one chain in ascending order.
Reduction::Values Reduction::sequential(Position p) {
  Values acc;
  Position out;
  out.vector = p.vector;
  out.mask = p.mask;
  for (unsigned i = 0; i < outMap.getNumResults(); ++i)
    out.at.push_back(p.at[outMap.getDimPosition(i)]);
  for (Value init : root.getDpsInits()) {
    Value v = body.element(init, out);
    acc.push_back(p.vector ? b.toVector(v) : v);
  }
  std::function<Values(unsigned, Values)> nest = [&](unsigned i, Values in) {
    if (i < reduced.size())
      return Values(b.loop(b.index(0), b.index(sizes[reduced[i]]), 1, in,
                           [&](Value iv, ValueRange carried) {
                             p.at[reduced[i]] = Index::of(iv);
                             return nest(i + 1, Values(carried));
                           }));
    body.newPoint();
    SmallVector<std::pair<Value, Value>> known;
    for (auto [arg, v] : llvm::zip(root.getRegionOutputArgs(), in))
      known.push_back({arg, v});
    return body.scalarsWith(root, p, known);
  };
  Values r = nest(0, acc);
  body.newPoint();
  return r;
}

Reduction::Values Reduction::all(const Position &p) {
  if (folds.empty())
    return sequential(p);
  const int64_t n = sizes[red];
  auto chunk = [&](Index first, int64_t count) {
    return alongLanes ? chunkAlongLanes(p, first, count)
                      : chunkAcrossLanes(p, first, count);
  };
  auto joinAll = [&](ValueRange x, ValueRange y) {
    Values r;
    for (auto [i, f] : llvm::enumerate(folds))
      r.push_back(join(f, x[i], y[i]));
    return r;
  };
  if (n <= kChunk)
    return chunk({}, n);
  int64_t whole = n / kChunk * kChunk;
  Values total = b.loop(b.index(0), b.index(whole), kChunk, neutrals(p.vector),
                        [&](Value i, ValueRange in) {
                          return joinAll(in, chunk(Index::of(i), kChunk));
                        });
  if (whole < n)
    total = joinAll(total, chunk(Index::of(whole), n - whole));
  return total;
}

void Reduction::finish(const Position &p, Values results) {
  body.newPoint();
  Position out;
  out.vector = p.vector;
  out.mask = p.mask;
  for (unsigned i = 0; i < outMap.getNumResults(); ++i)
    out.at.push_back(p.at[outMap.getDimPosition(i)]);
  for (auto [i, f] : llvm::enumerate(folds))
    if (!f.startsNeutral) {
      Value from = body.element(root.getDpsInits()[i], out);
      results[i] = join(f, p.vector ? b.toVector(from) : from, results[i]);
    }
  for (auto [r, v] : llvm::zip(root->getResults(), results))
    body.know(r, v);
  body.storeYields(out);
  body.newPoint();
}

LogicalResult Reduction::expand() {
  sizes = root.getStaticLoopRanges();
  outMap = root.getIndexingMapMatchingResult(root->getResult(0));
  for (auto [d, kind] : llvm::enumerate(root.getIteratorTypesArray()))
    if (kind == utils::IteratorType::reduction)
      reduced.push_back(d);
  red = reduced.front();
  bool mapsAgree = llvm::all_of(root->getResults(), [&](OpResult r) {
    return root.getIndexingMapMatchingResult(r) == outMap;
  });
  if (!outMap.isProjectedPermutation() || !mapsAgree ||
      llvm::is_contained(sizes, 0) ||
      llvm::any_of(sizes, ShapedType::isDynamic))
    return body.def.emitError("a reduction with odd outputs or no terms");
  if (!matchFolds())
    folds.clear();
  if (!folds.empty() && reduced.size() > 1)
    return body.def.emitError("a reduction over ")
           << reduced.size() << " dimensions; one at a time is expected";
  chooseLanes();

  SmallVector<int64_t> outerSizes;
  int64_t rows = 1;
  for (unsigned i = 0; i < outMap.getNumResults(); ++i)
    if (int(outMap.getDimPosition(i)) != lane) {
      outerSizes.push_back(sizes[outMap.getDimPosition(i)]);
      rows *= outerSizes.back();
    }
  auto at = [&](Value row, Index column, Value mask) {
    Position p;
    p.at.resize(sizes.size());
    SmallVector<Index> outer = b.delinearize(row, outerSizes);
    for (unsigned i = 0, o = 0; i < outMap.getNumResults(); ++i)
      if (unsigned d = outMap.getDimPosition(i); int(d) != lane)
        p.at[d] = outer[o++];
    if (lane >= 0) {
      p.at[lane] = column.withLane(1);
      p.vector = true;
      p.mask = mask;
    }
    finish(p, all(p));
  };
  int64_t n = lane < 0 ? 1 : sizes[lane];
  int64_t whole = lane < 0 ? 1 : n / kLanes, tail = lane < 0 ? 0 : n % kLanes;
  body.sliceRows(rows, whole + (tail ? 1 : 0),
                 [&](Value row, Value lo, Value hi) {
                   Value end = tail ? b.min(hi, b.index(whole)) : hi;
                   if (whole)
                     b.loop(lo, end, 1, [&](Value v) {
                       body.newPoint();
                       at(row, Index::of(v, kLanes), {});
                     });
                   if (!tail)
                     return;
                   Value hasTail = b.less(b.index(whole), hi);
                   b.when(hasTail, [&] {
                     body.newPoint();
                     at(row, Index::of(whole * kLanes), b.maskBelow(tail));
                   });
                 });
  return success();
}

} // namespace

LogicalResult expandReduction(KernelBody &body, GenericOp root) {
  return Reduction(body, root).expand();
}

} // namespace varve
