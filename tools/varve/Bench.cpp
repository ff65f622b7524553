// `varve bench`: the time of one call of a compiled function, on random data.
// At least 16 different batches are cycled, so that no batch stays in a cache
// that training would not keep it in, and state is updated for real.
#include "Learn/Report.h"
#include "Limits.h"
#include "Model.h"
#include "Verbs.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t batches = 16;
// Enough for a median that repeats, however long a call takes.
constexpr size_t leastCalls = 20;
constexpr int64_t cachedBytes = 1 << 20;

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// xorshift64*: cheap, so that a bench begins at once.
class Random {
public:
  uint64_t next() {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dull;
  }
  uint64_t below(uint64_t bound) { return (next() >> 32) * bound >> 32; }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  uint64_t state = 0x9e3779b97f4a7c15ull;
};

template <class T>
void fillIntegers(Tensor &tensor, uint64_t bound, Random &random) {
  for (int64_t i = 0, n = tensor.elements(); i < n; ++i)
    tensor.as<T>()[i] = static_cast<T>(random.below(bound));
}

// Floats in [0, 1), labels below their number of classes, bytes over their
// whole range, other integers 0 or 1.
void fillRandom(Tensor &tensor, int64_t classes, Random &random) {
  uint64_t bound = classes > 0 ? static_cast<uint64_t>(classes) : 2;
  switch (tensor.type) {
  case DType::F32:
    for (int64_t i = 0, n = tensor.elements(); i < n; ++i)
      tensor.as<float>()[i] = static_cast<float>(random.uniform());
    return;
  case DType::F64:
    for (int64_t i = 0, n = tensor.elements(); i < n; ++i)
      tensor.as<double>()[i] = random.uniform();
    return;
  case DType::F16: // 0x3800 is 0.5, and so on up to 1
    for (int64_t i = 0, n = tensor.elements(); i < n; ++i)
      tensor.as<uint16_t>()[i] =
          static_cast<uint16_t>(0x3800 + random.below(0x400));
    return;
  case DType::BF16:
    for (int64_t i = 0, n = tensor.elements(); i < n; ++i)
      tensor.as<uint16_t>()[i] =
          static_cast<uint16_t>(0x3f00 + random.below(0x80));
    return;
  case DType::U8:
    return fillIntegers<uint8_t>(tensor, classes > 0 ? bound : 256, random);
  case DType::Bool:
  case DType::I8:
    return fillIntegers<uint8_t>(tensor, bound, random);
  case DType::I16:
  case DType::U16:
    return fillIntegers<uint16_t>(tensor, bound, random);
  case DType::I32:
  case DType::U32:
    return fillIntegers<uint32_t>(tensor, bound, random);
  case DType::I64:
  case DType::U64:
    return fillIntegers<uint64_t>(tensor, bound, random);
  }
}

// A scalar that a step takes besides data.
Tensor scalarOf(const varve_tensor_desc &desc) {
  Tensor value(static_cast<DType>(desc.dtype), {});
  if (desc.kind == VARVE_ARG_HYPER)
    *value.as<float>() = static_cast<float>(desc.default_value);
  else if (desc.kind == VARVE_ARG_EPOCHS)
    *value.as<int64_t>() = 1;
  else if (desc.kind == VARVE_ARG_STEPS)
    *value.as<int64_t>() = 1000;
  return value;
}

/// The arguments of a function, for each of the batches.
class Arguments {
public:
  Arguments(const varve_function_desc &function, const Manifest &manifest)
      : sets(batches) {
    for (int64_t i = 0; i < function.inputs + function.results; ++i)
      add(function, function.args[i], i >= function.inputs, manifest);
  }

  void *const *batch(size_t number) const {
    return sets[number % sets.size()].data();
  }

private:
  void add(const varve_function_desc &function, const varve_tensor_desc &desc,
           bool result, const Manifest &manifest) {
    auto type = static_cast<DType>(desc.dtype);
    std::vector<int64_t> shape(desc.shape, desc.shape + desc.rank);
    int64_t samples = batches * function.batch;
    if (desc.kind == VARVE_ARG_FIELD) {
      shape[0] = rowsOf(samples, manifest);
      Tensor field(type, shape);
      fillRandom(field, classesOf(desc.name, manifest), random);
      return addShared(std::move(field));
    }
    if (result || desc.kind == VARVE_ARG_HYPER || desc.kind == VARVE_ARG_SEED ||
        desc.kind >= VARVE_ARG_EPOCH)
      return addShared(result ? Tensor(type, shape) : scalarOf(desc));
    // Each batch has its own samples, in no order.
    std::vector<int64_t> order(static_cast<size_t>(samples));
    for (size_t i = 0; i < order.size(); ++i) {
      size_t j = random.below(i + 1);
      order[i] = order[j];
      order[j] = static_cast<int64_t>(i);
    }
    for (size_t b = 0; b < sets.size(); ++b) {
      Tensor value(type, shape);
      if (desc.kind == VARVE_ARG_INDICES)
        std::memcpy(value.data.data(),
                    &order[b * static_cast<size_t>(function.batch)],
                    value.data.size());
      else
        fillRandom(value, classesOf(desc.name, manifest), random);
      sets[b].push_back(keep(std::move(value)));
    }
  }

  void addShared(Tensor value) {
    void *buffer = keep(std::move(value));
    for (std::vector<void *> &set : sets)
      set.push_back(buffer);
  }
  void *keep(Tensor value) {
    if (value.data.empty())
      value.data.resize(1); // an empty buffer still has its own address
    own.push_back(std::move(value));
    return own.back().data.data();
  }
  /// The first axis of a field: samples, but of a text the tokens of as many
  /// windows, one more because training shifts them, and the token behind.
  static int64_t rowsOf(int64_t samples, const Manifest &manifest) {
    if (!manifest.train || manifest.train->data.name != "text")
      return samples;
    return (samples + 1) * optionOf("length", manifest) + 1;
  }
  static int64_t optionOf(const char *key, const Manifest &manifest) {
    auto option = manifest.train->data.options.find(key);
    return option == manifest.train->data.options.end()
               ? 0
               : std::atoll(option->second.c_str());
  }
  static int64_t classesOf(const std::string &name, const Manifest &manifest) {
    if (manifest.train && (manifest.train->data.name == "text" ||
                           manifest.train->data.name == "parallel_text"))
      return optionOf("vocabulary", manifest);
    if (manifest.train)
      for (const FieldSpec &field : manifest.train->data.fields)
        if (field.name == name)
          return field.classes;
    return 0;
  }

  Random random;
  std::vector<Tensor> own;
  std::vector<std::vector<void *>> sets;
};

struct Times {
  double median, least;
  int64_t calls; ///< that were measured
};

// The table of a profiling artifact, which is loaded already.
Result<varve_profile *> findProfile(Model &model, const std::string &function,
                                    int64_t batch) {
  auto path = model.artifacts->get(function, {batch});
  if (!path)
    return path.error();
  void *handle = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  void *table = handle ? dlsym(handle, "varve_profile_v1") : nullptr;
  if (!table)
    return Error{fmt::format("'{}' counts no times of kernels", *path),
                 ErrorKind::Unsupported};
  return static_cast<varve_profile *>(table);
}

void clearProfile(varve_profile *profile) {
  for (int64_t i = 0; profile && i < profile->rows; ++i)
    profile->row[i].calls = profile->row[i].ticks = 0;
}

/// A kernel's part of one call of the function.
struct KernelRow {
  std::string name;
  double ms, gflops, gbytes;
  double share; ///< of the time that the machine's limits allow
};

std::vector<KernelRow> kernelRows(const varve_profile &profile,
                                  const std::string &function, int64_t calls,
                                  const Limits &limits) {
  std::vector<KernelRow> rows;
  for (int64_t i = 0; i < profile.rows; ++i) {
    const varve_profile_row &row = profile.row[i];
    if (row.calls == 0 || function != row.function)
      continue;
    double seconds = static_cast<double>(row.ticks) / limits.tickRate;
    double flops = static_cast<double>(row.flops * row.calls),
           bytes = static_cast<double>(row.bytes * row.calls);
    // What a kernel touches is in a core's own cache where it fits.
    double bandwidth = row.bytes < cachedBytes ? limits.cache : limits.memory;
    double least = std::max(flops / limits.flops, bytes / bandwidth);
    rows.push_back({row.kernel, seconds * 1e3 / static_cast<double>(calls),
                    flops / seconds / 1e9, bytes / seconds / 1e9,
                    least / seconds});
  }
  return rows;
}

Times measure(Model &model, const varve_function_desc &function,
              const Arguments &arguments, double seconds,
              varve_profile *profile) {
  size_t number = 0;
  auto call = [&] {
    auto start = Clock::now();
    model.program.call(function, arguments.batch(number++));
    return milliseconds(Clock::now() - start);
  };
  double first = call();
  if (seconds <= 0)
    return {first, first, 1};
  for (int i = 0; i < batches; ++i)
    call();
  clearProfile(profile);
  std::vector<double> times;
  auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (times.size() < leastCalls || Clock::now() < end)
    times.push_back(call());
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times[0],
          static_cast<int64_t>(times.size())};
}

double stateMegabytes(const varve_artifact &artifact) {
  int64_t bytes = 0;
  for (int64_t i = 0; i < artifact.states; ++i)
    bytes += artifact.state[i].bytes;
  return static_cast<double>(bytes) / 1e6;
}

void showRows(const std::vector<KernelRow> &rows) {
  fmt::print("\n{:<40} {:>9} {:>8} {:>8} {:>9}\n", "kernel", "ms", "GF/s",
             "GB/s", "of limit");
  for (const KernelRow &row : rows)
    fmt::print("{:<40} {:>9.4f} {:>8.1f} {:>8.1f} {:>8.1f}%\n", row.name,
               row.ms, row.gflops, row.gbytes, 100 * row.share);
}

} // namespace

int runBench(const BenchArgs &args) {
  std::string name = args.function;
  if (args.noGather && name != "train_step")
    return fail({"--no-gather is of a train_step: the inputs of another "
                 "function lie ready",
                 ErrorKind::Usage});
  if (args.noGather)
    name = "train_batch";
  auto model = openModel(args.model, name, args.batch);
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  int64_t batch = args.batch ? args.batch : model->settings.batch.value_or(0);
  const varve_function_desc &function = *model->program.find(name, batch);
  Arguments arguments(function, model->program.manifest());
  // From here on only state and the arena take memory.
  double before = residentMegabytes();
  if (Status drawn = model->program.initialize(0); !drawn)
    return fail(drawn.error());
  int64_t threads = varve_team_threads(model->program.team());
  varve_profile *profile = nullptr;
  if (args.model.profile) {
    auto found = findProfile(*model, name, batch);
    if (!found)
      return fail(found.error());
    profile = *found;
  }
  Times times = measure(*model, function, arguments, args.seconds, profile);
  double used = residentMegabytes() - before;
  std::vector<KernelRow> rows;
  if (profile)
    rows = kernelRows(*profile, name, times.calls, measureLimits(threads));
  double compile = model->artifacts->compileSeconds();
  double arena = static_cast<double>(function.arena_bytes) / 1e6;
  double state = stateMegabytes(model->program.artifact());
  if (args.model.json) {
    nlohmann::ordered_json line = {
        {"median_ms", times.median},  {"min_ms", times.least},
        {"compile_seconds", compile}, {"peak_rss_mb", peakMegabytes()},
        {"arena_mb", arena},          {"state_mb", state},
        {"used_mb", used},            {"flops", function.flops},
        {"threads", threads},         {"function", name},
        {"batch", function.batch}};
    for (const KernelRow &row : rows)
      line["kernels"].push_back({{"kernel", row.name},
                                 {"ms", row.ms},
                                 {"gflops", row.gflops},
                                 {"gbytes", row.gbytes},
                                 {"of_limit", row.share}});
    fmt::print("{}\n", line.dump());
    return 0;
  }
  double rate = static_cast<double>(function.flops) / times.median / 1e6;
  fmt::print("{} at batch {}, {} thread{}: median {:.4f} ms, least {:.4f} ms, "
             "{:.1f} GF/s\ncompiled in {:.3f} s, arena {:.2f} MB, state {:.2f} "
             "MB (used {:.2f} MB), peak memory {:.0f} MB\n",
             name, function.batch, threads, threads == 1 ? "" : "s",
             times.median, times.least, rate, compile, arena, state, used,
             peakMegabytes());
  if (profile)
    showRows(rows);
  return 0;
}

} // namespace varve::cli
