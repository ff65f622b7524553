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

def EinsumOp : Varve_PrimitiveOp<
    "einsum",
    "equation: string, x: any[...], y: any[...] = none, z: any[...] = none",
    "any[...]", [Varve_Differentiable, Varve_InferType]> {
  let summary = "the sum of products that an equation names, `bij,bjk->bik`";
  let description = [{
    A letter for each axis of each operand, and of the result. The sum goes over
    the letters that the result lacks.

    - C1: the equation has one term for each operand, `->` and the result's
      term; no letter stands twice in a term; the result's letters are in the
      operands' terms.
    - C2: each term has a letter for each axis.
    - C3: element types agree, and the sizes of each letter.
  }];
  let arguments = (ins StrAttr:$equation, Variadic<Varve_NumberTensor>:$x);
  let results = (outs Varve_NumberTensor:$y);
  let assemblyFormat =
      "$equation $x attr-dict `:` type($x) `->` type($y)";
}

#endif
