// NumPy's files: .npy (one array, format 1 to 3) and .npz (a zip file of
// them). Little-endian, C or Fortran order; tensors are always in C order.
// bf16, which NumPy lacks, is stored as its extension types are: "<V2".
#ifndef VARVE_SUPPORT_NPY_H
#define VARVE_SUPPORT_NPY_H

#include "varve/Result.h"
#include "varve/Tensor.h"
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve {

Result<Tensor> readNpy(const std::string &path);
/// The same for a file in memory; `name` stands in diagnostics.
Result<Tensor> parseNpy(std::string_view bytes, const std::string &name);
/// Writes a file whole or not at all.
Status writeNpy(const std::string &path, const Tensor &tensor);

/// The arrays of an .npz file, without the ".npy" of their names, in the
/// order of the file. `wanted` picks some by name; empty picks all.
Result<std::vector<std::pair<std::string, Tensor>>>
readNpz(const std::string &path, const std::vector<std::string> &wanted = {});
Result<std::vector<std::pair<std::string, Tensor>>>
parseNpz(std::string_view bytes, const std::string &name,
         const std::vector<std::string> &wanted = {});

} // namespace varve
#endif
