// Inference on arrays: as many samples as there are, in parts.
#ifndef VARVE_LEARN_INFER_H
#define VARVE_LEARN_INFER_H

#include "Learn/Program.h"
#include "varve/Result.h"
#include "varve/Tensor.h"
#include <cstdint>
#include <vector>

namespace varve {

/// Larger inputs run in parts, so that memory does not grow with them.
constexpr int64_t largestInferBatch = 256;

/// The batch of the first part: the samples of the first input, at most
/// largestInferBatch. Fails where it has none.
Result<int64_t> inferBatch(const std::vector<ArrayView> &inputs);

/// Runs "infer" on all samples and joins its outputs; with `prepare`, arrays
/// that are samples as the data set stores them go through "infer_stored".
/// Fails where an input is missing, unknown, or of another type or shape.
Result<std::vector<NamedTensor>>
infer(Program &program, const std::vector<ArrayView> &inputs, bool prepare);

} // namespace varve
#endif
