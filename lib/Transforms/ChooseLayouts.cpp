// Where a parameter matrix is the transposed right side of a product, the
// product's columns are its rows: stored with those contiguous, the kernel
// loads them as vectors in the forward pass, and the weight gradient's tile is
// written where it is made. The same goes for the channels that a convolution
// makes.
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_CHOOSELAYOUTS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

/// Columns of one panel: two registers of 16.
constexpr int64_t kPanel = 32;

namespace {
/// A product that reads a matrix, and how.
struct Reading {
  Operation *product = nullptr;
  bool transposed = false, right = false;
};
} // namespace

/// The first product that reads a value, cast or transposed or as it is.
static void findFirstReading(Value value, bool transposed, Reading &first) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isa<CastOp>(user) || (isa<TransposeOp>(user) && !transposed))
      findFirstReading(user->getResult(0), transposed || isa<TransposeOp>(user),
                       first);
    else if (isa<MatmulOp>(user) &&
             (!first.product ||
              (user->getBlock() == first.product->getBlock() &&
               user->isBeforeInBlock(first.product))))
      first = {user, transposed, use.getOperandNumber() == 1};
  }
}

/// Of a matrix's products the first belongs to the forward pass; the gradient of
/// one by W is one by W transposed.
static bool isTransposedRightSide(Value parameter) {
  Reading first;
  findFirstReading(parameter, false, first);
  return first.product && first.transposed && first.right;
}

/// The axis of the channels that the first convolution by this weight makes, or
/// -1. Of its users the first belongs to the forward pass.
static int64_t getLanesOfConvolution(Value parameter) {
  Operation *first = nullptr;
  for (OpOperand &use : parameter.getUses()) {
    Operation *op = use.getOwner();
    if (isa<ConvOp, ConvTransposeOp>(op) && use.getOperandNumber() == 1 &&
        (!first ||
         (op->getBlock() == first->getBlock() && op->isBeforeInBlock(first))))
      first = op;
  }
  return !first ? -1 : isa<ConvOp>(first) ? 0 : 1;
}

/// The axes in memory, slowest first; empty: as they are. The last one is the
/// axis of lanes.
static SmallVector<int64_t> getOrder(StateOp state, Value parameter) {
  int64_t rank = state.getTensorType().getRank();
  if (rank == 2 && isTransposedRightSide(parameter))
    return {1, 0};
  int64_t lanes = rank < 3 ? -1 : getLanesOfConvolution(parameter);
  if (lanes < 0)
    return {};
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(2, rank));
  order.append({1 - lanes, lanes});
  return order;
}

namespace {
struct ChooseLayoutsPass
    : public varve::impl::ChooseLayoutsBase<ChooseLayoutsPass> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    // The steps of greedy stages are each a part of the forward pass.
    DictionaryAttr train = program.getTrainAttr();
    if (train && train.get("greedy"))
      return;
    SymbolTable symbols(program);
    Builder b(&getContext());
    for (FuncOp func : program.getOps<FuncOp>())
      for (auto [i, use] : llvm::enumerate(func.getUses())) {
        auto state =
            symbols.lookup<StateOp>(cast<FlatSymbolRefAttr>(use).getValue());
        // Evaluation reads the average in the parameter's place.
        if (state.getRole() == "average")
          state = symbols.lookup<StateOp>(*state.getOf());
        Value value = func.getBody().getArgument(func.getNumInputs() + i);
        // Heads of stages are in the training step alone.
        if (state.getRole() != "param" ||
            state.getSymName().starts_with("stage."))
          continue;
        SmallVector<int64_t> order = getOrder(state, value);
        if (order.empty())
          continue;
        state.setPermAttr(b.getDenseI64ArrayAttr(order));
        if (state.getTensorType().getDimSize(order.back()) % kPanel == 0)
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
