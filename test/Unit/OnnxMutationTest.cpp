// Models of nodes with random inputs and attributes end in a program or a
// diagnostic: no crash, no hang, no invalid program, no memory that no input
// fills. VARVE_MUTANTS sets how many (default 500); with VARVE_ONNX_MODELS, a
// folder, changed models of it are taken, too.
#include "Onnx/Import.h"
#include "Onnx/ImportCall.h"
#include "OnnxNet.h"
#include "Support/File.h"
#include <chrono>
#include <random>
#include <sys/resource.h>

using namespace varve;
using namespace varve::test;
namespace fs = std::filesystem;

namespace {

class Mutator {
public:
  explicit Mutator(uint64_t seed) : random(seed) {
    operators = onnx::allOperators();
    if (const char *folder = getenv("VARVE_ONNX_MODELS"))
      for (const auto &entry : fs::recursive_directory_iterator(folder))
        if (entry.path().extension() == ".onnx" && entry.file_size() < 100000)
          paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
  }

  size_t below(size_t count) { return random() % count; }
  bool chance(size_t of) { return below(of) == 0; }

  pb::Model next() { return paths.empty() || chance(2) ? made() : changed(); }

  /// Mostly what a small model may have, else what none should.
  int64_t number() {
    static constexpr int64_t odd[] = {-1,
                                      7,
                                      100,
                                      1 << 20,
                                      int64_t(1) << 31,
                                      int64_t(1) << 40,
                                      INT64_MAX,
                                      INT64_MIN,
                                      INT64_MIN + 1,
                                      -1000};
    return chance(6) ? odd[below(std::size(odd))] : int64_t(below(5)) - 1;
  }

private:
  Sizes shape() {
    Sizes sizes(chance(8) ? below(7) : below(5));
    for (int64_t &size : sizes)
      size = chance(12) ? 0 : int64_t(1 + below(4));
    return sizes;
  }

  pb::Tensor tensor(const std::string &name, int type, const Sizes &dims) {
    pb::Tensor tensor;
    tensor.set_name(name);
    tensor.set_data_type(type);
    int64_t count = 1;
    for (int64_t size : dims) {
      tensor.add_dims(size);
      count *= size;
    }
    for (int64_t i = 0; i < count; ++i)
      switch (type) {
      case 1:
        tensor.add_float_data(chance(20) ? float(number())
                                         : float(below(9)) / 2 - 1);
        break;
      case 7:
        tensor.add_int64_data(number());
        break;
      case 8:
        tensor.add_string_data(chance(2) ? "a b" : "");
        break;
      case 11:
        tensor.add_double_data(double(number()));
        break;
      default:
        tensor.add_int32_data(type == 9 ? int(below(2)) : int(below(100)));
      }
    return tensor;
  }

  int elementType() {
    static constexpr int types[] = {1,  1, 1, 1, 7,  7,  7,  9,  6,  10,
                                    11, 3, 2, 8, 14, 16, 17, 21, 22, 24};
    return types[below(std::size(types))];
  }

  /// A node of any operator on tensors of a few shapes.
  pb::Model made() {
    const onnx::Operator &op = *operators[below(operators.size())];
    Net net(op.since + int64_t(below(4)));
    if (*op.domain) {
      auto *set = net.model.add_opset_import();
      set->set_domain(op.domain);
      set->set_version(op.since);
    }
    Sizes usual = shape();
    int usualType = elementType();
    Strings inputs, outputs;
    for (size_t i = 0, count = below(7); i < count; ++i) {
      std::string name = "x" + std::to_string(i);
      Sizes dims = chance(2) ? usual : shape();
      int type = chance(2) ? usualType : elementType();
      if (chance(8)) {
        name.clear();
      } else if (chance(2)) {
        net.weight(tensor(name, type, dims));
      } else {
        Strings sizes;
        for (int64_t size : dims)
          sizes.push_back(std::to_string(size));
        net.input(name, sizes, type);
      }
      inputs.push_back(name);
    }
    for (size_t i = 0, count = 1 + below(3); i < count; ++i) {
      outputs.push_back("y" + std::to_string(i));
      net.output(outputs.back(), {}, 0);
    }
    net.node(op.name, inputs, outputs);
    pb::Node &node = *net.model.mutable_graph()->mutable_node(0);
    node.set_domain(op.domain);
    for (int i = 0; i < 12; ++i)
      addAttribute(node, anyAttribute());
    return net.model;
  }

  std::string anyAttribute() {
    static const char *const names[] = {"axes",
                                        "axis",
                                        "dilations",
                                        "kernel_shape",
                                        "pads",
                                        "perm",
                                        "shape",
                                        "strides",
                                        "group",
                                        "ends",
                                        "starts",
                                        "steps",
                                        "split",
                                        "keepdims",
                                        "to",
                                        "dtype",
                                        "blocksize",
                                        "block_size",
                                        "num_outputs",
                                        "k",
                                        "largest",
                                        "mode",
                                        "auto_pad",
                                        "ceil_mode",
                                        "alpha",
                                        "beta",
                                        "equation",
                                        "reduction",
                                        "direction",
                                        "layout",
                                        "hidden_size",
                                        "batch_axis",
                                        "time_axis",
                                        "seed",
                                        "sample_size",
                                        "output_shape",
                                        "is_causal",
                                        "kv_num_heads",
                                        "q_num_heads",
                                        "output_padding",
                                        "num_groups",
                                        "batch_dims",
                                        "size",
                                        "allowzero",
                                        "inverse",
                                        "onesided",
                                        "output_height",
                                        "sampling_ratio",
                                        "value_ints",
                                        "activations",
                                        "padding_mode",
                                        "align_corners",
                                        "output_dtype"};
    return names[below(std::size(names))];
  }

public:
  void addAttribute(pb::Node &node, const std::string &name) {
    for (const pb::Attribute &each : node.attribute())
      if (each.name() == name)
        return;
    static const std::set<std::string> texts = {
        "mode",      "auto_pad",     "equation",    "reduction",
        "direction", "padding_mode", "approximate", "round_mode"};
    static const std::set<std::string> lists = {
        "axes",  "dilations",    "kernel_shape",   "pads",      "perm",
        "shape", "strides",      "ends",           "starts",    "steps",
        "split", "output_shape", "output_padding", "value_ints"};
    static const std::set<std::string> reals = {"alpha", "beta", "seed",
                                                "epsilon", "gamma"};
    static const char *const words[] = {
        "linear",    "nearest",       "cubic",    "max",       "SAME_UPPER",
        "constant",  "reflect",       "add",      "mul",       "none",
        "reverse",   "bidirectional", "circular", "ij,jk->ik", "ii->i",
        "...i->...", "VALID",         "TF",       "zeros"};
    pb::Attribute &attribute = *node.add_attribute();
    attribute.set_name(name);
    if (texts.count(name)) {
      attribute.set_type(3);
      attribute.set_s(words[below(std::size(words))]);
    } else if (lists.count(name)) {
      attribute.set_type(7);
      for (size_t i = below(5); i > 0; --i)
        attribute.add_ints(number());
    } else if (reals.count(name)) {
      attribute.set_type(1);
      attribute.set_f(float(number()) / 2);
    } else {
      attribute.set_type(chance(20) ? int(1 + below(7)) : 2);
      attribute.set_i(number());
    }
  }

private:
  /// A model of a file with a few of its numbers, names and attributes changed.
  pb::Model changed() {
    pb::Model model;
    auto bytes = readFile(paths[below(paths.size())].string());
    if (bytes)
      model.ParseFromString(*bytes);
    for (size_t n = 1 + below(3); n > 0; --n)
      change(*model.mutable_graph());
    return model;
  }

  void change(pb::Graph &graph) {
    if (graph.initializer_size() && chance(4))
      return change(*graph.mutable_initializer(
          int(below(size_t(graph.initializer_size())))));
    if (graph.input_size() && chance(4)) {
      auto &info = *graph.mutable_input(int(below(size_t(graph.input_size()))));
      auto &type = *info.mutable_type()->mutable_tensor_type();
      if (chance(3))
        type.set_elem_type(elementType());
      else if (type.shape().dim_size())
        type.mutable_shape()
            ->mutable_dim(int(below(size_t(type.shape().dim_size()))))
            ->set_dim_value(number());
      return;
    }
    if (!graph.node_size())
      return;
    pb::Node &node = *graph.mutable_node(int(below(size_t(graph.node_size()))));
    if (node.input_size() && chance(4))
      node.set_input(int(below(size_t(node.input_size()))),
                     chance(2) ? "" : node.input(0));
    else if (node.attribute_size() && !chance(4))
      change(
          *node.mutable_attribute(int(below(size_t(node.attribute_size())))));
    else
      addAttribute(node, anyAttribute());
  }

  void change(pb::Tensor &tensor) {
    if (tensor.dims_size() && chance(3))
      tensor.set_dims(int(below(size_t(tensor.dims_size()))), number());
    else if (tensor.int64_data_size())
      tensor.set_int64_data(int(below(size_t(tensor.int64_data_size()))),
                            number());
    else if (tensor.data_type() == 7 && tensor.raw_data().size() >= 8) {
      int64_t value = number();
      size_t at = below(tensor.raw_data().size() / 8) * 8;
      std::memcpy(tensor.mutable_raw_data()->data() + at, &value, 8);
    } else
      tensor.set_data_type(elementType());
  }

  void change(pb::Attribute &attribute) {
    if (attribute.has_g())
      return change(*attribute.mutable_g());
    if (attribute.has_t())
      return change(*attribute.mutable_t());
    if (attribute.ints_size())
      attribute.set_ints(int(below(size_t(attribute.ints_size()))), number());
    else if (attribute.has_f())
      attribute.set_f(float(number()));
    else if (attribute.has_s())
      attribute.set_s(chance(2) ? "linear" : "");
    else
      attribute.set_i(number());
    if (chance(10))
      attribute.set_type(int(1 + below(14)));
  }

  std::mt19937_64 random;
  std::vector<const onnx::Operator *> operators;
  std::vector<fs::path> paths;
};

/// Takes the hint of a diagnostic about an attribute.
bool mend(pb::Model &model, Mutator &mutator, const std::string &said) {
  size_t begin = said.find("attribute '");
  if (begin == std::string::npos || !model.graph().node_size())
    return false;
  begin += 11;
  std::string name = said.substr(begin, said.find('\'', begin) - begin);
  pb::Node &node = *model.mutable_graph()->mutable_node(0);
  if (said.find("is missing") != std::string::npos) {
    mutator.addAttribute(node, name);
    return true;
  }
  auto &all = *node.mutable_attribute();
  for (int i = 0; i < all.size(); ++i)
    if (all[i].name() == name) {
      all.DeleteSubrange(i, 1);
      return true;
    }
  return false;
}

TEST(OnnxMutation, EndsInAProgramOrADiagnostic) {
  // More memory than small models need is an error, too.
  rlimit before, limit;
  getrlimit(RLIMIT_AS, &before);
  limit = before;
  limit.rlim_cur = rlim_t(6) << 30;
  setrlimit(RLIMIT_AS, &limit);

  const char *count = getenv("VARVE_MUTANTS"), *seed = getenv("VARVE_SEED");
  Mutator mutator(seed ? uint64_t(std::atoll(seed)) : 1);
  unsigned imported = 0, rejected = 0;
  onnx::ImportRequest request;
  // What crashed can be looked at.
  request.path = scratch() + "/net.onnx";
  for (int i = 0, n = count ? std::atoi(count) : 500; i < n; ++i) {
    pb::Model model = mutator.next();
    for (int tries = 0; tries < 20; ++tries) {
      writeBytes(request.path, model.SerializeAsString());
      mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
      auto start = std::chrono::steady_clock::now();
      auto result = onnx::importModel(context, request);
      auto time = std::chrono::steady_clock::now() - start;
      EXPECT_LT(time, std::chrono::seconds(10)) << i;
      if (result) {
        ++imported;
        break;
      }
      const std::string &said = result.error().message;
      EXPECT_FALSE(said.empty());
      if (!mend(model, mutator, said)) {
        ++rejected;
        break;
      }
    }
  }
  setrlimit(RLIMIT_AS, &before);
  std::printf("%u imported, %u rejected\n", imported, rejected);
  // Else the mutants say nothing.
  EXPECT_GT(imported, 0u);
  EXPECT_GT(rejected, 0u);
}

} // namespace
