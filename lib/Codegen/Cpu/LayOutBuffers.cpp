// --varve-lay-out-buffers: channels last in the buffers between convolutions.
//
// Kernels index by logical dimensions, so that a buffer's layout is its own
// affair: it changes addresses and no bit. What decides is which dimension is
// contiguous. Convolutions and pooling windows want channels there, and what
// stands between them follows, so that elements change places only at the edges
// (a function's arguments, views).
#include "Layout.h"
#include "varve/Codegen/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace varve {
#define GEN_PASS_DEF_LAYOUTBUFFERS
#include "varve/Codegen/Passes.h.inc"
} // namespace varve

using namespace mlir;
using namespace varve;

namespace {

/// Arguments of a kernel whose channels (dimension 1) are the same, by number.
struct Channels {
  SmallVector<SmallVector<unsigned>> classes;
  SmallVector<bool> wanted; // last in memory, one for each class
};

bool hasChannels(Value v) {
  auto type = dyn_cast<ShapedType>(v.getType());
  return type && type.hasStaticShape() && type.getRank() >= 3 &&
         type.getRank() <= 5;
}

// An index that is no single dimension: d2 * 2 + d5 of a window.
bool readsWindows(AffineMap map) {
  return llvm::any_of(map.getResults().drop_front(2),
                      [](AffineExpr e) { return isa<AffineBinaryOpExpr>(e); });
}

/// The loop of `g` that alone decides an index; none if there is no such one.
std::optional<unsigned> loopOf(Value index, linalg::GenericOp g) {
  SetVector<Value> makers;
  makers.insert(index);
  std::optional<unsigned> loop;
  for (unsigned i = 0; i < makers.size(); ++i) {
    Operation *op = makers[i].getDefiningOp();
    if (auto at = dyn_cast_or_null<linalg::IndexOp>(op)) {
      if (loop && *loop != at.getDim())
        return {};
      loop = at.getDim();
    } else if (op) {
      makers.insert(op->operand_begin(), op->operand_end());
    } else {
      return {};
    }
  }
  return loop;
}

Channels channelsOf(kernel::DefOp def) {
  llvm::EquivalenceClasses<Value> same;
  llvm::DenseSet<Value> wanted;
  def.walk([&](linalg::LinalgOp op) {
    llvm::DenseMap<unsigned, Value> byLoop;
    auto join = [&](Value v, AffineMap map) {
      if (!hasChannels(v))
        return;
      same.insert(v);
      auto channel = dyn_cast<AffineDimExpr>(map.getResult(1));
      if (!channel)
        return;
      if (readsWindows(map))
        wanted.insert(v);
      Value &first = byLoop[channel.getPosition()];
      if (first)
        same.unionSets(first, v);
      else
        first = v;
    };
    for (OpOperand &o : op->getOpOperands())
      join(o.get(), op.getMatchingIndexingMap(&o));
    for (OpResult r : op->getResults())
      join(r, op.getIndexingMapMatchingResult(r));
  });
  // Pools, slices, concatenations.
  def.walk([&](tensor::ExtractOp extract) {
    auto g = extract->getParentOfType<linalg::GenericOp>();
    Value from = extract.getTensor();
    if (!g || !hasChannels(from))
      return;
    std::optional<unsigned> loop = loopOf(extract.getIndices()[1], g);
    for (OpResult r : g->getResults())
      if (loop && hasChannels(r) &&
          g.getIndexingMapMatchingResult(r).getResult(1) ==
              getAffineDimExpr(*loop, g.getContext()))
        same.unionSets(from, r);
  });
  def.walk([&](kernel::ConvOp conv) {
    // Not the weights, and not their gradient.
    bool ofWeight = conv.getKind() == kernel::ConvKind::Weight;
    for (Value v : {conv.getLhs(), ofWeight ? conv.getRhs() : conv.getResult()})
      if (hasChannels(v)) {
        same.insert(v);
        wanted.insert(v);
      }
  });
  for (auto [value, out] : llvm::zip(def.getYielded(), def.getOutArguments()))
    if (hasChannels(out))
      same.unionSets(value, out);

  Channels channels;
  for (const auto *leader : same) {
    if (!leader->isLeader())
      continue;
    SmallVector<unsigned> arguments;
    bool want = false;
    for (Value v : same.members(*leader)) {
      want |= wanted.contains(v);
      if (auto arg = dyn_cast<BlockArgument>(v);
          arg && arg.getOwner() == &def.getBody().front())
        arguments.push_back(arg.getArgNumber());
    }
    llvm::sort(arguments);
    channels.classes.push_back(arguments);
    channels.wanted.push_back(want);
  }
  return channels;
}

/// Channels below which lanes along them would stay empty (images).
constexpr int64_t kFewChannels = 4;

/// The same shape with dimension 1 contiguous; null where that is the order
/// already or not worth it.
MemRefType channelsLast(MemRefType type) {
  ArrayRef<int64_t> shape = type.getShape();
  int64_t inner = 1;
  for (int64_t n : shape.drop_front(2))
    inner *= n;
  if (!type.getLayout().isIdentity() || shape[1] < kFewChannels || inner == 1)
    return {};
  SmallVector<int64_t> strides(shape.size(), 1);
  int64_t run = shape[1];
  for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d)
    if (d != 1) {
      strides[d] = run;
      run *= shape[d];
    }
  return MemRefType::get(shape, type.getElementType(),
                         StridedLayoutAttr::get(type.getContext(), 0, strides));
}

struct LayOutBuffers : varve::impl::LayOutBuffersBase<LayOutBuffers> {
  void runOnOperation() override {
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (!f.isExternal())
        layOut(f);
  }

  void layOut(func::FuncOp f) {
    llvm::EquivalenceClasses<Value> same;
    llvm::DenseSet<Value> wanted; // one value of the class
    f.walk([&](memref::AllocOp alloc) {
      if (hasChannels(alloc) &&
          llvm::all_of(alloc->getUsers(), llvm::IsaPred<kernel::CallOp>))
        same.insert(alloc);
    });
    f.walk([&](kernel::CallOp call) {
      const Channels &channels = known(call.getDef());
      for (auto [members, want] :
           llvm::zip(channels.classes, channels.wanted)) {
        Value first;
        for (unsigned i : members) {
          Value v = call->getOperand(i);
          if (!same.contains(v))
            continue;
          if (first)
            same.unionSets(first, v);
          first = v;
        }
        if (first && want)
          wanted.insert(first);
      }
    });
    SmallVector<Value> buffers;
    for (Value v : wanted)
      llvm::append_range(buffers, same.members(v));
    for (Value v : buffers)
      if (MemRefType type = channelsLast(cast<MemRefType>(v.getType())))
        v.setType(type);
  }

  const Channels &known(kernel::DefOp def) {
    auto [it, isNew] = channels.try_emplace(def);
    if (isNew)
      it->second = channelsOf(def);
    return it->second;
  }

  llvm::DenseMap<Operation *, Channels> channels;
};

} // namespace
