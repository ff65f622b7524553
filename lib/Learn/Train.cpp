// The training loop. A run is a sequence of steps; everything it needs to go on
// stands in the program's state, TrainProgress and the best weights, so that a
// checkpoint may be written between any two steps.
#include "Learn/Train.h"
#include "Learn/Call.h"
#include "Learn/Checkpoint.h"
#include "Learn/Evaluate.h"
#include "Learn/Order.h"
#include "Learn/StageInputs.h"
#include "Support/File.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <utility>

namespace varve {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Trainer {
public:
  Trainer(Program &program, const Dataset &data, const Dataset *test,
          const TrainOptions &options)
      : program(program), data(data), test(test), options(options) {}

  Result<TrainOutcome> run();

private:
  enum class Next { GoOn, Ended };

  Status prepare();
  Status checkPlaces() const;
  Status begin(bool resumed);
  Status checkTokenizer();
  Status bindSteps();
  Status bindStage();
  Result<Next> runEpoch();
  Result<Next> afterStep(const Call &call, Clock::time_point start,
                         int64_t firstStep);
  Status checkNumbers(const Call &call) const;
  Result<Next> endEpoch(double seconds, int64_t samplesSeen);
  void noteOverflows();
  Status judge(const std::vector<Measure> &measures);
  Status finish();
  Status save();
  void note(const std::string &text) {
    if (options.observer)
      options.observer->onNote(text);
  }

  /// A greedy stage counts epochs from its beginning.
  StepSettings stepSettings() const {
    const TrainSettings &settings = progress.settings;
    if (stageStart.empty() || stage < 0)
      return {settings.seed, progress.epoch, epochs, steps, settings.hyper};
    auto at = static_cast<size_t>(stage);
    int64_t own = stageStart[at + 1] - stageStart[at];
    return {settings.seed, progress.epoch - stageStart[at], own,
            own * stepsPerEpoch, settings.hyper};
  }
  /// Whether it is the whole model that learns.
  bool isLastStage() const {
    return stageStart.empty() ||
           stage + 2 == static_cast<int64_t>(stageStart.size());
  }
  bool done() const { return progress.stopped || progress.totalSteps >= steps; }
  bool cancelled() const {
    return (options.cancel && *options.cancel) ||
           (options.observer && options.observer->cancelled());
  }

  Program &program;
  const Dataset &data;
  const Dataset *test;
  const TrainOptions &options;

  TrainProgress progress;
  TrainOutcome outcome;
  Snapshot best;
  std::string folder; ///< of checkpoints
  int64_t checkpointEvery = 0;
  int64_t overflows = 0; ///< steps of the epoch that f16 left out
  int64_t epochs = 0, steps = 0, stepsPerEpoch = 0; ///< in all; in an epoch
  /// Of greedy learning: the epoch at which each stage begins, and the end.
  std::vector<int64_t> stageStart;
  int64_t stage = -1; ///< whose step is bound; one in other learning
  std::vector<int64_t> samples, order; ///< that train
  std::optional<Call> whole, rest;
  std::optional<StageInputs> inputs; ///< of a greedy stage, if they are kept
  std::optional<Evaluator> validation;
};

/// Settings, data split, functions.
Status Trainer::prepare() {
  const Manifest &manifest = program.manifest();
  folder =
      options.checkpoint.empty() ? options.interrupted : options.checkpoint;
  std::optional<TrainProgress> found;
  if (options.resume) {
    if (folder.empty())
      return Error{"there is no folder of a checkpoint to resume from",
                   ErrorKind::Usage};
    auto read = readProgress(folder, program);
    if (!read)
      return read.error();
    found = std::move(*read);
  }
  auto settings =
      decideSettings(manifest, options, found ? &found->settings : nullptr);
  if (!settings)
    return settings.error();
  if (found && found->samples != data.samples)
    return Error{fmt::format("the checkpoint was made with {} samples, the "
                             "data set has {}",
                             found->samples, data.samples)};
  if (found)
    progress = std::move(*found);
  progress.settings = std::move(*settings);
  progress.samples = data.samples;
  checkpointEvery =
      options.checkpointEvery.value_or(manifest.train->checkpointEvery);
  if (checkpointEvery < 0)
    return Error{fmt::format("checkpoint-every {} is below 0", checkpointEvery),
                 ErrorKind::Usage};
  if (Status fine = checkPlaces(); !fine)
    return fine;
  if (Status fine = checkLabels(manifest, data); !fine)
    return fine;
  if (Status bound = bindSteps(); !bound)
    return bound;
  return begin(found.has_value());
}

/// What cannot be written is better known before hours of training.
Status Trainer::checkPlaces() const {
  if (auto names = findNames(program, options.names); !names)
    return names.error();
  if (!options.checkpoint.empty()) {
    if (Status made = makeFolders(options.checkpoint); !made)
      return made;
    auto file = AtomicFile::create(checkpointFile(options.checkpoint));
    if (!file)
      return file.error();
  }
  if (options.out.empty())
    return {};
  auto file = AtomicFile::create(options.out);
  return file ? Status() : file.error();
}

Status Trainer::bindSteps() {
  const TrainSettings &settings = progress.settings;
  const int64_t accumulate = program.manifest().train->accumulate;
  Split split = data.isText
                    ? splitText(data.samples, settings.validate)
                    : splitSamples(data.samples, settings.validate,
                                   static_cast<uint64_t>(settings.seed));
  auto count = static_cast<int64_t>(split.train.size());
  if (count == 0)
    return Error{fmt::format("no samples are left to train: the data set has "
                             "{}, {} of them validate",
                             data.samples, split.validation.size())};
  int64_t batch = settings.batch;
  stepsPerEpoch = (count + batch - 1) / batch;
  steps = settings.epochs ? settings.epochs * stepsPerEpoch : settings.steps;
  epochs = settings.epochs ? settings.epochs
                           : (steps + stepsPerEpoch - 1) / stepsPerEpoch;
  const Manifest::Train &train = *program.manifest().train;
  if (!train.stages.empty()) {
    if (settings.steps)
      return Error{"greedy learning counts in epochs, not in steps",
                   ErrorKind::Usage};
    // Epochs that are not the model's are each stage's.
    bool given = settings.epochs != std::max<int64_t>(train.epochs, 1);
    stageStart.assign(1, 0);
    for (int64_t own : train.stageEpochs)
      stageStart.push_back(stageStart.back() + (given ? settings.epochs : own));
    epochs = stageStart.back();
    steps = epochs * stepsPerEpoch;
  }

  samples = std::move(split.train);
  order.resize(samples.size());
  if (Status bound = bindStage(); !bound)
    return bound;
  if (split.validation.empty())
    return {};
  auto evaluator = Evaluator::create(program, data, std::move(split.validation),
                                     batch / accumulate, stepSettings());
  if (!evaluator)
    return evaluator.error();
  validation = std::move(*evaluator);
  return {};
}

/// The steps of the stage under way, at the sizes of the batches.
Status Trainer::bindStage() {
  int64_t batch = progress.settings.batch;
  auto count = static_cast<int64_t>(samples.size());
  std::string name = "train_step";
  stage = 0;
  while (stage + 2 < static_cast<int64_t>(stageStart.size()) &&
         progress.epoch >= stageStart[static_cast<size_t>(stage) + 1])
    ++stage;
  if (stage > 0)
    name += ":" + program.manifest().train->stages[static_cast<size_t>(stage)];

  inputs.reset();
  if (stage > 0 && program.manifest().train->cache) {
    auto made = StageInputs::create(
        program, data, samples, name.substr(name.find(':') + 1),
        batch, stepSettings());
    if (!made)
      return made.error();
    inputs = std::move(*made);
  }

  ArtifactRequest request{name, {}};
  if (count >= batch)
    request.batches.push_back(batch);
  if (count % batch)
    request.batches.push_back(count % batch);
  // Each artifact of "find_nan" has its own list of operations.
  if (options.debugNan)
    request.function.replace(0, std::string("train_step").size(), "find_nan");
  else if (Status got = program.require(request); !got)
    return got;
  for (int64_t size : request.batches) {
    if (Status got = program.require({request.function, {size}}); !got)
      return got;
    const varve_function_desc &function = *program.find(request.function, size);
    const TrainSettings &settings = progress.settings;
    if (Status known = checkHyper(function, settings.hyper); !known)
      return known;
    auto call = Call::bind(program, function, data, stepSettings(),
                           inputs ? &inputs->fields() : nullptr);
    if (!call)
      return call.error();
    (size == batch ? whole : rest) = std::move(*call);
  }
  size_t measures = (whole ? *whole : *rest).measures().size();
  if (progress.sums.size() != measures)
    progress.sums.assign(measures, 0);
  return {};
}

/// The state that the first step of this run sees.
Status Trainer::begin(bool resumed) {
  if (resumed) {
    if (Status loaded = loadCheckpoint(folder, program, best); !loaded)
      return loaded;
    note(fmt::format("resumed from {} after step {} (epoch {})",
                     checkpointFile(folder), progress.totalSteps,
                     std::min(progress.epoch + 1, epochs)));
    return checkTokenizer();
  }
  if (options.resume)
    note(fmt::format("no checkpoint in {}: training starts", folder));
  std::string weights = options.initFrom.value_or("");
  if (!options.keepState) {
    program.metadata().clear();
    auto seed = static_cast<uint64_t>(progress.settings.seed);
    if (Status drawn = program.initialize(seed); !drawn)
      return drawn;
    weights = options.initFrom.value_or(program.manifest().train->initFrom);
  }
  if (weights.empty() && options.partial)
    return Error{"there are no weights to take a part of; give --init-from",
                 ErrorKind::Usage};
  if (weights.empty())
    return checkTokenizer();
  auto loaded = loadWeights(program, weights, options.partial);
  if (!loaded)
    return loaded.error();
  if (!loaded->left.empty())
    note(loaded->left);
  else if (!loaded->extra.empty())
    note(fmt::format("{}: not in the model: {}", weights,
                     fmt::join(loaded->extra, ", ")));
  return checkTokenizer();
}

/// Weights of another tokenizer would take one token for another. From here on
/// files of weights say which it is.
Status Trainer::checkTokenizer() {
  auto &kept = program.metadata();
  for (const auto &[key, value] : data.metadata)
    if (auto other = kept.find(key);
        other != kept.end() && other->second != value)
      return Error{fmt::format("the weights were made with another tokenizer: "
                               "'{}' is {}, that of the text is {}",
                               key, other->second, value)};
  for (const auto &[key, value] : data.metadata)
    kept[key] = value;
  return {};
}

Status Trainer::save() {
  Status saved = saveCheckpoint(folder, program, progress, best);
  if (saved)
    outcome.checkpoint = checkpointFile(folder);
  return saved;
}

Result<TrainOutcome> Trainer::run() {
  if (Status ready = prepare(); !ready)
    return ready.error();
  Clock::time_point start = Clock::now();
  Next next = Next::GoOn;
  while (next == Next::GoOn && !done()) {
    auto ran = runEpoch();
    if (!ran)
      return ran.error();
    next = *ran;
  }
  outcome.epochs = progress.epoch;
  outcome.steps = progress.totalSteps;
  outcome.last = progress.last;
  if (progress.stopped)
    outcome.end = TrainOutcome::End::StoppedEarly;
  if (outcome.end != TrainOutcome::End::Interrupted)
    if (Status finished = finish(); !finished)
      return finished.error();
  outcome.seconds = secondsSince(start);
  return outcome;
}

/// What is left of the epoch under way.
Result<Trainer::Next> Trainer::runEpoch() {
  if (!isLastStage() &&
      progress.epoch >= stageStart[static_cast<size_t>(stage) + 1])
    if (Status bound = bindStage(); !bound)
      return bound.error();
  if (!stageStart.empty() && progress.step == 0 &&
      progress.epoch == stageStart[static_cast<size_t>(stage)]) {
    note("stage " +
         program.manifest().train->stages[static_cast<size_t>(stage)]);
    // A stage's optimizer begins with its first step.
    int64_t counter = varve_session_find(program.session(), "step");
    if (Status set = program.importState(counter, Tensor(DType::I64, {})); !set)
      return set.error();
  }
  shuffleSamples(static_cast<uint64_t>(progress.settings.seed),
                 static_cast<uint64_t>(progress.epoch), order);
  for (std::optional<Call> *call : {&whole, &rest})
    if (*call)
      (*call)->setEpoch(stepSettings().epoch);
  Clock::time_point start = Clock::now();
  if (inputs)
    inputs->fill();
  int64_t firstStep = progress.step;
  auto count = static_cast<int64_t>(order.size());
  while (progress.step < stepsPerEpoch && !done()) {
    int64_t from = progress.step * progress.settings.batch;
    Call &call = count - from < progress.settings.batch ? *rest : *whole;
    int64_t *indices = call.indices();
    for (int64_t i = 0; i < call.batch(); ++i)
      indices[i] =
          samples[static_cast<size_t>(order[static_cast<size_t>(from + i)])];
    call.run();
    auto next = afterStep(call, start, firstStep);
    if (!next || *next == Next::Ended)
      return next;
  }
  int64_t end = std::min(progress.step * progress.settings.batch, count);
  return endEpoch(secondsSince(start),
                  end - firstStep * progress.settings.batch);
}

/// An error where the loss is no finite number, or, with --debug-nan, where a
/// NaN or an infinity gets into the state.
Status Trainer::checkNumbers(const Call &call) const {
  if (!options.debugNan && std::isfinite(call.loss()))
    return {}; // as a rule; what follows allocates
  std::string where = fmt::format("step {} (epoch {})", progress.totalSteps,
                                  progress.epoch + 1);
  if (!options.debugNan)
    return Error{fmt::format("the loss is {} at {}", call.loss(), where)};
  const void *stays = call.output("nan_stays");
  const void *nan = call.output("first_nan");
  const void *infinite = call.output("first_infinite");
  if (!stays || !nan || !infinite)
    return Error{"the artifact does not say where a NaN comes from",
                 ErrorKind::Unsupported};
  if (!*static_cast<const uint8_t *>(stays))
    return {};
  auto manifest = program.manifestOf(call.name(), call.batch());
  if (!manifest)
    return manifest.error();
  auto describe = [&](const void *number) -> std::string {
    auto at = *static_cast<const uint64_t *>(number);
    return at < manifest->operations.size() ? manifest->operations[at] : "";
  };
  std::string text =
      std::isfinite(call.loss())
          ? fmt::format("{} makes what is no finite number", where)
          : fmt::format("the loss is {} at {}", call.loss(), where);
  std::string made = describe(nan), grown = describe(infinite);
  if (!made.empty())
    text += "; the first with a NaN is " + made;
  if (!grown.empty() && grown != made)
    text += "; the first that is infinite is " + grown;
  return Error{text};
}

Result<Trainer::Next> Trainer::afterStep(const Call &call,
                                         Clock::time_point start,
                                         int64_t firstStep) {
  ++progress.step;
  ++progress.totalSteps;
  if (Status fine = checkNumbers(call); !fine)
    return fine.error();
  call.accumulate(progress.sums.data());
  const void *finite = call.output("finite");
  overflows += finite && !*static_cast<const uint8_t *>(finite);
  if (options.observer) {
    int64_t batch = progress.settings.batch;
    auto seen = static_cast<double>(
        std::min(progress.step * batch, static_cast<int64_t>(order.size())));
    StepReport report{progress.epoch + 1, epochs, progress.step, stepsPerEpoch};
    report.loss = progress.sums[0] / seen;
    report.seconds = secondsSince(start);
    report.samplesPerSecond =
        (seen - static_cast<double>(firstStep * batch)) / report.seconds;
    options.observer->onStep(report);
  }
  // What is left of the epoch without its steps is short, and done before an
  // interruption or a checkpoint.
  if (progress.step == stepsPerEpoch || done())
    return Next::GoOn;
  bool stop = cancelled(); // read once: it may change at any time
  bool due = checkpointEvery && progress.totalSteps % checkpointEvery == 0;
  if ((stop && !folder.empty()) || (due && !options.checkpoint.empty()))
    if (Status saved = save(); !saved)
      return saved.error();
  if (!stop)
    return Next::GoOn;
  outcome.end = TrainOutcome::End::Interrupted;
  return Next::Ended;
}

Result<Trainer::Next> Trainer::endEpoch(double seconds, int64_t samplesSeen) {
  const auto &names = (whole ? *whole : *rest).measures();
  auto seen =
      static_cast<double>(std::min(progress.step * progress.settings.batch,
                                   static_cast<int64_t>(order.size())));
  std::vector<Measure> measures;
  for (size_t i = 0; i < names.size(); ++i)
    measures.emplace_back(names[i], progress.sums[i] / seen);
  if (validation && isLastStage())
    for (auto &[name, value] : validation->run(progress.epoch))
      measures.emplace_back("val_" + name, value);
  if (Status judged = judge(measures); !judged)
    return judged.error();
  progress.last = measures;
  if (options.observer)
    options.observer->onEpoch({progress.epoch + 1, epochs, std::move(measures),
                               seconds,
                               static_cast<double>(samplesSeen) / seconds});
  noteOverflows();
  // A run of `steps` may end inside an epoch; more steps go on from there.
  if (progress.step == stepsPerEpoch) {
    ++progress.epoch;
    progress.step = 0;
    std::fill(progress.sums.begin(), progress.sums.end(), 0);
  }
  bool stop = cancelled() && !done();
  if ((stop && !folder.empty()) || !options.checkpoint.empty())
    if (Status saved = save(); !saved)
      return saved.error();
  if (!stop)
    return Next::GoOn;
  outcome.end = TrainOutcome::End::Interrupted;
  return Next::Ended;
}

/// Says how many steps of an epoch the scale of an f16 loss was too large for.
void Trainer::noteOverflows() {
  if (overflows == 0)
    return;
  int64_t state = varve_session_find(program.session(), "step:loss_scale");
  note(fmt::format("{} of {} steps changed nothing, since gradients overflowed "
                   "in f16; the loss is scaled by {:g} now",
                   std::exchange(overflows, 0), progress.step,
                   *program.exportState(state).as<float>()));
}

/// Keeps the best weights and ends a run that no longer gets better.
Status Trainer::judge(const std::vector<Measure> &measures) {
  const TrainSettings &settings = progress.settings;
  if ((!validation && !settings.patience) || !isLastStage())
    return {};
  auto it = std::find_if(measures.begin(), measures.end(),
                         [&](const Measure &measure) {
                           return measure.first == settings.monitor;
                         });
  if (it == measures.end())
    return Error{fmt::format("there is no measure '{}' to monitor; there is {}",
                             settings.monitor, toString(measures)),
                 ErrorKind::Usage};
  double value = it->second;
  bool larger = largerIsBetter(settings.monitor, program.manifest());
  bool better = !progress.best ||
                (larger ? value > *progress.best : value < *progress.best);
  // What is no number is never better, nor is anything kept for it.
  if (better && !std::isnan(value)) {
    progress.best = value;
    progress.bestEpoch = progress.epoch + 1;
    best.capture(program);
  } else if (settings.patience &&
             progress.epoch + 1 - progress.bestEpoch >= settings.patience) {
    progress.stopped = true;
    note(fmt::format("stopped early: {} has not become better than {:.6g} "
                     "(epoch {}) in {} epochs",
                     settings.monitor, progress.best.value_or(NAN),
                     progress.bestEpoch, settings.patience));
  }
  return {};
}

/// The best weights go back into the program, to the file, to the test set.
Status Trainer::finish() {
  if (!best.empty())
    best.restore(program);
  if (!options.out.empty())
    if (Status saved = saveWeights(program, options.out, options.names,
                                   options.merge ? Updates::Merged
                                                 : Updates::Alone);
        !saved)
      return saved;
  if (!test)
    return {};
  if (Status fine = checkLabels(program.manifest(), *test); !fine)
    return fine;
  std::vector<int64_t> all(static_cast<size_t>(test->samples));
  std::iota(all.begin(), all.end(), int64_t(0));
  auto evaluator = Evaluator::create(program, *test, std::move(all),
                                     progress.settings.batch /
                                         program.manifest().train->accumulate,
                                     stepSettings());
  if (!evaluator)
    return evaluator.error();
  for (auto &[name, value] : evaluator->run(progress.epoch))
    outcome.test.emplace_back("test_" + name, value);
  return {};
}

} // namespace

std::string checkpointFolder(const TrainOptions &options,
                             const std::string &model) {
  if (!options.checkpoint.empty())
    return options.checkpoint;
  std::string base = options.out.empty() ? model : options.out;
  const std::string ending = ".safetensors";
  if (base.size() > ending.size() &&
      base.compare(base.size() - ending.size(), ending.size(), ending) == 0)
    base.resize(base.size() - ending.size());
  return base + ".checkpoint";
}

Result<TrainOutcome> train(Program &program, const Dataset &data,
                           const Dataset *test, const TrainOptions &options) {
  return Trainer(program, data, test, options).run();
}

} // namespace varve
