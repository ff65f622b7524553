// What this machine can do at most: the yardstick of `varve bench --profile`.
#ifndef VARVE_TOOLS_LIMITS_H
#define VARVE_TOOLS_LIMITS_H

#include <cstdint>

namespace varve::cli {

/// Measured in a few hundredths of a second.
struct Limits {
  double flops = 0;    ///< f32 multiply-adds in registers, a second, as 2
  double memory = 0;   ///< bytes read and written in memory, a second
  double cache = 0;    ///< the same where all fits a core's own cache
  double tickRate = 0; ///< of the counter that profiles use, a second
};

/// For that many threads at once.
Limits measureLimits(int64_t threads);

/// The counter that profiles use.
uint64_t readTicks();

} // namespace varve::cli
#endif
