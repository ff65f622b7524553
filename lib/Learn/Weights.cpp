// Weight files and the snapshot of the best weights.
#include "Learn/Weights.h"
#include "Support/LowRank.h"
#include "Support/Pattern.h"
#include "Support/Torch.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <string_view>

namespace varve {

bool isWeight(const varve_state_desc &state) {
  return (state.role == VARVE_PARAM || state.role == VARVE_RUNNING) &&
         std::string_view(state.name).substr(0, 6) != "stage.";
}

std::map<std::string, std::string>
keptMetadata(const std::map<std::string, std::string> &metadata) {
  std::map<std::string, std::string> kept;
  for (const char *key : {"tokenizer", "characters"})
    if (auto found = metadata.find(key); found != metadata.end())
      kept.insert(*found);
  return kept;
}

/// The moving average of state variable `index`, if it has one.
static std::optional<int64_t> averageOf(const varve_artifact &artifact,
                                        int64_t index) {
  for (int64_t i = 0; i < artifact.states; ++i)
    if (artifact.state[i].role == VARVE_AVERAGE && artifact.state[i].of &&
        std::string_view(artifact.state[i].of) == artifact.state[index].name)
      return i;
  return std::nullopt;
}

namespace {

std::string theirName(const Manifest::NameMap &map, const std::string &ours) {
  for (size_t i = 0; i < map.ours.size(); ++i)
    if (auto theirs = renameByPattern(map.ours[i], map.theirs[i], ours))
      return *theirs;
  return ours;
}

std::string typeOf(const varve_state_desc &state) {
  return toString(static_cast<DType>(state.dtype),
                  {state.shape, state.shape + state.rank});
}

std::string typeOf(const Tensor &tensor) {
  return toString(tensor.type, tensor.shape);
}

/// PyTorch's batch norm counts batches, for a momentum of none that we lack.
bool isCounter(std::string_view name) {
  constexpr std::string_view end = "num_batches_tracked";
  return name.size() >= end.size() &&
         name.substr(name.size() - end.size()) == end;
}

/// What a file has for a program's weights under one choice of names.
struct Fit {
  std::string map; ///< empty: the program's own
  std::vector<std::pair<int64_t, const Tensor *>> fits;
  /// A line for each: weights without a tensor, with one that does not fit,
  /// tensors that nothing takes.
  std::vector<std::string> missing, misfits, extra;
  std::vector<std::string> extraNames;
  /// It lacks weights that it may lack; whether those are there already.
  bool open = false, based = true;

  bool complete() const { return missing.empty() && misfits.empty(); }
};

/// Whether a variable is as the network has it that it came with.
bool isConstant(const Program &program, const varve_state_desc &state) {
  if (state.role != VARVE_RUNNING || !program.hasBase(state.name))
    return false;
  const auto &moving = program.manifest().imports->moving;
  return std::find(moving.begin(), moving.end(), state.name) == moving.end();
}

/// Weights that a file may lack: low-rank updates that begin as they are; and
/// where the file has those, what they stand on.
std::set<std::string> optionalWeights(const Program &program,
                                      const Safetensors &file) {
  const Manifest &manifest = program.manifest();
  std::set<std::string> names;
  bool any = false;
  for (const Manifest::Adapter &adapter : manifest.adapters) {
    names.insert({adapter.a, adapter.b});
    any |= file.find(adapter.a) || file.find(adapter.b);
  }
  if (!any)
    return names;
  names.clear();
  names.insert(manifest.frozen.begin(), manifest.frozen.end());
  const varve_artifact &artifact = program.artifact();
  for (int64_t i = 0; i < artifact.states; ++i)
    if (isConstant(program, artifact.state[i]))
      names.insert(artifact.state[i].name);
  return names;
}

Fit fitWeights(const Program &program, const Safetensors &file,
               const Manifest::NameMap *map) {
  const varve_artifact &artifact = program.artifact();
  Fit fit;
  const std::set<std::string> optional = optionalWeights(program, file);
  std::set<std::string> updates;
  for (const Manifest::Adapter &adapter : program.manifest().adapters)
    updates.insert({adapter.a, adapter.b});
  if (map)
    fit.map = map->name;
  std::set<std::string> taken;
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (!isWeight(state))
      continue;
    std::string name = map ? theirName(*map, state.name) : state.name;
    std::string shown = name == state.name
                            ? fmt::format("'{}'", name)
                            : fmt::format("'{}' (here '{}')", name, state.name);
    const Tensor *value = file.find(name);
    if (!value && optional.count(state.name)) {
      fit.open = true;
      fit.based &=
          updates.count(state.name) || program.hasBase(state.name);
      continue;
    }
    if (!value) {
      fit.missing.push_back(fmt::format("{}: {}", shown, typeOf(state)));
      continue;
    }
    taken.insert(name);
    std::vector<int64_t> shape(state.shape, state.shape + state.rank);
    if (value->type == static_cast<DType>(state.dtype) && value->shape == shape)
      fit.fits.push_back({i, value});
    else
      fit.misfits.push_back(fmt::format("{}: {}, the model's is {}", shown,
                                        typeOf(*value), typeOf(state)));
  }
  for (const auto &[name, value] : file.tensors)
    if (!taken.count(name) && !isCounter(name)) {
      fit.extra.push_back(fmt::format("'{}': {}", name, typeOf(value)));
      fit.extraNames.push_back(name);
    }
  return fit;
}

/// The first choice that all weights fit, else the one that most fit.
Fit chooseNames(const Program &program, const Safetensors &file) {
  Fit best = fitWeights(program, file, nullptr);
  for (const Manifest::NameMap &map : program.manifest().names) {
    if (best.complete())
      break;
    Fit next = fitWeights(program, file, &map);
    if (next.complete() || next.fits.size() > best.fits.size())
      best = std::move(next);
  }
  return best;
}

std::string listOf(const Fit &fit) {
  std::string text;
  auto list = [&](const char *title, const std::vector<std::string> &lines) {
    if (!lines.empty())
      text += fmt::format("\n{}:\n  {}", title, fmt::join(lines, "\n  "));
  };
  list("missing", fit.missing);
  list("of another type or shape", fit.misfits);
  list("not in the model", fit.extra);
  return text;
}

} // namespace

Result<const Manifest::NameMap *> findNames(const Program &program,
                                            const std::string &names) {
  std::string known;
  for (const Manifest::NameMap &map : program.manifest().names) {
    if (map.name == names)
      return &map;
    known += (known.empty() ? "" : ", ") + map.name;
  }
  if (names.empty())
    return nullptr;
  return Error{fmt::format("the model has no names '{}'; it has {}", names,
                           known.empty() ? "its own only" : known),
               ErrorKind::Usage};
}

std::map<std::string, Tensor> exportWeights(const Program &program,
                                            Updates updates) {
  const varve_artifact &artifact = program.artifact();
  const Manifest &manifest = program.manifest();
  // What stands still is in the file that it came from, if it came from one.
  std::set<std::string> left;
  bool isNamed = manifest.train && !manifest.train->initFrom.empty();
  if (!manifest.adapters.empty() && updates == Updates::Alone)
    for (const std::string &name : manifest.frozen)
      if (isNamed || program.hasBase(name))
        left.insert(name);
  std::map<std::string, Tensor> values;
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (isWeight(state) && !left.count(state.name) &&
        !(isConstant(program, state) && !manifest.adapters.empty() &&
          updates == Updates::Alone))
      values.emplace(state.name,
                     program.exportState(averageOf(artifact, i).value_or(i)));
  }
  if (updates == Updates::Alone)
    return values;
  for (const Manifest::Adapter &adapter : manifest.adapters) {
    addLowRank(values.at(adapter.weight), values.at(adapter.a),
               values.at(adapter.b), adapter.scale, adapter.transposed);
    values.erase(adapter.a);
    values.erase(adapter.b);
  }
  return values;
}

Status checkFilled(const Program &program) {
  std::set<std::string> updates;
  for (const Manifest::Adapter &adapter : program.manifest().adapters)
    updates.insert({adapter.a, adapter.b});
  const varve_artifact &artifact = program.artifact();
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (isWeight(state) && !program.hasBase(state.name) &&
        !updates.count(state.name))
      return Error{fmt::format("'{}' has no value: --weights is required",
                               state.name),
                   ErrorKind::Usage};
  }
  return {};
}

Status saveWeights(const Program &program, const std::string &path,
                   const std::string &names, Updates updates) {
  auto found = findNames(program, names);
  if (!found)
    return found.error();
  const Manifest::NameMap *map = *found;
  std::map<std::string, Tensor> values = exportWeights(program, updates);
  std::vector<SafetensorsEntry> entries;
  const varve_artifact &artifact = program.artifact();
  for (int64_t i = 0; i < artifact.states; ++i) {
    auto value = values.find(artifact.state[i].name);
    if (value == values.end())
      continue;
    entries.push_back({map ? theirName(*map, value->first) : value->first,
                       value->second.type, value->second.shape,
                       value->second.data.data()});
  }
  std::map<std::string, std::string> metadata = program.metadata();
  metadata["model"] = artifact.name;
  return writeSafetensors(path, entries, metadata);
}

Result<LoadedWeights> loadWeights(Program &program, const std::string &path,
                                  bool partial) {
  Result<Safetensors> file = readWeightFile(path);
  if (!file)
    return file.error();
  Fit fit = chooseNames(program, *file);
  size_t wanted = fit.fits.size() + fit.missing.size() + fit.misfits.size();
  if (!fit.complete() && (!partial || fit.fits.empty()))
    return Error{fmt::format(
        "{}: {} of {} weights of model '{}' fit{}{}", path, fit.fits.size(),
        wanted, program.artifact().name,
        fit.map.empty() ? "" : fmt::format(" by the names '{}'", fit.map),
        listOf(fit))};
  if (fit.open && !fit.based) {
    const auto &train = program.manifest().train;
    std::string base = train ? train->initFrom : "";
    if (base.empty() || base == path)
      return Error{fmt::format("{} has low-rank updates alone: the model needs "
                               "`init_from`, the weights that they stand on",
                               path)};
    auto under = loadWeights(program, base);
    if (!under)
      return under.error();
  }
  for (auto [index, value] : fit.fits)
    varve_session_import(program.session(), index, value->data.data());
  varve_error error;
  if (!varve_session_initialize_copies(program.session(), &error))
    return Error{error.message};
  program.metadata() = keptMetadata(file->metadata);
  LoadedWeights loaded;
  loaded.extra = std::move(fit.extraNames);
  if (!fit.complete())
    loaded.left = fmt::format("{}: took {} of {} weights{}", path,
                              fit.fits.size(), wanted, listOf(fit));
  return loaded;
}

bool Snapshot::holds(const varve_state_desc &state) {
  return state.role == VARVE_PARAM || state.role == VARVE_RUNNING ||
         state.role == VARVE_AVERAGE;
}

void Snapshot::allocate(const Program &program) {
  const varve_artifact &artifact = program.artifact();
  if (!buffers.empty())
    return;
  buffers.resize(static_cast<size_t>(artifact.states));
  for (int64_t i = 0; i < artifact.states; ++i)
    if (holds(artifact.state[i]))
      buffers[static_cast<size_t>(i)].resize(
          static_cast<size_t>(artifact.state[i].bytes));
}

std::byte *Snapshot::physical(const Program &program, int64_t index) {
  allocate(program);
  return buffers[static_cast<size_t>(index)].data();
}

void Snapshot::capture(const Program &program) {
  allocate(program);
  for (size_t i = 0; i < buffers.size(); ++i)
    if (!buffers[i].empty())
      std::memcpy(
          buffers[i].data(),
          varve_session_state(program.session(), static_cast<int64_t>(i)),
          buffers[i].size());
}

void Snapshot::restore(Program &program) const {
  for (size_t i = 0; i < buffers.size(); ++i)
    if (!buffers[i].empty())
      std::memcpy(
          varve_session_state(program.session(), static_cast<int64_t>(i)),
          buffers[i].data(), buffers[i].size());
}

} // namespace varve
