// Layer-wise learning: where a network is cut, the heads and the losses of its
// stages. They are built in the training step, after the model, under the key
// `stage.CUT`; the partition pass then gives each stage what its loss needs.
#include "Language/ImportImpl.h"
#include "Language/Parser.h"
#include "Language/Printer.h"
#include "Support/Pattern.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;

/// The prefix of what belongs to stages and not to the model.
static constexpr const char *stagePrefix = "stage.";

static bool isPattern(StringRef name) { return name.contains('*'); }

// ---- where to cut ----

namespace {
/// What depends on parameters and where it stands, while a model is cut.
class Ground {
public:
  Ground(Block &body, ArrayRef<Value> parameters)
      : parameters(parameters.begin(), parameters.end()) {
    for (Operation &op : body) {
      position[&op] = ops.size();
      ops.push_back(&op);
      if (llvm::any_of(op.getOperands(), [&](Value v) {
            return this->parameters.count(v) ||
                   learned.count(v.getDefiningOp());
          }))
        learned.insert(&op);
    }
  }
  /// Of the operation that makes `value` in the function; -1 if none does.
  int64_t positionOf(Value value) const {
    Operation *op = value ? value.getDefiningOp() : nullptr;
    auto found = position.find(op);
    return found == position.end() ? -1 : found->second;
  }
  /// Whether parameters come in between `from` (may be null) and `to`.
  bool learnsBetween(Value from, Value to) const {
    DenseSet<Operation *> seen;
    SmallVector<Value> stack = {to};
    if (from)
      seen.insert(from.getDefiningOp());
    while (!stack.empty()) {
      Value v = stack.pop_back_val();
      if (parameters.count(v))
        return true;
      Operation *op = v.getDefiningOp();
      if (op && learned.count(op) && seen.insert(op).second)
        llvm::append_range(stack, op->getOperands());
    }
    return false;
  }
  /// Whether `value` depends on `from` by operations that stand here.
  bool dependsOn(Value value, Value from) const {
    DenseSet<Operation *> seen;
    SmallVector<Value> stack = {value};
    bool found = false;
    while (!stack.empty() && !found) {
      Operation *op = stack.pop_back_val().getDefiningOp();
      if (!op || !seen.insert(op).second || op == from.getDefiningOp())
        continue;
      found = position.count(op) && llvm::is_contained(op->getOperands(), from);
      llvm::append_range(stack, op->getOperands());
    }
    return found;
  }

  std::vector<Operation *> ops;
  DenseMap<Operation *, int64_t> position;
  DenseSet<Value> parameters;
  DenseSet<Operation *> learned;
};
} // namespace

static int64_t elementsOf(Value value) {
  return ::mlir::cast<RankedTensorType>(value.getType()).getNumElements();
}

/// Whether the gradient of an operation does without the values that it reads.
static bool isLinear(Operation *op) {
  static const llvm::StringSet<> names = {
      "add",       "sub",     "neg",   "reshape", "transpose", "broadcast",
      "unsqueeze", "squeeze", "slice", "concat",  "pad",       "sum",
      "mean",      "cast",    "split", "stack",   "avg_pool",  "stop_gradient"};
  return names.contains(op->getName().stripDialect());
}

/// Bytes that an operation leaves for the backward pass, in about.
static double savedBytes(Operation *op) {
  double bytes = 0;
  for (Value result : op->getResults())
    if (llvm::any_of(result.getUsers(),
                     [](Operation *user) { return !isLinear(user); }))
      bytes += static_cast<double>(elementsOf(result)) *
               getElementTypeOrSelf(result).getIntOrFloatBitWidth() / 8;
  return bytes;
}

/// Multiplications of an operation, in about.
static double workOf(Operation *op) {
  double work = 0;
  for (Value result : op->getResults())
    work += static_cast<double>(elementsOf(result));
  StringRef name = op->getName().stripDialect();
  if (name == "matmul")
    work *= ::mlir::cast<RankedTensorType>(op->getOperand(0).getType())
                .getShape()
                .back();
  if (name == "conv") {
    auto weight = ::mlir::cast<RankedTensorType>(op->getOperand(1).getType());
    work *= static_cast<double>(weight.getNumElements()) / weight.getDimSize(0);
  }
  return work;
}

// Cuts that leave parameters on both sides, in their order.
bool Importer::findCuts(Frame &frame, std::vector<Cut> &cuts,
                        size_t layersOfModel, Value loss) {
  SmallVector<Value> parameters;
  for (const auto &[key, variable] : variables)
    if (variable.declared && variable.role == ast::VariableRole::Param)
      parameters.push_back(variable.value);
  Ground ground(func.getBody().front(), parameters);
  struct Candidate {
    Cut cut;
    int64_t position;
    const CutName *exact; ///< named by itself: must be a cut
  };
  std::vector<Candidate> found;
  auto add = [&](const std::string &name, Value value, const std::string &layer,
                 const CutName *exact) {
    found.push_back({{name, value, layer}, ground.positionOf(value), exact});
  };
  ArrayRef<LayerRecord> records(layers.data(), layersOfModel);
  if (info.learning.stages || info.learning.each)
    for (const LayerRecord &layer : records)
      if (layer.parent < 0 && ground.positionOf(layer.value) >= 0)
        add(layer.path, layer.value, layer.path, nullptr);
  for (const CutName &cut : info.learning.cuts) {
    const LayerRecord *last = nullptr;
    bool any = false;
    std::vector<std::string> known;
    for (const LayerRecord &layer : records) {
      known.push_back(layer.path);
      bool matches =
          isPattern(cut.text)
              ? matchesPattern(cut.text, layer.path)
              : layer.path == cut.text ||
                    StringRef(layer.path).starts_with(cut.text + ".");
      if (!matches || ground.positionOf(layer.value) < 0)
        continue;
      any = true;
      if (isPattern(cut.text))
        add(layer.path, layer.value, layer.path, nullptr);
      else if (!last ||
               ground.positionOf(layer.value) > ground.positionOf(last->value))
        last = &layer;
    }
    if (last)
      add(cut.text, last->value, last->path, &cut);
    if (!any) {
      error(frame, cut.span, "\"" + cut.text + "\" matches no layer",
            suggest(cut.text, known));
      return false;
    }
  }
  llvm::stable_sort(found, [](const Candidate &x, const Candidate &y) {
    return x.position < y.position;
  });
  Value before;
  for (const Candidate &candidate : found) {
    bool good = ground.learnsBetween(before, candidate.cut.value);
    bool rest = ground.learnsBetween(candidate.cut.value, loss);
    if (good && rest) {
      before = candidate.cut.value;
      cuts.push_back(candidate.cut);
    } else if (candidate.exact) {
      error(frame, candidate.exact->span,
            rest ? "no parameters stand between the cut before and \"" +
                       candidate.exact->text + "\""
                 : "no parameters come after \"" + candidate.exact->text +
                       "\": the last stage needs some",
            "leave it out");
      return false;
    }
  }
  if (!info.learning.stages)
    return true;

  // So many of them that the dearest stage is as cheap as can be.
  int64_t wanted = info.learning.stages - 1, count = cuts.size();
  if (wanted > count) {
    error(frame, info.learning.node->name.span,
          "there are " + std::to_string(count + 1) +
              " layers with parameters, so no " +
              std::to_string(info.learning.stages) + " stages");
    return false;
  }
  std::vector<double> upTo; // the cost of all before a cut, and of all
  double cost = 0;
  size_t next = 0;
  for (Operation *op : ground.ops) {
    if (ground.learned.count(op))
      cost += info.learning.balanceFlops ? workOf(op) : savedBytes(op);
    while (next < cuts.size() && cuts[next].value.getDefiningOp() == op) {
      upTo.push_back(cost);
      ++next;
    }
  }
  upTo.push_back(cost);
  // best[k][i]: the dearest of k + 1 stages that end at cut i.
  std::vector<std::vector<double>> best(
      wanted + 1, std::vector<double>(count + 1, HUGE_VAL));
  std::vector<std::vector<int64_t>> from(wanted + 1,
                                         std::vector<int64_t>(count + 1, -1));
  best[0] = upTo;
  for (int64_t k = 1; k <= wanted; ++k)
    for (int64_t i = k; i <= count; ++i)
      for (int64_t j = k - 1; j < i; ++j) {
        double dearest = std::max(best[k - 1][j], upTo[i] - upTo[j]);
        if (dearest < best[k][i]) {
          best[k][i] = dearest;
          from[k][i] = j;
        }
      }
  std::vector<Cut> chosen;
  for (int64_t k = wanted, i = count; k > 0; --k) {
    i = from[k][i];
    chosen.push_back(cuts[i]);
  }
  cuts.assign(chosen.rbegin(), chosen.rend());
  return true;
}

// ---- losses ----

/// Of images by a small convolutional network, of others by their means.
Datum Importer::callHead(Frame &frame, const Datum &h) {
  const Datum &output = modelResults[resultOrder.front()];
  const Expr *named = info.learning.head;
  Span span = named ? named->span : info.learning.node->name.span;
  if (!output.isTensor() || output.rank() == 0)
    return error(frame, span,
                 "the model's first output, " + describe(output) +
                     ", has no axis of classes for a head",
                 "write the `loss` of the stages in the braces of `learning`");
  if (!named && h.rank() < 2)
    return error(frame, span,
                 "a head takes f32[N, C, ...], the cut is " + describe(h));
  std::string name = named           ? named->text
                     : h.rank() == 4 ? "mlp_sr"
                                     : "pool_dense";
  CallArgument value, classes;
  value.value = h;
  classes.value = Datum::of(output.shape().back());
  value.span = classes.span = span;
  Datum out = callBlock(frame, *findBlock(mainScope, name), {value, classes},
                        span, frame.path, /*named=*/false);
  return out.is(Datum::Kind::Results) ? out.items.front() : out;
}

bool Importer::buildStageLoss(Frame &settings, const Cut &cut, bool alone) {
  std::string name = stagePrefix + cut.name;
  Frame terms = settings;
  bindTermNames(terms);
  bindProgress(terms, /*totals=*/false);
  terms.path = terms.root = name;
  Datum h = Datum::of(cut.value);
  terms.names["h"] = h;
  InLayer region(*this, name);
  std::vector<const ast::Term *> losses = info.learning.losses;
  for (const ast::Stage *stage : info.learning.own)
    if (matchesCut(*stage, cut)) {
      std::vector<const ast::Term *> own;
      for (const ast::Setting &setting : stage->settings.list)
        if (auto *term = setting.as<ast::Term>())
          own.push_back(term);
      if (!own.empty())
        losses = own;
    }
  bool local = !losses.empty();
  if (!local && hasOwnLosses()) {
    if (!ownLosses(terms, cut, h, losses))
      return false;
    local = true;
  }
  if (!local) {
    Datum out = callHead(terms, h);
    if (out.isPoison())
      return false;
    terms.names[resultOrder.front()] = out;
    losses = info.losses;
  }
  std::vector<std::string> names;
  nameTerms(losses, "loss", names);
  Value total;
  SmallVector<Value> parts;
  for (const ast::Term *term : losses) {
    Value part = lossTerm(terms, term->value);
    if (!part)
      return false;
    total = total ? buildValue(terms, term->value.span, "add", {total, part})
                  : part;
    parts.push_back(part);
  }
  if (alone) {
    addResult(total, "loss", "loss", cut.name);
    if (local && (parts.size() > 1 || losses[0]->name))
      for (auto [part, partName] : llvm::zip(parts, names))
        addResult(part, partName, "loss_part");
    // The head's output is the model's, as far as it goes.
    if (!local)
      for (auto [term, metricName] :
           llvm::zip(info.metrics, info.metricNames)) {
        Value metric = scalarTerm(terms, term->value, "a metric");
        if (!metric)
          return false;
        addResult(metric, metricName, "metric");
      }
    return true;
  }
  addResult(total, name, "loss_part", cut.name);
  stageLosses.push_back(name);
  if (local && (parts.size() > 1 || losses[0]->name))
    for (auto [part, partName] : llvm::zip(parts, names)) {
      stageLosses.push_back(name + "." + partName);
      addResult(part, stageLosses.back(), "loss_part");
    }
  return true;
}

/// After the last layer of the model that stands by itself.
std::string Importer::lastStageName(size_t layersOfModel) const {
  for (size_t i = layersOfModel; i-- > 0;)
    if (layers[i].parent < 0)
      return layers[i].path;
  return "last";
}

Value Importer::valueAfter(const std::string &layer,
                           size_t layersOfModel) const {
  Value value;
  for (const LayerRecord &record : ArrayRef(layers.data(), layersOfModel))
    if (record.path == layer && record.value)
      value = record.value;
  return value;
}

void Importer::addFrozenCut(size_t stage, size_t layersOfModel) {
  if (stage == 0)
    return;
  const Cut &cut = stageCuts[stage - 1];
  addResult(valueAfter(cut.layer, layersOfModel), cut.name, "cut");
}

bool Importer::buildStageInput() {
  StringRef wanted = StringRef(request.function).split(':').second;
  size_t stage = 1;
  while (stage <= stageCuts.size() &&
         wanted != (stage < stageCuts.size() ? stageCuts[stage].name
                                             : lastStage))
    ++stage;
  Frame settings;
  settings.blockName = "train";
  settings.scope = mainScope;
  settings.training = true;
  if (stage > stageCuts.size() || !info.learning.cache) {
    error(settings, train->model.span,
          "there is no greedy stage `" + wanted.str() + "` above others");
    return false;
  }
  beginFunction(request.function,
                trial ? standInSamples : std::max<int64_t>(request.batch, 1));
  if (!runPrepare(settings))
    return false;
  frozen = true;
  frozenUntil = stageCuts[stage - 1].layer;
  bool ran = runModel(settings, samples, {});
  frozen = false;
  if (!ran)
    return false;
  addResult(valueAfter(frozenUntil, layers.size()), "stage_input", "output");
  finishFunction(/*updates=*/false);
  return true;
}

/// What `value` is made of, with the arguments of the function.
static DenseSet<Value> sourcesOf(Value value) {
  DenseSet<Value> seen;
  SmallVector<Value> stack = {value};
  while (!stack.empty()) {
    Value v = stack.pop_back_val();
    if (seen.insert(v).second)
      if (Operation *op = v.getDefiningOp())
        llvm::append_range(stack, op->getOperands());
  }
  return seen;
}

bool Importer::takeStageInput(Frame &settings, size_t stage,
                              size_t layersOfModel) {
  const Cut &cut = stageCuts[stage - 1];
  Span span = info.learning.node->name.span;
  if (info.average) {
    refuse(settings, span, "`cached` with `average` is not supported yet");
    return false;
  }
  Value value = valueAfter(cut.layer, layersOfModel);
  DenseSet<Value> sources = sourcesOf(value);
  Block &body = func.getBody().front();
  for (Value moving : {seed, step, epoch, epochs, steps})
    if (sources.count(moving)) {
      error(settings, span,
            "what comes out of `" + cut.name +
                "` differs from epoch to epoch, so it cannot be kept",
            "draw nothing in `prepare`, or leave `cached` out");
      return false;
    }
  // Another way up would leave the stages below in the step, to be trained.
  for (BlockArgument state :
       body.getArguments().drop_front(func.getNumInputs())) {
    DenseSet<Value> seen;
    SmallVector<Value> stack;
    if (sources.count(state))
      stack.push_back(state);
    while (!stack.empty()) {
      Value v = stack.pop_back_val();
      if (v == value || !seen.insert(v).second)
        continue;
      for (Operation *user : v.getUsers()) {
        if (llvm::none_of(user->getResults(),
                          [&](Value r) { return sources.count(r) != 0; })) {
          refuse(settings, span,
                 "`cached` where stages read others than the value at `" +
                     cut.name + "` is not supported yet");
          return false;
        }
        llvm::append_range(stack, user->getResults());
      }
    }
  }
  auto type = ::mlir::cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = ShapedType::kDynamic;
  Value rows = addInput(RankedTensorType::get(shape, type.getElementType()),
                        "stage_input", "field");
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(value);
  Value kept = GatherOp::create(builder, value.getLoc(), rows,
                                func.getInputOfKind("indices"));
  value.replaceAllUsesWith(kept);
  for (LayerRecord &layer : layers)
    if (layer.value == value)
      layer.value = kept;
  for (auto *names : {&modelNames, &modelResults})
    for (auto &[name, datum] : *names)
      if (datum.isTensor() && datum.tensor == value)
        datum.tensor = kept;
  return true;
}

bool Importer::buildGreedyLoss(Frame &settings, size_t stage,
                               size_t layersOfModel, Value &loss) {
  Cut cut = stageCuts[stage];
  cut.value = valueAfter(cut.layer, layersOfModel);
  addFrozenCut(stage, layersOfModel);
  // What comes after the stage runs in vain and leaves no trace.
  Ground ground(func.getBody().front(), {});
  for (auto &[key, variable] : variables)
    if (variable.updated && (variable.value == cut.value ||
                             ground.dependsOn(variable.value, cut.value)))
      variable.updated = false;
  if (!buildStageLoss(settings, cut, /*alone=*/true))
    return false;
  for (auto [value, entry] : llvm::zip(returned, returnedInfo))
    if (::mlir::cast<DictionaryAttr>(entry).getAs<StringAttr>("kind") == "loss")
      loss = value;
  return true;
}

bool Importer::buildSchedules(Frame &settings, std::optional<size_t> stage) {
  Frame terms = settings;
  bindProgress(terms, /*totals=*/true);
  auto build = [&](const Expr &expr, const std::string &of) {
    Value factor = scalarTerm(terms, expr, "a schedule");
    if (factor)
      addResult(factor, of.empty() ? "schedule" : "schedule " + of, "schedule",
                of);
    return bool(factor);
  };
  if (info.schedule && !build(*info.schedule, ""))
    return false;
  // A greedy step is one stage's; its own schedule counts from its beginning.
  for (const auto &[name, expr] : stageSchedules)
    if (!stage || name == (*stage < stageCuts.size() ? stageCuts[*stage].name
                                                     : lastStage))
      if (!build(*expr, name))
        return false;
  return true;
}

bool Importer::buildStageLosses(Frame &settings, size_t layersOfModel,
                                Value loss) {
  stageLosses.clear();
  stageOptimizers.clear();
  stageSchedules.clear();
  stageEpochs.clear();
  for (const auto &[key, variable] : variables)
    if (variable.declared && StringRef(key).starts_with(stagePrefix)) {
      error(settings, variable.place,
            "`" + key + "` is a name for what belongs to stages",
            "call the layer otherwise than `stage`");
      return false;
    }
  std::vector<Cut> cuts;
  if (!findCuts(settings, cuts, layersOfModel, loss) ||
      !readStageSettings(settings, cuts))
    return false;
  if (info.learning.way == "forward_forward" &&
      !runContrast(settings, samples, cuts))
    return false;
  stageCuts = cuts;
  Ground ground(func.getBody().front(), {});
  for (const Cut &cut : cuts) {
    addResult(cut.value, cut.name, "cut");
    if (!buildStageLoss(settings, cut, /*alone=*/false))
      return false;
    // The last result with a stage is this one's loss.
    for (auto [value, entry] : llvm::zip(returned, returnedInfo))
      if (::mlir::cast<DictionaryAttr>(entry).getAs<StringAttr>("stage") ==
              builder.getStringAttr(cut.name) &&
          ground.dependsOn(value, cut.value)) {
        error(settings, info.learning.node->name.span,
              "the loss of stage `" + cut.name +
                  "` reads what comes after the cut",
              "a local loss is one of `h`");
        return false;
      }
  }
  if (info.learning.buffer > 0 && !buildBuffers(settings))
    return false;
  noteParameters();
  return true;
}

} // namespace varve::importer
