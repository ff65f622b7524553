//===- Reduction.td - sums and extrema along axes -------------------------===//

#ifndef VARVE_REDUCTION
#define VARVE_REDUCTION

include "varve/Dialect/Varve/VarveBase.td"

/// Along `axis`, ascending; all axes without it. C1: inside the rank, no
/// axis twice.
class Varve_ReductionOp<string mnemonic, TypeConstraint type,
                        Trait gradient = Varve_Differentiable>
    : Varve_PrimitiveOp<
          mnemonic,
          "x: any[...], axis: [int] = none, except: [int] = none, "
          "keepdims: bool = false", "any[...]",
          [gradient, Varve_InferType]> {
  let arguments = (ins type:$x, DenseI64ArrayAttr:$axis,
                       DefaultValuedAttr<BoolAttr, "false">:$keepdims);
  let results = (outs type:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def SumOp : Varve_ReductionOp<"sum", Varve_NumberTensor> {
  let summary = "the sum along axes";
}
def MeanOp : Varve_ReductionOp<"mean", Varve_FloatTensor> {
  let summary = "the mean along axes: the sum times 1 / n";
}
def MaxOp : Varve_ReductionOp<"max", Varve_NumberTensor> {
  let summary = "the largest element; NaN if any is NaN";
  let description = "Equal largest elements share the gradient.";
}
def MinOp : Varve_ReductionOp<"min", Varve_NumberTensor> {
  let summary = "the smallest element; NaN if any is NaN";
  let description = "Equal smallest elements share the gradient.";
}

def ArgmaxOp : Varve_PrimitiveOp<
    "argmax", "x: any[...], axis: int = -1", "i64[...]",
    [Varve_NoGradient, Varve_InferType]> {
  let summary = "the index of the first largest element; of the first NaN";
  let description = [{
    - C1: `axis` is an axis of x.
  }];
  let arguments = (ins Varve_NumberTensor:$x,
                       DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs TensorOf<[I64]>:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def SoftmaxOp : Varve_PrimitiveOp<
    "softmax", "x: float[...], axis: int = -1", "float[...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let summary = "exp(x - max) / sum of it along an axis";
  let arguments = (ins Varve_FloatTensor:$x,
                       DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

def LogSoftmaxOp : Varve_PrimitiveOp<
    "log_softmax", "x: float[...], axis: int = -1", "float[...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let summary = "(x - max) - log of the sum of exp(x - max) along an axis";
  let arguments = (ins Varve_FloatTensor:$x,
                       DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

#endif
