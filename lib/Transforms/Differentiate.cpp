// Reverse mode. The sweep visits the operations that lie on a way from `wrt`
// to the results, last to first; each adds to the cotangents of its operands
// by its own rule.
#include "varve/Transforms/Differentiate.h"
#include "Transforms/Patterns.h"
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

/// What an operation reads: its operands, and what its regions capture.
static SmallVector<Value> inputsOf(Operation *op) {
  SmallVector<Value> inputs(op->getOperands());
  if (op->getNumRegions())
    op->walk([&](Operation *inner) {
      for (Value v : inner->getOperands())
        if (v.getParentRegion()->isProperAncestor(inner->getParentRegion()) &&
            !op->isAncestor(v.getParentRegion()->getParentOp()))
          inputs.push_back(v);
    });
  return inputs;
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
  auto splat = [&](Value like, double value) -> Value {
    auto type = cast<RankedTensorType>(like.getType());
    auto element = cast<FloatType>(type.getElementType());
    return ConstantOp::create(
        b, type, DenseElementsAttr::get(type, FloatAttr::get(element, value)));
  };
  SmallVector<Value> u;
  for (Value result : results)
    u.push_back(splat(result, 0));
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
      value = splat(result, 0);
  return pushed;
}

namespace {
struct DifferentiatePass
    : public varve::impl::DifferentiateBase<DifferentiatePass> {
  void runOnOperation() override {
    for (FuncOp func : getOperation().getOps<FuncOp>())
      if (func.getLearns() && failed(addGradients(func)))
        return signalPassFailure();
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

    ImplicitLocOpBuilder b(end.getLoc(), end);
    auto type = cast<RankedTensorType>(loss.getType());
    Value one = ConstantOp::create(
        b, type,
        DenseElementsAttr::get(
            type, FloatAttr::get(cast<FloatType>(type.getElementType()), 1)));
    auto gradients = buildGradients(b, {loss}, {one}, parameters);
    if (failed(gradients))
      return failure();

    SmallVector<Attribute> infos(func.getResults().getValue());
    SmallVector<Value> values(end.getOperands().take_front(infos.size()));
    auto updates = llvm::to_vector(end.getOperands().drop_front(infos.size()));
    Builder attributes(&getContext());
    for (auto [name, gradient] : llvm::zip(names, *gradients)) {
      if (!gradient)
        continue;
      values.push_back(gradient);
      infos.push_back(attributes.getDictionaryAttr(
          {attributes.getNamedAttr(
               "name", attributes.getStringAttr("gradient " + name.getValue())),
           attributes.getNamedAttr("kind",
                                   attributes.getStringAttr("gradient")),
           attributes.getNamedAttr("of", name)}));
    }
    func.setResultsAttr(attributes.getArrayAttr(infos));
    llvm::append_range(values, updates);
    end.getValuesMutable().assign(values);
    return success();
  }
};
} // namespace
