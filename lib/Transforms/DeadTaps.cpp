// Taps of convolutions that only ever meet padding, and the weights behind
// them.
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
/// positions.
struct Taps {
  int64_t begin, end, before, after;
};
} // namespace

/// The taps of an axis that meet the input somewhere, and those between them.
static Taps liveTaps(int64_t size, int64_t positions, int64_t kernel,
                     int64_t stride, int64_t dilation, int64_t before,
                     int64_t after) {
  Taps all{0, kernel, before, after};
  // Tap k reads p stride + k dilation - before for 0 <= p < positions.
  auto lives = [&](int64_t k) {
    int64_t first = k * dilation - before;
    int64_t last = first + (positions - 1) * stride;
    if (first >= size || last < 0)
      return false;
    // The first p that is not before the input.
    int64_t skipped = first < 0 ? (-first + stride - 1) / stride : 0;
    return skipped < positions && first + skipped * stride < size;
  };
  Taps live = all;
  while (live.begin < kernel && !lives(live.begin))
    ++live.begin;
  while (live.end > live.begin && !lives(live.end - 1))
    --live.end;
  // Padding is not negative: some dead taps may have to stay.
  live.begin = std::min(live.begin, before / dilation);
  if (live.begin >= live.end)
    return all;
  live.before = before - live.begin * dilation;
  int64_t reach = (live.end - live.begin - 1) * dilation + 1;
  live.after = std::max<int64_t>(0, (positions - 1) * stride + reach - size -
                                        live.before);
  bool same =
      (size + live.before + live.after - reach) / stride + 1 == positions;
  return same ? live : all;
}

static void narrow(ConvOp conv) {
  auto x = cast<RankedTensorType>(conv.getX().getType());
  auto weight = cast<RankedTensorType>(conv.getWeight().getType());
  auto y = cast<RankedTensorType>(conv.getResult().getType());
  int64_t axes = x.getRank() - 2;
  if (x.getNumElements() == 0 || y.getNumElements() == 0)
    return;
  ArrayRef<int64_t> padding = conv.getPadding();
  bool ends = int64_t(padding.size()) == 2 * axes;
  SmallVector<int64_t> begin(2, 0), end(weight.getShape().take_front(2));
  SmallVector<int64_t> step(weight.getRank(), 1), before, after;
  bool changed = false;
  for (int64_t d = 0; d < axes; ++d) {
    int64_t kernel = weight.getDimSize(2 + d);
    Taps taps = liveTaps(x.getDimSize(2 + d), y.getDimSize(2 + d), kernel,
                         conv.getStride()[d], conv.getDilation()[d], padding[d],
                         padding[ends ? axes + d : d]);
    begin.push_back(taps.begin);
    end.push_back(taps.end);
    before.push_back(taps.before);
    after.push_back(taps.after);
    changed |= taps.begin > 0 || taps.end < kernel;
  }
  if (!changed)
    return;
  ImplicitLocOpBuilder b(conv.getLoc(), conv);
  Value part = SliceOp::create(b, conv.getWeight(), begin, end, step);
  llvm::append_range(before, after);
  conv.getWeightMutable().assign(part);
  conv.setPadding(before);
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
    SmallVector<int64_t> from, to;
    for (int64_t d = 0; d < whole.getRank(); ++d) {
      from.push_back(slice.getBegin()[d] - begin[d]);
      to.push_back(slice.getEnd()[d] - begin[d]);
    }
    if (slice.getType() == part) {
      slice.replaceAllUsesWith(slice.getX());
      slice.erase();
      continue;
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
