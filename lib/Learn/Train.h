// The training loop: epochs of compiled steps over a data set in memory, with
// validation, early stopping, checkpoints and reports. It knows artifacts and
// their manifest, never the compiler.
#ifndef VARVE_LEARN_TRAIN_H
#define VARVE_LEARN_TRAIN_H

#include "Data/Dataset.h"
#include "Learn/Program.h"
#include "Learn/Report.h"
#include "varve/Result.h"
#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace varve {

/// What is not set is as the manifest says.
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

  /// Where the weights go at the end (the best ones, where there is a
  /// validation split); empty: nowhere.
  std::string out;
  /// Folder of the checkpoint; written at the end of each epoch, and every
  /// `checkpointEvery` steps where that is not 0. Empty: only an interruption
  /// writes one, to `checkpointFolder`.
  std::string checkpoint;
  std::optional<int64_t> checkpointEvery;
  /// Goes on from the checkpoint, if there is one. Settings not given here are
  /// then the checkpoint's.
  bool resume = false;

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

/// Where an interruption without `checkpoint` saves, and where `resume` then
/// looks: beside `out`, or named after the model.
std::string checkpointFolder(const TrainOptions &options,
                             const std::string &model);

/// Trains. `program` must hold the "train_step" of the batch in question or
/// be able to get it. Fails with the step where the loss is not finite; what
/// was saved before stays. `test` may be null.
Result<TrainOutcome> train(Program &program, const Dataset &data,
                           const Dataset *test, const TrainOptions &options);

} // namespace varve
#endif
