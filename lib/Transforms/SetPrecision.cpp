// Mixed precision: products and convolutions in bf16 or f16, summed in f32, and
// everything else as it was. It comes before differentiation, so that the
// products of the backward pass are narrow, too.
#include "Transforms/Optimizer.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_SETPRECISION
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

static void narrowProduct(Operation *op, Type precision) {
  OpBuilder b(op);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!type.getElementType().isF32())
    return;
  for (OpOperand &operand : op->getOpOperands())
    operand.set(CastOp::create(b, op->getLoc(), operand.get(), precision));
  Value product = op->getResult(0);
  product.setType(type.clone(precision));
  b.setInsertionPointAfter(op);
  auto wide = CastOp::create(b, op->getLoc(), product, b.getF32Type());
  product.replaceAllUsesExcept(wide, wide);
}

// f16 has no exponents for small gradients, so the loss is scaled.
static void declareLossScale(ProgramOp program) {
  auto counter = program.lookupSymbol<StateOp>("step");
  if (!counter)
    return;
  OpBuilder b(program.getContext());
  b.setInsertionPointAfter(counter);
  Location loc = counter.getLoc();
  auto scale = StateOp::create(
      b, loc, kLossScale, RankedTensorType::get({}, b.getF32Type()), "counter");
  scale.setA(APFloat(0x1p16));
  StateOp::create(b, loc, kFiniteSteps,
                  RankedTensorType::get({}, b.getI64Type()), "counter");
}

namespace {
struct SetPrecisionPass
    : public varve::impl::SetPrecisionBase<SetPrecisionPass> {
  void runOnOperation() override {
    Type narrow = typeToUse();
    if (!narrow)
      return;
    if (narrow.isF16())
      declareLossScale(getOperation());
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      if (isa<MatmulOp, EinsumOp, ConvOp, ConvTransposeOp>(op))
        products.push_back(op);
    });
    for (Operation *op : products)
      narrowProduct(op, narrow);
  }

  /// What `train` says, else, of a program without it, its attribute.
  Type typeToUse() {
    ProgramOp program = getOperation();
    DictionaryAttr train = program.getTrainAttr();
    auto said = train ? train.getAs<TypeAttr>("precision")
                      : program->getAttrOfType<TypeAttr>("varve.precision");
    return said ? said.getValue() : Type();
  }
};
} // namespace
