// The page of a training run: what was measured by epoch, memory, the graph.
#include "TrainReport.h"
#include "Learn/Settings.h"
#include "Page.h"
#include "Support/File.h"
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

namespace varve::cli {
namespace {

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

/// The lines of a measure over epochs.
std::vector<Series> seriesOf(const std::vector<EpochReport> &epochs) {
  std::vector<Series> series;
  for (size_t e = 0; e < epochs.size(); ++e)
    for (const auto &[name, value] : epochs[e].measures) {
      auto found =
          std::find_if(series.begin(), series.end(),
                       [&](const Series &s) { return s.name == name; });
      if (found == series.end())
        found = series.insert(found, {name, std::vector<double>(e, NAN)});
      found->values.resize(e, NAN);
      found->values.push_back(value);
    }
  return series;
}

std::string epochTable(const std::vector<EpochReport> &epochs) {
  std::string html = "<div class=\"wide\"><table>\n<tr><th>epoch";
  for (const auto &[name, value] : epochs[0].measures)
    html += "<th>" + escaped(name);
  html += "<th>seconds<th>samples/s\n";
  for (const EpochReport &epoch : epochs) {
    html += fmt::format("<tr><td>{}", epoch.epoch);
    for (const auto &[name, value] : epoch.measures)
      html += fmt::format("<td>{:.4f}", value);
    html += fmt::format("<td>{:.2f}<td>{:.0f}\n", epoch.seconds,
                        epoch.samplesPerSecond);
  }
  return html + "</table></div>\n";
}

std::string memoryOf(const Program &program) {
  const varve_artifact &artifact = program.artifact();
  int64_t weights = 0, running = 0, optimizer = 0, arena = 0;
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    (state.role == VARVE_PARAM     ? weights
     : state.role == VARVE_RUNNING ? running
                                   : optimizer) += state.bytes;
  }
  for (int64_t i = 0; i < artifact.functions; ++i)
    if (std::string_view(artifact.function[i].name) == "train_step")
      arena = std::max(arena, artifact.function[i].arena_bytes);
  std::vector<std::pair<std::string, double>> bars = {
      {"activations and gradients of a step (arena)", megabytes(arena)},
      {"weights", megabytes(weights)},
      {"running statistics", megabytes(running)},
      {"optimizer", megabytes(optimizer)}};
  return barChart(bars, "MB");
}

/// Activations and gradients of each stage, where there are several.
std::string memoryOfStages(const std::string &planned) {
  auto report = nlohmann::json::parse(planned, nullptr, false);
  if (!report.is_object() || !report["stages"].is_array())
    return "";
  std::vector<std::pair<std::string, double>> bars;
  for (const auto &stage : report["stages"]) {
    std::string name = stage.value("stage", "");
    if (!name.empty())
      bars.push_back({"stage " + name, stage.value("activation_mb", 0.0)});
  }
  if (bars.size() < 2)
    return "";
  return "<h2>Activations by stage</h2>\n" + barChart(bars, "MB");
}

std::string graphOf(const Program &program) {
  const Manifest &manifest = program.manifest();
  std::vector<GraphNode> nodes;
  for (const Manifest::Layer &layer : manifest.graph) {
    GraphNode node{layer.name, layer.type, {}, ""};
    for (int64_t from : layer.from)
      node.from.push_back(static_cast<size_t>(from));
    for (const Manifest::Stage &stage : manifest.stages)
      if (std::find(stage.layers.begin(), stage.layers.end(), layer.name) !=
          stage.layers.end())
        node.group = "stage " + stage.name;
    nodes.push_back(std::move(node));
  }
  // Heads stand at the end of a program, and are drawn with their stages.
  std::vector<size_t> order(nodes.size()), place(nodes.size());
  std::iota(order.begin(), order.end(), size_t(0));
  auto stageOf = [&](size_t i) {
    for (size_t s = 0; s < manifest.stages.size(); ++s)
      if (nodes[i].group == "stage " + manifest.stages[s].name)
        return s;
    return manifest.stages.size();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return stageOf(a) < stageOf(b); });
  std::vector<GraphNode> sorted;
  for (size_t i : order) {
    place[i] = sorted.size();
    sorted.push_back(nodes[i]);
  }
  for (size_t at = 0; at < sorted.size(); ++at) {
    std::vector<size_t> from;
    for (size_t i : sorted[at].from)
      if (place[i] < at) // a later stage's layer is no edge to draw upwards
        from.push_back(place[i]);
    sorted[at].from = std::move(from);
  }
  return graphChart(sorted);
}

} // namespace

void PageReporter::onEpoch(const EpochReport &report) {
  next.onEpoch(report);
  if (path.empty())
    return;
  epochs.push_back(report);
  // A page that cannot be written must not end the run; the end will say so.
  (void)write();
}

Status PageReporter::write(const std::vector<Measure> &test) const {
  return path.empty() ? Status() : writeFile(path, {page(test)});
}

std::string PageReporter::page(const std::vector<Measure> &test) const {
  const Manifest &manifest = program.manifest();
  std::string html = pageHead(manifest.model);
  if (epochs.empty())
    return html + "<p>No epoch was finished.</p>\n";
  const EpochReport &last = epochs.back();
  html += fmt::format("<p>Epoch {} of {}", last.epoch, last.epochs);
  for (const auto &[name, value] : test.empty() ? last.measures : test)
    html += fmt::format(", {} <b>{:.4f}</b>", escaped(name), value);
  html += ".</p>\n";
  if (epochs[0].epoch > 1)
    html += fmt::format("<p>Resumed: epochs before {} are not shown.</p>\n",
                        epochs[0].epoch);
  // What is better small has a chart, and what is better large.
  std::vector<Series> losses, others;
  for (Series &series : seriesOf(epochs))
    (largerIsBetter(series.name, manifest) ? others : losses)
        .push_back(std::move(series));
  auto chart = [&](const char *title, const std::vector<Series> &series) {
    if (!series.empty())
      html += fmt::format("<h2>{}</h2>\n", title) +
              lineChart(series, epochs[0].epoch, "epoch");
  };
  chart("Loss", losses);
  chart("Metrics", others);
  html += "<h2>Epochs</h2>\n" + epochTable(epochs);
  html += "<h2>Memory</h2>\n" + memoryOf(program) + memoryOfStages(memory);
  if (std::string graph = graphOf(program); !graph.empty())
    html += "<h2>Layers</h2>\n" + graph;
  return html + "</html>\n";
}

} // namespace varve::cli
