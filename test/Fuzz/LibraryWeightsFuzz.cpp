// The weight reader of ahead-of-time libraries, in C: any bytes are weights of
// the model or one clear error, and a failure leaves the state as it was.
extern "C" {
#include "Runtime/Library.h"
}
#include <cstdlib>
#include <cstring>

static const int64_t shape[] = {2, 2}, perm[] = {1, 0};
static const varve_state_desc states[] = {
    {"layer.weight", "", VARVE_PARAM, VARVE_F32, 2, shape, perm, 0, 16,
     VARVE_INIT_CONSTANT, 3, 0, nullptr},
    {"layer.weight:m", "layer.weight", VARVE_SLOT, VARVE_F64, 1, shape,
     perm + 1, 0, 16, VARVE_INIT_CONSTANT, 0, 0, nullptr},
    {"average", "layer.weight", VARVE_AVERAGE, VARVE_F32, 2, shape, perm, 0, 16,
     VARVE_INIT_COPY, 0, 0, nullptr},
};
static const varve_artifact artifact = {VARVE_ARTIFACT_MAGIC,
                                        VARVE_ABI_VERSION,
                                        "fuzz",
                                        "digest",
                                        "",
                                        "x86-64-v3",
                                        "{}",
                                        3,
                                        states,
                                        0,
                                        nullptr};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static varve_session *session = [] {
    varve_error error;
    varve_session *s = varve_session_create(&artifact, nullptr, &error);
    if (!s)
      std::abort();
    return s;
  }();
  varve_error error = {""};
  if (!varve_session_initialize(session, 0, &error))
    std::abort();
  bool fine = varve_weights_parse(
      session, &artifact, reinterpret_cast<const char *>(data), size, &error);
  float weight[4], average[4];
  varve_session_export(session, 0, weight);
  varve_session_export(session, 2, average);
  if (!fine)
    for (float w : weight)
      if (w != 3 || !*error.message)
        std::abort();
  return 0;
}
