// `varve run` of an ONNX model: values in and out as the format stores them.
#include "OnnxValues.h"
#include "Support/File.h"
#include "Verbs.h"
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

using nlohmann::json;
using onnx::Element;
using onnx::HostValue;

/// An output, put together as the manifest says.
HostValue assemble(const json &entry, std::vector<Tensor> &results) {
  HostValue value;
  for (const char *kind : {"sequence", "optional"}) {
    if (!entry.contains(kind))
      continue;
    value.kind =
        *kind == 's' ? HostValue::Kind::Sequence : HostValue::Kind::Optional;
    for (const json &item : entry[kind])
      value.items.push_back(assemble(item, results));
    return value;
  }
  onnx::TensorData &tensor = value.tensor;
  if (entry.contains("strings")) {
    tensor.type = Element::String;
    tensor.dims = entry["dims"].get<std::vector<int64_t>>();
    tensor.strings = entry["strings"].get<std::vector<std::string>>();
    return value;
  }
  tensor.type = static_cast<Element>(entry["element"].get<int32_t>());
  tensor.value = std::move(results[entry["result"].get<size_t>()]);
  tensor.dims = tensor.value.shape;
  if (onnx::partsOf(tensor.type) == 2)
    tensor.dims.pop_back();
  return value;
}

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
  json manifest = json::parse(program->artifact().manifest, nullptr, false);
  if (manifest.is_discarded() || !manifest.contains("onnx"))
    return Error{"the artifact is of no ONNX model"};
  if (Status made = makeFolders(args.outputDir); !made)
    return made;
  for (const json &output : manifest["onnx"]["outputs"])
    if (Status written = writeOnnxValue(args.outputDir, args.format,
                                        output["name"].get<std::string>(),
                                        assemble(output["value"], *results));
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
