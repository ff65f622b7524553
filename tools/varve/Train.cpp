// `varve train`: from a model file to its weights.
#include "Learn/Train.h"
#include "Learn/Interrupt.h"
#include "Learn/Report.h"
#include "Learn/Weights.h"
#include "Model.h"
#include "Networks.h"
#include "Support/Safetensors.h"
#include "TrainReport.h"
#include "Verbs.h"
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace varve::cli {
namespace {

// Shells give this status to what Ctrl-C ended.
constexpr int interruptedStatus = 130;

TrainOptions optionsOf(const TrainArgs &args, TrainOptions options) {
  if (args.batch)
    options.batch = args.batch;
  if (args.epochs) {
    options.epochs = args.epochs;
    options.steps.reset();
  }
  if (args.seed)
    options.seed = args.seed;
  if (args.checkpointEvery)
    options.checkpointEvery = args.checkpointEvery;
  if (args.initFrom)
    options.initFrom = args.initFrom;
  options.partial = args.partial;
  options.names = args.names;
  options.out = args.out;
  options.merge = args.merge;
  if (options.out.empty())
    options.out = std::filesystem::path(args.model.network.empty()
                                            ? args.model.file
                                            : args.model.network)
                      .stem()
                      .string() +
                  ".safetensors";
  options.checkpoint = args.checkpoint;
  options.resume = args.resume;
  options.debugNan = args.debugNan;
  options.interrupted = checkpointFolder(options, "");
  return options;
}

/// Weights to begin with bring their tokenizer along.
Result<std::map<std::string, std::string>>
tokenizerOf(const TrainArgs &args, const Manifest &manifest) {
  std::map<std::string, std::string> none;
  std::string weights = args.initFrom.value_or(
      manifest.train ? manifest.train->initFrom : std::string());
  if (std::filesystem::path(weights).extension() != ".safetensors" ||
      !manifest.train || manifest.train->data.name != "text")
    return none;
  auto metadata = readSafetensorsMetadata(weights);
  if (!metadata)
    return metadata.error();
  return keptMetadata(*metadata);
}

int report(const TrainArgs &args, const TrainOptions &options,
           const TrainOutcome &outcome, double seconds, double compileSeconds) {
  bool stopped = outcome.end == TrainOutcome::End::Interrupted;
  if (stopped)
    fmt::print(stderr,
               "interrupted after step {}; saved to {}: --resume goes on\n",
               outcome.steps, outcome.checkpoint);
  if (args.model.json && !stopped)
    fmt::print("{}\n",
               doneLine(outcome.test, outcome.steps, seconds, compileSeconds));
  else if (!stopped)
    fmt::print("{}{}{} steps in {:.2f} s, compiled in {:.2f} s, weights in "
               "{}\n",
               toString(outcome.test), outcome.test.empty() ? "" : "  ",
               outcome.steps, seconds, compileSeconds, options.out);
  return stopped ? interruptedStatus : 0;
}

} // namespace

int runTrain(const TrainArgs &args) {
  auto start = std::chrono::steady_clock::now();
  auto model = openModel(args.model, "train_step", args.batch.value_or(0));
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  auto tokenizer = tokenizerOf(args, model->program.manifest());
  if (!tokenizer)
    return fail(tokenizer.error());
  auto source = openData(args.model, args.data, model->program.manifest(),
                         *tokenizer);
  if (!source)
    return fail(source.error());
  if (source->named() == DataSplit::Test)
    return fail({fmt::format("'{}' is the test part of its data set; training "
                             "on it would make the test worthless",
                             args.data.data)});
  auto data = loadData(*source, DataSplit::Train, args.data);
  if (!data)
    return fail(data.error());
  std::optional<Dataset> test;
  if (source->has(DataSplit::Test)) {
    DataArgs whole = args.data;
    whole.limit = INT64_MAX;
    auto loaded = loadData(*source, DataSplit::Test, whole);
    if (!loaded)
      return fail(loaded.error());
    test = std::move(*loaded);
  }

  InterruptFlag interrupt;
  TextReporter text(stdout, isatty(STDOUT_FILENO));
  JsonReporter json(stdout, stderr);
  TrainOptions options = optionsOf(args, model->settings);
  options.cancel = interrupt.flag();
  TrainObserver &shown = args.model.json ? static_cast<TrainObserver &>(json)
                                         : static_cast<TrainObserver &>(text);
  PageReporter page(shown, model->program, args.report);
  options.observer = &page;
  // Only the compiler plans; an artifact has been through it.
  bool artifact = std::filesystem::path(args.model.file).extension() == ".so";
  if (!args.report.empty() && !artifact &&
      !model->program.manifest().stages.empty()) {
    auto memory = planMemory(args.model, options.batch.value_or(0));
    if (!memory)
      return fail(memory.error());
    page.setMemory(std::move(*memory));
  }
  // Better known before hours of training.
  bool intoOnnx = isOnnx(options.out);
  std::string out = options.out;
  if (intoOnnx) {
    if (Status fits = checkOnnxOut(args.model, model->program, out); !fits)
      return fail(fits.error());
    options.out.clear();
  }
  if (Status written = page.write(); !written)
    return fail(written.error());
  auto outcome = train(model->program, *data, test ? &*test : nullptr, options);
  if (!outcome) {
    Error error = outcome.error();
    if (!args.debugNan && error.message.rfind("the loss is ", 0) == 0)
      error.message += "; --debug-nan says where that comes from";
    return fail(error);
  }
  if (Status written = page.write(outcome->test); !written)
    return fail(written.error());
  options.out = out;
  if (intoOnnx && outcome->end != TrainOutcome::End::Interrupted)
    if (Status written =
            writeOnnxOut(args.model, model->program, out, args.externalData);
        !written)
      return fail(written.error());
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return report(args, options, *outcome, seconds,
                model->artifacts->compileSeconds());
}

} // namespace varve::cli
