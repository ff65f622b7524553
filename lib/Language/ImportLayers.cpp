// Layers as regions. Blocks are inlined while the text runs; which layer an
// operation was made in is noted, and when the function is whole, what belongs
// together moves into a `varve.layer`.
#include "Language/ImportImpl.h"
#include "Support/Pattern.h"

using namespace mlir;

namespace varve::importer {

// A pattern is about a layer if it matches everything below it, or one of the
// parameters that the layer's own text declares ("**.weight").
bool Importer::isInEvaluation(const std::string &path,
                              const ast::Body &body) const {
  std::vector<std::string> parameters;
  for (const ast::Statement &statement : body.statements)
    if (auto *variable = statement.as<ast::Variable>())
      if (variable->role == ast::VariableRole::Param)
        parameters.push_back(path.empty() ? variable->name.text
                                          : path + "." + variable->name.text);
  return isInEvaluation(path, parameters);
}

bool Importer::isInEvaluation(
    const std::string &path, const std::vector<std::string> &parameters) const {
  std::string below = path + ".\x01", furtherBelow = below + ".\x01";
  for (const MatchRule &rule : info.freezes)
    for (const ast::StringLiteral &pattern : rule.node->patterns) {
      auto matches = [&](const std::string &key) {
        return matchesPattern(pattern.text, key);
      };
      if (rule.eval && ((matches(below) && matches(furtherBelow)) ||
                        llvm::any_of(parameters, matches)))
        return true;
    }
  return false;
}

Importer::InLayer::InLayer(Importer &importer, std::string path)
    : importer(importer), outer(importer.currentLayer) {
  importer.currentLayer = importer.layers.size();
  importer.layers.push_back({std::move(path), outer, {}, {}});
}

Importer::InLayer::~InLayer() {
  if (importer.layers[importer.currentLayer].path == importer.frozenUntil)
    importer.frozen = false;
  importer.currentLayer = outer;
}

void Importer::InLayer::setValue(const Datum &datum) {
  const Datum *one = &datum;
  if (datum.is(Datum::Kind::Results) && !datum.items.empty())
    one = &datum.items.front();
  if (!one->isTensor())
    return;
  LayerRecord &layer = importer.layers[importer.currentLayer];
  layer.value = one->tensor;
  layer.type = one->tensorType();
}

void Importer::LayerListener::notifyOperationInserted(
    Operation *op, OpBuilder::InsertPoint previous) {
  if (importer.currentLayer >= 0)
    importer.layerOf[op] = importer.currentLayer;
}

/// The layer right below `parent` that `op` was made in, or -1.
int Importer::layerBelow(Operation *op, int parent) const {
  auto found = layerOf.find(op);
  int layer = found == layerOf.end() ? -1 : found->second;
  while (layer >= 0 && layers[layer].parent != parent)
    layer = layers[layer].parent;
  return layer;
}

// The layer's value is the first result; other values that are read outside
// follow in the order in which they are made.
void Importer::wrapRun(ArrayRef<Operation *> run, int index) {
  llvm::SmallPtrSet<Operation *, 16> inside(run.begin(), run.end());
  Block *block = run.front()->getBlock();
  auto isOutside = [&](OpOperand &use) {
    return !inside.count(block->findAncestorOpInBlock(*use.getOwner()));
  };
  SmallVector<Value> values;
  const LayerRecord &layer = layers[index];
  Operation *maker = layer.value ? layer.value.getDefiningOp() : nullptr;
  if (maker && inside.count(block->findAncestorOpInBlock(*maker)))
    values.push_back(layer.value);
  for (Operation *op : run)
    for (Value result : op->getResults())
      if (result != layer.value && llvm::any_of(result.getUses(), isOutside))
        values.push_back(result);
  // What nothing outside reads is no layer that could be cut.
  if (values.empty())
    return;

  OpBuilder b(run.front());
  auto op = LayerOp::create(b, run.front()->getLoc(),
                            ValueRange(values).getTypes(), layer.path);
  Block &body = op.getBody().emplaceBlock();
  for (auto [value, result] : llvm::zip(values, op.getValues()))
    value.replaceUsesWithIf(result, isOutside);
  for (Operation *member : run)
    member->moveBefore(&body, body.end());
  b.setInsertionPointToEnd(&body);
  YieldOp::create(b, op.getLoc(), values);
  wrapLayers(body, index);
}

void Importer::wrapLayers(Block &block, int parent) {
  std::vector<std::pair<int, SmallVector<Operation *>>> runs;
  int last = -1;
  for (Operation &op : block) {
    int layer = layerBelow(&op, parent);
    if (layer >= 0 && layer != last)
      runs.push_back({layer, {}});
    if (layer >= 0)
      runs.back().second.push_back(&op);
    last = layer;
  }
  for (const auto &[layer, run] : runs)
    wrapRun(run, layer);
}

// Each value comes from the layers that its makers read, through operations in
// none.
void Importer::noteGraph() {
  graph.clear();
  llvm::DenseMap<Value, std::set<int64_t>> sources;
  for (Operation &op : func.getBody().front()) {
    std::set<int64_t> from;
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (auto found = sources.find(operand); found != sources.end())
          from.insert(found->second.begin(), found->second.end());
    });
    if (auto layer = dyn_cast<LayerOp>(op)) {
      auto type = dyn_cast<RankedTensorType>(layer->getResult(0).getType());
      graph.push_back(
          {layer.getPath().str(),
           type ? spellTensor(type.getElementType(), type.getShape()) : "",
           std::move(from)});
      from = {int64_t(graph.size()) - 1};
    }
    if (!from.empty())
      for (Value result : op.getResults())
        sources[result] = from;
  }
}

} // namespace varve::importer
