// Runs the frozen stages over the samples that train.
#include "Learn/StageInputs.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <string_view>

namespace varve {

static constexpr const char *fieldName = "stage_input";

/// Room for a row of each sample, of the type that the function gives.
static Result<Tensor> makeRows(const varve_function_desc &function,
                               int64_t samples) {
  for (int64_t i = 0; i < function.results; ++i) {
    const varve_tensor_desc &desc = function.args[function.inputs + i];
    if (std::string_view(desc.name) != fieldName || desc.rank == 0)
      continue;
    std::vector<int64_t> shape(desc.shape, desc.shape + desc.rank);
    shape[0] = samples;
    return Tensor(static_cast<DType>(desc.dtype), std::move(shape));
  }
  return Error{fmt::format("'{}' gives no '{}'", function.name, fieldName)};
}

Result<StageInputs> StageInputs::create(Program &program, const Dataset &data,
                                        const std::vector<int64_t> &samples,
                                        const std::string &stage, int64_t batch,
                                        const StepSettings &settings) {
  StageInputs inputs;
  inputs.samples = &samples;
  inputs.rows.samples = data.samples;
  auto count = static_cast<int64_t>(samples.size());
  std::string name = "stage_input:" + stage;
  for (int64_t size : {count >= batch ? batch : 0, count % batch}) {
    if (size == 0)
      continue;
    if (Status got = program.require({name, {size}}); !got)
      return got.error();
    const varve_function_desc &function = *program.find(name, size);
    if (inputs.rows.fields.empty()) {
      auto room = makeRows(function, data.samples);
      if (!room)
        return room.error();
      inputs.rows.fields.push_back({fieldName, std::move(*room)});
    }
    auto call = Call::bind(program, function, data, settings);
    if (!call)
      return call.error();
    (size == batch ? inputs.whole : inputs.rest) = std::move(*call);
  }
  return Result<StageInputs>(std::move(inputs));
}

void StageInputs::fill() {
  if (filled)
    return;
  filled = true;
  auto &bytes = rows.fields[0].values.data;
  size_t each = bytes.size() / static_cast<size_t>(rows.samples);
  auto count = static_cast<int64_t>(samples->size());
  for (int64_t from = 0; from < count;) {
    bool last = !whole || count - from < whole->batch();
    Call &call = last ? *rest : *whole;
    const int64_t *first = samples->data() + from;
    std::copy(first, first + call.batch(), call.indices());
    call.run();
    const auto *made = static_cast<const std::byte *>(call.output(fieldName));
    for (int64_t i = 0; i < call.batch(); ++i)
      std::memcpy(bytes.data() + each * static_cast<size_t>(first[i]),
                  made + each * static_cast<size_t>(i), each);
    from += call.batch();
  }
}

} // namespace varve
