// The same model with other weights. Everything that is not an initializer
// stays as it was read, fields unknown here included.
#include "Onnx/External.h"
#include "Onnx/Onnx.pb.h"
#include "Onnx/Read.h"
#include "Support/File.h"
#include <filesystem>
#include <fmt/format.h>

namespace varve::onnx {
namespace {

namespace pb = varve::onnxpb;

constexpr uint64_t maxModelBytes = INT32_MAX;

/// Takes the bytes of external data into the message.
Status embed(pb::Tensor &tensor, const std::string &folder) {
  ExternalPlace from;
  for (const pb::Entry &entry : tensor.external_data())
    if (Status set = from.set(entry.key(), entry.value()); !set)
      return set;
  int64_t elements =
      elementCount({tensor.dims().begin(), tensor.dims().end()});
  auto type = static_cast<Element>(tensor.data_type());
  if (elements < 0 || !storageOf(type))
    return Error{fmt::format("initializer '{}' is no tensor", tensor.name())};
  auto bytes = (uint64_t(elements) * bitsOf(type) + 7) / 8;
  Result<std::string> data = readExternal(folder, from, bytes);
  if (!data)
    return data.error();
  tensor.clear_external_data();
  tensor.clear_data_location();
  tensor.set_raw_data(std::move(*data));
  return {};
}

void replace(pb::Tensor &tensor, const Tensor &value) {
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.clear_int64_data();
  tensor.clear_double_data();
  tensor.clear_uint64_data();
  tensor.clear_external_data();
  tensor.clear_data_location();
  tensor.set_raw_data(value.data.data(), value.data.size());
}

} // namespace

Status replaceWeights(const std::string &from,
                      const std::map<std::string, Tensor> &weights,
                      const std::string &to) {
  Result<std::string> bytes = readFile(from, maxModelBytes);
  if (!bytes)
    return bytes.error();
  pb::Model message;
  if (!message.ParseFromArray(bytes->data(), int(bytes->size())))
    return Error{from + ": this is no ONNX model, or a part of one"};
  bytes->clear();
  std::string folder = std::filesystem::path(from).parent_path().string();
  if (folder.empty())
    folder = ".";
  uint64_t total = 0;
  for (pb::Tensor &tensor : *message.mutable_graph()->mutable_initializer()) {
    auto found = weights.find(tensor.name());
    if (found != weights.end()) {
      replace(tensor, found->second);
    } else if (tensor.data_location() == 1) {
      if (Status read = embed(tensor, folder); !read)
        return Error{fmt::format("{}: initializer '{}': {}", from,
                                 tensor.name(), read.error().message)};
    }
    total += tensor.raw_data().size();
    if (total > maxModelBytes)
      break;
  }
  if (total > maxModelBytes || message.ByteSizeLong() > maxModelBytes)
    return Error{fmt::format("{}: a model of more than 2 GiB with its weights "
                             "inside is not supported",
                             to),
                 ErrorKind::Unsupported};
  return writeFile(to, {message.SerializeAsString()});
}

} // namespace varve::onnx
