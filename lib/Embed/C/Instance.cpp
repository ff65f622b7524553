// Instances in C, all but training.
#include "Handles.h"
#include <fmt/format.h>
#include <limits>

using namespace varve;

void varve_instance::setMeasures(std::vector<Measure> values) {
  measures = std::move(values);
  measureViews.clear();
  for (const Measure &measure : measures)
    measureViews.push_back({measure.first.c_str(), measure.second});
}

int varve_instance_open(varve_model *model, const varve_instance_options *given,
                        varve_instance **instance, varve_error *error) {
  return c::reported(error, [&]() -> Status {
    varve_instance_options options = c::fieldsOf(given);
    SessionOptions wanted;
    wanted.threads = options.threads;
    wanted.allocator = options.allocator;
    if (options.function)
      wanted.function = options.function;
    wanted.batch = options.batch;
    auto session = Session::open(model->model, wanted);
    if (!session)
      return session.error();
    *instance = new varve_instance{std::move(*session), {}, {}, {}, {}};
    return {};
  });
}

void varve_instance_close(varve_instance *instance) { delete instance; }

int varve_instance_initialize(varve_instance *instance, uint64_t seed,
                              varve_error *error) {
  return c::report(instance->session.initialize(seed), error);
}

int64_t varve_instance_measures(const varve_instance *instance,
                                const varve_measure **measure) {
  *measure = instance->measureViews.data();
  return static_cast<int64_t>(instance->measureViews.size());
}

double varve_instance_measure(const varve_instance *instance,
                              const char *name) {
  for (const Measure &measure : instance->measures)
    if (measure.first == name)
      return measure.second;
  return std::numeric_limits<double>::quiet_NaN();
}

int varve_instance_run(varve_instance *instance, const varve_array *input,
                       int64_t inputs, int prepare, const varve_array **output,
                       int64_t *outputs, varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto views = c::viewsOf(input, inputs);
    if (!views)
      return views.error();
    auto made = instance->session.run(*views, prepare != 0);
    if (!made)
      return made.error();
    instance->outputs = std::move(*made);
    instance->outputViews.clear();
    for (const NamedTensor &each : instance->outputs)
      instance->outputViews.push_back(
          {each.name.c_str(), static_cast<int64_t>(each.value.type),
           static_cast<int64_t>(each.value.shape.size()),
           each.value.shape.data(), each.value.data.data()});
    *output = instance->outputViews.data();
    *outputs = static_cast<int64_t>(instance->outputViews.size());
    return {};
  });
}

int varve_instance_save(const varve_instance *instance, const char *path,
                        varve_error *error) {
  return c::reported(error,
                     [&] { return instance->session.saveWeights(path); });
}

int varve_instance_load(varve_instance *instance, const char *path,
                        varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto loaded = instance->session.loadWeights(path);
    return loaded ? Status() : Status(loaded.error());
  });
}

int varve_instance_save_checkpoint(const varve_instance *instance,
                                   const char *folder, varve_error *error) {
  return c::reported(error,
                     [&] { return instance->session.saveCheckpoint(folder); });
}

int varve_instance_load_checkpoint(varve_instance *instance, const char *folder,
                                   varve_error *error) {
  return c::reported(error,
                     [&] { return instance->session.loadCheckpoint(folder); });
}

int varve_instance_get_state(const varve_instance *instance, const char *name,
                             void *values, size_t bytes, varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto state = instance->session.state(name);
    if (!state)
      return state.error();
    if (state->data.size() != bytes)
      return Error{fmt::format("'{}' has {} bytes, not {}", name,
                               state->data.size(), bytes),
                   ErrorKind::Usage};
    std::memcpy(values, state->data.data(), bytes);
    return {};
  });
}

int varve_instance_set_state(varve_instance *instance, const varve_array *value,
                             varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto view = c::viewOf(*value);
    if (!view)
      return view.error();
    return instance->session.setState(*view);
  });
}
