//===- Pooling.td - windows that become one element -----------------------===//
//
// x is [N, C, size..]; windows go over the axes after C. What is out of x is in
// no window. `padding` has one entry for each such axis, or those before and
// then those after. With `ceil` a last window may reach over the end, if it
// begins in x or in the padding before it.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_POOLING
#define VARVE_POOLING

include "varve/Dialect/Varve/VarveBase.td"

class Varve_WindowOp<string mnemonic, string parameters, string res,
                     Trait gradient = Varve_Differentiable>
    : Varve_PrimitiveOp<mnemonic, parameters, res,
                        [gradient, Varve_InferType]> {
  string constraints = [{
    - C1: x has rank 3 or more.
    - C2: the lists have an entry for each axis of the window, padding one or
      two; padding is >= 0, all others >= 1; none is above 2^31.
    - C3: each window has an element of x, and there is one.
  }];
  string sameConstraints = [{
    - C1: the other operands have the shapes that the pool gives.
    - C2: the lists have an entry for each axis of the window, padding one or
      two; padding is >= 0, all others >= 1; none is above 2^31.
    - C3: each window has an element of x, and there is one.
  }];
}

def MaxPoolOp : Varve_WindowOp<
    "max_pool", "x: any[N, C, ...], kernel: [int], stride: [int] = kernel, "
    "padding: [int] = 0, dilation: [int] = 1, ceil: bool = false",
    "(y: any[...], index: i32[...])"> {
  let summary = "the largest element of each window, and which one it is";
  let description = [{
    `index` counts the places of the window in row-major order, also those out
    of x; of equal elements it is the first. A window with a NaN gives NaN.
  }] # constraints;
  let arguments = (ins Varve_NumberTensor:$x, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                       DenseI64ArrayAttr:$dilation,
                       DefaultValuedAttr<BoolAttr, "false">:$ceil);
  let results = (outs Varve_NumberTensor:$y, TensorOf<[I32]>:$index);
  let assemblyFormat =
      "$x attr-dict `:` type($x) `->` type($y) `,` type($index)";
}

def MaxPoolAtOp : Varve_WindowOp<
    "max_pool_at", "x: any[N, C, ...], index: i32[...], kernel: [int], "
    "stride: [int] = kernel, padding: [int] = 0, dilation: [int] = 1, "
    "ceil: bool = false", "any[...]"> {
  let summary = "the element of each window that an index names";
  let description = [{
    max_pool with given indices, which name elements of x (the value is 0 where
    one does not).
  }] # sameConstraints;
  let arguments = (ins Varve_NumberTensor:$x, TensorOf<[I32]>:$index,
                       DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation,
                       DefaultValuedAttr<BoolAttr, "false">:$ceil);
  let results = (outs Varve_NumberTensor:$y);
  let assemblyFormat =
      "$x `,` $index attr-dict `:` type($x) `,` type($index) `->` type($y)";
}

def MaxUnpoolOp : Varve_WindowOp<
    "max_unpool", "y: any[N, C, ...], index: i32[...], size: [int], "
    "kernel: [int], stride: [int] = kernel, padding: [int] = 0, "
    "dilation: [int] = 1, ceil: bool = false", "any[...]"> {
  let summary = "elements put where an index of max_pool names them";
  let description = [{
    The adjoint of max_pool_at in x, which has sizes `size`: elements that go to
    one place are added, other places are 0.
  }] # sameConstraints;
  let arguments = (ins Varve_NumberTensor:$y, TensorOf<[I32]>:$index,
                       DenseI64ArrayAttr:$size, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                       DenseI64ArrayAttr:$dilation,
                       DefaultValuedAttr<BoolAttr, "false">:$ceil);
  let results = (outs Varve_NumberTensor:$x);
  let assemblyFormat =
      "$y `,` $index attr-dict `:` type($y) `,` type($index) `->` type($x)";
}

def AvgPoolOp : Varve_WindowOp<
    "avg_pool", "x: float[N, C, ...], kernel: [int], stride: [int] = kernel, "
    "padding: [int] = 0, ceil: bool = false, count_padding: bool = true",
    "float[...]"> {
  let summary = "the mean of each window";
  let description = [{
    The sum of the elements, over how many there are; with `count_padding`,
    over how many there are in x and its padding.
  }] # constraints;
  let arguments = (ins Varve_FloatTensor:$x, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                       DefaultValuedAttr<BoolAttr, "false">:$ceil,
                       DefaultValuedAttr<BoolAttr, "true">:$count_padding);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def AvgUnpoolOp : Varve_WindowOp<
    "avg_unpool", "y: float[N, C, ...], size: [int], kernel: [int], "
    "stride: [int] = kernel, padding: [int] = 0, ceil: bool = false, "
    "count_padding: bool = true", "float[...]"> {
  let summary = "the adjoint of avg_pool, whose x has sizes `size`";
  let description = "Each element is spread evenly over its window.\n" #
                    sameConstraints;
  let arguments = (ins Varve_FloatTensor:$y, DenseI64ArrayAttr:$size,
                       DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding,
                       DefaultValuedAttr<BoolAttr, "false">:$ceil,
                       DefaultValuedAttr<BoolAttr, "true">:$count_padding);
  let results = (outs Varve_FloatTensor:$x);
  let assemblyFormat = "$y attr-dict `:` type($y) `->` type($x)";
}

class Varve_AdaptivePoolOp<string mnemonic, TypeConstraint type, string kind>
    : Varve_PrimitiveOp<
          mnemonic, "x: " # kind # "[N, C, ...], size: [int]", kind # "[...]",
          [Varve_Differentiable, Varve_InferType]> {
  let description = [{
    Window p of `size` along an axis of n elements goes from floor(p n / size)
    to before ceil((p + 1) n / size).

    - C1: `size` has an entry >= 1 for each axis after the second, none of which
      is empty.
  }];
  let arguments = (ins type:$x, DenseI64ArrayAttr:$size);
  let results = (outs type:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}
def AdaptiveAvgPoolOp : Varve_AdaptivePoolOp<"adaptive_avg_pool",
                                             Varve_FloatTensor, "float"> {
  let summary = "means of windows that divide x evenly";
}
def AdaptiveMaxPoolOp : Varve_AdaptivePoolOp<"adaptive_max_pool",
                                             Varve_NumberTensor, "any"> {
  let summary = "largest elements of windows that divide x evenly";
}

#endif
