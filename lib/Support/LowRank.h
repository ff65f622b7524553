// Low-rank updates of matrices, put into them.
#ifndef VARVE_SUPPORT_LOWRANK_H
#define VARVE_SUPPORT_LOWRANK_H

#include "varve/Tensor.h"

namespace varve {

/// weight += scale * b a, with a [rank, in] and b [out, rank]; a weight that is
/// [in, out] gets the transposed product. All are f32 or f64; products are
/// summed in double.
void addLowRank(Tensor &weight, const Tensor &a, const Tensor &b, double scale,
                bool transposed);

} // namespace varve
#endif
