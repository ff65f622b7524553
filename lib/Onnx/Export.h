// From a function of the varve dialect to an ONNX graph, whole: weights become
// initializers, and a step's gradients and optimizer plain operators.
#ifndef VARVE_ONNX_EXPORT_H
#define VARVE_ONNX_EXPORT_H

#include "Onnx/Model.h"
#include "varve/Dialect/Varve/Varve.h"
#include "varve/Result.h"
#include <map>
#include <string>

namespace varve::onnx {

/// The elements as the format has them.
TensorData tensorOf(mlir::DenseElementsAttr elements);

struct ExportRequest {
  /// Of the model: shown in diagnostics.
  std::string path;
  /// Values of state by name. What has none is an input of the graph.
  std::map<std::string, Tensor> values;
};

/// The program's one function, differentiated and updated, as a model. State
/// that has a value is an initializer. A function that updates state takes all
/// it uses as inputs, which then have their values as defaults, and gives the
/// new ones as outputs "NAME:next". Operations that ONNX has no operators for
/// become simpler ones first: the function is changed. Fails with all that
/// cannot be said, a line each.
Result<Model> exportProgram(ProgramOp program, ExportRequest request);

} // namespace varve::onnx
#endif
