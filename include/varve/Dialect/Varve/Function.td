//===- Function.td - functions of one number ------------------------------===//

#ifndef VARVE_FUNCTION
#define VARVE_FUNCTION

include "varve/Dialect/Varve/VarveBase.td"

class Varve_FunctionOp<string mnemonic>
    : Varve_UnaryOp<mnemonic, "float", Varve_FloatTensor>;

def SquareOp : Varve_UnaryOp<"square", "any", Varve_NumberTensor> {
  let summary = "x * x";
}
def ExpOp : Varve_FunctionOp<"exp"> {
  let summary = "e ** x";
}
def Expm1Op : Varve_FunctionOp<"expm1"> {
  let summary = "e ** x - 1, exact near 0";
}
def LogOp : Varve_FunctionOp<"log"> {
  let summary = "the natural logarithm";
}
def Log1pOp : Varve_FunctionOp<"log1p"> {
  let summary = "log(1 + x), exact near 0";
}
def SqrtOp : Varve_FunctionOp<"sqrt"> {
  let summary = "the square root, correctly rounded";
}
def RsqrtOp : Varve_FunctionOp<"rsqrt"> {
  let summary = "1 / sqrt(x): two correctly rounded operations";
}
def ReciprocalOp : Varve_FunctionOp<"reciprocal"> {
  let summary = "1 / x";
}
def SinOp : Varve_FunctionOp<"sin"> {
  let summary = "the sine of x radians";
}
def CosOp : Varve_FunctionOp<"cos"> {
  let summary = "the cosine of x radians";
}
def TanhOp : Varve_FunctionOp<"tanh"> {
  let summary = "the hyperbolic tangent";
}
def ErfOp : Varve_FunctionOp<"erf"> {
  let summary = "the error function, 2 / sqrt(pi) times the integral of "
                "exp(-t t) from 0 to x";
}
def SigmoidOp : Varve_FunctionOp<"sigmoid"> {
  let summary = "1 / (1 + exp(-x))";
}
def SoftplusOp : Varve_FunctionOp<"softplus"> {
  let summary = "log(1 + exp(x)) = max(x, 0) + log1p(exp(-abs(x)))";
}
def FloorOp : Varve_UnaryOp<"floor", "any", Varve_NumberTensor,
                            Varve_NoGradient> {
  let summary = "the largest whole number that is not above x";
}
def CeilOp : Varve_UnaryOp<"ceil", "any", Varve_NumberTensor,
                           Varve_NoGradient> {
  let summary = "the smallest whole number that is not below x";
}
def RoundOp : Varve_UnaryOp<"round", "any", Varve_NumberTensor,
                            Varve_NoGradient> {
  let summary = "the nearest whole number; of two, the even one";
}
def ReluOp : Varve_UnaryOp<"relu", "any", Varve_NumberTensor> {
  let summary = "max(x, 0); the gradient at 0 is 0";
}
def GeluOp : Varve_ElementwiseOp<
    "gelu", "x: float[...], approximate: string = \"none\"", "float[...]",
    [SameOperandsAndResultType, Varve_Differentiable]> {
  let summary = "x times the probability that a normal number is below x";
  let description = [{
    x / 2 (1 + erf(x / sqrt(2))), or with "tanh"
    x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x ** 3))).

    - C2: `approximate` is "none" or "tanh".
  }];
  let arguments = (ins Varve_FloatTensor:$x,
                       DefaultValuedAttr<StrAttr, "\"none\"">:$approximate);
  let results = (outs Varve_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasVerifier = 1;
}

#endif
