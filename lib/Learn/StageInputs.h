// What a greedy stage reads of the stages below it, which stand still while it
// learns: computed once for all its epochs.
#ifndef VARVE_LEARN_STAGEINPUTS_H
#define VARVE_LEARN_STAGEINPUTS_H

#include "Learn/Call.h"
#include <optional>

namespace varve {

class StageInputs {
public:
  /// Room for a row of each sample of `data`, and "stage_input:STAGE" bound to
  /// make those of `samples`, at most `batch` a call. All outlive this.
  static Result<StageInputs> create(Program &program, const Dataset &data,
                                    const std::vector<int64_t> &samples,
                                    const std::string &stage, int64_t batch,
                                    const StepSettings &settings);

  /// Runs the frozen stages, once, with the state that is there now.
  void fill();
  /// The field "stage_input".
  const Dataset &fields() const { return rows; }

private:
  const std::vector<int64_t> *samples = nullptr;
  std::optional<Call> whole, rest;
  Dataset rows;
  bool filled = false;
};

} // namespace varve
#endif
