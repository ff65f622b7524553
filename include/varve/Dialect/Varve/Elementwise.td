//===- Elementwise.td - arithmetic, comparison, logic, selection ---------===//

#ifndef VARVE_ELEMENTWISE
#define VARVE_ELEMENTWISE

include "varve/Dialect/Varve/VarveBase.td"

def AddOp : Varve_BinaryOp<"add", Varve_NumberTensor> {
  let summary = "x + y";
}
def SubOp : Varve_BinaryOp<"sub", Varve_NumberTensor> {
  let summary = "x - y";
}
def MulOp : Varve_BinaryOp<"mul", Varve_NumberTensor> {
  let summary = "x * y";
}
def DivOp : Varve_BinaryOp<"div", Varve_NumberTensor> {
  let summary = "x / y; of integers, the quotient towards zero, 0 for y = 0";
}
def MaximumOp : Varve_BinaryOp<"maximum", Varve_NumberTensor> {
  let summary = "the larger of x and y; NaN if either is NaN";
  let description = "Where x = y the gradient goes half to each.";
}
def MinimumOp : Varve_BinaryOp<"minimum", Varve_NumberTensor> {
  let summary = "the smaller of x and y; NaN if either is NaN";
  let description = "Where x = y the gradient goes half to each.";
}
def PowOp : Varve_BinaryOp<"pow", Varve_FloatTensor> {
  let summary = "x ** y";
  let description = "The gradient of y is taken as 0 where x = 0.";
}

def RemainderOp : Varve_BinaryOp<"remainder", Varve_NumberTensor> {
  let summary = "x % y: what floor division leaves, with the sign of y";
  let description = "x - y floor(x / y). Of integers, 0 for y = 0.";
}

def AndOp : Varve_BinaryOp<"and", Varve_BoolTensor, Varve_NoGradient> {
  let summary = "both";
}
def OrOp : Varve_BinaryOp<"or", Varve_BoolTensor, Varve_NoGradient> {
  let summary = "either";
}
def NotOp : Varve_UnaryOp<"not", "bool", Varve_BoolTensor, Varve_NoGradient> {
  let summary = "the opposite";
}

def NegOp : Varve_UnaryOp<"neg", "any", Varve_NumberTensor> {
  let summary = "-x";
}
def AbsOp : Varve_UnaryOp<"abs", "any", Varve_NumberTensor> {
  let summary = "the absolute value; the gradient at 0 is 0";
}
def SignOp : Varve_UnaryOp<"sign", "any", Varve_NumberTensor,
                           Varve_NoGradient> {
  let summary = "-1, 0 or 1; NaN of NaN";
}
def CompareOp : Varve_ElementwiseOp<
    "compare", "x: any[...], y: any[...], predicate: string", "bool[...]",
    [SameTypeOperands, Varve_NoGradient, Varve_InferType]> {
  let summary = "x == y, x < y ...";
  let description = [{
    - C2: `predicate` is "eq", "ne", "lt", "le", "gt" or "ge".

    Comparisons with NaN are false, but "ne" is true.
  }];
  let arguments = (ins Varve_Tensor:$x, Varve_Tensor:$y, StrAttr:$predicate);
  let results = (outs Varve_BoolTensor:$z);
  let assemblyFormat = "$predicate $x `,` $y attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def WhereOp : Varve_ElementwiseOp<
    "where", "condition: bool[...], x: any[...], y: any[...]", "any[...]",
    [AllTypesMatch<["x", "y", "z"]>, Varve_Differentiable]> {
  let summary = "x where the condition holds, else y";
  let arguments = (ins Varve_BoolTensor:$condition, Varve_Tensor:$x,
                       Varve_Tensor:$y);
  let results = (outs Varve_Tensor:$z);
  let assemblyFormat =
      "$condition `,` $x `,` $y attr-dict `:` type($condition) `,` type($x)";
}

def CastOp : Varve_ElementwiseOp<
    "cast", "x: any[...], to: dtype", "any[...]",
    [Varve_Differentiable, Varve_InferType]> {
  let summary = "to another element type";
  let description = [{
    Floats round to nearest even; a float becomes an integer towards zero, held
    to the integer's range, NaN becoming 0; numbers become true unless 0.

    - C2: `to` is an element type.
  }];
  let arguments = (ins Varve_Tensor:$x, TypeAttr:$to);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def StopGradientOp : Varve_ElementwiseOp<
    "stop_gradient", "x: any[...]", "any[...]",
    [SameOperandsAndResultType, Varve_NoGradient]> {
  let summary = "x, with no gradient";
  let arguments = (ins Varve_Tensor:$x);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

#endif
