// One call of "prepare".
#include "Learn/Samples.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace varve {
namespace {

/// Gives an input its value; others, such as hyperparameters, stay zero.
Status fillInput(const varve_tensor_desc &desc, const Dataset &data,
                 const std::vector<int64_t> &indices, int64_t seed,
                 int64_t epoch, Tensor &buffer) {
  switch (desc.kind) {
  case VARVE_ARG_FIELD: {
    const Tensor *field = data.find(desc.name);
    if (!field)
      return Error{fmt::format("the data set has no field '{}'", desc.name)};
    buffer = *field;
    return {};
  }
  case VARVE_ARG_INDICES:
    std::copy(indices.begin(), indices.end(), buffer.as<int64_t>());
    return {};
  case VARVE_ARG_SEED:
    *buffer.as<int64_t>() = seed;
    return {};
  case VARVE_ARG_EPOCH:
    *buffer.as<int64_t>() = epoch;
    return {};
  default:
    return {};
  }
}

} // namespace

Result<std::vector<NamedTensor>>
prepareSamples(Program &program, const Dataset &data,
               const std::vector<int64_t> &indices, int64_t seed,
               int64_t epoch) {
  auto batch = static_cast<int64_t>(indices.size());
  if (Status got = program.require({"prepare", {batch}}); !got)
    return got.error();
  const varve_function_desc &function = *program.find("prepare", batch);
  // The data set's own tensors take the place of those of no sample.
  std::vector<Tensor> buffers = zerosFor(function, 0);
  for (int64_t i = 0; i < function.inputs; ++i)
    if (Status filled = fillInput(function.args[i], data, indices, seed, epoch,
                                  buffers[static_cast<size_t>(i)]);
        !filled)
      return filled.error();
  program.call(function, buffers);
  std::vector<NamedTensor> outputs;
  for (int64_t i = function.inputs; i < function.inputs + function.results; ++i)
    outputs.push_back(
        {function.args[i].name, std::move(buffers[static_cast<size_t>(i)])});
  return outputs;
}

} // namespace varve
