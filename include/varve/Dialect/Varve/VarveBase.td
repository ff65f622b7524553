//===- VarveBase.td - the dialect and the base classes of its operations --===//

#ifndef VARVE_BASE
#define VARVE_BASE

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "varve/Dialect/Varve/VarveInterfaces.td"

def VarveDialect : Dialect {
  let name = "varve";
  let cppNamespace = "::varve";
  let summary = "networks that learn, as pure functions over declared state";
  let description = [{
    A `varve.program` declares state and pure functions over it; a function
    says which state it uses and updates, and only the binary interface writes
    in place. Operations work on ranked tensors of f16, bf16, f32, f64, signed
    integers (i8 .. i64), unsigned ones (ui8 .. ui64) and i1. Shapes are static
    but for the number of samples of a data set.

    Constraints of an operation are numbered C1, C2 ... in its description, in
    its verifier and in its tests.
  }];
  let hasConstantMaterializer = 1;
}

// Element types.
def Varve_Float : AnyTypeOf<[F16, BF16, F32, F64], "float">;
def Varve_Int : AnyTypeOf<[I8, I16, I32, I64, UI8, UI16, UI32, UI64], "int">;
def Varve_Number : AnyTypeOf<[Varve_Float, Varve_Int], "number">;
def Varve_Any : AnyTypeOf<[Varve_Number, I1], "number or bool">;

def Varve_Tensor : RankedTensorOf<[Varve_Any]>;
def Varve_FloatTensor : RankedTensorOf<[Varve_Float]>;
def Varve_IntTensor : RankedTensorOf<[Varve_Int]>;
def Varve_NumberTensor : RankedTensorOf<[Varve_Number]>;
def Varve_BoolTensor : RankedTensorOf<[I1]>;

/// A 64-bit integer, whose accessor is signed.
def Varve_I64Attr : TypedSignlessIntegerAttrBase<
    I64, "int64_t", "64-bit signless integer attribute">;

class Varve_Op<string mnemonic, list<Trait> traits = []>
    : Op<VarveDialect, mnemonic, traits>;

/// States that an operation has no gradient, on purpose: its result does not
/// vary, or varies in steps.
def Varve_NoGradient : NativeOpTrait<"NoGradient"> {
  let cppNamespace = "::varve";
}
def Varve_Differentiable
    : DeclareOpInterfaceMethods<DifferentiableOpInterface>;
defvar Varve_InferType = InferTypeOpAdaptor;

/// A primitive of the language: it has a signature, a lowering and a reference
/// value. One with a gradient adds `Varve_Differentiable`, any other
/// `Varve_NoGradient`.
class Varve_PrimitiveOp<string mnemonic, string parameters, string res,
                        list<Trait> traits = []>
    : Varve_Op<mnemonic, traits # [
        Pure, DeclareOpInterfaceMethods<PrimitiveOpInterface>,
        DeclareOpInterfaceMethods<LowerableOpInterface>,
        DeclareOpInterfaceMethods<EvaluableOpInterface>]> {
  string signature = mnemonic # "(" # parameters # ") -> " # res;
  string signatureBody =
      "::llvm::StringRef $cppClass::getSignature() { return R\"("
      # signature # ")\"; }\n";
  let extraClassDefinition = signatureBody;
}

/// Elementwise: shapes of operands and results are equal (C1).
class Varve_ElementwiseOp<string mnemonic, string parameters, string res,
                          list<Trait> traits = []>
    : Varve_PrimitiveOp<mnemonic, parameters, res, traits # [
        SameOperandsAndResultShape,
        DeclareOpInterfaceMethods<ElementwiseOpInterface>]> {
  let hasFolder = 1;
  let extraClassDefinition = signatureBody # [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor adaptor) {
      return ::varve::foldElementwise(*this, adaptor.getOperands());
    }
    ::llvm::SmallVector<::mlir::Value>
    $cppClass::lower(::mlir::ImplicitLocOpBuilder &b,
                     ::llvm::ArrayRef<::mlir::Value> operands) {
      return ::varve::lowerElementwise(*this, b, operands);
    }
    void $cppClass::evaluate(
        ::llvm::ArrayRef<::varve::RefTensor> operands,
        ::llvm::MutableArrayRef<::varve::RefTensor> results) {
      ::varve::evaluateElementwise(*this, operands, results);
    }
  }];
}

class Varve_UnaryOp<string mnemonic, string kind, TypeConstraint type,
                    Trait gradient = Varve_Differentiable>
    : Varve_ElementwiseOp<mnemonic, "x: " # kind # "[...]", kind # "[...]",
                          [SameOperandsAndResultType, gradient]> {
  let arguments = (ins type:$x);
  let results = (outs type:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

class Varve_BinaryOp<string mnemonic, TypeConstraint type,
                     Trait gradient = Varve_Differentiable>
    : Varve_ElementwiseOp<mnemonic, "x: any[...], y: any[...]", "any[...]",
                          [SameOperandsAndResultType, gradient]> {
  let arguments = (ins type:$x, type:$y);
  let results = (outs type:$z);
  let assemblyFormat = "$x `,` $y attr-dict `:` type($x)";
}

#endif
