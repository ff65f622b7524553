//===- Resample.td - weighted neighbours along an axis --------------------===//

#ifndef VARVE_RESAMPLE
#define VARVE_RESAMPLE

include "varve/Dialect/Varve/VarveBase.td"

def ResampleOp : Varve_PrimitiveOp<
    "resample",
    "x: float[...], axis: int, taps: int, index: [int], weight: [float]",
    "float[...]", [Varve_Differentiable, Varve_InferType]> {
  let summary = "each slice along an axis is a sum of a few weighted ones";
  let description = [{
    Slice o of the result is the sum over t < taps of weight[o taps + t] times
    slice index[o taps + t] of x: a product with a matrix that is known and
    mostly zero. Interpolation, windows of different sizes and reflected edges
    are such products, and so are their gradients.

    - C1: `axis` is an axis of x.
    - C2: taps >= 1; index and weight have one length, a multiple of taps.
    - C3: the indices are places of the axis.
  }];
  let arguments = (ins Varve_FloatTensor:$x, Varve_I64Attr:$axis,
                       Varve_I64Attr:$taps, DenseI64ArrayAttr:$index,
                       DenseF64ArrayAttr:$weight);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def InterpolateOp : Varve_PrimitiveOp<
    "interpolate",
    "x: any[N, C, ...], size: [int], mode: string = \"nearest\", "
    "align_corners: bool = false",
    "any[...]", [Varve_Differentiable, Varve_InferType]> {
  let summary = "x at another size";
  let description = [{
    Along an axis of n elements that gets `size`, element i is that of place
    floor(i n / size) ("nearest"), or lies between those around (i + 1/2) n /
    size - 1/2, held to the axis ("linear", "bilinear", "trilinear" for one, two
    and three axes), with `align_corners` around i (n - 1) / (size - 1).

    - C1: `size` has an entry >= 1 for each axis after the second, none of which
      is empty.
    - C2: `mode` is "nearest", or that of linear interpolation for as many axes
      as x has, which then is of floats.
    - C3: "nearest" aligns no corners.
  }];
  let arguments = (ins Varve_NumberTensor:$x, DenseI64ArrayAttr:$size,
                       DefaultValuedAttr<StrAttr, "\"nearest\"">:$mode,
                       DefaultValuedAttr<BoolAttr, "false">:$align_corners);
  let results = (outs Varve_NumberTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def LocalResponseNormOp : Varve_PrimitiveOp<
    "local_response_norm",
    "x: float[N, C, ...], size: int, alpha: float = 1e-4, beta: float = 0.75, "
    "k: float = 1", "float[N, C, ...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let summary = "x over a power of the mean square of its neighbour channels";
  let description = [{
    y = x / (k + alpha / size * sum of x^2 over `size` channels around) ^ beta:
    size / 2 of them before, the rest from here on.

    - C1: x has rank 2 or more.
    - C2: size >= 1.
  }];
  let arguments = (ins Varve_FloatTensor:$x, Varve_I64Attr:$size,
                       DefaultValuedAttr<F64Attr, "1e-4">:$alpha,
                       DefaultValuedAttr<F64Attr, "0.75">:$beta,
                       DefaultValuedAttr<F64Attr, "1.0">:$k);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasVerifier = 1;
}

#endif
