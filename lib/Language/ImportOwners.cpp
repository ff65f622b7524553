// Which operations and parameters belong to which stage, while the training
// step is imported: what partition will find again when it cuts.
#include "Language/ImportImpl.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace varve::importer {

static StringRef textOf(Attribute entry, StringRef key) {
  auto text = ::mlir::cast<DictionaryAttr>(entry).getAs<StringAttr>(key);
  return text ? text.getValue() : StringRef();
}

// A stage is what its loss and its cut depend on and no earlier one has, among
// what depends on state.
DenseMap<Operation *, std::string> Importer::findOwners() {
  Block &body = func.getBody().front();
  DenseSet<Operation *> learned;
  DenseSet<Value> state;
  for (BlockArgument argument : body.getArguments())
    if (argument.getArgNumber() >= func.getNumInputs() && argument != step)
      state.insert(argument);
  for (Operation &op : body)
    if (llvm::any_of(op.getOperands(), [&](Value v) {
          return state.count(v) || learned.count(v.getDefiningOp());
        }))
      learned.insert(&op);

  llvm::MapVector<StringRef, SmallVector<Value>> roots;
  SmallVector<Value> last;
  for (auto [value, entry] : llvm::zip(returned, returnedInfo))
    if (textOf(entry, "kind") == "cut")
      roots[textOf(entry, "name")].push_back(value);
  for (auto [value, entry] : llvm::zip(returned, returnedInfo))
    if (StringRef stage = textOf(entry, "stage");
        !stage.empty() && textOf(entry, "kind") != "schedule")
      (textOf(entry, "kind") == "loss" ? last : roots[stage]).push_back(value);
    else if (textOf(entry, "kind") == "metric")
      last.push_back(value);
  roots[lastStage] = last;

  DenseMap<Operation *, std::string> owners;
  for (auto &[stage, stack] : roots)
    while (!stack.empty()) {
      Operation *op = stack.pop_back_val().getDefiningOp();
      if (op && learned.count(op) &&
          owners.try_emplace(op, stage.str()).second)
        llvm::append_range(stack, op->getOperands());
    }
  return owners;
}

void Importer::noteParameters() {
  DenseMap<Value, std::string> parameters;
  for (const auto &[key, variable] : variables)
    if (variable.declared && variable.role == ast::VariableRole::Param)
      parameters[variable.value] = key;
  std::map<std::string, std::set<std::string>> trains;
  for (const auto &[op, stage] : findOwners())
    for (Value v : op->getOperands())
      if (auto found = parameters.find(v); found != parameters.end())
        trains[stage].insert(found->second);
  for (StageOptimizer &own : stageOptimizers)
    own.parameters.assign(trains[own.stage].begin(), trains[own.stage].end());
}

// ---- asynchronous stages ----

// At each boundary a step puts its samples down and takes up those of a step at
// most `buffer - 1` before, drawn at random (blocks `staleness` and `kept_back`
// of the prelude). What a later stage reads of the data goes the same way as
// the values of the stage below, so that labels stay with their samples.
bool Importer::buildBuffers(Frame &settings) {
  Span span = info.learning.node->name.span;
  if (trial) // The stand-in is no batch that fits.
    return true;
  if (shardSizes.size() > 1) {
    refuse(settings, span,
           "asynchronous stages with `shards` or `accumulate` are not "
           "supported yet");
    return false;
  }
  if (samplesInBatch > info.batch) {
    error(settings, span,
          "a batch of " + std::to_string(samplesInBatch) +
              " does not fit the buffers, which are made for `batch " +
              std::to_string(info.batch) + "`");
    return false;
  }

  Block &body = func.getBody().front();
  DenseMap<Operation *, std::string> owners = findOwners();
  std::vector<std::string> names;
  for (const Cut &cut : stageCuts)
    names.push_back(cut.name);
  names.push_back(lastStage);
  auto levelOf = [&](Operation *op) {
    auto found = owners.find(op);
    return found == owners.end()
               ? size_t(0)
               : size_t(llvm::find(names, found->second) - names.begin());
  };
  DenseSet<Value> ofSamples;
  std::vector<Operation *> ops;
  for (BlockArgument input : body.getArguments().take_front(func.getNumInputs()))
    if (StringRef kind = textOf(func.getInputs()[input.getArgNumber()], "kind");
        kind == "indices" || kind == "input")
      ofSamples.insert(input);
  for (Operation &op : body) {
    ops.push_back(&op);
    if (llvm::any_of(op.getOperands(),
                     [&](Value v) { return ofSamples.count(v) != 0; }))
      ofSamples.insert(op.result_begin(), op.result_end());
  }

  auto call = [&](const char *block, const std::string &key,
                  ArrayRef<Datum> values) {
    std::vector<CallArgument> arguments(values.size());
    for (auto [argument, datum] : llvm::zip(arguments, values)) {
      argument.value = datum;
      argument.span = span;
    }
    Frame frame = settings;
    frame.path = frame.root = key;
    return callBlock(frame, *findBlock(preludeScope, block), arguments, span,
                     key, /*named=*/false)
        .tensor;
  };
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&body);
  Datum now = Datum::of(step), buffer = Datum::of(info.learning.buffer);
  std::vector<Value> ages;
  std::vector<int64_t> counts(stageCuts.size(), 0);
  for (size_t i = 0; i < stageCuts.size(); ++i) {
    ages.push_back(call("staleness", "stage." + names[i] + ".buffer",
                        {now, buffer}));
    if (!ages.back())
      return false;
    stageLosses.push_back("stage." + names[i + 1] + ".staleness");
    addResult(cast(settings, span, ages.back(), builder.getF32Type()),
              stageLosses.back(), "loss_part");
  }
  std::map<std::pair<void *, size_t>, Value> made;
  std::function<Value(Value, size_t)> at = [&](Value v, size_t level) -> Value {
    if (level <= levelOf(v.getDefiningOp()))
      return v;
    Value &out = made[{v.getAsOpaquePointer(), level}];
    if (out)
      return out;
    Value below = at(v, level - 1);
    if (!below)
      return {};
    auto type = ::mlir::cast<RankedTensorType>(v.getType());
    if (type.getRank() == 0 || type.getDimSize(0) != samplesInBatch) {
      error(settings, span,
            "what stage `" + names[level] +
                "` reads from below has no axis of samples: " +
                spellTensor(type.getElementType(), type.getShape()));
      return {};
    }
    builder.setInsertionPointAfterValue(below);
    size_t boundary = level - 1;
    return out = call("kept_back",
                      "stage." + names[boundary] + ".buffer." +
                          std::to_string(counts[boundary]++),
                      {Datum::of(below), now, Datum::of(ages[boundary]), buffer,
                       Datum::of(info.batch)});
  };
  for (Operation *op : ops) {
    auto owner = owners.find(op);
    size_t level = owner == owners.end() ? 0 : levelOf(op);
    for (OpOperand &operand : op->getOpOperands())
      if (ofSamples.count(operand.get())) {
        Value v = at(operand.get(), level);
        if (!v)
          return false;
        operand.set(v);
      }
  }
  return true;
}

} // namespace varve::importer
