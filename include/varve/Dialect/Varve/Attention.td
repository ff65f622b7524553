//===- Attention.td - rows of values weighted by what looks for them ------===//
//
// Scores are never in memory as a whole: queries are taken some rows at a time,
// forward and backward. The forward pass leaves a number for each query, from
// which the backward pass makes the weights again.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_ATTENTION
#define VARVE_ATTENTION

include "varve/Dialect/Varve/VarveBase.td"

class Varve_AttentionOp<string mnemonic, string parameters, string res,
                        Trait gradient>
    : Varve_PrimitiveOp<
          mnemonic,
          parameters # ", mask: bool[...] = none, causal: bool = false, "
          "scale: float = none, dropout: float = 0", res,
          [Varve_InferType, gradient]> {
  string constraints = [{

    - C1: q, k and v have the same float type and the same rank, 2 or more.
    - C2: leading sizes of k and v agree, and those of q but for the last one,
      which is a multiple of theirs.
    - C3: the last sizes of q and k agree, and the sizes before the last of k
      and v.
    - C4: mask broadcasts to the scores.
    - C5: dropout is in [0, 1). With it come seed and step, of rank 0, and
      `stream`; without it none of them.
    - C6: with dropout there are less than 2 ** 32 scores.
    - C7: rows >= 1.
  }];
  dag settings = (ins DefaultValuedAttr<BoolAttr, "false">:$causal,
                      OptionalAttr<F64Attr>:$scale,
                      DefaultValuedAttr<F64Attr, "0.0">:$dropout,
                      OptionalAttr<Varve_I64Attr>:$stream,
                      OptionalAttr<Varve_I64Attr>:$rows);
  let assemblyFormat =
      "operands attr-dict `:` functional-type(operands, results)";
}

def AttentionOp : Varve_AttentionOp<
    "attention", "q: float[...], k: float[...], v: float[...]",
    "(y: float[...], log_sum: float[...])", Varve_Differentiable> {
  let summary = "the mean of values, weighted by softmax(scale q k')";
  let description = [{
    Scores are scale q[.., i, :] . k[.., j, :]; `scale` is 1 / sqrt(size of a
    key) where it is not given. y[.., i, :] is the sum over j of softmax(scores)
    v[.., j, :], and `log_sum` the log of the sum of exp(scores) over j.
    Where the leading axes of q end in more heads than those of k and v,
    neighbouring heads share a key and a value.

    Query i sees key j where the mask is true and, if `causal`, j <= i; weights
    of other keys are 0, and a query that sees none gets 0. Dropout leaves a
    weight out with its probability and divides the others by the rest of it.
    The weight of query i is drawn as `bernoulli` draws at the step
    step T + i (T being the number of queries), counted in the leading axes and
    the keys.

    Optional operands are the mask, then the seed and the step. `rows` is how
    many queries of each head are taken at a time; it changes no forward bit.
    Else the lowering chooses.
  }] # constraints;
  let arguments = !con((ins Varve_FloatTensor:$q, Varve_FloatTensor:$k,
                            Varve_FloatTensor:$v,
                            Variadic<Varve_Tensor>:$extras), settings);
  let results = (outs Varve_FloatTensor:$y, Varve_FloatTensor:$log_sum);
}

def AttentionGradOp : Varve_AttentionOp<
    "attention_grad",
    "q: float[...], k: float[...], v: float[...], log_sum: float[...], "
    "dy: float[...], shift: float[...]",
    "(dq: float[...], dk: float[...], dv: float[...])",
    DeclareOpInterfaceMethods<DifferentiableRegionOpInterface>> {
  let summary = "the gradients of attention, from its sums";
  let description = [{
    With the weights p = exp(scores - log_sum), where they are seen, and
    dp = dy v', the gradient of the scores is p (dp - shift). `shift` is the sum
    of dy y along the last axis, minus the cotangent of `log_sum`.
  }] # constraints # [{
    - C8: log_sum and shift are of q without its last axis, dy of y.
  }];
  let arguments = !con((ins Varve_FloatTensor:$q, Varve_FloatTensor:$k,
                            Varve_FloatTensor:$v, Varve_FloatTensor:$log_sum,
                            Varve_FloatTensor:$dy, Varve_FloatTensor:$shift,
                            Variadic<Varve_Tensor>:$extras), settings);
  let results = (outs Varve_FloatTensor:$dq, Varve_FloatTensor:$dk,
                      Varve_FloatTensor:$dv);
}

#endif
