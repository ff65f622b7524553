/* The compiler behind a C function, so that a program loads it (dlopen of
 * libVarveCompiler.so) only when something must be compiled. C11, no other
 * header needed. No function keeps a pointer of its request after it returns;
 * each may be called from several threads at once.
 */
#ifndef VARVE_C_COMPILER_H
#define VARVE_C_COMPILER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a struct or a function below changes its meaning. Fields are
 * only added at the end; `size` says which ones a caller knows. */
#define VARVE_COMPILER_API 1

/* Grows when a `.mlir` file of the varve dialect changes its meaning. */
#define VARVE_DIALECT_VERSION 1

enum varve_status {
  VARVE_OK = 0,
  VARVE_BAD_INPUT = 1,   /* the input is wrong */
  VARVE_UNSUPPORTED = 2, /* asked for something not supported */
  VARVE_USAGE = 64,      /* the request itself is wrong */
};

enum varve_output {
  VARVE_OUTPUT_ARTIFACT = 0, /* a shared object with `varve_artifact_v1` */
  VARVE_OUTPUT_OBJECT = 1,   /* .o */
  VARVE_OUTPUT_LLVM_IR = 2,  /* .ll */
  VARVE_OUTPUT_MLIR = 3,     /* .mlir: after the last phase that ran */
  VARVE_OUTPUT_ASSEMBLY = 4, /* .s */
  /* An artifact with the runtime inside and a C header, for programs that know
   * nothing of Varve. */
  VARVE_OUTPUT_LIBRARY = 5,
  /* No file: `text` of the result says, in JSON, what the first function needs
   * in memory. Nothing is compiled to machine code. */
  VARVE_OUTPUT_MEMORY = 6,
  /* .onnx: the first function, with its gradients and optimizer, as a graph of
   * plain operators. State is in it as far as `weights` and imported networks
   * have it. "infer" of a text has low-rank updates in its matrices, and at batch
   * 0 it is for any number of samples, if that can be. */
  VARVE_OUTPUT_ONNX = 7,
  /* .varve: an ONNX model as a text, its weights in `weights_path`. */
  VARVE_OUTPUT_TEXT = 8,
};

/* A function of the program at one batch size. */
struct varve_function_request {
  /* "train_step", "eval_step", "infer", "infer_stored"; "train_batch" is a
   * step on batches that lie ready, "find_nan" one that names the first
   * operation with a NaN (`operations` in the manifest); "gradients" takes what
   * "infer" takes and a cotangent for each of its outputs, and gives the
   * gradients of its inputs. */
  const char *name;
  int64_t batch;    /* samples in a call; 0: as the file says, infer 1 */
};

/* The value of an input of an ONNX model: a serialized TensorProto,
 * SequenceProto or OptionalProto, as the model declares the input. */
struct varve_given_input {
  const char *name;
  const void *bytes;
  int64_t size;
};

struct varve_compile_request {
  int64_t size;     /* sizeof(struct varve_compile_request) */
  /* The model file; stands in diagnostics. One that ends in ".onnx" is an ONNX
   * model, has no `text`, and only the functions "infer" and "gradients". */
  const char *path;
  const char *text; /* its text, or null: it is read from `path` */
  const char *const *set; /* "KEY=EXPR", later ones win */
  int64_t sets;
  const struct varve_function_request *function;
  int64_t functions;
  const char *cpu; /* "x86-64-v3", "x86-64-v4", "neon"; null: this machine's */
  const char *const *disabled_pass; /* names as `--disable-pass` takes them */
  int64_t disabled_passes;
  int64_t output; /* enum varve_output */
  /* Where the output goes; written whole or not at all. Null: nowhere, of
   * VARVE_OUTPUT_ONNX, and weights are not read: whether it can be made. */
  const char *output_path;
  const char *header_path; /* of a library's C header */
  const char *weights;     /* safetensors for the output to carry, or null */
  int64_t profile;         /* not 0: with varve_profile of varve-c/Artifact.h */
  /* "simplify", "partition", "differentiate", "update", "lower", "fuse",
   * "plan", "codegen": the last phase to run, for VARVE_OUTPUT_MLIR and one
   * function; null: all. */
  const char *stop_after;
  int64_t print_phases;   /* not 0: the IR after each phase, to stderr */
  const char *reproducer; /* written where a pass fails, or null */
  /* Of an ONNX model: what its inputs are, which binds sizes. */
  const struct varve_given_input *input;
  int64_t inputs;
  const char *const *dim; /* "NAME=SIZE" */
  int64_t dims;
  const char *weights_path; /* of VARVE_OUTPUT_TEXT: where weights go */
  /* Not 0: of VARVE_OUTPUT_ONNX, weights are in OUTPUT_PATH.data beside the
   * model, however few they are. */
  int64_t external_data;
};

struct varve_compile_result {
  int64_t status; /* enum varve_status */
  double seconds;
  /* Diagnostics, also warnings where `status` is VARVE_OK; "" if none. */
  char *diagnostic;
  /* Every file that was read (the model, what it uses and imports), one a
   * line; together with the request they determine the output. */
  char *dependencies;
  /* Of varve_check and VARVE_OUTPUT_MEMORY: the report. Of an ONNX model: the
   * inputs, one a line, for whose values, not only types, it was compiled, and
   * which the output depends on, too. Of VARVE_OUTPUT_ONNX from a text: why the
   * graph is not for any number of samples. Else "". */
  char *text;
};

/* "0.1.0 (LLVM 22.1.0)": a part of cache keys. Lives forever. */
const char *varve_compiler_version(void);
int64_t varve_compiler_api(void);

/* Compiles. `result` is filled whatever happens and must be cleared by
 * varve_compile_result_clear. Returns result->status. */
int64_t varve_compile(const struct varve_compile_request *request,
                      struct varve_compile_result *result);

/* Checks the compiler on a model. One step of `train_step`, or a call of
 * `infer`, on random data: every result and every new value of the state,
 * compiled against the reference interpreter in double. */
struct varve_check_request {
  int64_t size; /* sizeof(struct varve_check_request) */
  const char *path;
  const char *text; /* or null: read from `path` */
  const char *const *set;
  int64_t sets;
  const char *function; /* "train_step", "infer" */
  int64_t batch;        /* samples; 0: 8 */
  const char *cpu;      /* null: this machine's */
  /* Not 0: also the gradients, compiled against the reference and the
   * reference against central differences. */
  int64_t gradients;
  uint64_t seed; /* of data and first values */
  /* Not 0: also each bit, against operations that run one by one in the
   * numeric contract's order. */
  int64_t contract;
};

/* `result->text` has a line for each thing compared, with its largest error.
 * The status is VARVE_BAD_INPUT where one is above its bound. */
int64_t varve_check(const struct varve_check_request *request,
                    struct varve_compile_result *result);

void varve_compile_result_clear(struct varve_compile_result *result);

#ifdef __cplusplus
}
#endif
#endif
