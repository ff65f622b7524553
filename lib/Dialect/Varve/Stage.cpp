// varve.stage: its value and what its verifier refuses.
#include "varve/Dialect/Varve/Stage.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace varve;

#define GET_OP_CLASSES
#include "varve/Dialect/Varve/StageOps.cpp.inc"

LogicalResult StageOp::evaluateRegions(ArrayRef<RefTensor> inputs,
                                       MutableArrayRef<RefTensor> results,
                                       RunRegion run) {
  auto values = run(getBody(), inputs);
  if (failed(values))
    return failure();
  llvm::move(*values, results.begin());
  return success();
}

/// The stage that reads what `value` leads to, other than `from`; or null.
static StageOp stageBehind(Value value, StageOp from) {
  SmallVector<Value> stack = {value};
  llvm::DenseSet<Operation *> seen;
  while (!stack.empty())
    for (Operation *user : stack.pop_back_val().getUsers()) {
      if (!seen.insert(user).second || user == from)
        continue;
      if (auto stage = dyn_cast<StageOp>(user);
          stage && stage.getStage() != from.getStage())
        return stage;
      llvm::append_range(stack, user->getResults());
    }
  return {};
}

LogicalResult StageOp::verifyRegions() {
  // stage C1
  TypeRange takes = getInputs().getTypes();
  if (getBody().getArgumentTypes() != takes)
    return emitOpError() << "takes (" << takes << "), its region ("
                         << TypeRange(getBody().getArgumentTypes()) << ")";
  // stage C2
  auto end = dyn_cast<YieldOp>(getBody().front().back());
  if (!end || end.getOperandTypes() != getResultTypes())
    return emitOpError() << "does not yield the types of its results";
  // stage C3
  int64_t count = getNumResults(), loss = getLoss();
  if (loss < 0 || loss >= count)
    return emitOpError() << "has no result " << loss << " to be its loss";
  auto type = cast<RankedTensorType>(getResult(loss).getType());
  if (type.getRank() != 0 || !isa<FloatType>(type.getElementType()))
    return emitOpError() << "loss is " << type << ", not a float of rank 0";
  // stage C4
  int64_t last = -1;
  for (int64_t i : getTrains()) {
    if (i <= last || i >= int64_t(getInputs().size()))
      return emitOpError() << "trains [" << getTrains()
                           << "], no ascending numbers of inputs";
    last = i;
    Value parameter = getInputs()[i];
    auto argument = dyn_cast<BlockArgument>(parameter);
    auto func = dyn_cast<FuncOp>((*this)->getParentOp());
    if (!argument || !func || argument.getArgNumber() < func.getNumInputs())
      return emitOpError() << "trains input " << i << ", which is no state";
    // Stages are verified side by side: the later of two says so. A stage has a
    // part for each shard.
    for (auto other : (*this)->getBlock()->getOps<StageOp>()) {
      if (other == *this)
        break;
      if (other.getStage() == getStage())
        continue;
      for (int64_t k : other.getTrains())
        if (k >= 0 && k < int64_t(other.getInputs().size()) &&
            other.getInputs()[k] == parameter)
          return emitOpError()
                 << "trains input " << i << ", and so does stage \""
                 << other.getStage() << "\"";
    }
  }
  // stage C5
  int64_t gradients = getGradients();
  if (gradients < 0 || gradients > count)
    return emitOpError() << "has " << count << " results, not " << gradients
                         << " gradients";
  for (int64_t i = 0; i < count; ++i)
    if (i == loss || i >= count - gradients)
      if (StageOp other = stageBehind(getResult(i), *this))
        return emitOpError()
               << "gradient crosses a cut: stage \"" << other.getStage()
               << "\" depends on " << (i == loss ? "the loss" : "a gradient")
               << " of stage \"" << getStage() << "\"";
  return success();
}
