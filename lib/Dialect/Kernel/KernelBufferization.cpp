// How kernel.call bufferizes: by itself, seeing the body of its kernel.def only
// through two questions, reads and elementAligned.
#include "varve/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;

namespace varve::kernel {
namespace {

struct CallModel : DstBufferizableOpInterfaceExternalModel<CallModel, CallOp> {
  // An out that the body overwrites without looking at it is not read.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &use,
                              const AnalysisState &) const {
    return cast<CallOp>(op).getDef().reads(use.getOperandNumber());
  }

  // One buffer may be both input and out when both are element-aligned.
  bool bufferizesToElementwiseAccess(Operation *op, const AnalysisState &,
                                     ArrayRef<OpOperand *> uses) const {
    DefOp def = cast<CallOp>(op).getDef();
    return llvm::all_of(uses, [&](OpOperand *use) {
      return def.elementAligned(use->getOperandNumber());
    });
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
