//===- Random.td - counter-based random numbers ---------------------------===//
//
// Philox4x32-10 (Salmon et al. 2011) with the seed as key and
// (element, step, stream low, stream high) as counter, 32 bits each: a draw
// depends on these alone, not on what ran before it, where, or how split. The
// first values of state are made the same way (lib/Runtime/Initialize.c): the
// stream is the hash of a path, and step 0 is the first attempt there.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_RANDOM
#define VARVE_RANDOM

include "varve/Dialect/Varve/VarveBase.td"

/// The signature leaves out what the importer adds to each call: the operands
/// `seed` and `step`, and the attribute `stream`.
class Varve_RandomOp<string mnemonic, string parameters, string element,
                     Type type>
    : Varve_PrimitiveOp<mnemonic, parameters, element # "[...]",
                        [Varve_NoGradient, Varve_InferType]> {
  string constraint =
      "\n- C1: seed has rank 0; so has step, or it is one number for each "
      "sample, the first\n  axis, in which elements are then counted "
      "(permutation: rank 0).\n"
      "- C2: sizes are not negative; there are less than 2 ** 32 elements.\n";
  dag operands = (ins TensorOf<[I64]>:$seed, TensorOf<[I64]>:$step,
                      Varve_I64Attr:$stream);
  let results = (outs TensorOf<[type]>:$y);
  let assemblyFormat =
      "$seed `,` $step attr-dict `:` type($seed) `,` type($step) `->` type($y)";
}

def UniformOp : Varve_RandomOp<
    "uniform", "low: float = 0, high: float = 1, shape: [int] = none", "f32",
    F32> {
  let summary = "uniform in [low, high)";
  let description = "low + (high - low) u, u being 24 bits of the first word." #
                    constraint;
  let arguments = !con(operands, (ins DefaultValuedAttr<F64Attr, "0.0">:$low,
                                      DefaultValuedAttr<F64Attr, "1.0">:$high,
                                      DenseI64ArrayAttr:$shape));
}
def NormalOp : Varve_RandomOp<
    "normal", "mean: float = 0, std: float = 1, shape: [int] = none", "f32",
    F32> {
  let summary = "normal with a mean and a standard deviation";
  let description = "mean + std sqrt(-2 log(1 - u)) cos(2 pi v) (Box, Muller "
                    "1958), u and v being\n24 bits of the first and the second "
                    "word." # constraint;
  let arguments = !con(operands, (ins DefaultValuedAttr<F64Attr, "0.0">:$mean,
                                      DefaultValuedAttr<F64Attr, "1.0">:$std,
                                      DenseI64ArrayAttr:$shape));
}
def BernoulliOp : Varve_RandomOp<
    "bernoulli", "p: float, shape: [int] = none", "bool", I1> {
  let summary = "true with probability p";
  let description = "Whether the first word is below p 2 ** 32." # constraint #
                    "- C3: p is in [0, 1].\n";
  let arguments = !con(operands, (ins F64Attr:$p, DenseI64ArrayAttr:$shape));
}
def RandomIntOp : Varve_RandomOp<
    "random_int", "below: int, shape: [int] = none", "i64", I64> {
  let summary = "a whole number from 0 to below - 1";
  let description = "The first two words, as one number, modulo `below`." #
                    constraint # "- C3: below >= 1.\n";
  let arguments = !con(operands,
                       (ins Varve_I64Attr:$below, DenseI64ArrayAttr:$shape));
}
def PermutationOp : Varve_RandomOp<"permutation", "count: int", "i64", I64> {
  let summary = "the numbers from 0 to count - 1 in random order";
  let description = "Element i is how many elements have a smaller number of "
                    "64 random bits; of equal\nones the first counts as "
                    "smaller." # constraint;
  let arguments = !con(operands, (ins Varve_I64Attr:$count));
}

#endif
