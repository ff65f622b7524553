//===- Reduction.td - along axes ------------------------------------------===//

#ifndef VARVE_REDUCTION
#define VARVE_REDUCTION

include "varve/Dialect/Varve/VarveBase.td"

/// Along the axes of `axis`; the importer writes out its default, all axes,
/// and `except`.
class Varve_ReductionOp<string mnemonic, TypeConstraint type,
                        Trait gradient = Varve_Differentiable>
    : Varve_PrimitiveOp<
          mnemonic,
          "x: any[...], axis: [int] = none, except: [int] = none, "
          "keepdims: bool = false", "any[...]",
          [gradient, Varve_InferType]> {
  string constraint = "- C1: `axis` are axes of x in ascending order.";
  let description = constraint;
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
  let description = "Equal largest elements share the gradient.\n\n" #
                    constraint;
}
def MinOp : Varve_ReductionOp<"min", Varve_NumberTensor> {
  let summary = "the smallest element; NaN if any is NaN";
  let description = "Equal smallest elements share the gradient.\n\n" #
                    constraint;
}
def ProdOp : Varve_ReductionOp<"prod", Varve_NumberTensor> {
  let summary = "the product along axes";
  let description = "The second gradient is right where at most one factor of "
                    "a product is 0\nand no derivative goes to that one.\n\n" #
                    constraint;
}
def AnyOp : Varve_ReductionOp<"any", Varve_BoolTensor, Varve_NoGradient> {
  let summary = "whether any element is true";
}
def AllOp : Varve_ReductionOp<"all", Varve_BoolTensor, Varve_NoGradient> {
  let summary = "whether all elements are true";
}

#endif
