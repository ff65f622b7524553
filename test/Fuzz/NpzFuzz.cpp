// Any bytes are an .npz file, stored or deflated, or one clear error.
#include "Support/Npy.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)parseNpz({reinterpret_cast<const char *>(data), size}, "fuzz");
  return 0;
}
