// Reads a memref's layout map. Two forms of map occur: a permutation, and a
// permutation whose last axis is cut in panels, with the panel's number first
// and the place in the panel last: (o, i) -> (o floordiv 32, i, o mod 32).
#include "Layout.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"

using namespace mlir;

namespace varve {

static int64_t extent(int64_t n) { return ShapedType::isDynamic(n) ? 1 : n; }

// For `d floordiv c` or `d mod c`.
static bool matchDimBy(AffineExpr e, AffineExprKind kind, int &dim,
                       int64_t &by) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(e);
  if (!binary || binary.getKind() != kind)
    return false;
  auto d = dyn_cast<AffineDimExpr>(binary.getLHS());
  auto c = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!d || !c)
    return false;
  dim = d.getPosition();
  by = c.getValue();
  return by > 0;
}

static LogicalResult readMap(AffineMap map, Layout &layout) {
  ArrayRef<AffineExpr> axes = map.getResults();
  int dim = -1;
  int64_t by = 0, run = 1;
  if (!axes.empty() &&
      matchDimBy(axes.front(), AffineExprKind::FloorDiv, dim, by)) {
    int last = -1;
    int64_t lastBy = 0;
    if (axes.size() != layout.shape.size() + 1 ||
        !matchDimBy(axes.back(), AffineExprKind::Mod, last, lastBy) ||
        last != dim || lastBy != by)
      return failure();
    layout.panelDim = dim;
    layout.panel = run = by;
    axes = axes.drop_front().drop_back();
  }
  for (AffineExpr e : llvm::reverse(axes)) {
    auto d = dyn_cast<AffineDimExpr>(e);
    if (!d)
      return failure();
    layout.strides[d.getPosition()] = run;
    run *= extent(layout.shape[d.getPosition()]);
  }
  layout.size = run;
  if (layout.panelDim >= 0) {
    layout.panelStride = run;
    layout.size = run * llvm::divideCeil(layout.shape[dim], by);
  }
  return success();
}

FailureOr<Layout> Layout::of(MemRefType type) {
  Layout layout;
  layout.shape.assign(type.getShape().begin(), type.getShape().end());
  layout.strides.assign(layout.shape.size(), 0);
  if (auto strided = dyn_cast<StridedLayoutAttr>(type.getLayout())) {
    // A kernel takes the address of the first element, whatever the offset.
    if (llvm::any_of(strided.getStrides(), ShapedType::isDynamic))
      return failure();
    layout.strides.assign(strided.getStrides().begin(),
                          strided.getStrides().end());
    layout.size = 1;
    for (auto [n, s] : llvm::zip(layout.shape, layout.strides))
      layout.size += (extent(n) - 1) * s;
    return layout;
  }
  // A row-major buffer needs no size of its first dimension.
  for (int64_t n : ArrayRef(layout.shape).drop_front(!layout.shape.empty()))
    if (ShapedType::isDynamic(n))
      return failure();
  if (!type.getLayout().isIdentity() && !type.hasStaticShape())
    return failure();
  if (failed(readMap(type.getLayout().getAffineMap(), layout)))
    return failure();
  if (!type.hasStaticShape())
    layout.size = ShapedType::kDynamic;
  return layout;
}

int Layout::contiguousDim() const {
  if (panelDim >= 0)
    return panelDim;
  int best = int(shape.size()) - 1;
  for (int d = best; d >= 0; --d)
    if (shape[d] != 1 && (shape[best] == 1 || strides[d] < strides[best]))
      best = d;
  return best;
}

bool Layout::padded() const {
  if (ShapedType::isDynamic(size))
    return false;
  int64_t elements = 1;
  for (int64_t n : shape)
    elements *= extent(n);
  return elements != size;
}

FailureOr<MemRefType> flatType(MemRefType type) {
  FailureOr<Layout> layout = Layout::of(type);
  if (failed(layout))
    return failure();
  Type element = type.getElementType();
  if (element.isInteger(1))
    element = IntegerType::get(type.getContext(), 8);
  return MemRefType::get({layout->size}, element);
}

} // namespace varve
