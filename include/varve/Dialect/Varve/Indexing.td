//===- Indexing.td - places that tensors name -----------------------------===//
//
// An index outside its axis is held to it: no index reads or writes elsewhere.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_INDEXING
#define VARVE_INDEXING

include "varve/Dialect/Varve/VarveBase.td"

def GatherOp : Varve_PrimitiveOp<
    "gather", "x: any[...], index: int[...], axis: int = 0", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "the slices of x along an axis that index names";
  let description = [{
    The axes of `index` take the place of `axis`. An index outside the axis is
    held to it. The axis may have a size known at run time only.

    - C1: `axis` is an axis of x.
    - C2: the axis is not empty.
  }];
  let arguments = (ins Varve_Tensor:$x, Varve_IntTensor:$index,
                       DefaultValuedAttr<Varve_I64Attr, "0">:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat =
      "$x `,` $index attr-dict `:` type($x) `,` type($index) `->` type($y)";
}

def ScatterAddOp : Varve_PrimitiveOp<
    "scatter_add", "x: any[...], index: int[...], y: any[...], axis: int = 0",
    "any[...]",
    [AllTypesMatch<["x", "z"]>, Varve_Differentiable]> {
  let summary = "x, to whose slices along an axis those of y are added";
  let description = [{
    The slice of y at each place of `index` is added to the slice of x that the
    index names, in row-major order. An index outside the axis is held to it.

    - C1: `axis` is an axis of x and not empty.
    - C2: y has the type of `gather(x, index, axis)`.
  }];
  let arguments = (ins Varve_NumberTensor:$x, Varve_IntTensor:$index,
                       Varve_NumberTensor:$y,
                       DefaultValuedAttr<Varve_I64Attr, "0">:$axis);
  let results = (outs Varve_NumberTensor:$z);
  let assemblyFormat =
      "$x `,` $index `,` $y attr-dict `:` type($x) `,` type($index) `,` "
      "type($y)";
  let hasVerifier = 1;
}

def DynamicSliceOp : Varve_PrimitiveOp<
    "dynamic_slice", "x: any[...], start: [tensor], size: [int]", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "`size` elements along each of the last axes, from `start` on";
  let description = [{
    A start from which the slice would leave x is held back.

    - C1: there is one start, an integer of rank 0, for each entry of `size`,
      at most the rank of x.
    - C2: 0 <= size <= the axis's size.
  }];
  let arguments = (ins Varve_Tensor:$x, Variadic<Varve_IntTensor>:$start,
                       DenseI64ArrayAttr:$size);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x `[` $start `]` attr-dict `:` type($x) "
                       "(`,` type($start)^)? `->` type($y)";
}

def DynamicUpdateSliceOp : Varve_PrimitiveOp<
    "dynamic_update_slice",
    "x: any[...], y: any[...], start: int[], axis: int", "any[...]",
    [AllTypesMatch<["x", "z"]>, Varve_Differentiable]> {
  let summary = "x, with y in place of its elements from `start` on, by axis";
  let description = [{
    A start from which y would leave x is held back.

    - C1: `axis` is an axis of x.
    - C2: y has x's type but for its size along the axis, at most x's.
    - C3: `start` has rank 0.
  }];
  let arguments = (ins Varve_Tensor:$x, Varve_Tensor:$y,
                       Varve_IntTensor:$start, Varve_I64Attr:$axis);
  let results = (outs Varve_Tensor:$z);
  let assemblyFormat =
      "$x `,` $y `,` $start attr-dict `:` type($x) `,` type($y) `,` "
      "type($start)";
  let hasVerifier = 1;
}

def OneHotOp : Varve_PrimitiveOp<
    "one_hot", "index: int[...], classes: int", "f32[...]",
    [Varve_NoGradient, Varve_InferType]> {
  let summary = "1 at the index along a new last axis, else 0";
  let description = [{
    An index outside the classes gives zeros.

    - C1: `classes` is not negative.
  }];
  let arguments = (ins Varve_IntTensor:$index, Varve_I64Attr:$classes);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$index attr-dict `:` type($index) `->` type($y)";
}

#endif
