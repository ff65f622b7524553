// Both files are complete under other names before one takes its own; the model
// does last, so that a new model never reads old data.
#include "Onnx/ProtoFile.h"
#include "Support/File.h"
#include <filesystem>
#include <fmt/format.h>
#include <optional>

namespace varve::onnx {
namespace {

/// Messages are at most 2 GiB.
constexpr uint64_t maxMessageBytes = INT32_MAX;
/// What its place takes to say is no gain for a smaller tensor; so does the
/// `onnx` package.
constexpr size_t minExternalBytes = 1024;
/// What of a message is about one tensor's bytes, at most.
constexpr uint64_t lengthBytes = 16;

class DataFile {
public:
  explicit DataFile(const std::string &model) : path(model + ".data") {}

  Status add(const Weight &weight) {
    if (!file) {
      auto made = AtomicFile::create(path);
      if (!made)
        return made.error();
      file.emplace(std::move(*made));
    }
    static constexpr char zeros[VARVE_ALIGNMENT] = {};
    size_t pad = (VARVE_ALIGNMENT - end % VARVE_ALIGNMENT) % VARVE_ALIGNMENT;
    if (Status written = file->write(zeros, pad); !written)
      return written;
    end += pad;
    auto set = [&](const char *key, const std::string &value) {
      onnxpb::Entry &entry = *weight.tensor->add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    };
    set("location", std::filesystem::path(path).filename().string());
    set("offset", std::to_string(end));
    set("length", std::to_string(weight.bytes.size()));
    weight.tensor->set_data_location(1);
    end += weight.bytes.size();
    return file->write(weight.bytes);
  }
  Status commit() { return file ? file->commit() : Status(); }

private:
  std::string path;
  std::optional<AtomicFile> file;
  uint64_t end = 0;
};

} // namespace

Status writeMessage(const std::string &path, onnxpb::Model &message,
                    const std::vector<Weight> &weights,
                    const WriteOptions &options) {
  uint64_t whole = message.ByteSizeLong();
  for (const Weight &weight : weights)
    whole += weight.bytes.size() + lengthBytes;
  DataFile data(path);
  for (const Weight &weight : weights)
    if (whole <= options.limit || weight.bytes.size() < minExternalBytes)
      weight.tensor->set_raw_data(weight.bytes.data(), weight.bytes.size());
    else if (Status added = data.add(weight); !added)
      return added;
  if (message.ByteSizeLong() > maxMessageBytes)
    return Error{fmt::format("{}: an ONNX model has at most 2 GiB besides its "
                             "weights, this would have {} bytes",
                             path, message.ByteSizeLong()),
                 ErrorKind::Unsupported};
  auto model = AtomicFile::create(path);
  if (!model)
    return model.error();
  if (Status written = model->write(message.SerializeAsString()); !written)
    return written;
  if (Status done = data.commit(); !done)
    return done;
  return model->commit();
}

} // namespace varve::onnx
