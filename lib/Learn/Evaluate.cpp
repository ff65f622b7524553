// Evaluation in whole batches and one remainder.
#include "Learn/Evaluate.h"
#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace varve {

Result<Evaluator> Evaluator::create(Program &program, const Dataset &data,
                                    std::vector<int64_t> samples, int64_t batch,
                                    const StepSettings &settings) {
  auto count = static_cast<int64_t>(samples.size());
  if (count == 0)
    return Error{"there are no samples to evaluate"};
  Evaluator evaluator;
  ArtifactRequest request{"eval_step", {}};
  if (count >= batch)
    request.batches.push_back(batch);
  if (count % batch)
    request.batches.push_back(count % batch);
  if (Status got = program.require(request); !got)
    return got.error();
  for (int64_t size : request.batches) {
    Result<Call> call =
        Call::bind(program, *program.find("eval_step", size), data, settings);
    if (!call)
      return call.error();
    (size == batch ? evaluator.whole : evaluator.rest) = std::move(*call);
  }
  const Call &any = evaluator.whole ? *evaluator.whole : *evaluator.rest;
  evaluator.sums.resize(any.measures().size());
  evaluator.samples = std::move(samples);
  return evaluator;
}

std::vector<Measure> Evaluator::run(int64_t epoch) {
  std::fill(sums.begin(), sums.end(), 0);
  auto position = samples.begin();
  auto step = [&](Call &call) {
    std::copy_n(position, call.batch(), call.indices());
    position += call.batch();
    call.run();
    call.accumulate(sums.data());
  };
  if (whole) {
    whole->setEpoch(epoch);
    while (samples.end() - position >= whole->batch())
      step(*whole);
  }
  if (rest) {
    rest->setEpoch(epoch);
    step(*rest);
  }
  std::vector<Measure> means;
  const Call &any = whole ? *whole : *rest;
  for (size_t i = 0; i < sums.size(); ++i)
    means.emplace_back(any.measures()[i],
                       sums[i] / static_cast<double>(samples.size()));
  return means;
}

Result<std::vector<Measure>> evaluate(Program &program, const Dataset &data,
                                      int64_t batch) {
  if (Status fine = checkLabels(program.manifest(), data); !fine)
    return fine.error();
  const auto &train = program.manifest().train;
  if (batch == 0 && train)
    batch = train->batch;
  if (batch <= 0)
    return Error{"the model says no batch to evaluate with"};
  StepSettings settings;
  if (train) {
    settings.seed = train->seed;
    settings.epochs = train->epochs;
    settings.steps = train->steps;
  }
  std::vector<int64_t> samples(static_cast<size_t>(data.samples));
  std::iota(samples.begin(), samples.end(), int64_t(0));
  Result<Evaluator> evaluator =
      Evaluator::create(program, data, std::move(samples), batch, settings);
  if (!evaluator)
    return evaluator.error();
  return evaluator->run();
}

namespace {

template <class T>
Status checkRange(const ManifestField &field, const Tensor &labels) {
  const T *label = labels.as<T>();
  for (int64_t i = 0, n = labels.elements(); i < n; ++i)
    if (label[i] < T(0) ||
        static_cast<uint64_t>(label[i]) >= static_cast<uint64_t>(field.classes))
      return Error{fmt::format("label {} of field '{}' (value {}) is not one "
                               "of the {} classes 0 to {}",
                               i, field.name, label[i], field.classes,
                               field.classes - 1)};
  return {};
}

} // namespace

Status checkLabels(const Manifest &manifest, const Dataset &data) {
  if (!manifest.train)
    return {};
  for (const ManifestField &field : manifest.train->data.fields) {
    const Tensor *labels = data.find(field.name);
    if (field.classes <= 0 || !labels)
      continue;
    Status fine;
    switch (labels->type) {
    case DType::I8:
      fine = checkRange<int8_t>(field, *labels);
      break;
    case DType::I16:
      fine = checkRange<int16_t>(field, *labels);
      break;
    case DType::I32:
      fine = checkRange<int32_t>(field, *labels);
      break;
    case DType::I64:
      fine = checkRange<int64_t>(field, *labels);
      break;
    case DType::U8:
      fine = checkRange<uint8_t>(field, *labels);
      break;
    case DType::U16:
      fine = checkRange<uint16_t>(field, *labels);
      break;
    case DType::U32:
      fine = checkRange<uint32_t>(field, *labels);
      break;
    case DType::U64:
      fine = checkRange<uint64_t>(field, *labels);
      break;
    default:
      break; // classes stored as floats or truth values index nothing
    }
    if (!fine)
      return fine;
  }
  return {};
}

} // namespace varve
