//===- VarveInterfaces.td - what every operation answers ------------------===//
//
// An operation's truth is in one place: its ODS entry and its methods of these
// interfaces. Passes ask interfaces and never list operations.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_INTERFACES
#define VARVE_INTERFACES

include "mlir/IR/OpBase.td"
include "mlir/IR/Interfaces.td"

def PrimitiveOpInterface : OpInterface<"PrimitiveOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    An operation of the language: `varve.NAME` is called `NAME` in a model. Its
    signature, in the language's own notation, is all that the importer needs
    to check a call and build the operation: tensor parameters are operands in
    order, static ones are attributes of the same name (`int`: i64, `[int]`:
    array<i64>, `float`: f64, `bool`, `string`, `dtype`: a type attribute).
  }];
  let methods = [
    StaticInterfaceMethod<
      "The signature, e.g. `softmax(x: float[...], axis: int = -1) -> "
      "float[...]`.",
      "::llvm::StringRef", "getSignature">
  ];
}

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    Reverse mode. Forward mode and higher orders follow by repetition, since
    rules are built of differentiable operations only.
  }];
  let methods = [
    InterfaceMethod<[{
        Builds the vector-Jacobian product. `dResults[i]` is the cotangent of
        result i, null where it is zero; sets `dOperands[j]` (null on entry) of
        each operand that receives a gradient.
      }],
      "void", "buildVjp",
      (ins "::mlir::ImplicitLocOpBuilder &":$b,
           "::llvm::ArrayRef<::mlir::Value>":$dResults,
           "::llvm::MutableArrayRef<::mlir::Value>":$dOperands)>
  ];
}

def LowerableOpInterface : OpInterface<"LowerableOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    To linalg, tensor, arith and math on signless tensors, or to simpler varve
    operations, which are lowered in turn.
  }];
  let methods = [
    InterfaceMethod<[{
        Builds values that equal the results from `operands`, the lowered
        operands. Integers are signless in them; the operation's own types
        still tell signed from unsigned.
      }],
      "::llvm::SmallVector<::mlir::Value>", "lower",
      (ins "::mlir::ImplicitLocOpBuilder &":$b,
           "::llvm::ArrayRef<::mlir::Value>":$operands)>
  ];
}

def EvaluableOpInterface : OpInterface<"EvaluableOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    The reference value: naive loops written from the formula, floats in
    double. This is the oracle of the compiled code.
  }];
  let methods = [
    InterfaceMethod<
      "Fills `results`, which have their shapes and zeros.",
      "void", "evaluate",
      (ins "::llvm::ArrayRef<::varve::RefTensor>":$operands,
           "::llvm::MutableArrayRef<::varve::RefTensor>":$results)>
  ];
}

def EvaluableRegionOpInterface : OpInterface<"EvaluableRegionOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    The reference value of an operation with regions. `run(region, arguments)`
    gives the values that the region yields; fails where an operation in it has
    no value.
  }];
  let methods = [
    InterfaceMethod<
      "Fills `results`, which have their shapes and zeros.",
      "::llvm::LogicalResult", "evaluateRegions",
      (ins "::llvm::ArrayRef<::varve::RefTensor>":$operands,
           "::llvm::MutableArrayRef<::varve::RefTensor>":$results,
           "::varve::RunRegion":$run)>
  ];
}

def DifferentiableRegionOpInterface
    : OpInterface<"DifferentiableRegionOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    Reverse mode through regions that capture nothing. `gradient` is reverse
    mode over a block (see Transforms/Differentiate.h): it builds, at the
    builder's place, the gradients of the sum of <results, cotangents> with
    respect to some values.
  }];
  let methods = [
    InterfaceMethod<[{
        As `buildVjp`. Fails with a diagnostic where there is no gradient.
      }],
      "::llvm::LogicalResult", "buildRegionVjp",
      (ins "::mlir::ImplicitLocOpBuilder &":$b,
           "::llvm::ArrayRef<::mlir::Value>":$dResults,
           "::llvm::MutableArrayRef<::mlir::Value>":$dOperands,
           "::varve::BuildGradients":$gradient)>
  ];
}

def ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::varve";
  let description = [{
    Result element i depends on element i of each operand alone; all shapes are
    equal. Lowering and reference value follow from the scalar's.
  }];
  let methods = [
    InterfaceMethod<"The value of one element.",
      "::varve::RefScalar", "evaluateScalar",
      (ins "::llvm::ArrayRef<::varve::RefScalar>":$x)>,
    InterfaceMethod<
      "Builds the value of one element; `x` and the result are signless.",
      "::mlir::Value", "lowerScalar",
      (ins "::mlir::ImplicitLocOpBuilder &":$b,
           "::llvm::ArrayRef<::mlir::Value>":$x)>
  ];
}

#endif
