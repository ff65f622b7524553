// `varve quantize`: measures an ONNX model's tensors on samples, writes it with
// whole numbers in its products, and says how far its outputs are from before.
#include "Onnx/Quantize.h"
#include "Onnx/Write.h"
#include "OnnxValues.h"
#include "Support/TemporaryFolder.h"
#include "Verbs.h"
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

using onnx::HostValue;
using Values = std::vector<OnnxValue>;

/// Samples in a call where the model leaves their number open.
constexpr int64_t samplesInCall = 16;

/// The inputs of one call after the other: rows [i n, (i + 1) n) of each. Where
/// the model leaves their number open, the last call may have fewer.
class Calls {
public:
  static Result<Calls> make(Values samples, const onnx::Graph &graph) {
    Calls calls;
    for (const OnnxValue &sample : samples) {
      const onnx::TensorData &tensor = sample.value.tensor;
      if (sample.value.kind != HostValue::Kind::Tensor ||
          tensor.type == onnx::Element::String || tensor.dims.empty())
        return Error{fmt::format("input '{}' has no first axis of samples",
                                 sample.name)};
      int64_t all = tensor.dims[0], n = rowsOf(sample.name, graph);
      bool isOpen = n <= 0;
      if (isOpen)
        n = std::min(samplesInCall, all);
      if (all == 0 || (!isOpen && all % n != 0))
        return Error{fmt::format("input '{}' has {} samples, which is no "
                                 "multiple of the {} that a call takes",
                                 sample.name, all, std::max<int64_t>(n, 1))};
      int64_t count = (all + n - 1) / n; // the last call may have fewer
      if (!calls.rows.empty() && count != calls.count)
        return Error{fmt::format("input '{}' is for {} calls, those before for "
                                 "{}",
                                 sample.name, count, calls.count)};
      calls.count = count;
      calls.rows.push_back(n);
    }
    calls.samples = std::move(samples);
    return calls;
  }

  int64_t size() const { return count; }

  Values inputs(int64_t call) const {
    Values part;
    for (size_t i = 0; i < samples.size(); ++i) {
      const onnx::TensorData &all = samples[i].value.tensor;
      onnx::TensorData tensor;
      tensor.name = all.name;
      tensor.type = all.type;
      tensor.dims = all.dims;
      int64_t begin = call * rows[i];
      tensor.dims[0] = std::min(rows[i], all.dims[0] - begin);
      std::vector<int64_t> shape = all.value.shape;
      shape[0] = tensor.dims[0];
      tensor.value = Tensor(all.value.type, std::move(shape));
      auto row = ptrdiff_t(all.value.data.size()) / all.dims[0];
      std::copy_n(all.value.data.begin() + row * begin,
                  tensor.value.data.size(), tensor.value.data.begin());
      part.push_back({samples[i].name, HostValue::of(std::move(tensor))});
    }
    return part;
  }

private:
  /// -1 where the model leaves it open.
  static int64_t rowsOf(const std::string &name, const onnx::Graph &graph) {
    for (const onnx::ValueInfo &info : graph.inputs)
      if (info.name == name && info.type.shape && !info.type.shape->empty())
        return info.type.shape->front().size;
    return -1;
  }

  Values samples;
  std::vector<int64_t> rows; ///< of a call
  int64_t count = 0;
};

Result<Values> call(ModelArgs args, const std::string &path,
                    const onnx::Model &model, const Values &inputs) {
  args.file = path;
  auto program = openOnnx(args, model, inputs, "infer");
  if (!program)
    return program.error();
  auto results =
      callFunction(*program, *program->find("infer", 1), tensorsOf(inputs));
  if (!results)
    return results.error();
  return onnxOutputs(*program, std::move(*results));
}

bool isF32(const HostValue &value) {
  return value.kind == HostValue::Kind::Tensor &&
         value.tensor.type == onnx::Element::F32;
}

/// How an output differs from what it was.
struct Difference {
  double signal = 0, noise = 0;
  int64_t rows = 0, same = 0; ///< same: with the largest element in its place

  void add(const Tensor &before, const Tensor &after) {
    const float *x = before.as<float>(), *y = after.as<float>();
    for (int64_t i = 0; i < before.elements(); ++i) {
      signal += double(x[i]) * x[i];
      noise += (double(x[i]) - y[i]) * (double(x[i]) - y[i]);
    }
    int64_t classes = before.shape.size() < 2 ? 1 : before.shape.back();
    for (int64_t i = 0; classes > 1 && i < before.elements(); i += classes) {
      ++rows;
      same += std::max_element(x + i, x + i + classes) - x ==
              std::max_element(y + i, y + i + classes) - y;
    }
  }
};

Result<std::map<std::string, onnx::Range>>
measure(const QuantizeArgs &args, const std::string &folder, onnx::Model model,
        const Calls &calls, std::vector<Values> &outputs) {
  std::set<std::string> wanted = onnx::tensorsToMeasure(model);
  size_t own = model.graph.outputs.size();
  for (const std::string &name : wanted)
    model.graph.outputs.push_back({name, {}});
  std::string path = folder + "/measured.onnx";
  if (Status written = onnx::writeModel(path, model); !written)
    return written.error();
  std::map<std::string, onnx::Range> ranges;
  for (int64_t i = 0; i < calls.size(); ++i) {
    auto values = call(args.model, path, model, calls.inputs(i));
    if (!values)
      return values.error();
    for (size_t k = own; k < values->size(); ++k) {
      const OnnxValue &each = (*values)[k];
      if (!isF32(each.value) || !each.value.tensor.value.elements())
        continue;
      const Tensor &tensor = each.value.tensor.value;
      const float *begin = tensor.as<float>(), *end = begin + tensor.elements();
      auto [low, high] = std::minmax_element(begin, end);
      if (!std::all_of(begin, end, [](float x) { return std::isfinite(x); }))
        return Error{fmt::format("tensor '{}' is not finite on these samples",
                                 each.name)};
      auto [place, isNew] =
          ranges.try_emplace(each.name, onnx::Range{*low, *high});
      if (!isNew)
        place->second = {std::min(place->second.low, *low),
                         std::max(place->second.high, *high)};
    }
    values->resize(own);
    outputs.push_back(std::move(*values));
  }
  return ranges;
}

void report(const QuantizeArgs &args, int64_t products,
            const std::map<std::string, Difference> &differences) {
  std::error_code code;
  auto bytes = [&](const std::string &path) {
    return double(std::filesystem::file_size(path, code)) / 1e6;
  };
  nlohmann::json outputs = nlohmann::json::array();
  if (!args.model.json)
    fmt::print("{}: {} products of 8-bit codes, {:.2f} MB instead of {:.2f}\n",
               args.output, products, bytes(args.output),
               bytes(args.model.file));
  for (const auto &[name, d] : differences) {
    double decibels = 10 * std::log10(d.signal / std::max(d.noise, 1e-300));
    double same = d.rows ? double(d.same) / double(d.rows) : 1;
    outputs.push_back(
        {{"name", name}, {"snr_db", decibels}, {"same_largest", same}});
    if (args.model.json)
      continue;
    fmt::print("{}: {:.1f} dB from signal to noise", name, decibels);
    if (d.rows)
      fmt::print(", the same element is the largest in {:.2f}% of {} rows",
                 100 * same, d.rows);
    fmt::print("\n");
  }
  if (args.model.json)
    fmt::print("{}\n", nlohmann::json{{"event", "quantize"},
                                      {"products", products},
                                      {"megabytes", bytes(args.output)},
                                      {"outputs", outputs}}
                           .dump());
}

Status run(const QuantizeArgs &args) {
  if (!isOnnx(args.model.file) || !isOnnx(args.output))
    return Error{
        fmt::format("'{}' does not end in .onnx; varve compile writes "
                    "ONNX models",
                    isOnnx(args.output) ? args.model.file : args.output),
        ErrorKind::Usage};
  auto model = onnx::readModel(args.model.file);
  if (!model)
    return model.error();
  onnx::hoistConstants(model->graph);
  onnx::foldTransposes(model->graph);
  auto samples =
      readOnnxValues("--input", args.inputs, "input", model->graph.inputs);
  if (!samples)
    return samples.error();
  auto calls = Calls::make(std::move(*samples), model->graph);
  if (!calls)
    return calls.error();
  auto folder = TemporaryFolder::make();
  if (!folder)
    return folder.error();
  std::vector<Values> before;
  auto ranges = measure(args, folder->path(), *model, *calls, before);
  if (!ranges)
    return ranges.error();
  auto products = onnx::quantize(*model, *ranges);
  if (!products)
    return products.error();
  std::string path = folder->path() + "/quantized.onnx";
  if (Status written = onnx::writeModel(path, *model); !written)
    return written;
  std::map<std::string, Difference> differences;
  for (int64_t i = 0; i < calls->size(); ++i) {
    auto after = call(args.model, path, *model, calls->inputs(i));
    if (!after)
      return after.error();
    const Values &outputs = before[size_t(i)];
    for (size_t k = 0; k < outputs.size(); ++k)
      if (isF32(outputs[k].value))
        differences[outputs[k].name].add(outputs[k].value.tensor.value,
                                         (*after)[k].value.tensor.value);
  }
  if (Status written = onnx::writeModel(args.output, *model); !written)
    return written;
  report(args, *products, differences);
  return {};
}

} // namespace

int runQuantize(const QuantizeArgs &args) {
  Status done = run(args);
  return done ? 0 : fail(done.error());
}

} // namespace varve::cli
