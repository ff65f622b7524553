// `varve run` of an ONNX model: values in and out as the format stores them.
#include "OnnxValues.h"
#include "Support/File.h"
#include "Verbs.h"

namespace varve::cli {
namespace {

Status run(const RunArgs &args) {
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
  if (Status made = makeFolders(args.outputDir); !made)
    return made;
  for (const OnnxValue &output : *outputs)
    if (Status written = writeOnnxValue(args.outputDir, args.format,
                                        output.name, output.value);
        !written)
      return written;
  return {};
}

} // namespace

int runOnnx(const RunArgs &args) {
  Status done = run(args);
  return done ? 0 : fail(done.error());
}

} // namespace varve::cli
