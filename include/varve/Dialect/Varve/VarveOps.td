//===- VarveOps.td - all operations of the dialect ------------------------===//

#ifndef VARVE_OPS
#define VARVE_OPS

include "varve/Dialect/Varve/Structure.td"
include "varve/Dialect/Varve/ControlFlow.td"
include "varve/Dialect/Varve/Shape.td"
include "varve/Dialect/Varve/Rearrange.td"
include "varve/Dialect/Varve/Indexing.td"
include "varve/Dialect/Varve/Elementwise.td"
include "varve/Dialect/Varve/Function.td"
include "varve/Dialect/Varve/Reduction.td"
include "varve/Dialect/Varve/Normalize.td"
include "varve/Dialect/Varve/Order.td"
include "varve/Dialect/Varve/Contraction.td"
include "varve/Dialect/Varve/Attention.td"
include "varve/Dialect/Varve/Convolution.td"
include "varve/Dialect/Varve/Pooling.td"
include "varve/Dialect/Varve/Resample.td"
include "varve/Dialect/Varve/Loss.td"
include "varve/Dialect/Varve/Random.td"

#endif
