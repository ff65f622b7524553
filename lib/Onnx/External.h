// External data: tensors whose bytes lie in a file beside the model.
#ifndef VARVE_ONNX_EXTERNAL_H
#define VARVE_ONNX_EXTERNAL_H

#include "varve/Result.h"
#include <cstdint>
#include <string>

namespace varve::onnx {

/// Where the bytes are, from the entries of the format.
struct ExternalPlace {
  std::string location; ///< relative to the model's folder
  uint64_t offset = 0;
  uint64_t length = 0; ///< 0: not said

  Status set(const std::string &key, const std::string &value);
};

/// Reads `bytes` bytes. Fails where the path leads out of the folder, through
/// a link or otherwise, and where the file is too short, before memory is
/// allocated.
Result<std::string> readExternal(const std::string &folder,
                                 const ExternalPlace &place, size_t bytes);

} // namespace varve::onnx
#endif
