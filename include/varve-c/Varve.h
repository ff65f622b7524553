/* Trains and runs models from a C program: varve/Compiler.h and varve/Runtime.h
 * in C. Link libVarve.so. C11; no header of MLIR is needed.
 *
 *   model      a text or file that functions are compiled from; many threads
 *              may use it
 *   instance   one network: weights, state of the optimizer, threads. Any
 *              number live side by side, each used by one thread at a time
 *   samples    a data set in memory, shared by instances of a model
 *
 * Functions return an enum varve_status; where it is not VARVE_OK they fill
 * `error`, which may be NULL, and change nothing else. A message that is
 * longer than `error` is cut. Pointers given to a function are used until it
 * returns, but for allocators, which outlive what they are given to. Every
 * struct begins with its `size` (sizeof of it), or has it in its array, and
 * only grows at its end: zero is the default of what a program leaves out.
 */
#ifndef VARVE_C_VARVE_H
#define VARVE_C_VARVE_H

#include "varve-c/Compiler.h"
#include "varve-c/Runtime.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when something below changes its meaning. */
#define VARVE_API_VERSION 1

typedef struct varve_model varve_model;
typedef struct varve_samples varve_samples;
typedef struct varve_instance varve_instance;

/* ---- Versions --------------------------------------------------------- */

struct varve_versions {
  int64_t size;
  int64_t api;         /* VARVE_API_VERSION of the library */
  int64_t artifact;    /* VARVE_ABI_VERSION */
  int64_t compiler;    /* VARVE_COMPILER_API */
  int64_t dialect;     /* VARVE_DIALECT_VERSION */
  const char *library; /* "0.1.0" */
};

/* Fills what is behind `size`. */
void varve_get_versions(struct varve_versions *versions);

/* ---- Models ----------------------------------------------------------- */

struct varve_model_options {
  int64_t size;
  /* The model file; stands in diagnostics. One that ends in ".so" is an
   * artifact already. NULL: "model.varve". */
  const char *path;
  const char *text;       /* the model itself, or NULL: read from `path` */
  const char *const *set; /* "KEY=EXPR" */
  int64_t sets;
  const char *cpu; /* "x86-64-v3", ...; NULL: this machine's */
  const char *const *disabled_pass;
  int64_t disabled_passes;
};

int varve_model_open(const struct varve_model_options *options,
                     varve_model **model, varve_error *error);
/* Instances of the model live on. NULL is fine, as in all that end something.
 */
void varve_model_close(varve_model *model);

/* Writes a shared object (varve-c/Artifact.h) with the function at these batch
 * sizes; 0 is the model's own. */
int varve_model_compile(varve_model *model, const char *function,
                        const int64_t *batch, int64_t batches, const char *path,
                        varve_error *error);

/* ---- Arrays and data sets --------------------------------------------- */

/* An array, row-major, aligned to its elements. 40 bytes for ever. */
typedef struct varve_array {
  const char *name;
  int64_t dtype; /* enum varve_dtype */
  int64_t rank;
  const int64_t *shape;
  const void *data;
} varve_array;

/* Copies arrays, one for each field of a sample, whose first axis counts the
 * samples. Integers are converted and checked, labels against their classes. */
int varve_samples_create(varve_instance *instance, const varve_array *array,
                         int64_t arrays, varve_samples **samples,
                         varve_error *error);

/* Reads files: `data` and `folder` are what `varve train` takes as --data and
 * --data-dir; each may be NULL. `test`: not 0 for the part that tests. */
int varve_samples_load(varve_instance *instance, const char *data,
                       const char *folder, int test, varve_samples **samples,
                       varve_error *error);

int64_t varve_samples_count(const varve_samples *samples);
void varve_samples_destroy(varve_samples *samples);

/* The order in which epoch `epoch` of training sees `count` samples. */
void varve_epoch_order(uint64_t seed, uint64_t epoch, int64_t count,
                       int64_t *order);

/* ---- Instances -------------------------------------------------------- */

struct varve_instance_options {
  int64_t size;
  int64_t threads; /* 0: as many as there are CPUs */
  /* Gives the memory of state, scratch, samples and arrays; NULL: the C
   * library. Outlives the instance and its samples. */
  const varve_allocator *allocator;
  const char *function; /* compiled at once; NULL: "train_step" */
  int64_t batch;        /* of that function; 0: the model's own */
};

/* State has its first values, by the seed of the model. `options` may be NULL.
 */
int varve_instance_open(varve_model *model,
                        const struct varve_instance_options *options,
                        varve_instance **instance, varve_error *error);
void varve_instance_close(varve_instance *instance);

/* Gives all state its first values. */
int varve_instance_initialize(varve_instance *instance, uint64_t seed,
                              varve_error *error);

/* A hyperparameter: "optimizer.lr", 0.01. */
struct varve_setting {
  const char *name;
  double value;
};

/* What the next steps take besides data; at first as the model says. */
struct varve_step_settings {
  int64_t size;
  int64_t seed, epoch, epochs, steps;
  const struct varve_setting *hyper; /* others keep their default */
  int64_t hypers;
};
int varve_instance_configure(varve_instance *instance,
                             const struct varve_step_settings *settings,
                             varve_error *error);

/* One step of the optimizer on a batch of any size: an array for each field,
 * its first axis the batch. `loss` may be NULL. */
int varve_instance_step(varve_instance *instance, const varve_array *array,
                        int64_t arrays, double *loss, varve_error *error);
/* The same on `count` samples by their numbers; nothing is copied. */
int varve_instance_step_samples(varve_instance *instance,
                                const varve_samples *samples,
                                const int64_t *index, int64_t count,
                                double *loss, varve_error *error);

/* Where a run stands after a step. */
struct varve_step_report {
  int64_t size;
  int64_t epoch, epochs; /* epoch under way, from 1; in all */
  int64_t step, steps;   /* done in this epoch; in it in all */
  double loss;           /* mean so far in this epoch */
  double seconds, samples_per_second;
};

/* A mean over samples: "loss", "accuracy", "val_loss". */
struct varve_measure {
  const char *name;
  double value;
};

struct varve_epoch_report {
  int64_t size;
  int64_t epoch, epochs;
  double seconds, samples_per_second;
  const struct varve_measure *measure;
  int64_t measures;
};

struct varve_train_options {
  int64_t size;
  int64_t batch, epochs, steps; /* 0: as the model says */
  const uint64_t *seed;         /* NULL: as the model says */
  const double *validate;       /* part of the samples; NULL: the same */
  int64_t patience;             /* 0: the same; below 0: no end */
  const char *monitor;          /* NULL: the same */
  const struct varve_setting *hyper;
  int64_t hypers;
  const char *init_from;    /* weights to begin with, or NULL */
  int64_t keep_state;       /* not 0: begins with the state that is there */
  const char *out;          /* where the weights go, or NULL */
  const char *checkpoint;   /* folder of the checkpoint, or NULL */
  int64_t checkpoint_every; /* steps; 0: as the model says */
  int64_t resume;           /* not 0: goes on from the checkpoint, if any */
  /* Each may be NULL; called on this thread. `step` must be quick; where it
   * returns non-zero, training stops after that step. */
  int (*step)(void *context, const struct varve_step_report *report);
  void (*epoch)(void *context, const struct varve_epoch_report *report);
  void *context;
};

enum varve_train_end {
  VARVE_TRAIN_FINISHED = 0,
  VARVE_TRAIN_STOPPED_EARLY = 1,
  VARVE_TRAIN_CANCELLED = 2, /* the state is that of the last step */
};

struct varve_train_outcome {
  int64_t size;
  int64_t end; /* enum varve_train_end */
  int64_t epochs, steps;
  double seconds;
};

/* Trains whole epochs. `test`, `options` and `outcome` may be NULL. */
int varve_instance_train(varve_instance *instance, const varve_samples *samples,
                         const varve_samples *test,
                         const struct varve_train_options *options,
                         struct varve_train_outcome *outcome,
                         varve_error *error);

/* Means over all samples; batch 0: the model's. */
int varve_instance_evaluate(varve_instance *instance,
                            const varve_samples *samples, int64_t batch,
                            varve_error *error);

/* What the last step, training (its last epoch, then "test_loss", ...) or
 * evaluation measured. Lives until the next call on the instance. */
int64_t varve_instance_measures(const varve_instance *instance,
                                const struct varve_measure **measure);
/* One of them by name; NaN where there is none. */
double varve_instance_measure(const varve_instance *instance, const char *name);

/* Runs inference on all samples, the first axis of the inputs. With `prepare`
 * not 0, arrays that are fields as the data set stores them go through the
 * model's `prepare`. `output` lives until the next run. */
int varve_instance_run(varve_instance *instance, const varve_array *input,
                       int64_t inputs, int prepare, const varve_array **output,
                       int64_t *outputs, varve_error *error);

/* ---- State ------------------------------------------------------------ */

/* Parameters and running statistics, as a safetensors file. */
int varve_instance_save(const varve_instance *instance, const char *path,
                        varve_error *error);
int varve_instance_load(varve_instance *instance, const char *path,
                        varve_error *error);

/* All state and the number of steps, to go on step by step. */
int varve_instance_save_checkpoint(const varve_instance *instance,
                                   const char *folder, varve_error *error);
int varve_instance_load_checkpoint(varve_instance *instance, const char *folder,
                                   varve_error *error);

/* One state variable in canonical order; `bytes` must be its size. */
int varve_instance_get_state(const varve_instance *instance, const char *name,
                             void *values, size_t bytes, varve_error *error);
int varve_instance_set_state(varve_instance *instance, const varve_array *value,
                             varve_error *error);

#ifdef __cplusplus
}
#endif
#endif
