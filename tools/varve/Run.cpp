// `varve run`: inference on arrays from .npy files.
#include "Learn/Weights.h"
#include "Model.h"
#include "Support/File.h"
#include "Support/Npy.h"
#include "Verbs.h"
#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace varve::cli {
namespace {

// Larger inputs run in parts, so that memory does not grow with them.
constexpr int64_t largestBatch = 256;

struct NamedTensor {
  std::string name;
  Tensor value;
};

Result<std::vector<NamedTensor>>
readInputs(const std::vector<std::string> &inputs) {
  std::vector<NamedTensor> result;
  for (const std::string &input : inputs) {
    size_t equal = input.find('=');
    if (equal == std::string::npos || equal == 0)
      return Error{fmt::format("--input takes NAME=FILE.npy, not '{}'", input),
                   ErrorKind::Usage};
    auto value = readNpy(input.substr(equal + 1));
    if (!value)
      return value.error();
    result.push_back({input.substr(0, equal), std::move(*value)});
  }
  return result;
}

std::string describe(const varve_tensor_desc &desc) {
  return toString(static_cast<DType>(desc.dtype),
                  {desc.shape, desc.shape + desc.rank});
}

const Tensor *findInput(const std::vector<NamedTensor> &inputs,
                        std::string_view name) {
  for (const NamedTensor &input : inputs)
    if (input.name == name)
      return &input.value;
  return nullptr;
}

// Whether arrays are samples as the data set stores them.
bool areStored(const std::vector<NamedTensor> &inputs,
               const Manifest &manifest) {
  if (!manifest.train)
    return false;
  const std::vector<FieldSpec> &fields = manifest.train->data.fields;
  return std::all_of(inputs.begin(), inputs.end(), [&](const auto &input) {
    std::vector<int64_t> shape = input.value.shape;
    if (!shape.empty())
      shape.erase(shape.begin());
    return std::any_of(fields.begin(), fields.end(), [&](const auto &field) {
      return field.name == input.name && field.type == input.value.type &&
             field.shape == shape;
    });
  });
}

// Each input must fit, but for the number of samples; each that is given must
// be one of the function's.
Status checkInputs(const varve_function_desc &function, int64_t samples,
                   const std::vector<NamedTensor> &inputs) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < function.inputs; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    if (desc.kind != VARVE_ARG_INPUT && desc.kind != VARVE_ARG_FIELD)
      continue;
    names.emplace_back(desc.name);
    const Tensor *value = findInput(inputs, desc.name);
    if (!value)
      return Error{fmt::format("input '{}' ({}) is missing: --input {}=x.npy",
                               desc.name, describe(desc), desc.name)};
    std::vector<int64_t> wanted(desc.shape, desc.shape + desc.rank);
    if (!wanted.empty() && (wanted[0] == function.batch || wanted[0] < 0))
      wanted[0] = samples;
    if (value->type != static_cast<DType>(desc.dtype) || value->shape != wanted)
      return Error{
          fmt::format("input '{}' is {}, the model takes {}", desc.name,
                      toString(value->type, value->shape),
                      toString(static_cast<DType>(desc.dtype), wanted))};
  }
  for (const NamedTensor &input : inputs)
    if (std::find(names.begin(), names.end(), input.name) == names.end())
      return Error{fmt::format("the model has no input '{}'; it has: {}",
                               input.name, fmt::join(names, ", "))};
  return {};
}

class Runner {
public:
  Runner(Program &program, std::string function,
         const std::vector<NamedTensor> &inputs)
      : program(program), function(std::move(function)), inputs(inputs) {}

  /// Runs samples [from, from + batch) and appends to the outputs.
  Status run(int64_t from, int64_t batch, int64_t samples);
  std::vector<NamedTensor> outputs;

private:
  void *bind(const varve_tensor_desc &desc, int64_t from, int64_t batch);
  Status append(const varve_function_desc &desc, int64_t from);

  Program &program;
  std::string function;
  const std::vector<NamedTensor> &inputs;
  std::vector<Tensor> buffers; ///< of this call; moving one keeps its bytes
};

void *Runner::bind(const varve_tensor_desc &desc, int64_t from, int64_t batch) {
  const Tensor *value = findInput(inputs, desc.name);
  if (value && desc.kind == VARVE_ARG_FIELD) {
    // Compiled code does not write to inputs.
    buffers.emplace_back();
    return const_cast<std::byte *>(value->data.data());
  }
  Tensor &buffer = buffers.emplace_back(
      static_cast<DType>(desc.dtype),
      std::vector<int64_t>(desc.shape, desc.shape + desc.rank));
  if (value && desc.kind == VARVE_ARG_INPUT) {
    bool batched = desc.rank > 0 && desc.shape[0] == batch;
    size_t each = buffer.data.size() / static_cast<size_t>(batch);
    const std::byte *begin =
        value->data.data() + (batched ? each * static_cast<size_t>(from) : 0);
    std::copy(begin, begin + buffer.data.size(), buffer.data.data());
  }
  if (desc.kind == VARVE_ARG_INDICES)
    std::iota(buffer.as<int64_t>(), buffer.as<int64_t>() + batch, from);
  // The rest, such as the seed, is zero. An empty buffer still has an address.
  if (buffer.data.empty())
    buffer.data.resize(1);
  return buffer.data.data();
}

Status Runner::append(const varve_function_desc &desc, int64_t from) {
  size_t number = 0;
  for (int64_t i = 0; i < desc.results; ++i) {
    const varve_tensor_desc &result = desc.args[desc.inputs + i];
    if (result.kind != VARVE_ARG_OUTPUT)
      continue;
    Tensor &part = buffers[static_cast<size_t>(desc.inputs + i)];
    if (from == 0) {
      outputs.push_back({result.name, std::move(part)});
      continue;
    }
    if (part.shape.empty() || part.shape[0] != desc.batch)
      return Error{fmt::format("output '{}' is not made sample by sample; "
                               "give at most {} samples",
                               result.name, largestBatch),
                   ErrorKind::Unsupported};
    Tensor &whole = outputs[number++].value;
    whole.data.insert(whole.data.end(), part.data.begin(), part.data.end());
    whole.shape[0] += desc.batch;
  }
  return {};
}

Status Runner::run(int64_t from, int64_t batch, int64_t samples) {
  if (Status got = program.require({function, {batch}}); !got)
    return got;
  const varve_function_desc &desc = *program.find(function, batch);
  if (Status fits = checkInputs(desc, samples, inputs); !fits)
    return fits;
  buffers.clear();
  std::vector<void *> args;
  for (int64_t i = 0; i < desc.inputs + desc.results; ++i)
    args.push_back(bind(desc.args[i], from, batch));
  program.call(desc, args.data());
  return append(desc, from);
}

// The likeliest class of the first samples, by name.
void showLabels(const NamedTensor &output,
                const std::vector<std::string> &labels) {
  const Tensor &value = output.value;
  auto classes = static_cast<int64_t>(labels.size());
  if (value.type != DType::F32 || value.shape.size() != 2 ||
      value.shape[1] != classes)
    return;
  for (int64_t i = 0; i < std::min<int64_t>(value.shape[0], 10); ++i) {
    const float *row = value.as<float>() + i * classes;
    auto best = std::max_element(row, row + classes) - row;
    fmt::print("  {}: {} ({:.4g})\n", i, labels[static_cast<size_t>(best)],
               row[best]);
  }
}

} // namespace

int runRun(const RunArgs &args) {
  auto inputs = readInputs(args.inputs);
  if (!inputs)
    return fail(inputs.error());
  int64_t samples = 1;
  if (!inputs->empty() && !(*inputs)[0].value.shape.empty())
    samples = (*inputs)[0].value.shape[0];
  if (samples == 0)
    return fail({fmt::format("input '{}' has no samples", (*inputs)[0].name)});
  int64_t batch = std::min(samples, largestBatch);
  auto model = openModel(args.model, "infer", batch);
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  // Samples as stored go through `prepare`, which is another function of the
  // same program.
  std::string function = "infer";
  if (!args.noPrepare && areStored(*inputs, model->program.manifest())) {
    function = "infer_stored";
    if (Status got = model->program.require({function, {batch}}); !got)
      return fail(got.error());
  }
  auto unknown = loadWeights(model->program, args.weights);
  if (!unknown)
    return fail(unknown.error());
  Runner runner(model->program, function, *inputs);
  for (int64_t from = 0; from < samples; from += batch)
    if (Status status =
            runner.run(from, std::min(batch, samples - from), samples);
        !status)
      return fail(status.error());
  if (Status made = makeFolders(args.outputDir); !made)
    return fail(made.error());
  for (const NamedTensor &output : runner.outputs) {
    std::string name = output.name;
    std::replace(name.begin(), name.end(), '/', '_');
    std::string path = fmt::format("{}/{}.npy", args.outputDir, name);
    if (Status written = writeNpy(path, output.value); !written)
      return fail(written.error());
    fmt::print("{} {}\n", path,
               toString(output.value.type, output.value.shape));
    auto labels = model->program.manifest().labels.find(output.name);
    if (labels != model->program.manifest().labels.end())
      showLabels(output, labels->second);
  }
  return 0;
}

} // namespace varve::cli
