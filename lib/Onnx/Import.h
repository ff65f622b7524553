// From an ONNX model to the varve dialect: one function, `infer`, at one
// binding of the sizes.
#ifndef VARVE_ONNX_IMPORT_H
#define VARVE_ONNX_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "varve/Dialect/Varve/Network.h"
#include "varve/Result.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace varve::onnx {

struct ImportRequest {
  std::string path;
  /// Sizes by name (`--dim N=1`).
  std::map<std::string, int64_t> dims;
  /// Values of inputs by name, serialized as the format does. They bind the
  /// sizes; where a value decides shapes, the program is made for that value.
  std::map<std::string, std::string> inputs;
};

struct ImportedModel {
  /// Holds one `varve.program` with all weights as state, and `infer`.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The files that were read, without the model.
  std::vector<std::string> files;
  /// The inputs whose values, not only types, the program was made for.
  std::vector<std::string> specialized;
};

/// Fails with everything that is wrong or not supported, a line each.
Result<ImportedModel> importModel(mlir::MLIRContext &context,
                                  const ImportRequest &request);

/// The model in a file as a part of another program, whose weights are state.
Result<std::shared_ptr<const Network>> readNetwork(const std::string &path);

} // namespace varve::onnx
#endif
