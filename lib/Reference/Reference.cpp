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

/// The results of an operation on these operands.
static LogicalResult fillResults(Operation *op, ArrayRef<RefTensor> operands,
                                 MutableArrayRef<RefTensor> results,
                                 RefValues &values,
                                 EvaluateOperation evaluate) {
  if (evaluate)
    return evaluate(op, operands, results);
  if (auto evaluable = dyn_cast<EvaluableOpInterface>(op)) {
    evaluable.evaluate(operands, results);
    return success();
  }
  auto control = dyn_cast<EvaluableRegionOpInterface>(op);
  if (!control)
    return op->emitOpError("has no reference value");
  return control.evaluateRegions(
      operands, results, [&](Region &region, ArrayRef<RefTensor> arguments) {
        return evaluateRegion(region, arguments, values);
      });
}

static LogicalResult evaluateOperation(Operation *op, RefValues &values,
                                       EvaluateOperation evaluate) {
  SmallVector<RefTensor> operands, results;
  for (Value v : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(v.getType());
    if (!type || !type.hasStaticShape())
      return op->emitOpError("has a result of unknown size");
    results.emplace_back(type);
  }
  // Operands are lent: weights are large, and read often.
  OperandRange uses = op->getOperands();
  auto first = [&](unsigned i) {
    return unsigned(llvm::find(uses, uses[i]) - uses.begin());
  };
  for (auto [i, v] : llvm::enumerate(uses))
    operands.push_back(first(i) == i ? std::move(values.find(v)->second)
                                     : operands[first(i)]);
  LogicalResult done = fillResults(op, operands, results, values, evaluate);
  for (auto [i, v] : llvm::enumerate(uses))
    if (first(i) == i)
      values[v] = std::move(operands[i]);
  for (auto [v, result] : llvm::zip(op->getResults(), results))
    values[v] = std::move(result);
  return done;
}

LogicalResult varve::evaluateBlock(Block &block, RefValues &values) {
  for (Operation &op : block.without_terminator())
    if (failed(evaluateOperation(&op, values)))
      return failure();
  return success();
}

LogicalResult varve::evaluateAgain(Block &block, Value changed,
                                   RefValues &values) {
  llvm::DenseSet<Value> stale = {changed};
  for (Operation &op : block.without_terminator()) {
    if (llvm::none_of(op.getOperands(),
                      [&](Value v) { return stale.contains(v); }))
      continue;
    if (failed(evaluateOperation(&op, values)))
      return failure();
    stale.insert(op.result_begin(), op.result_end());
  }
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
