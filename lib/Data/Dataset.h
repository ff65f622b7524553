// A data set in memory, as stored: what readers make and training reads.
#ifndef VARVE_DATA_DATASET_H
#define VARVE_DATA_DATASET_H

#include "varve/Tensor.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Named fields, each a tensor whose first axis counts the samples.
struct Dataset {
  struct Field {
    std::string name;
    Tensor values;
  };
  std::vector<Field> fields;
  int64_t samples = 0; ///< the size of every field's first axis
  std::vector<std::string> notes; ///< what was left out, to be shown

  /// The field of that name, or null.
  const Tensor *find(std::string_view name) const {
    for (const Field &field : fields)
      if (field.name == name)
        return &field.values;
    return nullptr;
  }
};

} // namespace varve
#endif
