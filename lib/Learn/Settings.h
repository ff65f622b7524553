// The settings of a training run: options over a checkpoint's over the
// manifest's.
#ifndef VARVE_LEARN_SETTINGS_H
#define VARVE_LEARN_SETTINGS_H

#include "Learn/Manifest.h"
#include "Learn/Train.h"
#include "varve/Result.h"
#include <cstdint>
#include <map>
#include <string>

namespace varve {

/// All values decided. A checkpoint holds them, so that a resumed run goes on
/// with them.
struct TrainSettings {
  int64_t batch = 0;  ///< samples in a step, all that are accumulated
  int64_t epochs = 0; ///< 0: `steps` decides
  int64_t steps = 0;  ///< 0: `epochs` decides
  int64_t seed = 0;
  double validate = 0;
  int64_t patience = 0;
  std::string monitor;
  std::map<std::string, double> hyper;
};

/// Decides the settings; `checkpoint` is what a resumed run was started with,
/// or null. Fails on values that make no sense, and where an option would
/// change what a checkpoint stands on: batch, seed, validation split.
Result<TrainSettings> decideSettings(const Manifest &manifest,
                                     const TrainOptions &options,
                                     const TrainSettings *checkpoint);

/// Whether a larger value of the measure is better: not for losses and errors.
bool largerIsBetter(const std::string &measure, const Manifest &manifest);

} // namespace varve
#endif
