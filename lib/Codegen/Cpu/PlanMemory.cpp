// --varve-plan-memory: lays the temporaries of a step out in one arena.
//
// Placement is best effort first fit by size (largest first), which on training
// steps reaches the bound of the bytes that are live at once: long-lived
// activations are placed before the short-lived buffers that fill the gaps.
#include "Layout.h"
#include "varve/Codegen/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Dialect/Kernel/Place.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"

namespace varve {
#define GEN_PASS_DEF_PLANMEMORY
#include "varve/Codegen/Passes.h.inc"
} // namespace varve

using namespace mlir;
using namespace varve;

namespace {

constexpr int64_t kAlignment = 64, kPage = 4096;

struct Buffer {
  memref::AllocOp op;
  int64_t size = 0; // a multiple of the alignment
  // First and last use, as positions in the function's block.
  int64_t begin = INT64_MAX, end = -1;
  int64_t offset = 0;

  bool liveWith(const Buffer &o) const {
    return begin <= o.end && o.begin <= end;
  }
};

struct PlanMemory : varve::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (!f.isExternal() && failed(plan(f)))
        return signalPassFailure();
  }

  LogicalResult plan(func::FuncOp f) {
    std::vector<Buffer> buffers;
    if (failed(collect(f, buffers)))
      return failure();
    describe(f, buffers);
    int64_t bytes = guardArena ? placeGuarded(f, buffers) : place(buffers);
    OpBuilder b(f.getContext());
    f->setAttr("varve.arena_bytes", b.getI64IntegerAttr(bytes));
    (void)f.insertArgument(f.getNumArguments(),
                           MemRefType::get({bytes}, b.getI8Type()), {},
                           f.getLoc());
    Value arena = f.getArguments().back();
    for (Buffer &buffer : buffers) {
      b.setInsertionPoint(buffer.op);
      Location loc = buffer.op.getLoc();
      Value offset = arith::ConstantIndexOp::create(b, loc, buffer.offset);
      MemRefType type = buffer.op.getType();
      FailureOr<Layout> layout = Layout::of(type);
      bool plain = type.getLayout().isIdentity();
      MemRefType viewed =
          plain ? type : MemRefType::get({layout->size}, type.getElementType());
      Value view =
          memref::ViewOp::create(b, loc, viewed, arena, offset, ValueRange());
      if (!plain)
        view = memref::ReinterpretCastOp::create(
            b, loc, type, view, /*offset=*/0, layout->shape, layout->strides);
      buffer.op.replaceAllUsesWith(view);
      buffer.op.erase();
    }
    return success();
  }

  static LogicalResult collect(func::FuncOp f, std::vector<Buffer> &buffers) {
    BufferViewFlowAnalysis views(f);
    Block &block = f.front();
    DenseMap<Operation *, int64_t> position;
    for (Operation &op : block)
      position[&op] = position.size();
    auto result = f.walk([&](memref::AllocOp alloc) {
      MemRefType t = alloc.getType();
      FailureOr<Layout> layout = Layout::of(t);
      bool strided = isa<StridedLayoutAttr>(t.getLayout());
      if (!t.hasStaticShape() || failed(layout) ||
          !(strided || t.getLayout().isIdentity())) {
        alloc.emitError("cannot plan a buffer of type ") << t;
        return WalkResult::interrupt();
      }
      Buffer buffer;
      buffer.op = alloc;
      int64_t bytes = layout->size * ((t.getElementTypeBitWidth() + 7) / 8);
      buffer.size = llvm::alignTo(std::max<int64_t>(bytes, 1), kAlignment);
      // Live from the first use, not from the alloc, which may be hoisted; a
      // use inside a loop lasts as long as the loop.
      for (Value v : views.resolve(alloc.getResult()))
        for (Operation *user : v.getUsers())
          if (!isa<ViewLikeOpInterface>(user)) {
            int64_t p = position[block.findAncestorOpInBlock(*user)];
            buffer.begin = std::min(buffer.begin, p);
            buffer.end = std::max(buffer.end, p);
          }
      buffers.push_back(buffer);
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  // Most bytes that are live at once, in each stage and phase; and how many of
  // them the forward pass leaves to the backward pass.
  static void describe(func::FuncOp f, ArrayRef<Buffer> buffers) {
    auto phaseOf = [](Operation *op) {
      StringRef phase = placeOf(op->getLoc(), "phase");
      return phase.empty() ? StringRef("forward") : phase;
    };
    std::vector<Operation *> ops;
    for (Operation &op : f.front())
      ops.push_back(&op);
    std::vector<int64_t> live(ops.size() + 1), kept(ops.size() + 1);
    for (const Buffer &buffer : buffers) {
      if (buffer.end < 0)
        continue;
      bool activation = phaseOf(ops[buffer.begin]) == "forward" &&
                        phaseOf(ops[buffer.end]) == "backward";
      for (auto *bytes : {&live, &kept}) {
        if (bytes == &kept && !activation)
          continue;
        (*bytes)[buffer.begin] += buffer.size;
        (*bytes)[buffer.end + 1] -= buffer.size;
      }
    }
    struct Peak {
      int64_t live = 0, kept = 0;
    };
    llvm::MapVector<std::pair<StringRef, StringRef>, Peak> peaks;
    int64_t liveNow = 0, keptNow = 0, keptMost = 0;
    for (auto [i, op] : llvm::enumerate(ops)) {
      liveNow += live[i];
      keptNow += kept[i];
      keptMost = std::max(keptMost, keptNow);
      if (!isa<kernel::CallOp>(op))
        continue;
      Peak &peak = peaks[{placeOf(op->getLoc(), "stage"), phaseOf(op)}];
      peak.live = std::max(peak.live, liveNow);
      peak.kept = std::max(peak.kept, keptNow);
    }
    Builder b(f.getContext());
    SmallVector<Attribute> entries;
    for (auto &[place, peak] : peaks)
      entries.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("stage", b.getStringAttr(place.first)),
           b.getNamedAttr("phase", b.getStringAttr(place.second)),
           b.getNamedAttr("live_bytes", b.getI64IntegerAttr(peak.live)),
           b.getNamedAttr("activation_bytes",
                          b.getI64IntegerAttr(peak.kept))}));
    f->setAttr("varve.memory",
               b.getDictionaryAttr(
                   {b.getNamedAttr("peak_activation_bytes",
                                   b.getI64IntegerAttr(keptMost)),
                    b.getNamedAttr("phases", b.getArrayAttr(entries))}));
  }

  static int64_t place(std::vector<Buffer> &buffers) {
    std::vector<Buffer *> order, placed;
    for (Buffer &b : buffers)
      order.push_back(&b);
    llvm::stable_sort(order,
                      [](Buffer *a, Buffer *b) { return a->size > b->size; });
    int64_t bytes = 0;
    for (Buffer *b : order) {
      SmallVector<std::pair<int64_t, int64_t>> taken;
      for (Buffer *p : placed)
        if (p->liveWith(*b))
          taken.push_back({p->offset, p->offset + p->size});
      llvm::sort(taken);
      for (auto [lo, hi] : taken) {
        if (b->offset + b->size <= lo)
          break;
        b->offset = std::max(b->offset, hi);
      }
      bytes = std::max(bytes, b->offset + b->size);
      placed.push_back(b);
    }
    return bytes;
  }

  static int64_t placeGuarded(func::FuncOp f, std::vector<Buffer> &buffers) {
    SmallVector<int64_t> guards;
    int64_t at = 0;
    for (Buffer &b : buffers) {
      int64_t end = llvm::alignTo(at + b.size, kPage);
      b.offset = end - b.size;
      guards.push_back(end);
      at = end + kPage;
    }
    f->setAttr("varve.arena_guards",
               DenseI64ArrayAttr::get(f.getContext(), guards));
    return at;
  }
};

} // namespace
