// Any bytes are an .npy file or one clear error.
#include "Support/Npy.h"
#include <cstdlib>

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto tensor = parseNpy({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (tensor && tensor->data.size() > size)
    std::abort();
  return 0;
}
