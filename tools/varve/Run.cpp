// `varve run`: inference on arrays from .npy files.
#include "Learn/Infer.h"
#include "Learn/Weights.h"
#include "Model.h"
#include "Support/File.h"
#include "Support/Npy.h"
#include "Verbs.h"
#include <algorithm>
#include <fmt/format.h>

namespace varve::cli {
namespace {

// The likeliest class of the first samples, by name.
void showLabels(const NamedTensor &output,
                const std::vector<std::string> &labels) {
  const Tensor &value = output.value;
  auto classes = static_cast<int64_t>(labels.size());
  if (value.type != DType::F32 || value.shape.size() != 2 ||
      value.shape[1] != classes)
    return;
  for (int64_t i = 0; i < std::min<int64_t>(value.shape[0], 10); ++i) {
    const float *row = value.as<float>() + i * classes;
    auto best = std::max_element(row, row + classes) - row;
    fmt::print("  {}: {} ({:.4g})\n", i, labels[static_cast<size_t>(best)],
               row[best]);
  }
}

} // namespace

int runRun(const RunArgs &args) {
  if (isOnnx(args.model.file))
    return runOnnx(args);
  if (args.format != "npy")
    return fail({"--format is for ONNX models", ErrorKind::Usage});
  auto inputs = readArrays("--input", args.inputs);
  if (!inputs)
    return fail(inputs.error());
  std::vector<ArrayView> views;
  for (const NamedTensor &input : *inputs)
    views.push_back({input.name, input.value.type, input.value.shape,
                     input.value.data.data()});
  auto batch = inferBatch(views);
  if (!batch)
    return fail(batch.error());
  auto model = openModel(args.model, "infer", *batch);
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  if (auto loaded = openWeights(model->program, args.weights); !loaded)
    return fail(loaded.error());
  auto outputs = infer(model->program, views, !args.noPrepare);
  if (!outputs)
    return fail(outputs.error());
  if (Status made = makeFolders(args.outputDir); !made)
    return fail(made.error());
  for (const NamedTensor &output : *outputs) {
    std::string name = output.name;
    std::replace(name.begin(), name.end(), '/', '_');
    std::string path = fmt::format("{}/{}.npy", args.outputDir, name);
    if (Status written = writeNpy(path, output.value); !written)
      return fail(written.error());
    fmt::print("{} {}\n", path,
               toString(output.value.type, output.value.shape));
    auto labels = model->program.manifest().labels.find(output.name);
    if (labels != model->program.manifest().labels.end())
      showLabels(output, labels->second);
  }
  return 0;
}

} // namespace varve::cli
