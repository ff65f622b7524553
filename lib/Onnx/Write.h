// ONNX files, written.
#ifndef VARVE_ONNX_WRITE_H
#define VARVE_ONNX_WRITE_H

#include "Onnx/Model.h"
#include "varve/Result.h"
#include <string>

namespace varve::onnx {

struct WriteOptions {
  /// A model of more bytes has its weights in a file beside it, NAME.onnx.data:
  /// a file of the format has at most 2 GiB.
  uint64_t limit = INT32_MAX;
};

/// Writes a model, whole or not at all. Fails (Unsupported) on what a model may
/// hold and this does not write.
Status writeModel(const std::string &path, const Model &model,
                  const WriteOptions &options = {});

/// Writes the model in `from` with other values for some initializers of the
/// main graph, by their names; types and shapes are theirs. Everything else
/// stays as it is, but external data, which go where `options` says.
Status replaceWeights(const std::string &from,
                      const std::map<std::string, Tensor> &weights,
                      const std::string &to, const WriteOptions &options = {});

} // namespace varve::onnx
#endif
