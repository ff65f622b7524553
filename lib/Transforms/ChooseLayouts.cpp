// Where a parameter matrix is the transposed right side of a product, the
// product's columns are its rows: stored with those contiguous, the kernel
// loads them as vectors in the forward pass, and the weight gradient's tile is
// written where it is made.
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_CHOOSELAYOUTS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

/// Columns of one panel: two registers of 16.
constexpr int64_t kPanel = 32;

static bool isTransposedRightSide(Value parameter) {
  for (Operation *user : parameter.getUsers()) {
    auto transpose = dyn_cast<TransposeOp>(user);
    if (!transpose)
      continue;
    for (OpOperand &use : transpose->getUses())
      if (isa<MatmulOp>(use.getOwner()) && use.getOperandNumber() == 1)
        return true;
  }
  return false;
}

namespace {
struct ChooseLayoutsPass
    : public varve::impl::ChooseLayoutsBase<ChooseLayoutsPass> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    SymbolTable symbols(program);
    Builder b(&getContext());
    for (FuncOp func : program.getOps<FuncOp>())
      for (auto [i, use] : llvm::enumerate(func.getUses())) {
        auto state =
            symbols.lookup<StateOp>(cast<FlatSymbolRefAttr>(use).getValue());
        Value value = func.getBody().getArgument(func.getNumInputs() + i);
        if (state.getRole() != "param" ||
            state.getTensorType().getRank() != 2 ||
            !isTransposedRightSide(value))
          continue;
        state.setPermAttr(b.getDenseI64ArrayAttr({1, 0}));
        if (state.getTensorType().getDimSize(0) % kPanel == 0)
          state.setPanel(kPanel);
      }
    for (StateOp state : program.getOps<StateOp>()) {
      if (!state.getOf())
        continue;
      auto of = symbols.lookup<StateOp>(*state.getOf());
      if (of.getPerm()) {
        state.setPermAttr(of.getPermAttr());
        state.setPanel(of.getPanel());
      }
    }
  }
};
} // namespace
