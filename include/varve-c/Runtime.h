/* Loads and runs compiled programs: a team of threads, the buffers of a
 * session, the conversion of state between files and memory, its first values.
 *
 * C11, libc and pthread only. An ahead-of-time library carries these functions.
 * Nothing here is global: any number of teams and sessions live side by side,
 * each used by one thread at a time. Functions that can fail return 0 or NULL
 * and fill `error`, which may be NULL.
 */
#ifndef VARVE_C_RUNTIME_H
#define VARVE_C_RUNTIME_H

#include "varve-c/Artifact.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One line of text: what is wrong, with the values. */
typedef struct varve_error {
  char message[512];
} varve_error;

/* Where memory comes from. `allocate` returns NULL where there is none left.
 * The alignment is a power of two. `release` gets the pointer and size of
 * an earlier `allocate`. A NULL allocator stands for the C library's. */
typedef struct varve_allocator {
  void *(*allocate)(void *context, size_t bytes, size_t alignment);
  void (*release)(void *context, void *pointer, size_t bytes);
  void *context;
} varve_allocator;

/* ---- Threads ---------------------------------------------------------- */

/* What each thread of a team runs. */
typedef void (*varve_job)(void *context, varve_team *team, int64_t thread,
                          int64_t threads);

/* The largest team. */
#define VARVE_MAX_THREADS 1024

/* Starts a team of `threads` threads, the caller of varve_team_run being
 * thread 0. Workers sleep between runs. Fails on a number outside
 * [1, VARVE_MAX_THREADS] or where no thread can be started. */
varve_team *varve_team_create(int64_t threads, varve_error *error);

/* Ends the threads. No run may be under way. NULL is fine. */
void varve_team_destroy(varve_team *team);

int64_t varve_team_threads(const varve_team *team);

/* Runs the job on all threads and returns when all are done. Each thread has
 * rounding to nearest and subnormals on; the caller's modes are restored. */
void varve_team_run(varve_team *team, varve_job job, void *context);

/* How many CPUs this process may run on. */
int64_t varve_cpu_count(void);

/* ---- Artifacts -------------------------------------------------------- */

/* Whether this machine and runtime can run the artifact. */
int varve_artifact_check(const struct varve_artifact *artifact,
                         varve_error *error);

/* Loads a shared object and checks it. The artifact lives until varve_close
 * of *handle. */
const struct varve_artifact *varve_open(const char *path, void **handle,
                                        varve_error *error);
void varve_close(void *handle);

/* Whether this CPU is one of "x86-64-v3", "x86-64-v4", "neon". */
int varve_cpu_supports(const char *cpu);

/* ---- Sessions --------------------------------------------------------- */

/* The state of one running program: a buffer for each state variable and one
 * arena. */
typedef struct varve_session varve_session;

/* Allocates the state, all zero. The artifact outlives the session. Fails
 * where the state table is malformed or memory is short. */
varve_session *varve_session_create(const struct varve_artifact *artifact,
                                    const varve_allocator *allocator,
                                    varve_error *error);
void varve_session_destroy(varve_session *session);

/* Makes the functions of another artifact of the same program callable on this
 * session. Fails where the digest or the state table differs. */
int varve_session_attach(varve_session *session,
                         const struct varve_artifact *artifact,
                         varve_error *error);

/* The number of a state variable, or -1. */
int64_t varve_session_find(const varve_session *session, const char *name);

/* The buffer of a state variable, in its physical layout. */
void *varve_session_state(const varve_session *session, int64_t index);

/* Runs a function of an attached artifact. args[i] holds a buffer for
 * function->args[i], aligned to VARVE_ALIGNMENT; no two overlap. */
void varve_session_call(varve_session *session,
                        const struct varve_function_desc *function,
                        void *const *args, varve_team *team);

/* Copies one state variable to or from canonical row-major order. */
void varve_session_export(const varve_session *session, int64_t index,
                          void *canonical);
void varve_session_import(varve_session *session, int64_t index,
                          const void *canonical);

/* Gives every state variable its first value; draws depend on (seed, name)
 * alone. Fails where an init makes no sense for its type or memory is short. */
int varve_session_initialize(varve_session *session, uint64_t seed,
                             varve_error *error);

/* Only the variables that begin as a copy of another: after weights have been
 * imported from a file. */
int varve_session_initialize_copies(varve_session *session, varve_error *error);

/* The function of that name and batch, or NULL; batch 0 takes the first of
 * that name. */
const struct varve_function_desc *
varve_find_function(const struct varve_artifact *artifact, const char *name,
                    int64_t batch);

/* ---- The order of samples --------------------------------------------- */

/* The stream of permutations that epochs of training use. */
#define VARVE_EPOCH_ORDER 0x6f726472u

/* Fills order[0 .. samples) with the permutation that belongs to (seed, epoch,
 * stream); all are equally likely. An epoch is order[0 .. batch), then
 * order[batch .. 2 batch), and so on; a last part is a batch of its own. */
void varve_shuffle(uint64_t seed, uint64_t epoch, uint32_t stream,
                   int64_t samples, int64_t *order);

/* ---- Layouts and first values, without a session ---------------------- */

/* The most dimensions of a state variable. */
#define VARVE_MAX_RANK 16

/* Bytes of an element, or 0 for what is no enum varve_dtype. */
size_t varve_dtype_bytes(int64_t dtype);

/* Elements of a state variable. */
int64_t varve_state_elements(const struct varve_state_desc *state);

/* Those that functions see: all, or the elements of its window. */
int64_t varve_state_used_elements(const struct varve_state_desc *state);

/* Whether shape, layout and bytes of a state variable fit together. */
int varve_state_check(const struct varve_state_desc *state, varve_error *error);

/* Between the physical layout and canonical row-major order. Padding of the
 * physical buffer is set to zero. */
void varve_state_export(const struct varve_state_desc *state,
                        const void *physical, void *canonical);
void varve_state_import(const struct varve_state_desc *state,
                        const void *canonical, void *physical);

/* The first value of a state variable in canonical order; `key` is hashed
 * (FNV-1a, 64 bits). VARVE_INIT_COPY is refused. */
int varve_state_initialize(const struct varve_state_desc *state, uint64_t seed,
                           const char *key, void *canonical,
                           varve_error *error);

/* Philox4x32-10 (Salmon et al. 2011), the source of all draws. */
void varve_philox(const uint32_t counter[4], const uint32_t key[2],
                  uint32_t result[4]);

/* FNV-1a, 64 bits. */
uint64_t varve_hash(const char *text);

#ifdef __cplusplus
}
#endif
#endif
