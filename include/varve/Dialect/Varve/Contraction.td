//===- Contraction.td - matrix products -----------------------------------===//

#ifndef VARVE_CONTRACTION
#define VARVE_CONTRACTION

include "varve/Dialect/Varve/VarveBase.td"

def MatmulOp : Varve_PrimitiveOp<
    "matmul", "x: any[...], y: any[...]", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "the matrix product";
  let description = [{
    z[b.., i, j] = sum over k of x[b.., i, k] y[b.., k, j].

    - C1: x and y have the same element type and the same rank, 2 or more.
    - C2: inner sizes agree.
    - C3: leading sizes agree.
  }];
  let arguments = (ins Varve_NumberTensor:$x, Varve_NumberTensor:$y);
  let results = (outs Varve_NumberTensor:$z);
  let assemblyFormat =
      "$x `,` $y attr-dict `:` type($x) `,` type($y) `->` type($z)";
}

#endif
