// The `varve` command: its verbs, their flags and their help.
#include "Language/Diagnostic.h"
#include "Networks.h"
#include "Verbs.h"
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <functional>

namespace varve::cli {
namespace {

constexpr int usageStatus = static_cast<int>(ErrorKind::Usage);

constexpr const char *overview =
    "Varve compiles a model, its loss and its optimizer to one program, and "
    "trains it.";

constexpr const char *statuses =
    "Exit status: 0 done; 1 the input is wrong; 2 asked for something not\n"
    "supported; 64 wrong usage. `varve VERB --help` shows a verb's flags and\n"
    "examples.";

/// Adds a verb; `run` becomes the action when it is the one asked for.
CLI::App *addVerb(CLI::App &app, std::function<int()> &action, const char *name,
                  const char *description, const char *examples,
                  std::function<int()> run) {
  CLI::App *verb = app.add_subcommand(name, description);
  verb->footer(fmt::format("Examples:\n{}", examples));
  verb->group("Verbs");
  verb->callback([&action, run = std::move(run)] { action = run; });
  return verb;
}

/// `--dim T=128` is `--set dim.T=128`. It goes after `--set`, whose values
/// replace what stands in `sets`.
void addDimFlag(CLI::App &verb, std::vector<std::string> &sets) {
  verb.add_option_function<std::vector<std::string>>(
          "--dim",
          [&sets](const std::vector<std::string> &dims) {
            for (const std::string &dim : dims)
              sets.push_back("dim." + dim);
          },
          "a size that the data or the model leaves open")
      ->type_name("NAME=SIZE")
      ->take_all()
      ->expected(1);
}

void addFileFlags(CLI::App &verb, std::string &file,
                  std::vector<std::string> &sets,
                  std::vector<std::string> &disabledPasses,
                  const char *description) {
  verb.add_option("FILE", file, description)->required();
  verb.add_option("--set", sets,
                  "override a setting: optimizer.lr=0.01, model.depth=56")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
  addDimFlag(verb, sets);
  verb.add_option("--disable-pass", disabledPasses,
                  "leave a pass of the compiler out")
      ->type_name("NAME")
      ->take_all()
      ->expected(1);
}

void addModelFlags(CLI::App &verb, ModelArgs &args, bool json) {
  addFileFlags(verb, args.file, args.sets, args.disabledPasses,
               "model file (.varve), or an artifact (.so)");
  verb.add_option("--threads", args.threads, "threads of the team; 0: all CPUs")
      ->type_name("T")
      ->check(CLI::Range(0, 1024));
  if (json)
    verb.add_flag("--json", args.json, "one JSON object a line, for programs");
}

void addConfigFlag(CLI::App &verb, ModelArgs &args) {
  verb.add_option("--config", args.config,
                  "of an ONNX FILE: a text that imports a network, which FILE "
                  "then is")
      ->type_name("F.varve");
}

void addDataFlags(CLI::App &verb, DataArgs &args) {
  verb.add_option("--data", args.data,
                  "a known set, one of its files, or a folder")
      ->type_name("NAME|FILE|DIR");
  verb.add_option("--data-dir", args.dataDir,
                  "folder of data sets; else $VARVE_DATA, else Debian's")
      ->type_name("DIR");
  verb.add_option("--tokenizer", args.tokenizer,
                  "of a text: the folder of the tokenizer's files, or its one "
                  "file")
      ->type_name("DIR|FILE");
  verb.add_option("--limit", args.limit, "take the first N samples only")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb.add_flag("--skip-bad", args.skipBad,
                "leave images out that cannot be decoded");
}

void addExternalFlag(CLI::App &verb, bool &externalData) {
  verb.add_flag("--external-data", externalData,
                "of an ONNX model: weights in OUT.onnx.data beside it, as they "
                "are above 2 GiB");
}

void addTrain(CLI::App &app, std::function<int()> &action) {
  static TrainArgs args;
  CLI::App *verb = addVerb(
      app, action, "train", "Train a model",
      "  varve train mnist_mlp.varve --data mnist --data-dir ~/data\n"
      "  varve train mnist_mlp.varve --epochs 3 --set optimizer.lr=0.01\n"
      "  varve train big.varve --checkpoint run1 --checkpoint-every 500\n"
      "  varve train big.varve --checkpoint run1 --resume\n"
      "  varve train net.onnx --config tune.varve --out tuned.onnx\n"
      "Ctrl-C saves and says where; --resume goes on to the same bits.",
      [] {
        takeConfig(args.model);
        return runTrain(args);
      });
  addConfigFlag(*verb, args.model);
  addModelFlags(*verb, args.model, /*json=*/true);
  addDataFlags(*verb, args.data);
  verb->add_option("--epochs", args.epochs, "passes over the data")
      ->type_name("N");
  verb->add_option("--batch", args.batch, "samples in a step")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->add_option("--seed", args.seed, "of first values and of the order")
      ->type_name("S");
  verb->add_option("--out", args.out,
                   "weights, or an ONNX model with them; else FILE's name in "
                   "this folder")
      ->type_name("W.{safetensors,onnx}");
  verb->add_flag("--merge", args.merge,
                 "of low-rank updates: write the matrices with them, not the "
                 "updates alone");
  addExternalFlag(*verb, args.externalData);
  verb->add_option("--names", args.names,
                   "write them under the names of this map of the model")
      ->type_name("MAP");
  verb->add_option("--init-from", args.initFrom, "weights to begin with")
      ->type_name("W.safetensors");
  verb->add_flag("--partial", args.partial,
                 "take the weights that fit, say what was left");
  verb->add_option("--checkpoint", args.checkpoint,
                   "folder of the checkpoint, written after each epoch")
      ->type_name("DIR");
  verb->add_option("--checkpoint-every", args.checkpointEvery,
                   "write one every so many steps, too")
      ->type_name("STEPS");
  verb->add_option("--report", args.report,
                   "a page of the run, rewritten after each epoch")
      ->type_name("F.html");
  verb->add_flag("--resume", args.resume,
                 "go on from the checkpoint; without one, start");
  verb->add_flag("--debug-nan", args.debugNan,
                 "check every number of every step: slow, but an error says "
                 "which operation made the first NaN");
}

void addEval(CLI::App &app, std::function<int()> &action) {
  static EvalArgs args;
  CLI::App *verb = addVerb(
      app, action, "eval", "Measure weights on a data set",
      "  varve eval mnist_mlp.varve --weights mnist_mlp.safetensors --data "
      "mnist\n"
      "  varve eval iris.varve --weights iris.safetensors --data other.csv\n"
      "Takes the test samples where the data set has some.",
      [] {
        takeConfig(args.model);
        return runEval(args);
      });
  addConfigFlag(*verb, args.model);
  addModelFlags(*verb, args.model, /*json=*/true);
  addDataFlags(*verb, args.data);
  verb->add_option("--weights", args.weights,
                   "the weights to measure; an imported network has its own")
      ->type_name("W.safetensors");
  verb->add_option("--batch", args.batch, "samples in a step")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

/// Of the verbs that take arrays and give arrays.
void addValueFlags(CLI::App &verb, const ModelArgs &model, std::string &weights,
                   std::vector<std::string> &inputs, std::string &format,
                   std::string &outputDir) {
  verb.add_option("--weights", weights,
                  "the weights; an imported network has its own")
      ->type_name("W.safetensors");
  auto *inputsFlag = verb.add_option("--input", inputs, "an input of the model")
                         ->type_name("NAME=x.{npy,pb}")
                         ->take_all()
                         ->expected(1);
  verb.add_option("--format", format, "of the files of an ONNX model")
      ->check(CLI::IsMember({"npy", "pb"}))
      ->capture_default_str();
  verb.add_option("--output-dir", outputDir, "where the files go")
      ->type_name("DIR")
      ->required();
  verb.parse_complete_callback([&model, inputsFlag] {
    bool isModel = !isOnnx(model.file) || !model.config.empty();
    if (isModel && inputsFlag->count() == 0)
      throw CLI::RequiredError(inputsFlag->get_name());
  });
}

void addRun(CLI::App &app, std::function<int()> &action) {
  static RunArgs args;
  CLI::App *verb = addVerb(
      app, action, "run", "Infer from arrays",
      "  varve run mnist_mlp.varve --weights mnist_mlp.safetensors \\\n"
      "            --input image=digits.npy --output-dir out\n"
      "  varve run resnet.onnx --input data=x.npy --output-dir out\n"
      "Writes one .npy file for each output; the first axis counts samples. "
      "Arrays\nof the data set's stored type go through `prepare`, those of "
      "the model's type\nstraight in. An ONNX model has its weights and takes "
      "whole inputs; a .pb file\nholds a TensorProto, SequenceProto or "
      "OptionalProto.",
      [] {
        takeConfig(args.model);
        return runRun(args);
      });
  addConfigFlag(*verb, args.model);
  addModelFlags(*verb, args.model, /*json=*/false);
  addValueFlags(*verb, args.model, args.weights, args.inputs, args.format,
                args.outputDir);
  verb->add_flag("--no-prepare", args.noPrepare,
                 "straight in, also where both types are the same");
}

void addGradients(CLI::App &app, std::function<int()> &action) {
  static GradientsArgs args;
  CLI::App *verb = addVerb(
      app, action, "gradients", "Differentiate a model by its inputs",
      "  varve gradients mnist_mlp.varve --weights mnist_mlp.safetensors \\\n"
      "        --input image=x.npy --cotangent logits=dy.npy --output-dir out\n"
      "  varve gradients resnet.onnx --input data=x.npy --cotangent y=dy.npy "
      "\\\n"
      "        --output-dir out\n"
      "Writes the gradient of sum(cotangent * output) for each input of "
      "floats, under\nthe input's name. An output without a cotangent counts "
      "nothing.",
      [] { return runGradients(args); });
  addModelFlags(*verb, args.model, /*json=*/false);
  addValueFlags(*verb, args.model, args.weights, args.inputs, args.format,
                args.outputDir);
  verb->add_option("--cotangent", args.cotangents, "the weights of an output")
      ->type_name("NAME=x.{npy,pb}")
      ->take_all()
      ->expected(1)
      ->required();
}

/// A validator: "" where it is the step of a greedy stage.
std::string isStep(const std::string &function) {
  const std::string prefix = "train_step:";
  bool is = function.compare(0, prefix.size(), prefix) == 0;
  return is ? "" : function + " is no " + prefix + "STAGE";
}

/// A validator: ranges let NaN through.
std::string isFinite(const std::string &number) {
  bool is = std::isfinite(std::strtod(number.c_str(), nullptr));
  return is ? "" : number + " is no finite number";
}

void addGenerate(CLI::App &app, std::function<int()> &action) {
  static GenerateArgs args;
  CLI::App *verb = addVerb(
      app, action, "generate", "Write text behind a prompt",
      "  varve generate char_gpt.varve --weights char_gpt.safetensors \\\n"
      "                 --prompt \"ROMEO:\" --max-tokens 200\n"
      "  varve generate gpt2.varve --weights gpt2.safetensors --tokenizer "
      "gpt2 \\\n"
      "                 --prompt \"In a shocking finding\" --top-k 40 --seed "
      "7\n"
      "The same seed writes the same text, on any number of threads.",
      [] { return runGenerate(args); });
  addModelFlags(*verb, args.model, /*json=*/true);
  verb->add_option("--weights", args.weights, "the weights")
      ->type_name("W.safetensors")
      ->required();
  verb->add_option("--tokenizer", args.tokenizer,
                   "the folder of the tokenizer's files, or its one file")
      ->type_name("DIR|FILE");
  verb->add_option("--prompt", args.prompt, "what the text begins with")
      ->type_name("TEXT")
      ->required();
  verb->add_option("--max-tokens", args.maxTokens, "tokens to write at most")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--temperature", args.temperature,
                   "divides the logits; 0: always the likeliest token")
      ->type_name("T")
      ->check(CLI::NonNegativeNumber)
      ->check(isFinite);
  verb->add_option("--top-k", args.topK,
                   "only of the K likeliest tokens; 0: of all")
      ->type_name("K")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--top-p", args.topP,
                   "only of the likeliest tokens that have this much "
                   "probability together")
      ->type_name("P")
      ->check(CLI::Range(0.0, 1.0))
      ->check(isFinite);
  verb->add_option("--seed", args.seed, "of the draws")->type_name("S");
}

void addGivenFlag(CLI::App &verb, std::vector<std::string> &inputs) {
  verb.add_option("--input", inputs,
                  "an input of an ONNX model whose sizes or value decide shapes")
      ->type_name("NAME=x.{npy,pb}")
      ->take_all()
      ->expected(1);
}

void addCompile(CLI::App &app, std::function<int()> &action) {
  static CompileArgs args;
  CLI::App *verb = addVerb(
      app, action, "compile", "Compile ahead of time",
      "  varve compile mnist_mlp.varve --weights mnist_mlp.safetensors \\\n"
      "            -o libmnist.so --header mnist.h\n"
      "  varve compile mnist_mlp.varve --function train_step --batch 128 \\\n"
      "            --batch 96 -o libtrain.so --header train.h\n"
      "  varve compile mnist_mlp.varve --weights mnist_mlp.safetensors "
      "-o mnist.onnx\n"
      "  varve compile mnist_mlp.varve -o mnist.s --target-cpu x86-64-v4\n"
      "A library with a header needs libc and libm only; without one, a .so "
      "is an\nartifact for the other verbs. Else -o ends in .onnx, .o, .ll, "
      ".mlir or .s.",
      [] { return runCompile(args); });
  addFileFlags(*verb, args.file, args.sets, args.disabledPasses,
               "model file (.varve or .onnx)");
  verb->add_option("-o", args.output, "what to write; its ending says the kind")
      ->type_name("OUT.{so,onnx,o,ll,mlir,s}")
      ->required();
  verb->add_option("--header", args.header, "the C header of a library")
      ->type_name("LIB.h");
  verb->add_option("--weights", args.weights, "weights for a library or an ONNX model")
      ->type_name("W.safetensors");
  addExternalFlag(*verb, args.externalData);
  verb->add_option("--function", args.function,
                   "infer, infer_stored (through `prepare`), train_step, "
                   "eval_step; train_step:STAGE of greedy learning")
      ->check(CLI::IsMember(
                  {"infer", "infer_stored", "train_step", "eval_step"}) |
              CLI::Validator(isStep, "train_step:STAGE", ""))
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--batch", args.batches,
                   "samples in a call; several for the last batch")
      ->type_name("N")
      ->take_all()
      ->expected(1)
      ->check(CLI::PositiveNumber);
  addGivenFlag(*verb, args.inputs);
  verb->add_option("--target-cpu", args.cpu,
                   "x86-64-v3, x86-64-v4 or neon; else this machine's")
      ->type_name("CPU");
  verb->add_option("--stop-after", args.stopAfter,
                   "the last phase, for .mlir: simplify, partition, "
                   "differentiate, update, lower, fuse, plan, codegen")
      ->type_name("PHASE");
  verb->add_flag("--print-phases", args.printPhases,
                 "the program after each phase, to stderr");
  verb->add_option("--reproducer", args.reproducer,
                   "where to leave IR and passes if a pass fails")
      ->type_name("FILE.mlir");
}

void addImport(CLI::App &app, std::function<int()> &action) {
  static ImportArgs args;
  CLI::App *verb = addVerb(
      app, action, "import", "Write an ONNX model as a text to edit",
      "  varve import resnet.onnx -o resnet.varve --weights "
      "resnet.safetensors\n"
      "  varve run resnet.varve --weights resnet.safetensors \\\n"
      "            --input data=x.npy --output-dir out",
      [] { return runImport(args); });
  verb->add_option("FILE", args.file, "the model (.onnx)")->required();
  verb->add_option("-o", args.output, "the text")
      ->type_name("OUT.varve")
      ->required();
  verb->add_option("--weights", args.weights, "where the weights go")
      ->type_name("W.safetensors")
      ->required();
  addGivenFlag(*verb, args.inputs);
  verb->add_option("--dim", args.dims, "a size that the model leaves open")
      ->type_name("NAME=SIZE")
      ->take_all()
      ->expected(1);
}

void addQuantize(CLI::App &app, std::function<int()> &action) {
  static QuantizeArgs args;
  CLI::App *verb = addVerb(
      app, action, "quantize", "Give an ONNX model products of 8-bit codes",
      "  varve quantize resnet.onnx --input data=samples.npy -o resnet8.onnx\n"
      "Measures the model on the samples, which the first axis counts, and "
      "says how far\nits outputs are from before.",
      [] { return runQuantize(args); });
  addModelFlags(*verb, args.model, /*json=*/true);
  verb->add_option("--input", args.inputs, "samples of an input")
      ->type_name("NAME=x.{npy,pb}")
      ->take_all()
      ->expected(1)
      ->required();
  verb->add_option("-o", args.output, "the model of codes")
      ->type_name("OUT.onnx")
      ->required();
}

void addCheck(CLI::App &app, std::function<int()> &action) {
  static CheckArgs args;
  CLI::App *verb = addVerb(
      app, action, "check", "Hold the compiled program against the reference",
      "  varve check mnist_mlp.varve                a training step, 8 "
      "samples\n"
      "  varve check mnist_mlp.varve --gradients    and finite differences\n"
      "  varve check mnist_mlp.varve --contract     and every bit\n"
      "Exit status 1 where an error is above its bound or a bit differs.",
      [] { return runCheck(args); });
  verb->add_option("FILE", args.file, "model file (.varve)")->required();
  verb->add_option("--set", args.sets, "override a setting")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
  addDimFlag(*verb, args.sets);
  verb->add_option("--function", args.function, "train_step or infer")
      ->check(CLI::IsMember({"train_step", "infer"}));
  verb->add_option("--batch", args.batch, "samples in the batch; else 8")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->add_option("--seed", args.seed, "of random data and first values")
      ->type_name("S");
  verb->add_option("--target-cpu", args.cpu, "x86-64-v3 or x86-64-v4")
      ->type_name("C");
  verb->add_flag("--gradients", args.gradients,
                 "gradients too, and those against central differences");
  verb->add_flag("--contract", args.contract,
                 "every bit too, against operations that run one by one in "
                 "the numeric contract's order");
}

void addInspect(CLI::App &app, std::function<int()> &action) {
  static InspectArgs args;
  CLI::App *verb = addVerb(
      app, action, "inspect", "Show what a model is made of",
      "  varve inspect mnist_mlp.varve\n"
      "  varve inspect mnist_mlp.varve --set batch=32 --json\n"
      "  varve inspect mnist_mlp.varve --html mnist.html\n"
      "  varve inspect mnist_mlp.varve --memory --batch 1024\n"
      "  varve inspect mnist_mlp.varve --data mnist --html samples.html\n"
      "  varve inspect resnet.onnx\n"
      "Shows parameters by layer, FLOPs of each function, and memory; "
      "with --data,\nsamples as stored and as training sees them.",
      [] {
        takeConfig(args.model);
        if (args.samples)
          return runSampleSheet(args);
        return isOnnx(args.model.file) ? runInspectOnnx(args)
                                       : runInspect(args);
      });
  addConfigFlag(*verb, args.model);
  addModelFlags(*verb, args.model, /*json=*/true);
  auto *html = verb->add_option("--html", args.html, "write a page instead")
                   ->type_name("F")
                   ->excludes("--json");
  CLI::Option *memory = verb->add_flag(
      "--memory", args.memory,
      "what a training step needs, by stage and phase: planned, not run");
  verb->add_option("--batch", args.batch, "samples in the step")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->needs(memory);
  addDataFlags(*verb, args.data);
  verb->get_option("--data")->needs(html);
  verb->get_option("--data-dir")->needs(html);
  verb->parse_complete_callback([verb] {
    args.samples = verb->get_option("--data")->count() > 0 ||
                   verb->get_option("--data-dir")->count() > 0;
  });
}

void addBench(CLI::App &app, std::function<int()> &action) {
  static BenchArgs args;
  CLI::App *verb = addVerb(
      app, action, "bench", "Time a compiled function on random data",
      "  varve bench mnist_mlp.varve --threads 1\n"
      "  varve bench mnist_mlp.varve --function infer --batch 32 --json\n"
      "  varve bench mnist_mlp.varve --profile      a row for each kernel\n"
      "Cycles 16 batches and updates the state, as training does.",
      [] { return runBench(args); });
  addModelFlags(*verb, args.model, /*json=*/true);
  verb->add_option("--function", args.function, "train_step or infer")
      ->check(CLI::IsMember({"train_step", "infer"}));
  verb->add_option("--batch", args.batch, "samples in a call")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--profile", args.model.profile,
                 "time each kernel, against what the machine can do");
  verb->add_flag("--no-gather", args.noGather,
                 "a training step whose batches lie ready, gathered and "
                 "prepared");
  verb->add_option("--seconds", args.seconds,
                   "how long to measure; 0: one call")
      ->type_name("S")
      ->check(CLI::NonNegativeNumber);
}

void addCache(CLI::App &app, std::function<int()> &action) {
  static CacheArgs args;
  CLI::App *verb = addVerb(
      app, action, "cache", "List or clear what was compiled",
      "  varve cache list         the artifacts, those used last first\n"
      "  varve cache path         the folder: $VARVE_CACHE, else\n"
      "                           $XDG_CACHE_HOME/varve, else ~/.cache/varve\n"
      "  varve cache clear        removes them all",
      [] { return runCache(args); });
  verb->add_option("ACTION", args.action, "list, path or clear")
      ->required()
      ->check(CLI::IsMember({"list", "path", "clear"}));
}

void addFmt(CLI::App &app, std::function<int()> &action) {
  static FmtArgs args;
  CLI::App *verb = addVerb(
      app, action, "fmt", "Print model files in their canonical form",
      "  varve fmt model.varve            prints it\n"
      "  varve fmt --write *.varve        rewrites the files\n"
      "  varve fmt --check *.varve        status 1 if one is not canonical\n"
      "  varve fmt --prelude              prints the layers that are always "
      "there",
      [] { return runFmt(args); });
  auto *files = verb->add_option("FILE", args.files, "model files");
  auto *write = verb->add_flag("--write", args.write, "rewrite the files");
  verb->add_flag("--check", args.check, "only say which are not canonical")
      ->excludes(write);
  auto *prelude =
      verb->add_flag("--prelude", args.prelude, "print the prelude");
  verb->parse_complete_callback([files, prelude] {
    if (files->count() == 0 && prelude->count() == 0)
      throw CLI::RequiredError("FILE");
  });
}

int run(int argc, char **argv) {
  CLI::App app(overview, "varve");
  std::function<int()> action;
  app.footer(statuses);
  app.set_version_flag("--version", "varve " VARVE_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.get_formatter()->column_width(34);
  addTrain(app, action);
  addEval(app, action);
  addRun(app, action);
  addGradients(app, action);
  addGenerate(app, action);
  addCompile(app, action);
  addImport(app, action);
  addQuantize(app, action);
  addCheck(app, action);
  addInspect(app, action);
  addBench(app, action);
  addFmt(app, action);
  addCache(app, action);
  if (argc < 2) {
    fmt::print(stderr, "{}", app.help());
    return usageStatus;
  }
  std::vector<std::string> verbs;
  for (const CLI::App *verb :
       app.get_subcommands([](CLI::App *) { return true; }))
    verbs.push_back(verb->get_name());
  std::string first = argv[1];
  if (first[0] != '-' &&
      std::find(verbs.begin(), verbs.end(), first) == verbs.end()) {
    std::string remedy = suggest(first, verbs);
    return fail({fmt::format("unknown command `{}`{}", first,
                             remedy.empty() ? "; varve --help lists them"
                                            : " (" + remedy + ")"),
                 ErrorKind::Usage});
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : usageStatus;
  }
  return action();
}

} // namespace

int fail(const Error &error) {
  // Diagnostics with a place carry the word themselves.
  bool placed = error.message.find(": error: ") != std::string::npos;
  std::string_view text = error.message;
  while (!text.empty() && text.back() == '\n')
    text.remove_suffix(1);
  std::fflush(stdout);
  fmt::print(stderr, "{}{}\n", placed ? "" : "varve: error: ", text);
  return static_cast<int>(error.kind);
}

} // namespace varve::cli

int main(int argc, char **argv) {
  try {
    return varve::cli::run(argc, argv);
  } catch (const std::exception &error) {
    fmt::print(stderr, "varve: error: {}\n", error.what());
    return 1;
  }
}
