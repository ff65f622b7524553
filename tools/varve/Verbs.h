// The verbs of the command line: what each was asked, and what it does. Each
// returns the exit status, 0 or an ErrorKind, after saying what went wrong.
#ifndef VARVE_TOOLS_VERBS_H
#define VARVE_TOOLS_VERBS_H

#include "Model.h"
#include "varve/Result.h"
#include <optional>
#include <string>
#include <vector>

namespace varve::cli {

/// Says what went wrong on stderr and returns the exit status.
int fail(const Error &error);

struct TrainArgs {
  ModelArgs model;
  DataArgs data;
  std::optional<int64_t> batch, epochs, seed, checkpointEvery;
  std::optional<std::string> initFrom;
  std::string out, names, checkpoint, report;
  bool partial = false, resume = false, debugNan = false, merge = false;
  bool externalData = false; ///< of an ONNX model
};
int runTrain(const TrainArgs &args);

struct EvalArgs {
  ModelArgs model;
  DataArgs data;
  std::string weights;
  int64_t batch = 0; ///< 0: the model's
};
int runEval(const EvalArgs &args);

struct RunArgs {
  ModelArgs model;
  std::string weights, outputDir;
  std::vector<std::string> inputs; ///< "NAME=x.npy", of ONNX also x.pb
  bool noPrepare = false;
  std::string format = "npy";    ///< of an ONNX model also "pb"
};
int runRun(const RunArgs &args);
/// The same for an ONNX model.
int runOnnx(const RunArgs &args);

struct GradientsArgs {
  ModelArgs model;
  std::string weights, outputDir;
  std::vector<std::string> inputs, cotangents; ///< "NAME=x.npy", x.pb of ONNX
  std::string format = "npy";
};
int runGradients(const GradientsArgs &args);

struct GenerateArgs {
  ModelArgs model;
  std::string weights, tokenizer, prompt;
  std::optional<int64_t> maxTokens, topK;   ///< else the model's
  std::optional<double> temperature, topP;
  uint64_t seed = 0;
};
int runGenerate(const GenerateArgs &args);

struct CompileArgs {
  std::string file, weights, function = "infer", cpu, output, header;
  std::vector<std::string> sets, disabledPasses;
  std::vector<std::string> inputs; ///< of an ONNX model, "NAME=x.npy"
  std::vector<int64_t> batches; ///< empty: the model's
  std::string stopAfter, reproducer;
  bool printPhases = false;
  bool externalData = false; ///< of an ONNX model
};
int runCompile(const CompileArgs &args);
/// The same to an ONNX file, without a word; `output` "": whether it can be
/// written.
Status compileOnnx(const CompileArgs &args);

struct ImportArgs {
  std::string file, output, weights;
  std::vector<std::string> dims;   ///< "NAME=SIZE"
  std::vector<std::string> inputs; ///< "NAME=x.npy"
};
int runImport(const ImportArgs &args);

struct QuantizeArgs {
  ModelArgs model;
  std::vector<std::string> inputs; ///< "NAME=samples.npy"
  std::string output;
};
int runQuantize(const QuantizeArgs &args);

struct CheckArgs {
  std::string file, function = "train_step", cpu;
  std::vector<std::string> sets;
  int64_t batch = 0; ///< 0: 8
  uint64_t seed = 0;
  bool gradients = false, contract = false;
};
int runCheck(const CheckArgs &args);

struct InspectArgs {
  ModelArgs model;
  DataArgs data;
  bool samples = false; ///< shows samples of the data, not the model
  std::string html;     ///< a file, instead of text
  bool memory = false;
  int64_t batch = 0; ///< 0: the model's
};
/// What a training step needs, by stage and phase, as JSON: planned by the
/// compiler, not run. Batch 0: the model's.
Result<std::string> planMemory(const ModelArgs &model, int64_t batch);
/// `varve inspect --memory`.
int showMemory(const InspectArgs &args);
int runInspect(const InspectArgs &args);
/// The same of an ONNX model, which is read and not compiled.
int runInspectOnnx(const InspectArgs &args);
/// A page of samples, as stored and as training sees them.
int runSampleSheet(const InspectArgs &args);

struct BenchArgs {
  ModelArgs model;
  std::string function = "train_step";
  int64_t batch = 0; ///< 0: the model's
  double seconds = 2;
  bool noGather = false; ///< of a training step
};
int runBench(const BenchArgs &args);

struct CacheArgs {
  std::string action; ///< "list", "path", "clear"
};
int runCache(const CacheArgs &args);

struct FmtArgs {
  std::vector<std::string> files;
  bool write = false, check = false, prelude = false;
};
int runFmt(const FmtArgs &args);

} // namespace varve::cli
#endif
