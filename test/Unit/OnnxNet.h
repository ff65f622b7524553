// ONNX models for tests, made field by field and written to files.
#ifndef VARVE_TEST_ONNXNET_H
#define VARVE_TEST_ONNXNET_H

#include "Onnx/Onnx.pb.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <initializer_list>
#include <string>
#include <vector>

namespace varve::test {

namespace pb = varve::onnxpb;
using Strings = std::vector<std::string>;
using Sizes = std::vector<int64_t>;

/// A folder of the running test's own.
inline std::string scratch() {
  const auto *info = testing::UnitTest::GetInstance()->current_test_info();
  std::string folder =
      testing::TempDir() + info->test_suite_name() + "." + info->name();
  std::filesystem::create_directories(folder);
  return folder;
}

inline void writeBytes(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline pb::Tensor floats(const std::string &name, Sizes dims,
                         std::vector<float> values) {
  pb::Tensor tensor;
  tensor.set_name(name);
  tensor.set_data_type(1);
  for (int64_t size : dims)
    tensor.add_dims(size);
  for (float value : values)
    tensor.add_float_data(value);
  return tensor;
}

inline pb::Tensor ints(const std::string &name, Sizes dims, Sizes values) {
  pb::Tensor tensor;
  tensor.set_name(name);
  tensor.set_data_type(7);
  for (int64_t size : dims)
    tensor.add_dims(size);
  for (int64_t value : values)
    tensor.add_int64_data(value);
  return tensor;
}

/// A model that is built line by line.
struct Net {
  pb::Model model;

  explicit Net(int64_t opset = 13) {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("net");
  }
  static void declare(pb::ValueInfo &info, const std::string &name,
                      const Strings &dims, int type) {
    info.set_name(name);
    auto *tensor = info.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    for (const std::string &size : dims) {
      auto *dim = tensor->mutable_shape()->add_dim();
      if (std::isdigit(size[0]))
        dim->set_dim_value(std::stoll(size));
      else
        dim->set_dim_param(size);
    }
    tensor->mutable_shape();
  }
  Net &input(const std::string &name, const Strings &dims, int type = 1) {
    declare(*model.mutable_graph()->add_input(), name, dims, type);
    return *this;
  }
  Net &output(const std::string &name, const Strings &dims, int type = 1) {
    declare(*model.mutable_graph()->add_output(), name, dims, type);
    return *this;
  }
  Net &weight(pb::Tensor tensor) {
    *model.mutable_graph()->add_initializer() = std::move(tensor);
    return *this;
  }
  Net &node(const std::string &op, const Strings &inputs,
            const Strings &outputs) {
    last = model.mutable_graph()->add_node();
    last->set_op_type(op);
    last->set_name(op + "_" + std::to_string(model.graph().node_size()));
    for (const std::string &name : inputs)
      last->add_input(name);
    for (const std::string &name : outputs)
      last->add_output(name);
    return *this;
  }
  /// An attribute of the last node.
  Net &with(const std::string &name, int64_t value) {
    auto *attribute = last->add_attribute();
    attribute->set_name(name);
    attribute->set_type(2);
    attribute->set_i(value);
    return *this;
  }
  Net &with(const std::string &name, int value) {
    return with(name, int64_t(value));
  }
  Net &with(const std::string &name, float value) {
    auto *attribute = last->add_attribute();
    attribute->set_name(name);
    attribute->set_type(1);
    attribute->set_f(value);
    return *this;
  }
  Net &with(const std::string &name, const char *value) {
    auto *attribute = last->add_attribute();
    attribute->set_name(name);
    attribute->set_type(3);
    attribute->set_s(value);
    return *this;
  }
  Net &with(const std::string &name, const Strings &values) {
    auto *attribute = last->add_attribute();
    attribute->set_name(name);
    attribute->set_type(8);
    for (const std::string &value : values)
      attribute->add_strings(value);
    return *this;
  }
  std::string write() const {
    std::string path = scratch() + "/net.onnx";
    writeBytes(path, model.SerializeAsString());
    return path;
  }

private:
  pb::Node *last = nullptr;
};

} // namespace varve::test
#endif
