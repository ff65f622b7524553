//===- VarveOps.td - all operations of the dialect ------------------------===//

#ifndef VARVE_OPS
#define VARVE_OPS

include "varve/Dialect/Varve/Structure.td"
include "varve/Dialect/Varve/Shape.td"
include "varve/Dialect/Varve/Elementwise.td"
include "varve/Dialect/Varve/Function.td"
include "varve/Dialect/Varve/Reduction.td"
include "varve/Dialect/Varve/Contraction.td"
include "varve/Dialect/Varve/Loss.td"

#endif
