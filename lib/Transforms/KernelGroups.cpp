// The graph of nodes and groups behind kernel fusion.
#include "Transforms/KernelGroups.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Dialect/Kernel/Place.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>
#include <queue>

using namespace mlir;
using namespace varve;

// ---- operations ----

static bool isView(Operation *op) {
  return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(
      op);
}

bool varve::isStore(Operation *op) {
  return isa<bufferization::MaterializeInDestinationOp,
             bufferization::AllocTensorOp>(op);
}

bool varve::isNode(Operation *op) {
  return op && op->getNumResults() > 0 && !isView(op) && !isStore(op) &&
         !isa<linalg::FillOp, tensor::EmptyOp, arith::ConstantOp,
              bufferization::ToTensorOp>(op);
}

/// A loop that goes over the elements of tensors, and not over kernels.
static bool goesOverElements(Operation *op) {
  bool writes = false;
  auto loop = dyn_cast<scf::ForOp>(op);
  auto walked = op->walk([&](Operation *inner) {
    writes |= isa<tensor::InsertOp>(inner);
    bool tensors = llvm::any_of(inner->getResultTypes(), llvm::IsaPred<TensorType>);
    return tensors && !isa<tensor::InsertOp, scf::ForOp, scf::IfOp>(inner)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return loop && writes && !walked.wasInterrupted();
}

bool varve::isStatement(Operation *op) {
  return !isa<linalg::LinalgOp, kernel::ConvOp>(op) && !goesOverElements(op);
}

bool varve::isCloned(Value v) {
  Operation *op = v.getDefiningOp();
  if (!op)
    return false;
  if (isa<arith::ConstantOp>(op))
    return !isa<TensorType>(v.getType());
  return isa<linalg::FillOp, tensor::EmptyOp>(op);
}

bool varve::isFold(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumReductionLoops() &&
         !linalg::isaContractionOpInterface(cast<linalg::LinalgOp>(op));
}

Operation *varve::ancestorIn(Operation *op, Block *block) {
  while (op && op->getBlock() != block)
    op = op->getParentOp();
  return op;
}

Location KernelGroup::getLoc() const {
  return (root ? root : ops.front())->getLoc();
}

std::string KernelGroup::getName() const {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(root);
  auto conv = dyn_cast_or_null<kernel::ConvOp>(root);
  std::string name =
      !root      ? "map"
      : conv     ? "conv_" + kernel::stringifyConvKind(conv.getKind()).str()
      : !generic ? "loop"
      : linalg::isaContractionOpInterface(cast<linalg::LinalgOp>(root))
          ? "contract"
          : "reduce";
  const char *separator = "_";
  for (int64_t size : space) {
    name += separator + std::to_string(size);
    separator = "x";
  }
  return name;
}

// ---- the graph ----

namespace {
/// Groups stand in an order in which they could run, so that a way from one to
/// another only needs to be looked for between the two.
class Grouping {
public:
  Grouping(Block &block, const DenseSet<Operation *> &withReader)
      : block(block), withReader(withReader) {}
  FailureOr<SmallVector<KernelGroup>> run(bool merge);

private:
  unsigned groupOf(Operation *op) const { return group[position.lookup(op)]; }
  Operation *nodeBehind(Value v) const;
  bool isMine(Operation *op) const {
    return isNode(op) && op->getBlock() == &block;
  }
  void collect();
  void orderUpdates();
  void addEdge(unsigned from, unsigned to) { successors[from].push_back(to); }
  /// Marks the groups that `from` leads to and that stand before `to`. Whether
  /// one of these, or `from` itself if `direct`, leads to `to`.
  bool reaches(unsigned from, unsigned to, bool direct);
  /// Behind the last call of `reaches`, which found no way: puts `to` right
  /// before what `from` leads to.
  void putBefore(unsigned from, unsigned to, bool merged);
  /// Whether a group reads what another makes through a view. Views stand
  /// outside of kernels: one kernel of both would wait for itself.
  bool readsView(unsigned reader, unsigned maker) const;
  /// Makes one group of two, unless a way leads from one to the other through
  /// a third (with `direct`, any way): the kernels would wait for each other.
  bool tryUnite(unsigned into, unsigned other, bool direct);
  bool mergeIfAllowed(unsigned into, unsigned other);
  void joinProducers(Operation *op);
  void joinPrologue(Operation *root);
  void joinSiblings();
  FailureOr<SmallVector<KernelGroup>> schedule();
  void sortByLevel(SmallVector<unsigned> &order,
                   ArrayRef<SetVector<unsigned>> next);

  Block &block;
  const DenseSet<Operation *> &withReader;
  SmallVector<Operation *> nodes; ///< in program order
  DenseMap<Operation *, unsigned> position;
  std::vector<unsigned> group;                   ///< by position
  std::vector<SmallVector<unsigned>> successors; ///< positions
  std::vector<KernelGroup> groups;               ///< merged ones are empty
  std::vector<unsigned> rank, ranked; ///< place of a group, group at a place
  std::vector<unsigned> mark;         ///< by group: the last search that saw it
  unsigned searches = 0;
};
} // namespace

static constexpr unsigned nobody = ~0u;

/// Elements from which on an activation weighs more than a kernel.
static constexpr int64_t kLargeSpace = 1 << 18;

/// Reductions in one kernel: more need more registers than there are.
static constexpr unsigned kMostSiblings = 4;

/// The node behind a value, through views; null for inputs, constants and what
/// other blocks make.
Operation *Grouping::nodeBehind(Value v) const {
  Operation *op = v.getDefiningOp();
  while (op && isView(op))
    op = op->getOperand(0).getDefiningOp();
  return isMine(op) ? op : nullptr;
}

void Grouping::collect() {
  for (Operation &op : block) {
    if (!isNode(&op))
      continue;
    position[&op] = nodes.size();
    nodes.push_back(&op);
    KernelGroup single;
    single.ops.push_back(&op);
    single.members.insert(&op);
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (generic.getNumReductionLoops())
        single.root = &op;
      auto type = cast<RankedTensorType>(op.getResult(0).getType());
      single.space.assign(type.getShape().begin(), type.getShape().end());
    } else {
      single.root = &op;
      if (auto conv = dyn_cast<kernel::ConvOp>(op))
        single.space.assign(conv.getType().getShape());
    }
    groups.push_back(single);
  }
  successors.resize(nodes.size());
  group.resize(nodes.size());
  std::iota(group.begin(), group.end(), 0);
  rank = ranked = group;
  mark.assign(nodes.size(), 0);
  for (Operation *op : nodes)
    for (Value v : inputsOf(op))
      if (Operation *producer = nodeBehind(v))
        addEdge(position[producer], position[op]);
}

bool Grouping::reaches(unsigned from, unsigned to, bool direct) {
  ++searches;
  bool found = false;
  SmallVector<unsigned> stack;
  auto expand = [&](unsigned g) {
    for (Operation *op : groups[g].ops)
      for (unsigned next : successors[position.lookup(op)]) {
        unsigned n = group[next];
        if (n == to)
          found |= direct || g != from;
        else if (rank[n] < rank[to] && n != g && mark[n] != searches) {
          mark[n] = searches;
          stack.push_back(n);
        }
      }
  };
  expand(from);
  while (!stack.empty() && !found)
    expand(stack.pop_back_val());
  return found;
}

void Grouping::putBefore(unsigned from, unsigned to, bool merged) {
  unsigned place = rank[from];
  SmallVector<unsigned> later;
  auto put = [&](unsigned g) {
    rank[g] = place;
    ranked[place++] = g;
  };
  if (!merged)
    later.push_back(from);
  for (unsigned r = rank[from] + 1, last = rank[to]; r < last; ++r) {
    unsigned g = ranked[r];
    if (g == nobody)
      continue;
    if (mark[g] == searches)
      later.push_back(g);
    else
      put(g);
  }
  unsigned last = rank[to];
  put(to);
  for (unsigned g : later)
    put(g);
  while (place <= last)
    ranked[place++] = nobody;
}

// Whoever reads the old value of a state comes before the node that makes the
// new one, unless it needs the new one: then a copy will be made.
void Grouping::orderUpdates() {
  DenseMap<Value, SmallVector<unsigned>> readers; // buffer -> nodes
  for (Operation *op : nodes)
    for (Value v : inputsOf(op)) {
      Operation *source = v.getDefiningOp();
      while (source && isView(source))
        source = source->getOperand(0).getDefiningOp();
      if (auto read = dyn_cast_or_null<bufferization::ToTensorOp>(source))
        readers[read.getBuffer()].push_back(position[op]);
    }
  for (auto store : block.getOps<bufferization::MaterializeInDestinationOp>()) {
    Operation *behind = nodeBehind(store.getSource());
    if (!behind)
      continue;
    unsigned maker = position[behind];
    for (unsigned reader : readers.lookup(store.getDest())) {
      if (reader == maker)
        continue;
      if (rank[maker] < rank[reader]) {
        if (reaches(maker, reader, /*direct=*/true))
          continue;
        putBefore(maker, reader, /*merged=*/false);
      }
      addEdge(reader, maker);
    }
  }
}

bool Grouping::readsView(unsigned reader, unsigned maker) const {
  return llvm::any_of(groups[reader].ops, [&](Operation *op) {
    return llvm::any_of(inputsOf(op), [&](Value v) {
      Operation *view = v.getDefiningOp(), *node = nodeBehind(v);
      return view && isView(view) && node && groupOf(node) == maker;
    });
  });
}

bool Grouping::tryUnite(unsigned x, unsigned y, bool direct) {
  // A stage computes what is its own when its turn comes, and what is computed
  // again to save memory comes late.
  for (StringRef key : {"stage", "again"})
    if (placeOf(groups[x].getLoc(), key) != placeOf(groups[y].getLoc(), key))
      return false;
  // Nor does the forward pass make large tensors for the backward pass alone:
  // masks, say, that come out of what is kept anyway.
  auto isForward = [&](unsigned g) {
    return placeOf(groups[g].getLoc(), "phase").empty();
  };
  int64_t elements = 1;
  for (int64_t size : groups[y].space)
    elements *= size;
  if (elements >= kLargeSpace && isForward(x) != isForward(y))
    return false;
  unsigned from = x, to = y;
  if (rank[from] > rank[to])
    std::swap(from, to);
  if (readsView(to, from))
    return false;
  if (reaches(from, to, direct))
    return false;
  putBefore(from, to, /*merged=*/true);
  if (to != x) {
    ranked[rank[to]] = x;
    rank[x] = rank[to];
  }
  KernelGroup &a = groups[x], &b = groups[y];
  if (b.root && !a.root)
    a.root = b.root;
  for (Operation *op : b.ops)
    group[position.lookup(op)] = x;
  llvm::append_range(a.ops, b.ops);
  llvm::sort(a.ops, [&](Operation *u, Operation *v) {
    return position.lookup(u) < position.lookup(v);
  });
  a.members.insert(b.members.begin(), b.members.end());
  b = KernelGroup();
  return true;
}

bool Grouping::mergeIfAllowed(unsigned into, unsigned other) {
  if (into == other)
    return true;
  if (groups[into].root && groups[other].root)
    return false;
  return tryUnite(into, other, /*direct=*/false);
}

// An elementwise operation joins those that made its operands, element for
// element.
void Grouping::joinProducers(Operation *op) {
  auto generic = cast<linalg::GenericOp>(op);
  SetVector<unsigned> candidates;
  for (OpOperand *input : generic.getDpsInputOperands()) {
    Operation *producer = input->get().getDefiningOp();
    if (!isMine(producer) ||
        !isa<linalg::GenericOp, kernel::ConvOp>(producer) ||
        !generic.getMatchingIndexingMap(input).isIdentity() ||
        (withReader.contains(op) && !withReader.contains(producer)))
      continue;
    unsigned g = groupOf(producer);
    if (g != groupOf(op) && groups[g].space == groups[groupOf(op)].space)
      candidates.insert(g);
  }
  SmallVector<unsigned> order(candidates.getArrayRef());
  llvm::stable_sort(order, [&](unsigned x, unsigned y) {
    auto rank = [&](unsigned g) {
      Operation *root = groups[g].root;
      return !root ? 2
             : isa<kernel::ConvOp>(root) ||
                     linalg::isaContractionOpInterface(
                         dyn_cast<linalg::LinalgOp>(root))
                 ? 0
                 : 1;
    };
    return rank(x) < rank(y);
  });
  for (unsigned g : order)
    mergeIfAllowed(g, groupOf(op));
}

// What only a reduction reads is computed where it is reduced.
void Grouping::joinPrologue(Operation *root) {
  auto generic = dyn_cast<linalg::GenericOp>(root);
  if (!generic || linalg::isaContractionOpInterface(
                      cast<linalg::LinalgOp>(generic.getOperation())))
    return;
  for (OpOperand *input : generic.getDpsInputOperands()) {
    Operation *producer = input->get().getDefiningOp();
    if (!isMine(producer) || groups[groupOf(producer)].root)
      continue;
    unsigned g = groupOf(producer);
    bool readHereOnly = llvm::all_of(groups[g].ops, [&](Operation *op) {
      return llvm::all_of(op->getUsers(), [&](Operation *user) {
        Operation *at = ancestorIn(user, op->getBlock());
        return at == root || groups[g].contains(at);
      });
    });
    unsigned mine = groupOf(root);
    SmallVector<int64_t> space = groups[mine].space;
    if (readHereOnly && mergeIfAllowed(mine, g))
      groups[mine].space = space;
  }
}

/// A reduction with one result that joins its operand by one operation.
static linalg::GenericOp foldIn(Operation *root) {
  if (!root || !isFold(root) || root->getNumResults() != 1)
    return {};
  auto generic = cast<linalg::GenericOp>(root);
  BlockArgument acc = generic.getRegionOutputArgs()[0];
  Operation *join =
      generic.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  bool folds = join && generic.getBody()->getOperations().size() == 2 &&
               join->getNumOperands() == 2 && acc.hasOneUse() &&
               join->hasTrait<OpTrait::IsCommutative>();
  return folds ? generic : linalg::GenericOp();
}

static bool haveSameLoops(linalg::GenericOp x, linalg::GenericOp y) {
  return x.getStaticLoopRanges() == y.getStaticLoopRanges() &&
         x.getIteratorTypesArray() == y.getIteratorTypesArray() &&
         x.getIndexingMapMatchingResult(x->getResult(0)) ==
             y.getIndexingMapMatchingResult(y->getResult(0));
}

// Reductions over the same space that read the same tensor, or tensors of one
// kernel, read them together: the sums of dy and of dy * x that the gradient
// of a normalization needs.
void Grouping::joinSiblings() {
  llvm::MapVector<std::pair<void *, unsigned>, SmallVector<unsigned>> readers;
  for (auto [g, each] : llvm::enumerate(groups)) {
    linalg::GenericOp fold = foldIn(each.root);
    if (!fold)
      continue;
    int64_t points = 1;
    for (int64_t n : fold.getStaticLoopRanges())
      points *= n;
    SetVector<std::pair<void *, unsigned>> sources;
    for (Operation *op : each.ops)
      for (Value v : inputsOf(op)) {
        auto type = dyn_cast<RankedTensorType>(v.getType());
        Operation *maker = nodeBehind(v);
        if (!type || !type.hasStaticShape() ||
            type.getNumElements() * 2 < points || each.contains(maker))
          continue;
        sources.insert(maker ? std::make_pair((void *)nullptr, groupOf(maker))
                             : std::make_pair(v.getAsOpaquePointer(), 0u));
      }
    for (auto &source : sources)
      readers[source].push_back(g);
  }
  DenseMap<unsigned, unsigned> roots;
  auto count = [&](unsigned g) { return std::max(1u, roots.lookup(g)); };
  for (auto &[source, list] : readers)
    for (unsigned i = 0; i < list.size(); ++i)
      for (unsigned j = 0; j < i; ++j) {
        unsigned x = list[j], y = list[i];
        if (groups[x].ops.empty() || groups[y].ops.empty() || x == y ||
            count(x) + count(y) > kMostSiblings ||
            !haveSameLoops(foldIn(groups[x].root), foldIn(groups[y].root)))
          continue;
        unsigned both = count(x) + count(y);
        if (tryUnite(x, y, /*direct=*/true))
          roots[x] = both;
      }
}

// The level of a kernel is the length of the longest chain that it waits for:
// kernels of one level need no barrier between them. So the forward pass of a
// stage stands beside the backward pass of the one below. What waits for
// nothing comes right before its first reader, lest its result lies about.
void Grouping::sortByLevel(SmallVector<unsigned> &order,
                           ArrayRef<SetVector<unsigned>> next) {
  std::vector<unsigned> level(groups.size(), 0);
  for (unsigned g : order)
    for (unsigned n : next[g])
      level[n] = std::max(level[n], level[g] + 1);
  for (unsigned g : order) {
    if (level[g] || next[g].empty())
      continue;
    unsigned first = nobody;
    for (unsigned n : next[g])
      first = std::min(first, level[n]);
    level[g] = first - 1;
  }
  llvm::stable_sort(
      order, [&](unsigned x, unsigned y) { return level[x] < level[y]; });
}

// Kahn's order; among those that may run, the one that stood first.
FailureOr<SmallVector<KernelGroup>> Grouping::schedule() {
  SmallVector<unsigned> waiting(groups.size(), 0);
  SmallVector<SetVector<unsigned>> next(groups.size());
  for (auto [g, each] : llvm::enumerate(groups))
    for (Operation *op : each.ops)
      for (unsigned successor : successors[position.lookup(op)]) {
        unsigned n = group[successor];
        if (n != g && next[g].insert(n))
          ++waiting[n];
      }
  auto place = [&](unsigned g) {
    const KernelGroup &each = groups[g];
    // Scalars as soon as they can be: what waits for them, the update of each
    // weight for Adam's corrections, keeps its operands alive.
    bool isNumber = each.root ? isStatement(each.root) &&
                                    each.root->getNumRegions() == 0
                              : each.space.empty();
    if (isNumber)
      return 0u;
    return position.lookup(each.root ? each.root : each.ops.front());
  };
  using Entry = std::pair<unsigned, unsigned>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> ready;
  unsigned live = 0;
  for (auto [g, each] : llvm::enumerate(groups))
    if (!each.ops.empty()) {
      ++live;
      if (!waiting[g])
        ready.push({place(g), g});
    }
  SmallVector<unsigned> order;
  while (!ready.empty()) {
    unsigned g = ready.top().second;
    ready.pop();
    order.push_back(g);
    for (unsigned n : next[g])
      if (--waiting[n] == 0)
        ready.push({place(n), n});
  }
  if (order.size() != live)
    return block.getParentOp()->emitOpError(
        "kernels depend on each other in a circle");
  if (block.getParentOp()->hasAttr("varve.parallel"))
    sortByLevel(order, next);
  return llvm::map_to_vector(order, [&](unsigned g) { return groups[g]; });
}

FailureOr<SmallVector<KernelGroup>> Grouping::run(bool merge) {
  collect();
  orderUpdates();
  for (Operation *op : nodes) {
    if (!merge)
      break;
    if (groups[groupOf(op)].root == op)
      joinPrologue(op);
    else if (isa<linalg::GenericOp>(op))
      joinProducers(op);
  }
  if (merge)
    joinSiblings();
  return schedule();
}

FailureOr<SmallVector<KernelGroup>>
varve::groupKernels(Block &block, bool merge,
                    const DenseSet<Operation *> &withReader) {
  return Grouping(block, withReader).run(merge);
}
