// How kernel.call bufferizes: by itself, seeing the body of its kernel.def only
// through two questions, reads and elementAligned.
#include "varve/Dialect/Kernel/Bufferization.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;

namespace varve::kernel {

/// Two bits for each operand: the body reads it, and it is element-aligned.
static constexpr llvm::StringLiteral kAccess = "kernel.access";
enum Access : int8_t { Reads = 1, Aligned = 2 };

static int8_t accessOf(DefOp def, unsigned operand) {
  return (def.reads(operand) ? Reads : 0) |
         (def.elementAligned(operand) ? Aligned : 0);
}

static int8_t accessOf(Operation *call, OpOperand &use) {
  unsigned i = use.getOperandNumber();
  if (auto noted =
          dyn_cast_or_null<DenseI8ArrayAttr>(call->getDiscardableAttr(kAccess)))
    return noted[i];
  return accessOf(cast<CallOp>(call).getDef(), i);
}

void noteAccess(ModuleOp module) {
  SymbolTable symbols(module);
  llvm::DenseMap<Operation *, DenseI8ArrayAttr> known;
  module.walk([&](CallOp call) {
    if (call.getResults().empty())
      return;
    auto def = symbols.lookup<DefOp>(call.getCallee());
    DenseI8ArrayAttr &access = known[def];
    if (!access) {
      SmallVector<int8_t> bits;
      for (unsigned i = 0; i < call->getNumOperands(); ++i)
        bits.push_back(accessOf(def, i));
      access = DenseI8ArrayAttr::get(module.getContext(), bits);
    }
    call->setDiscardableAttr(kAccess, access);
  });
}

namespace {

struct CallModel : DstBufferizableOpInterfaceExternalModel<CallModel, CallOp> {
  // An out that the body overwrites without looking at it is not read.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &use,
                              const AnalysisState &) const {
    return accessOf(op, use) & Reads;
  }

  // One buffer may be both input and out when both are element-aligned.
  bool bufferizesToElementwiseAccess(Operation *op, const AnalysisState &,
                                     ArrayRef<OpOperand *> uses) const {
    return llvm::all_of(
        uses, [&](OpOperand *use) { return accessOf(op, *use) & Aligned; });
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto call = cast<CallOp>(op);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> ins, outs, results;
    for (OpOperand &o : op->getOpOperands()) {
      Value v = o.get();
      if (isa<TensorType>(v.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, v, options, state);
        if (failed(buffer))
          return failure();
        v = *buffer;
        if (call.isDpsInit(&o))
          results.push_back(v);
      }
      (call.isDpsInit(&o) ? outs : ins).push_back(v);
    }
    CallOp::create(rewriter, op->getLoc(), TypeRange(), call.getCallee(), ins,
                   outs);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

} // namespace

void registerKernelBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *ctx, KernelDialect *) {
    CallOp::attachInterface<CallModel>(*ctx);
  });
}

} // namespace varve::kernel
