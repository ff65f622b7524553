// Groups the linalg operations of a function into kernels.
//
// Nodes are the operations that compute; views, constants, fills and empty
// tensors are free and follow their users. Groups of nodes grow along edges
// that one pass over the elements can serve, as long as no way through a third
// group leads from one to the other. Greedy, in program order: an elementwise
// operation joins the group that made its operand, contractions first.
#include "Transforms/KernelGroups.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_FUSEKERNELS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

// ---- transposes and broadcasts into maps ----

/// Whether a generic only moves elements or repeats a constant.
static bool movesOnly(linalg::GenericOp op) {
  if (op.getNumLoops() != op.getNumParallelLoops() || op->getNumResults() != 1)
    return false;
  Operation *yield = op.getBody()->getTerminator();
  return op.getBody()->getOperations().size() == 1 &&
         yield->getNumOperands() == 1;
}

/// Whether the operation knows the size of each loop without this operand.
static bool hasSizesWithout(linalg::GenericOp op, OpOperand *operand) {
  llvm::SmallBitVector known(op.getNumLoops());
  for (OpOperand &other : op->getOpOperands())
    if (&other != operand)
      for (AffineExpr expr : op.getMatchingIndexingMap(&other).getResults())
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          known.set(dim.getPosition());
  return known.all();
}

static bool mayFold(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!producer || !movesOnly(producer))
    return false;
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!consumer)
    return false;
  if (consumer.getNumReductionLoops() == 0)
    return true;
  // What is repeated along a sum does not say how often; what it is repeated
  // to would be kept as a second result.
  bool moved = producer.getNumDpsInputs() == 1 &&
               producer.getMatchingIndexingMap(producer.getDpsInputOperand(0))
                   .isPermutation();
  if (!moved && !hasSizesWithout(consumer, operand))
    return false;
  // A contraction stays one: its operands may be permuted, not repeated.
  return moved || !linalg::isaContractionOpInterface(
                      cast<linalg::LinalgOp>(consumer.getOperation()));
}

/// Whether the reader of a reshaped value has no reduction.
static bool isElementwise(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return consumer && consumer.getNumReductionLoops() == 0;
}

// A move for each reader that it may be folded into: with other readers its
// result would stay beside the reader's own.
static void splitMoves(func::FuncOp func) {
  SmallVector<linalg::GenericOp> moves;
  func.walk([&](linalg::GenericOp op) {
    if (movesOnly(op))
      moves.push_back(op);
  });
  for (linalg::GenericOp move : llvm::reverse(moves)) {
    OpBuilder b(move);
    for (OpOperand &use : llvm::make_early_inc_range(move->getUses()))
      if (!move->hasOneUse() && mayFold(&use))
        use.set(b.clone(*move)->getResult(0));
  }
}

static LogicalResult foldMoves(func::FuncOp func) {
  splitMoves(func);
  RewritePatternSet patterns(func.getContext());
  linalg::populateElementwiseOpsFusionPatterns(patterns, mayFold);
  // An elementwise operation on a finer shape works on the coarser one.
  linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, isElementwise);
  tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                       func.getContext());
  tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns,
                                                     func.getContext());
  if (failed(applyPatternsGreedily(func, std::move(patterns))))
    return failure();
  IRRewriter rewriter(func.getContext());
  DominanceInfo dominance(func);
  eliminateCommonSubExpressions(rewriter, dominance, func);
  return success();
}

// ---- stores of results ----

/// Gives each stored value an operation of its own that computes it: bare
/// inputs, views and values stored twice are copied.
static void copyWhatIsStoredAsIs(func::FuncOp func) {
  DenseSet<Value> stored;
  for (auto store : func.getOps<bufferization::MaterializeInDestinationOp>()) {
    Value source = store.getSource();
    if (isNode(source.getDefiningOp()) && stored.insert(source).second)
      continue;
    OpBuilder b(store);
    auto type = cast<RankedTensorType>(source.getType());
    Value empty = tensor::EmptyOp::create(b, store.getLoc(), type.getShape(),
                                          type.getElementType());
    AffineMap map = b.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> kinds(type.getRank(),
                                           utils::IteratorType::parallel);
    auto copy = linalg::GenericOp::create(
        b, store.getLoc(), TypeRange(type), ValueRange(source),
        ValueRange(empty), ArrayRef<AffineMap>{map, map}, kinds,
        [](OpBuilder &nested, Location loc, ValueRange args) {
          linalg::YieldOp::create(nested, loc, args[0]);
        });
    store.getSourceMutable().assign(copy.getResult(0));
  }
}

// ---- kernels ----

namespace {
/// Writes the groups of one function as kernel.defs and kernel.calls.
class KernelWriter {
public:
  KernelWriter(func::FuncOp func, SymbolTable &symbols)
      : func(func), symbols(symbols), b(func.getContext()) {}

  /// A block's kernels and statements in this order, before its stores.
  void writeBlock(Block &block, ArrayRef<KernelGroup> groups);

private:
  void write(const KernelGroup &group);
  /// Puts the views and constants that `v` needs, where nothing has needed
  /// them yet, before the insertion point.
  void place(Value v);
  kernel::DefOp define(const KernelGroup &group, ArrayRef<Value> inputs,
                       ArrayRef<Value> outs);
  kernel::DefOp getOrKeep(kernel::DefOp made);
  void cloneFree(OpBuilder &body, Value v, IRMapping &mapping);

  func::FuncOp func;
  SymbolTable &symbols;
  OpBuilder b;
  DenseSet<Operation *> placed;
  SmallVector<kernel::DefOp> defs;
};
} // namespace

void KernelWriter::place(Value v) {
  Operation *op = v.getDefiningOp();
  if (!op || op->getBlock() != b.getInsertionBlock() || isStore(op) ||
      isa<kernel::CallOp, bufferization::ToTensorOp>(op) ||
      !placed.insert(op).second)
    return;
  for (Value operand : op->getOperands())
    place(operand);
  op->moveBefore(b.getInsertionBlock(), b.getInsertionPoint());
}

// Scalars, fills and empty tensors are made again inside the kernel.
void KernelWriter::cloneFree(OpBuilder &body, Value v, IRMapping &mapping) {
  if (mapping.contains(v))
    return;
  Operation *op = v.getDefiningOp();
  assert(op && "kernels see values of the function as inputs only");
  for (Value operand : op->getOperands())
    cloneFree(body, operand, mapping);
  body.clone(*op, mapping);
}

kernel::DefOp KernelWriter::define(const KernelGroup &group,
                                   ArrayRef<Value> inputs,
                                   ArrayRef<Value> outs) {
  OpBuilder top(func);
  auto def = kernel::DefOp::create(top, group.getLoc(), group.getName(),
                                   inputs.size());
  symbols.insert(def, Block::iterator(func));
  Block &block = def.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value v : inputs)
    mapping.map(v, block.addArgument(v.getType(), v.getLoc()));
  for (Value v : outs)
    block.addArgument(v.getType(), v.getLoc());
  OpBuilder body = OpBuilder::atBlockEnd(&block);
  for (Operation *op : group.ops) {
    for (Value v : inputsOf(op))
      cloneFree(body, v, mapping);
    body.clone(*op, mapping);
  }
  SmallVector<Value> yielded;
  for (Value v : outs)
    yielded.push_back(mapping.lookup(v));
  kernel::YieldOp::create(body, group.getLoc(), yielded);
  return def;
}

/// The kernel that was made before with the same body, instead of `made`.
kernel::DefOp KernelWriter::getOrKeep(kernel::DefOp made) {
  for (kernel::DefOp known : defs)
    if (known.getNumIns() == made.getNumIns() &&
        known.getBody().getArgumentTypes() ==
            made.getBody().getArgumentTypes() &&
        OperationEquivalence::isRegionEquivalentTo(
            &known.getBody(), &made.getBody(),
            OperationEquivalence::IgnoreLocations)) {
      symbols.erase(made);
      return known;
    }
  defs.push_back(made);
  return made;
}

void KernelWriter::write(const KernelGroup &group) {
  if (group.root && isStatement(group.root)) {
    for (Value v : inputsOf(group.root))
      place(v);
    placed.insert(group.root);
    group.root->moveBefore(b.getInsertionBlock(), b.getInsertionPoint());
    return;
  }
  SetVector<Value> inputs;
  SmallVector<Value> outs;
  for (Operation *op : group.ops) {
    for (Value v : inputsOf(op))
      if (!isCloned(v) && !group.contains(v.getDefiningOp()))
        inputs.insert(v);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !group.contains(ancestorIn(user, op->getBlock()));
          }))
        outs.push_back(result);
  }
  for (Value v : inputs)
    place(v);
  kernel::DefOp def = getOrKeep(define(group, inputs.getArrayRef(), outs));
  SmallVector<Value> empties;
  SmallVector<Type> types;
  for (Value v : outs) {
    auto type = cast<RankedTensorType>(v.getType());
    types.push_back(type);
    empties.push_back(tensor::EmptyOp::create(b, v.getLoc(), type.getShape(),
                                              type.getElementType()));
  }
  auto call = kernel::CallOp::create(b, group.getLoc(), types, def.getSymName(),
                                     inputs.getArrayRef(), empties);
  for (auto [v, result] : llvm::zip(outs, call.getResults()))
    v.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !group.contains(ancestorIn(use.getOwner(), call->getBlock()));
    });
}

void KernelWriter::writeBlock(Block &block, ArrayRef<KernelGroup> groups) {
  auto stores = llvm::make_filter_range(
      block, [](Operation &op) { return isStore(&op); });
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(stores.empty() ? block.getTerminator()
                                     : &*stores.begin());
  for (const KernelGroup &group : groups)
    write(group);
  for (Operation &store : stores)
    for (Value v : store.getOperands())
      place(v);
  for (Value v : block.getTerminator()->getOperands())
    place(v);
  for (const KernelGroup &group : llvm::reverse(groups))
    for (Operation *op : llvm::reverse(group.ops))
      if (!isStatement(op)) {
        op->dropAllUses();
        op->erase();
      }
  // What the kernels have made again.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// Stores stand together at the end, so that kernels stand before them.
static void moveStoresToEnd(Block &block) {
  SmallVector<Operation *> stores;
  for (Operation &op : block)
    if (isStore(&op))
      stores.push_back(&op);
  for (Operation *store : stores)
    store->moveBefore(block.getTerminator());
}

/// The blocks of branches and loops around kernels, inner ones first.
static SmallVector<Block *> blocksOfStatements(func::FuncOp func) {
  SmallVector<Block *> blocks;
  func.walk([&](Operation *op) {
    bool inElements = false;
    for (Operation *at = op; at != func; at = at->getParentOp())
      inElements |= at->getNumRegions() && !isStatement(at);
    if (op != func && op->getNumRegions() && !inElements)
      for (Region &region : op->getRegions())
        for (Block &block : region)
          blocks.push_back(&block);
  });
  return blocks;
}

static LogicalResult fuseFunction(func::FuncOp func, SymbolTable &symbols,
                                  bool merge, bool recompute) {
  if (failed(foldMoves(func)))
    return failure();
  copyWhatIsStoredAsIs(func);
  KernelWriter writer(func, symbols);
  for (Block *inner : blocksOfStatements(func)) {
    moveStoresToEnd(*inner);
    auto groups = groupKernels(*inner, merge);
    if (failed(groups))
      return failure();
    writer.writeBlock(*inner, *groups);
  }
  Block &block = func.getBody().front();
  moveStoresToEnd(block);
  auto groups = groupKernels(block, merge);
  if (succeeded(groups) && merge && recompute)
    if (DenseSet<Operation *> copies = recomputeCheap(func, *groups);
        !copies.empty())
      groups = groupKernels(block, merge, copies);
  if (failed(groups))
    return failure();
  writer.writeBlock(block, *groups);
  return success();
}

namespace {
struct FuseKernelsPass : public varve::impl::FuseKernelsBase<FuseKernelsPass> {
  using FuseKernelsBase::FuseKernelsBase;
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (failed(fuseFunction(func, symbols, merge, recompute)))
        return signalPassFailure();
  }
};
} // namespace
