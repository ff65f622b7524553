// A model as a part of another program: its weights are the program's state, so
// that they learn, and any of its values may be asked for.
#include "Onnx/Import.h"
#include "Onnx/ImportImpl.h"
#include "Onnx/ImportTraining.h"
#include "Onnx/Read.h"

using namespace mlir;

namespace varve::onnx {

namespace {

/// Names that nodes read, those of graphs inside them too.
void addReads(const Node &node, std::vector<std::string> &names) {
  names.insert(names.end(), node.inputs.begin(), node.inputs.end());
  for (const auto &[key, attribute] : node.attributes) {
    if (!attribute.graph)
      continue;
    for (const Node &inner : attribute.graph->nodes)
      addReads(inner, names);
    for (const ValueInfo &output : attribute.graph->outputs)
      names.push_back(output.name);
  }
}

/// The nodes that `wanted` depends on, and all names that they read.
std::vector<Node> neededNodes(const Graph &graph, ArrayRef<std::string> wanted,
                              std::set<std::string> &names) {
  names.insert(wanted.begin(), wanted.end());
  std::vector<Node> needed;
  for (const Node &node : llvm::reverse(graph.nodes)) {
    if (llvm::none_of(node.outputs, [&](const std::string &output) {
          return !output.empty() && names.count(output);
        }))
      continue;
    std::vector<std::string> reads;
    addReads(node, reads);
    names.insert(reads.begin(), reads.end());
    needed.push_back(node);
  }
  std::reverse(needed.begin(), needed.end());
  return needed;
}

class OnnxNetwork : public Network {
public:
  explicit OnnxNetwork(Model model)
      : model(std::make_shared<Model>(std::move(model))),
        parameters(parametersOf(this->model->graph)) {}

  std::vector<Port> inputs(MLIRContext &context) const override {
    std::set<std::string> initialized;
    for (const TensorData &tensor : model->graph.initializers)
      initialized.insert(tensor.name);
    std::vector<Port> ports;
    for (const ValueInfo &info : model->graph.inputs)
      if (!initialized.count(info.name))
        ports.push_back(portOf(context, info));
    return ports;
  }
  std::vector<Port> outputs(MLIRContext &context) const override {
    std::vector<Port> ports;
    for (const ValueInfo &info : model->graph.outputs)
      ports.push_back(portOf(context, info));
    return ports;
  }
  std::vector<std::string> values() const override {
    std::vector<std::string> names;
    for (const ValueInfo &info : model->graph.inputs)
      names.push_back(info.name);
    for (const Node &node : model->graph.nodes)
      for (const std::string &output : node.outputs)
        if (!output.empty())
          names.push_back(output);
    return names;
  }
  std::vector<std::string> files() const override {
    std::vector<std::string> files = model->files;
    files.push_back(model->path);
    return files;
  }
  std::vector<Fault> build(OpBuilder &builder, ArrayRef<Value> inputs,
                           ArrayRef<std::string> wanted, NetworkHost &host,
                           SmallVectorImpl<Value> &results) const override {
    ImportRequest request;
    request.path = model->path;
    Importer importer(*builder.getContext(), request);
    return importer.runInto(model, parameters, host, builder, inputs, wanted,
                            results);
  }

private:
  static Port portOf(MLIRContext &context, const ValueInfo &info) {
    Port port{info.name, {}, std::nullopt};
    if (info.type.kind == TypeInfo::Kind::Tensor &&
        partsOf(info.type.element) == 1)
      port.element = storageType(&context, info.type.element);
    if (!info.type.shape)
      return port;
    port.shape.emplace();
    for (const Dim &dim : *info.type.shape)
      port.shape->push_back({dim.size > 0 ? dim.size : -1, dim.name});
    return port;
  }

  std::shared_ptr<const Model> model;
  std::map<std::string, Parameter> parameters;
};

} // namespace

Result<std::shared_ptr<const Network>> readNetwork(const std::string &path) {
  Result<Model> model = readModel(path);
  if (!model)
    return model.error();
  return std::shared_ptr<const Network>(
      std::make_shared<OnnxNetwork>(std::move(*model)));
}

// ---- training ----

std::optional<bool> inTraining(Call &c) {
  NetworkHost *host = c.importer.builtInto();
  if (!host)
    return std::nullopt;
  Values weights;
  for (size_t i = 0; i < c.inputs(); ++i)
    if (c.datum(i).is(Datum::Kind::Tensor))
      weights.push_back(c.datum(i).value);
  std::optional<bool> is = host->training(weights);
  if (is.value_or(false) && c.importer.scope().outer)
    c.refuse("training in the graph of another node is not supported");
  return is;
}

NetworkHost &hostOf(Call &c) { return *c.importer.builtInto(); }

// ---- building ----

/// Checks the values given for the inputs. A graph whose inputs are all of one
/// sample takes several.
bool Importer::bindValues(ArrayRef<Value> given, Scope &scope) {
  std::set<std::string> initialized;
  for (const TensorData &tensor : model->graph.initializers)
    initialized.insert(tensor.name);
  size_t next = 0;
  for (const ValueInfo &info : model->graph.inputs) {
    if (initialized.count(info.name))
      continue;
    Value value = given[next++];
    Datum datum = Datum::of(value, elementOf(typeOf(value).getElementType()));
    const auto &shape = info.type.shape;
    ArrayRef<int64_t> sizes = shapeOf(value);
    bool fits = info.type.element == datum.element ||
                info.type.element == Element::Undefined;
    fits &= !shape || shape->size() == sizes.size();
    for (size_t i = 0; fits && shape && i < sizes.size(); ++i) {
      int64_t declared = (*shape)[i].size;
      if (i == 0 && declared == 1 && sizes[0] != 1)
        samples = sizes[0];
      else
        fits = declared <= 0 || declared == sizes[i];
    }
    if (!fits) {
      error("input '" + info.name + "' is " + describe(datum) +
            ", the graph takes " + std::string(nameOf(info.type.element)) +
            (shape ? shapeText(*shape) : "[...]"));
      return false;
    }
    scope.names[info.name] = datum;
    reached.insert(info.name);
  }
  return true;
}

/// Of a Reshape in a graph that is made for one sample: a first size of 1 is
/// the number of samples.
Datum Importer::spreadShape(const Node &node,
                            const std::vector<Datum> &arguments,
                            LocBuilder &b) {
  const Datum &shape = arguments[1];
  if (!reached.count(node.inputs[0]) || !shape.is(Datum::Kind::Tensor))
    return shape;
  const RefTensor *sizes = known(shape.value);
  if (!sizes || sizes->isFloat() || sizes->size() == 0 || sizes->i[0] != 1)
    return shape;
  SmallVector<int64_t> spread(sizes->i.begin(), sizes->i.end());
  spread[0] = samples;
  auto type = RankedTensorType::get({int64_t(spread.size())},
                                    builder.getIntegerType(64));
  return Datum::of(
      ConstantOp::create(b, b.getLoc(),
                         DenseElementsAttr::get(type, ArrayRef(spread))),
      Element::I64);
}

std::vector<Network::Fault> Importer::runInto(
    std::shared_ptr<const Model> network,
    const std::map<std::string, Parameter> &known, NetworkHost &into,
    const OpBuilder &at, ArrayRef<Value> given, ArrayRef<std::string> wanted,
    SmallVectorImpl<Value> &results) {
  model = std::move(network);
  parameters = &known;
  host = &into;
  builder = at;
  checkOpsets();
  std::set<std::string> names;
  std::vector<Node> nodes = neededNodes(model->graph, wanted, names);
  checkOperators(nodes, model->opsets, 0);
  Scope main;
  main.opsets = &model->opsets;
  if (!errors.empty() || !bindValues(given, main))
    return std::move(errors);
  for (const TensorData &tensor : model->graph.initializers)
    if (names.count(tensor.name))
      main.names.emplace(tensor.name, bindTensor(tensor));
  if (samples)
    for (const Node &node : nodes)
      if (llvm::any_of(node.inputs, [&](const std::string &name) {
            return reached.count(name);
          }))
        reached.insert(node.outputs.begin(), node.outputs.end());
  runNodes(nodes, main);
  for (const std::string &name : wanted) {
    const Datum *found = main.find(name);
    if (!errors.empty() || !found || !found->is(Datum::Kind::Tensor) ||
        elementOf(typeOf(found->value).getElementType()) != found->element) {
      if (errors.empty())
        error("'" + name + "' is no tensor of numbers", /*unsupported=*/true);
      continue;
    }
    ArrayRef<int64_t> shape = shapeOf(found->value);
    if (samples && (shape.empty() || shape[0] != samples))
      error("the graph is made for one sample, and '" + name + "' is " +
                describe(*found) + " for " + std::to_string(samples),
            /*unsupported=*/true);
    results.push_back(found->value);
  }
  return std::move(errors);
}

} // namespace varve::onnx
