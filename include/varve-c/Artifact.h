/* The binary interface of a compiled program.
 *
 * An artifact is an ELF shared object that exports one symbol,
 * `varve_artifact_v1`, a constant `struct varve_artifact`. Just-in-time, cached
 * and ahead-of-time artifacts are the same bytes. C11, no other header needed.
 */
#ifndef VARVE_C_ARTIFACT_H
#define VARVE_C_ARTIFACT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_ARTIFACT_MAGIC 0x3145565241564c44ll
#define VARVE_ABI_VERSION 2
/* Alignment in bytes of every state, argument, result and arena buffer. */
#define VARVE_ALIGNMENT 64

enum varve_dtype {
  VARVE_F16 = 0, VARVE_BF16 = 1, VARVE_F32 = 2, VARVE_F64 = 3,
  VARVE_I8 = 4, VARVE_I16 = 5, VARVE_I32 = 6, VARVE_I64 = 7,
  VARVE_U8 = 8, VARVE_U16 = 9, VARVE_U32 = 10, VARVE_U64 = 11,
  VARVE_BOOL = 12,
};

/* What a state variable is for. */
enum varve_role {
  VARVE_PARAM = 0,   /* learned; stored in weight files */
  VARVE_SLOT = 1,    /* of the optimizer; starts at zero; in checkpoints */
  VARVE_RUNNING = 2, /* e.g. batch norm's statistics; stored with weights */
  VARVE_COUNTER = 3, /* i64 scalars such as `step`; in checkpoints */
  VARVE_AVERAGE = 4, /* a moving average of a parameter; in checkpoints */
  VARVE_CACHE = 5,   /* of one sequence, such as attention's keys; in no file */
};

/* How a state variable starts. Draws depend on (seed, key) alone. */
enum varve_init {
  VARVE_INIT_CONSTANT = 0,         /* a: value */
  VARVE_INIT_UNIFORM = 1,          /* a: low, b: high */
  VARVE_INIT_NORMAL = 2,           /* a: mean, b: standard deviation */
  VARVE_INIT_TRUNCATED_NORMAL = 3, /* b: standard deviation, cut at 2 b */
  VARVE_INIT_ORTHOGONAL = 4,       /* a: gain */
  VARVE_INIT_COPY = 5,             /* of the variable named `of` */
};

/* Where the bytes of a function's argument or result come from. */
enum varve_argument {
  VARVE_ARG_FIELD = 0,   /* a whole field of the data set as stored, in memory:
                            shape[0] is -1, the number of samples */
  VARVE_ARG_INDICES = 1, /* i64[batch]: which samples make the batch */
  VARVE_ARG_INPUT = 2,   /* a model input */
  VARVE_ARG_HYPER = 3,   /* f32[]: a hyperparameter, e.g. "optimizer.lr" */
  VARVE_ARG_SEED = 4,    /* i64[] */
  VARVE_ARG_EPOCH = 5,   /* i64[]: epochs done so far */
  VARVE_ARG_EPOCHS = 6,  /* i64[]: epochs in all */
  VARVE_ARG_STEPS = 7,   /* i64[]: steps in all */
  VARVE_ARG_OUTPUT = 8,  /* result: a model output or `output` of `infer` */
  VARVE_ARG_LOSS = 9,    /* result: f32[], the sum of the losses */
  VARVE_ARG_LOSS_PART = 10, /* result: f32[], one named loss */
  VARVE_ARG_METRIC = 11,    /* result: f32[], a mean over the batch */
  VARVE_ARG_FINITE = 12,    /* result: bool[], the loss is finite */
  VARVE_ARG_CHECK = 13,     /* result: bool[], what the name says holds */
  VARVE_ARG_COTANGENT = 14, /* of `gradients`: the weights of an output */
};

/* The team of threads that runs one call. The caller owns it; compiled code
 * only calls `barrier`, which all threads of the call reach in the same order.
 */
typedef struct varve_team {
  void (*barrier)(struct varve_team *team);
} varve_team;

/* A compiled function. Each thread of the team runs the whole function with
 * its own `thread` in [0, threads); kernels slice by it.
 *   state[i]: the buffer of states[i] in its layout, updated in place
 *   args[i]:  inputs, then results, contiguous row-major
 *   arena:    arena_bytes of scratch, contents undefined
 * Buffers are aligned to VARVE_ALIGNMENT and do not overlap. Allocates nothing;
 * cannot fail; safe to call from several teams on disjoint state.
 */
typedef void (*varve_run)(void *const *state, void *const *args, char *arena,
                          varve_team *team, int64_t thread, int64_t threads);

/* Every field is 8 bytes wide, so that the layout is the same everywhere. */
struct varve_tensor_desc {
  const char *name;
  int64_t kind; /* enum varve_argument */
  int64_t dtype;
  int64_t rank;
  const int64_t *shape;
  double default_value; /* of hyperparameters */
};

struct varve_state_desc {
  const char *name; /* "hidden.weight"; a slot is "hidden.weight:m" */
  const char *of;   /* the parameter of a slot or average, else "" */
  int64_t role;
  int64_t dtype;
  int64_t rank;
  const int64_t *shape; /* canonical */
  /* The layout in memory: physical axis i is canonical axis perm[i]. If panel
   * is not 0, the last physical axis is cut in panels of that many elements
   * (the last one padded with zeros) and the panel's number becomes the first
   * axis: [ceil(D / panel)][other axes][panel]. */
  const int64_t *perm;
  int64_t panel;
  int64_t bytes; /* of the physical buffer */
  int64_t init;  /* enum varve_init */
  double a, b;
  /* NULL, or the part that functions work on: an offset for each axis, then a
   * size for each. perm and panel are of that part; the elements outside it lie
   * behind it in memory, in canonical order, and no function touches them. */
  const int64_t *window;
};

struct varve_function_desc {
  const char *name; /* "train_step", "eval_step", "infer", ... */
  int64_t batch;    /* samples in a call */
  varve_run run;
  int64_t arena_bytes;
  int64_t flops; /* of one call, 2 for a multiply and add */
  int64_t inputs, results;
  const struct varve_tensor_desc *args; /* inputs, then results */
};

struct varve_artifact {
  int64_t magic;
  int64_t abi_version;
  const char *name;     /* of the model */
  const char *digest;   /* of the program: equal digests share checkpoints */
  const char *compiler; /* the compiler's version */
  const char *cpu;      /* required CPU: "x86-64-v3", "x86-64-v4", "neon" */
  const char *manifest; /* JSON: data set, batch, epochs, metrics ... */
  int64_t states;
  const struct varve_state_desc *state;
  int64_t functions;
  const struct varve_function_desc *function;
};

/* An artifact that was compiled for profiling also exports `varve_profile_v1`,
 * a `struct varve_profile`: thread 0 counts the time of each of its calls, so
 * that one session may run at a time. Ticks are those of the CPU's counter,
 * which runs at a constant rate. */
struct varve_profile_row {
  const char *function; /* "train_step" */
  const char *kernel;   /* "hidden"; "barrier": waiting for other threads */
  int64_t flops, bytes; /* of one call, as far as they are known */
  int64_t calls, ticks;
};

struct varve_profile {
  int64_t rows;
  struct varve_profile_row *row;
};

#ifdef __cplusplus
}
#endif
#endif
