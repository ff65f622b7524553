// Operators that work element by element, after broadcasting.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// An operator that is an operation of the dialect with as many operands.
template <const char *name> void same(Call &c) {
  c.give(c.elementwise(name, c.rest(0)));
}

/// A sum, maximum or minimum of any number of inputs.
template <const char *name> void variadic(Call &c) {
  Value result = c.in(0);
  for (size_t i = 1; i < c.inputs(); ++i)
    result = c.elementwise(name, {result, c.in(i)});
  c.give(result);
}

#define NAME(id, text) constexpr char id[] = text
NAME(absName, "abs");
NAME(addName, "add");
NAME(ceilName, "ceil");
NAME(cosName, "cos");
NAME(divName, "div");
NAME(erfName, "erf");
NAME(expName, "exp");
NAME(floorName, "floor");
NAME(logName, "log");
NAME(maximumName, "maximum");
NAME(minimumName, "minimum");
NAME(mulName, "mul");
NAME(negName, "neg");
NAME(reciprocalName, "reciprocal");
NAME(reluName, "relu");
NAME(roundName, "round");
NAME(sigmoidName, "sigmoid");
NAME(signName, "sign");
NAME(sinName, "sin");
NAME(softplusName, "softplus");
NAME(sqrtName, "sqrt");
NAME(subName, "sub");
NAME(tanhName, "tanh");
#undef NAME

} // namespace

ArrayRef<Operator> elementwiseOperators() {
  static constexpr Operator entries[] = {
      {"Abs", 6, same<absName>},
      {"Add", 7, same<addName>},
      {"Ceil", 6, same<ceilName>},
      {"Cos", 7, same<cosName>},
      {"Div", 7, same<divName>},
      {"Erf", 9, same<erfName>},
      {"Exp", 6, same<expName>},
      {"Floor", 6, same<floorName>},
      {"Log", 6, same<logName>},
      {"Max", 8, variadic<maximumName>},
      {"Min", 8, variadic<minimumName>},
      {"Mul", 7, same<mulName>},
      {"Neg", 6, same<negName>},
      {"Reciprocal", 6, same<reciprocalName>},
      {"Relu", 6, same<reluName>},
      {"Round", 11, same<roundName>},
      {"Sigmoid", 6, same<sigmoidName>},
      {"Sign", 9, same<signName>},
      {"Sin", 7, same<sinName>},
      {"Softplus", 1, same<softplusName>},
      {"Sqrt", 6, same<sqrtName>},
      {"Sub", 7, same<subName>},
      {"Sum", 8, variadic<addName>},
      {"Tanh", 6, same<tanhName>},
  };
  return entries;
}

} // namespace varve::onnx
