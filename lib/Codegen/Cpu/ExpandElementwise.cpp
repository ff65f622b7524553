// Kernels without a root: a nest over the outs, 16 elements at a time along the
// dimension that is contiguous in memory.
#include "Nest.h"

using namespace mlir;

namespace varve {

/// Scalar operations in a turn of the innermost loop, from which on the loop
/// costs little beside them.
constexpr int64_t kLongTurn = 32;

LogicalResult expandElementwise(KernelBody &body) {
  auto outs = body.def.getOutArguments();
  if (outs.empty())
    return success();
  SmallVector<int64_t> shape = body.bufferOf(outs[0])->layout.shape;
  for (Value out : outs)
    if (body.bufferOf(out)->layout.shape != shape)
      return body.def.emitError("the outs of a kernel differ in shape");
  if (llvm::is_contained(shape, 0))
    return success();
  if (llvm::any_of(shape, ShapedType::isDynamic))
    return body.def.emitError("an out of dynamic shape");
  int lane = body.bufferOf(outs[0])->layout.contiguousDim();
  if (int64_t elements = body.flatten()) {
    shape.assign(shape.size(), 1);
    shape[lane] = elements;
  }

  Nest nest(body, shape);
  AffineMap all = body.b.getMultiDimIdentityMap(shape.size());
  for (Value out : outs)
    nest.addAccess(body.bufferOf(out)->layout, all);
  for (Value v : body.def.getYielded())
    nest.addReads(v, all);
  SmallVector<unsigned> dims(shape.size());
  std::iota(dims.begin(), dims.end(), 0);
  int64_t unroll = kLongTurn / std::max<int64_t>(body.epilogueSize(), 4);
  nest.run(dims, lane, unroll, [&](const Position &p) { body.storeYields(p); });
  return success();
}

} // namespace varve
