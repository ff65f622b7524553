// `varve run` of an ONNX model: values in and out as the format stores them.
#include "OnnxValues.h"
#include "Verbs.h"

namespace varve::cli {
namespace {

Status run(const RunArgs &args) {
  if (!args.weights.empty())
    return Error{"an ONNX model has its weights: --weights is not for it",
                 ErrorKind::Usage};
  auto model = onnx::readModel(args.model.file);
  if (!model)
    return model.error();
  auto inputs =
      readOnnxValues("--input", args.inputs, "input", model->graph.inputs);
  if (!inputs)
    return inputs.error();
  auto program = openOnnx(args.model, *model, *inputs, "infer");
  if (!program)
    return program.error();
  auto results =
      callFunction(*program, *program->find("infer", 1), tensorsOf(*inputs));
  if (!results)
    return results.error();
  auto outputs = onnxOutputs(*program, std::move(*results));
  if (!outputs)
    return outputs.error();
  return writeOnnxValues(args.outputDir, args.format, *outputs);
}

} // namespace

int runOnnx(const RunArgs &args) {
  Status done = run(args);
  return done ? 0 : fail(done.error());
}

} // namespace varve::cli
