// Binds arguments. Scalars and results live in tensors of the Call, whose
// buffers are aligned as the binary interface wants them.
#include "Learn/Call.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace varve {
namespace {

DType typeOf(const varve_tensor_desc &desc) {
  return static_cast<DType>(desc.dtype);
}

std::string describe(const varve_tensor_desc &desc) {
  return toString(typeOf(desc), {desc.shape, desc.shape + desc.rank});
}

/// A field's samples must be of the argument's type and shape. Labels and
/// other integers may be stored narrower than they are used: that is the
/// compiled program's affair, it names the stored type.
Status checkField(const varve_tensor_desc &desc, const Dataset &data,
                  const Tensor *field) {
  if (!field) {
    std::vector<std::string> names;
    for (const Dataset::Field &other : data.fields)
      names.push_back("'" + other.name + "'");
    return Error{fmt::format("the data set has no field '{}'; it has {}",
                             desc.name, fmt::join(names, ", "))};
  }
  std::vector<int64_t> wanted(desc.shape, desc.shape + desc.rank);
  std::vector<int64_t> found = field->shape;
  if (!found.empty())
    found[0] = -1;
  if (field->type != typeOf(desc) || found != wanted)
    return Error{fmt::format("field '{}' of the data set is {}, not {}",
                             desc.name, toString(field->type, field->shape),
                             describe(desc))};
  return {};
}

} // namespace

void *Call::scratch(const varve_tensor_desc &desc) {
  own.emplace_back(typeOf(desc),
                   std::vector<int64_t>(desc.shape, desc.shape + desc.rank));
  // An empty buffer still has an address of its own.
  if (own.back().data.empty())
    own.back().data.resize(1);
  return own.back().data.data();
}

Status Call::bindInput(const varve_tensor_desc &desc, const Dataset &data,
                       const Dataset *more, const StepSettings &settings) {
  if (desc.kind == VARVE_ARG_FIELD) {
    const Tensor *field = more ? more->find(desc.name) : nullptr;
    if (!field)
      field = data.find(desc.name);
    if (Status fits = checkField(desc, data, field); !fits)
      return fits;
    // Compiled code does not write to inputs.
    buffers.push_back(const_cast<std::byte *>(field->data.data()));
    return {};
  }
  void *buffer = scratch(desc);
  buffers.push_back(buffer);
  switch (desc.kind) {
  case VARVE_ARG_INDICES:
    indexBuffer = static_cast<int64_t *>(buffer);
    return {};
  case VARVE_ARG_HYPER: {
    auto it = settings.hyper.find(desc.name);
    *static_cast<float *>(buffer) = static_cast<float>(
        it == settings.hyper.end() ? desc.default_value : it->second);
    return {};
  }
  case VARVE_ARG_SEED:
    *static_cast<int64_t *>(buffer) = settings.seed;
    return {};
  case VARVE_ARG_EPOCH:
    epochBuffers.push_back(static_cast<int64_t *>(buffer));
    *epochBuffers.back() = settings.epoch;
    return {};
  case VARVE_ARG_EPOCHS:
    *static_cast<int64_t *>(buffer) = settings.epochs;
    return {};
  case VARVE_ARG_STEPS:
    *static_cast<int64_t *>(buffer) = settings.steps;
    return {};
  }
  return Error{fmt::format("'{}' of '{}' is no input of a step over a data set",
                           desc.name, function->name),
               ErrorKind::Unsupported};
}

Status Call::bindResult(const varve_tensor_desc &desc) {
  void *buffer = scratch(desc);
  buffers.push_back(buffer);
  bool measured = desc.kind == VARVE_ARG_LOSS ||
                  desc.kind == VARVE_ARG_LOSS_PART ||
                  desc.kind == VARVE_ARG_METRIC;
  if (!measured) {
    outputs[desc.name] = buffer;
    return {};
  }
  if (typeOf(desc) != DType::F32 || desc.rank != 0)
    return Error{
        fmt::format("'{}' is {}, not f32[]", desc.name, describe(desc))};
  auto *value = static_cast<const float *>(buffer);
  if (desc.kind == VARVE_ARG_LOSS) {
    names.insert(names.begin(), "loss");
    values.insert(values.begin(), value);
  } else if (std::string_view(desc.name) != "loss") {
    // A loss of one part may have a part of that name.
    names.push_back(desc.name);
    values.push_back(value);
  }
  return {};
}

Result<Call> Call::bind(Program &program, const varve_function_desc &function,
                        const Dataset &data, const StepSettings &settings,
                        const Dataset *more) {
  Call call;
  call.program = &program;
  call.function = &function;
  for (int64_t i = 0; i < function.inputs; ++i)
    if (Status bound = call.bindInput(function.args[i], data, more, settings);
        !bound)
      return bound.error();
  for (int64_t i = 0; i < function.results; ++i)
    if (Status bound = call.bindResult(function.args[function.inputs + i]);
        !bound)
      return bound.error();
  bool measures = call.outputs.empty() || !call.names.empty();
  if (measures && (call.names.empty() || call.names[0] != "loss"))
    return Error{fmt::format("'{}' has no loss", function.name)};
  if (!call.indexBuffer)
    return Error{
        fmt::format("'{}' takes no indices of a batch", function.name)};
  return call;
}

const void *Call::output(std::string_view name) const {
  auto found = outputs.find(name);
  return found == outputs.end() ? nullptr : found->second;
}

void Call::setEpoch(int64_t epoch) {
  for (int64_t *buffer : epochBuffers)
    *buffer = epoch;
}

Status checkHyper(const varve_function_desc &function,
                  const std::map<std::string, double> &hyper) {
  std::vector<std::string> known;
  for (int64_t i = 0; i < function.inputs; ++i)
    if (function.args[i].kind == VARVE_ARG_HYPER)
      known.push_back(function.args[i].name);
  for (const auto &[name, value] : hyper)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Error{fmt::format("there is no hyperparameter '{}'; there is {}",
                               name,
                               known.empty()
                                   ? std::string("none")
                                   : fmt::format("{}", fmt::join(known, ", "))),
                   ErrorKind::Usage};
  return {};
}

} // namespace varve
