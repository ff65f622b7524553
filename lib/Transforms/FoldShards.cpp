// One step out of the step on a shard. Every reduction over the batch is then
// a reduction over a shard, folded in the order of the shards; the memory of
// one shard serves the next. Batches that are accumulated are shards, too.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/IR/IRMapping.h"
#include "varve/Dialect/Kernel/Place.h"
#include "varve/Dialect/Varve/Stage.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_FOLDSHARDS
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

static StringRef kindOf(Attribute info) {
  return cast<DictionaryAttr>(info).getAs<StringAttr>("kind").getValue();
}

/// Whether an input has an element for each sample of the batch.
static bool isOfSamples(Attribute info) {
  return kindOf(info) == "indices" || kindOf(info) == "input";
}

namespace {
/// Builds the function on all shards.
class Folder {
public:
  Folder(FuncOp whole, FuncOp last, ArrayRef<int64_t> sizes)
      : whole(whole), last(last), sizes(sizes),
        b(whole.getLoc(), whole->getContext()) {
    for (int64_t size : sizes)
      samples += size;
  }

  LogicalResult run();

private:
  FuncOp makeFunction();
  LogicalResult addShard(unsigned number, int64_t first);
  void giveSeed(Operation *op, Value seed, Value own);
  Value samplesOf(Value batch, int64_t first, int64_t count);
  Value seedOf(Value seed, unsigned number);

  FuncOp whole, last, folded;
  ArrayRef<int64_t> sizes;
  int64_t samples = 0;
  ImplicitLocOpBuilder b;
  SmallVector<Value> sums, updated;
};
} // namespace

FuncOp Folder::makeFunction() {
  b.setInsertionPoint(whole);
  auto made = FuncOp::create(b, whole.getSymName(), whole.getInputs(),
                             whole.getResults(), whole.getUses(),
                             whole.getUpdates(), samples, /*learns=*/true);
  Block *body = &made.getBody().emplaceBlock();
  for (BlockArgument argument : whole.getBody().getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    unsigned i = argument.getArgNumber();
    if (i < whole.getNumInputs() && isOfSamples(whole.getInputs()[i])) {
      SmallVector<int64_t> shape(type.getShape());
      shape[0] = samples;
      type = type.clone(shape);
    }
    body->addArgument(type, argument.getLoc());
  }
  b.setInsertionPointToEnd(body);
  return made;
}

Value Folder::samplesOf(Value batch, int64_t first, int64_t count) {
  auto type = cast<RankedTensorType>(batch.getType());
  SmallVector<int64_t> begin(type.getRank(), 0), end(type.getShape()),
      step(type.getRank(), 1);
  begin[0] = first;
  end[0] = first + count;
  return SliceOp::create(b, batch, begin, end, step);
}

/// Odd multiples of the golden ratio: no two shards share one.
Value Folder::seedOf(Value seed, unsigned number) {
  uint64_t apart = number * uint64_t(0x9e3779b97f4a7c15);
  auto type = cast<RankedTensorType>(seed.getType());
  Value by = ConstantOp::create(
      b, type,
      DenseElementsAttr::get(type, b.getI64IntegerAttr(int64_t(apart))));
  return AddOp::create(b, seed, by);
}

/// Draws of the model, in a stage as well; those of a sample have its number,
/// and a seed that is computed.
void Folder::giveSeed(Operation *op, Value seed, Value own) {
  if (op->hasAttr("stream"))
    op->replaceUsesOfWith(seed, own);
  auto stage = dyn_cast<StageOp>(op);
  if (!stage)
    return;
  Value inner;
  Block &body = stage.getBody().front();
  for (auto [argument, input] :
       llvm::zip(llvm::to_vector(body.getArguments()),
                 llvm::to_vector(stage.getInputs())))
    if (input == seed)
      for (OpOperand &use : llvm::make_early_inc_range(argument.getUses())) {
        if (!use.getOwner()->hasAttr("stream"))
          continue;
        if (!inner) {
          stage.getInputsMutable().append(own);
          inner = body.addArgument(own.getType(), own.getLoc());
        }
        use.set(inner);
      }
}

LogicalResult Folder::addShard(unsigned number, int64_t first) {
  FuncOp shard = sizes[number] == int64_t(whole.getBatch()) ? whole : last;
  if (!shard)
    return whole.emitOpError("has no step for a shard of ") << sizes[number];
  IRMapping values;
  for (BlockArgument argument : shard.getBody().getArguments()) {
    unsigned i = argument.getArgNumber();
    // Both functions come from one text, and so do their arguments.
    Value value = folded.getBody().getArgument(i);
    if (i < shard.getNumInputs()) {
      Attribute info = shard.getInputs()[i];
      if (isOfSamples(info))
        value = samplesOf(value, first, sizes[number]);
    } else if (number > 0) {
      Attribute use = shard.getUses()[i - shard.getNumInputs()];
      for (auto [update, now] : llvm::zip(folded.getUpdates(), updated))
        if (update == use)
          value = now;
    }
    values.map(argument, value);
  }
  Block &body = shard.getBody().front();
  Value seed = folded.getInputOfKind("seed"), own;
  for (Operation &op : body.without_terminator()) {
    Operation *copy = b.clone(op, values);
    bool mayDraw = op.hasAttr("stream") || isa<StageOp>(op);
    if (!seed || number == 0 || !mayDraw ||
        !llvm::is_contained(copy->getOperands(), seed))
      continue;
    if (!own) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(copy);
      own = seedOf(seed, number);
    }
    giveSeed(copy, seed, own);
  }
  SmallVector<Value> returned;
  for (Value value : shard.getReturn().getValues())
    returned.push_back(values.lookupOrDefault(value));
  size_t results = shard.getResults().size();
  updated.assign(returned.begin() + results, returned.end());
  double weight = double(sizes[number]) / double(samples);
  for (auto [i, info] : llvm::enumerate(shard.getResults())) {
    if (kindOf(info) == "schedule") { // the same for all
      if (number == 0)
        sums.push_back(returned[i]);
      continue;
    }
    Value sum =
        MulOp::create(b, returned[i], constantLike(b, returned[i], weight));
    auto mark = [&, entry = cast<DictionaryAttr>(info)] {
      if (kindOf(entry) != "gradient")
        return;
      markPlace(sum.getDefiningOp(), "phase", "backward");
      if (auto stage = entry.getAs<StringAttr>("stage"))
        markPlace(sum.getDefiningOp(), "stage", stage);
    };
    mark();
    if (number > 0)
      sum = AddOp::create(b, sums[i], sum);
    mark();
    if (number == 0)
      sums.push_back(sum);
    else
      sums[i] = sum;
  }
  return success();
}

LogicalResult Folder::run() {
  if (last && (last.getInputs() != whole.getInputs() ||
               last.getUses() != whole.getUses() ||
               last.getResults() != whole.getResults() ||
               last.getUpdates() != whole.getUpdates()))
    return last.emitOpError("is no smaller shard of ") << whole.getSymName();
  folded = makeFunction();
  int64_t first = 0;
  for (unsigned number = 0; number < sizes.size(); ++number) {
    if (failed(addShard(number, first)))
      return failure();
    first += sizes[number];
  }
  llvm::append_range(sums, updated);
  ReturnOp::create(b, sums);
  whole.erase();
  if (last)
    last.erase();
  return success();
}

namespace {
struct FoldShardsPass : public varve::impl::FoldShardsBase<FoldShardsPass> {
  void runOnOperation() override {
    DictionaryAttr train = getOperation().getTrainAttr();
    auto sizes =
        train ? train.getAs<DenseI64ArrayAttr>("shards") : DenseI64ArrayAttr();
    if (!sizes)
      return;
    FuncOp whole, last;
    for (FuncOp func : getOperation().getOps<FuncOp>())
      if (func.getLearns())
        (int64_t(func.getBatch()) == sizes[0] ? whole : last) = func;
    if (whole && failed(Folder(whole, last, sizes).run()))
      return signalPassFailure();
  }
};
} // namespace
