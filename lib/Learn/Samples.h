// Samples as training sees them.
#ifndef VARVE_LEARN_SAMPLES_H
#define VARVE_LEARN_SAMPLES_H

#include "Data/Dataset.h"
#include "Learn/Program.h"
#include "varve/Result.h"
#include <cstdint>
#include <vector>

namespace varve {

/// What `prepare` makes of stored samples in an epoch of training, by input of
/// the model: "prepare" at the batch of their number. `data` has the fields
/// that the model declares.
Result<std::vector<NamedTensor>>
prepareSamples(Program &program, const Dataset &data,
               const std::vector<int64_t> &indices, int64_t seed,
               int64_t epoch);

} // namespace varve
#endif
