// Writes and reads checkpoints.
#include "Learn/Checkpoint.h"
#include "Support/File.h"
#include "Support/Safetensors.h"
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace varve {
namespace {

using nlohmann::json;

constexpr const char *format = "varve checkpoint 1";

/// Doubles are printed so that reading gives the same bits.
std::string progressText(const TrainProgress &progress) {
  const TrainSettings &settings = progress.settings;
  json root = {
      {"batch", settings.batch},       {"epochs", settings.epochs},
      {"steps", settings.steps},       {"seed", settings.seed},
      {"validate", settings.validate}, {"patience", settings.patience},
      {"monitor", settings.monitor},   {"hyper", settings.hyper},
      {"samples", progress.samples},   {"epoch", progress.epoch},
      {"step", progress.step},         {"total_steps", progress.totalSteps},
      {"sums", progress.sums},         {"last", progress.last},
      {"stopped", progress.stopped},
  };
  if (progress.best)
    root["best"] = {{"value", *progress.best}, {"epoch", progress.bestEpoch}};
  return root.dump();
}

/// A file that is no checkpoint of ours may hold anything; the library's
/// exceptions end here.
std::optional<TrainProgress> parseProgress(const std::string &text) {
  try {
    json root = json::parse(text);
    TrainProgress progress;
    TrainSettings &settings = progress.settings;
    root.at("batch").get_to(settings.batch);
    root.at("epochs").get_to(settings.epochs);
    root.at("steps").get_to(settings.steps);
    root.at("seed").get_to(settings.seed);
    root.at("validate").get_to(settings.validate);
    root.at("patience").get_to(settings.patience);
    root.at("monitor").get_to(settings.monitor);
    root.at("hyper").get_to(settings.hyper);
    root.at("samples").get_to(progress.samples);
    root.at("epoch").get_to(progress.epoch);
    root.at("step").get_to(progress.step);
    root.at("total_steps").get_to(progress.totalSteps);
    root.at("sums").get_to(progress.sums);
    root.at("last").get_to(progress.last);
    root.at("stopped").get_to(progress.stopped);
    if (auto best = root.find("best"); best != root.end()) {
      progress.best = best->at("value").get<double>();
      best->at("epoch").get_to(progress.bestEpoch);
    }
    return progress;
  } catch (const json::exception &) {
    return std::nullopt;
  }
}

std::string lookUp(const std::map<std::string, std::string> &metadata,
                   const char *key) {
  auto it = metadata.find(key);
  return it == metadata.end() ? std::string() : it->second;
}

Status checkOwner(const std::string &path,
                  const std::map<std::string, std::string> &metadata,
                  const Program &program) {
  if (lookUp(metadata, "format") != format)
    return Error{fmt::format("{} is no checkpoint of this version (its format "
                             "is '{}', not '{}')",
                             path, lookUp(metadata, "format"), format)};
  const varve_artifact &artifact = program.artifact();
  std::string model = lookUp(metadata, "model");
  std::string digest = lookUp(metadata, "digest");
  if (digest != artifact.digest)
    return Error{fmt::format(
        "{} is the checkpoint of another program: model '{}' ({:.12}), not "
        "'{}' ({:.12}); take another folder, or start without --resume",
        path, model, digest, artifact.name, artifact.digest)};
  return {};
}

Result<const Tensor *> findState(const Safetensors &file,
                                 const std::string &path, const char *part,
                                 const varve_state_desc &state) {
  std::string name = fmt::format("{}/{}", part, state.name);
  const Tensor *value = file.find(name);
  if (!value)
    return Error{fmt::format("{}: no '{}'", path, name)};
  std::vector<int64_t> shape(state.shape, state.shape + state.rank);
  auto type = static_cast<DType>(state.dtype);
  if (value->type != type || value->shape != shape)
    return Error{fmt::format("{}: '{}' is {}, not {}", path, name,
                             toString(value->type, value->shape),
                             toString(type, shape))};
  return value;
}

} // namespace

std::string checkpointFile(const std::string &folder) {
  return (std::filesystem::path(folder) / "checkpoint.safetensors").string();
}

Status saveCheckpoint(const std::string &folder, const Program &program,
                      const TrainProgress &progress, const Snapshot &best) {
  if (Status made = makeFolders(folder); !made)
    return made;
  const varve_artifact &artifact = program.artifact();
  std::vector<Tensor> values;
  std::vector<SafetensorsEntry> entries;
  auto add = [&](const char *part, const varve_state_desc &state,
                 Tensor value) {
    entries.push_back({fmt::format("{}/{}", part, state.name), value.type,
                       value.shape, value.data.data()});
    values.push_back(std::move(value));
  };
  for (int64_t i = 0; i < artifact.states; ++i)
    add("state", artifact.state[i], program.exportState(i));
  for (int64_t i = 0; !best.empty() && i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (!Snapshot::holds(state))
      continue;
    Tensor value(static_cast<DType>(state.dtype),
                 {state.shape, state.shape + state.rank});
    varve_state_export(&state, best.physical(i), value.data.data());
    add("best", state, std::move(value));
  }
  std::map<std::string, std::string> metadata = program.metadata();
  metadata["format"] = format;
  metadata["model"] = artifact.name;
  metadata["digest"] = artifact.digest;
  metadata["progress"] = progressText(progress);
  return writeSafetensors(checkpointFile(folder), entries, metadata);
}

Result<std::optional<TrainProgress>> readProgress(const std::string &folder,
                                                  const Program &program) {
  std::string path = checkpointFile(folder);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return std::optional<TrainProgress>();
  auto metadata = readSafetensorsMetadata(path);
  if (!metadata)
    return metadata.error();
  if (Status own = checkOwner(path, *metadata, program); !own)
    return own.error();
  std::optional<TrainProgress> progress =
      parseProgress(lookUp(*metadata, "progress"));
  if (!progress)
    return Error{path + ": the checkpoint's progress is malformed"};
  return progress;
}

Status loadCheckpoint(const std::string &folder, Program &program,
                      Snapshot &best) {
  std::string path = checkpointFile(folder);
  Result<Safetensors> file = readSafetensors(path);
  if (!file)
    return file.error();
  const varve_artifact &artifact = program.artifact();
  bool hasBest = false;
  for (const auto &[name, value] : file->tensors)
    hasBest |= name.compare(0, 5, "best/") == 0;
  std::vector<const Tensor *> states, bests;
  for (int64_t i = 0; i < artifact.states; ++i) {
    auto state = findState(*file, path, "state", artifact.state[i]);
    if (!state)
      return state.error();
    states.push_back(*state);
    bests.push_back(nullptr);
    if (!hasBest || !Snapshot::holds(artifact.state[i]))
      continue;
    auto kept = findState(*file, path, "best", artifact.state[i]);
    if (!kept)
      return kept.error();
    bests.back() = *kept;
  }
  for (int64_t i = 0; i < artifact.states; ++i) {
    auto at = static_cast<size_t>(i);
    varve_session_import(program.session(), i, states[at]->data.data());
    if (bests[at])
      varve_state_import(&artifact.state[i], bests[at]->data.data(),
                         best.physical(program, i));
  }
  program.metadata() = keptMetadata(file->metadata);
  return {};
}

} // namespace varve
