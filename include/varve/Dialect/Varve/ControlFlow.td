//===- ControlFlow.td - branches and loops at run time --------------------===//
//
// Regions capture nothing: what they read comes in as operands, so that
// gradients go back the way the values came. `buildIf`, `buildWhile` and
// `buildScan` (Varve.h) make operands of what a body captures.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_CONTROLFLOW
#define VARVE_CONTROLFLOW

include "varve/Dialect/Varve/VarveBase.td"

class Varve_ControlOp<string mnemonic, list<Trait> traits = []>
    : Varve_Op<mnemonic, traits # [
        IsolatedFromAbove, SingleBlock, RecursiveMemoryEffects,
        DeclareOpInterfaceMethods<DifferentiableRegionOpInterface>,
        DeclareOpInterfaceMethods<LowerableOpInterface>,
        DeclareOpInterfaceMethods<EvaluableRegionOpInterface>]>;

def IfOp : Varve_ControlOp<"if"> {
  let summary = "the values of one of two regions";
  let description = [{
    Runs the first region on `inputs` if the condition is true, else the second.
    The gradient branches on the same condition.

    ```mlir
    %y = varve.if %c(%x) : tensor<i1>, (tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>):
      varve.yield %a : tensor<f32>
    } else {
    ^bb0(%a: tensor<f32>):
      %b = varve.neg %a : tensor<f32>
      varve.yield %b : tensor<f32>
    }
    ```

    - C1: the condition has rank 0.
    - C2: both regions take the types of `inputs`.
    - C3: both regions yield the types of the results.
  }];
  let arguments = (ins Varve_BoolTensor:$condition,
                       Variadic<Varve_Tensor>:$inputs);
  let regions = (region SizedRegion<1>:$thenRegion,
                        SizedRegion<1>:$elseRegion);
  let results = (outs Variadic<Varve_Tensor>:$values);
  let assemblyFormat = [{
    $condition `(` $inputs `)` `:` type($condition) `,`
    functional-type($inputs, $values) $thenRegion `else` $elseRegion
    attr-dict-with-keyword
  }];
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def WhileOp : Varve_ControlOp<"while", [AttrSizedOperandSegments]> {
  let summary = "a region's values, again and again while a condition holds";
  let description = [{
    Both regions take what is carried, then `constants`. The first yields the
    condition, the second what is carried on. With `bound` there are at most so
    many steps; only then there is a gradient, that of a scan of `bound` steps
    which keeps what it carries once the condition fails.

    - C1: both regions take the types of `inits`, then of `constants`.
    - C2: the first region yields a bool of rank 0.
    - C3: the second region yields the types of `inits`.
    - C4: bound >= 0.
  }];
  let arguments = (ins Variadic<Varve_Tensor>:$inits,
                       Variadic<Varve_Tensor>:$constants,
                       OptionalAttr<Varve_I64Attr>:$bound);
  let regions = (region SizedRegion<1>:$condition, SizedRegion<1>:$body);
  let results = (outs Variadic<Varve_Tensor>:$values);
  let assemblyFormat = [{
    `(` $inits `)` (`with` `(` $constants^ `:` type($constants) `)`)? `:`
    functional-type($inits, $values)
    $condition `do` $body attr-dict-with-keyword
  }];
  let hasRegionVerifier = 1;
}

def ScanOp : Varve_ControlOp<"scan", [AttrSizedOperandSegments]> {
  let summary = "a region's values for each slice of sequences";
  let description = [{
    Step i takes what is carried, slice i of each sequence along its entry of
    `axis` (which the slice lacks), and `constants`. It yields what is carried
    on, and outputs that are stacked along their entries of `out_axis`. Results
    are the last carried values and the stacked outputs. With `reverse` the last
    slice comes first, and outputs are stacked at the place of their slice.

    ```mlir
    // Running sums of the rows of %x: tensor<5x3xf32>.
    %last, %sums = varve.scan(%zero) over(%x : tensor<5x3xf32>)
        : (tensor<3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
    ^bb0(%sum: tensor<3xf32>, %row: tensor<3xf32>):
      %next = varve.add %sum, %row : tensor<3xf32>
      varve.yield %next, %next : tensor<3xf32>, tensor<3xf32>
    } attributes {length = 5 : i64, axis = array<i64: 0>,
                  out_axis = array<i64: 0>}
    ```

    The gradient is a scan in the other direction. It needs the carried values
    of each step: these become outputs of the scan when it is differentiated.

    - C1: `axis` has an axis for each sequence, whose size is `length` there.
    - C2: the region takes the types of `inits`, of the slices, of `constants`.
    - C3: it yields the types of `inits`, then one value for each entry of
      `out_axis`, which is an axis of that result.
    - C4: results have the types of `inits`, then of the stacked values.
  }];
  let arguments = (ins Variadic<Varve_Tensor>:$inits,
                       Variadic<Varve_Tensor>:$sequences,
                       Variadic<Varve_Tensor>:$constants,
                       Varve_I64Attr:$length, DenseI64ArrayAttr:$axis,
                       DenseI64ArrayAttr:$out_axis, UnitAttr:$reverse);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Varve_Tensor>:$values);
  let assemblyFormat = [{
    `(` $inits `)` (`over` `(` $sequences^ `:` type($sequences) `)`)?
    (`with` `(` $constants^ `:` type($constants) `)`)? `:`
    functional-type($inits, $values)
    $body attr-dict-with-keyword
  }];
  let hasRegionVerifier = 1;
}

def WithSignOp : Varve_Op<"with_sign", [
    Pure, Varve_NoGradient, DeclareOpInterfaceMethods<LowerableOpInterface>]> {
  let summary = "signless integers seen as of a type with a sign";
  let description = [{
    In lowering only: gives the operations of a region the types they had.
  }];
  let arguments = (ins Varve_Tensor:$x);
  let results = (outs Varve_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

#endif
