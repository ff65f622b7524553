//===- Rearrange.td - parts of tensors put elsewhere ----------------------===//

#ifndef VARVE_REARRANGE
#define VARVE_REARRANGE

include "varve/Dialect/Varve/VarveBase.td"

def SliceOp : Varve_PrimitiveOp<
    "slice", "x: any[...], begin: [int], end: [int], step: [int]", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "every step-th element from begin to before end, by axis";
  let description = [{
    - C1: `begin`, `end` and `step` have one entry for each axis of x.
    - C2: 0 <= begin <= end <= size, and step >= 1.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$begin,
                       DenseI64ArrayAttr:$end, DenseI64ArrayAttr:$step);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def PadOp : Varve_PrimitiveOp<
    "pad", "x: any[...], before: [int], after: [int], value: float = 0, "
    "mode: string = \"constant\", step: [int] = none", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "x with `before` and `after` more elements at its ends";
  let description = [{
    The entries belong to the last axes. `step` moves neighbours apart: step - 1
    new elements between each two. New elements are `value`; in mode "edge" the
    nearest element of x, in mode "reflect" that at the same distance on the
    other side of the edge.

    - C1: `before`, `after` and, if there, `step` are of one length, at most the
      rank.
    - C2: before >= 0, after >= 0, step >= 1.
    - C3: `mode` is "constant", "edge" or "reflect".
    - C4: the latter two have no `step`; an axis that grows by them is not empty,
      and by "reflect" at each end by less than it has.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$before,
                       DenseI64ArrayAttr:$after,
                       DefaultValuedAttr<F64Attr, "0.0">:$value,
                       DefaultValuedAttr<StrAttr, "\"constant\"">:$mode,
                       OptionalAttr<DenseI64ArrayAttr>:$step);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def FlipOp : Varve_PrimitiveOp<
    "flip", "x: any[...], axis: [int]", "any[...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let summary = "the elements in reverse order along axes";
  let description = [{
    - C1: `axis` are axes of x, no axis twice.
  }];
  let arguments = (ins Varve_Tensor:$x, DenseI64ArrayAttr:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def ConcatOp : Varve_PrimitiveOp<
    "concat", "x: [tensor], axis: int", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "tensors one after the other along an axis";
  let description = [{
    - C1: there is at least one; all have the same element type and rank.
    - C2: `axis` is an axis of them.
    - C3: sizes along the other axes agree.
  }];
  let arguments = (ins Variadic<Varve_Tensor>:$x, Varve_I64Attr:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def StackOp : Varve_PrimitiveOp<
    "stack", "x: [tensor], axis: int", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "tensors one after the other along a new axis";
  let description = [{
    - C1: there is at least one; all have the same type.
    - C2: `axis` is an axis of the result.
  }];
  let arguments = (ins Variadic<Varve_Tensor>:$x, Varve_I64Attr:$axis);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def SplitOp : Varve_PrimitiveOp<
    "split", "x: any[...], parts: int, axis: int", "[tensor]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "x cut along an axis into parts of one size";
  let description = [{
    - C1: `axis` is an axis of x, and `parts` >= 1 divides its size.
  }];
  let arguments = (ins Varve_Tensor:$x, Varve_I64Attr:$parts,
                       Varve_I64Attr:$axis);
  let results = (outs Variadic<Varve_Tensor>:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

#endif
