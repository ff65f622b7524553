// The binary files of CIFAR-10 and CIFAR-100: records of one or two label
// bytes and an image of 3 x 32 x 32 bytes. Plain or gzip.
#ifndef VARVE_DATA_CIFAR_H
#define VARVE_DATA_CIFAR_H

#include "Data/Dataset.h"
#include "varve/Result.h"
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Reads files one after the other: "image" u8[n, 3, 32, 32] and "label"
/// u8[n], the last label byte of a record (CIFAR-100: the fine one).
Result<std::vector<Dataset::Field>>
readCifar(const std::vector<std::string> &paths, size_t labelBytes);

/// The same from files of these names, whatever their folder, in a tar file.
Result<std::vector<Dataset::Field>>
readCifarArchive(const std::string &path, const std::vector<std::string> &files,
                 size_t labelBytes);

/// Appends the records of a file in memory; `name` stands in diagnostics.
Status appendCifar(std::string_view bytes, const std::string &name,
                   size_t labelBytes, Tensor &images, Tensor &labels);

} // namespace varve
#endif
