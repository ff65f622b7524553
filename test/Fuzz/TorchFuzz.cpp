// Any bytes are a weight file of PyTorch, in either format, or one clear error.
#include "Support/Torch.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  (void)isTorch(bytes);
  (void)parseTorch(bytes, "fuzz");
  return 0;
}
