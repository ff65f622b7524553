// The window of each pool, for its reference value and its lowering.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_POOLING_H
#define VARVE_LIB_DIALECT_VARVE_OPS_POOLING_H

#include "Dialect/Varve/Ops/Window.h"

namespace varve {

/// The window of a verified operation, with sizes and places.
Window poolWindow(MaxPoolOp op);
Window poolWindow(MaxPoolAtOp op);
Window poolWindow(MaxUnpoolOp op);
Window poolWindow(AvgPoolOp op);
Window poolWindow(AvgUnpoolOp op);

} // namespace varve
#endif
