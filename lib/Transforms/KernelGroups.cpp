// The graph of nodes and groups behind kernel fusion.
#include "Transforms/KernelGroups.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Dialect/Kernel/Place.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include <queue>

using namespace mlir;
using namespace varve;

// ---- operations ----

static bool isView(Operation *op) {
  return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(
      op);
}

bool varve::isNode(Operation *op) {
  return op && op->getNumResults() > 0 && !isView(op) &&
         !isa<linalg::FillOp, tensor::EmptyOp, arith::ConstantOp,
              bufferization::ToTensorOp>(op);
}

bool varve::isCloned(Value v) {
  Operation *op = v.getDefiningOp();
  if (!op)
    return false;
  if (isa<arith::ConstantOp>(op))
    return !isa<TensorType>(v.getType());
  return isa<linalg::FillOp, tensor::EmptyOp>(op);
}

SmallVector<Value> varve::inputsOf(Operation *op) {
  SetVector<Value> inputs;
  inputs.insert(op->operand_begin(), op->operand_end());
  if (op->getNumRegions())
    op->walk([&](Operation *inner) {
      for (Value v : inner->getOperands())
        if (!op->isAncestor(v.getParentBlock()->getParentOp()))
          inputs.insert(v);
    });
  return inputs.takeVector();
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
class Grouping {
public:
  explicit Grouping(func::FuncOp func) : func(func) {}
  FailureOr<SmallVector<KernelGroup>> run(bool merge);

private:
  unsigned groupOf(Operation *op) const { return group.lookup(op); }
  void collect();
  void orderUpdates();
  /// Whether a way leads from group `from` to `to` through at least one other.
  bool reachesAround(unsigned from, unsigned to) const;
  bool reaches(unsigned from, unsigned to, bool skipDirect) const;
  bool mergeIfAllowed(unsigned into, unsigned other);
  void joinProducers(Operation *op);
  void joinPrologue(Operation *root);
  FailureOr<SmallVector<KernelGroup>> schedule();

  func::FuncOp func;
  SmallVector<Operation *> nodes; ///< in program order
  DenseMap<Operation *, unsigned> position, group;
  DenseMap<Operation *, SmallVector<Operation *>> successors;
  SmallVector<KernelGroup> groups; ///< merged ones are empty
};
} // namespace

/// The node behind a value, through views; null for inputs and constants.
static Operation *nodeBehind(Value v) {
  Operation *op = v.getDefiningOp();
  while (op && isView(op))
    op = op->getOperand(0).getDefiningOp();
  return isNode(op) ? op : nullptr;
}

void Grouping::collect() {
  for (Operation &op : func.getBody().front()) {
    if (!isNode(&op))
      continue;
    position[&op] = nodes.size();
    group[&op] = nodes.size();
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
    for (Value v : inputsOf(&op))
      if (Operation *producer = nodeBehind(v))
        successors[producer].push_back(&op);
  }
}

bool Grouping::reaches(unsigned from, unsigned to, bool skipDirect) const {
  DenseSet<unsigned> seen;
  SmallVector<unsigned> stack;
  auto expand = [&](unsigned g) {
    for (Operation *op : groups[g].ops) {
      auto it = successors.find(op);
      if (it == successors.end())
        continue;
      for (Operation *next : it->second) {
        unsigned n = groupOf(next);
        if (n == g || (skipDirect && g == from && n == to))
          continue;
        if (seen.insert(n).second)
          stack.push_back(n);
      }
    }
  };
  expand(from);
  while (!stack.empty()) {
    unsigned g = stack.pop_back_val();
    if (g == to)
      return true;
    expand(g);
  }
  return false;
}

bool Grouping::reachesAround(unsigned from, unsigned to) const {
  return reaches(from, to, /*skipDirect=*/true);
}

// Whoever reads the old value of a state comes before the node that makes the
// new one, unless it needs the new one: then a copy will be made.
void Grouping::orderUpdates() {
  DenseMap<Value, SmallVector<Operation *>> readers; // buffer -> nodes
  for (Operation *op : nodes)
    for (Value v : inputsOf(op)) {
      Operation *source = v.getDefiningOp();
      while (source && isView(source))
        source = source->getOperand(0).getDefiningOp();
      if (auto read = dyn_cast_or_null<bufferization::ToTensorOp>(source))
        readers[read.getBuffer()].push_back(op);
    }
  for (auto store : func.getOps<bufferization::MaterializeInDestinationOp>()) {
    Operation *maker = nodeBehind(store.getSource());
    if (!maker)
      continue;
    for (Operation *reader : readers.lookup(store.getDest()))
      if (reader != maker &&
          !reaches(groupOf(maker), groupOf(reader), /*skipDirect=*/false))
        successors[reader].push_back(maker);
  }
}

bool Grouping::mergeIfAllowed(unsigned into, unsigned other) {
  if (into == other)
    return true;
  KernelGroup &a = groups[into], &b = groups[other];
  // A stage computes what is its own when its turn comes, and what is computed
  // again to save memory comes late.
  for (StringRef key : {"stage", "again"})
    if (placeOf(a.getLoc(), key) != placeOf(b.getLoc(), key))
      return false;
  if ((a.root && b.root) || reachesAround(into, other) ||
      reachesAround(other, into))
    return false;
  if (b.root)
    a.root = b.root;
  for (Operation *op : b.ops)
    group[op] = into;
  llvm::append_range(a.ops, b.ops);
  llvm::sort(a.ops, [&](Operation *x, Operation *y) {
    return position.lookup(x) < position.lookup(y);
  });
  a.members.insert(b.members.begin(), b.members.end());
  b = KernelGroup();
  return true;
}

// An elementwise operation joins those that made its operands, element for
// element.
void Grouping::joinProducers(Operation *op) {
  auto generic = cast<linalg::GenericOp>(op);
  SetVector<unsigned> candidates;
  for (OpOperand *input : generic.getDpsInputOperands()) {
    Operation *producer = input->get().getDefiningOp();
    if (!isNode(producer) ||
        !isa<linalg::GenericOp, kernel::ConvOp>(producer) ||
        !generic.getMatchingIndexingMap(input).isIdentity())
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
    if (!isNode(producer) || groups[groupOf(producer)].root)
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

// Kahn's order; among those that may run, the one that stood first.
FailureOr<SmallVector<KernelGroup>> Grouping::schedule() {
  SmallVector<unsigned> waiting(groups.size(), 0);
  SmallVector<SetVector<unsigned>> next(groups.size());
  for (auto [g, each] : llvm::enumerate(groups))
    for (Operation *op : each.ops)
      for (Operation *successor : successors.lookup(op)) {
        unsigned n = groupOf(successor);
        if (n != g && next[g].insert(n))
          ++waiting[n];
      }
  auto place = [&](unsigned g) {
    const KernelGroup &each = groups[g];
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
  SmallVector<KernelGroup> order;
  while (!ready.empty()) {
    unsigned g = ready.top().second;
    ready.pop();
    order.push_back(groups[g]);
    for (unsigned n : next[g])
      if (--waiting[n] == 0)
        ready.push({place(n), n});
  }
  if (order.size() != live)
    return func.emitOpError("kernels depend on each other in a circle");
  return order;
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
  return schedule();
}

FailureOr<SmallVector<KernelGroup>> varve::groupKernels(func::FuncOp func,
                                                        bool merge) {
  return Grouping(func).run(merge);
}
