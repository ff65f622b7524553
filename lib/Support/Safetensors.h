// The safetensors format: named tensors behind a JSON header.
//
//   u64 little-endian: bytes of the header
//   header: {"__metadata__": {text: text}, NAME: {"dtype": .., "shape": [..],
//            "data_offsets": [begin, end]}, ..}, offsets from the header's end
//   the tensors' bytes, without holes
#ifndef VARVE_SUPPORT_SAFETENSORS_H
#define VARVE_SUPPORT_SAFETENSORS_H

#include "varve/Result.h"
#include "varve/Tensor.h"
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// What a file holds, in the order of the bytes.
struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::vector<std::pair<std::string, Tensor>> tensors;

  /// The tensor of that name, or null.
  const Tensor *find(std::string_view name) const;
};

/// A tensor to be written; `data` is contiguous and row-major.
struct SafetensorsEntry {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
  const void *data;
};

/// Reads and checks a file: the header's bounds, names (no duplicates), types,
/// shapes, offsets (inside the file, without holes or overlaps, as large as
/// the shape says). No size is believed before it is checked against the file.
Result<Safetensors> readSafetensors(const std::string &path);

/// The same for a file in memory; `name` stands in diagnostics.
Result<Safetensors> parseSafetensors(std::string_view bytes,
                                     const std::string &name);

/// Only the metadata of a file.
Result<std::map<std::string, std::string>>
readSafetensorsMetadata(const std::string &path);

/// Writes a file whole or not at all. The same entries give the same bytes:
/// wider elements first, so that each tensor is aligned, else as given. Fails
/// on duplicate names.
Status writeSafetensors(const std::string &path,
                        const std::vector<SafetensorsEntry> &entries,
                        const std::map<std::string, std::string> &metadata);

} // namespace varve
#endif
