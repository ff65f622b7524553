/* The buffers of one running program, and calls on them. */
#include "Internal.h"
#include <stdlib.h>
#include <string.h>

struct varve_session {
  const struct varve_artifact *artifact; /* whose state table it is */
  varve_allocator allocator;
  void **state;
  char *arena;
  int64_t arena_bytes;
};

static void *allocate_aligned(void *context, size_t bytes, size_t alignment) {
  (void)context;
  return aligned_alloc(alignment, bytes);
}

static void release_aligned(void *context, void *pointer, size_t bytes) {
  (void)context;
  (void)bytes;
  free(pointer);
}

/* Never of size 0, and in whole alignments as aligned_alloc wants it. */
static size_t buffer_size(int64_t bytes) {
  size_t size = bytes > 0 ? (size_t)bytes : 1;
  return (size + VARVE_ALIGNMENT - 1) / VARVE_ALIGNMENT * VARVE_ALIGNMENT;
}

static void *get(varve_session *session, int64_t bytes) {
  return session->allocator.allocate(session->allocator.context,
                                     buffer_size(bytes), VARVE_ALIGNMENT);
}

static void put(varve_session *session, void *pointer, int64_t bytes) {
  if (pointer)
    session->allocator.release(session->allocator.context, pointer,
                               buffer_size(bytes));
}

static int same_text(const char *a, const char *b) {
  return !strcmp(a ? a : "", b ? b : "");
}

static int same_state(const struct varve_state_desc *a,
                      const struct varve_state_desc *b) {
  size_t shape = (size_t)a->rank * sizeof(int64_t);
  return same_text(a->name, b->name) && a->dtype == b->dtype &&
         a->role == b->role && a->rank == b->rank && a->panel == b->panel &&
         a->bytes == b->bytes && !a->window == !b->window &&
         (!a->window || !memcmp(a->window, b->window, 2 * shape)) &&
         (shape == 0 || (!memcmp(a->shape, b->shape, shape) &&
                         !memcmp(a->perm, b->perm, shape)));
}

int varve_session_attach(varve_session *session,
                         const struct varve_artifact *artifact,
                         varve_error *error) {
  const struct varve_artifact *own = session->artifact;
  int64_t arena = session->arena_bytes;
  if (!varve_artifact_check(artifact, error))
    return 0;
  if (!same_text(own->digest, artifact->digest))
    return varve_fail(error, "artifacts of different programs: '%s' and '%s'",
                      own->name, artifact->name);
  if (own->states != artifact->states)
    return varve_fail(error,
                      "artifacts of '%s' have %lld and %lld state "
                      "variables",
                      own->name, (long long)own->states,
                      (long long)artifact->states);
  for (int64_t i = 0; i < own->states; i++)
    if (!same_state(&own->state[i], &artifact->state[i]))
      return varve_fail(error, "artifacts of '%s' differ in state '%s'",
                        own->name, own->state[i].name);
  for (int64_t i = 0; i < artifact->functions; i++)
    if (artifact->function[i].arena_bytes > arena)
      arena = artifact->function[i].arena_bytes;
  if (arena == session->arena_bytes && session->arena)
    return 1;
  char *larger = get(session, arena);
  if (!larger)
    return varve_fail(error, "out of memory: %lld bytes of scratch",
                      (long long)arena);
  put(session, session->arena, session->arena_bytes);
  session->arena = larger;
  session->arena_bytes = arena;
  return 1;
}

static int allocate_state(varve_session *session, varve_error *error) {
  const struct varve_artifact *artifact = session->artifact;
  for (int64_t i = 0; i < artifact->states; i++) {
    const struct varve_state_desc *state = &artifact->state[i];
    if (!varve_state_check(state, error))
      return 0;
    session->state[i] = get(session, state->bytes);
    if (!session->state[i])
      return varve_fail(error, "out of memory: %lld bytes for '%s'",
                        (long long)state->bytes, state->name);
    memset(session->state[i], 0, (size_t)state->bytes);
  }
  return 1;
}

varve_session *varve_session_create(const struct varve_artifact *artifact,
                                    const varve_allocator *allocator,
                                    varve_error *error) {
  static const varve_allocator standard = {allocate_aligned, release_aligned,
                                           NULL};
  if (!varve_artifact_check(artifact, error))
    return NULL;
  varve_session *session = calloc(1, sizeof(*session));
  void **state = calloc((size_t)artifact->states + 1, sizeof(*state));
  if (!session || !state) {
    free(session);
    free(state);
    varve_fail(error, "out of memory");
    return NULL;
  }
  session->artifact = artifact;
  session->allocator = allocator ? *allocator : standard;
  session->state = state;
  if (!allocate_state(session, error) ||
      !varve_session_attach(session, artifact, error)) {
    varve_session_destroy(session);
    return NULL;
  }
  return session;
}

void varve_session_destroy(varve_session *session) {
  if (!session)
    return;
  for (int64_t i = 0; i < session->artifact->states; i++)
    put(session, session->state[i], session->artifact->state[i].bytes);
  put(session, session->arena, session->arena_bytes);
  free(session->state);
  free(session);
}

int64_t varve_session_find(const varve_session *session, const char *name) {
  for (int64_t i = 0; i < session->artifact->states; i++)
    if (same_text(session->artifact->state[i].name, name))
      return i;
  return -1;
}

void *varve_session_state(const varve_session *session, int64_t index) {
  return session->state[index];
}

const struct varve_function_desc *
varve_find_function(const struct varve_artifact *artifact, const char *name,
                    int64_t batch) {
  for (int64_t i = 0; i < artifact->functions; i++)
    if (same_text(artifact->function[i].name, name) &&
        (batch == 0 || artifact->function[i].batch == batch))
      return &artifact->function[i];
  return NULL;
}

struct call {
  varve_run run;
  void *const *state, *const *args;
  char *arena;
};

static void run_call(void *context, varve_team *team, int64_t thread,
                     int64_t threads) {
  const struct call *call = context;
  call->run(call->state, call->args, call->arena, team, thread, threads);
}

void varve_session_call(varve_session *session,
                        const struct varve_function_desc *function,
                        void *const *args, varve_team *team) {
  struct call call = {function->run, session->state, args, session->arena};
  varve_team_run(team, run_call, &call);
}

void varve_session_export(const varve_session *session, int64_t index,
                          void *canonical) {
  varve_state_export(&session->artifact->state[index], session->state[index],
                     canonical);
}

void varve_session_import(varve_session *session, int64_t index,
                          const void *canonical) {
  varve_state_import(&session->artifact->state[index], canonical,
                     session->state[index]);
}

/* The bytes of a variable in canonical order. */
static size_t canonical_bytes(const struct varve_state_desc *state) {
  return (size_t)varve_state_elements(state) * varve_dtype_bytes(state->dtype);
}

static int initialize_copy(varve_session *session, int64_t index,
                           varve_error *error) {
  const struct varve_state_desc *state = &session->artifact->state[index];
  int64_t source = varve_session_find(session, state->of ? state->of : "");
  if (source < 0)
    return varve_fail(error,
                      "state '%s' begins as a copy of '%s', which is "
                      "not there",
                      state->name, state->of ? state->of : "");
  const struct varve_state_desc *from = &session->artifact->state[source];
  if (from->init == VARVE_INIT_COPY || from->dtype != state->dtype ||
      from->rank != state->rank ||
      memcmp(from->shape, state->shape, (size_t)state->rank * sizeof(int64_t)))
    return varve_fail(error, "state '%s' cannot begin as a copy of '%s'",
                      state->name, from->name);
  int64_t bytes = (int64_t)canonical_bytes(state);
  void *scratch = get(session, bytes);
  if (!scratch)
    return varve_fail(error, "out of memory: %lld bytes", (long long)bytes);
  varve_session_export(session, source, scratch);
  varve_session_import(session, index, scratch);
  put(session, scratch, bytes);
  return 1;
}

int varve_session_initialize_copies(varve_session *session,
                                    varve_error *error) {
  for (int64_t i = 0; i < session->artifact->states; i++)
    if (session->artifact->state[i].init == VARVE_INIT_COPY &&
        !initialize_copy(session, i, error))
      return 0;
  return 1;
}

int varve_session_initialize(varve_session *session, uint64_t seed,
                             varve_error *error) {
  for (int64_t i = 0; i < session->artifact->states; i++) {
    const struct varve_state_desc *state = &session->artifact->state[i];
    if (state->init == VARVE_INIT_COPY)
      continue;
    int64_t bytes = (int64_t)canonical_bytes(state);
    void *scratch = get(session, bytes);
    if (!scratch)
      return varve_fail(error, "out of memory: %lld bytes", (long long)bytes);
    int fine = varve_state_initialize(state, seed, state->name, scratch, error);
    if (fine)
      varve_session_import(session, i, scratch);
    put(session, scratch, bytes);
    if (!fine)
      return 0;
  }
  return varve_session_initialize_copies(session, error);
}
