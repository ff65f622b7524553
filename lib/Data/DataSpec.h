// What a model says about its data set: the `data` line of its `train` block.
#ifndef VARVE_DATA_DATASPEC_H
#define VARVE_DATA_DATASPEC_H

#include "varve/Tensor.h"
#include <map>
#include <string>
#include <vector>

namespace varve {

/// A field of one sample, as stored in memory.
struct FieldSpec {
  std::string name;
  DType type = DType::F32;
  std::vector<int64_t> shape;    ///< of one sample
  std::vector<std::string> from; ///< columns or arrays; empty: its name
  int64_t classes = 0;           ///< labels are below it; 0: no label
  std::vector<std::string> classNames;
};

struct DataSpec {
  std::string name; ///< "mnist", "csv", ...
  /// Values as text. "path": the file, relative to the model's folder.
  std::map<std::string, std::string> options;
  std::vector<FieldSpec> fields;
};

} // namespace varve
#endif
