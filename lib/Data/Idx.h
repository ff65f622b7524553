// The IDX format of MNIST: a magic number (two zeros, the element type, the
// rank), the sizes as big-endian u32, the elements, big-endian. Plain or gzip.
#ifndef VARVE_DATA_IDX_H
#define VARVE_DATA_IDX_H

#include "varve/Result.h"
#include "varve/Tensor.h"
#include <string>
#include <string_view>

namespace varve {

Result<Tensor> readIdx(const std::string &path);
/// The same for a file in memory; `name` stands in diagnostics.
Result<Tensor> parseIdx(std::string_view bytes, const std::string &name);

} // namespace varve
#endif
