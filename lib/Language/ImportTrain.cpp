// The functions of a program: a training or evaluation step over a batch of
// stored samples, and inference over the model's inputs.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::Term;
using ast::TermKind;

// ---- the frame of a function ----

void Importer::beginFunction(const std::string &name, int64_t batch) {
  for (auto &[key, variable] : variables) {
    variable.declared = variable.updated = false;
    variable.value = {};
  }
  ordinals.clear();
  layers.clear();
  layerOf.clear();
  returned.clear();
  returnedInfo.clear();
  samples.clear();
  partners.clear();
  mixture = {};
  modelNames.clear();
  modelResults.clear();
  resultOrder.clear();
  samplesInBatch = batch;

  Location loc = FileLineColLoc::get(&context, request.path, 1, 1);
  builder.setInsertionPointToEnd(&program.getBody().front());
  ArrayAttr none = builder.getArrayAttr({});
  func = FuncOp::create(builder, loc, name, none, none, none, none, batch,
                        /*learns=*/false);
  Block *body = &func.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(body);
  uses.clear();
  step = useState(counter);
}

// `FuncOp::addUse` writes all uses anew; there may be thousands.
Value Importer::useState(StateOp state) {
  uses.push_back(FlatSymbolRefAttr::get(state.getSymNameAttr()));
  return func.getBody().addArgument(state.getType(), state.getLoc());
}

Value Importer::addInput(Type type, const std::string &name, StringRef kind) {
  return func.addInput(
      type, builder.getDictionaryAttr(
                {builder.getNamedAttr("name", builder.getStringAttr(name)),
                 builder.getNamedAttr("kind", builder.getStringAttr(kind))}));
}

void Importer::addResult(Value value, const std::string &name,
                         const std::string &kind, const std::string &stage) {
  returned.push_back(value);
  SmallVector<NamedAttribute> entries = {
      builder.getNamedAttr("name", builder.getStringAttr(name)),
      builder.getNamedAttr("kind", builder.getStringAttr(kind))};
  if (!stage.empty())
    entries.push_back(
        builder.getNamedAttr("stage", builder.getStringAttr(stage)));
  returnedInfo.push_back(builder.getDictionaryAttr(entries));
}

void Importer::finishFunction(bool updates) {
  SmallVector<Attribute> updated;
  if (updates)
    for (auto &[key, variable] : variables)
      if (variable.updated &&
          (!request.generates() ||
           variable.role == ast::VariableRole::Cache)) {
        updated.push_back(FlatSymbolRefAttr::get(variable.op.getSymNameAttr()));
        returned.push_back(variable.value);
      }
  ReturnOp::create(builder, func.getLoc(), returned);
  func.setResultsAttr(builder.getArrayAttr(returnedInfo));
  func.setUpdatesAttr(builder.getArrayAttr(updated));
  prune();
  wrapLayers(func.getBody().front(), -1);
}

// What nothing reads goes: operations, then state and inputs. Inputs of the
// model and the indices stay, they are the interface.
void Importer::prune() {
  Block &body = func.getBody().front();
  SmallVector<Operation *> makers; // of the layers' values
  for (const LayerRecord &layer : layers)
    makers.push_back(layer.value ? layer.value.getDefiningOp() : nullptr);
  llvm::SmallPtrSet<Operation *, 16> dead;
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op)) {
      layerOf.erase(&op);
      dead.insert(&op);
      op.erase();
    }
  for (auto [layer, maker] : llvm::zip_equal(layers, makers))
    if (dead.count(maker))
      layer.value = {};
  SmallVector<Attribute> inputs, used;
  unsigned count = func.getNumInputs();
  llvm::BitVector unread(body.getNumArguments());
  for (BlockArgument argument : body.getArguments()) {
    unsigned i = argument.getArgNumber();
    bool input = i < count;
    Attribute entry = input ? func.getInputs()[i] : uses[i - count];
    bool keep = !argument.use_empty();
    if (input) {
      StringRef kind = ::mlir::cast<DictionaryAttr>(entry)
                           .getAs<StringAttr>("kind")
                           .getValue();
      // A batch that lies ready has no indices.
      keep |= kind == "input" ||
              (kind == "indices" && request.function != "train_batch");
    }
    if (keep)
      (input ? inputs : used).push_back(entry);
    else
      unread.set(i);
  }
  body.eraseArguments(unread);
  func.setInputsAttr(builder.getArrayAttr(inputs));
  func.setUsesAttr(builder.getArrayAttr(used));
}

// ---- samples ----

// One input for each stored field, gathered by the indices of the batch.
void Importer::gatherSamples(Frame &frame) {
  Location loc = func.getLoc();
  Type i64 = builder.getIntegerType(64);
  SmallVector<Value> stored;
  bool isText = info.dataName == "text";
  if (isText)
    for (const char *name : {"text", "marks"})
      if (name == StringRef("text") || info.text.masked)
        stored.push_back(addInput(
            RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()),
            name, "field"));
  for (const SampleField &field : info.fields) {
    if (isText)
      break;
    SmallVector<int64_t> shape = {ShapedType::kDynamic};
    shape.append(field.stored.getShape().begin(),
                 field.stored.getShape().end());
    stored.push_back(
        addInput(RankedTensorType::get(shape, field.stored.getElementType()),
                 field.name, "field"));
  }
  Value indices = addInput(RankedTensorType::get({samplesInBatch}, i64),
                           "indices", "indices");
  auto scalar = [&](const char *name) {
    return addInput(RankedTensorType::get({}, i64), name, name);
  };
  seed = scalar("seed");
  epoch = scalar("epoch");
  epochs = scalar("epochs");
  steps = scalar("steps");
  // Seeds of epochs are as far apart as they can be: 2^64 / the golden ratio.
  auto step64 = DenseElementsAttr::get(
      RankedTensorType::get({}, i64),
      builder.getIntegerAttr(i64, int64_t(0x9E3779B97F4A7C15)));
  Value far = ConstantOp::create(builder, loc, step64.getType(), step64);
  Value epochSeed = MulOp::create(builder, loc, epoch, far);
  sampleSeed = AddOp::create(builder, loc, seed, epochSeed);
  sampleNumbers = indices;
  if (isText)
    return gatherText(frame, stored[0], stored.back(), indices);
  for (auto [field, value] : llvm::zip(info.fields, stored)) {
    Value batch = GatherOp::create(builder, loc, value, indices);
    if (field.classes > 0) // A class is an i64, however it is stored.
      batch = CastOp::create(builder, loc, batch, i64);
    frame.names[field.name] = Datum::of(batch, /*batched=*/true);
  }
}

bool Importer::runPrepare(Frame &settings) {
  Frame frame;
  frame.blockName = "prepare";
  frame.scope = mainScope;
  frame.training = settings.training;
  frame.batched = true;
  frame.path = frame.root = "prepare";
  gatherSamples(frame);
  size_t before = diagnostics.errors().size();
  if (info.prepare)
    runBody(frame, info.prepare->body);
  sampleSeed = sampleNumbers = {};
  // From here on a batch is a tensor like others.
  for (auto &[name, datum] : frame.names) {
    if (datum.isTensor() && !datum.batched) {
      SmallVector<int64_t> shape = {samplesInBatch};
      shape.append(datum.shape().begin(), datum.shape().end());
      Value value = broadcastTo(frame, {}, datum, shape, true);
      datum = Datum::of(value, true);
    }
    datum.batched = false;
    samples[name] = datum;
  }
  return diagnostics.errors().size() == before;
}

// ---- the model ----

bool Importer::runModel(Frame &settings,
                        const std::map<std::string, Datum> &inputs,
                        ArrayRef<ast::Argument> statics) {
  Frame frame;
  frame.blockName = model->name.text;
  frame.block = model;
  frame.scope = mainScope;
  frame.caller = &settings;
  frame.training = settings.training;
  frame.reuse = settings.reuse;
  std::vector<BoundArgument> bound;
  for (const ast::Input &input : model->inputs) {
    BoundArgument argument{&input, {}, input.name.span, false};
    auto given = inputs.find(input.name.text);
    auto set = modelSets.find(input.name.text);
    bool tensor = input.type.kind == ast::Type::Kind::Tensor;
    const Expr *expr = nullptr;
    for (const ast::Argument &other : statics)
      if (other.name && other.name->text == input.name.text)
        expr = &other.value;
    if (set != modelSets.end())
      expr = &set->second;
    if (tensor && given != inputs.end()) {
      argument.value = given->second;
      argument.given = true;
    } else if (expr && !tensor) {
      argument.value = value(settings, *expr);
      argument.span = expr->span;
      argument.given = true;
    } else if (!input.fallback) {
      std::vector<std::string> known;
      for (const auto &[name, datum] : inputs)
        known.push_back(name);
      error(settings, input.name.span,
            tensor ? "`" + input.name.text + "` is no field of the data set"
                   : "`" + input.name.text + "` has no value",
            tensor ? suggest(input.name.text, known)
                   : "give it a default: `= ...`");
      return false;
    }
    bound.push_back(std::move(argument));
  }
  size_t before = diagnostics.errors().size();
  Datum out = runBlock(frame, bound, model->name.span);
  if (out.isPoison() || diagnostics.errors().size() != before)
    return false;
  modelNames = frame.names;
  modelLayers = frame.layers;
  for (const auto &[name, owner] : frame.dimOwner) {
    int64_t size = frame.names[name].intValue;
    modelDims.emplace(name, size);
    // Inference may take other sizes than training.
    auto given = dims.find(name);
    if (given == dims.end() || fieldDims.count(name) || !request.trains() ||
        given->second == size)
      continue;
    error(settings, model->name.span,
          "`" + name + "` is " + std::to_string(size) + " by the data, not " +
              std::to_string(given->second));
    return false;
  }
  for (auto [i, result] : llvm::enumerate(model->results)) {
    std::string name = result.name ? result.name->text
                       : model->results.size() == 1
                           ? "output"
                           : "output" + std::to_string(i);
    modelResults[name] = frame.results[i];
    resultOrder.push_back(name);
  }
  return addAdapters(settings) && checkGenerate(settings);
}

/// Names that losses, metrics and outputs see: later ones hide earlier ones.
void Importer::bindTermNames(Frame &frame) {
  for (const auto *names : {&modelNames, &samples, &modelResults})
    for (const auto &[name, datum] : *names)
      frame.names[name] = datum;
  frame.layers = modelLayers;
}

void Importer::bindProgress(Frame &frame, bool totals) {
  auto bind = [&](const char *name, Value counted) {
    if (frame.names.count(name) && !totals)
      return;
    Value real =
        CastOp::create(builder, func.getLoc(), counted, builder.getF32Type());
    frame.names[name] = Datum::of(real);
  };
  bind("step", step);
  bind("epoch", epoch);
  if (totals) {
    bind("steps", steps);
    bind("epochs", epochs);
  }
}

// ---- train and eval ----

/// The value of a loss, metric or schedule: a number, as f32[].
Value Importer::scalarTerm(Frame &frame, const Expr &expr, const char *what) {
  Datum datum = value(frame, expr);
  if (datum.isPoison())
    return {};
  Type f32 = builder.getF32Type();
  if (datum.isNumber())
    datum = constant(frame, expr.span, datum, f32);
  if (!datum.isTensor() || datum.rank() != 0 || !isFloat(datum.element())) {
    bool number = datum.isTensor() && isFloat(datum.element());
    error(frame, expr.span,
          std::string(what) + " is f32[], this is " + describe(datum),
          number ? "add `mean(...)`" : "");
    return {};
  }
  return cast(frame, expr.span, datum.tensor, f32);
}

/// The losses and metrics of the whole model; `total` is what it learns from.
bool Importer::buildLosses(Frame &settings, bool lastGreedy,
                           size_t layersOfModel, Value &total) {
  Frame terms = settings;
  bindTermNames(terms);
  bindProgress(terms, /*totals=*/false);
  bool good = true;
  SmallVector<Value> parts;
  for (const Term *term : info.losses) {
    Value part = lossTerm(terms, term->value);
    good &= bool(part);
    parts.push_back(part);
    total = total && part
                ? buildValue(terms, term->value.span, "add", {total, part})
                : part;
  }
  if (info.losses.empty()) {
    error(settings, train->model.span, "`train` has no loss",
          "write `loss ...`");
    return false;
  }
  bool staged = settings.training && info.learning.node;
  if (staged && !lastGreedy)
    lastStage = lastStageName(layersOfModel);
  addResult(total, "loss", "loss", staged ? lastStage : std::string());
  if (parts.size() > 1 || info.losses[0]->name)
    for (auto [part, partName] : llvm::zip(parts, info.lossNames))
      addResult(part, partName, "loss_part");
  for (auto [term, metricName] : llvm::zip(info.metrics, info.metricNames)) {
    Value metric = scalarTerm(terms, term->value, "a metric");
    good &= bool(metric);
    addResult(metric, metricName, "metric");
  }
  if (!good || !staged)
    return good;
  if (!lastGreedy)
    return buildStageLosses(settings, layersOfModel, total);
  addFrozenCut(stageCuts.size(), layersOfModel);
  return true;
}

// The stages below a greedy one are there as in evaluation: they are cut off,
// and what runs before the cut sees that nothing trains.
bool Importer::buildGreedyStep() {
  StringRef wanted = StringRef(request.function).split(':').second;
  for (size_t stage = 0; stage <= stageCuts.size(); ++stage) {
    const std::string &name =
        stage < stageCuts.size() ? stageCuts[stage].name : lastStage;
    if (wanted.empty() || wanted == name)
      return buildStep(request.function, stage);
  }
  Frame top;
  top.scope = mainScope;
  error(top, info.learning.node->name.span,
        "there is no stage `" + wanted.str() + "`");
  return false;
}

// The samples of a training step are cut into shards as even as can be, the
// last of which may be smaller: a function for each size, which a pass puts
// together.
bool Importer::buildStep(const std::string &name, std::optional<size_t> stage) {
  bool trains = name != "eval_step";
  shardSizes.clear();
  if (trial)
    return buildShard(name, standInSamples, stage);
  // Built for its state alone, a training step has the batch of the text.
  bool asked = request.batch > 0 && (!trains || request.trains());
  int64_t samples = asked             ? request.batch
                    : trains          ? info.batch * info.accumulate
                                      : info.batch;
  int64_t shards = trains ? info.shards * info.accumulate : 1;
  int64_t size = (samples + shards - 1) / shards;
  for (int64_t left = samples; left > 0; left -= size)
    shardSizes.push_back(std::min(left, size));
  bool uneven = shardSizes.back() != size && request.trains();
  if (uneven && !buildShard(name + ".last", shardSizes.back(), stage))
    return false;
  return buildShard(name, size, stage);
}

/// Inputs in place of what was gathered and prepared, which then goes.
void Importer::takePreparedSamples() {
  for (auto &[name, datum] : samples)
    if (datum.isTensor())
      datum = Datum::of(addInput(datum.tensorType(), name, "input"));
}

bool Importer::buildShard(const std::string &name, int64_t count,
                          std::optional<size_t> stage) {
  beginFunction(name, count);
  Frame settings;
  settings.blockName = "train";
  settings.scope = mainScope;
  settings.training = name != "eval_step";
  if (!runPrepare(settings))
    return false;
  if (request.function == "train_batch")
    takePreparedSamples();
  if (settings.training && info.mixup > 0 && !mixSamples())
    return false;
  frozen = stage && *stage > 0;
  frozenUntil = frozen ? stageCuts[*stage - 1].layer : "";
  bool ran = runModel(settings, samples, {});
  frozen = false;
  if (!ran)
    return false;
  size_t layersOfModel = layers.size();
  if (stage && *stage > 0 && info.learning.cache &&
      !takeStageInput(settings, *stage, layersOfModel))
    return false;

  Value total;
  bool good = true;
  if (stage && *stage < stageCuts.size())
    good = buildGreedyLoss(settings, *stage, layersOfModel, total);
  else
    good = buildLosses(settings, stage.has_value(), layersOfModel, total);
  if (settings.training)
    good &= buildSchedules(settings, stage);
  if (!good)
    return false;
  finishFunction(settings.training);
  func.setLearns(settings.training);
  if (settings.training)
    noteGraph();
  return checkPatterns(settings);
}

// ---- prepare ----

// What training makes of stored samples, for looking at.
bool Importer::buildPrepare() {
  int64_t batch = trial ? standInSamples : std::max<int64_t>(request.batch, 1);
  beginFunction(request.function, batch);
  Frame settings;
  settings.blockName = "train";
  settings.scope = mainScope;
  settings.training = true;
  if (!runPrepare(settings))
    return false;
  for (const ast::Input &input : model->inputs)
    if (auto found = samples.find(input.name.text); found != samples.end())
      addResult(found->second.tensor, input.name.text, "output");
  finishFunction(/*updates=*/false);
  return true;
}

// ---- infer ----

// The model's inputs as declared. The first axis of the first one counts
// samples.
bool Importer::bindModelInputs(Frame &settings, int64_t batch,
                               std::map<std::string, Datum> &inputs) {
  Frame sizes = settings;
  for (const auto *known : {&dims, &modelDims})
    for (const auto &[name, size] : *known)
      sizes.names.emplace(name, Datum::of(size));
  bool first = true;
  for (const ast::Input &input : model->inputs) {
    if (input.type.kind != ast::Type::Kind::Tensor || input.fallback)
      continue;
    const auto &shape = input.type.dims;
    bool named = !shape.empty() && shape[0].size &&
                 shape[0].size->is(ast::ExprKind::Name);
    if (first && named)
      sizes.names[shape[0].size->text] = Datum::of(batch);
    first = false;
    for (const ast::Dim &dim : shape)
      if (dim.size && dim.size->is(ast::ExprKind::Name) &&
          !sizes.names.count(dim.size->text)) {
        const std::string &name = dim.size->text;
        error(settings, dim.span, "the size of `" + name + "` is not known",
              "give it: `--dim " + name + "=...`");
        return false;
      }
    RankedTensorType type = declaredType(sizes, input.type);
    if (!type)
      return false;
    inputs[input.name.text] =
        Datum::of(addInput(type, input.name.text, "input"));
  }
  Type i64 = builder.getIntegerType(64);
  seed = addInput(RankedTensorType::get({}, i64), "seed", "seed");
  return true;
}

bool Importer::buildInfer() {
  int64_t batch = trial ? standInSamples : std::max<int64_t>(request.batch, 1);
  beginFunction(request.function, batch);
  Frame settings;
  settings.blockName = "infer";
  settings.scope = mainScope;
  std::map<std::string, Datum> inputs;
  if (request.function == "infer_stored") {
    if (!runPrepare(settings))
      return false;
    inputs = samples;
  } else if ((request.generates() && !bindGenerated(settings)) ||
             !bindModelInputs(settings, batch, inputs)) {
    return false;
  }
  ArrayRef<ast::Argument> statics;
  if (infer)
    statics = infer->arguments;
  if (!runModel(settings, inputs, statics))
    return false;

  if (request.generates()) {
    const std::string &name = info.generate->node->output.text;
    addResult(modelResults[name].tensor, name, "output");
    // A sequence goes on in the next call.
    finishFunction(/*updates=*/hasCaches);
    return true;
  }
  Frame terms = settings;
  bindTermNames(terms);
  for (const auto &[name, datum] : inputs)
    terms.names.emplace(name, datum);
  bool outputs = false;
  for (auto [term, name] : llvm::zip(info.outputs, info.outputNames)) {
    Datum out = value(terms, term->value);
    if (out.isPoison())
      return false;
    if (out.isNumber() || out.is(Datum::Kind::List))
      out = constant(terms, term->value.span, out, builder.getF32Type());
    if (!out.isTensor()) {
      error(terms, term->value.span,
            "an output is a tensor, this is " + describe(out));
      return false;
    }
    addResult(out.tensor, name, "output");
    outputs = true;
  }
  if (!outputs)
    for (const std::string &name : resultOrder)
      addResult(modelResults[name].tensor, name, "output");
  finishFunction(/*updates=*/false);
  return true;
}

} // namespace varve::importer
