// varve.stage, what a training step is cut into between partition and update.
#ifndef VARVE_DIALECT_VARVE_STAGE_H
#define VARVE_DIALECT_VARVE_STAGE_H

#include "varve/Dialect/Varve/Varve.h"

#define GET_OP_CLASSES
#include "varve/Dialect/Varve/StageOps.h.inc"

#endif
