// Branches and loops. A region's arguments are the names that it is given: the
// graphs inside see those outside.
#include "Onnx/ExportImpl.h"

using namespace mlir;

namespace varve::onnx {
namespace {

Names valuesOf(ExportCall &c, ValueRange range) {
  Names list;
  for (mlir::Value v : range)
    list.push_back(c.value(v));
  return list;
}

void giveAll(ExportCall &c, Names names) {
  for (std::string &name : names)
    c.give(name);
}

SmallVector<bool> allOf(size_t count) { return SmallVector<bool>(count, true); }

void branch(ExportCall &c) {
  auto op = mlir::cast<IfOp>(c.op);
  Names inputs = valuesOf(c, op.getInputs());
  Graph then = c.exporter.region(op.getThenRegion(), inputs);
  Graph otherwise = c.exporter.region(op.getElseRegion(), inputs);
  giveAll(c, c.makeSeveral("If", {c.value(op.getCondition())},
                           allOf(c.op->getNumResults()),
                           {{"then_branch", std::move(then)},
                            {"else_branch", std::move(otherwise)}}));
}

/// The condition is asked before each step: before the first outside of the
/// loop, then at the end of its body.
void loop(ExportCall &c) {
  auto op = mlir::cast<WhileOp>(c.op);
  Names constants = valuesOf(c, op.getConstants());
  auto with = [&](Names carried) {
    carried.insert(carried.end(), constants.begin(), constants.end());
    return carried;
  };
  Names inits = valuesOf(c, op.getInits());
  std::string first = c.exporter.inlined(op.getCondition(), with(inits))[0];
  std::string bound = op.getBound() ? c.integer(*op.getBound()) : "";
  Graph body = c.exporter.loopBody(op, constants);
  Names inputs = {bound, first};
  inputs.insert(inputs.end(), inits.begin(), inits.end());
  giveAll(c, c.makeSeveral("Loop", inputs, allOf(inits.size()),
                           {{"body", std::move(body)}}));
}

void scan(ExportCall &c) {
  auto op = mlir::cast<ScanOp>(c.op);
  Names inits = valuesOf(c, op.getInits()),
        sequences = valuesOf(c, op.getSequences()),
        constants = valuesOf(c, op.getConstants());
  Ints axes(op.getAxis());
  bool counted = sequences.empty();
  if (counted) { // There must be one.
    sequences.push_back(c.range(op.getLength()));
    axes.push_back(0);
  }
  Graph body = c.exporter.scanBody(op, constants, counted);
  Names inputs = inits;
  inputs.insert(inputs.end(), sequences.begin(), sequences.end());
  Ints in(sequences.size(), op.getReverse()),
      out(op.getOutAxis().size(), op.getReverse());
  std::vector<Setting> settings = {{"body", std::move(body)},
                                   {"num_scan_inputs", int64_t(in.size())},
                                   {"scan_input_axes", axes},
                                   {"scan_input_directions", in}};
  if (!out.empty()) {
    settings.push_back({"scan_output_axes", op.getOutAxis()});
    settings.push_back({"scan_output_directions", out});
  }
  giveAll(c, c.makeSeveral("Scan", inputs, allOf(c.op->getNumResults()),
                           std::move(settings)));
}

} // namespace

// ---- bodies ----

/// Inputs of a graph inside, which get names of their own.
static Names addInputs(Exporter &exporter, Graph &graph, TypeRange types,
                       const char *name) {
  Names list;
  for (Type type : types) {
    list.push_back(exporter.unique(name));
    graph.inputs.push_back(
        Exporter::infoOf(list.back(), ::mlir::cast<RankedTensorType>(type)));
  }
  return list;
}

Graph Exporter::scanBody(ScanOp op, const Names &constants, bool counted) {
  Graph frame;
  Block &block = op.getBody().front();
  TypeRange types = block.getArgumentTypes();
  Names arguments =
      addInputs(*this, frame, types.drop_back(constants.size()), "slice");
  Type count = RankedTensorType::get({}, IntegerType::get(op.getContext(), 64));
  if (counted)
    addInputs(*this, frame, count, "count");
  arguments.insert(arguments.end(), constants.begin(), constants.end());
  Graph body = region(op.getBody(), arguments);
  body.inputs = std::move(frame.inputs);
  return body;
}

Graph Exporter::loopBody(WhileOp op, const Names &constants) {
  Graph inner;
  inner.name = unique("body");
  MLIRContext *context = op.getContext();
  Type number = RankedTensorType::get({}, IntegerType::get(context, 64));
  auto flag = RankedTensorType::get({}, IntegerType::get(context, 1));
  addInputs(*this, inner, number, "count");
  addInputs(*this, inner, Type(flag), "goes_on");
  TypeRange carried = op.getInits().getTypes();
  Names arguments = addInputs(*this, inner, carried, "carried");
  auto with = [&](Names list) {
    list.insert(list.end(), constants.begin(), constants.end());
    return list;
  };
  Graph *outer = std::exchange(graph, &inner);
  Names next = inlined(op.getBody(), with(arguments));
  Names goesOn = inlined(op.getCondition(), with(next));
  auto give = [&](const std::string &name, RankedTensorType type) {
    std::string own = addNode(op, "Identity", {name}, {true}, {})[0];
    inner.outputs.push_back(infoOf(own, type));
  };
  give(goesOn[0], flag);
  for (auto [name, type] : llvm::zip_equal(next, carried))
    give(name, ::mlir::cast<RankedTensorType>(type));
  graph = outer;
  return inner;
}

ArrayRef<ExportRule> controlRules() {
  static const ExportRule rules[] = {
      {"if", branch}, {"while", loop}, {"scan", scan}};
  return rules;
}

} // namespace varve::onnx
