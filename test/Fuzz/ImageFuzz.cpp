// Any bytes are an image or one clear error.
#include "Data/Image.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  for (int64_t channels : {1, 3})
    (void)decodeImage(bytes, channels);
  return 0;
}
