// From arrays that were found to the fields that a model wants.
#ifndef VARVE_DATA_FIT_H
#define VARVE_DATA_FIT_H

#include "Data/DataSpec.h"
#include "Data/Dataset.h"
#include "varve/Result.h"
#include <string>
#include <vector>

namespace varve {

/// Makes a data set from arrays whose first axis counts the samples: from a
/// file, or from an embedder's memory. An array serves the field that names it
/// (`from`, else the field's own name); the others are dropped. Axes of size 1
/// do not matter. Integers become wider or narrower ones or floats, f64 and
/// f32 become each other; integers are checked against the type and against
/// the number of classes. `origin` stands in diagnostics.
Result<Dataset> fitDataset(const DataSpec &spec,
                           std::vector<Dataset::Field> arrays,
                           const std::string &origin);

/// Keeps the first `count` samples.
void keepFirst(Dataset &data, int64_t count);

/// The name of the array or column that serves a field of one column.
inline const std::string &sourceOf(const FieldSpec &field) {
  return field.from.empty() ? field.name : field.from[0];
}

} // namespace varve
#endif
