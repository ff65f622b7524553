// ONNX files, written.
#ifndef VARVE_ONNX_WRITE_H
#define VARVE_ONNX_WRITE_H

#include "Onnx/Model.h"
#include "varve/Result.h"
#include <string>

namespace varve::onnx {

/// Writes a model as one file, whole or not at all. Fails (Unsupported) where
/// it would be larger than a file of the format may be, 2 GiB.
Status writeModel(const std::string &path, const Model &model);

} // namespace varve::onnx
#endif
