/* A compiled model as a library of its own: what an ahead-of-time library
 * exports, under the model's name (`mnist_mlp_create` is
 * varve_library_create). The generated header says what each function does;
 * its declarations and these must agree.
 *
 * The library's object defines varve_artifact_v1 and the weights that
 * were compiled in, if any.
 */
#ifndef VARVE_RUNTIME_LIBRARY_H
#define VARVE_RUNTIME_LIBRARY_H

#include "varve-c/Runtime.h"

typedef struct varve_library varve_library;

varve_library *varve_library_create(int64_t threads, char *error,
                                    size_t error_bytes);
void varve_library_destroy(varve_library *library);
const char *varve_library_error(const varve_library *library);
int varve_library_initialize(varve_library *library, uint64_t seed);
int varve_library_load(varve_library *library, const char *path);
int varve_library_save(varve_library *library, const char *path, int all);
int64_t varve_library_find(const varve_library *library, const char *name);
int varve_library_get(varve_library *library, int64_t state, void *values,
                      size_t bytes);
int varve_library_set(varve_library *library, int64_t state, const void *values,
                      size_t bytes);
void varve_library_call(varve_library *library, int64_t function,
                        void *const *args);

/* ---- Weight files (safetensors) ---- */

/* Loads the parameters and running statistics, which must all be there with
 * the right type and shape, and whatever else of the state is there. What a
 * failure leaves is the state as it was. */
int varve_weights_parse(varve_session *session,
                        const struct varve_artifact *artifact,
                        const char *bytes, size_t size, varve_error *error);
int varve_weights_load(varve_session *session,
                       const struct varve_artifact *artifact, const char *path,
                       varve_error *error);

/* Writes parameters and running statistics, or with `all` the whole state; the
 * file appears whole or not at all. */
int varve_weights_save(varve_session *session,
                       const struct varve_artifact *artifact, const char *path,
                       int all, varve_error *error);

#endif
