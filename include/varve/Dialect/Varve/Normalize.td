//===- Normalize.td - softmax and normalization ---------------------------===//

#ifndef VARVE_NORMALIZE
#define VARVE_NORMALIZE

include "varve/Dialect/Varve/VarveBase.td"

class Varve_SoftmaxOp<string mnemonic> : Varve_PrimitiveOp<
    mnemonic, "x: float[...], axis: int = -1", "float[...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let description = "- C1: `axis` is an axis of x.";
  let arguments = (ins Varve_FloatTensor:$x,
                       DefaultValuedAttr<Varve_I64Attr, "-1">:$axis);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasVerifier = 1;
}
def SoftmaxOp : Varve_SoftmaxOp<"softmax"> {
  let summary = "exp(x - max) / sum of it along an axis";
}
def LogSoftmaxOp : Varve_SoftmaxOp<"log_softmax"> {
  let summary = "(x - max) - log of the sum of exp(x - max) along an axis";
}

def NormalizeOp : Varve_PrimitiveOp<
    "normalize",
    "x: float[...], axis: [int] = none, except: [int] = none, eps: float = 0",
    "(y: float[...], mean: float[...], var: float[...])",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "(x - mean) / sqrt(var + eps), and the mean and variance";
  let description = [{
    Mean and variance along the axes of `axis`, which they lack; the variance is
    the mean of the squared distances from the mean. The importer writes out the
    default of `axis`, all axes, and `except`.

    - C1: `axis` are axes of x in ascending order.
    - C2: eps >= 0.
  }];
  let arguments = (ins Varve_FloatTensor:$x, DenseI64ArrayAttr:$axis,
                       DefaultValuedAttr<F64Attr, "0.0">:$eps);
  let results = (outs Varve_FloatTensor:$y, Varve_FloatTensor:$mean,
                      Varve_FloatTensor:$var);
  let assemblyFormat =
      "$x attr-dict `:` type($x) `->` type($y) `,` type($mean) `,` type($var)";
}

#endif
