// What a Session holds: the program, and calls of its training step bound to
// buffers for each batch size.
#ifndef VARVE_EMBED_SESSIONIMPL_H
#define VARVE_EMBED_SESSIONIMPL_H

#include "Data/DataSource.h"
#include "Data/Fit.h"
#include "Embed/Guard.h"
#include "Learn/Call.h"
#include "Learn/Program.h"
#include "varve/Runtime.h"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace varve {

/// Fails where the shape makes no sense or there is no data.
Result<Tensor> copyOf(const ArrayView &array);

struct Session::Impl {
  Impl(Model model, const varve_allocator *allocator, Program program)
      : model(std::move(model)), allocator(allocator),
        program(std::move(program)) {}

  template <class Work> auto guard(Work work) {
    return guarded(allocator, std::move(work));
  }

  /// Fails where the model has no `train` block.
  Status mustTrain() const;
  /// The data set's fields, each served by the array of its own name.
  Result<DataSpec> memorySpec() const;
  Result<int64_t> findState(const std::string &name) const;

  Status configure(const StepSettings &wanted);
  /// Settings are bound into calls.
  void forgetCalls();

  Result<double> step(const std::vector<ArrayView> &batch);
  Result<double> step(const std::shared_ptr<const Dataset> &data,
                      const int64_t *index, int64_t count);

  Model model;
  const varve_allocator *allocator;
  Program program;
  StepSettings settings;
  std::vector<Measure> measures;
  int64_t steps = 0;

private:
  /// A step on samples that are copied to `batch`, or that `data` holds.
  struct BoundStep {
    std::shared_ptr<const Dataset> data;
    std::unique_ptr<Dataset> batch;
    Call call;
  };

  Result<Call> bind(const Dataset &data, int64_t count);
  Result<BoundStep *> boundBatch(int64_t count);
  Result<BoundStep *> boundSamples(const std::shared_ptr<const Dataset> &data,
                                   int64_t count);
  double run(Call &call);

  std::map<int64_t, BoundStep> onBatches, onSamples; ///< by batch size
  std::vector<double> sums;
};

} // namespace varve
#endif
