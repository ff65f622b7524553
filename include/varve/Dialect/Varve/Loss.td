//===- Loss.td - losses: means over the batch -----------------------------===//

#ifndef VARVE_LOSS
#define VARVE_LOSS

include "varve/Dialect/Varve/VarveBase.td"

def CrossEntropyOp : Varve_PrimitiveOp<
    "cross_entropy",
    "logits: float[..., C], target: int[...], smoothing: float = 0, "
    "ignore: int = none, weight: float[...] = none", "float[]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "mean of -log softmax(logits) at the target class";
  let description = [{
    With smoothing s the target is (1 - s) one_hot + s / C. `weight` has a factor
    for each class; the mean is weighted by those of the targets. Targets equal
    to `ignore` are left out of the mean, which is NaN where all are. Each other
    target is a class.

    - C1: target has the shape of logits without its last axis.
    - C2: smoothing is in [0, 1].
    - C3: weight has the element type of logits and shape [C].
  }];
  let arguments = (ins Varve_FloatTensor:$logits, Varve_IntTensor:$target,
                       Optional<Varve_FloatTensor>:$weight,
                       DefaultValuedAttr<F64Attr, "0.0">:$smoothing,
                       OptionalAttr<Varve_I64Attr>:$ignore);
  let results = (outs Varve_FloatTensor:$loss);
  let assemblyFormat =
      "$logits `,` $target (`,` $weight^)? attr-dict `:` type($logits) `,` "
      "type($target) (`,` type($weight)^)? `->` type($loss)";
}

def SoftCrossEntropyOp : Varve_PrimitiveOp<
    "soft_cross_entropy",
    "logits: float[..., C], target: float[..., C]", "float[]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "mean over rows of -sum(target log softmax(logits))";
  let description = [{
    - C1: logits and target have the same type and an axis.
  }];
  let arguments = (ins Varve_FloatTensor:$logits, Varve_FloatTensor:$target);
  let results = (outs Varve_FloatTensor:$loss);
  let assemblyFormat =
      "$logits `,` $target attr-dict `:` type($logits) `,` type($target) `->` "
      "type($loss)";
}

/// The mean over all elements of a function of two.
class Varve_PairLossOp<string mnemonic, string parameters = "">
    : Varve_PrimitiveOp<
          mnemonic,
          "x: float[...], target: float[...]" # parameters, "float[]",
          [Varve_Differentiable, Varve_InferType]> {
  string constraint = "- C1: x and target have the same type.";
  let description = constraint;
  let arguments = (ins Varve_FloatTensor:$x, Varve_FloatTensor:$target);
  let results = (outs Varve_FloatTensor:$loss);
  let assemblyFormat = "$x `,` $target attr-dict `:` type($x) `,` "
                       "type($target) `->` type($loss)";
}

def BinaryCrossEntropyOp : Varve_PairLossOp<"binary_cross_entropy"> {
  let summary = "mean of -log of the probability that sigmoid(x) gives target";
  let description = "softplus(x) - target x, x being a logit and target in "
                    "[0, 1].\n\n" # constraint;
}
def MeanSquaredErrorOp : Varve_PairLossOp<"mean_squared_error"> {
  let summary = "mean of (x - target) ** 2";
}
def MeanAbsoluteErrorOp : Varve_PairLossOp<"mean_absolute_error"> {
  let summary = "mean of abs(x - target)";
}
def HuberOp : Varve_PairLossOp<"huber", ", delta: float = 1"> {
  let summary = "mean of e ** 2 / 2 up to delta, then straight on; "
                "e = abs(x - target)";
  let description = "delta (e - delta / 2) where e > delta.\n\n" # constraint #
                    "\n- C2: delta > 0.";
  let arguments = (ins Varve_FloatTensor:$x, Varve_FloatTensor:$target,
                       DefaultValuedAttr<F64Attr, "1.0">:$delta);
}

#endif
