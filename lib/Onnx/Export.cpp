// Drives an export: what the dialect alone has becomes simpler, then inputs,
// state, operations and results become a graph.
#include "Onnx/Export.h"
#include "Onnx/ExportImpl.h"
#include "Onnx/ImportCall.h"
#include "varve/Dialect/Kernel/Place.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::onnx {

/// What the table's entries are written for.
static constexpr int64_t exportOpset = 21;

void Exporter::error(const std::string &message, bool unsupported) {
  std::string line = request.path + ": error: " + message;
  if (!llvm::is_contained(errors, line))
    errors.push_back(line);
  onlyRefusals &= unsupported;
}

// ---- names ----

std::string Exporter::unique(const std::string &base) {
  std::string name = base;
  while (!taken.insert(name).second)
    name = base + "_" + std::to_string(++counts[base]);
  return name;
}

void Exporter::reserve(const std::string &name, const std::string &what) {
  if (!taken.insert(name).second)
    error(what + " '" + name + "' has the name of another value of the graph");
}

/// Where an operation belongs, as the beginning of names: its layer or node,
/// and the phase of a training step.
static std::string pathOf(Operation *op) {
  std::string path;
  if (auto named = op->getLoc()->findInstanceOf<NameLoc>())
    path = named.getName().str();
  StringRef phase = placeOf(op->getLoc(), "phase");
  if (!phase.empty())
    path += (path.empty() ? "" : "/") + phase.str();
  return path.empty() ? path : path + "/";
}

std::string Exporter::nameOf(mlir::Value value) {
  if (auto found = names.find(value); found != names.end())
    return found->second;
  auto [part, shape] = partOf(value);
  RankedTensorType type = typeOf(value);
  std::string name = part;
  if (ArrayRef(shape) != type.getShape()) {
    ExportCall call(*this, value.getDefiningOp());
    name = call.expand(part, type.getShape());
  }
  return names[value] = name;
}

TensorData tensorOf(DenseElementsAttr elements) {
  TensorData tensor;
  tensor.type = elementOf(elements.getElementType());
  tensor.dims = elements.getType().getShape().vec();
  tensor.value = Tensor(*storageOf(tensor.type), tensor.dims);
  char *to = reinterpret_cast<char *>(tensor.value.data.data());
  if (tensor.type == Element::Bool) {
    for (bool value : elements.getValues<bool>())
      *to++ = char(value);
    return tensor;
  }
  ArrayRef<char> raw = elements.getRawData();
  size_t bytes = tensor.value.data.size();
  for (size_t at = 0; at < bytes; at += raw.size())
    std::copy(raw.begin(), raw.end(), to + at);
  return tensor;
}

std::pair<std::string, Ints> Exporter::partOf(mlir::Value value) {
  if (auto found = parts.find(value); found != parts.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  RankedTensorType type = typeOf(value);
  std::pair<std::string, Ints> part;
  if (auto constant = dyn_cast_or_null<ConstantOp>(op)) {
    auto elements = cast<DenseElementsAttr>(constant.getValue());
    if (elements.isSplat() && type.getNumElements() > 0)
      elements = elements.resizeSplat(type.clone(ArrayRef<int64_t>{}));
    else
      part.second.assign(type.getShape().begin(), type.getShape().end());
    part.first = addConstant(tensorOf(elements));
  } else if (auto iota = dyn_cast_or_null<IotaOp>(op)) {
    ExportCall call(*this, op);
    int64_t axis = iota.getAxis(), count = type.getDimSize(axis);
    part.second.assign(size_t(type.getRank() - axis), 1);
    part.second[0] = count;
    part.first = call.range(count);
    if (!type.getElementType().isInteger(64))
      part.first = call.cast(part.first, type.getElementType());
    if (part.second.size() > 1)
      part.first = call.reshape(part.first, part.second);
  } else if (auto broadcast = dyn_cast_or_null<BroadcastOp>(op)) {
    mlir::Value x = broadcast.getX();
    Ints axes = broadcast.getAxes();
    if (axes.empty()) {
      part = partOf(x);
    } else {
      part.second.assign(size_t(type.getRank() - axes[0]), 1);
      for (auto [axis, size] : llvm::zip(axes, shapeOf(x)))
        part.second[axis - axes[0]] = size;
      part.first = nameOf(x);
      if (ArrayRef(part.second) != shapeOf(x))
        part.first = ExportCall(*this, op).reshape(part.first, part.second);
    }
  } else {
    part = {names.at(value),
            Ints(type.getShape().begin(), type.getShape().end())};
  }
  return parts[value] = part;
}

// ---- nodes ----

Names Exporter::addNode(Operation *of, const char *op, Names inputs,
                        ArrayRef<bool> wanted, std::vector<Setting> settings) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  std::string base = pathOf(of) + of->getName().stripDialect().str();
  for (bool each : wanted)
    node.outputs.push_back(each ? unique(base) : "");
  node.name = *llvm::find_if(node.outputs,
                             [](const auto &name) { return !name.empty(); });
  for (Setting &setting : settings)
    node.attributes[setting.name] = std::move(setting.attribute);
  graph->nodes.push_back(node);
  return node.outputs;
}

std::string Exporter::addConstant(TensorData tensor) {
  constexpr size_t small = 1024;
  std::string key;
  if (tensor.value.data.size() <= small) {
    key = std::to_string(int(tensor.type)) + ":";
    for (int64_t size : tensor.dims)
      key += std::to_string(size) + ",";
    key.append(reinterpret_cast<const char *>(tensor.value.data.data()),
               tensor.value.data.size());
    if (auto found = constants.find(key); found != constants.end())
      return found->second;
  }
  tensor.name = unique("constant");
  std::string name = tensor.name;
  model.graph.initializers.push_back(std::move(tensor));
  if (!key.empty())
    constants[key] = name;
  return name;
}

ValueInfo Exporter::infoOf(const std::string &name, RankedTensorType type) {
  ValueInfo info;
  info.name = name;
  info.type.kind = TypeInfo::Kind::Tensor;
  info.type.element = elementOf(type.getElementType());
  info.type.shape.emplace();
  for (int64_t size : type.getShape())
    info.type.shape->push_back(ShapedType::isDynamic(size) ? Dim{-1, "samples"}
                                                           : Dim{size, ""});
  return info;
}

// ---- operations ----

/// Whether an operation is named where it is read, if at all.
static bool isLazy(Operation *op) {
  return isa<ConstantOp, IotaOp, BroadcastOp>(op);
}

void Exporter::exportOperation(Operation &op) {
  if (isLazy(&op))
    return;
  const ExportRule *rule = findExportRule(op.getName().stripDialect());
  assert(rule && "what has no rule was refused");
  ExportCall call(*this, &op);
  try {
    rule->emit(call);
  } catch (const Failure &failure) {
    error("operation '" + op.getName().stripDialect().str() + "' " +
              failure.message,
          failure.unsupported);
    // What reads it is looked at, too.
    for (mlir::Value result : op.getResults())
      names.try_emplace(result, "");
  }
}

void Exporter::exportBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    exportOperation(op);
}

Names Exporter::inlined(Region &region, ArrayRef<std::string> arguments) {
  Block &block = region.front();
  // The region may stand in several places of the graph.
  block.walk([&](Operation *op) {
    for (mlir::Value result : op->getResults()) {
      names.erase(result);
      parts.erase(result);
    }
  });
  for (auto [argument, name] :
       llvm::zip_equal(block.getArguments(), arguments)) {
    names[argument] = name;
    parts.erase(argument);
  }
  exportBlock(block);
  Names yielded;
  for (mlir::Value value : block.getTerminator()->getOperands())
    yielded.push_back(nameOf(value));
  return yielded;
}

Graph Exporter::region(Region &region, ArrayRef<std::string> arguments) {
  Graph inner;
  Graph *outer = std::exchange(graph, &inner);
  inner.name = unique("body");
  Operation *end = region.front().getTerminator();
  std::set<std::string> given;
  for (auto [value, name] :
       llvm::zip_equal(end->getOperands(), inlined(region, arguments))) {
    // What a graph gives is made in it, once.
    std::string own = addNode(end, "Identity", {name}, {true}, {})[0];
    inner.outputs.push_back(infoOf(own, typeOf(value)));
  }
  graph = outer;
  return inner;
}

static bool hasRule(Operation *op) {
  // Linear modes are products with matrices.
  if (auto resized = dyn_cast<InterpolateOp>(op))
    return resized.getMode() == "nearest";
  return findExportRule(op->getName().stripDialect());
}

/// What has no rule is lowered, where simpler operations of the dialect come of
/// it.
bool Exporter::expandOperations() {
  SmallVector<Operation *> work;
  func.getBody().walk([&](Operation *op) { work.push_back(op); });
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    if (isLazy(op) || isa<YieldOp, ReturnOp>(op) || hasRule(op))
      continue;
    // All queries at once: what is left in memory is not ours to say.
    if (auto attention = dyn_cast<AttentionOp>(op))
      attention.setRows(
          std::max<int64_t>(shapeOf(attention.getQ()).end()[-2], 1));
    if (auto attention = dyn_cast<AttentionGradOp>(op))
      attention.setRows(
          std::max<int64_t>(shapeOf(attention.getQ()).end()[-2], 1));
    // Lowerings see no signs; a class in i64 has one.
    if (auto loss = dyn_cast<CrossEntropyOp>(op)) {
      ImplicitLocOpBuilder b(op->getLoc(), op);
      loss.getTargetMutable().assign(
          castTo(b, loss.getTarget(), b.getI64Type()));
    }
    auto lowerable = dyn_cast<LowerableOpInterface>(op);
    SmallVector<Operation *> made;
    bool simpler = bool(lowerable);
    if (lowerable) {
      Operation *before = op->getPrevNode();
      ImplicitLocOpBuilder b(op->getLoc(), op);
      SmallVector<mlir::Value> results =
          lowerable.lower(b, llvm::to_vector(op->getOperands()));
      Operation *first =
          before ? before->getNextNode() : &op->getBlock()->front();
      for (; first != op; first = first->getNextNode()) {
        made.push_back(first);
        simpler &= isa<VarveDialect>(first->getDialect());
      }
      simpler &=
          llvm::equal(ValueRange(results).getTypes(), op->getResultTypes());
      if (simpler) {
        op->replaceAllUsesWith(results);
        op->erase();
        llvm::append_range(work, made);
        continue;
      }
      for (Operation *each : llvm::reverse(made))
        each->erase();
    }
    error("operation '" + op->getName().stripDialect().str() +
          "' has no form in ONNX");
  }
  return errors.empty();
}

// ---- inputs, state, results ----

static StringRef textOf(mlir::Attribute info, StringRef key) {
  auto text = cast<DictionaryAttr>(info).getAs<StringAttr>(key);
  return text ? text.getValue() : StringRef();
}

static std::string nextName(StringRef state) { return (state + ":next").str(); }

void Exporter::bindInputs() {
  for (auto [info, argument] :
       llvm::zip(func.getInputs(), func.getBody().getArguments())) {
    std::string name = textOf(info, "name").str();
    StringRef kind = textOf(info, "kind");
    reserve(name, "input");
    names[argument] = name;
    graph->inputs.push_back(infoOf(name, typeOf(argument)));
    TensorData usual;
    usual.name = name;
    if (auto value = cast<DictionaryAttr>(info).getAs<FloatAttr>("default")) {
      usual.type = Element::F32;
      usual.value = Tensor(DType::F32, {});
      *usual.value.as<float>() = float(value.getValueAsDouble());
    } else if (kind == "seed" || kind == "epoch") {
      usual.type = Element::I64;
      usual.value = Tensor(DType::I64, {});
    } else {
      continue;
    }
    graph->initializers.push_back(std::move(usual));
  }
}

void Exporter::bindState() {
  bool updates = !func.getUpdates().empty();
  auto values = func.getBody().getArguments().drop_front(func.getNumInputs());
  for (auto [use, argument] : llvm::zip_equal(
           func.getUses().getAsRange<FlatSymbolRefAttr>(), values)) {
    std::string name = use.getValue().str();
    reserve(name, "state");
    names[argument] = name;
    auto value = request.values.find(name);
    if (updates || value == request.values.end())
      graph->inputs.push_back(infoOf(name, typeOf(argument)));
    if (value == request.values.end())
      continue;
    TensorData tensor;
    tensor.name = name;
    tensor.type = elementOf(typeOf(argument).getElementType());
    tensor.dims = value->second.shape;
    tensor.value = std::move(value->second);
    graph->initializers.push_back(std::move(tensor));
  }
}

void Exporter::addOutput(mlir::Value value, const std::string &name) {
  std::string source = nameOf(value);
  graph->outputs.push_back(infoOf(name, typeOf(value)));
  bool isNode = llvm::any_of(graph->nodes, [&](const Node &node) {
    return llvm::is_contained(node.outputs, source);
  });
  if (isNode && renamed.emplace(source, name).second)
    return;
  Node copy;
  copy.op = "Identity";
  copy.name = name;
  copy.inputs = {source};
  copy.outputs = {name};
  graph->nodes.push_back(std::move(copy));
}

static void rename(Graph &graph,
                   const std::map<std::string, std::string> &names) {
  for (Node &node : graph.nodes) {
    for (Names *list : {&node.inputs, &node.outputs})
      for (std::string &name : *list)
        if (auto found = names.find(name); found != names.end())
          name = found->second;
    for (auto &[key, attribute] : node.attributes)
      if (attribute.graph)
        rename(*attribute.graph, names);
  }
}

void Exporter::giveResults() {
  OperandRange values = func.getReturn().getValues();
  unsigned count = func.getResults().size();
  for (auto [info, value] : llvm::zip(func.getResults(), values))
    addOutput(value, textOf(info, "name").str());
  for (auto [state, value] :
       llvm::zip_equal(func.getUpdates().getAsRange<FlatSymbolRefAttr>(),
                       values.drop_front(count)))
    addOutput(value, nextName(state.getValue()));
  rename(*graph, renamed);
}

Result<Model> Exporter::run() {
  func = *program.getOps<FuncOp>().begin();
  model.opsets[""] = exportOpset;
  graph->name = program.getSymName().str();
  if (expandOperations()) {
    bindInputs();
    bindState();
    for (mlir::Attribute info : func.getResults())
      reserve(textOf(info, "name").str(), "output");
    for (auto state : func.getUpdates().getAsRange<FlatSymbolRefAttr>())
      reserve(nextName(state.getValue()), "output");
  }
  if (errors.empty()) {
    exportBlock(func.getBody().front());
    giveResults();
  }
  if (!errors.empty())
    return Error{llvm::join(errors, "\n"),
                 onlyRefusals ? ErrorKind::Unsupported : ErrorKind::Input};
  return std::move(model);
}

Result<Model> exportProgram(ProgramOp program, ExportRequest request) {
  return Exporter(program, std::move(request)).run();
}

} // namespace varve::onnx
