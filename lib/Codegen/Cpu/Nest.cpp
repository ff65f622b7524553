#include "Nest.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {

/// Rows from which on threads share rows, not parts of them.
constexpr int64_t kManyRows = 128;

/// What `e` grows by with dimension d; none if that is not constant.
static std::optional<int64_t> coefficient(AffineExpr e, unsigned d) {
  if (!e.isFunctionOfDim(d))
    return 0;
  if (isa<AffineDimExpr>(e))
    return 1;
  auto binary = cast<AffineBinaryOpExpr>(e);
  auto x = coefficient(binary.getLHS(), d), y = coefficient(binary.getRHS(), d);
  if (!x || !y)
    return {};
  if (e.getKind() == AffineExprKind::Add)
    return *x + *y;
  auto by = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (e.getKind() == AffineExprKind::Mul && by)
    return *x * by.getValue();
  return {};
}

void Nest::addAccess(const Layout &layout, AffineMap map) {
  Strides strides(sizes.size(), 0);
  for (auto [i, e] : llvm::enumerate(map.getResults()))
    for (unsigned d = 0; d < sizes.size(); ++d) {
      std::optional<int64_t> by = coefficient(e, d);
      if (by == 0)
        continue;
      if (!by || !strides[d] || int(i) == layout.panelDim)
        strides[d] = {};
      else
        *strides[d] += *by * layout.strides[i];
    }
  accesses.push_back(strides);
}

void Nest::addReads(Value tensor, AffineMap map) {
  if (!seen.insert({tensor, map}).second)
    return;
  if (const KernelBody::Buffer *buffer = body.bufferOf(tensor)) {
    if (buffer->layout.size != 1)
      addAccess(buffer->layout, map);
    return;
  }
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    return addReads(cast.getSource(), map);
  auto g = tensor.getDefiningOp<GenericOp>();
  if (!g || g.getNumReductionLoops())
    return;
  AffineMap back = inversePermutation(
      g.getIndexingMapMatchingResult(cast<OpResult>(tensor)));
  if (!back)
    return; // an odd output, which the evaluation reports
  AffineMap loops = back.compose(map);
  // Who knows where it stands must be told right: no merging.
  Strides known(sizes.size(), 0);
  g.getBody()->walk([&](linalg::IndexOp index) {
    for (unsigned d = 0; d < sizes.size(); ++d)
      if (loops.getResult(index.getDim()).isFunctionOfDim(d))
        known[d] = {};
  });
  if (llvm::is_contained(known, std::nullopt))
    accesses.push_back(known);
  for (OpOperand &o : g->getOpOperands())
    if (g.payloadUsesValueFromOperand(&o))
      addReads(o.get(), g.getMatchingIndexingMap(&o).compose(loops));
}

bool Nest::mergeable(const Loop &outer, const Loop &inner) const {
  return llvm::all_of(accesses, [&](const Strides &s) {
    return s[outer.dim] && s[inner.dim] &&
           *s[outer.dim] == *s[inner.dim] * inner.size;
  });
}

SmallVector<Nest::Loop> Nest::order(ArrayRef<unsigned> dims, int lane) const {
  SmallVector<unsigned> sorted;
  for (unsigned d : dims)
    if (sizes[d] != 1 || int(d) == lane)
      sorted.push_back(d);
  auto stride = [&](unsigned d) {
    return int(d) == lane     ? -1
           : accesses.empty() ? 0
                              : accesses[0][d].value_or(0);
  };
  llvm::stable_sort(
      sorted, [&](unsigned x, unsigned y) { return stride(x) > stride(y); });
  SmallVector<Loop> loops;
  for (unsigned d : sorted) {
    Loop loop{d, sizes[d]};
    if (!loops.empty() && mergeable(loops.back(), loop))
      loop.size *= loops.pop_back_val().size;
    loops.push_back(loop);
  }
  return loops;
}

void Nest::lanes(Position p, int lane, int64_t n, int64_t unroll,
                 function_ref<void(const Position &)> at) {
  if (lane < 0)
    return at(p);
  int64_t whole = n / kLanes;
  auto vector = [&](Index from) {
    body.newPoint();
    p.at[lane] = from.withLane(1);
    at(p);
    body.newPoint();
  };
  p.vector = true;
  if (whole <= unroll)
    for (int64_t v = 0; v < whole; ++v)
      vector(Index::of(v * kLanes));
  else
    b.loop(b.index(0), b.index(whole), 1,
           [&](Value v) { vector(Index::of(v, kLanes)); });
  if (n % kLanes) {
    p.mask = b.maskBelow(n % kLanes);
    vector(Index::of(whole * kLanes));
  }
}

void Nest::run(ArrayRef<unsigned> dims, int lane, int64_t unroll,
               function_ref<void(const Position &)> at) {
  SmallVector<Loop> outer = order(dims, lane);
  int64_t n = 1;
  if (lane >= 0)
    n = outer.pop_back_val().size;
  if (n == 1)
    lane = -1;
  int64_t rows = 1;
  SmallVector<int64_t> outerSizes;
  for (const Loop &l : outer) {
    rows *= l.size;
    outerSizes.push_back(l.size);
  }
  Position start;
  start.at.resize(sizes.size());
  auto place = [&](Position &p, Value row) {
    SmallVector<Index> i = b.delinearize(row, outerSizes);
    for (unsigned l = 0; l < outerSizes.size(); ++l)
      p.at[outer[l].dim] = i[l];
  };

  int64_t whole = n / kLanes, tail = n % kLanes;
  if (lane < 0 || rows >= kManyRows) {
    // The innermost of the outer loops runs by itself: no division in it.
    int64_t inner = outer.empty() ? 1 : outerSizes.pop_back_val();
    return body.sliceRows(rows / inner, inner,
                          [&](Value row, Value lo, Value hi) {
                            b.loop(lo, hi, 1, [&](Value i) {
                              body.newPoint();
                              Position p = start;
                              place(p, row);
                              if (!outer.empty())
                                p.at[outer.back().dim] = Index::of(i);
                              lanes(p, lane, n, unroll, at);
                              body.newPoint();
                            });
                          });
  }
  body.sliceRows(
      rows, whole + (tail ? 1 : 0), [&](Value row, Value lo, Value hi) {
        auto vector = [&](Index from, Value mask) {
          body.newPoint();
          Position p = start;
          place(p, row);
          p.vector = true;
          p.mask = mask;
          p.at[lane] = from.withLane(1);
          at(p);
          body.newPoint();
        };
        Value end = tail ? b.min(hi, b.index(whole)) : hi;
        if (whole)
          b.loop(lo, end, 1,
                 [&](Value v) { vector(Index::of(v, kLanes), {}); });
        if (!tail)
          return;
        // The thread that has the last vector has the rest of the row.
        Value hasTail = b.less(b.index(whole), hi);
        b.when(hasTail,
               [&] { vector(Index::of(whole * kLanes), b.maskBelow(tail)); });
      });
}

} // namespace varve
