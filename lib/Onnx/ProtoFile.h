// Messages as files, with external data where a message would be too large.
#ifndef VARVE_ONNX_PROTOFILE_H
#define VARVE_ONNX_PROTOFILE_H

#include "Onnx/Onnx.pb.h"
#include "Onnx/Write.h"
#include <string_view>
#include <vector>

namespace varve::onnx {

/// The bytes of an initializer that its message does not have as yet.
struct Weight {
  onnxpb::Tensor *tensor = nullptr;
  std::string_view bytes;
};

/// Writes the model, each weight in its message or in the file beside it; see
/// writeModel.
Status writeMessage(const std::string &path, onnxpb::Model &message,
                    const std::vector<Weight> &weights,
                    const WriteOptions &options);

} // namespace varve::onnx
#endif
