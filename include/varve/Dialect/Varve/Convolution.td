//===- Convolution.td - convolutions and their adjoints -------------------===//
//
// Three operations, each the gradient of the others: y = conv(x, w) is linear
// in both operands, conv_transpose is its adjoint in x, conv_weight in w.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_CONVOLUTION
#define VARVE_CONVOLUTION

include "varve/Dialect/Varve/VarveBase.td"

class Varve_ConvolutionOp<string mnemonic, string parameters, dag operands,
                          dag own> : Varve_PrimitiveOp<
    mnemonic, parameters, "float[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let arguments = !con(operands, (ins DenseI64ArrayAttr:$stride,
                                      DenseI64ArrayAttr:$padding), own,
                       (ins DenseI64ArrayAttr:$dilation,
                            DefaultValuedAttr<Varve_I64Attr, "1">:$groups));
}

def ConvOp : Varve_ConvolutionOp<
    "conv", "x: float[N, C, ...], weight: float[...], stride: [int] = 1, "
    "padding: [int] = 0, dilation: [int] = 1, groups: int = 1",
    (ins Varve_FloatTensor:$x, Varve_FloatTensor:$weight), (ins)> {
  let summary = "convolution: each output sees a window of all channels";
  let description = [{
    y[n, o, p..] = sum over c, k.. of x[n, g + c, (p stride + k dilation -
    padding)..] weight[o, c, k..], where g is the first channel of the group of
    o. x is [N, C, size..], weight [O, C / groups, kernel..]. What x has not is
    0. `padding` has one entry for each axis, or those before and then those
    after.

    - C1: x and weight have the same element type and the same rank, 3 or more.
    - C2: stride and dilation have one entry >= 1 for each axis of the window,
      padding one or two >= 0; none is above 2^31.
    - C3: groups >= 1 divides the channels of x and those of the result; weight
      has C / groups on axis 1.
    - C4: kernel sizes are 1 or more, and the kernel fits into padded x.
  }];
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat =
      "$x `,` $weight attr-dict `:` type($x) `,` type($weight) `->` type($y)";
}

def ConvTransposeOp : Varve_ConvolutionOp<
    "conv_transpose", "x: float[N, C, ...], weight: float[...], "
    "stride: [int] = 1, padding: [int] = 0, output_padding: [int] = 0, "
    "dilation: [int] = 1, groups: int = 1",
    (ins Varve_FloatTensor:$x, Varve_FloatTensor:$weight),
    (ins DenseI64ArrayAttr:$output_padding)> {
  let summary = "transposed convolution, the adjoint of conv in its x";
  let description = [{
    y[n, o, i..] = sum over c, k.. of x[n, g + c, ((i + padding - k dilation) /
    stride)..] weight[g + c, o, k..], where the division has no rest. x is
    [N, C, size..], weight [C, O / groups, kernel..], the result's size
    (size - 1) stride - padding + (kernel - 1) dilation + 1 + output_padding.

    - C1: x and weight have the same element type and the same rank, 3 or more.
    - C2: stride and dilation have one entry >= 1 for each axis of the window,
      padding one or two >= 0; none is above 2^31.
    - C3: groups >= 1 divides the channels of x; weight has C on axis 0.
    - C4: kernel sizes and those of the result are 1 or more.
    - C5: output_padding has one entry for each axis, 0 <= entry < stride.
  }];
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat =
      "$x `,` $weight attr-dict `:` type($x) `,` type($weight) `->` type($y)";
}

def ConvWeightOp : Varve_ConvolutionOp<
    "conv_weight", "x: float[N, C, ...], y: float[...], kernel: [int], "
    "stride: [int] = 1, padding: [int] = 0, dilation: [int] = 1, "
    "groups: int = 1",
    (ins Varve_FloatTensor:$x, Varve_FloatTensor:$y,
         DenseI64ArrayAttr:$kernel), (ins)> {
  let summary = "the adjoint of conv in its weight";
  let description = [{
    w[o, c, k..] = sum over n, p.. of x[n, g + c, (p stride + k dilation -
    padding)..] y[n, o, p..], with the names of `conv`.

    - C1: x and y have the same element type, rank and number of samples; the
      rank is 3 or more.
    - C2: stride and dilation have one entry >= 1 for each axis of the window,
      padding one or two >= 0; none is above 2^31.
    - C3: groups >= 1 divides the channels of x and of y.
    - C4: kernel has an entry >= 1 for each axis of the window, and y the sizes
      that `conv` gives.
  }];
  let results = (outs Varve_FloatTensor:$weight);
  let assemblyFormat =
      "$x `,` $y attr-dict `:` type($x) `,` type($y) `->` type($weight)";
}

#endif
