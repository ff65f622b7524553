/* A persistent team of threads for compiled programs, which run as one
 * parallel region a call with barriers inside (SPMD).
 *
 * Every wait is one primitive, the gate: a word that changes when what is
 * waited for has happened. Who waits spins first, since a barrier takes some
 * 100 ns; then gives its core away; then sleeps in the kernel. Where there are
 * more threads than cores, spinning would only keep the thread that is waited
 * for from running, so it sleeps almost at once.
 *
 * No thread ever takes another's slice: slices contain barriers, and a thread
 * inside one slice cannot reach the barriers of two.
 */
#define _GNU_SOURCE
#include "Internal.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* Two cache lines: the prefetcher of x86 fetches lines in pairs. */
#define LINE 128

/* ---- Floating-point modes ---- */

#if defined(__x86_64__)
typedef unsigned int modes;
/* Round to nearest, subnormals on, exceptions masked. */
static modes set_modes(void) {
  modes old = _mm_getcsr();
  _mm_setcsr(0x1f80);
  return old;
}
static void restore_modes(modes old) { _mm_setcsr(old); }
static inline void pause_cpu(void) { _mm_pause(); }
#elif defined(__aarch64__)
typedef uint64_t modes;
static modes set_modes(void) {
  modes old, none = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(old));
  __asm__ volatile("msr fpcr, %0" : : "r"(none));
  return old;
}
static void restore_modes(modes old) {
  __asm__ volatile("msr fpcr, %0" : : "r"(old));
}
static inline void pause_cpu(void) { __asm__ volatile("yield"); }
#else
typedef int modes;
static modes set_modes(void) { return 0; }
static void restore_modes(modes old) { (void)old; }
static inline void pause_cpu(void) {}
#endif

/* ---- Gates ---- */

struct gate {
  _Alignas(LINE) atomic_uint word;
  _Alignas(LINE) atomic_uint sleepers;
};

/* How long to wait in which way. */
struct patience {
  int spins;  /* pauses before the core is given away */
  int yields; /* times it is given away before sleep */
};

static void gate_open(struct gate *gate, unsigned value) {
  /* Sequentially consistent against the sleeper's "announce, then look". */
  atomic_store(&gate->word, value);
  if (atomic_load(&gate->sleepers))
    syscall(SYS_futex, &gate->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Waits while the word is `old`; returns the new word. */
static unsigned gate_wait(struct gate *gate, unsigned old,
                          struct patience patience) {
  unsigned now;
  for (int i = 0; i < patience.spins; i++) {
    now = atomic_load_explicit(&gate->word, memory_order_acquire);
    if (now != old)
      return now;
    pause_cpu();
  }
  for (int i = 0; i < patience.yields; i++) {
    now = atomic_load_explicit(&gate->word, memory_order_acquire);
    if (now != old)
      return now;
    sched_yield();
  }
  atomic_fetch_add(&gate->sleepers, 1);
  while ((now = atomic_load(&gate->word)) == old)
    syscall(SYS_futex, &gate->word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
  atomic_fetch_sub(&gate->sleepers, 1);
  return now;
}

/* ---- The team ---- */

struct team;

struct worker {
  struct team *team;
  int64_t thread;
  pthread_t handle;
};

struct team {
  varve_team base; /* first: what compiled code sees */
  int64_t threads;
  struct patience inside;  /* a run: for barriers and for its end */
  struct patience between; /* runs */
  struct worker *workers;
  int stop;
  varve_job job;
  void *context;
  struct gate run;                    /* its word counts the runs */
  struct gate turn;                   /* its word counts the barriers passed */
  struct gate done;                   /* its word counts the runs finished */
  _Alignas(LINE) atomic_uint arrived; /* at the barrier */
  _Alignas(LINE) atomic_uint working; /* workers still in this run */
};

static void barrier_alone(varve_team *base) { (void)base; }

static void barrier(varve_team *base) {
  struct team *team = (struct team *)base;
  /* Stable until this thread arrives: the turn needs all threads. */
  unsigned turn = atomic_load_explicit(&team->turn.word, memory_order_relaxed);
  unsigned before =
      atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel);
  if (before + 1 == (unsigned)team->threads) {
    /* Reset first: who passes may arrive at the next barrier at once. */
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    gate_open(&team->turn, turn + 1);
  } else {
    gate_wait(&team->turn, turn, team->inside);
  }
}

static void *work(void *argument) {
  struct worker *worker = argument;
  struct team *team = worker->team;
  set_modes();
  for (unsigned seen = 0;;) {
    seen = gate_wait(&team->run, seen, team->between);
    if (team->stop)
      return NULL;
    team->job(team->context, &team->base, worker->thread, team->threads);
    if (atomic_fetch_sub_explicit(&team->working, 1, memory_order_acq_rel) == 1)
      gate_open(&team->done, seen);
  }
}

int64_t varve_cpu_count(void) {
  /* The kernel refuses a mask shorter than its own. */
  for (size_t cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
      break;
    int failed = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set);
    int too_short = failed && errno == EINVAL;
    int count = failed ? 1 : CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set);
    CPU_FREE(set);
    if (!too_short)
      return count;
  }
  return 1;
}

/* Pauses in 20 microseconds: one takes 10 to 140 cycles, by CPU. The shortest
 * of some measurements, since others may take the core meanwhile. */
static int pauses_in_20us(void) {
  const int count = 64;
  int64_t best = INT64_MAX;
  for (int round = 0; round < 5; round++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < count; i++)
      pause_cpu();
    clock_gettime(CLOCK_MONOTONIC, &to);
    int64_t ns =
        (to.tv_sec - from.tv_sec) * 1000000000ll + to.tv_nsec - from.tv_nsec;
    if (ns < best)
      best = ns;
  }
  return (int)(20000ll * count / (best < 100 ? 100 : best));
}

static void stop_workers(struct team *team, int64_t started) {
  team->stop = 1;
  gate_open(&team->run, atomic_load(&team->run.word) + 1);
  for (int64_t i = 0; i < started; i++)
    pthread_join(team->workers[i].handle, NULL);
}

varve_team *varve_team_create(int64_t threads, varve_error *error) {
  if (threads < 1 || threads > VARVE_MAX_THREADS) {
    varve_fail(error, "a team has 1 to %d threads, not %lld", VARVE_MAX_THREADS,
               (long long)threads);
    return NULL;
  }
  struct team *team = aligned_alloc(LINE, sizeof(struct team));
  struct worker *workers = calloc((size_t)threads, sizeof(*workers));
  if (!team || !workers) {
    free(team);
    free(workers);
    varve_fail(error, "out of memory for a team of threads");
    return NULL;
  }
  memset(team, 0, sizeof(*team));
  team->base.barrier = threads == 1 ? barrier_alone : barrier;
  team->threads = threads;
  team->workers = workers;
  if (threads > 1) {
    if (threads > varve_cpu_count()) {
      team->inside = (struct patience){16, 4};
      team->between = (struct patience){16, 0};
    } else {
      int spins = pauses_in_20us();
      team->inside = (struct patience){spins, 100};
      team->between = (struct patience){spins, 0};
    }
  }
  for (int64_t i = 0; i + 1 < threads; i++) {
    workers[i] = (struct worker){.team = team, .thread = i + 1};
    int failure = pthread_create(&workers[i].handle, NULL, work, &workers[i]);
    if (failure) {
      varve_fail(error, "cannot start thread %lld of %lld: %s",
                 (long long)i + 2, (long long)threads, strerror(failure));
      stop_workers(team, i);
      free(workers);
      free(team);
      return NULL;
    }
  }
  return &team->base;
}

void varve_team_destroy(varve_team *base) {
  if (!base)
    return;
  struct team *team = (struct team *)base;
  stop_workers(team, team->threads - 1);
  free(team->workers);
  free(team);
}

int64_t varve_team_threads(const varve_team *base) {
  return ((const struct team *)base)->threads;
}

void varve_team_run(varve_team *base, varve_job job, void *context) {
  struct team *team = (struct team *)base;
  modes old = set_modes();
  if (team->threads == 1) {
    job(context, base, 0, 1);
    restore_modes(old);
    return;
  }
  unsigned run = atomic_load_explicit(&team->run.word, memory_order_relaxed);
  unsigned done = run; /* all earlier runs are finished */
  team->job = job;
  team->context = context;
  atomic_store_explicit(&team->working, (unsigned)team->threads - 1,
                        memory_order_relaxed);
  gate_open(&team->run, run + 1);
  job(context, base, 0, team->threads);
  gate_wait(&team->done, done, team->inside);
  restore_modes(old);
}
