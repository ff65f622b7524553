// Taps of convolutions that only ever meet padding, and the weights behind
// them.
#include "Dialect/Varve/Ops/Window.h"
#include "Transforms/Optimizer.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_NARROWCONVOLUTIONS
#define GEN_PASS_DEF_DROPDEADWEIGHTS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

// ---- varve-narrow-convolutions ----

namespace {
/// Taps [begin, end) of one axis, and the padding with which they give the same
/// places.
struct Taps {
  int64_t begin, end, before, after;
};
} // namespace

/// The taps of an axis that meet the input somewhere, and those between them.
static Taps liveTaps(const WindowAxis &axis) {
  Taps all{0, axis.kernel, axis.before, axis.after};
  auto lives = [&](int64_t k) {
    for (int64_t p = 0; p < axis.places; ++p)
      if (axis.holds(axis.at(p, k)))
        return true;
    return false;
  };
  Taps live = all;
  while (live.begin < live.end && !lives(live.begin))
    ++live.begin;
  while (live.end > live.begin && !lives(live.end - 1))
    --live.end;
  // Padding is not negative: some dead taps may have to stay.
  live.begin = std::min(live.begin, axis.before / axis.dilation);
  if (live.begin >= live.end)
    return all;
  WindowAxis part = axis;
  part.kernel = live.end - live.begin;
  part.before = live.before = axis.before - live.begin * axis.dilation;
  part.after = 0;
  int64_t last = part.at(axis.places - 1, part.kernel - 1);
  part.after = live.after = std::max<int64_t>(0, last - (axis.size - 1));
  int64_t beyond = axis.size + part.before + part.after - part.reach();
  return beyond / axis.stride + 1 == axis.places ? live : all;
}

static void narrow(ConvOp conv) {
  if (typeOf(conv.getX()).getNumElements() == 0 ||
      typeOf(conv.getResult()).getNumElements() == 0)
    return;
  SmallVector<int64_t> end(shapeOf(conv.getWeight())), begin(end.size(), 0);
  SmallVector<int64_t> step(end.size(), 1), padding, after;
  for (auto [d, axis] : llvm::enumerate(convWindow(conv))) {
    Taps taps = liveTaps(axis);
    begin[2 + d] = taps.begin;
    end[2 + d] = taps.end;
    padding.push_back(taps.before);
    after.push_back(taps.after);
  }
  Value weight = conv.getWeight();
  if (llvm::none_of(begin, [](int64_t b) { return b > 0; }) &&
      ArrayRef(end) == shapeOf(weight))
    return;
  ImplicitLocOpBuilder b(conv.getLoc(), conv);
  conv.getWeightMutable().assign(SliceOp::create(b, weight, begin, end, step));
  llvm::append_range(padding, after);
  conv.setPadding(padding);
}

namespace {
struct NarrowConvolutionsPass
    : public varve::impl::NarrowConvolutionsBase<NarrowConvolutionsPass> {
  void runOnOperation() override { getOperation().walk(narrow); }
};
} // namespace

// ---- varve-drop-dead-weights ----

/// Where all uses of a state are slices: the smallest window that holds them.
namespace {
struct StateUses {
  SmallVector<SliceOp> slices;
  SmallVector<BlockArgument> values;
  bool onlySlices = true;
};
} // namespace

static bool takesNeighbours(SliceOp slice) {
  return llvm::all_of(slice.getStep(), [](int64_t s) { return s == 1; });
}

static llvm::MapVector<StringRef, StateUses> findUses(ProgramOp program) {
  llvm::MapVector<StringRef, StateUses> found;
  for (FuncOp func : program.getOps<FuncOp>()) {
    for (auto [i, use] : llvm::enumerate(func.getUses())) {
      StateUses &uses = found[cast<FlatSymbolRefAttr>(use).getValue()];
      BlockArgument value = func.getBody().getArgument(func.getNumInputs() + i);
      uses.values.push_back(value);
      for (Operation *user : value.getUsers()) {
        auto slice = dyn_cast<SliceOp>(user);
        if (slice && takesNeighbours(slice))
          uses.slices.push_back(slice);
        else
          uses.onlySlices = false;
      }
    }
    for (auto update : func.getUpdates().getAsRange<FlatSymbolRefAttr>())
      found[update.getValue()].onlySlices = false;
  }
  return found;
}

static void shrink(StateOp state, StateUses &uses) {
  RankedTensorType whole = state.getTensorType();
  SmallVector<int64_t> begin(whole.getShape()), end(whole.getRank(), 0);
  for (SliceOp slice : uses.slices)
    for (int64_t d = 0; d < whole.getRank(); ++d) {
      begin[d] = std::min(begin[d], slice.getBegin()[d]);
      end[d] = std::max(end[d], slice.getEnd()[d]);
    }
  SmallVector<int64_t> size;
  for (int64_t d = 0; d < whole.getRank(); ++d)
    size.push_back(end[d] - begin[d]);
  if (ArrayRef(size) == whole.getShape() || llvm::is_contained(size, 0))
    return;
  Builder b(state.getContext());
  auto part = RankedTensorType::get(size, whole.getElementType());
  state.setType(part);
  state.setShapeAttr(b.getDenseI64ArrayAttr(whole.getShape()));
  state.setOffsetAttr(b.getDenseI64ArrayAttr(begin));
  for (BlockArgument value : uses.values)
    value.setType(part);
  for (SliceOp slice : uses.slices) {
    if (slice.getType() == part) {
      slice.replaceAllUsesWith(slice.getX());
      slice.erase();
      continue;
    }
    SmallVector<int64_t> from, to;
    for (int64_t d = 0; d < whole.getRank(); ++d) {
      from.push_back(slice.getBegin()[d] - begin[d]);
      to.push_back(slice.getEnd()[d] - begin[d]);
    }
    slice.setBegin(from);
    slice.setEnd(to);
  }
}

namespace {
struct DropDeadWeightsPass
    : public varve::impl::DropDeadWeightsBase<DropDeadWeightsPass> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    // What decays moves without a gradient; a moving average of what stays
    // still does by its rounding; and a norm is summed over axes that a window
    // would shorten.
    if (DictionaryAttr train = program.getTrainAttr()) {
      FailureOr<OptimizerKind> kind =
          OptimizerKind::get(program.getLoc(), train);
      if (failed(kind))
        return signalPassFailure();
      if (kind->decay || train.get("clip_norm") || train.get("average"))
        return;
    }
    for (auto &[name, uses] : findUses(program)) {
      auto state = program.lookupSymbol<StateOp>(name);
      if (uses.onlySlices && !uses.slices.empty() && !state.getShape() &&
          state.getRole() == "param")
        shrink(state, uses);
    }
  }
};
} // namespace
