// The same model with other weights. Everything that is not an initializer
// stays as it was read, fields unknown here included.
#include "Onnx/External.h"
#include "Onnx/ProtoFile.h"
#include "Support/File.h"
#include <deque>
#include <filesystem>
#include <fmt/format.h>

namespace varve::onnx {
namespace {

namespace pb = varve::onnxpb;

/// Takes the bytes of a tensor, so that they can go elsewhere.
Result<std::string> takeBytes(pb::Tensor &tensor, const std::string &folder) {
  if (tensor.data_location() != 1) {
    std::string bytes = std::move(*tensor.mutable_raw_data());
    tensor.clear_raw_data();
    return bytes;
  }
  ExternalPlace from;
  for (const pb::Entry &entry : tensor.external_data())
    if (Status set = from.set(entry.key(), entry.value()); !set)
      return set.error();
  int64_t elements =
      elementCount({tensor.dims().begin(), tensor.dims().end()});
  auto type = static_cast<Element>(tensor.data_type());
  if (elements < 0 || !storageOf(type))
    return Error{"it is no tensor"};
  auto bytes = (uint64_t(elements) * bitsOf(type) + 7) / 8;
  tensor.clear_external_data();
  tensor.clear_data_location();
  return readExternal(folder, from, bytes);
}

void clearData(pb::Tensor &tensor) {
  tensor.clear_raw_data();
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.clear_int64_data();
  tensor.clear_double_data();
  tensor.clear_uint64_data();
  tensor.clear_external_data();
  tensor.clear_data_location();
}

} // namespace

Status replaceWeights(const std::string &from,
                      const std::map<std::string, Tensor> &weights,
                      const std::string &to, const WriteOptions &options) {
  Result<std::string> bytes = readFile(from, INT32_MAX);
  if (!bytes)
    return bytes.error();
  pb::Model message;
  if (!message.ParseFromArray(bytes->data(), int(bytes->size())))
    return Error{from + ": this is no ONNX model, or a part of one"};
  bytes->clear();
  std::string folder = std::filesystem::path(from).parent_path().string();
  if (folder.empty())
    folder = ".";
  std::deque<std::string> kept;
  std::vector<Weight> all;
  for (pb::Tensor &tensor : *message.mutable_graph()->mutable_initializer()) {
    auto found = weights.find(tensor.name());
    if (found != weights.end()) {
      clearData(tensor);
      const auto &data = found->second.data;
      all.push_back({&tensor,
                     {reinterpret_cast<const char *>(data.data()),
                      data.size()}});
    } else if (tensor.data_location() == 1 || tensor.has_raw_data()) {
      Result<std::string> own = takeBytes(tensor, folder);
      if (!own)
        return Error{fmt::format("{}: initializer '{}': {}", from,
                                 tensor.name(), own.error().message)};
      kept.push_back(std::move(*own));
      all.push_back({&tensor, kept.back()});
    }
  }
  return writeMessage(to, message, all, options);
}

} // namespace varve::onnx
