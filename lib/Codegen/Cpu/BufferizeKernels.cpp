// --varve-bufferize-kernels: functions from tensors to buffers, one at a time.
// The upstream pass works on modules and would bufferize kernel bodies too.
#include "varve/Codegen/Passes.h"
#include "varve/Dialect/Kernel/Bufferization.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace varve {
#define GEN_PASS_DEF_BUFFERIZEKERNELS
#include "varve/Codegen/Passes.h.inc"
} // namespace varve

using namespace mlir;
using namespace varve;

namespace {

struct BufferizeKernels : varve::impl::BufferizeKernelsBase<BufferizeKernels> {
  void runOnOperation() override {
    kernel::noteAccess(getOperation());
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (!f.isExternal() && (failed(bufferize(f)) || failed(clean(f))))
        return signalPassFailure();
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (failed(replaceCopies(f)))
        return signalPassFailure();
  }

  // A loop writes what it carries into the buffer that it came in: a buffer
  // made in one turn must not be the same as the one made in the next.
  static void keepLoopBuffers(func::FuncOp f) {
    auto keep = [](OpOperand &yielded, Value into) {
      if (!isa<TensorType>(into.getType()) || yielded.get() == into)
        return;
      OpBuilder b(yielded.getOwner());
      auto copy = bufferization::MaterializeInDestinationOp::create(
          b, into.getLoc(), into.getType(), yielded.get(), into);
      yielded.set(copy.getResult());
    };
    f.walk([&](scf::ForOp loop) {
      for (auto [yielded, arg] :
           llvm::zip(loop.getYieldedValuesMutable().value(),
                     loop.getRegionIterArgs()))
        keep(yielded, arg);
    });
    f.walk([&](scf::WhileOp loop) {
      // What the condition passes on as it came keeps its place.
      auto passed = loop.getConditionOp().getArgs();
      for (OpOperand &yielded : loop.getYieldOp()->getOpOperands()) {
        Value arg = loop.getBeforeArguments()[yielded.getOperandNumber()];
        auto it = llvm::find(passed, arg);
        if (it != passed.end())
          keep(yielded, loop.getAfterArguments()[it - passed.begin()]);
      }
    });
  }

  // Both ways through a branch give a buffer of their own, and what a `while`
  // carries is none of the function's: else one value would have two types.
  static void copyAtBorders(func::FuncOp f) {
    auto copy = [](OpOperand &use) {
      if (!isa<TensorType>(use.get().getType()))
        return;
      OpBuilder b(use.getOwner());
      use.set(bufferization::AllocTensorOp::create(
          b, use.get().getLoc(), cast<RankedTensorType>(use.get().getType()),
          ValueRange(), use.get()));
    };
    f.walk([&](scf::IfOp branch) {
      for (Region *region : branch.getRegions())
        for (Block &block : *region)
          for (OpOperand &use : block.getTerminator()->getOpOperands()) {
            Operation *maker = use.get().getDefiningOp();
            if (!isa_and_nonnull<kernel::CallOp>(maker) ||
                maker->getBlock() != &block)
              copy(use);
          }
    });
    f.walk([&](scf::WhileOp loop) {
      for (OpOperand &use : loop->getOpOperands())
        copy(use);
    });
  }

  // What a state was and what it becomes share a buffer. The analysis learns it
  // from one tensor for both: it copies where the old value is read too late,
  // or in another order than the new one is written.
  static void uniteReads(func::FuncOp f) {
    llvm::DenseMap<Value, bufferization::ToTensorOp> first;
    for (auto read : llvm::to_vector(f.getOps<bufferization::ToTensorOp>())) {
      bufferization::ToTensorOp known =
          first.try_emplace(read.getBuffer(), read).first->second;
      if (known == read || known.getType() != read.getType())
        continue;
      known.setWritable(known.getWritable() || read.getWritable());
      read.replaceAllUsesWith(known.getResult());
      read.erase();
    }
  }

  // A buffer with a layout of its own, that of a state, has no other shape and
  // no parts: what is reshaped or sliced is a copy.
  static void copyBeforeReshape(func::FuncOp f) {
    f.walk([](Operation *op) {
      if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
               tensor::ExtractSliceOp>(op))
        return;
      auto read = op->getOperand(0).getDefiningOp<bufferization::ToTensorOp>();
      auto type = read ? cast<MemRefType>(read.getBuffer().getType())
                       : MemRefType();
      if (!type || type.getLayout().isIdentity())
        return;
      OpBuilder b(op);
      op->setOperand(0, bufferization::AllocTensorOp::create(
                            b, op->getLoc(),
                            cast<RankedTensorType>(read.getType()), ValueRange(),
                            read.getResult()));
    });
  }

  static LogicalResult bufferize(func::FuncOp f) {
    keepLoopBuffers(f);
    copyAtBorders(f);
    copyBeforeReshape(f);
    IRRewriter rewriter(f.getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, f)))
      return failure();
    uniteReads(f);
    bufferization::OneShotBufferizationOptions options;
    bufferization::BufferizationState state;
    return bufferization::runOneShotBufferize(f, options, state);
  }

  // Copies of a buffer to itself, casts and unused allocations go.
  LogicalResult clean(func::FuncOp f) {
    RewritePatternSet patterns(&getContext());
    for (StringRef dialect : {"memref", "bufferization", "scf", "arith"})
      if (Dialect *d = getContext().getLoadedDialect(dialect))
        d->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName op : getContext().getRegisteredOperations()) {
      StringRef dialect = op.getDialectNamespace();
      if (dialect == "memref" || dialect == "bufferization" || dialect == "scf")
        op.getCanonicalizationPatterns(patterns, &getContext());
    }
    return applyPatternsGreedily(f, std::move(patterns));
  }

  // A copy is a kernel whose yield is its input, whatever the layouts.
  LogicalResult replaceCopies(func::FuncOp f) {
    SmallVector<memref::CopyOp> copies;
    f.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies) {
      auto type = cast<MemRefType>(copy.getTarget().getType());
      if (!type.hasStaticShape())
        return copy.emitError("a copy of dynamic shape ") << type;
      kernel::DefOp def = copyKernel(
          RankedTensorType::get(type.getShape(), type.getElementType()),
          copy.getLoc());
      OpBuilder b(copy);
      kernel::CallOp::create(b, copy.getLoc(), TypeRange(), def.getSymName(),
                             copy.getSource(), copy.getTarget());
      copy.erase();
    }
    return success();
  }

  kernel::DefOp copyKernel(RankedTensorType type, Location loc) {
    kernel::DefOp &def = copyKernels[type];
    if (def)
      return def;
    SymbolTable symbols(getOperation());
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    def = kernel::DefOp::create(b, loc, "copy", 1);
    def->remove();
    symbols.insert(def, getOperation().getBody()->begin());
    Block &body = def.getBody().emplaceBlock();
    body.addArguments({type, type}, {loc, loc});
    b.setInsertionPointToStart(&body);
    kernel::YieldOp::create(b, loc, ValueRange(body.getArgument(0)));
    return def;
  }

  llvm::DenseMap<Type, kernel::DefOp> copyKernels;
};

} // namespace
