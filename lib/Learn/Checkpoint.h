// Checkpoints: everything that a training run needs to go on with the same
// bits. One safetensors file, written whole or not at all:
//
//   tensors   "state/NAME": every state variable, in canonical order
//             "best/NAME": the best weights, where they are kept
//   metadata  "format", "model", "digest", "progress" (JSON)
#ifndef VARVE_LEARN_CHECKPOINT_H
#define VARVE_LEARN_CHECKPOINT_H

#include "Learn/Program.h"
#include "Learn/Settings.h"
#include "Learn/Weights.h"
#include "varve/Result.h"
#include <optional>
#include <string>
#include <vector>

namespace varve {

/// Where a run stands between two steps.
struct TrainProgress {
  TrainSettings settings;
  int64_t samples = 0;        ///< of the data set
  int64_t epoch = 0;          ///< epochs done
  int64_t step = 0;           ///< steps done in the epoch under way
  int64_t totalSteps = 0;     ///< steps done in all
  std::vector<double> sums;   ///< of the epoch's measures, by samples
  std::vector<Measure> last;  ///< of the last whole epoch
  std::optional<double> best; ///< of the monitored measure
  int64_t bestEpoch = 0;      ///< from 1
  bool stopped = false;       ///< early; there is nothing to go on with
};

/// The file of a checkpoint folder.
std::string checkpointFile(const std::string &folder);

/// Writes a checkpoint and makes its folder. `best` may be empty.
Status saveCheckpoint(const std::string &folder, const Program &program,
                      const TrainProgress &progress, const Snapshot &best);

/// Reads where a run stood; nothing if there is no checkpoint. Fails where the
/// file is malformed or of another program.
Result<std::optional<TrainProgress>> readProgress(const std::string &folder,
                                                  const Program &program);

/// Reads the state and, if it is there, the best weights. Changes nothing
/// where it fails.
Status loadCheckpoint(const std::string &folder, Program &program,
                      Snapshot &best);

} // namespace varve
#endif
