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

/// Runs a region on arguments; see EvaluableRegionOpInterface.
using RunRegion =
    llvm::function_ref<llvm::FailureOr<llvm::SmallVector<RefTensor>>(
        mlir::Region &, llvm::ArrayRef<RefTensor>)>;
/// Reverse mode over a block; see DifferentiableRegionOpInterface.
using BuildGradients =
    llvm::function_ref<llvm::FailureOr<llvm::SmallVector<mlir::Value>>(
        mlir::ImplicitLocOpBuilder &, llvm::ArrayRef<mlir::Value> results,
        llvm::ArrayRef<mlir::Value> cotangents,
        llvm::ArrayRef<mlir::Value> wrt)>;
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

namespace varve {

/// Builds what a region yields from its arguments. It may use any value from
/// outside: what it captures becomes an operand of the operation.
using BuildBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    mlir::ImplicitLocOpBuilder &, llvm::ArrayRef<mlir::Value>)>;

/// `inputs` are the arguments of both bodies.
IfOp buildIf(mlir::ImplicitLocOpBuilder &b, mlir::Value condition,
             mlir::ValueRange inputs, BuildBody then, BuildBody otherwise);

/// Both bodies take what is carried; the first yields the condition.
WhileOp buildWhile(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange inits,
                   BuildBody condition, BuildBody body,
                   std::optional<int64_t> bound = std::nullopt);

/// The body takes what is carried, a slice of each sequence along its axis, and
/// `constants`; it yields what is carried on, and a value to stack along each
/// of `outAxis`.
ScanOp buildScan(mlir::ImplicitLocOpBuilder &b, int64_t length,
                 mlir::ValueRange inits, mlir::ValueRange sequences,
                 llvm::ArrayRef<int64_t> axis, mlir::ValueRange constants,
                 llvm::ArrayRef<int64_t> outAxis, BuildBody body,
                 bool reverse = false);

} // namespace varve
#endif
