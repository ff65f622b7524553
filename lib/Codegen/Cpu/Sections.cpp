#include "Sections.h"

#include "mlir/IR/Matchers.h"

#include <map>

using namespace mlir;
using linalg::GenericOp;

namespace varve {

/// Each section is a nest of loops.
constexpr size_t kMostSections = 64;

Sections::Sections(KernelBody &body, ArrayRef<int64_t> shape, int lane) {
  AffineMap all = body.b.getMultiDimIdentityMap(shape.size());
  for (Value v : body.def.getYielded())
    visit(v, all);
  std::map<unsigned, llvm::SmallSetVector<int64_t, 8>> cuts;
  for (auto [g, map] : loops)
    g->walk([&](arith::CmpIOp compare) {
      auto index = compare.getLhs().getDefiningOp<linalg::IndexOp>();
      APInt at;
      if (!index || compare.getPredicate() != arith::CmpIPredicate::slt ||
          !matchPattern(compare.getRhs(), m_ConstantInt(&at)))
        return;
      std::optional<unsigned> d = dimOf(index);
      if (d && at.sgt(0) && at.slt(shape[*d]))
        cuts[*d].insert(at.getSExtValue());
    });
  bounds = {0};
  for (auto &[d, places] : cuts) {
    SmallVector<int64_t> sorted(places.getArrayRef());
    llvm::sort(sorted);
    sorted.insert(sorted.begin(), 0);
    sorted.push_back(shape[d]);
    // Vectors do not reach over the end of a section.
    bool isShort = false;
    for (size_t i = 0; i + 1 < sorted.size(); ++i)
      isShort |= int(d) == lane && sorted[i + 1] - sorted[i] < kLanes;
    if (isShort || sorted.size() > kMostSections ||
        sorted.size() <= bounds.size())
      continue;
    dim = d;
    bounds = sorted;
  }
  if (bounds.size() == 1)
    bounds.push_back(shape.empty() ? 1 : shape[dim]);
}

void Sections::visit(Value tensor, AffineMap map) {
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    return visit(cast.getSource(), map);
  auto g = tensor.getDefiningOp<GenericOp>();
  if (!g)
    return;
  AffineMap back = inversePermutation(
      g.getIndexingMapMatchingResult(cast<OpResult>(tensor)));
  map = map && back ? back.compose(map) : AffineMap();
  auto [at, isNew] = loops.insert({g, map});
  if (!isNew) {
    if (at->second == map || !at->second)
      return;
    map = at->second = AffineMap();
  }
  for (OpOperand &o : g->getOpOperands())
    if (g.payloadUsesValueFromOperand(&o))
      visit(o.get(),
            map ? g.getMatchingIndexingMap(&o).compose(map) : AffineMap());
  g.getBody()->walk([&](tensor::ExtractOp extract) {
    visit(extract.getTensor(), AffineMap());
  });
}

std::optional<unsigned> Sections::dimOf(linalg::IndexOp index) const {
  AffineMap map = loops.lookup(index->getParentOfType<GenericOp>());
  if (!map)
    return {};
  auto d = dyn_cast<AffineDimExpr>(map.getResult(index.getDim()));
  return d ? std::optional(d.getPosition()) : std::nullopt;
}

std::optional<Sections::Range> Sections::rangeOf(Value v, Range along) const {
  APInt c;
  if (matchPattern(v, m_ConstantInt(&c)))
    return Range{c.getSExtValue(), c.getSExtValue()};
  if (auto index = v.getDefiningOp<linalg::IndexOp>()) {
    std::optional<unsigned> d = dimOf(index);
    return d == dim ? std::optional(along) : std::nullopt;
  }
  Operation *op = v.getDefiningOp();
  if (!isa_and_nonnull<arith::SubIOp, arith::MaxSIOp, arith::MinSIOp>(op))
    return {};
  auto x = rangeOf(op->getOperand(0), along),
       y = rangeOf(op->getOperand(1), along);
  if (!x || !y)
    return {};
  if (isa<arith::SubIOp>(op))
    return Range{x->low - y->high, x->high - y->low};
  if (isa<arith::MaxSIOp>(op))
    return Range{std::max(x->low, y->low), std::max(x->high, y->high)};
  return Range{std::min(x->low, y->low), std::min(x->high, y->high)};
}

llvm::DenseMap<Value, Value> Sections::equalsIn(size_t section) const {
  Range along{bounds[section], bounds[section + 1] - 1};
  llvm::DenseMap<Value, Value> equal;
  auto ranges = [&](Operation *op) {
    auto x = rangeOf(op->getOperand(0), along),
         y = rangeOf(op->getOperand(1), along);
    return x && y ? std::optional(std::pair(*x, *y)) : std::nullopt;
  };
  for (auto [g, map] : loops)
    g->walk([&](Operation *op) {
      if (auto select = dyn_cast<arith::SelectOp>(op)) {
        auto less = select.getCondition().getDefiningOp<arith::CmpIOp>();
        if (!less || less.getPredicate() != arith::CmpIPredicate::slt)
          return;
        if (auto r = ranges(less)) {
          if (r->first.high < r->second.low)
            equal[select.getResult()] = select.getTrueValue();
          else if (r->first.low >= r->second.high)
            equal[select.getResult()] = select.getFalseValue();
        }
      } else if (isa<arith::MaxSIOp, arith::MinSIOp>(op)) {
        auto r = ranges(op);
        if (r && (isa<arith::MaxSIOp>(op) ? r->first.low >= r->second.high
                                          : r->first.high <= r->second.low))
          equal[op->getResult(0)] = op->getOperand(0);
      }
    });
  return equal;
}

} // namespace varve
