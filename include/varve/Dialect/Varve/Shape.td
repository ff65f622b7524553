//===- Shape.td - constants and shapes ------------------------------------===//

#ifndef VARVE_SHAPE
#define VARVE_SHAPE

include "varve/Dialect/Varve/VarveBase.td"

def ConstantOp : Varve_Op<"constant", [
    ConstantLike, Pure, Varve_NoGradient, AllTypesMatch<["value", "y"]>,
    DeclareOpInterfaceMethods<LowerableOpInterface>,
    DeclareOpInterfaceMethods<EvaluableOpInterface>]> {
  let summary = "a tensor known at compile time";
  let description = [{
    - C1: `value` is dense.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def BroadcastOp : Varve_PrimitiveOp<
    "broadcast", "x: any[...], shape: [int], axis: [int] = none", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "x, repeated along new axes and axes of size 1";
  let description = [{
    `axis[i]` is the axis of the result that axis i of x becomes; without it
    the last axes of the result.

    - C1: `axis` has one entry for each axis of x, ascending, inside the rank.
    - C2: axis i of x has size 1 or `shape[axis[i]]`.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$shape,
                       OptionalAttr<DenseI64ArrayAttr>:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
  let extraClassDeclaration = [{
    /// Where each axis of x goes.
    ::llvm::SmallVector<int64_t> getAxes();
  }];
}

def ReshapeOp : Varve_PrimitiveOp<
    "reshape", "x: any[...], shape: [int]", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "the same elements in row-major order, another shape";
  let description = [{
    - C1: x has as many elements as `shape`, of which one size may be -1.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$shape);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def UnsqueezeOp : Varve_PrimitiveOp<
    "unsqueeze", "x: any[...], axis: [int]", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "x with new axes of size 1";
  let description = [{
    - C1: `axis` are axes of the result in ascending order.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def SqueezeOp : Varve_PrimitiveOp<
    "squeeze", "x: any[...], axis: [int]", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "x without some axes of size 1";
  let description = [{
    - C1: `axis` are axes of x in ascending order, of size 1.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def TransposeOp : Varve_PrimitiveOp<
    "transpose", "x: any[...], perm: [int] = none", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "axis i of the result is axis perm[i] of x";
  let description = [{
    Without `perm` the last two axes change places.

    - C1: `perm` is a permutation of the axes of x.
  }];
  let arguments = (ins Varve_Tensor:$x, OptionalAttr<DenseI64ArrayAttr>:$perm);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// The permutation, the default spelled out.
    ::llvm::SmallVector<int64_t> getPermutation();
  }];
}

def IotaOp : Varve_PrimitiveOp<
    "iota", "shape: [int], axis: int, dtype: dtype", "any[...]",
    [Varve_NoGradient, Varve_InferType]> {
  let summary = "each element is its index along an axis";
  let description = [{
    - C1: `axis` is inside the rank.
    - C2: `dtype` is an integer or float type.
  }];
  let arguments = (ins DenseI64ArrayAttr:$shape, Varve_I64Attr:$axis,
                       TypeAttr:$dtype);
  let results = (outs Varve_NumberTensor:$y);
  let assemblyFormat = "attr-dict `:` type($y)";
}

#endif
