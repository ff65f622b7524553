// What is cheap to compute from what is in memory anyway is not stored: each
// kernel that reads it computes it again.
//
// The normalized activations of a batch normalization are the largest case.
// Both its statistics and its gradient read them; all they take is one
// subtraction and one product from the activations, which are in memory, and
// two vectors.
#include "Transforms/KernelGroups.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace varve;

namespace {

/// Elements of a tensor from which on its place in memory matters.
constexpr int64_t kLarge = 1 << 14;
/// Scalar operations that one element may take to compute again.
constexpr int64_t kCheap = 12;

class Recompute {
public:
  Recompute(func::FuncOp func, ArrayRef<KernelGroup> groups) : func(func) {
    for (const KernelGroup &g : groups)
      for (Operation *op : g.ops)
        group[op] = &g;
    for (auto store : func.getOps<bufferization::MaterializeInDestinationOp>())
      written.insert(store.getDest());
  }
  llvm::DenseSet<Operation *> run();

private:
  using Group = const KernelGroup *;
  using Leaves = SetVector<Value>;

  /// `op` could be done again elsewhere.
  bool repeatable(Operation *op) const;
  /// Readers outside the group; fails if one needs the value in memory.
  LogicalResult readers(linalg::GenericOp op, SetVector<Group> &where) const;
  /// What `op` is computed from in another kernel: large tensors in memory.
  LogicalResult collect(linalg::GenericOp op, Group home, Leaves &leaves,
                        int64_t &cost) const;
  /// The operand is computed again with what reads it.
  linalg::GenericOp repeatedWith(Value operand, Group home) const;
  /// Large tensors that the kernel reads, but for `except`.
  Leaves readsOf(Group g, Value except) const;
  void decide(linalg::GenericOp op);
  Value repeat(linalg::GenericOp op, Group home, Group at, OpBuilder &b);

  func::FuncOp func;
  DenseMap<Operation *, Group> group;
  DenseSet<Value> written;     // buffers of states that change
  DenseSet<Operation *> again; // what was decided
  DenseMap<std::pair<Operation *, Group>, Value> made;
  DenseMap<Value, Value> origin; // of what was made
};

bool isLarge(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type && type.hasStaticShape() && type.getNumElements() >= kLarge;
}

bool Recompute::repeatable(Operation *op) const {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || generic.getNumReductionLoops() ||
      generic->getNumResults() != 1 ||
      !generic.getIndexingMapMatchingResult(generic->getResult(0))
           .isIdentity() ||
      !llvm::all_of(inputsOf(op), [&](Value v) {
        return llvm::is_contained(op->getOperands(), v) ||
               v.getDefiningOp<arith::ConstantOp>();
      }))
    return false;
  OpOperand *init = generic.getDpsInitOperand(0);
  if (generic.payloadUsesValueFromOperand(init))
    return false;
  return llvm::all_of(*generic.getBody(), [](Operation &inner) {
    return isa<linalg::YieldOp>(inner) ||
           (isa<arith::ArithDialect>(inner.getDialect()) &&
            !isa<arith::DivFOp, arith::RemFOp>(inner));
  });
}

LogicalResult Recompute::readers(linalg::GenericOp op,
                                 SetVector<Group> &where) const {
  Group home = group.lookup(op);
  for (OpOperand &use : op->getResult(0).getUses()) {
    Operation *user = use.getOwner();
    Group g = group.lookup(user);
    if (g && g == home)
      continue;
    auto generic = dyn_cast<linalg::GenericOp>(user);
    if (!g || !generic || !generic.isDpsInput(&use))
      return failure();
    // Of elementwise operations only those that would share its kernel.
    if (generic.getNumReductionLoops()
            ? !isFold(user)
            : !generic.getMatchingIndexingMap(&use).isIdentity())
      return failure();
    where.insert(g);
  }
  return success();
}

linalg::GenericOp Recompute::repeatedWith(Value operand, Group home) const {
  auto op = operand.getDefiningOp<linalg::GenericOp>();
  if (!op || !isLarge(operand) || !repeatable(op))
    return {};
  if (again.contains(op))
    return op;
  // What only this kernel reads is stored nowhere.
  SetVector<Group> where;
  bool inside = group.lookup(op) == home && succeeded(readers(op, where)) &&
                where.empty();
  return inside ? op : linalg::GenericOp();
}

LogicalResult Recompute::collect(linalg::GenericOp op, Group home,
                                 Leaves &leaves, int64_t &cost) const {
  cost += llvm::range_size(op.getBody()->without_terminator());
  if (cost > kCheap)
    return failure();
  for (OpOperand *o : op.getDpsInputOperands()) {
    Value v = o->get();
    if (!isLarge(v))
      continue;
    if (auto maker = repeatedWith(v, home)) {
      if (!op.getMatchingIndexingMap(o).isIdentity() ||
          failed(collect(maker, group.lookup(maker), leaves, cost)))
        return failure();
      continue;
    }
    // A state may have changed by then.
    auto read = v.getDefiningOp<bufferization::ToTensorOp>();
    if (read && written.contains(read.getBuffer()))
      return failure();
    leaves.insert(v);
  }
  return success();
}

Recompute::Leaves Recompute::readsOf(Group g, Value except) const {
  Leaves reads;
  for (Operation *op : g->ops)
    for (Value v : inputsOf(op)) {
      if (v == except || !isLarge(v) || g->contains(v.getDefiningOp()))
        continue;
      int64_t cost = INT64_MIN / 2;
      if (auto maker = v.getDefiningOp<linalg::GenericOp>();
          maker && again.contains(maker))
        (void)collect(maker, group.lookup(maker), reads, cost);
      else
        reads.insert(v);
    }
  return reads;
}

// A store counts twice, since its line comes from memory first.
void Recompute::decide(linalg::GenericOp op) {
  Value v = op->getResult(0);
  Group home = group.lookup(op);
  SetVector<Group> where;
  if (!home || !isLarge(v) || !repeatable(op) || failed(readers(op, where)) ||
      where.empty())
    return;
  Leaves leaves;
  int64_t cost = 0;
  if (failed(collect(op, home, leaves, cost)))
    return;
  int64_t bytes = 0;
  for (Group g : where) {
    Leaves reads = readsOf(g, v);
    for (Value leaf : leaves)
      bytes += reads.contains(leaf) ? 0 : bytesOf(leaf);
  }
  // A leaf that nothing outside its kernel reads is not in memory yet.
  for (Value leaf : leaves)
    if (Operation *maker = leaf.getDefiningOp(); maker && group.lookup(maker))
      if (llvm::all_of(leaf.getUsers(), [&](Operation *user) {
            return group.lookup(user) == group.lookup(maker);
          }))
        bytes += 2 * bytesOf(leaf);
  if (bytes < (2 + int64_t(where.size())) * bytesOf(v))
    again.insert(op);
}

Value Recompute::repeat(linalg::GenericOp op, Group home, Group at,
                        OpBuilder &b) {
  Value &known = made[{op, at}];
  if (known)
    return known;
  IRMapping mapping;
  for (OpOperand *o : op.getDpsInputOperands()) {
    Value v = o->get();
    if (Value first = origin.lookup(v))
      v = first;
    if (auto maker = repeatedWith(v, home))
      mapping.map(o->get(), repeat(maker, group.lookup(maker), at, b));
    else
      mapping.map(o->get(), v);
  }
  // It belongs to its reader: to that stage, and to that phase.
  Operation *copy = b.clone(*op, mapping);
  copy->setLoc(at->getLoc());
  Value v = copy->getResult(0);
  origin[v] = op->getResult(0);
  return made[{op, at}] = v;
}

llvm::DenseSet<Operation *> Recompute::run() {
  Block &block = func.front();
  for (auto op : block.getOps<linalg::GenericOp>())
    decide(op);
  if (again.empty())
    return {};
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : ops)
    for (OpOperand &o : op->getOpOperands()) {
      auto maker = o.get().getDefiningOp<linalg::GenericOp>();
      if (!maker || !again.contains(maker) ||
          group.lookup(maker) == group.lookup(op))
        continue;
      OpBuilder b(op);
      o.set(repeat(maker, group.lookup(maker), group.lookup(op), b));
    }
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
  llvm::DenseSet<Operation *> copies;
  for (auto &[key, v] : made)
    copies.insert(v.getDefiningOp());
  return copies;
}

} // namespace

llvm::DenseSet<Operation *>
varve::recomputeCheap(func::FuncOp func, ArrayRef<KernelGroup> groups) {
  return Recompute(func, groups).run();
}
