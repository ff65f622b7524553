// A data set in memory, as stored: what readers make and training reads.
#ifndef VARVE_DATA_DATASET_H
#define VARVE_DATA_DATASET_H

#include "varve/Tensor.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Named fields, each a tensor whose first axis counts the samples; of a text,
/// one field whose windows are the samples (Data/Text.h).
struct Dataset {
  struct Field {
    std::string name;
    Tensor values;
  };
  std::vector<Field> fields;
  int64_t samples = 0; ///< the size of every field's first axis
  bool isText = false; ///< samples are windows, each next to the one before
  std::vector<std::string> notes; ///< what was left out, to be shown
  /// What weights that learn from it must keep, such as its tokenizer.
  std::map<std::string, std::string> metadata;

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
