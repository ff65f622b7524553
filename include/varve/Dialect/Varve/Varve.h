// The varve dialect: programs, state, functions, and the primitive operations
// of the language.
#ifndef VARVE_DIALECT_VARVE_VARVE_H
#define VARVE_DIALECT_VARVE_VARVE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "varve/Dialect/Varve/RefTensor.h"

namespace varve {
class ReturnOp;
class StateOp;
} // namespace varve

#include "varve/Dialect/Varve/VarveDialect.h.inc"
#include "varve/Dialect/Varve/VarveInterfaces.h.inc"

namespace varve {

/// See Varve_NoGradient.
template <class ConcreteOp>
class NoGradient : public mlir::OpTrait::TraitBase<ConcreteOp, NoGradient> {};

/// The lowering and the reference value of an elementwise operation, from its
/// scalar's.
llvm::SmallVector<mlir::Value>
lowerElementwise(ElementwiseOpInterface op, mlir::ImplicitLocOpBuilder &b,
                 llvm::ArrayRef<mlir::Value> operands);
void evaluateElementwise(ElementwiseOpInterface op,
                         llvm::ArrayRef<RefTensor> operands,
                         llvm::MutableArrayRef<RefTensor> results);
/// The value where all operands are known and alike throughout, or few.
mlir::OpFoldResult foldElementwise(ElementwiseOpInterface op,
                                   llvm::ArrayRef<mlir::Attribute> operands);

/// The signature of primitive `name` ("softmax"), or nothing.
std::optional<llvm::StringRef> getPrimitiveSignature(mlir::MLIRContext *context,
                                                     llvm::StringRef name);

/// Builds `varve.NAME` with inferred results, or fails with a diagnostic at
/// `loc`. Verifies the operation.
mlir::FailureOr<mlir::Operation *>
createPrimitive(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name,
                mlir::ValueRange operands,
                llvm::ArrayRef<mlir::NamedAttribute> attributes);

} // namespace varve

#define GET_OP_CLASSES
#include "varve/Dialect/Varve/VarveOps.h.inc"

#endif
