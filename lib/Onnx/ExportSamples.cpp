// A graph for any number of samples. Programs have static shapes, so that a
// function is exported for three numbers of samples. Where the graphs differ,
// in declared sizes and in constants that are sizes, each number is an a n + b
// of the number n of samples: two graphs say which, and the third agrees, or
// what was exported is for one number of samples. So nothing needs to know
// which operation makes what of a size.
#include "Onnx/ExportSamples.h"
#include "llvm/ADT/STLExtras.h"
#include <optional>
#include <set>

namespace varve::onnx {

namespace {

/// slope * samples + offset
struct Line {
  int64_t slope = 0, offset = 0;
};

constexpr const char *samplesName = "samples";

class SamplesOpener {
public:
  explicit SamplesOpener(OfThree<SizedModel> &models)
      : models(models), main(models[0].model.graph) {}

  Status run() {
    OfThree<Graph *> graphs;
    for (auto [graph, model] : llvm::zip(graphs, models))
      graph = &model.model.graph;
    noteNames(main);
    if (!compareInitializers(graphs) || !compareGraphs(graphs) ||
        (!open.empty() && !findSamples()))
      return Error{fault + " depends on the number of samples in another way "
                           "than a size does",
                   ErrorKind::Unsupported};
    openReshapes(main);
    computeConstants();
    return {};
  }

private:
  bool differ(const std::string &where) {
    if (fault.empty())
      fault = where;
    return false;
  }

  std::optional<Line> lineOf(OfThree<int64_t> values) const {
    Line line;
    line.slope =
        (values[1] - values[0]) / (models[1].samples - models[0].samples);
    line.offset = values[0] - line.slope * models[0].samples;
    for (auto [value, model] : llvm::zip(values, models))
      if (line.slope * model.samples + line.offset != value)
        return std::nullopt;
    return line;
  }

  void noteNames(const Graph &graph) {
    for (const TensorData &tensor : graph.initializers)
      names.insert(tensor.name);
    for (const ValueInfo &info : graph.inputs)
      names.insert(info.name);
    for (const Node &node : graph.nodes) {
      names.insert(node.outputs.begin(), node.outputs.end());
      for (const auto &[key, attribute] : node.attributes)
        if (attribute.graph)
          noteNames(*attribute.graph);
    }
  }
  std::string fresh(const std::string &base) {
    std::string name = base;
    for (int i = 1; !names.insert(name).second; ++i)
      name = base + "_" + std::to_string(i);
    return name;
  }

  // ---- where the graphs differ ----

  bool compareInitializers(const OfThree<Graph *> &graphs) {
    for (Graph *other : graphs)
      if (other->initializers.size() != main.initializers.size())
        return differ("the number of constants");
    for (size_t i = 0; i < main.initializers.size(); ++i)
      if (!compareTensors({&main.initializers[i], &graphs[1]->initializers[i],
                           &graphs[2]->initializers[i]}))
        return differ("'" + main.initializers[i].name + "'");
    return true;
  }

  bool compareTensors(const OfThree<const TensorData *> &each) {
    const TensorData &first = *each[0];
    bool same = true;
    for (const TensorData *other : each) {
      if (other->name != first.name || other->type != first.type ||
          other->dims != first.dims)
        return false;
      // Weights are in the first model alone.
      same &=
          other->value.data.empty() || other->value.data == first.value.data;
    }
    if (same || first.type != Element::I64)
      return same;
    std::vector<Line> lines;
    for (int64_t e = 0; e < first.value.elements(); ++e) {
      OfThree<int64_t> values;
      for (auto [value, tensor] : llvm::zip(values, each))
        value = tensor->value.as<int64_t>()[e];
      std::optional<Line> line = lineOf(values);
      if (!line)
        return false;
      lines.push_back(*line);
    }
    open[first.name] = std::move(lines);
    return true;
  }

  bool compareGraphs(const OfThree<Graph *> &each) {
    for (auto list : {&Graph::inputs, &Graph::outputs})
      for (auto [i, info] : llvm::enumerate(each[0]->*list))
        if ((each[1]->*list).size() != (each[0]->*list).size() ||
            (each[2]->*list).size() != (each[0]->*list).size() ||
            !compareSizes({&info, &(each[1]->*list)[i], &(each[2]->*list)[i]}))
          return differ("'" + info.name + "'");
    if (each[1]->nodes.size() != each[0]->nodes.size() ||
        each[2]->nodes.size() != each[0]->nodes.size())
      return differ("the number of operators");
    for (auto [i, node] : llvm::enumerate(each[0]->nodes))
      if (!compareNodes({&node, &each[1]->nodes[i], &each[2]->nodes[i]}))
        return differ("'" + node.name + "'");
    return true;
  }

  /// Declared sizes that differ are left open.
  bool compareSizes(const OfThree<ValueInfo *> &each) {
    std::vector<Dim> &shape = *each[0]->type.shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      OfThree<int64_t> sizes;
      for (auto [size, info] : llvm::zip(sizes, each))
        size = (*info->type.shape)[axis].size;
      std::optional<Line> line = lineOf(sizes);
      if (!line)
        return false;
      bool isSamples = line->slope == 1 && line->offset == 0;
      if (line->slope != 0)
        shape[axis] = {-1, isSamples ? samplesName : ""};
    }
    return true;
  }

  bool compareNodes(const OfThree<Node *> &each) {
    const Node &first = *each[0];
    for (const Node *other : each)
      if (other->op != first.op || other->inputs != first.inputs ||
          other->outputs != first.outputs)
        return false;
    return llvm::all_of(first.attributes, [&](const auto &attribute) {
      const std::string &key = attribute.first;
      return compareAttributes({&each[0]->attributes[key],
                                &each[1]->attributes[key],
                                &each[2]->attributes[key]});
    });
  }

  /// The exporter's are numbers, texts, lists and graphs.
  bool compareAttributes(const OfThree<NodeAttribute *> &each) {
    const NodeAttribute &first = *each[0];
    for (const NodeAttribute *other : each)
      if (other->kind != first.kind || other->f != first.f ||
          other->i != first.i || other->s != first.s ||
          other->ints != first.ints || other->floats != first.floats ||
          other->strings != first.strings)
        return false;
    return !first.graph ||
           compareGraphs({each[0]->graph.get(), each[1]->graph.get(),
                          each[2]->graph.get()});
  }

  // ---- what becomes of it ----

  bool findSamples() {
    for (const ValueInfo &info : main.inputs)
      for (auto [axis, dim] : llvm::enumerate(*info.type.shape))
        if (dim.name == samplesName) {
          countedInput = info.name;
          countedAxis = int64_t(axis);
          return true;
        }
    return differ("the size of each input");
  }

  static TensorData tensor(std::string name, std::vector<int64_t> dims,
                           const std::vector<int64_t> &values) {
    TensorData made;
    made.name = std::move(name);
    made.type = Element::I64;
    made.dims = dims;
    made.value = Tensor(DType::I64, std::move(dims));
    std::copy(values.begin(), values.end(), made.value.as<int64_t>());
    return made;
  }

  /// A shape with one size that is open needs no computation: that is -1.
  void openReshapes(Graph &graph) {
    for (Node &node : graph.nodes) {
      for (auto &[key, attribute] : node.attributes)
        if (attribute.graph)
          openReshapes(*attribute.graph);
      if (node.op != "Reshape" || !open.count(node.inputs[1]))
        continue;
      std::vector<int64_t> sizes;
      for (const Line &line : open.at(node.inputs[1]))
        sizes.push_back(line.slope ? -1 : line.offset);
      if (llvm::count(sizes, -1) != 1 || llvm::is_contained(sizes, 0))
        continue;
      std::string &name = inferred[node.inputs[1]];
      if (name.empty()) {
        name = fresh(node.inputs[1]);
        main.initializers.push_back(
            tensor(name, {int64_t(sizes.size())}, sizes));
      }
      node.inputs[1] = name;
    }
  }

  static void collectReads(const Graph &graph, std::set<std::string> &reads) {
    for (const Node &node : graph.nodes) {
      reads.insert(node.inputs.begin(), node.inputs.end());
      for (const auto &[key, attribute] : node.attributes)
        if (attribute.graph)
          collectReads(*attribute.graph, reads);
    }
  }

  /// Other constants become values of their names, computed first.
  void computeConstants() {
    std::set<std::string> reads;
    collectReads(main, reads);
    std::vector<TensorData> kept;
    for (TensorData &constant : main.initializers)
      if (!open.count(constant.name))
        kept.push_back(std::move(constant));
      else if (reads.count(constant.name))
        compute(constant, kept);
    main.initializers = std::move(kept);
    main.nodes.insert(main.nodes.begin(), nodes.begin(), nodes.end());
  }

  void compute(const TensorData &constant, std::vector<TensorData> &constants) {
    if (nodes.empty()) {
      counted = fresh(samplesName);
      Node shape = node("Shape", {countedInput}, counted);
      for (auto [key, value] : {std::pair("start", countedAxis),
                                std::pair("end", countedAxis + 1)}) {
        shape.attributes[key].kind = NodeAttribute::Kind::Int;
        shape.attributes[key].i = value;
      }
      nodes.push_back(std::move(shape));
    }
    std::vector<int64_t> slopes, offsets, dims = constant.dims;
    for (const Line &line : open.at(constant.name)) {
      slopes.push_back(line.slope);
      offsets.push_back(line.offset);
    }
    if (dims.empty())
      dims = {1};
    std::string value = counted;
    for (auto [op, numbers] :
         {std::pair("Mul", &slopes), std::pair("Add", &offsets)}) {
      TensorData factor = tensor(fresh(constant.name), dims, *numbers);
      nodes.push_back(node(op, {value, factor.name}, fresh(constant.name)));
      value = nodes.back().outputs[0];
      constants.push_back(std::move(factor));
    }
    nodes.push_back(node(constant.dims.empty() ? "Squeeze" : "Identity",
                         {value}, constant.name));
  }

  static Node node(const char *op, std::vector<std::string> inputs,
                   std::string output) {
    Node made;
    made.op = op;
    made.name = output;
    made.inputs = std::move(inputs);
    made.outputs = {std::move(output)};
    return made;
  }

  OfThree<SizedModel> &models;
  Graph &main;
  std::string fault;
  std::set<std::string> names;
  /// Constants that differ, an element each.
  std::map<std::string, std::vector<Line>> open;
  std::map<std::string, std::string> inferred; ///< their forms with -1
  std::string countedInput, counted;
  int64_t countedAxis = 0;
  std::vector<Node> nodes; ///< that compute
};

} // namespace

Status openSamples(OfThree<SizedModel> &models) {
  return SamplesOpener(models).run();
}

} // namespace varve::onnx
