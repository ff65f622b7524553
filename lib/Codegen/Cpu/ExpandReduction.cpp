// Reductions along one dimension, in the order of the numeric contract: chunks
// of 4096 terms; in a chunk term i goes to running value i mod 16, in order,
// then the tree 8, 4, 2, 1; chunk results fold in order.
//
// Where the reduced dimension is contiguous the 16 running values are the lanes
// of a vector. Where another one is (channels, for a sum over positions), lanes
// are 16 outputs and each running value is a vector of its own.
//
// Several reductions of one space side by side share its loops, and what they
// both read comes from memory once.
#include "Nest.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {
namespace {

constexpr int64_t kChunk = 4096;

/// Scalar operations up to which the terms of a chunk are written out without
/// a loop.
constexpr int64_t kWrittenOut = 256;

/// One result of a root: acc = combine(acc, term).
struct Fold {
  GenericOp root;
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
    if (isa<arith::AddFOp>(op)) // Adding it changes nothing, not even -0.
      return real(APFloat::getZero(s, /*Negative=*/true));
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
  Reduction(KernelBody &body, ArrayRef<GenericOp> roots)
      : body(body), b(body.b), roots(roots), root(roots.front()) {}

  LogicalResult expand();

private:
  bool matchFolds(GenericOp g);
  void chooseLanes();
  bool contiguousInReads(unsigned dim) {
    return llvm::any_of(roots, [&](GenericOp g) {
      return body.readsContiguously(g, g.getDpsInputOperands(), dim);
    });
  }

  using Values = SmallVector<Value>;
  /// `acc` with the terms at p.
  Values accumulate(const Position &p, ValueRange acc);
  /// The neutral value with the terms at p.
  Values start(const Position &p);
  Value join(const Fold &f, Value x, Value y);
  Values joinAll(ValueRange x, ValueRange y);
  Values node(int64_t l, int64_t w, function_ref<Values(int64_t)> running);
  Values neutrals(bool vector);
  /// The fold of terms [first, first + count), count at most a chunk.
  Values chunkAlongLanes(Position p, Index first, int64_t count);
  Values chunkAcrossLanes(Position p, Index first, int64_t count);
  Values sequential(Position p);
  Values all(const Position &p);
  /// Scalar operations that make a term and join it.
  int64_t operationsPerTerm();
  void finish(const Position &p, Values results);

  KernelBody &body;
  LoopBuilder &b;
  ArrayRef<GenericOp> roots;
  GenericOp root;          // the first, for what they have in common
  SmallVector<Fold> folds; // empty: any body, term after term
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> reduced;
  unsigned red = 0;
  int lane = -1; // the output dimension of lanes
  bool alongLanes = false;
  int64_t opsPerTerm = 1;
  AffineMap outMap;
};

bool Reduction::matchFolds(GenericOp g) {
  Operation *yield = g.getBody()->getTerminator();
  for (auto [v, acc] :
       llvm::zip(yield->getOperands(), g.getRegionOutputArgs())) {
    Operation *op = v.getDefiningOp();
    if (!op || op->getNumOperands() != 2 || !acc.hasOneUse() ||
        *acc.user_begin() != op)
      return false;
    TypedAttr neutral = neutralOf(op, b);
    if (!neutral)
      return false;
    Value term = op->getOperand(op->getOperand(0) == acc ? 1 : 0);
    Value init = g.getDpsInits()[acc.getArgNumber() - g.getNumDpsInputs()];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    Attribute from;
    bool same = fill && matchPattern(fill.getInputs()[0], m_Constant(&from)) &&
                from == neutral;
    folds.push_back({g, op, term, b.constant(neutral), same});
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
    Value term = body.scalar(f.root, p, f.term);
    r.push_back(join(f, a, p.vector ? b.toVector(term) : term));
  }
  return r;
}

Reduction::Values Reduction::start(const Position &p) {
  Values r;
  for (const Fold &f : folds) {
    Value term = body.scalar(f.root, p, f.term);
    if (p.vector)
      term = b.toVector(term);
    // A NaN is not what the greater of it and the neutral value is.
    if (isa<arith::MaxNumFOp, arith::MinNumFOp>(f.combine))
      term = join(f, p.vector ? b.splat(f.neutral) : f.neutral, term);
    r.push_back(term);
  }
  return r;
}

Reduction::Values Reduction::joinAll(ValueRange x, ValueRange y) {
  Values r;
  for (auto [i, f] : llvm::enumerate(folds))
    r.push_back(join(f, x[i], y[i]));
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

/// The sum of running values l, l + w, l + 2w, ...: a node of the tree.
Reduction::Values Reduction::node(int64_t l, int64_t w,
                                  function_ref<Values(int64_t)> running) {
  if (w == kLanes)
    return running(l);
  Values x = node(l, 2 * w, running), y = node(l + w, 2 * w, running);
  if (x.empty() || y.empty())
    return x.empty() ? y : x;
  return joinAll(x, y);
}

// A running value without terms is neutral, and so is what one starts from:
// neither costs anything. Running values are made in the order in which the
// tree wants them, so that few are held at a time.
Reduction::Values Reduction::chunkAcrossLanes(Position p, Index first,
                                              int64_t count) {
  auto term = [&](Index i, ValueRange acc) {
    body.newElement();
    p.at[red] = first + i;
    return acc.empty() ? start(p) : accumulate(p, acc);
  };
  int64_t whole = count / kLanes * kLanes;
  Values result;
  if (count <= 2 * kLanes || count * opsPerTerm <= kWrittenOut) {
    result = node(0, 1, [&](int64_t l) {
      Values acc;
      for (int64_t i = l; i < count; i += kLanes)
        acc = term(Index::of(i), acc);
      return acc;
    });
  } else {
    // As many running values in one loop as registers can hold.
    int64_t width = folds.size() == 1 ? 2 : 4, n = folds.size();
    std::function<Values(int64_t, int64_t)> tree = [&](int64_t l, int64_t w) {
      if (w < width)
        return joinAll(tree(l, 2 * w), tree(l + w, 2 * w));
      Values acc;
      for (int64_t i = l; i < kLanes; i += w)
        acc.append(term(Index::of(i), {}));
      auto step = [&](Index from, int64_t terms, Values in) {
        for (int64_t i = l, k = 0; i < terms; i += w, ++k) {
          Values next = term(from + i, ArrayRef(in).slice(k * n, n));
          llvm::copy(next, in.begin() + k * n);
        }
        return in;
      };
      if (whole > kLanes)
        acc = b.loop(b.index(kLanes), b.index(whole), kLanes, acc,
                     [&](Value i, ValueRange in) {
                       body.newPoint();
                       return step(Index::of(i), kLanes, Values(in));
                     });
      body.newPoint();
      acc = step(Index::of(whole), count - whole, acc);
      return node(l, w, [&](int64_t r) {
        int64_t k = (r - l) / w;
        return Values(ArrayRef(acc).slice(k * n, n));
      });
    };
    result = tree(0, 1);
  }
  body.newPoint();
  return result;
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

int64_t Reduction::operationsPerTerm() {
  int64_t n = 0;
  SetVector<Operation *> makers;
  makers.insert(roots.begin(), roots.end());
  for (unsigned i = 0; i < makers.size(); ++i) {
    auto g = dyn_cast<GenericOp>(makers[i]);
    if (!g)
      continue;
    n += llvm::range_size(g.getBody()->without_terminator());
    for (Value v : g.getInputs())
      if (Operation *maker = v.getDefiningOp())
        makers.insert(maker);
  }
  return std::max<int64_t>(n, 1);
}

void Reduction::finish(const Position &p, Values results) {
  body.newPoint();
  Position out;
  out.vector = p.vector;
  out.mask = p.mask;
  for (unsigned i = 0; i < outMap.getNumResults(); ++i)
    out.at.push_back(p.at[outMap.getDimPosition(i)]);
  SmallVector<OpResult> made;
  SmallVector<Value> inits;
  for (GenericOp g : roots) {
    llvm::append_range(made, g->getResults());
    llvm::append_range(inits, g.getDpsInits());
  }
  for (auto [i, f] : llvm::enumerate(folds))
    if (!f.startsNeutral) {
      Value from = body.element(inits[i], out);
      results[i] = join(f, p.vector ? b.toVector(from) : from, results[i]);
    }
  for (auto [r, v] : llvm::zip(made, results))
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
  bool mapsAgree = llvm::all_of(roots, [&](GenericOp g) {
    return g.getStaticLoopRanges() == root.getStaticLoopRanges() &&
           g.getIteratorTypesArray() == root.getIteratorTypesArray() &&
           llvm::all_of(g->getResults(), [&](OpResult r) {
             return g.getIndexingMapMatchingResult(r) == outMap;
           });
  });
  if (!outMap.isProjectedPermutation() || !mapsAgree ||
      llvm::is_contained(sizes, 0) ||
      llvm::any_of(sizes, ShapedType::isDynamic))
    return body.def.emitError("a reduction with odd outputs or no terms");
  if (!llvm::all_of(roots, [&](GenericOp g) { return matchFolds(g); }))
    folds.clear();
  if (folds.empty() && roots.size() > 1)
    return body.def.emitError("several roots that are no folds");
  if (!folds.empty() && reduced.size() > 1)
    return body.def.emitError("a reduction over ")
           << reduced.size() << " dimensions; one at a time is expected";
  chooseLanes();
  opsPerTerm = operationsPerTerm();

  Nest nest(body, sizes);
  SmallVector<unsigned> dims;
  for (unsigned i = 0; i < outMap.getNumResults(); ++i)
    dims.push_back(outMap.getDimPosition(i));
  for (GenericOp g : roots)
    for (OpOperand *o : g.getDpsInputOperands())
      nest.addReads(o->get(), g.getMatchingIndexingMap(o));
  for (Value out : body.def.getOutArguments())
    nest.addAccess(body.bufferOf(out)->layout, outMap);
  for (Value v : body.def.getYielded())
    nest.addReads(v, outMap);
  nest.run(dims, lane, /*unroll=*/1,
           [&](const Position &p) { finish(p, all(p)); });
  return success();
}

} // namespace

LogicalResult expandReduction(KernelBody &body, ArrayRef<GenericOp> roots) {
  return Reduction(body, roots).expand();
}

} // namespace varve
