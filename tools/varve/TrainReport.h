// `varve train --report`: the run as a page, rewritten after each epoch.
#ifndef VARVE_TOOLS_TRAINREPORT_H
#define VARVE_TOOLS_TRAINREPORT_H

#include "Learn/Program.h"
#include "varve/Result.h"
#include "varve/Training.h"
#include <string>
#include <vector>

namespace varve::cli {

/// Passes reports on, and keeps what the page shows.
class PageReporter : public TrainObserver {
public:
  /// `path` empty: only passes on.
  PageReporter(TrainObserver &next, const Program &program, std::string path)
      : next(next), program(program), path(std::move(path)) {}

  /// What planMemory said; the page then shows memory by stage.
  void setMemory(std::string json) { memory = std::move(json); }

  void onStep(const StepReport &report) override { next.onStep(report); }
  void onEpoch(const EpochReport &report) override;
  void onNote(std::string_view text) override { next.onNote(text); }
  bool cancelled() override { return next.cancelled(); }

  /// Writes the page, with what was measured at the end.
  Status write(const std::vector<Measure> &test = {}) const;

private:
  std::string page(const std::vector<Measure> &test) const;

  TrainObserver &next;
  const Program &program;
  std::string path, memory;
  std::vector<EpochReport> epochs;
};

} // namespace varve::cli
#endif
