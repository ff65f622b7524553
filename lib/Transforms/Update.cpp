// From gradients to new values of the parameters: slots, hyperparameters,
// schedule, clipping, the optimizer's formula, the scale of the loss, averages.
#include "Dialect/Varve/Ops/Build.h"
#include "Transforms/Optimizer.h"
#include "Transforms/Patterns.h"
#include "varve/Dialect/Kernel/Place.h"
#include "varve/Dialect/Varve/Stage.h"
#include "varve/Transforms/Passes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_UPDATE
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

/// "hidden.weight:m"
static std::string slotName(StringRef parameter, StringRef slot) {
  return (parameter + ":" + slot).str();
}

namespace {

/// The update of one function.
class UpdateBuilder {
public:
  UpdateBuilder(ProgramOp program, FuncOp func)
      : program(program), func(func), train(program.getTrainAttr()),
        b(func.getReturn().getLoc(), func.getReturn()) {}

  LogicalResult run();

private:
  struct Gradient {
    StateOp parameter;
    Value value;
    StringAttr stage; ///< null: end to end
  };

  void takeResults();
  /// The hyperparameter `key` of a parameter: its last group's that has it,
  /// else its stage's, else the optimizer's.
  Value hyper(Gradient &of, StringRef key);
  /// The same of what the text alone decides.
  bool flag(Gradient &of, StringRef key);
  DictionaryAttr optimizerOf(Gradient &of);
  Value hyperInput(const Twine &name, double value);
  FloatAttr numberOf(DictionaryAttr values, StringRef key);
  void clip(MutableArrayRef<Gradient> gradients);
  LogicalResult update(MutableArrayRef<Gradient> gradients, Value step);
  void unscale();
  Value choose(Value x, Value old);
  void updateScale();
  void average(StateOp parameter, Value value);
  void setState(StateOp state, Value value) {
    updates.push_back(FlatSymbolRefAttr::get(state.getSymNameAttr()));
    updated.push_back(value);
  }
  Value spread(Value scalar, Value like) {
    auto type = cast<RankedTensorType>(like.getType());
    return BroadcastOp::create(b, castTo(b, scalar, type.getElementType()),
                               b.getDenseI64ArrayAttr(type.getShape()),
                               DenseI64ArrayAttr());
  }
  static Type elementOf(Value x) {
    return cast<RankedTensorType>(x.getType()).getElementType();
  }

  ProgramOp program;
  FuncOp func;
  DictionaryAttr train;
  ImplicitLocOpBuilder b;
  SmallVector<Gradient> gradients;
  DenseMap<StringAttr, Value> schedules; ///< by stage; null: the others'
  Value scale, finite; ///< of f16, else null
  llvm::StringMap<Value> hypers;
  /// Of the return, as they grow.
  SmallVector<Attribute> infos, updates;
  SmallVector<Value> results, updated;
};

} // namespace

// Gradients and the schedule's factor leave the results.
void UpdateBuilder::takeResults() {
  ReturnOp end = func.getReturn();
  unsigned n = func.getResults().size();
  for (auto [i, info] : llvm::enumerate(func.getResults())) {
    auto entry = cast<DictionaryAttr>(info);
    StringRef kind = entry.getAs<StringAttr>("kind").getValue();
    Value value = end.getOperand(i);
    if (kind == "gradient") {
      auto of = entry.getAs<FlatSymbolRefAttr>("of");
      auto state = SymbolTable::lookupNearestSymbolFrom<StateOp>(func, of);
      gradients.push_back({state, value, entry.getAs<StringAttr>("stage")});
    } else if (kind == "schedule") {
      schedules[entry.getAs<StringAttr>("stage")] = value;
    } else {
      infos.push_back(info);
      results.push_back(value);
    }
  }
  updates.assign(func.getUpdates().begin(), func.getUpdates().end());
  updated = llvm::to_vector(end.getOperands().drop_front(n));
}

FloatAttr UpdateBuilder::numberOf(DictionaryAttr values, StringRef key) {
  // "betas[1]" is element 1 of "betas".
  auto [name, rest] = key.split('[');
  Attribute value = values ? values.get(name) : Attribute();
  unsigned index;
  if (auto list = dyn_cast_or_null<ArrayAttr>(value))
    value = !rest.consumeInteger(10, index) && index < list.size()
                ? list[index]
                : Attribute();
  return dyn_cast_or_null<FloatAttr>(value);
}

Value UpdateBuilder::hyperInput(const Twine &name, double value) {
  std::string key = name.str();
  Value &input = hypers[key];
  if (!input)
    input = func.addInput(
        RankedTensorType::get({}, b.getF32Type()),
        b.getDictionaryAttr(
            {b.getNamedAttr("name", b.getStringAttr(key)),
             b.getNamedAttr("kind", b.getStringAttr("hyper")),
             b.getNamedAttr("default", b.getF64FloatAttr(value))}));
  return input;
}

DictionaryAttr UpdateBuilder::optimizerOf(Gradient &of) {
  if (auto stages = train.getAs<ArrayAttr>("stages"))
    for (auto own : stages.getAsRange<DictionaryAttr>())
      if (of.stage && own.getAs<StringAttr>("stage") == of.stage)
        return own;
  return train.getAs<DictionaryAttr>("optimizer");
}

Value UpdateBuilder::hyper(Gradient &of, StringRef key) {
  StringRef parameter = of.parameter.getSymName();
  if (auto groups = train.getAs<ArrayAttr>("groups"))
    for (int i = groups.size() - 1; i >= 0; --i) {
      auto group = cast<DictionaryAttr>(groups[i]);
      FloatAttr value = numberOf(group, key);
      if (value &&
          Patterns(group.getAs<ArrayAttr>("patterns")).match(parameter))
        return hyperInput("groups[" + Twine(i) + "]." + key,
                          value.getValueAsDouble());
    }
  DictionaryAttr values = optimizerOf(of);
  bool own = bool(values.getAs<StringAttr>("stage"));
  FloatAttr value = numberOf(values, key);
  std::string prefix = own ? "stage." + of.stage.str() + "." : "";
  return hyperInput(prefix + "optimizer." + key,
                    value ? value.getValueAsDouble() : 0.0);
}

bool UpdateBuilder::flag(Gradient &of, StringRef key) {
  auto value = optimizerOf(of).getAs<BoolAttr>(key);
  if (auto groups = train.getAs<ArrayAttr>("groups"))
    for (auto group : groups.getAsRange<DictionaryAttr>())
      if (auto own = group.getAs<BoolAttr>(key))
        if (Patterns(group.getAs<ArrayAttr>("patterns"))
                .match(of.parameter.getSymName()))
          value = own;
  return value && value.getValue();
}

// By value, then by the norm of a stage's gradients together: g min(1, c /
// (norm
// + 1e-6)), PyTorch's order and constant.
void UpdateBuilder::clip(MutableArrayRef<Gradient> gradients) {
  if (auto limit = train.getAs<FloatAttr>("clip_value")) {
    Value high = hyperInput("clip_value", limit.getValueAsDouble());
    Value low = NegOp::create(b, high);
    for (Gradient &g : gradients) {
      Value below = MinimumOp::create(b, g.value, spread(high, g.value));
      g.value = MaximumOp::create(b, below, spread(low, g.value));
    }
  }
  if (auto limit = train.getAs<FloatAttr>("clip_norm")) {
    // Per-parameter sums in declaration order; in f64 if a gradient is.
    Type element = b.getF32Type();
    for (Gradient &g : gradients)
      if (elementOf(g.value).isF64())
        element = b.getF64Type();
    Value total;
    for (Gradient &g : gradients) {
      Value wide = castTo(b, g.value, element);
      Value square = MulOp::create(b, wide, wide);
      int64_t rank = cast<RankedTensorType>(square.getType()).getRank();
      auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
      Value sum = SumOp::create(b, square, axes, false);
      total = total ? AddOp::create(b, total, sum).getResult() : sum;
    }
    if (!total)
      return;
    auto type = cast<RankedTensorType>(total.getType());
    Value norm =
        AddOp::create(b, SqrtOp::create(b, total), constant(b, type, 1e-6));
    Value high =
        castTo(b, hyperInput("clip_norm", limit.getValueAsDouble()), element);
    Value factor = MinimumOp::create(b, DivOp::create(b, high, norm),
                                     constant(b, type, 1));
    for (Gradient &g : gradients)
      g.value = MulOp::create(b, g.value, spread(factor, g.value));
  }
}

// Gradients come multiplied by the scale. Where one of them overflowed, nothing
// is updated, and the scale gets smaller (Micikevicius et al. 2018).
void UpdateBuilder::unscale() {
  auto state = program.lookupSymbol<StateOp>(kLossScale);
  if (!state)
    return;
  scale = func.addUse(state);
  Value inverse = DivOp::create(b, constantLike(b, scale, 1), scale);
  for (Gradient &g : gradients) {
    // What is no number or infinite differs from itself less itself.
    Value zero = SubOp::create(b, g.value, g.value);
    Value same = CompareOp::create(b, zero, constantLike(b, zero, 0), "eq");
    int64_t rank = cast<RankedTensorType>(same.getType()).getRank();
    auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    Value all = AllOp::create(b, same, axes, false);
    finite = finite ? AndOp::create(b, finite, all).getResult() : all;
    g.value = MulOp::create(b, g.value, spread(inverse, g.value));
  }
  infos.push_back(
      b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr("finite")),
                           b.getNamedAttr("kind", b.getStringAttr("finite"))}));
  results.push_back(finite);
}

/// The new value where all gradients are finite, else the old one.
Value UpdateBuilder::choose(Value x, Value old) {
  if (!finite)
    return x;
  auto type = cast<RankedTensorType>(x.getType());
  Value condition = BroadcastOp::create(
      b, finite, b.getDenseI64ArrayAttr(type.getShape()), DenseI64ArrayAttr());
  return WhereOp::create(b, condition, x, old);
}

// Halved after an overflow, doubled after 2000 steps without one.
void UpdateBuilder::updateScale() {
  if (!finite)
    return;
  auto countState = program.lookupSymbol<StateOp>(kFiniteSteps);
  Value count = func.addUse(countState);
  auto real = cast<RankedTensorType>(scale.getType());
  auto whole = cast<RankedTensorType>(count.getType());
  Value next = AddOp::create(b, count, constant(b, whole, 1));
  Value full = CompareOp::create(b, next, constant(b, whole, 2000), "ge");
  Value grown =
      MinimumOp::create(b, MulOp::create(b, scale, constant(b, real, 2)),
                        constant(b, real, 0x1p24));
  Value shrunk = MaximumOp::create(
      b, MulOp::create(b, scale, constant(b, real, 0.5)), constant(b, real, 1));
  Value none = constant(b, whole, 0);
  Value kept = WhereOp::create(b, full, grown, scale);
  Value steps = WhereOp::create(b, full, none, next);
  setState(program.lookupSymbol<StateOp>(kLossScale),
           WhereOp::create(b, finite, kept, shrunk));
  setState(countState, WhereOp::create(b, finite, steps, none));
}

/// decay * old + (1 - decay) * new
void UpdateBuilder::average(StateOp parameter, Value value) {
  auto decay = train.getAs<FloatAttr>("average");
  if (!decay)
    return;
  auto state = program.lookupSymbol<StateOp>(
      slotName(parameter.getSymName(), "average"));
  Value old = func.addUse(state);
  Value d = hyperInput("average", decay.getValueAsDouble());
  Value rest = SubOp::create(b, constantLike(b, d, 1), d);
  Value kept = MulOp::create(b, spread(d, old), old);
  setState(state,
           AddOp::create(b, kept, MulOp::create(b, spread(rest, old), value)));
}

/// The optimizer's step for one stage.
LogicalResult UpdateBuilder::update(MutableArrayRef<Gradient> gradients,
                                    Value step) {
  clip(gradients);
  for (Gradient &g : gradients) {
    StringRef name = g.parameter.getSymName();
    FailureOr<OptimizerKind> kind =
        OptimizerKind::of(program.getLoc(), train, name);
    if (failed(kind))
      return failure();
    b.setLoc(NameLoc::get(b.getStringAttr("update of " + name),
                          func.getReturn().getLoc()));
    auto hyperOf = [&](StringRef key) { return hyper(g, key); };
    StepInputs in;
    in.parameter = func.getUse(name);
    in.gradient = g.value;
    in.step = step;
    in.lr = hyper(g, "lr");
    Value schedule = schedules.lookup(g.stage);
    if (!schedule)
      schedule = schedules.lookup(StringAttr());
    if (schedule)
      in.lr = MulOp::create(b, in.lr, schedule);
    in.hyper = hyperOf;
    SmallVector<StateOp> slots;
    for (StringRef slot : kind->slots()) {
      slots.push_back(program.lookupSymbol<StateOp>(slotName(name, slot)));
      in.slots.push_back(func.addUse(slots.back()));
    }
    kind->nesterov = flag(g, "nesterov");
    SmallVector<Value> values = buildStep(b, *kind, in);
    values[0] = choose(values[0], in.parameter);
    setState(g.parameter, values[0]);
    for (auto [i, slot] : llvm::enumerate(slots))
      setState(slot, choose(values[i + 1], in.slots[i]));
    average(g.parameter, values[0]);
  }
  return success();
}

LogicalResult UpdateBuilder::run() {
  takeResults();
  if (!gradients.empty()) {
    auto counter = program.lookupSymbol<StateOp>("step");
    if (!counter)
      return func.emitOpError("has gradients but no counter @step");
    Value old = func.addUse(counter);
    Value step;
    unscale();
    // A stage's step follows its gradients, before the next stage begins; those
    // of shards are summed behind all stages.
    bool sharded = bool(train.get("shards"));
    MutableArrayRef<Gradient> rest = gradients;
    while (!rest.empty()) {
      StringAttr stage = rest.front().stage;
      auto own = rest.take_while([&](Gradient &g) { return g.stage == stage; });
      Operation *end = func.getReturn();
      if (stage && !sharded)
        for (StageOp op : func.getOps<StageOp>())
          if (op.getStageAttr() == stage)
            end = op->getNextNode();
      b.setInsertionPoint(end);
      if (!step)
        step = AddOp::create(b, old, constantLike(b, old, 1));
      Operation *before = end->getPrevNode();
      if (failed(update(own, step)))
        return failure();
      while (before->getNextNode() != end) {
        before = before->getNextNode();
        markPlace(before, "phase", "update");
        if (stage)
          markPlace(before, "stage", stage);
      }
      rest = rest.drop_front(own.size());
    }
    updateScale();
    setState(counter, choose(step, old));
  }

  func.setResultsAttr(b.getArrayAttr(infos));
  func.setUpdatesAttr(b.getArrayAttr(updates));
  llvm::append_range(results, updated);
  func.getReturn().getValuesMutable().assign(results);
  func.setLearns(false);
  return success();
}

// After the parameters' own states, in their order: all functions of a program
// declare the same, whether they update or not.
static LogicalResult declareSlots(ProgramOp program) {
  auto freeze = program.getTrainAttr().getAs<ArrayAttr>("freeze");
  Patterns frozen(freeze);
  auto states = llvm::to_vector(program.getOps<StateOp>());
  if (states.empty())
    return success();
  OpBuilder b(program.getContext());
  b.setInsertionPointAfter(states.back());
  for (StateOp state : states) {
    StringRef name = state.getSymName();
    if (state.getRole() != "param" || frozen.match(name) ||
        !isa<FloatType>(state.getTensorType().getElementType()))
      continue;
    auto declare = [&](StringRef slot, StringRef role) {
      auto made = StateOp::create(b, state.getLoc(), slotName(name, slot),
                                  state.getTensorType(), role);
      made.setOfAttr(FlatSymbolRefAttr::get(state.getSymNameAttr()));
      return made;
    };
    FailureOr<OptimizerKind> kind =
        OptimizerKind::of(program.getLoc(), program.getTrainAttr(), name);
    if (failed(kind))
      return failure();
    for (StringRef slot : kind->slots())
      declare(slot, "slot");
    if (program.getTrainAttr().get("average"))
      declare("average", "average").setInit("copy");
  }
  return success();
}

// Evaluation and inference see the averages of the parameters.
static void readAverages(ProgramOp program, FuncOp func) {
  SmallVector<Attribute> uses;
  for (auto use : func.getUses().getAsRange<FlatSymbolRefAttr>()) {
    auto state =
        program.lookupSymbol<StateOp>(slotName(use.getValue(), "average"));
    uses.push_back(state ? FlatSymbolRefAttr::get(state.getSymNameAttr())
                         : use);
  }
  func.setUsesAttr(ArrayAttr::get(func.getContext(), uses));
}

/// Stages have done their work: what they compute goes back into the function,
/// in their order.
static void inlineStages(FuncOp func) {
  for (StageOp stage : llvm::make_early_inc_range(func.getOps<StageOp>())) {
    Block &body = stage.getBody().front();
    for (Operation &op : body)
      markPlace(&op, "stage", stage.getStage());
    for (auto [argument, input] :
         llvm::zip(body.getArguments(), stage.getInputs()))
      argument.replaceAllUsesWith(input);
    Operation *yield = body.getTerminator();
    stage.replaceAllUsesWith(yield->getOperands());
    yield->erase();
    stage->getBlock()->getOperations().splice(Block::iterator(stage),
                                              body.getOperations());
    stage.erase();
  }
}

namespace {
struct UpdatePass : public varve::impl::UpdateBase<UpdatePass> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    auto functions = llvm::to_vector(program.getOps<FuncOp>());
    if (!program.getTrain()) {
      for (FuncOp func : functions)
        if (func.getLearns()) {
          func.emitOpError("learns, but its program has no `train`");
          return signalPassFailure();
        }
      return;
    }
    // Said once, also where nothing is trained.
    if (failed(OptimizerKind::get(program.getLoc(), program.getTrainAttr())) ||
        failed(declareSlots(program)))
      return signalPassFailure();
    for (FuncOp func : functions) {
      if (!func.getLearns()) {
        readAverages(program, func);
        continue;
      }
      if (failed(UpdateBuilder(program, func).run()))
        return signalPassFailure();
      inlineStages(func);
    }
  }
};
} // namespace
