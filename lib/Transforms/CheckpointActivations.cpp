// Activation checkpointing: what the forward pass made is made again for the
// backward pass, where memory would not do. The forward pass is cut into
// segments; values that cross their borders are kept, others live only while
// their segment's gradients are built. The last segment needs nothing twice.
#include "Transforms/Values.h"
#include "varve/Dialect/Kernel/Place.h"
#include "varve/Dialect/Varve/Stage.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_CHECKPOINTACTIVATIONS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

namespace {
/// The forward and backward operations of one block: a function's or a stage's.
class Checkpointer {
public:
  explicit Checkpointer(Block &block);
  void run(int64_t budget);

private:
  /// The borders that keep least, where no segment saves more than `cap`.
  struct Plan {
    SmallVector<unsigned> borders; ///< numbers of forward operations
    int64_t kept = 0, largest = 0;
  };
  std::optional<Plan> planFor(int64_t cap) const;
  void apply(ArrayRef<unsigned> borders);
  Value remake(Value value, Operation *before);
  int64_t savedIn(unsigned begin, unsigned end) const {
    return savedUpTo[end] - savedUpTo[begin];
  }

  Block &block;
  std::vector<Operation *> forward, backward;
  DenseMap<Operation *, unsigned> position;
  /// Bytes that the backward pass reads, of the operations before each one;
  /// bytes that later ones read.
  std::vector<int64_t> savedUpTo, crossing;
  DenseSet<Value> kept;
  DenseMap<Value, Value> again;
};
} // namespace

Checkpointer::Checkpointer(Block &block) : block(block) {
  for (Operation &op : block.without_terminator()) {
    if (placeOf(op.getLoc(), "phase") == "backward") {
      backward.push_back(&op);
      continue;
    }
    position[&op] = forward.size();
    forward.push_back(&op);
  }
  savedUpTo.assign(forward.size() + 1, 0);
  crossing.assign(forward.size() + 1, 0);
  for (auto [i, op] : llvm::enumerate(forward)) {
    savedUpTo[i + 1] = savedUpTo[i];
    if (op->hasTrait<OpTrait::ConstantLike>())
      continue;
    for (Value result : op->getResults()) {
      unsigned last = i;
      bool saved = false;
      for (Operation *user : result.getUsers()) {
        auto at = position.find(user);
        if (at != position.end())
          last = std::max(last, at->second);
        else
          saved |= user != block.getTerminator();
      }
      if (saved)
        savedUpTo[i + 1] += bytesOf(result);
      // What the backward pass reads anyway is the better value to keep.
      int64_t cost = bytesOf(result) + (saved ? 0 : bytesOf(result) / 4);
      for (unsigned p = i + 1; p <= last; ++p)
        crossing[p] += cost;
    }
  }
}

std::optional<Checkpointer::Plan> Checkpointer::planFor(int64_t cap) const {
  unsigned n = forward.size();
  std::vector<int64_t> best(n + 1, INT64_MAX);
  std::vector<unsigned> from(n + 1, 0);
  best[0] = 0;
  for (unsigned end = 1; end <= n; ++end)
    for (unsigned begin = end; begin-- > 0;) {
      if (savedIn(begin, end) > cap)
        break;
      if (best[begin] == INT64_MAX)
        continue;
      int64_t cost = best[begin] + (begin ? crossing[begin] : 0);
      if (cost < best[end]) {
        best[end] = cost;
        from[end] = begin;
      }
    }
  if (best[n] == INT64_MAX)
    return std::nullopt;
  Plan plan;
  plan.kept = best[n];
  for (unsigned end = n; end > 0; end = from[end]) {
    plan.largest = std::max(plan.largest, savedIn(from[end], end));
    if (from[end])
      plan.borders.push_back(from[end]);
  }
  std::reverse(plan.borders.begin(), plan.borders.end());
  return plan;
}

// The fewest segments that fit; if none do, those that need least.
void Checkpointer::run(int64_t budget) {
  int64_t all = savedUpTo.back();
  if (backward.empty() || all <= budget)
    return;
  std::optional<Plan> chosen;
  for (int64_t parts = 2; parts <= 64; parts += (parts + 3) / 4) {
    std::optional<Plan> plan = planFor(all / parts);
    if (!plan)
      break;
    if (!chosen || plan->kept + plan->largest < chosen->kept + chosen->largest)
      chosen = plan;
    if (chosen->kept + chosen->largest <= budget)
      break;
  }
  if (chosen)
    apply(chosen->borders);
}

/// A copy of `value`, made before `before` of what is kept.
Value Checkpointer::remake(Value value, Operation *before) {
  auto known = again.find(value);
  if (known != again.end())
    return known->second;
  Operation *op = value.getDefiningOp();
  if (!op || !position.count(op) || kept.count(value) ||
      op->hasTrait<OpTrait::ConstantLike>())
    return value;
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(remake(operand, before));
  OpBuilder b(before);
  Operation *copy = b.clone(*op);
  copy->setOperands(operands);
  // Equal operations would become one again.
  copy->setDiscardableAttr("varve.again", b.getUnitAttr());
  markPlace(copy, "phase", "backward");
  markPlace(copy, "again", "yes");
  for (auto [old, made] : llvm::zip(op->getResults(), copy->getResults()))
    if (!kept.count(old))
      again[old] = made;
  return again.lookup(value);
}

void Checkpointer::apply(ArrayRef<unsigned> borders) {
  unsigned last = borders.empty() ? 0 : borders.back();
  auto segmentOf = [&](unsigned i) {
    return llvm::upper_bound(borders, i) - borders.begin();
  };
  for (auto [i, op] : llvm::enumerate(forward))
    for (Value result : op->getResults())
      for (Operation *user : result.getUsers()) {
        auto at = position.find(user);
        bool leaves = at == position.end()
                          ? user == block.getTerminator()
                          : segmentOf(at->second) != segmentOf(i);
        if (leaves || i >= last)
          kept.insert(result);
      }
  for (Operation *op : backward)
    for (OpOperand &operand : op->getOpOperands())
      operand.set(remake(operand.get(), op));
}

namespace {
struct CheckpointActivationsPass
    : public varve::impl::CheckpointActivationsBase<CheckpointActivationsPass> {
  void runOnOperation() override {
    DictionaryAttr train = getOperation().getTrainAttr();
    auto budget =
        train ? train.getAs<IntegerAttr>("memory_budget") : IntegerAttr();
    if (!budget)
      return;
    for (FuncOp func : getOperation().getOps<FuncOp>()) {
      if (!func.getLearns())
        continue;
      bool staged = false;
      for (StageOp stage : func.getOps<StageOp>()) {
        staged = true;
        Checkpointer(stage.getBody().front()).run(budget.getInt());
      }
      if (!staged)
        Checkpointer(func.getBody().front()).run(budget.getInt());
    }
  }
};
} // namespace
