// The arguments of one compiled function, bound by what they are for: fields
// of a data set, the batch's indices, hyperparameters, counters. Allocated
// once; a call allocates nothing.
#ifndef VARVE_LEARN_CALL_H
#define VARVE_LEARN_CALL_H

#include "Data/Dataset.h"
#include "Learn/Program.h"
#include "Learn/Report.h"
#include "varve/Result.h"
#include "varve/Training.h"
#include <map>
#include <string>
#include <vector>

namespace varve {

class Call {
public:
  /// Fails where a field is missing or of another type or shape, or an
  /// argument is of a kind that a step does not have. `data` and `more`, fields
  /// that come before those of `data`, outlive the Call.
  static Result<Call> bind(Program &program,
                           const varve_function_desc &function,
                           const Dataset &data, const StepSettings &settings,
                           const Dataset *more = nullptr);

  const char *name() const { return function->name; }
  int64_t batch() const { return function->batch; }
  void setEpoch(int64_t epoch);
  /// Where the batch's sample numbers go: i64[batch].
  int64_t *indices() { return indexBuffer; }
  void run() { program->call(*function, buffers.data()); }

  /// What is measured: "loss", then the parts of a loss of several, then the
  /// metrics.
  const std::vector<std::string> &measures() const { return names; }
  /// The value of the last run's result of that name, if it has one.
  const void *output(std::string_view name) const;
  /// The loss of the last run.
  double loss() const { return *values[0]; }
  /// Adds the last run's measures, weighted by its samples, to sums[i].
  void accumulate(double *sums) const {
    for (size_t i = 0; i < values.size(); ++i)
      sums[i] += static_cast<double>(*values[i]) *
                 static_cast<double>(function->batch);
  }

private:
  Status bindInput(const varve_tensor_desc &desc, const Dataset &data,
                   const Dataset *more, const StepSettings &settings);
  Status bindResult(const varve_tensor_desc &desc);
  void *scratch(const varve_tensor_desc &desc);

  Program *program = nullptr;
  const varve_function_desc *function = nullptr;
  std::vector<void *> buffers;
  std::vector<Tensor> own; ///< buffers that are not the data set's
  int64_t *indexBuffer = nullptr;
  std::vector<int64_t *> epochBuffers;
  std::vector<std::string> names;
  std::vector<const float *> values;
  std::map<std::string, const void *, std::less<>> outputs;
};

/// Fails where a hyperparameter is none of the function's, naming those.
Status checkHyper(const varve_function_desc &function,
                  const std::map<std::string, double> &hyper);

} // namespace varve
#endif
