// Decides the settings of a run.
#include "Learn/Settings.h"
#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace varve {
namespace {

Error usage(std::string message) {
  return {std::move(message), ErrorKind::Usage};
}

template <class T>
Status mustAgree(const char *name, const std::optional<T> &option,
                 const T &checkpoint) {
  if (!option || *option == checkpoint)
    return {};
  return usage(fmt::format("the checkpoint was made with {} {}, not {}; start "
                           "without --resume to change it",
                           name, checkpoint, *option));
}

Status checkRanges(const TrainSettings &settings) {
  if (settings.batch < 1)
    return usage(fmt::format("batch {} is below 1", settings.batch));
  if (settings.epochs < 0)
    return usage(fmt::format("epochs {} is below 0", settings.epochs));
  if (settings.steps < 0)
    return usage(fmt::format("steps {} is below 0", settings.steps));
  if (!(settings.validate >= 0 && settings.validate < 1))
    return usage(
        fmt::format("validate {} is outside 0 to 1", settings.validate));
  if (settings.patience < 0)
    return usage(fmt::format("patience {} is below 0", settings.patience));
  return {};
}

} // namespace

Result<TrainSettings> decideSettings(const Manifest &manifest,
                                     const TrainOptions &options,
                                     const TrainSettings *checkpoint) {
  if (!manifest.train)
    return Error{fmt::format("model '{}' has no train block", manifest.model)};
  TrainSettings settings;
  const int64_t accumulate = std::max<int64_t>(manifest.train->accumulate, 1);
  std::optional<int64_t> batch = options.batch;
  if (batch && *batch > 0 && *batch <= INT64_MAX / accumulate)
    *batch *= accumulate;
  if (checkpoint) {
    settings = *checkpoint;
    for (const Status &agrees :
         {mustAgree("batch", batch, settings.batch),
          mustAgree("seed", options.seed, settings.seed),
          mustAgree("validate", options.validate, settings.validate)})
      if (!agrees)
        return agrees.error();
  } else {
    const Manifest::Train &train = *manifest.train;
    settings.batch = batch.value_or(train.batch * accumulate);
    settings.epochs = train.epochs;
    settings.steps = train.steps;
    settings.seed = options.seed.value_or(train.seed);
    settings.validate = options.validate.value_or(train.validate);
    settings.patience = train.patience;
    settings.monitor = train.monitor;
  }
  if (options.epochs && options.steps)
    return usage("both epochs and steps are given; one decides");
  if (options.epochs) {
    settings.epochs = *options.epochs;
    settings.steps = 0;
  }
  if (options.steps) {
    settings.steps = *options.steps;
    settings.epochs = 0;
  }
  if (!options.epochs && !options.steps && !settings.epochs && !settings.steps)
    settings.epochs = 1;
  settings.patience = options.patience.value_or(settings.patience);
  settings.monitor = options.monitor.value_or(settings.monitor);
  if (settings.monitor.empty())
    settings.monitor = settings.validate > 0 ? "val_loss" : "loss";
  for (const auto &[name, value] : options.hyper)
    settings.hyper[name] = value;
  if (Status fine = checkRanges(settings); !fine)
    return fine.error();
  return settings;
}

bool largerIsBetter(const std::string &measure, const Manifest &manifest) {
  std::string_view name = measure;
  if (name.substr(0, 4) == "val_")
    name.remove_prefix(4);
  if (manifest.train) {
    const auto &losses = manifest.train->losses;
    if (std::find(losses.begin(), losses.end(), name) != losses.end())
      return false;
  }
  for (std::string_view smaller :
       {"loss", "error", "mae", "mse", "rmse", "perplexity", "distance"})
    if (name.find(smaller) != std::string_view::npos)
      return false;
  return true;
}

} // namespace varve
