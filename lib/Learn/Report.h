// What training and evaluation tell while they run, and how it is shown: a
// progress bar on a terminal, plain lines elsewhere, JSON lines for programs.
#ifndef VARVE_LEARN_REPORT_H
#define VARVE_LEARN_REPORT_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve {

/// A named mean over samples: "loss", "accuracy", "val_loss".
using Measure = std::pair<std::string, double>;

/// Where a run stands after a step.
struct StepReport {
  int64_t epoch = 0, epochs = 0; ///< epoch under way, from 1; in all
  int64_t step = 0, steps = 0;   ///< done in this epoch; in it in all
  double loss = 0;               ///< mean so far in this epoch
  double seconds = 0;            ///< since the epoch or its resume began
  double samplesPerSecond = 0;
};

/// An epoch that is done, validation included.
struct EpochReport {
  int64_t epoch = 0, epochs = 0;
  std::vector<Measure> measures;
  double seconds = 0, samplesPerSecond = 0; ///< of the training steps
};

class TrainObserver {
public:
  virtual ~TrainObserver();
  /// Called after each step: must be quick and must not allocate.
  virtual void onStep(const StepReport &report) {}
  virtual void onEpoch(const EpochReport &report) {}
  /// Something to know: "resumed at epoch 3", "stopped early".
  virtual void onNote(std::string_view text) {}
};

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

} // namespace varve
#endif
