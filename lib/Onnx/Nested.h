// Operators that are others on other inputs.
#ifndef VARVE_ONNX_NESTED_H
#define VARVE_ONNX_NESTED_H

#include "Onnx/ImportCall.h"

namespace varve::onnx {

/// The first result of an operator of the table on these tensors, by the
/// opset of the call. With `passAttributes` it gets all that the call has.
mlir::Value runOperator(Call &c, llvm::StringRef name,
                        llvm::ArrayRef<mlir::Value> inputs,
                        bool passAttributes = false);

/// Equal, of strings.
void equalStrings(Call &c);

} // namespace varve::onnx
#endif
