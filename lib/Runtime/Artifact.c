/* Loads a compiled program and refuses what this runtime or CPU cannot run. */
#include "Internal.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif
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

#if defined(__x86_64__)
/* CPUID itself: the compiler's __builtin_cpu_supports needs its run-time
 * library, which an ahead-of-time library does without. */
static int supports_level(int level) {
  unsigned a, b, c, d, features, extended;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  /* SSE3, SSSE3, FMA, SSE4.1, SSE4.2, MOVBE, POPCNT, OSXSAVE, AVX, F16C */
  features = 1u | 1u << 9 | 1u << 12 | 1u << 19 | 1u << 20 | 1u << 22 |
             1u << 23 | 1u << 27 | 1u << 28 | 1u << 29;
  if ((c & features) != features)
    return 0;
  /* The system saves the registers: XMM and YMM, for AVX-512 also its own. */
  unsigned saved, high, wanted = level == 4 ? 0xe6 : 0x6;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if ((saved & wanted) != wanted)
    return 0;
  if (!__get_cpuid_count(7, 0, &a, &extended, &c, &d))
    return 0;
  /* BMI1, AVX2, BMI2; AVX-512 F, DQ, CD, BW, VL */
  features = 1u << 3 | 1u << 5 | 1u << 8;
  if (level == 4)
    features |= 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
  if ((extended & features) != features)
    return 0;
  return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 5); /* LZCNT */
}
#endif

int varve_cpu_supports(const char *cpu) {
#if defined(__x86_64__)
  if (!strcmp(cpu, "x86-64-v3"))
    return supports_level(3);
  if (!strcmp(cpu, "x86-64-v4"))
    return supports_level(4);
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
