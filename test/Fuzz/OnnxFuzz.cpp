// Any bytes are an ONNX model or one clear error, and values of any type hold
// no more than their bytes do.
#include "Onnx/Read.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace varve;

/// A file of this process: models are files, with others beside them.
static const std::string &modelPath() {
  static const std::string path = [] {
    auto folder = std::filesystem::temp_directory_path() /
                  ("onnx-fuzz-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    return (folder / "model.onnx").string();
  }();
  return path;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  onnx::TypeInfo type;
  for (auto kind :
       {onnx::TypeInfo::Kind::Tensor, onnx::TypeInfo::Kind::Sequence,
        onnx::TypeInfo::Kind::Optional}) {
    type.kind = kind;
    auto value = onnx::parseValue(bytes, type, "fuzz");
    // An element of two bits in a file is a byte in memory, and a number of
    // one byte in a list of a message is eight at most.
    if (value ? value->tensor.value.data.size() > 8 * size
              : value.error().message.empty())
      std::abort();
  }

  std::ofstream(modelPath(), std::ios::binary) << bytes;
  auto model = onnx::readModel(modelPath());
  if (!model && model.error().message.empty())
    std::abort();
  return 0;
}
