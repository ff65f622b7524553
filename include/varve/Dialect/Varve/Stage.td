//===- Stage.td - parts of a network that learn by themselves -------------===//
//
// Apart from the other operations, since only few phases know of it.
//
//===----------------------------------------------------------------------===//

#ifndef VARVE_STAGE
#define VARVE_STAGE

include "mlir/IR/BuiltinAttributes.td"
include "varve/Dialect/Varve/VarveBase.td"

def StageOp : Varve_Op<"stage", [
    IsolatedFromAbove, SingleBlock, RecursiveMemoryEffects,
    RecursivelySpeculatable, Varve_NoGradient,
    DeclareOpInterfaceMethods<EvaluableRegionOpInterface>]> {
  let summary = "a part of a network that learns from its own loss";
  let description = [{
    What partition cuts a training step into. The region captures nothing, and
    the sweep of the gradients does not enter an operation that has none, so
    what comes in is detached: the loss of a stage moves the parameters of that
    stage and no others. Differentiation adds the gradients, within the region,
    as the last results; update then inlines the stages in their order.

    ```mlir
    %h, %l = varve.stage "hidden"(%x, %label, %w, %v) trains [2, 3] loss 1 :
        (tensor<8x4xf32>, ...) -> (tensor<8x4xf32>, tensor<f32>) {
    ^bb0(%a: tensor<8x4xf32>, ...):
      ...
      varve.yield %y, %loss : tensor<8x4xf32>, tensor<f32>
    }
    ```

    Where a network is to be cut, import returns from the function the value at
    each cut (kind "cut", with its name) and the loss of each stage, whose
    dictionary names the `stage`; so does that of the model's loss, which is
    the last stage's.

    - C1: the region takes the types of the inputs.
    - C2: it yields the types of the results.
    - C3: `loss` is the number of a result that is a float of rank 0.
    - C4: `trains` are numbers of inputs, ascending; each is the value of a
      state of the function, and no other stage trains it.
    - C5: no gradient crosses: nothing that another stage reads depends on the
      loss or on one of the last `gradients` results.
  }];
  let arguments = (ins StrAttr:$stage, Variadic<Varve_Tensor>:$inputs,
                       DenseI64ArrayAttr:$trains, Varve_I64Attr:$loss,
                       DefaultValuedAttr<Varve_I64Attr, "0">:$gradients);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Varve_Tensor>:$values);
  let assemblyFormat = [{
    $stage `(` $inputs `)` `trains` $trains `loss` $loss
    (`gradients` $gradients^)? `:` functional-type($inputs, $values) $body
    attr-dict-with-keyword
  }];
  let hasRegionVerifier = 1;
}

#endif
