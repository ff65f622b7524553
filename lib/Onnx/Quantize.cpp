// Post-training quantization: a model's products between QuantizeLinear and
// DequantizeLinear nodes ("QDQ"), the form in which runtimes look for them.
#include "Onnx/Quantize.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace varve::onnx {
namespace {

/// i8 codes are symmetric: -128 is none.
constexpr float largestCode = 127;

bool multiplies(const Node &node) {
  return node.domain.empty() && node.inputs.size() >= 2 &&
         (node.op == "MatMul" || node.op == "Gemm" || node.op == "Conv");
}

/// The places of initializers. One that is an input, too, is but a default.
std::map<std::string, size_t> weightsOf(const Graph &graph) {
  std::map<std::string, size_t> weights;
  for (size_t i = 0; i < graph.initializers.size(); ++i)
    weights[graph.initializers[i].name] = i;
  for (const ValueInfo &input : graph.inputs)
    weights.erase(input.name);
  return weights;
}

class Quantizer {
public:
  Quantizer(Model &model, const std::map<std::string, Range> &ranges)
      : model(model), ranges(ranges), weights(weightsOf(model.graph)) {
    for (const ValueInfo &info : model.graph.inputs)
      names.insert(info.name);
    for (const Node &node : model.graph.nodes) {
      names.insert(node.outputs.begin(), node.outputs.end());
      names.insert(node.inputs.begin(), node.inputs.end());
    }
  }

  int64_t run() {
    for (Node &node : model.graph.nodes) {
      if (multiplies(node) && isOfFloats(node.inputs[0]) &&
          isOfFloats(node.inputs[1])) {
        ++count;
        for (size_t i : {0, 1})
          node.inputs[i] = weights.count(node.inputs[i])
                               ? ofWeight(node.inputs[i], axisOf(node, i))
                               : ofActivation(node.inputs[i]);
      }
      nodes.push_back(std::move(node));
    }
    model.graph.nodes = std::move(nodes);
    dropUnread();
    return count;
  }

private:
  const TensorData &weight(const std::string &name) const {
    return model.graph.initializers[weights.at(name)];
  }
  bool isOfFloats(const std::string &name) const {
    return weights.count(name) ? weight(name).type == Element::F32
                               : ranges.count(name) != 0;
  }

  /// The axis of a weight that counts output channels; -1: none.
  static int64_t channelsOf(const Node &node, size_t input, int64_t rank) {
    if (node.op == "Conv")
      return input == 1 ? 0 : -1;
    auto found = node.attributes.find(input == 0 ? "transA" : "transB");
    bool transposed = found != node.attributes.end() && found->second.i != 0;
    if (rank != 2)
      return -1;
    return (input == 1) == transposed ? 0 : 1;
  }
  int64_t axisOf(const Node &node, size_t input) const {
    auto rank = int64_t(weight(node.inputs[input]).dims.size());
    return channelsOf(node, input, rank);
  }

  std::string fresh(const std::string &name, const char *what) {
    std::string made = fmt::format("{}_{}", name, what);
    for (int i = 1; !names.insert(made).second; ++i)
      made = fmt::format("{}_{}_{}", name, what, i);
    return made;
  }

  template <class T>
  std::string initializer(const std::string &name, const char *what,
                          Element type, std::vector<int64_t> dims,
                          const std::vector<T> &values) {
    TensorData tensor;
    tensor.name = fresh(name, what);
    tensor.type = type;
    tensor.dims = dims;
    tensor.value = Tensor(*storageOf(type), std::move(dims));
    std::copy(values.begin(), values.end(), tensor.value.as<T>());
    model.graph.initializers.push_back(std::move(tensor));
    return model.graph.initializers.back().name;
  }

  std::string node(const char *op, std::vector<std::string> inputs,
                   const std::string &name, const char *what, int64_t axis) {
    Node made;
    made.op = op;
    made.inputs = std::move(inputs);
    made.outputs = {fresh(name, what)};
    made.name = made.outputs[0];
    if (axis >= 0) {
      made.attributes["axis"].kind = NodeAttribute::Kind::Int;
      made.attributes["axis"].i = axis;
    }
    nodes.push_back(std::move(made));
    return nodes.back().outputs[0];
  }

  std::string ofActivation(const std::string &name) {
    std::string &made = dequantized[{name, -1}];
    if (!made.empty())
      return made;
    Range range = ranges.at(name);
    float low = std::min(range.low, 0.0f), high = std::max(range.high, 0.0f);
    float scale = high > low ? (high - low) / 255 : 1;
    auto zero = uint8_t(std::clamp(std::nearbyint(-low / scale), 0.0f, 255.0f));
    std::string by =
        initializer<float>(name, "scale", Element::F32, {}, {scale});
    std::string from =
        initializer<uint8_t>(name, "zero_point", Element::U8, {}, {zero});
    std::string codes =
        node("QuantizeLinear", {name, by, from}, name, "quantized", -1);
    return made = node("DequantizeLinear", {codes, by, from}, name,
                       "dequantized", -1);
  }

  std::string ofWeight(const std::string &name, int64_t axis) {
    std::string &made = dequantized[{name, axis}];
    if (!made.empty())
      return made;
    std::vector<int64_t> shape = weight(name).dims, each;
    int64_t channels = axis < 0 ? 1 : shape[size_t(axis)], inner = 1;
    for (size_t d = size_t(axis + 1); axis >= 0 && d < shape.size(); ++d)
      inner *= shape[d];
    if (axis >= 0)
      each.push_back(channels);
    auto channelOf = [&](int64_t e) {
      return axis < 0 ? size_t(0) : size_t(e / inner % channels);
    };
    const float *values = weight(name).value.as<float>();
    int64_t elements = weight(name).value.elements();
    std::vector<float> scales(size_t(channels), 0.0f);
    for (int64_t e = 0; e < elements; ++e) {
      float &scale = scales[channelOf(e)];
      scale = std::max(scale, std::fabs(values[e]) / largestCode);
    }
    std::replace(scales.begin(), scales.end(), 0.0f, 1.0f);
    std::vector<int8_t> codes(size_t(elements), 0);
    for (int64_t e = 0; e < elements; ++e)
      codes[size_t(e)] =
          int8_t(std::clamp(std::nearbyint(values[e] / scales[channelOf(e)]),
                            -largestCode, largestCode));
    std::vector<int8_t> zeros(scales.size(), 0);
    return made =
               node("DequantizeLinear",
                    {initializer(name, "quantized", Element::I8, shape, codes),
                     initializer(name, "scale", Element::F32, each, scales),
                     initializer(name, "zero_point", Element::I8, each, zeros)},
                    name, "dequantized", axis);
  }

  static void collectRead(const Graph &graph, std::set<std::string> &read) {
    for (const ValueInfo &output : graph.outputs)
      read.insert(output.name);
    for (const Node &node : graph.nodes) {
      read.insert(node.inputs.begin(), node.inputs.end());
      for (const auto &[name, attribute] : node.attributes)
        if (attribute.graph)
          collectRead(*attribute.graph, read);
    }
  }
  void dropUnread() {
    std::set<std::string> read;
    collectRead(model.graph, read);
    auto &all = model.graph.initializers;
    all.erase(std::remove_if(
                  all.begin(), all.end(),
                  [&](const TensorData &t) { return !read.count(t.name); }),
              all.end());
  }

  Model &model;
  const std::map<std::string, Range> &ranges;
  std::map<std::string, size_t> weights;
  std::set<std::string> names;
  std::map<std::pair<std::string, int64_t>, std::string> dequantized;
  std::vector<Node> nodes;
  int64_t count = 0;
};

} // namespace

void foldTransposes(Graph &graph) {
  auto weights = weightsOf(graph);
  std::vector<Node> kept;
  for (Node &node : graph.nodes) {
    auto found = node.op == "Transpose" && node.domain.empty()
                     ? weights.find(node.inputs[0])
                     : weights.end();
    const TensorData *from =
        found == weights.end() ? nullptr : &graph.initializers[found->second];
    auto perm = node.attributes.find("perm");
    bool swaps = perm == node.attributes.end() ||
                 perm->second.ints == std::vector<int64_t>{1, 0};
    if (!from || from->type != Element::F32 || from->dims.size() != 2 ||
        !swaps) {
      kept.push_back(std::move(node));
      continue;
    }
    int64_t rows = from->dims[0], columns = from->dims[1];
    TensorData to;
    to.name = node.outputs[0];
    to.type = Element::F32;
    to.dims = {columns, rows};
    to.value = Tensor(DType::F32, to.dims);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        to.value.as<float>()[j * rows + i] =
            from->value.as<float>()[i * columns + j];
    graph.initializers.push_back(std::move(to));
  }
  graph.nodes = std::move(kept);
}

std::set<std::string> tensorsToMeasure(const Model &model) {
  std::set<std::string> factors;
  auto weights = weightsOf(model.graph);
  for (const Node &node : model.graph.nodes)
    if (multiplies(node))
      for (size_t i : {0, 1})
        if (!weights.count(node.inputs[i]))
          factors.insert(node.inputs[i]);
  return factors;
}

Result<int64_t> quantize(Model &model,
                         const std::map<std::string, Range> &ranges) {
  constexpr int64_t scalesOfChannels = 13;
  auto opset = model.opsets.find("");
  if (opset == model.opsets.end() || opset->second < scalesOfChannels)
    return Error{
        fmt::format("{}: opset {} has no scales for channels; `varve compile "
                    "old.onnx -o new.onnx` writes a model of a newer one",
                    model.path,
                    opset == model.opsets.end() ? 0 : opset->second),
        ErrorKind::Unsupported};
  return Quantizer(model, ranges).run();
}

} // namespace varve::onnx
