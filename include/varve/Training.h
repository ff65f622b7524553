// What training takes and tells: options, reports while it runs, how it ended.
// Standard library only.
#ifndef VARVE_TRAINING_H
#define VARVE_TRAINING_H

#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
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

/// Called on the thread that trains.
class TrainObserver {
public:
  virtual ~TrainObserver() = default;
  /// Called after each step: must be quick and must not allocate.
  virtual void onStep(const StepReport &) {}
  virtual void onEpoch(const EpochReport &) {}
  /// Something to know: "resumed at epoch 3", "stopped early".
  virtual void onNote(std::string_view) {}
  /// Asked after each step: whether training is to stop there.
  virtual bool cancelled() { return false; }
};

/// What a step takes besides data, the same for all functions of a run.
struct StepSettings {
  int64_t seed = 0, epoch = 0, epochs = 0, steps = 0;
  std::map<std::string, double> hyper; ///< others keep their default
};

/// What is not set is as the model says.
struct TrainOptions {
  std::optional<int64_t> batch;
  std::optional<int64_t> epochs; ///< instead of `steps`
  std::optional<int64_t> steps;  ///< instead of `epochs`
  std::optional<int64_t> seed;
  std::optional<double> validate; ///< part of the samples, in [0, 1)
  std::optional<int64_t>
      patience; ///< epochs without a better `monitor`; 0: no end
  std::optional<std::string> monitor;  ///< "val_loss", "accuracy", ...
  std::map<std::string, double> hyper; ///< "optimizer.lr": 0.01
  std::optional<std::string> initFrom; ///< weights to begin with
  /// Takes the weights of `initFrom` that fit, and notes what it left.
  bool partial = false;
  /// Begins with the state that is there, not with first values.
  bool keepState = false;

  /// Where the weights go at the end (the best ones, where there is a
  /// validation split); empty: nowhere.
  std::string out;
  /// With `lora`: matrices with their updates, not the updates alone.
  bool merge = false;
  /// The model's map whose names they get; empty: its own.
  std::string names;
  /// Folder of the checkpoint; written at the end of each epoch, and every
  /// `checkpointEvery` steps where that is not 0; empty: nowhere.
  std::string checkpoint;
  std::optional<int64_t> checkpointEvery;
  /// Folder of the checkpoint that an interruption writes where `checkpoint`
  /// is empty; empty: none is written.
  std::string interrupted;
  /// Goes on from the checkpoint (of `checkpoint`, else of `interrupted`), if
  /// there is one. Settings not given here are then the checkpoint's.
  bool resume = false;
  /// Checks every number of every step: slow, but where a NaN comes from is in
  /// the error.
  bool debugNan = false;

  /// Becomes non-zero when training is to stop after the step under way.
  const volatile std::sig_atomic_t *cancel = nullptr;
  TrainObserver *observer = nullptr; ///< may be null
};

/// How training ended.
struct TrainOutcome {
  enum class End { Finished, StoppedEarly, Interrupted };
  End end = End::Finished;
  int64_t epochs = 0, steps = 0; ///< done in all, also before a resume
  double seconds = 0;            ///< in this run
  std::vector<Measure> last;     ///< of the last whole epoch
  std::vector<Measure> test;     ///< "test_loss", ... of the test set, if any
  std::string checkpoint;        ///< the file written last, if any
};

} // namespace varve
#endif
