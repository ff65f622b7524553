// Any bytes are a tar file, plain or gzip, or one clear error.
#include "Support/Tar.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  TarReader reader({reinterpret_cast<const char *>(data), size});
  for (int i = 0; i < 1000; ++i) {
    auto entry = reader.next();
    if (!entry || !*entry)
      break;
  }
  return 0;
}
