//===- Loss.td - losses: means over the batch -----------------------------===//

#ifndef VARVE_LOSS
#define VARVE_LOSS

include "varve/Dialect/Varve/VarveBase.td"

def CrossEntropyOp : Varve_PrimitiveOp<
    "cross_entropy",
    "logits: float[..., C], target: int[...], smoothing: float = 0", "float[]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "mean of -log softmax(logits) at the target class";
  let description = [{
    With smoothing s the target is (1 - s) one_hot + s / C.

    - C1: target has the shape of logits without its last axis.
    - C2: smoothing is in [0, 1].
  }];
  let arguments = (ins Varve_FloatTensor:$logits, Varve_IntTensor:$target,
                       DefaultValuedAttr<F64Attr, "0.0">:$smoothing);
  let results = (outs Varve_FloatTensor:$loss);
  let assemblyFormat =
      "$logits `,` $target attr-dict `:` type($logits) `,` type($target)"
      "`->` type($loss)";
}

#endif
