// --varve-insert-barriers: threads wait for each other only where a call
// touches bytes that another thread may have touched since the last barrier.
//
// Work that belongs to one thread alone is ordered by itself: two such calls
// never need a barrier between them. That thread is the first; where stages run
// in parallel, each has one of its own.
#include "KernelCost.h"
#include "Layout.h"
#include "varve/Codegen/Passes.h"
#include "varve/Dialect/Kernel/Place.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringMap.h"

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
  std::optional<int64_t> owner; // the one thread that does it; none: the team

  bool conflicts(const Access &o) const {
    if ((!write && !o.write) || (owner && owner == o.owner))
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
        owners.clear();
        parallel = f->hasAttr("varve.parallel");
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

  // Stages in the order of their first small calls.
  int64_t ownerOf(kernel::CallOp call) {
    StringRef stage = placeOf(call.getLoc(), "stage");
    if (!parallel || stage.empty())
      return 0;
    return owners.try_emplace(stage, owners.size()).first->second;
  }

  SmallVector<Access> accessesOf(kernel::CallOp call) {
    kernel::DefOp def = call.getDef();
    int64_t threads = usefulThreads(def);
    call.setThreads(threads);
    std::optional<int64_t> owner;
    if (threads == 1) {
      owner = ownerOf(call);
      if (*owner)
        call->setDiscardableAttr(
            kFirstThread, Builder(call).getI64IntegerAttr(*owner));
    }
    SmallVector<Access> accesses;
    for (OpOperand &o : call->getOpOperands()) {
      if (!isa<MemRefType>(o.get().getType()))
        continue;
      Access access = accessOf(o.get());
      access.owner = owner;
      if (def.reads(o.getOperandNumber()))
        accesses.push_back(access);
      access.write = true;
      if (call.isDpsInit(&o))
        accesses.push_back(access);
    }
    return accesses;
  }

  SmallVector<Access> since; // the last barrier
  llvm::StringMap<int64_t> owners;
  bool parallel = false;
};

} // namespace
