// ONNX files: models, with external data, and the values of inputs and outputs.
#ifndef VARVE_ONNX_READ_H
#define VARVE_ONNX_READ_H

#include "Onnx/Model.h"
#include "varve/Result.h"

namespace varve::onnx {

/// Reads a model and the external data beside it, which lie in its folder.
/// Fails on what is no model or contradicts itself, before any memory is
/// allocated that the files do not fill.
Result<Model> readModel(const std::string &path);

/// A value of a declared type in the format's own serialization (TensorProto,
/// SequenceProto or OptionalProto); `name` stands in diagnostics.
Result<HostValue> parseValue(std::string_view bytes, const TypeInfo &type,
                             const std::string &name);

/// The same bytes; inner values take the name of the whole.
std::string serializeValue(const HostValue &value, const std::string &name);

} // namespace varve::onnx
#endif
