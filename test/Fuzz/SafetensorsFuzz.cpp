// Any bytes are a safetensors file or one clear error, and no tensor holds more
// than the file does.
#include "Support/Safetensors.h"
#include <cstdlib>

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file =
      parseSafetensors({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!file)
    return 0;
  uint64_t bytes = 0;
  for (const auto &[name, tensor] : file->tensors) {
    if (tensor.data.size() !=
        static_cast<size_t>(tensor.elements()) * byteSize(tensor.type))
      std::abort();
    bytes += tensor.data.size();
  }
  if (bytes > size)
    std::abort();
  return 0;
}
