// Cuts inputs along their first axis, runs the parts, joins the outputs.
#include "Learn/Infer.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <numeric>
#include <string_view>

namespace varve {
namespace {

DType typeOf(const varve_tensor_desc &desc) {
  return static_cast<DType>(desc.dtype);
}

const ArrayView *findInput(const std::vector<ArrayView> &inputs,
                           std::string_view name) {
  for (const ArrayView &input : inputs)
    if (input.name == name)
      return &input;
  return nullptr;
}

// Whether arrays are samples as the data set stores them.
bool areStored(const std::vector<ArrayView> &inputs, const Manifest &manifest) {
  if (!manifest.train)
    return false;
  const std::vector<FieldSpec> &fields = manifest.train->data.fields;
  return std::all_of(inputs.begin(), inputs.end(), [&](const auto &input) {
    std::vector<int64_t> shape = input.shape;
    if (!shape.empty())
      shape.erase(shape.begin());
    return std::any_of(fields.begin(), fields.end(), [&](const auto &field) {
      return field.name == input.name && field.type == input.type &&
             field.shape == shape;
    });
  });
}

// Each input must fit, but for the number of samples; each that is given must
// be one of the function's.
Status checkInputs(const varve_function_desc &function, int64_t samples,
                   const std::vector<ArrayView> &inputs) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < function.inputs; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    if (desc.kind != VARVE_ARG_INPUT && desc.kind != VARVE_ARG_FIELD)
      continue;
    names.emplace_back(desc.name);
    std::vector<int64_t> wanted(desc.shape, desc.shape + desc.rank);
    if (!wanted.empty() && (wanted[0] == function.batch || wanted[0] < 0))
      wanted[0] = samples;
    const ArrayView *value = findInput(inputs, desc.name);
    if (!value)
      return Error{fmt::format("input '{}' ({}) is missing", desc.name,
                               toString(typeOf(desc), wanted))};
    if (!value->data)
      return Error{fmt::format("input '{}' has no data", desc.name)};
    if (value->type != typeOf(desc) || value->shape != wanted)
      return Error{fmt::format("input '{}' is {}, the model takes {}",
                               desc.name, toString(value->type, value->shape),
                               toString(typeOf(desc), wanted))};
  }
  for (const ArrayView &input : inputs)
    if (std::find(names.begin(), names.end(), input.name) == names.end())
      return Error{fmt::format("the model has no input '{}'; it has: {}",
                               input.name, fmt::join(names, ", "))};
  return {};
}

/// Buffers of one call at samples [from, from + batch). Of a field only those
/// samples are there, so that indices begin at 0; the rest, such as the seed,
/// is zero.
std::vector<Tensor> makeBuffers(const varve_function_desc &function,
                                int64_t from,
                                const std::vector<ArrayView> &inputs) {
  std::vector<Tensor> buffers = zerosFor(function, function.batch);
  for (int64_t i = 0; i < function.inputs; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    Tensor &buffer = buffers[static_cast<size_t>(i)];
    bool batched = !buffer.shape.empty() && buffer.shape[0] == function.batch;
    size_t bytes = buffer.data.size();
    const ArrayView *value = findInput(inputs, desc.name);
    if (value && bytes > 0) {
      size_t each = bytes / static_cast<size_t>(function.batch);
      const auto *source = static_cast<const std::byte *>(value->data);
      std::memcpy(buffer.data.data(),
                  source + (batched ? each * static_cast<size_t>(from) : 0),
                  bytes);
    }
    if (desc.kind == VARVE_ARG_INDICES)
      std::iota(buffer.as<int64_t>(), buffer.as<int64_t>() + function.batch,
                int64_t(0));
  }
  return buffers;
}

/// Appends the outputs of the part that begins at sample `from`.
Status collect(const varve_function_desc &function, int64_t from,
               std::vector<Tensor> &buffers,
               std::vector<NamedTensor> &outputs) {
  size_t number = 0;
  for (int64_t i = 0; i < function.results; ++i) {
    const varve_tensor_desc &desc = function.args[function.inputs + i];
    if (desc.kind != VARVE_ARG_OUTPUT)
      continue;
    Tensor &part = buffers[static_cast<size_t>(function.inputs + i)];
    if (from == 0) {
      outputs.push_back({desc.name, std::move(part)});
      continue;
    }
    if (part.shape.empty() || part.shape[0] != function.batch)
      return Error{fmt::format("output '{}' is not made sample by sample; "
                               "give at most {} samples",
                               desc.name, largestInferBatch),
                   ErrorKind::Unsupported};
    Tensor &whole = outputs[number++].value;
    whole.data.insert(whole.data.end(), part.data.begin(), part.data.end());
    whole.shape[0] += function.batch;
  }
  return {};
}

int64_t samplesOf(const std::vector<ArrayView> &inputs) {
  return inputs.empty() || inputs[0].shape.empty() ? 1 : inputs[0].shape[0];
}

} // namespace

Result<int64_t> inferBatch(const std::vector<ArrayView> &inputs) {
  int64_t samples = samplesOf(inputs);
  if (samples < 1)
    return Error{fmt::format("input '{}' has no samples", inputs[0].name)};
  return std::min(samples, largestInferBatch);
}

Result<std::vector<NamedTensor>>
infer(Program &program, const std::vector<ArrayView> &inputs, bool prepare) {
  bool stored = prepare && areStored(inputs, program.manifest());
  const char *name = stored ? "infer_stored" : "infer";
  Result<int64_t> largest = inferBatch(inputs);
  if (!largest)
    return largest.error();
  int64_t samples = samplesOf(inputs);
  std::vector<NamedTensor> outputs;
  for (int64_t from = 0; from < samples; from += *largest) {
    int64_t batch = std::min(*largest, samples - from);
    if (Status got = program.require({name, {batch}}); !got)
      return got.error();
    const varve_function_desc &function = *program.find(name, batch);
    if (Status fits = checkInputs(function, samples, inputs); !fits)
      return fits.error();
    std::vector<Tensor> buffers = makeBuffers(function, from, inputs);
    program.call(function, buffers);
    if (Status fits = collect(function, from, buffers, outputs); !fits)
      return fits.error();
  }
  return outputs;
}

} // namespace varve
