// Sessions: a program of the training loop, and steps on the caller's arrays.
#include "Embed/SessionImpl.h"
#include "Learn/Checkpoint.h"
#include "Learn/Evaluate.h"
#include "Learn/Infer.h"
#include "Learn/Order.h"
#include "Learn/Train.h"
#include "Learn/Weights.h"
#include <filesystem>
#include <fmt/format.h>

namespace varve {
namespace {

TensorInfo infoOf(const varve_state_desc &state) {
  return {state.name,
          static_cast<DType>(state.dtype),
          {state.shape, state.shape + state.rank},
          0};
}

} // namespace

Samples::Samples(std::shared_ptr<const Dataset> data) : data(std::move(data)) {}
int64_t Samples::size() const { return data->samples; }

Session::Session(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Session::Session(Session &&) noexcept = default;
Session &Session::operator=(Session &&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::open(const Model &model,
                              const SessionOptions &options) {
  return guarded(options.allocator, [&]() -> Result<Session> {
    auto source = [model](const ArtifactRequest &request) {
      return model.compile(request.function, request.batches);
    };
    auto program =
        Program::open(source, options.threads,
                      {options.function, {options.batch}}, options.allocator);
    if (!program)
      return program.error();
    if (program->manifest().imports)
      return Error{"a model with an `import` is not supported in a session: "
                   "nothing reads the weights of its file",
                   ErrorKind::Unsupported};
    auto impl =
        std::make_unique<Impl>(model, options.allocator, std::move(*program));
    if (const auto &train = impl->program.manifest().train)
      impl->settings = {train->seed, 0, train->epochs, train->steps, {}};
    auto seed = static_cast<uint64_t>(impl->settings.seed);
    if (Status drawn = impl->program.initialize(seed); !drawn)
      return drawn.error();
    return Session(std::move(impl));
  });
}

std::string Session::name() const { return impl->program.artifact().name; }
std::string Session::digest() const { return impl->program.artifact().digest; }

std::vector<TensorInfo> Session::fields() const {
  std::vector<TensorInfo> result;
  if (const auto &train = impl->program.manifest().train)
    for (const FieldSpec &field : train->data.fields)
      result.push_back({field.name, field.type, field.shape, field.classes});
  return result;
}

std::vector<TensorInfo> Session::states() const {
  const varve_artifact &artifact = impl->program.artifact();
  std::vector<TensorInfo> result;
  for (int64_t i = 0; i < artifact.states; ++i)
    result.push_back(infoOf(artifact.state[i]));
  return result;
}

Result<Samples> Session::samples(std::vector<NamedTensor> arrays) const {
  return impl->guard([&]() -> Result<Samples> {
    auto spec = impl->memorySpec();
    if (!spec)
      return spec.error();
    std::vector<Dataset::Field> fields;
    for (NamedTensor &array : arrays)
      fields.push_back({array.name, std::move(array.value)});
    auto data = fitDataset(*spec, std::move(fields), "samples");
    if (!data)
      return data.error();
    return Samples(std::make_shared<const Dataset>(std::move(*data)));
  });
}

Result<Samples> Session::samples(const std::vector<ArrayView> &arrays) const {
  return impl->guard([&]() -> Result<Samples> {
    std::vector<NamedTensor> copies;
    for (const ArrayView &array : arrays) {
      auto copy = copyOf(array);
      if (!copy)
        return copy.error();
      copies.push_back({array.name, std::move(*copy)});
    }
    return samples(std::move(copies));
  });
}

Result<Samples> Session::loadSamples(const std::string &data,
                                     const std::string &folder,
                                     SamplesPart part) const {
  return impl->guard([&]() -> Result<Samples> {
    if (Status trained = impl->mustTrain(); !trained)
      return trained.error();
    std::filesystem::path model = impl->model.options().path;
    auto source = DataSource::open(impl->program.manifest().train->data,
                                   {data, folder, model.parent_path()});
    if (!source)
      return source.error();
    auto loaded = source->load(part == SamplesPart::Train ? DataSplit::Train
                                                          : DataSplit::Test);
    if (!loaded)
      return loaded.error();
    return Samples(std::make_shared<const Dataset>(std::move(*loaded)));
  });
}

Status Session::initialize(uint64_t seed) {
  return impl->guard([&]() -> Status {
    if (Status drawn = impl->program.initialize(seed); !drawn)
      return drawn;
    impl->steps = 0;
    impl->settings.seed = static_cast<int64_t>(seed);
    impl->settings.epoch = 0;
    impl->forgetCalls();
    return {};
  });
}

Status Session::configure(const StepSettings &settings) {
  return impl->guard([&] { return impl->configure(settings); });
}

const StepSettings &Session::settings() const { return impl->settings; }
const std::vector<Measure> &Session::measures() const { return impl->measures; }
int64_t Session::steps() const { return impl->steps; }

Result<double> Session::step(const std::vector<ArrayView> &batch) {
  return impl->guard([&] { return impl->step(batch); });
}

Result<double> Session::step(const Samples &samples, const int64_t *index,
                             int64_t count) {
  return impl->guard([&] { return impl->step(samples.data, index, count); });
}

Result<TrainOutcome> Session::train(const Samples &samples,
                                    const TrainOptions &options,
                                    const Samples *test) {
  return impl->guard([&]() -> Result<TrainOutcome> {
    auto outcome = varve::train(impl->program, *samples.data,
                                test ? test->data.get() : nullptr, options);
    if (!outcome)
      return outcome;
    bool goesOn = options.keepState && !options.resume;
    impl->steps = (goesOn ? impl->steps : 0) + outcome->steps;
    return outcome;
  });
}

Result<std::vector<Measure>> Session::evaluate(const Samples &samples,
                                               int64_t batch) {
  return impl->guard(
      [&] { return varve::evaluate(impl->program, *samples.data, batch); });
}

Result<std::vector<NamedTensor>>
Session::run(const std::vector<ArrayView> &inputs, bool prepare) {
  return impl->guard([&] { return infer(impl->program, inputs, prepare); });
}

Status Session::saveWeights(const std::string &path) const {
  return impl->guard([&] { return varve::saveWeights(impl->program, path); });
}

Result<std::vector<std::string>> Session::loadWeights(const std::string &path) {
  return impl->guard([&]() -> Result<std::vector<std::string>> {
    auto loaded = varve::loadWeights(impl->program, path);
    if (!loaded)
      return loaded.error();
    return std::move(loaded->extra);
  });
}

Status Session::saveCheckpoint(const std::string &folder) const {
  return impl->guard([&]() -> Status {
    if (Status trained = impl->mustTrain(); !trained)
      return trained;
    const StepSettings &settings = impl->settings;
    TrainProgress progress;
    const auto &train = *impl->program.manifest().train;
    progress.settings.batch = train.batch * train.accumulate;
    progress.settings.epochs = settings.epochs;
    progress.settings.steps = settings.steps;
    progress.settings.seed = settings.seed;
    progress.settings.hyper = settings.hyper;
    progress.epoch = settings.epoch;
    progress.totalSteps = impl->steps;
    return varve::saveCheckpoint(folder, impl->program, progress, Snapshot());
  });
}

Status Session::loadCheckpoint(const std::string &folder) {
  return impl->guard([&]() -> Status {
    auto progress = readProgress(folder, impl->program);
    if (!progress)
      return progress.error();
    if (!*progress)
      return Error{fmt::format("there is no checkpoint in '{}'", folder)};
    Snapshot best;
    if (Status loaded = varve::loadCheckpoint(folder, impl->program, best);
        !loaded)
      return loaded;
    const TrainProgress &found = **progress;
    impl->steps = found.totalSteps;
    impl->settings = {found.settings.seed, found.epoch, found.settings.epochs,
                      found.settings.steps, found.settings.hyper};
    impl->forgetCalls();
    return {};
  });
}

Result<Tensor> Session::state(const std::string &name) const {
  return impl->guard([&]() -> Result<Tensor> {
    auto index = impl->findState(name);
    if (!index)
      return index.error();
    return impl->program.exportState(*index);
  });
}

Status Session::setState(const ArrayView &value) {
  return impl->guard([&]() -> Status {
    auto index = impl->findState(value.name);
    if (!index)
      return index.error();
    auto copy = copyOf(value);
    if (!copy)
      return copy.error();
    return impl->program.importState(*index, *copy);
  });
}

std::vector<int64_t> epochOrder(int64_t n, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> order(n > 0 ? static_cast<size_t>(n) : 0);
  shuffleSamples(seed, epoch, order);
  return order;
}

} // namespace varve
