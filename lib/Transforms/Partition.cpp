// Cuts a network into stages that learn. Import returns the value at each cut
// and each stage's loss; a stage is what these depend on and no earlier stage
// has. A cut without a loss only cuts off what lies before it. Without cuts
// there is nothing to do but to inline the layers.
#include "Transforms/Patterns.h"
#include "Transforms/Values.h"
#include "varve/Dialect/Varve/Stage.h"
#include "varve/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_PARTITION
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

static void inlineLayers(Operation *top) {
  // Inner layers first: post-order.
  top->walk([](LayerOp layer) {
    Block &body = layer.getBody().front();
    auto yield = cast<YieldOp>(body.getTerminator());
    layer.replaceAllUsesWith(yield.getValues());
    yield.erase();
    layer->getBlock()->getOperations().splice(Block::iterator(layer),
                                              body.getOperations());
    layer.erase();
  });
}

namespace {
/// Cuts one function that learns.
class Cutter {
public:
  Cutter(ProgramOp program, FuncOp func)
      : func(func), body(func.getBody().front()), frozen(frozenOf(program)) {}

  LogicalResult run();

private:
  struct Stage {
    StringAttr name;
    Value cut;                    ///< null: of the last one
    Value loss;                   ///< null: nothing is learnt before the cut
    SmallVector<Operation *> ops; ///< in the order of the text
  };

  static Patterns frozenOf(ProgramOp program) {
    DictionaryAttr train = program.getTrainAttr();
    return Patterns(train ? train.getAs<ArrayAttr>("freeze") : ArrayAttr());
  }
  LogicalResult readCuts();
  void findLearned();
  void assignSlices();
  void assignRest();
  LogicalResult build(unsigned number);
  LogicalResult findTrained(ArrayRef<Value> inputs, StringAttr stage,
                            SmallVector<int64_t> &trains);
  void dropCuts();

  FuncOp func;
  Block &body;
  Patterns frozen;
  SmallVector<Stage> stages;
  /// Operations that depend on state that learns or runs along; the others may
  /// stand before all stages.
  DenseSet<Operation *> learned;
  DenseMap<Operation *, unsigned> stageOf;
  DenseMap<Value, StringAttr> trainedBy;
};
} // namespace

LogicalResult Cutter::readCuts() {
  ReturnOp end = func.getReturn();
  llvm::MapVector<StringAttr, Stage> found;
  Stage last;
  auto entries = func.getResults().getAsRange<DictionaryAttr>();
  for (auto [info, value] : llvm::zip(entries, end.getOperands()))
    if (info.getAs<StringAttr>("kind") == "cut") {
      auto name = info.getAs<StringAttr>("name");
      if (!found.insert({name, Stage{name, value, {}, {}}}).second)
        return func.emitOpError() << "is cut twice at " << name;
    }
  for (auto [info, value] : llvm::zip(entries, end.getOperands())) {
    auto name = info.getAs<StringAttr>("stage");
    if (!name || info.getAs<StringAttr>("kind") == "schedule")
      continue;
    bool isLast = info.getAs<StringAttr>("kind") == "loss";
    if (!isLast && !found.count(name))
      return func.emitOpError() << "has a loss of no stage, " << name;
    Stage &stage = isLast ? last : found[name];
    stage.name = name;
    stage.loss = value;
  }
  if (found.empty() && !last.loss)
    return success(); // End to end.
  for (auto &[name, stage] : found)
    stages.push_back(stage);
  if (!last.loss)
    return func.emitOpError() << "has no loss for the last stage";
  stages.push_back(last);
  return success();
}

void Cutter::findLearned() {
  DenseSet<Value> state;
  for (auto [i, use] : llvm::enumerate(func.getUses())) {
    auto op = SymbolTable::lookupNearestSymbolFrom<StateOp>(
        func, cast<FlatSymbolRefAttr>(use));
    if (op.getRole() != "counter")
      state.insert(body.getArgument(func.getNumInputs() + i));
  }
  for (Operation &op : body.without_terminator())
    if (llvm::any_of(inputsOf(&op), [&](Value v) {
          return state.count(v) || learned.count(v.getDefiningOp());
        }))
      learned.insert(&op);
}

void Cutter::assignSlices() {
  for (auto [number, stage] : llvm::enumerate(stages)) {
    SmallVector<Value> stack;
    for (Value root : {stage.loss, stage.cut})
      if (root)
        stack.push_back(root);
    while (!stack.empty()) {
      Operation *op = stack.pop_back_val().getDefiningOp();
      if (op && op->getBlock() == &body && learned.count(op) &&
          stageOf.try_emplace(op, number).second)
        llvm::append_range(stack, inputsOf(op));
    }
  }
}

// Metrics, running statistics: in the last of the stages that they read. What
// only reads state goes to whoever reads it. What learns nothing, random masks
// say, goes to the one stage that reads it; if there are several, before all.
void Cutter::assignRest() {
  for (Operation &op : body.without_terminator()) {
    if (!learned.count(&op) || stageOf.count(&op))
      continue;
    for (Value v : inputsOf(&op))
      if (auto at = stageOf.find(v.getDefiningOp()); at != stageOf.end()) {
        unsigned other = at->second; // A new entry moves the others.
        unsigned &number = stageOf[&op];
        number = std::max(number, other);
      }
  }
  for (Operation &op : llvm::reverse(body.without_terminator())) {
    if (stageOf.count(&op))
      continue;
    std::optional<unsigned> first, last;
    bool outside = false;
    for (Operation *user : op.getUsers()) {
      auto at = stageOf.find(body.findAncestorOpInBlock(*user));
      if (at == stageOf.end()) {
        outside = true;
        continue;
      }
      first = std::min(first.value_or(at->second), at->second);
      last = std::max(last.value_or(at->second), at->second);
    }
    if (first && (learned.count(&op) || (first == last && !outside)))
      stageOf[&op] = *first;
  }
  for (Operation &op : body.without_terminator())
    if (auto at = stageOf.find(&op); at != stageOf.end())
      stages[at->second].ops.push_back(&op);
}

// The parameters that the stage's loss reaches belong to it, and to it alone.
LogicalResult Cutter::findTrained(ArrayRef<Value> inputs, StringAttr stage,
                                  SmallVector<int64_t> &trains) {
  for (auto [i, input] : llvm::enumerate(inputs)) {
    auto argument = dyn_cast<BlockArgument>(input);
    auto type = cast<RankedTensorType>(input.getType());
    if (!argument || argument.getArgNumber() < func.getNumInputs() ||
        !isa<FloatType>(type.getElementType()))
      continue;
    auto name = cast<FlatSymbolRefAttr>(
        func.getUses()[argument.getArgNumber() - func.getNumInputs()]);
    auto state = SymbolTable::lookupNearestSymbolFrom<StateOp>(func, name);
    if (state.getRole() != "param" || frozen.match(name.getValue()))
      continue;
    auto [owner, isFirst] = trainedBy.try_emplace(input, stage);
    if (!isFirst) {
      InFlightDiagnostic error = emitError(state.getLoc());
      error << "`" << name.getValue() << "` is used by stage " << owner->second
            << " and by stage " << stage
            << ": a parameter learns from one loss; cut elsewhere";
      return error;
    }
    trains.push_back(i);
  }
  return success();
}

LogicalResult Cutter::build(unsigned number) {
  Stage &stage = stages[number];
  llvm::SetVector<Value> inputs;
  llvm::SetVector<Operation *> constants;
  llvm::SmallPtrSet<Operation *, 32> inside(stage.ops.begin(), stage.ops.end());
  for (Operation *op : stage.ops)
    for (Value v : inputsOf(op)) {
      Operation *maker = v.getDefiningOp();
      if (maker && maker->hasTrait<OpTrait::ConstantLike>() &&
          !inside.count(maker))
        constants.insert(maker);
      else if (!maker || !inside.count(maker))
        inputs.insert(v);
    }
  SmallVector<Value> results;
  int64_t loss = -1;
  for (Operation *op : stage.ops)
    for (Value result : op->getResults()) {
      if (llvm::all_of(result.getUsers(), [&](Operation *user) {
            return inside.count(body.findAncestorOpInBlock(*user));
          }))
        continue;
      if (result == stage.loss)
        loss = results.size();
      results.push_back(result);
    }
  if (loss < 0)
    return emitError(stage.loss.getLoc())
           << "the loss of stage " << stage.name
           << " depends on none of its parameters";
  SmallVector<int64_t> trains;
  if (failed(findTrained(inputs.getArrayRef(), stage.name, trains)))
    return failure();

  OpBuilder b(body.getTerminator());
  Location loc = stage.loss.getLoc();
  auto op = StageOp::create(b, loc, ValueRange(results).getTypes(),
                            stage.name.getValue(), inputs.getArrayRef(), trains,
                            loss, /*gradients=*/0);
  Block &region = op.getBody().emplaceBlock();
  for (Value v : inputs)
    region.addArgument(v.getType(), v.getLoc());
  for (Operation *constant : constants) {
    Operation *own = constant->clone();
    region.push_back(own);
    constant->replaceUsesWithIf(own, [&](OpOperand &use) {
      return inside.count(body.findAncestorOpInBlock(*use.getOwner()));
    });
  }
  // Uses within change while the operations still stand in the function.
  for (auto [i, input] : llvm::enumerate(inputs.takeVector()))
    input.replaceUsesWithIf(region.getArgument(i), [&](OpOperand &use) {
      return inside.count(body.findAncestorOpInBlock(*use.getOwner()));
    });
  for (auto [result, value] : llvm::zip(results, op.getValues()))
    result.replaceUsesWithIf(value, [&](OpOperand &use) {
      return !inside.count(body.findAncestorOpInBlock(*use.getOwner()));
    });
  for (Operation *member : stage.ops)
    member->moveBefore(&region, region.end());
  b.setInsertionPointToEnd(&region);
  YieldOp::create(b, loc, results);
  return success();
}

void Cutter::dropCuts() {
  ReturnOp end = func.getReturn();
  SmallVector<Attribute> infos;
  SmallVector<Value> values;
  unsigned count = func.getResults().size();
  for (auto [info, value] : llvm::zip(func.getResults(), end.getOperands())) {
    if (cast<DictionaryAttr>(info).getAs<StringAttr>("kind") == "cut")
      continue;
    infos.push_back(info);
    values.push_back(value);
  }
  llvm::append_range(values, end.getOperands().drop_front(count));
  func.setResultsAttr(ArrayAttr::get(func.getContext(), infos));
  end.getValuesMutable().assign(values);
}

LogicalResult Cutter::run() {
  if (failed(readCuts()))
    return failure();
  if (stages.empty())
    return success();
  dropCuts();
  findLearned();
  assignSlices();
  assignRest();
  for (unsigned i = 0; i < stages.size(); ++i)
    if (stages[i].loss && failed(build(i)))
      return failure();
  return success();
}

namespace {
struct PartitionPass : public varve::impl::PartitionBase<PartitionPass> {
  void runOnOperation() override {
    inlineLayers(getOperation());
    for (FuncOp func : getOperation().getOps<FuncOp>())
      if (func.getLearns() && failed(Cutter(getOperation(), func).run()))
        return signalPassFailure();
  }
};
} // namespace
