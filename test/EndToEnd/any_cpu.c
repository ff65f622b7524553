/* Some steps of whatever artifact is linked in, on data that depend on nothing
 * but their place, and a hash of every result and every state after each: what
 * must be the same on any processor. */
#include "varve-c/Runtime.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct varve_artifact varve_artifact_v1;

enum { samples = 64, steps = 5 };

static uint64_t hash(const void *bytes, size_t size) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; ++i)
    h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
  return h;
}

static size_t elements(const struct varve_tensor_desc *d) {
  size_t n = 1;
  for (int64_t i = 0; i < d->rank; ++i)
    n *= d->shape[i] < 0 ? samples : (size_t)d->shape[i];
  return n;
}

static void fill(const struct varve_tensor_desc *d, void *to, uint64_t draw) {
  for (size_t e = 0; e < elements(d); ++e) {
    draw = draw * 6364136223846793005u + 1442695040888963407u;
    uint32_t bits = (uint32_t)(draw >> 40);
    float f = (float)bits * 0x1p-23f - 1;
    int64_t i = d->kind == VARVE_ARG_INDICES ? bits % samples
                : d->kind == VARVE_ARG_FIELD ? bits % (d->rank > 1 ? 256 : 10)
                                             : 1;
    if (d->kind == VARVE_ARG_HYPER)
      f = (float)d->default_value;
    if (d->dtype == VARVE_F32)
      ((float *)to)[e] = f;
    else
      memcpy((char *)to + e * varve_dtype_bytes(d->dtype), &i,
             varve_dtype_bytes(d->dtype)); /* little-endian */
  }
}

int main(void) {
  varve_error error;
  const struct varve_artifact *a = &varve_artifact_v1;
  varve_session *session = varve_session_create(a, NULL, &error);
  varve_team *team = varve_team_create(2, &error);
  if (!session || !team || !varve_session_attach(session, a, &error) ||
      !varve_session_initialize(session, 1, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const struct varve_function_desc *f = &a->function[0];
  int64_t n = f->inputs + f->results;
  void **args = calloc((size_t)n, sizeof *args);
  for (int64_t i = 0; i < n; ++i) {
    size_t bytes = elements(&f->args[i]) * varve_dtype_bytes(f->args[i].dtype);
    args[i] = aligned_alloc(VARVE_ALIGNMENT, (bytes + 64) / 64 * 64);
  }
  for (int step = 0; step < steps; ++step) {
    for (int64_t i = 0; i < f->inputs; ++i)
      fill(&f->args[i], args[i],
           (uint64_t)i + (f->args[i].kind == VARVE_ARG_FIELD ? 0 : 100u * step));
    varve_session_call(session, f, args, team);
    for (int64_t i = f->inputs; i < n; ++i) {
      const struct varve_tensor_desc *d = &f->args[i];
      if (d->kind == VARVE_ARG_LOSS && !isfinite(*(float *)args[i])) {
        fprintf(stderr, "step %d: the loss is not finite\n", step);
        return 1;
      }
      printf("%d %s %016" PRIx64 "\n", step, d->name,
             hash(args[i], elements(d) * varve_dtype_bytes(d->dtype)));
    }
    for (int64_t i = 0; i < a->states; ++i) {
      const struct varve_state_desc *s = &a->state[i];
      size_t bytes = (size_t)varve_state_elements(s) * varve_dtype_bytes(s->dtype);
      void *canonical = calloc(bytes + 1, 1);
      varve_session_export(session, i, canonical);
      printf("%d %s %016" PRIx64 "\n", step, s->name, hash(canonical, bytes));
      free(canonical);
    }
  }
  return 0;
}
