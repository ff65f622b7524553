// A rough count in scalar operations: a multiply-add of a contraction is about
// a third of one, since its operands stay in registers. Two threads paid from
// 100 kFLOP of a contraction and some thousand elements of elementwise work.
#include "KernelCost.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace varve {

constexpr int64_t kWorkPerThread = 16384;

static int64_t workOf(linalg::LinalgOp op) {
  int64_t points = 1;
  for (int64_t n : op.getStaticLoopRanges())
    points *= ShapedType::isDynamic(n) ? 1 : n;
  if (linalg::isaContractionOpInterface(op))
    return points / 3;
  int64_t ops = 1;
  for (Operation &inner : *op.getBlock())
    ops += isa<math::MathDialect>(inner.getDialect()) ? 8 : 1;
  return points * ops;
}

int64_t usefulThreads(kernel::DefOp def) {
  int64_t work = 0, axis;
  if (!def.getBody().front().getOps<scf::ForOp>().empty()) {
    if (!findFreeLoop(def, axis))
      return 1;
    work = workOfLoops(def);
  }
  def.walk([&](linalg::LinalgOp op) { work += workOf(op); });
  def.walk([&](kernel::ConvOp conv) {
    work += conv.getType().getNumElements() * conv.getNumTerms() / 3;
  });
  for (Value out : def.getOutArguments())
    if (auto t = dyn_cast<ShapedType>(out.getType()); t.hasStaticShape())
      work += t.getNumElements();
  return std::max<int64_t>(1, work / kWorkPerThread);
}

int64_t flopsOf(kernel::DefOp def) {
  int64_t flops = 0;
  def.walk([&](linalg::LinalgOp op) {
    int64_t points = 1, ops = 0;
    for (int64_t n : op.getStaticLoopRanges())
      points *= ShapedType::isDynamic(n) ? 1 : n;
    for (Operation &inner : op.getBlock()->without_terminator())
      ops += inner.getNumResults() == 1 &&
             isa<FloatType>(inner.getResult(0).getType()) &&
             !isa<arith::ConstantOp, arith::SelectOp>(inner);
    flops += points * ops;
  });
  def.walk([&](kernel::ConvOp conv) {
    flops += 2 * conv.getType().getNumElements() * conv.getNumTerms();
  });
  return flops;
}

int64_t bytesOf(kernel::DefOp def) {
  int64_t bytes = 0;
  Block &body = def.getBody().front();
  for (BlockArgument arg : body.getArguments()) {
    auto type = dyn_cast<ShapedType>(arg.getType());
    if (!type || !type.hasStaticShape())
      continue;
    int64_t size =
        type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
    bool out = arg.getArgNumber() >= uint64_t(def.getNumIns());
    bytes += size * (int64_t(out) + int64_t(def.reads(arg.getArgNumber())));
  }
  return bytes;
}

} // namespace varve
