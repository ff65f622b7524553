// Functions that give the gradients of their inputs: what asks for them, and
// weighs the outputs, is not a loss of the program but its caller.
#include "varve/Transforms/Differentiate.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_DIFFERENTIATEINPUTS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

static bool isOfFloats(Value v) {
  return isa<FloatType>(cast<RankedTensorType>(v.getType()).getElementType());
}

static DictionaryAttr infoOf(Attribute named, StringRef kind) {
  NamedAttrList info(cast<DictionaryAttr>(named));
  info.set("kind", StringAttr::get(named.getContext(), kind));
  return info.getDictionary(named.getContext());
}

static LogicalResult giveGradients(FuncOp func) {
  ReturnOp end = func.getReturn();
  Block &body = func.getBody().front();
  SmallVector<Value> inputs;
  SmallVector<Attribute> names;
  for (auto [i, info] : llvm::enumerate(func.getInputs())) {
    Value input = body.getArgument(i);
    if (!isOfFloats(input))
      continue;
    inputs.push_back(input);
    names.push_back(infoOf(info, "output"));
  }
  SmallVector<Value> outputs, cotangents;
  for (auto [info, value] : llvm::zip(func.getResults(), end.getOperands())) {
    if (!isOfFloats(value))
      continue;
    outputs.push_back(value);
    cotangents.push_back(
        func.addInput(value.getType(), infoOf(info, "cotangent")));
  }
  ImplicitLocOpBuilder b(end->getLoc(), end);
  auto gradients = buildGradients(b, outputs, cotangents, inputs);
  if (failed(gradients))
    return failure();
  SmallVector<Value> values;
  SmallVector<Attribute> infos;
  for (auto [name, gradient] : llvm::zip(names, *gradients))
    if (gradient) {
      values.push_back(gradient);
      infos.push_back(name);
    }
  Builder attributes(func.getContext());
  func.setResultsAttr(attributes.getArrayAttr(infos));
  func.setUpdatesAttr(attributes.getArrayAttr({}));
  end.getValuesMutable().assign(values);
  return success();
}

namespace {
struct DifferentiateInputsPass
    : public varve::impl::DifferentiateInputsBase<DifferentiateInputsPass> {
  void runOnOperation() override {
    for (FuncOp func : getOperation().getOps<FuncOp>())
      if (failed(giveGradients(func)))
        return signalPassFailure();
  }
};
} // namespace
