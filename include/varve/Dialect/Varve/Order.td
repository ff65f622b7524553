//===- Order.td - what depends on the order along an axis -----------------===//

#ifndef VARVE_ORDER
#define VARVE_ORDER

include "varve/Dialect/Varve/VarveBase.td"

class Varve_ArgOp<string mnemonic> : Varve_PrimitiveOp<
    mnemonic, "x: any[...], axis: int = -1", "i64[...]",
    [Varve_NoGradient, Varve_InferType]> {
  let description = "- C1: `axis` is an axis of x and not empty.";
  let arguments = (ins Varve_NumberTensor:$x,
                       DefaultValuedAttr<Varve_I64Attr, "-1">:$axis);
  let results = (outs TensorOf<[I64]>:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}
def ArgmaxOp : Varve_ArgOp<"argmax"> {
  let summary = "the index of the first largest element; of the first NaN";
}
def ArgminOp : Varve_ArgOp<"argmin"> {
  let summary = "the index of the first smallest element; of the first NaN";
}

def CumsumOp : Varve_PrimitiveOp<
    "cumsum", "x: any[...], axis: int", "any[...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let summary = "the sum of the elements up to each, along an axis";
  let description = [{
    - C1: `axis` is an axis of x.
  }];
  let arguments = (ins Varve_NumberTensor:$x, Varve_I64Attr:$axis);
  let results = (outs Varve_NumberTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def TopKOp : Varve_PrimitiveOp<
    "top_k", "x: any[...], k: int", "(values: any[...], index: i64[...])",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "the k largest elements along the last axis, and their indices";
  let description = [{
    Largest first; of equal ones the first goes first; NaN above all.

    - C1: x has an axis, and 0 <= k <= its last size.
  }];
  let arguments = (ins Varve_NumberTensor:$x, Varve_I64Attr:$k);
  let results = (outs Varve_NumberTensor:$values, TensorOf<[I64]>:$index);
  let assemblyFormat =
      "$x attr-dict `:` type($x) `->` type($values) `,` type($index)";
}

#endif
