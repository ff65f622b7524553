// `varve inspect`: what a model is made of, from its compiled programs: the
// parameters of each layer, the work of each function, memory by phase.
#include "Learn/Weights.h"
#include "Model.h"
#include "Page.h"
#include "Support/File.h"
#include "Verbs.h"
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>

namespace varve::cli {
namespace {

using Json = nlohmann::ordered_json;

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

// The layer of "layer1.conv.weight" is "layer1.conv".
std::string layerOf(const std::string &key) {
  size_t dot = key.rfind('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

struct Layer {
  std::string name;
  std::vector<const varve_state_desc *> tensors;
  int64_t parameters = 0;
  std::optional<Manifest::LayerValue> output; ///< none: no layer of the text
};

std::string typeOf(const varve_state_desc &state) {
  return toString(static_cast<DType>(state.dtype),
                  {state.shape, state.shape + state.rank});
}

/// Everything that is shown, whatever the form.
struct Report {
  std::string model, digest;
  /// In the order of the text, then those of parameters outside of layers.
  std::vector<Layer> layers;
  int64_t parameters = 0;
  int64_t unused = 0; ///< parameters that have no effect on any result
  struct Function {
    std::string name;
    int64_t batch, flops, arenaBytes;
  };
  std::vector<Function> functions;
  /// Bytes of parameters, running statistics, optimizer state and averages.
  int64_t weightBytes = 0, runningBytes = 0, optimizerBytes = 0;
};

std::string outputOf(const Layer &layer) {
  return layer.output ? toString(layer.output->type, layer.output->shape) : "";
}

void addLayers(Report &report, const Manifest &manifest) {
  for (const Manifest::LayerValue &layer : manifest.layers) {
    bool known = std::any_of(
        report.layers.begin(), report.layers.end(),
        [&](const Layer &other) { return other.name == layer.name; });
    if (!known) // one that is applied again
      report.layers.push_back({layer.name, {}, 0, layer});
  }
}

void addState(Report &report, const varve_artifact &artifact) {
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    int64_t &bytes = state.role == VARVE_PARAM     ? report.weightBytes
                     : state.role == VARVE_RUNNING ? report.runningBytes
                                                   : report.optimizerBytes;
    bytes += state.bytes;
    if (!isWeight(state))
      continue;
    std::string name = layerOf(state.name);
    auto layer = std::find_if(report.layers.begin(), report.layers.end(),
                              [&](const Layer &l) { return l.name == name; });
    if (layer == report.layers.end())
      layer = report.layers.insert(layer, {name, {}, 0, {}});
    layer->tensors.push_back(&state);
    if (state.role != VARVE_PARAM)
      continue;
    layer->parameters += varve_state_elements(&state);
    report.parameters += varve_state_elements(&state);
    report.unused +=
        varve_state_elements(&state) - varve_state_used_elements(&state);
  }
}

Json toJson(const Report &report) {
  Json layers = Json::array(), functions = Json::array();
  for (const Layer &layer : report.layers) {
    Json tensors = Json::array();
    for (const varve_state_desc *state : layer.tensors)
      tensors.push_back(
          {{"name", state->name},
           {"dtype", nameOf(static_cast<DType>(state->dtype))},
           {"shape",
            std::vector<int64_t>(state->shape, state->shape + state->rank)},
           {"learned", state->role == VARVE_PARAM}});
    Json output;
    if (layer.output)
      output = {{"dtype", nameOf(layer.output->type)},
                {"shape", layer.output->shape}};
    layers.push_back({{"name", layer.name},
                      {"output", output},
                      {"parameters", layer.parameters},
                      {"tensors", tensors}});
  }
  for (const Report::Function &function : report.functions)
    functions.push_back({{"name", function.name},
                         {"batch", function.batch},
                         {"flops", function.flops},
                         {"arena_mb", megabytes(function.arenaBytes)}});
  return {{"model", report.model},
          {"digest", report.digest},
          {"parameters", report.parameters},
          {"unused_parameters", report.unused},
          {"layers", layers},
          {"functions", functions},
          {"memory_mb",
           {{"weights", megabytes(report.weightBytes)},
            {"running", megabytes(report.runningBytes)},
            {"optimizer", megabytes(report.optimizerBytes)}}}};
}

void showText(const Report &report) {
  fmt::print("{}: {} parameters\n", report.model, grouped(report.parameters));
  if (report.unused)
    fmt::print("{} of them only meet padding: no slots, no update\n",
               grouped(report.unused));
  fmt::print("\n");
  size_t wide = 5;
  for (const Layer &layer : report.layers)
    wide = std::max(wide, layer.name.size());
  fmt::print("  {:<{}}  {:<24} {:>14}\n", "layer", wide, "output",
             "parameters");
  for (const Layer &layer : report.layers)
    fmt::print("  {:<{}}  {:<24} {:>14}\n",
               layer.name.empty() ? "-" : layer.name, wide, outputOf(layer),
               grouped(layer.parameters));
  fmt::print("\n");
  for (const Layer &layer : report.layers)
    for (const varve_state_desc *state : layer.tensors)
      wide = std::max(wide, std::string_view(state->name).size());
  for (const Layer &layer : report.layers)
    for (const varve_state_desc *state : layer.tensors)
      fmt::print("  {:<{}}  {:<24} {:>14}{}\n", state->name, wide,
                 typeOf(*state), grouped(varve_state_elements(state)),
                 state->role == VARVE_PARAM ? "" : "  not learned");
  fmt::print("\n  {:<12} {:>6} {:>16} {:>12}\n", "function", "batch",
             "FLOPs a call", "arena MB");
  for (const Report::Function &function : report.functions)
    fmt::print("  {:<12} {:>6} {:>16} {:>12.3f}\n", function.name,
               function.batch, grouped(function.flops),
               megabytes(function.arenaBytes));
  fmt::print("\n  memory MB: weights {:.3f}, running statistics {:.3f}, "
             "optimizer {:.3f}\n",
             megabytes(report.weightBytes), megabytes(report.runningBytes),
             megabytes(report.optimizerBytes));
}

// One page without scripts: a row for each tensor with a bar for its share of
// the parameters, then the functions.
std::string toHtml(const Report &report) {
  std::string page = fmt::format(
      "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
      "<style>body{{font:15px sans-serif;margin:2em}}"
      "td,th{{padding:.2em 1em;text-align:left}}"
      "td.n{{text-align:right}}"
      "td.b{{width:20em}}td.b div{{background:#4a7;height:1em}}</style>\n"
      "<h1>{0}</h1>\n<p>{1} parameters</p>\n<table>\n"
      "<tr><th>layer<th>output<th>parameters\n",
      escaped(report.model), grouped(report.parameters));
  for (const Layer &layer : report.layers)
    page += fmt::format("<tr><td>{}<td>{}<td class=n>{}\n", escaped(layer.name),
                        outputOf(layer), grouped(layer.parameters));
  page += "</table>\n<table>\n"
          "<tr><th>tensor<th>type<th>elements<th>share\n";
  for (const Layer &layer : report.layers)
    for (const varve_state_desc *state : layer.tensors) {
      int64_t elements = varve_state_elements(state);
      double share = state->role == VARVE_PARAM && report.parameters
                         ? 100.0 * static_cast<double>(elements) /
                               static_cast<double>(report.parameters)
                         : 0;
      page += fmt::format("<tr><td>{}<td>{}<td class=n>{}<td class=b>"
                          "<div style=\"width:{:.2f}%\"></div>\n",
                          escaped(state->name), typeOf(*state),
                          grouped(elements), share);
    }
  page += "</table>\n<table>\n<tr><th>function<th>batch<th>FLOPs a call"
          "<th>arena MB\n";
  for (const Report::Function &function : report.functions)
    page += fmt::format("<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>"
                        "{:.3f}\n",
                        function.name, function.batch, grouped(function.flops),
                        megabytes(function.arenaBytes));
  page +=
      fmt::format("</table>\n<p>Memory in MB: weights {:.3f}, running "
                  "statistics {:.3f}, optimizer {:.3f}</p>\n",
                  megabytes(report.weightBytes), megabytes(report.runningBytes),
                  megabytes(report.optimizerBytes));
  return page;
}

} // namespace

int runInspect(const InspectArgs &args) {
  if (args.memory)
    return showMemory(args);
  // The training program has all state; a model that is not trained, or an
  // artifact without it, still has inference.
  std::vector<Model> models;
  std::optional<Error> error;
  for (const char *function : {"train_step", "infer"}) {
    auto model = openModel(args.model, function, 0);
    if (model)
      models.push_back(std::move(*model));
    else if (!error)
      error = model.error();
  }
  if (models.empty())
    return fail(*error);
  Report report;
  const varve_artifact &artifact = models[0].program.artifact();
  report.model = artifact.name;
  report.digest = artifact.digest;
  addLayers(report, models[0].program.manifest());
  addState(report, artifact);
  for (const Model &model : models) {
    const varve_function_desc &function = model.program.artifact().function[0];
    report.functions.push_back(
        {function.name, function.batch, function.flops, function.arena_bytes});
  }
  if (!args.html.empty()) {
    Status written = writeFile(args.html, {toHtml(report)});
    return written ? 0 : fail(written.error());
  }
  if (args.model.json)
    fmt::print("{}\n", toJson(report).dump());
  else
    showText(report);
  return 0;
}

} // namespace varve::cli
