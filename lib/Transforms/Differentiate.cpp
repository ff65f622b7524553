// Reverse mode. The sweep visits the operations that lie on a way from `wrt`
// to the results, last to first; each adds to the cotangents of its operands
// by its own rule.
#include "varve/Transforms/Differentiate.h"
#include "Dialect/Varve/Ops/Build.h"
#include "Transforms/Optimizer.h"
#include "Transforms/Patterns.h"
#include "Transforms/Values.h"
#include "varve/Dialect/Kernel/Place.h"
#include "varve/Dialect/Varve/Stage.h"
#include "varve/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

static bool carriesGradient(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type && isa<FloatType>(type.getElementType());
}

FailureOr<SmallVector<Value>> varve::buildGradients(ImplicitLocOpBuilder &b,
                                                    ArrayRef<Value> results,
                                                    ArrayRef<Value> cotangents,
                                                    ArrayRef<Value> wrt) {
  // Needed: the operations that a result depends on, in this block.
  Block *block = b.getInsertionBlock();
  SetVector<Operation *> needed;
  SmallVector<Value> stack(results);
  while (!stack.empty()) {
    Operation *op = stack.pop_back_val().getDefiningOp();
    if (op && op->getBlock() == block && needed.insert(op))
      llvm::append_range(stack, inputsOf(op));
  }
  SmallVector<Operation *> order(needed.getArrayRef());
  llvm::sort(order,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });

  // Active: those that depend on `wrt` by a differentiable way.
  DenseSet<Value> active(wrt.begin(), wrt.end());
  SmallVector<Operation *> way;
  for (Operation *op : order) {
    if (op->hasTrait<NoGradient>() ||
        llvm::none_of(inputsOf(op), [&](Value v) { return active.count(v); }))
      continue;
    way.push_back(op);
    for (Value result : op->getResults())
      if (carriesGradient(result))
        active.insert(result);
  }

  DenseMap<Value, Value> cotangentOf;
  auto accumulate = [&](Value v, Value cotangent) {
    if (!cotangent || !active.count(v))
      return;
    Value &sum = cotangentOf[v];
    // Summed because v is used more than once.
    sum = sum ? AddOp::create(b, sum, cotangent).getResult() : cotangent;
  };
  for (auto [result, cotangent] : llvm::zip_equal(results, cotangents))
    accumulate(result, cotangent);

  for (Operation *op : llvm::reverse(way)) {
    SmallVector<Value> dResults;
    for (Value result : op->getResults())
      dResults.push_back(cotangentOf.lookup(result));
    if (llvm::none_of(dResults, [](Value v) { return bool(v); }))
      continue;
    SmallVector<Value> dOperands(op->getNumOperands());
    b.setLoc(op->getLoc());
    if (auto differentiable = dyn_cast<DifferentiableOpInterface>(op)) {
      differentiable.buildVjp(b, dResults, dOperands);
    } else if (auto control = dyn_cast<DifferentiableRegionOpInterface>(op)) {
      if (failed(
              control.buildRegionVjp(b, dResults, dOperands, buildGradients)))
        return failure();
    } else {
      return op->emitOpError("has no gradient");
    }
    for (auto [operand, cotangent] : llvm::zip(op->getOperands(), dOperands))
      accumulate(operand, cotangent);
  }
  SmallVector<Value> gradients;
  for (Value v : wrt)
    gradients.push_back(cotangentOf.lookup(v));
  return gradients;
}

FailureOr<SmallVector<Value>> varve::buildTangents(ImplicitLocOpBuilder &b,
                                                   ArrayRef<Value> results,
                                                   ArrayRef<Value> wrt,
                                                   ArrayRef<Value> tangents) {
  // The cotangents u: zeros that nothing folds, and that vanish at the end.
  SmallVector<Value> u;
  for (Value result : results)
    u.push_back(constantLike(b, result, 0));
  auto pulled = buildGradients(b, results, u, wrt);
  if (failed(pulled))
    return failure();
  SmallVector<Value> reached, seeds;
  for (auto [value, tangent] : llvm::zip_equal(*pulled, tangents))
    if (value) {
      reached.push_back(value);
      seeds.push_back(tangent);
    }
  auto pushed = buildGradients(b, reached, seeds, u);
  if (failed(pushed))
    return failure();
  for (auto [value, result] : llvm::zip(*pushed, results))
    if (!value)
      value = constantLike(b, result, 0);
  return pushed;
}

/// The gradients of `loss` before `end`. What they are made of says so.
static FailureOr<SmallVector<Value>> gradientsOf(Operation *end, Value loss,
                                                 ArrayRef<Value> parameters,
                                                 Value scale = {}) {
  ImplicitLocOpBuilder b(end->getLoc(), end);
  Operation *last = end->getPrevNode();
  Value cotangent = constantLike(b, loss, 1);
  if (scale)
    cotangent = CastOp::create(
        b, scale, cast<RankedTensorType>(loss.getType()).getElementType());
  auto gradients = buildGradients(b, {loss}, {cotangent}, parameters);
  if (succeeded(gradients))
    for (Operation *op = last ? last->getNextNode() : &end->getBlock()->front();
         op != end; op = op->getNextNode())
      markPlace(op, "phase", "backward");
  return gradients;
}

namespace {
struct DifferentiatePass
    : public varve::impl::DifferentiateBase<DifferentiatePass> {
  void runOnOperation() override {
    for (FuncOp func : getOperation().getOps<FuncOp>()) {
      if (!func.getLearns())
        continue;
      auto stages = llvm::to_vector(func.getOps<StageOp>());
      for (StageOp stage : stages)
        if (failed(addGradients(func, stage)))
          return signalPassFailure();
      if (stages.empty() && failed(addGradients(func)))
        return signalPassFailure();
    }
  }

  /// Adds results of kind "gradient" to the function.
  void addResults(FuncOp func, ArrayRef<Value> gradients,
                  ArrayRef<FlatSymbolRefAttr> names, StringAttr stage = {}) {
    ReturnOp end = func.getReturn();
    SmallVector<Attribute> infos(func.getResults().getValue());
    SmallVector<Value> values(end.getOperands().take_front(infos.size()));
    auto updates = llvm::to_vector(end.getOperands().drop_front(infos.size()));
    Builder b(&getContext());
    for (auto [name, gradient] : llvm::zip(names, gradients)) {
      if (!gradient)
        continue;
      values.push_back(gradient);
      NamedAttrList info;
      info.append("name", b.getStringAttr("gradient " + name.getValue()));
      info.append("kind", b.getStringAttr("gradient"));
      info.append("of", name);
      if (stage)
        info.append("stage", stage);
      infos.push_back(info.getDictionary(&getContext()));
    }
    func.setResultsAttr(b.getArrayAttr(infos));
    llvm::append_range(values, updates);
    end.getValuesMutable().assign(values);
  }

  LogicalResult addGradients(FuncOp func) {
    ReturnOp end = func.getReturn();
    Value loss;
    for (auto [i, info] : llvm::enumerate(func.getResults()))
      if (cast<DictionaryAttr>(info).getAs<StringAttr>("kind") == "loss")
        loss = end.getOperand(i);
    if (!loss)
      return func.emitOpError("learns but has no result of kind \"loss\"");

    DictionaryAttr train = getOperation().getTrainAttr();
    Patterns frozen(train ? train.getAs<ArrayAttr>("freeze") : ArrayAttr());
    SmallVector<Value> parameters;
    SmallVector<FlatSymbolRefAttr> names;
    for (auto [i, use] : llvm::enumerate(func.getUses())) {
      auto name = cast<FlatSymbolRefAttr>(use);
      auto state = SymbolTable::lookupNearestSymbolFrom<StateOp>(func, name);
      Value value = func.getBody().getArgument(func.getNumInputs() + i);
      if (state.getRole() != "param" || frozen.match(name.getValue()) ||
          !carriesGradient(value))
        continue;
      parameters.push_back(value);
      names.push_back(name);
    }
    Value cotangent;
    if (auto scale = getOperation().lookupSymbol<StateOp>(kLossScale))
      cotangent = func.addUse(scale);
    auto gradients = gradientsOf(end, loss, parameters, cotangent);
    if (failed(gradients))
      return failure();
    addResults(func, *gradients, names);
    return success();
  }

  /// Of a stage's own loss, with respect to what it trains: more results.
  LogicalResult addGradients(FuncOp func, StageOp stage) {
    Block &body = stage.getBody().front();
    Operation *end = body.getTerminator();
    SmallVector<Value> parameters;
    SmallVector<FlatSymbolRefAttr> names;
    for (int64_t i : stage.getTrains()) {
      parameters.push_back(body.getArgument(i));
      auto outer = cast<BlockArgument>(stage.getInputs()[i]);
      names.push_back(cast<FlatSymbolRefAttr>(
          func.getUses()[outer.getArgNumber() - func.getNumInputs()]));
    }
    auto gradients =
        gradientsOf(end, end->getOperand(stage.getLoss()), parameters);
    if (failed(gradients))
      return failure();
    SmallVector<Value> yielded(end->getOperands());
    for (Value gradient : *gradients)
      if (gradient)
        yielded.push_back(gradient);
    end->setOperands(yielded);

    // Results cannot be added in place.
    OpBuilder b(stage);
    unsigned old = stage.getNumResults();
    auto whole =
        StageOp::create(b, stage.getLoc(), ValueRange(yielded).getTypes(),
                        stage.getStage(), stage.getInputs(), stage.getTrains(),
                        stage.getLoss(), int64_t(yielded.size() - old));
    whole.getBody().takeBody(stage.getBody());
    stage.replaceAllUsesWith(whole.getResults().take_front(old));
    SmallVector<Value> results(gradients->size());
    unsigned next = old;
    for (auto [result, gradient] : llvm::zip(results, *gradients))
      if (gradient)
        result = whole.getResult(next++);
    StringAttr name = whole.getStageAttr();
    stage.erase();
    addResults(func, results, names, name);
    return success();
  }
};
} // namespace
