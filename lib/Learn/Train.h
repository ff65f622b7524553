// The training loop: epochs of compiled steps over a data set in memory, with
// validation, early stopping, checkpoints and reports. It knows artifacts and
// their manifest, never the compiler.
#ifndef VARVE_LEARN_TRAIN_H
#define VARVE_LEARN_TRAIN_H

#include "Data/Dataset.h"
#include "Learn/Program.h"
#include "Learn/Report.h"
#include "varve/Result.h"
#include "varve/Training.h"
#include <string>

namespace varve {

/// A place for TrainOptions::interrupted: beside `out`, or named after the
/// model.
std::string checkpointFolder(const TrainOptions &options,
                             const std::string &model);

/// Trains. `program` must hold the "train_step" of the batch in question or
/// be able to get it. Fails with the step where the loss is not finite; what
/// was saved before stays. `test` may be null.
Result<TrainOutcome> train(Program &program, const Dataset &data,
                           const Dataset *test, const TrainOptions &options);

} // namespace varve
#endif
