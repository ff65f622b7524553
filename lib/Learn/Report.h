// What training and evaluation tell while they run, and how it is shown: a
// progress bar on a terminal, plain lines elsewhere, JSON lines for programs.
#ifndef VARVE_LEARN_REPORT_H
#define VARVE_LEARN_REPORT_H

#include "varve/Training.h"
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Epoch lines, and on a terminal a progress bar rewritten ten times a second.
class TextReporter : public TrainObserver {
public:
  /// Writes to `stream`; a bar if `terminal`.
  TextReporter(std::FILE *stream, bool terminal)
      : stream(stream), terminal(terminal) {}
  void onStep(const StepReport &report) override;
  void onEpoch(const EpochReport &report) override;
  void onNote(std::string_view text) override;

private:
  void clearBar();

  std::FILE *stream;
  bool terminal, bar = false;
  double shown = 0;
};

/// {"event":"epoch", ...} lines to `stream`; notes go to `notes`.
class JsonReporter : public TrainObserver {
public:
  JsonReporter(std::FILE *stream, std::FILE *notes)
      : stream(stream), notes(notes) {}
  void onEpoch(const EpochReport &report) override;
  void onNote(std::string_view text) override;

private:
  std::FILE *stream, *notes;
};

/// {"event":"done", <test measures>, "steps", "seconds", "compile_seconds",
/// "peak_rss_mb"} without a line end.
std::string doneLine(const std::vector<Measure> &test, int64_t steps,
                     double seconds, double compileSeconds);

/// {"event":"eval", <measures>, "samples"} without a line end.
std::string evalLine(const std::vector<Measure> &measures, int64_t samples);

/// "loss 0.2345  accuracy 0.9312".
std::string toString(const std::vector<Measure> &measures);

/// The most memory this process has held, in units of 10^6 bytes.
double peakMegabytes();

/// The memory that this process holds now, in units of 10^6 bytes; 0 where the
/// system does not say.
double residentMegabytes();

} // namespace varve
#endif
