/* What the files of the runtime share. */
#ifndef VARVE_RUNTIME_INTERNAL_H
#define VARVE_RUNTIME_INTERNAL_H

#include "varve-c/Runtime.h"

/* Fills `error`, if there is one, and returns 0. */
int varve_fail(varve_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3), visibility("hidden")));

#endif
