// Any bytes are an IDX file, plain or gzip, or one clear error.
#include "Data/Idx.h"
#include <cstdlib>

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto tensor = parseIdx({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (tensor && tensor->data.size() != static_cast<size_t>(tensor->elements()) *
                                           byteSize(tensor->type))
    std::abort();
  return 0;
}
