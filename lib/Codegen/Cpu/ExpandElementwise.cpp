// Kernels without a root: a nest over the outs, 16 elements at a time along the
// dimension that is contiguous in memory.
#include "KernelBody.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {
namespace {

class Elementwise {
public:
  Elementwise(KernelBody &body) : body(body), b(body.b) {}

  LogicalResult expand() {
    auto outs = body.def.getOutArguments();
    if (outs.empty())
      return success();
    shape.assign(body.bufferOf(outs[0])->layout.shape);
    for (Value out : outs)
      if (body.bufferOf(out)->layout.shape != shape)
        return body.def.emitError("the outs of a kernel differ in shape");
    if (llvm::is_contained(shape, 0))
      return success();
    if (llvm::any_of(shape, ShapedType::isDynamic))
      return body.def.emitError("an out of dynamic shape");
    lane = body.bufferOf(outs[0])->layout.contiguousDim();
    if (int64_t elements = body.flatten()) {
      shape.assign(shape.size(), 1);
      shape[lane] = elements;
    }
    nest();
    return success();
  }

private:
  void nest() {
    SmallVector<int64_t> outerSizes;
    int64_t rows = 1;
    for (auto [d, n] : llvm::enumerate(shape))
      if (int(d) != lane) {
        outerSizes.push_back(n);
        rows *= n;
      }
    int64_t n = lane < 0 ? 1 : shape[lane];
    int64_t whole = n / kLanes, tail = n % kLanes;
    if (n == 1) // scalars
      return body.sliceRows(rows, 1, [&](Value row, Value lo, Value hi) {
        b.loop(lo, hi, 1, [&](Value) { at(row, outerSizes, {}, {}, false); });
      });
    body.sliceRows(rows, whole + (tail ? 1 : 0),
                   [&](Value row, Value lo, Value hi) {
                     Value end = tail ? b.min(hi, b.index(whole)) : hi;
                     if (whole)
                       b.loop(lo, end, 1, [&](Value v) {
                         at(row, outerSizes, Index::of(v, kLanes), {}, true);
                       });
                     if (!tail)
                       return;
                     // The thread that has the last vector has the rest of the
                     // row.
                     Value hasTail = b.less(b.index(whole), hi);
                     b.when(hasTail, [&] {
                       at(row, outerSizes, Index::of(whole * kLanes),
                          b.maskBelow(tail), true);
                     });
                   });
  }

  void at(Value row, ArrayRef<int64_t> outerSizes, Index column, Value mask,
          bool vector) {
    body.newPoint();
    SmallVector<Index> outer = b.delinearize(row, outerSizes);
    Position p;
    p.vector = vector;
    p.mask = mask;
    for (unsigned d = 0, o = 0; d < shape.size(); ++d)
      p.at.push_back(int(d) == lane ? column.withLane(vector) : outer[o++]);
    body.storeYields(p);
    body.newPoint();
  }

  KernelBody &body;
  LoopBuilder &b;
  SmallVector<int64_t> shape;
  int lane = -1;
};

} // namespace

LogicalResult expandElementwise(KernelBody &body) {
  return Elementwise(body).expand();
}

} // namespace varve
