// The reference interpreter.
#include "varve/Reference/Reference.h"

using namespace mlir;
using namespace varve;

static LogicalResult evaluateOperation(Operation *op, RefValues &values,
                                       EvaluateOperation evaluate = nullptr);

static FailureOr<SmallVector<RefTensor>>
evaluateRegion(Region &region, ArrayRef<RefTensor> arguments, RefValues &values,
               EvaluateOperation evaluate = nullptr) {
  Block &block = region.front();
  for (auto [argument, value] :
       llvm::zip_equal(block.getArguments(), arguments))
    values[argument] = value;
  for (Operation &op : block.without_terminator())
    if (failed(evaluateOperation(&op, values, evaluate)))
      return failure();
  SmallVector<RefTensor> results;
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(values.at(v));
  return results;
}

static LogicalResult evaluateOperation(Operation *op, RefValues &values,
                                       EvaluateOperation evaluate) {
  SmallVector<RefTensor> operands, results;
  for (Value v : op->getOperands())
    operands.push_back(values.at(v));
  for (Value v : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(v.getType());
    if (!type || !type.hasStaticShape())
      return op->emitOpError("has a result of unknown size");
    results.emplace_back(type);
  }
  if (evaluate) {
    if (failed(evaluate(op, operands, results)))
      return failure();
  } else if (auto evaluable = dyn_cast<EvaluableOpInterface>(op)) {
    evaluable.evaluate(operands, results);
  } else if (auto control = dyn_cast<EvaluableRegionOpInterface>(op)) {
    auto run = [&](Region &region, ArrayRef<RefTensor> arguments) {
      return evaluateRegion(region, arguments, values);
    };
    if (failed(control.evaluateRegions(operands, results, run)))
      return failure();
  } else {
    return op->emitOpError("has no reference value");
  }
  for (auto [v, result] : llvm::zip(op->getResults(), results))
    values[v] = std::move(result);
  return success();
}

LogicalResult varve::evaluateBlock(Block &block, RefValues &values) {
  for (Operation &op : block.without_terminator())
    if (failed(evaluateOperation(&op, values)))
      return failure();
  return success();
}

FailureOr<SmallVector<RefTensor>>
varve::evaluateFunction(FuncOp func, ArrayRef<RefTensor> inputs,
                        RefState &state, EvaluateOperation evaluate) {
  SmallVector<RefTensor> arguments(inputs);
  for (auto use : func.getUses().getAsRange<FlatSymbolRefAttr>()) {
    auto known = state.find(use.getValue().str());
    if (known == state.end())
      return func.emitOpError() << "uses " << use << ", which has no value";
    arguments.push_back(known->second);
  }
  if (arguments.size() != func.getBody().getNumArguments())
    return func.emitOpError() << "takes " << func.getNumInputs()
                              << " inputs, got " << inputs.size();
  RefValues values;
  auto results = evaluateRegion(func.getBody(), arguments, values, evaluate);
  if (failed(results))
    return failure();
  unsigned count = func.getResults().size();
  for (auto [i, update] : llvm::enumerate(func.getUpdates()))
    state[cast<FlatSymbolRefAttr>(update).getValue().str()] =
        (*results)[count + i];
  results->truncate(count);
  return results;
}
