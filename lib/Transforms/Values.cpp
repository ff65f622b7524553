// Small questions about operations and values that several passes ask.
#include "Transforms/Values.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

SmallVector<Value> varve::inputsOf(Operation *op) {
  llvm::SetVector<Value> inputs;
  inputs.insert(op->operand_begin(), op->operand_end());
  if (op->getNumRegions())
    op->walk([&](Operation *inner) {
      for (Value v : inner->getOperands())
        // Asked of the regions first: one that is being built has no parent.
        if (v.getParentRegion()->isProperAncestor(inner->getParentRegion()) &&
            !op->isAncestor(v.getParentRegion()->getParentOp()))
          inputs.insert(v);
    });
  return inputs.takeVector();
}

int64_t varve::bytesOf(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getNumElements() *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}
