// Shows reports. Nothing in onStep allocates: it runs between two steps.
#include "Learn/Report.h"
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

namespace varve {

void TextReporter::onStep(const StepReport &report) {
  if (!terminal)
    return;
  // Ten times a second is smooth enough; a new epoch starts at once.
  if (bar && report.seconds >= shown && report.seconds < shown + 0.1)
    return;
  shown = report.seconds;
  bar = true;
  constexpr int width = 24;
  int filled = report.steps
                   ? static_cast<int>(width * report.step / report.steps)
                   : width;
  double left = report.step
                    ? report.seconds / static_cast<double>(report.step) *
                          static_cast<double>(report.steps - report.step)
                    : 0;
  char line[160];
  std::snprintf(line, sizeof(line),
                "\repoch %lld/%lld [%.*s%*s] loss %.4f  %.0f/s  %.0f s left "
                "\033[K",
                static_cast<long long>(report.epoch),
                static_cast<long long>(report.epochs), filled,
                "========================", width - filled, "", report.loss,
                report.samplesPerSecond, left);
  std::fputs(line, stream);
  std::fflush(stream);
}

void TextReporter::clearBar() {
  if (bar)
    std::fputs("\r\033[K", stream);
  bar = false;
}

void TextReporter::onEpoch(const EpochReport &report) {
  clearBar();
  fmt::print(stream, "epoch {}/{}  {}  {:.2f} s  {:.0f} samples/s\n",
             report.epoch, report.epochs, toString(report.measures),
             report.seconds, report.samplesPerSecond);
  std::fflush(stream);
}

void TextReporter::onNote(std::string_view text) {
  clearBar();
  fmt::print(stream, "{}\n", text);
  std::fflush(stream);
}

namespace {

/// Objects keep the order in which their keys are written.
using Json = nlohmann::ordered_json;

/// "stage.conv1" is the entry "conv1" of "losses".
void add(Json &object, const std::vector<Measure> &measures) {
  constexpr std::string_view stage = "stage.";
  for (const auto &[name, value] : measures)
    if (name.compare(0, stage.size(), stage) == 0)
      object["losses"][name.substr(stage.size())] = value;
    else
      object[name] = value;
}

} // namespace

void JsonReporter::onEpoch(const EpochReport &report) {
  Json line = {{"event", "epoch"}, {"epoch", report.epoch}};
  add(line, report.measures);
  line["seconds"] = report.seconds;
  line["samples_per_second"] = report.samplesPerSecond;
  fmt::print(stream, "{}\n", line.dump());
  std::fflush(stream);
}

void JsonReporter::onNote(std::string_view text) {
  fmt::print(notes, "{}\n", text);
  std::fflush(notes);
}

std::string doneLine(const std::vector<Measure> &test, int64_t steps,
                     double seconds, double compileSeconds) {
  Json line = {{"event", "done"}};
  add(line, test);
  line["steps"] = steps;
  line["seconds"] = seconds;
  line["compile_seconds"] = compileSeconds;
  line["peak_rss_mb"] = peakMegabytes();
  return line.dump();
}

std::string evalLine(const std::vector<Measure> &measures, int64_t samples) {
  Json line = {{"event", "eval"}};
  add(line, measures);
  line["samples"] = samples;
  return line.dump();
}

std::string toString(const std::vector<Measure> &measures) {
  std::string text;
  for (const auto &[name, value] : measures)
    text += fmt::format("{}{} {:.4f}", text.empty() ? "" : "  ", name, value);
  return text;
}

double peakMegabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6; // Linux: KiB
}

double residentMegabytes() {
  // Pages of the whole address space, then of what is resident: proc(5).
  long long total = 0, resident = 0;
  if (std::FILE *file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lld %lld", &total, &resident) != 2)
      resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / 1e6;
}

} // namespace varve
