// Single steps. A step on the caller's arrays copies them to buffers that
// compiled code may read, and then takes samples 0, 1, .. of those.
#include "Embed/SessionImpl.h"
#include "Learn/Evaluate.h"
#include <cstring>
#include <fmt/format.h>
#include <numeric>

namespace varve {

Result<Tensor> copyOf(const ArrayView &array) {
  int64_t count = elementCount(array.shape);
  if (count < 0 || (count > 0 && !array.data))
    return Error{fmt::format("array '{}' is {} without data", array.name,
                             toString(array.type, array.shape))};
  Tensor copy(array.type, array.shape);
  if (count > 0)
    std::memcpy(copy.data.data(), array.data, copy.data.size());
  return copy;
}

Status Session::Impl::mustTrain() const {
  if (!program.manifest().train)
    return Error{fmt::format("model '{}' has no `train` block",
                             program.artifact().name)};
  return {};
}

Result<DataSpec> Session::Impl::memorySpec() const {
  if (Status trained = mustTrain(); !trained)
    return trained.error();
  DataSpec spec = program.manifest().train->data;
  for (FieldSpec &field : spec.fields)
    field.from.clear();
  return spec;
}

Result<int64_t> Session::Impl::findState(const std::string &name) const {
  int64_t index = varve_session_find(program.session(), name.c_str());
  if (index < 0)
    return Error{fmt::format("model '{}' has no state '{}'",
                             program.artifact().name, name)};
  return index;
}

void Session::Impl::forgetCalls() {
  onBatches.clear();
  onSamples.clear();
}

Status Session::Impl::configure(const StepSettings &wanted) {
  if (const varve_function_desc *function = program.find("train_step", 0))
    if (Status known = checkHyper(*function, wanted.hyper); !known)
      return known;
  bool epochOnly =
      wanted.seed == settings.seed && wanted.epochs == settings.epochs &&
      wanted.steps == settings.steps && wanted.hyper == settings.hyper;
  settings = wanted;
  if (!epochOnly) {
    forgetCalls();
    return {};
  }
  for (auto *bound : {&onBatches, &onSamples})
    for (auto &[count, step] : *bound)
      step.call.setEpoch(settings.epoch);
  return {};
}

Result<Call> Session::Impl::bind(const Dataset &data, int64_t count) {
  if (Status got = program.require({"train_step", {count}}); !got)
    return got.error();
  return Call::bind(program, *program.find("train_step", count), data,
                    settings);
}

Result<Session::Impl::BoundStep *> Session::Impl::boundBatch(int64_t count) {
  if (auto found = onBatches.find(count); found != onBatches.end())
    return &found->second;
  auto batch = std::make_unique<Dataset>();
  batch->samples = count;
  for (const FieldSpec &field : program.manifest().train->data.fields) {
    std::vector<int64_t> shape = field.shape;
    shape.insert(shape.begin(), count);
    if (elementCount(shape) < 0)
      return Error{fmt::format("a batch of {} samples is too large", count)};
    batch->fields.push_back({field.name, Tensor(field.type, std::move(shape))});
  }
  auto call = bind(*batch, count);
  if (!call)
    return call.error();
  std::iota(call->indices(), call->indices() + count, int64_t(0));
  return &onBatches
              .emplace(count,
                       BoundStep{nullptr, std::move(batch), std::move(*call)})
              .first->second;
}

Result<Session::Impl::BoundStep *>
Session::Impl::boundSamples(const std::shared_ptr<const Dataset> &data,
                            int64_t count) {
  auto found = onSamples.find(count);
  if (found != onSamples.end() && found->second.data == data)
    return &found->second;
  if (Status fine = checkLabels(program.manifest(), *data); !fine)
    return fine.error();
  auto call = bind(*data, count);
  if (!call)
    return call.error();
  onSamples.erase(count);
  return &onSamples.emplace(count, BoundStep{data, nullptr, std::move(*call)})
              .first->second;
}

double Session::Impl::run(Call &call) {
  call.run();
  ++steps;
  const std::vector<std::string> &names = call.measures();
  sums.assign(names.size(), 0);
  call.accumulate(sums.data());
  measures.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    measures[i].first = names[i];
    measures[i].second = sums[i] / static_cast<double>(call.batch());
  }
  return static_cast<double>(call.loss());
}

Result<double> Session::Impl::step(const std::vector<ArrayView> &batch) {
  auto spec = memorySpec();
  if (!spec)
    return spec.error();
  int64_t count =
      batch.empty() || batch[0].shape.empty() ? 0 : batch[0].shape[0];
  if (count < 1)
    return Error{"the batch has no samples"};
  auto bound = boundBatch(count);
  if (!bound)
    return bound.error();
  Dataset &buffers = *(*bound)->batch;
  for (size_t i = 0; i < spec->fields.size(); ++i) {
    const FieldSpec &field = spec->fields[i];
    Tensor &buffer = buffers.fields[i].values;
    const ArrayView *array = nullptr;
    for (const ArrayView &each : batch)
      if (each.name == field.name)
        array = &each;
    if (array && array->data && array->type == buffer.type &&
        array->shape == buffer.shape && field.type != DType::Bool) {
      std::memcpy(buffer.data.data(), array->data, buffer.data.size());
      continue;
    }
    // What is not as stored is converted and checked as a data set is.
    std::vector<Dataset::Field> given;
    if (array) {
      auto copy = copyOf(*array);
      if (!copy)
        return copy.error();
      given.push_back({array->name, std::move(*copy)});
    }
    auto fitted =
        fitDataset({spec->name, {}, {field}}, std::move(given), "batch");
    if (!fitted)
      return fitted.error();
    if (fitted->samples != count)
      return Error{fmt::format("batch: '{}' has {} samples, '{}' has {}",
                               field.name, fitted->samples, batch[0].name,
                               count)};
    std::memcpy(buffer.data.data(), fitted->fields[0].values.data.data(),
                buffer.data.size());
  }
  if (Status fine = checkLabels(program.manifest(), buffers); !fine)
    return fine.error();
  return run((*bound)->call);
}

Result<double> Session::Impl::step(const std::shared_ptr<const Dataset> &data,
                                   const int64_t *index, int64_t count) {
  if (Status trained = mustTrain(); !trained)
    return trained.error();
  if (count < 1)
    return Error{"the batch has no samples"};
  for (int64_t i = 0; i < count; ++i)
    if (index[i] < 0 || index[i] >= data->samples)
      return Error{fmt::format("sample {} is not one of the {} samples",
                               index[i], data->samples)};
  auto bound = boundSamples(data, count);
  if (!bound)
    return bound.error();
  std::memcpy((*bound)->call.indices(), index,
              static_cast<size_t>(count) * sizeof(int64_t));
  return run((*bound)->call);
}

} // namespace varve
