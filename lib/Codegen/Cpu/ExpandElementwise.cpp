// Kernels without a root: a nest over the outs, 16 elements at a time along the
// dimension that is contiguous in memory.
#include "Nest.h"
#include "Sections.h"

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

  int64_t unroll = kLongTurn / std::max<int64_t>(body.epilogueSize(), 4);
  AffineMap all = body.b.getMultiDimIdentityMap(shape.size());
  SmallVector<unsigned> dims(shape.size());
  std::iota(dims.begin(), dims.end(), 0);
  Sections sections(body, shape, lane);
  SmallVector<int64_t> part(shape);
  for (size_t i = 0; i + 1 < sections.bounds.size(); ++i) {
    int64_t begin = sections.bounds[i];
    if (!part.empty())
      part[sections.dim] = sections.bounds[i + 1] - begin;
    body.setEqual(sections.equalsIn(i));
    Nest nest(body, part);
    for (Value out : outs)
      nest.addAccess(body.bufferOf(out)->layout, all);
    for (Value v : body.def.getYielded())
      nest.addReads(v, all);
    nest.run(dims, lane, unroll, [&](Position p) {
      if (begin)
        p.at[sections.dim] = p.at[sections.dim] + begin;
      body.storeYields(p);
    });
  }
  return success();
}

} // namespace varve
