// What the verbs that run a model share.
#include "Model.h"
#include "Networks.h"
#include "Support/Npy.h"
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace varve::cli {
namespace {

template <class T> bool parse(std::string_view text, T &value) {
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

template <class T> bool assign(std::string_view text, std::optional<T> &to) {
  T value;
  if (!parse(text, value))
    return false;
  to = value;
  return true;
}

std::string unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// Takes a setting of the training loop. What is no plain number is an
// expression, which only the compiler evaluates.
bool takeSetting(std::string_view key, std::string_view value,
                 TrainOptions &options) {
  if (key == "batch")
    return assign(value, options.batch);
  if (key == "epochs")
    return assign(value, options.epochs);
  if (key == "steps")
    return assign(value, options.steps);
  if (key == "seed")
    return assign(value, options.seed);
  if (key == "validate")
    return assign(value, options.validate);
  if (key == "patience")
    return assign(value, options.patience);
  if (key == "checkpoint_every")
    return assign(value, options.checkpointEvery);
  if (key == "monitor")
    options.monitor = unquoted(value);
  else if (key == "init_from")
    options.initFrom = unquoted(value);
  else
    return false;
  return true;
}

// Sorts the settings into those of the run and those of the compiler.
Result<std::vector<std::string>> sortSets(const std::vector<std::string> &sets,
                                          TrainOptions &options) {
  std::vector<std::string> compiled;
  for (const std::string &set : sets) {
    size_t equal = set.find('=');
    if (equal == std::string::npos || equal == 0)
      return Error{fmt::format("--set takes KEY=VALUE, not '{}'", set),
                   ErrorKind::Usage};
    std::string key = set.substr(0, equal);
    std::string_view value = std::string_view(set).substr(equal + 1);
    double number;
    if (key.rfind("optimizer.", 0) == 0 && parse(value, number))
      options.hyper[key] = number;
    else if (!takeSetting(key, value, options))
      compiled.push_back(set);
  }
  return compiled;
}

// Moves settings that look like hyperparameters, but are none of the compiled
// function's inputs, to the compiler.
bool moveUnknownHyper(const varve_function_desc &function,
                      const std::vector<std::string> &sets,
                      TrainOptions &options,
                      std::vector<std::string> &compiled) {
  bool moved = false;
  for (auto it = options.hyper.begin(); it != options.hyper.end();) {
    bool known = false;
    for (int64_t i = 0; i < function.inputs; ++i)
      known |= function.args[i].kind == VARVE_ARG_HYPER &&
               it->first == function.args[i].name;
    if (known) {
      ++it;
      continue;
    }
    for (const std::string &set : sets)
      if (set.compare(0, it->first.size() + 1, it->first + "=") == 0)
        compiled.push_back(set);
    it = options.hyper.erase(it);
    moved = true;
  }
  return moved;
}

} // namespace

Result<Model> openModel(const ModelArgs &args, const std::string &function,
                        int64_t batch) {
  TrainOptions settings;
  auto compiled = sortSets(args.sets, settings);
  if (!compiled)
    return compiled.error();
  if (batch == 0)
    batch = settings.batch.value_or(0);
  if (isOnnx(args.file) && function != "infer")
    return Error{fmt::format("'{}' says what to compute, not how to learn or "
                             "what to measure: that is in a file for --config",
                             args.file),
                 ErrorKind::Usage};
  while (true) {
    auto opened = Artifacts::open(
        {args.file, *compiled, "", args.disabledPasses, args.profile});
    if (!opened)
      return opened.error();
    auto artifacts = std::make_shared<Artifacts>(std::move(*opened));
    auto source = [artifacts](const ArtifactRequest &request) {
      return artifacts->get(request.function, request.batches);
    };
    auto program = Program::open(source, args.threads, {function, {batch}});
    if (!program)
      return program.error();
    if (Status taken = takeNetworkWeights(args, *program); !taken)
      return taken.error();
    if ((function == "train_step" || function == "train_batch") &&
        moveUnknownHyper(*program->find(function, batch), args.sets, settings,
                         *compiled))
      continue;
    return Model{std::move(artifacts), std::move(*program),
                 std::move(settings)};
  }
}

Result<LoadedWeights> openWeights(Program &program, const std::string &file) {
  if (!file.empty())
    return loadWeights(program, file);
  if (Status filled = checkFilled(program); !filled)
    return filled.error();
  return LoadedWeights();
}

Result<DataSource>
openData(const ModelArgs &model, const DataArgs &args, const Manifest &manifest,
         const std::map<std::string, std::string> &metadata) {
  if (!manifest.train)
    return Error{fmt::format("model '{}' has no `train` block that says what "
                             "its data are",
                             manifest.model)};
  std::filesystem::path folder =
      std::filesystem::path(model.file).parent_path();
  DataLocation location{args.data, args.dataDir, folder.string(), {}};
  location.tokenizer.given = args.tokenizer;
  location.tokenizer.metadata = metadata;
  return DataSource::open(manifest.train->data, location);
}

Result<Dataset> loadData(const DataSource &source, DataSplit split,
                         const DataArgs &args) {
  auto data = source.load(split, {args.limit, args.skipBad});
  if (data)
    for (const std::string &note : data->notes)
      fmt::print(stderr, "varve: warning: {}\n", note);
  return data;
}

Result<std::vector<NamedTensor>>
readArrays(const std::string &flag, const std::vector<std::string> &texts) {
  std::vector<NamedTensor> result;
  for (const std::string &text : texts) {
    size_t equal = text.find('=');
    if (equal == std::string::npos || equal == 0)
      return Error{fmt::format("{} takes NAME=FILE.npy, not '{}'", flag, text),
                   ErrorKind::Usage};
    std::string name = text.substr(0, equal);
    for (const NamedTensor &other : result)
      if (other.name == name)
        return Error{fmt::format("{} {} is given twice", flag, name)};
    auto value = readNpy(text.substr(equal + 1));
    if (!value)
      return value.error();
    result.push_back({std::move(name), std::move(*value)});
  }
  return result;
}

/// Fills the buffer of an argument of `what`.
static Status fill(Tensor &buffer, const varve_tensor_desc &desc,
                   const TensorsByName &values, const char *what) {
  auto found = values.find(desc.name);
  if (found == values.end()) {
    if (desc.kind != VARVE_ARG_INPUT)
      return {};
    return Error{fmt::format("{} '{}' ({}) is missing", what, desc.name,
                             toString(buffer.type, buffer.shape))};
  }
  const Tensor &value = *found->second;
  if (value.type != buffer.type || value.shape != buffer.shape)
    return Error{fmt::format("{} '{}' is {}, the model takes {}", what,
                             desc.name, toString(value.type, value.shape),
                             toString(buffer.type, buffer.shape))};
  buffer.data = value.data;
  return {};
}

/// Whether the machine has the memory of a call: more is not allocated, since
/// systems give it and end the process that uses it.
static Status checkMemory(const varve_function_desc &function) {
  auto bytes = static_cast<double>(function.arena_bytes);
  for (int64_t i = 0; i < function.inputs + function.results; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    auto size = static_cast<double>(byteSize(static_cast<DType>(desc.dtype)));
    for (int64_t axis = 0; axis < desc.rank; ++axis)
      size *= static_cast<double>(desc.shape[axis]);
    bytes += size;
  }
  double have = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes <= have)
    return {};
  return Error{fmt::format("'{}' needs {:.1f} GB for its tensors, and the "
                           "machine has {:.1f} GB",
                           function.name, bytes / 1e9, have / 1e9)};
}

Result<std::vector<Tensor>> callFunction(Program &program,
                                         const varve_function_desc &function,
                                         const TensorsByName &inputs,
                                         const TensorsByName &cotangents) {
  if (Status fits = checkMemory(function); !fits)
    return fits.error();
  std::vector<Tensor> buffers = zerosFor(function, 0);
  for (int64_t i = 0; i < function.inputs; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    Tensor &buffer = buffers[static_cast<size_t>(i)];
    Status filled;
    if (desc.kind == VARVE_ARG_INPUT)
      filled = fill(buffer, desc, inputs, "input");
    if (desc.kind == VARVE_ARG_COTANGENT)
      filled = fill(buffer, desc, cotangents, "cotangent");
    if (!filled)
      return filled.error();
  }
  program.call(function, buffers);
  buffers.erase(buffers.begin(), buffers.begin() + function.inputs);
  return buffers;
}

void showWarnings(const Model &model) {
  std::fputs(model.artifacts->warnings().c_str(), stderr);
}

} // namespace varve::cli
