// Evaluation: a compiled step without updates over samples of a data set.
#ifndef VARVE_LEARN_EVALUATE_H
#define VARVE_LEARN_EVALUATE_H

#include "Data/Dataset.h"
#include "Learn/Call.h"
#include "Learn/Program.h"
#include "Learn/Report.h"
#include "varve/Result.h"
#include <optional>
#include <vector>

namespace varve {

/// Bound once, run as often as wanted; a run allocates nothing but its result.
class Evaluator {
public:
  /// Gets "eval_step" at `batch` and at what is left over by the samples.
  /// `data` outlives it.
  static Result<Evaluator> create(Program &program, const Dataset &data,
                                  std::vector<int64_t> samples, int64_t batch,
                                  const StepSettings &settings);

  /// Means over all samples, each loss and metric weighted by its batch's
  /// samples and added in double.
  std::vector<Measure> run(int64_t epoch = 0);

private:
  std::vector<int64_t> samples;
  std::vector<double> sums;
  std::optional<Call> whole, rest;
};

/// Evaluates the whole data set. Batch 0: the model's.
Result<std::vector<Measure>> evaluate(Program &program, const Dataset &data,
                                      int64_t batch = 0);

/// Fails where a label is not below its number of classes: compiled code
/// trusts labels.
Status checkLabels(const Manifest &manifest, const Dataset &data);

} // namespace varve
#endif
