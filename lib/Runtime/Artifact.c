/* Loads a compiled program and refuses what this runtime or CPU cannot run. */
#include "Internal.h"
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int varve_fail(varve_error *error, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
  }
  return 0;
}

int varve_cpu_supports(const char *cpu) {
#if defined(__x86_64__)
  if (!strcmp(cpu, "x86-64-v3"))
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("f16c");
  if (!strcmp(cpu, "x86-64-v4"))
    return varve_cpu_supports("x86-64-v3") &&
           __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
  if (!strcmp(cpu, "neon")) /* part of AArch64 */
    return 1;
#endif
  (void)cpu;
  return 0;
}

int varve_artifact_check(const struct varve_artifact *artifact,
                         varve_error *error) {
  if (artifact->magic != VARVE_ARTIFACT_MAGIC)
    return varve_fail(error, "no compiled varve program (wrong magic number)");
  if (artifact->abi_version != VARVE_ABI_VERSION)
    return varve_fail(
        error,
        "compiled for version %lld of the binary interface, this runtime has "
        "version %d; compile the model again",
        (long long)artifact->abi_version, VARVE_ABI_VERSION);
  if (!varve_cpu_supports(artifact->cpu))
    return varve_fail(error,
                      "compiled for CPU %s, which this machine is not; compile "
                      "with another --target-cpu",
                      artifact->cpu);
  return 1;
}

const struct varve_artifact *varve_open(const char *path, void **handle,
                                        varve_error *error) {
  /* Without a slash dlopen would search the system's folders. */
  char local[4096];
  if (!strchr(path, '/')) {
    if (snprintf(local, sizeof(local), "./%s", path) >= (int)sizeof(local)) {
      varve_fail(error, "path too long");
      return NULL;
    }
    path = local;
  }
  *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*handle) {
    varve_fail(error, "cannot load: %s", dlerror());
    return NULL;
  }
  const struct varve_artifact *artifact = dlsym(*handle, "varve_artifact_v1");
  if (artifact ? varve_artifact_check(artifact, error)
               : varve_fail(error,
                            "%s: no compiled varve program (it has no "
                            "varve_artifact_v1)",
                            path))
    return artifact;
  dlclose(*handle);
  *handle = NULL;
  return NULL;
}

void varve_close(void *handle) {
  if (handle)
    dlclose(handle);
}
