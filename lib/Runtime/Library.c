/* A compiled model as a library of its own. */
#include "Library.h"
#include "Internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct varve_artifact varve_artifact_v1;
extern const char varve_weights[];
extern const int64_t varve_weights_size;

struct varve_library {
  varve_session *session;
  varve_team *team;
  varve_error error;
};

varve_library *varve_library_create(int64_t threads, char *error,
                                    size_t error_bytes) {
  varve_error text = {""};
  varve_library *library = calloc(1, sizeof(*library));
  int fine = library || varve_fail(&text, "out of memory");
  if (fine) {
    library->session = varve_session_create(&varve_artifact_v1, NULL, &text);
    fine = library->session != NULL;
  }
  if (fine) {
    library->team =
        varve_team_create(threads > 0 ? threads : varve_cpu_count(), &text);
    fine = library->team != NULL;
  }
  fine =
      fine && varve_session_initialize(library->session, 0, &text) &&
      (varve_weights_size == 0 ||
       varve_weights_parse(library->session, &varve_artifact_v1, varve_weights,
                           (size_t)varve_weights_size, &text));
  if (fine)
    return library;
  if (error && error_bytes)
    snprintf(error, error_bytes, "%s", text.message);
  varve_library_destroy(library);
  return NULL;
}

void varve_library_destroy(varve_library *library) {
  if (!library)
    return;
  varve_team_destroy(library->team);
  varve_session_destroy(library->session);
  free(library);
}

const char *varve_library_error(const varve_library *library) {
  return library->error.message;
}

int varve_library_initialize(varve_library *library, uint64_t seed) {
  return varve_session_initialize(library->session, seed, &library->error) ? 0
                                                                           : -1;
}

int varve_library_load(varve_library *library, const char *path) {
  return varve_weights_load(library->session, &varve_artifact_v1, path,
                            &library->error)
             ? 0
             : -1;
}

int varve_library_save(varve_library *library, const char *path, int all) {
  return varve_weights_save(library->session, &varve_artifact_v1, path, all,
                            &library->error)
             ? 0
             : -1;
}

int64_t varve_library_find(const varve_library *library, const char *name) {
  return varve_session_find(library->session, name);
}

/* Whether `bytes` is what the state variable takes in canonical order. */
static int check_size(varve_library *library, int64_t state, size_t bytes) {
  if (state < 0 || state >= varve_artifact_v1.states)
    return varve_fail(&library->error, "no state number %lld",
                      (long long)state);
  const struct varve_state_desc *desc = &varve_artifact_v1.state[state];
  size_t wanted =
      (size_t)varve_state_elements(desc) * varve_dtype_bytes(desc->dtype);
  if (bytes != wanted)
    return varve_fail(&library->error, "'%s' has %zu bytes, not %zu",
                      desc->name, wanted, bytes);
  return 1;
}

int varve_library_get(varve_library *library, int64_t state, void *values,
                      size_t bytes) {
  if (!check_size(library, state, bytes))
    return -1;
  varve_session_export(library->session, state, values);
  return 0;
}

int varve_library_set(varve_library *library, int64_t state, const void *values,
                      size_t bytes) {
  if (!check_size(library, state, bytes))
    return -1;
  varve_session_import(library->session, state, values);
  return 0;
}

void varve_library_call(varve_library *library, int64_t function,
                        void *const *args) {
  varve_session_call(library->session, &varve_artifact_v1.function[function],
                     args, library->team);
}
