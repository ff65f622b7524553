// Programs to functions over linalg on tensors. The function's shape and its
// buffers are made here; what an operation becomes, the operation knows.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "varve/Conversion/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_CONVERTVARVETOLINALG
#include "varve/Conversion/Passes.h.inc"
} // namespace varve

static MemRefType bufferOf(Type type, AffineMap layout = {}) {
  auto tensor = cast<RankedTensorType>(type);
  auto element = signless(tensor.getElementType());
  if (!layout)
    return MemRefType::get(tensor.getShape(), element);
  return MemRefType::get(tensor.getShape(), element,
                         AffineMapAttr::get(layout));
}

AffineMap varve::getLayoutMap(StateOp state) {
  auto perm = state.getPerm();
  int64_t panel = state.getPanel(), rank = state.getTensorType().getRank();
  if (!perm && !panel)
    return {};
  MLIRContext *context = state.getContext();
  SmallVector<AffineExpr> physical;
  for (int64_t d = 0; d < rank; ++d)
    physical.push_back(getAffineDimExpr(perm ? (*perm)[d] : d, context));
  if (panel) {
    AffineExpr last = physical.pop_back_val();
    physical.insert(physical.begin(), last.floorDiv(panel));
    physical.push_back(last % panel);
  }
  return AffineMap::get(rank, 0, physical, context);
}

MemRefType varve::getBufferType(StateOp state) {
  return bufferOf(state.getTensorType(), getLayoutMap(state));
}

namespace {

/// Lowers one function: the values of its operations, one after another.
class FunctionLowering {
public:
  FunctionLowering(FuncOp source, ProgramOp program)
      : source(source), program(program), b(source.getContext()) {}

  LogicalResult run();

private:
  void declare();
  LogicalResult lower(Operation *op);
  Value lookup(Value v) const {
    auto it = values.find(v);
    return it == values.end() ? v : it->second;
  }

  FuncOp source;
  ProgramOp program;
  OpBuilder b;
  func::FuncOp target;
  SmallVector<StateOp> states;
  DenseMap<Value, Value> values; ///< varve value -> lowered value
};

} // namespace

// The function, its buffers, and the tensors that stand for them on entry.
void FunctionLowering::declare() {
  auto refersTo = [](ArrayAttr names, StateOp state) {
    return llvm::is_contained(names.getAsRange<FlatSymbolRefAttr>(),
                              FlatSymbolRefAttr::get(state.getSymNameAttr()));
  };
  SmallVector<Type> types;
  SmallVector<Attribute> names;
  for (StateOp state : program.getOps<StateOp>())
    if (refersTo(source.getUses(), state) ||
        refersTo(source.getUpdates(), state)) {
      states.push_back(state);
      types.push_back(getBufferType(state));
      names.push_back(state.getSymNameAttr());
    }
  unsigned inputs = source.getNumInputs(), n = source.getResults().size();
  Block &body = source.getBody().front();
  for (BlockArgument input : body.getArguments().take_front(inputs))
    types.push_back(bufferOf(input.getType()));
  for (Value result : source.getReturn().getOperands().take_front(n))
    types.push_back(bufferOf(result.getType()));

  b.setInsertionPoint(program);
  target = func::FuncOp::create(b, source.getLoc(), source.getSymName(),
                                b.getFunctionType(types, {}));
  target->setAttr("varve.state_names", b.getArrayAttr(names));
  auto withTypes = [&](ArrayAttr infos, ValueRange values) {
    SmallVector<Attribute> typed;
    for (auto [info, value] : llvm::zip(infos, values)) {
      NamedAttrList entries(cast<DictionaryAttr>(info));
      entries.set("type", TypeAttr::get(value.getType()));
      typed.push_back(entries.getDictionary(b.getContext()));
    }
    return b.getArrayAttr(typed);
  };
  target->setAttr("varve.inputs",
                  withTypes(source.getInputs(), body.getArguments()));
  target->setAttr("varve.results", withTypes(source.getResults(),
                                             source.getReturn().getValues()));
  target->setAttr("varve.batch", source.getBatchAttr());
  if (DictionaryAttr train = program.getTrainAttr())
    if (Attribute parallel = train.get("parallel"))
      target->setAttr("varve.parallel", parallel);
  b.setInsertionPointToStart(target.addEntryBlock());

  auto read = [&](Value value, Value buffer, bool writable) {
    auto type = cast<RankedTensorType>(value.getType());
    values[value] = bufferization::ToTensorOp::create(
        b, source.getLoc(), type.clone(signless(type.getElementType())), buffer,
        /*restrict=*/true, writable);
  };
  for (auto [i, state] : llvm::enumerate(states))
    if (Value use = source.getUse(state.getSymName()))
      read(use, target.getArgument(i), refersTo(source.getUpdates(), state));
  for (unsigned i = 0; i < inputs; ++i)
    read(body.getArgument(i), target.getArgument(states.size() + i), false);
}

// A composite operation builds simpler ones of the dialect, which are lowered
// in turn and then erased.
LogicalResult FunctionLowering::lower(Operation *op) {
  auto lowerable = dyn_cast<LowerableOpInterface>(op);
  if (!lowerable)
    return op->emitOpError("cannot be lowered");
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(lookup(operand));
  Block *block = b.getInsertionBlock();
  Block::iterator end = b.getInsertionPoint();
  bool first = end == block->begin();
  Block::iterator before = first ? end : std::prev(end);
  ImplicitLocOpBuilder builder(op->getLoc(), b);
  SmallVector<Value> results = lowerable.lower(builder, operands);

  // What is computed again must not become one with what it repeats.
  bool again = op->hasAttr("varve.again");
  SmallVector<Operation *> composed;
  Block::iterator begin = first ? block->begin() : std::next(before);
  for (Operation &made : llvm::make_range(begin, end))
    made.walk<WalkOrder::PreOrder>([&](Operation *inner) {
      if (again && inner->getBlock() == block)
        inner->setDiscardableAttr("varve.again", b.getUnitAttr());
      if (!isa<VarveDialect>(inner->getDialect()))
        return WalkResult::advance();
      composed.push_back(inner);
      return WalkResult::skip(); // What is in its regions it lowers itself.
    });
  for (Operation *inner : composed) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(inner);
    if (failed(lower(inner)))
      return failure();
    for (Value result : inner->getResults())
      result.replaceAllUsesWith(lookup(result));
  }
  for (auto [result, value] : llvm::zip_equal(op->getResults(), results))
    values[result] = lookup(value);
  for (Operation *inner : llvm::reverse(composed)) {
    // A later value may have the address of an erased one.
    for (Value result : inner->getResults())
      values.erase(result);
    inner->erase();
  }
  return success();
}

LogicalResult FunctionLowering::run() {
  declare();
  for (Operation &op : source.getBody().front().without_terminator())
    if (failed(lower(&op)))
      return failure();

  auto write = [&](Value value, Value buffer) {
    Location loc = source.getLoc();
    auto store = bufferization::MaterializeInDestinationOp::create(
        b, loc, lookup(value), buffer);
    store.setRestrict(true);
    store.setWritable(true);
  };
  ReturnOp end = source.getReturn();
  unsigned n = source.getResults().size();
  unsigned first = states.size() + source.getNumInputs();
  for (unsigned i = 0; i < n; ++i)
    write(end.getOperand(i), target.getArgument(first + i));
  for (auto [i, name] : llvm::enumerate(source.getUpdates())) {
    auto *state = llvm::find_if(states, [&, symbol = name](StateOp s) {
      return s.getSymNameAttr() == cast<FlatSymbolRefAttr>(symbol).getAttr();
    });
    write(end.getOperand(n + i), target.getArgument(state - states.begin()));
  }
  func::ReturnOp::create(b, source.getLoc());
  return success();
}

namespace {
struct ConvertVarveToLinalgPass
    : public varve::impl::ConvertVarveToLinalgBase<ConvertVarveToLinalgPass> {
  void runOnOperation() override {
    for (auto program :
         llvm::make_early_inc_range(getOperation().getOps<ProgramOp>())) {
      for (FuncOp func : program.getOps<FuncOp>())
        if (failed(FunctionLowering(func, program).run()))
          return signalPassFailure();
      program.erase();
    }
  }
};
} // namespace
