// The random bits of an element, for operations that draw as `bernoulli` does.
#ifndef VARVE_LIB_DIALECT_VARVE_OPS_RANDOM_H
#define VARVE_LIB_DIALECT_VARVE_OPS_RANDOM_H

#include <cstdint>

namespace varve {

/// Whether an element is drawn as true with probability p.
bool drawBernoulli(uint64_t seed, uint64_t step, int64_t stream,
                   int64_t element, double p);

} // namespace varve
#endif
