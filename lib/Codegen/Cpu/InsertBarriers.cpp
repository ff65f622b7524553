// --varve-insert-barriers: threads wait for each other only where a call
// touches bytes that another thread may have touched since the last barrier.
//
// Work that belongs to thread 0 alone is ordered by itself: two such calls
// never need a barrier between them.
#include "KernelCost.h"
#include "Layout.h"
#include "varve/Codegen/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace varve {
#define GEN_PASS_DEF_INSERTBARRIERS
#include "varve/Codegen/Passes.h.inc"
} // namespace varve

using namespace mlir;
using namespace varve;

namespace {

/// Bytes that a call touches: of the arena, or of a function argument.
struct Access {
  Value base; // null: unknown, overlaps everything
  int64_t lo = 0, hi = INT64_MAX;
  bool write = false;
  bool shared = true; // by the team, not only by thread 0

  bool conflicts(const Access &o) const {
    if ((!write && !o.write) || (!shared && !o.shared))
      return false;
    if (!base || !o.base)
      return true;
    return base == o.base && lo < o.hi && o.lo < hi;
  }
};

// Arguments do not alias each other: that is the ABI's promise.
Access accessOf(Value v) {
  Access access;
  auto type = cast<MemRefType>(v.getType());
  int64_t size = INT64_MAX;
  if (FailureOr<Layout> layout = Layout::of(type);
      type.hasStaticShape() && succeeded(layout))
    size = layout->size * ((type.getElementTypeBitWidth() + 7) / 8);
  while (auto view = v.getDefiningOp<ViewLikeOpInterface>()) {
    if (auto at = dyn_cast<memref::ViewOp>(*view)) {
      APInt shift;
      if (matchPattern(at.getByteShift(), m_ConstantInt(&shift)))
        access.lo += shift.getSExtValue();
      else
        size = INT64_MAX;
    } else if (auto cast = dyn_cast<memref::ReinterpretCastOp>(*view)) {
      if (cast.getStaticOffsets()[0] != 0)
        size = INT64_MAX;
    } else if (!isa<memref::CastOp, memref::CollapseShapeOp,
                    memref::ExpandShapeOp>(*view)) {
      size = INT64_MAX;
    }
    v = view.getViewSource();
  }
  bool known = v.getDefiningOp<memref::GetGlobalOp>() ||
               (isa<BlockArgument>(v) &&
                isa<func::FuncOp>(v.getParentBlock()->getParentOp()));
  if (known)
    access.base = v;
  if (size == INT64_MAX)
    access.lo = 0;
  else
    access.hi = access.lo + size;
  return access;
}

struct InsertBarriers : varve::impl::InsertBarriersBase<InsertBarriers> {
  void runOnOperation() override {
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (!f.isExternal()) {
        since.clear();
        visit(f.front());
      }
  }

  void barrierBefore(Operation *op) {
    OpBuilder b(op);
    kernel::BarrierOp::create(b, op->getLoc());
    since.clear();
  }

  void touch(Operation *op, ArrayRef<Access> now) {
    bool conflict = llvm::any_of(now, [&](const Access &a) {
      return llvm::any_of(since, [&](auto &b) { return a.conflicts(b); });
    });
    if (conflict)
      barrierBefore(op);
    since.append(now.begin(), now.end());
  }

  // All threads take the same way: conditions are the same for each.
  void visit(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto call = dyn_cast<kernel::CallOp>(op))
        touch(call, accessesOf(call));
      else if (auto load = dyn_cast<memref::LoadOp>(op))
        touch(load, accessOf(load.getMemRef()));
      else if (isa<kernel::BarrierOp>(op))
        since.clear();
      else if (isa<LoopLikeOpInterface>(op))
        visitLoop(&op);
      else
        visitBranches(&op);
    }
  }

  void visitBranches(Operation *op) {
    SmallVector<Access> before = since, after;
    for (Region &region : op->getRegions()) {
      since = before;
      for (Block &block : region)
        visit(block);
      after.append(since);
    }
    if (op->getNumRegions())
      since = after;
    // A missing branch leaves what was.
    if (llvm::any_of(op->getRegions(), [](Region &r) { return r.empty(); }))
      since.append(before);
  }

  // Twice: the second turn meets what the first one touched.
  void visitLoop(Operation *op) {
    SmallVector<Access> before = since;
    for (int turn = 0; turn < 2; ++turn) {
      for (Region &region : op->getRegions())
        for (Block &block : region)
          visit(block);
      since.append(before); // the loop may not run
    }
  }

  SmallVector<Access> accessesOf(kernel::CallOp call) {
    kernel::DefOp def = call.getDef();
    int64_t threads = usefulThreads(def);
    call.setThreads(threads);
    SmallVector<Access> accesses;
    for (OpOperand &o : call->getOpOperands()) {
      if (!isa<MemRefType>(o.get().getType()))
        continue;
      Access access = accessOf(o.get());
      access.shared = threads > 1;
      if (def.reads(o.getOperandNumber()))
        accesses.push_back(access);
      access.write = true;
      if (call.isDpsInit(&o))
        accesses.push_back(access);
    }
    return accesses;
  }

  SmallVector<Access> since; // the last barrier
};

} // namespace
