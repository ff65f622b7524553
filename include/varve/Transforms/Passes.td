//===- Passes.td - passes over varve programs -----------------------------===//

#ifndef VARVE_TRANSFORMS_PASSES
#define VARVE_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def Partition : Pass<"varve-partition", "::varve::ProgramOp"> {
  let summary = "cut a network into stages that learn";
  let description = [{
    Layers are inlined where they stand. Where import returns values at cuts,
    a function that learns becomes one `varve.stage` after the other: what a
    cut and its loss depend on and no earlier stage has. What only metrics or
    running statistics need goes to the last stage that they read; what depends
    on no state and several stages read stands before them.

    ```mlir
    %y = varve.layer "hidden" : tensor<8x4xf32> {    %z = varve.matmul ...
      %z = varve.matmul ...                       => %y = varve.relu %z
      ...
    ```

    Invariant: no `varve.layer` is left, nor a result of kind "cut".
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def NarrowConvolutions : Pass<"varve-narrow-convolutions",
                              "::varve::ProgramOp"> {
  let summary = "leave out the taps of convolutions that only meet padding";
  let description = [{
    Whether a tap of a kernel ever meets the input follows from sizes, padding,
    stride and dilation. Those at the ends of an axis that never do are sliced
    off the weight, and the padding shrinks with them.

    ```mlir
    %y = varve.conv %x, %w {padding = [1, 1], ...}    // x: 1 by 1, w: 3 by 3
    =>
    %s = varve.slice %w {begin = [0, 0, 1, 1], ...}   // 1 by 1
    %y = varve.conv %x, %s {padding = [0, 0, 0, 0], ...}
    ```

    Invariant: results are the same, since what is padding is in no sum.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def DropDeadWeights : Pass<"varve-drop-dead-weights", "::varve::ProgramOp"> {
  let summary = "keep of a parameter what its functions use";
  let description = [{
    Where all functions use a parameter by slices alone, it becomes a window:
    the rest has no effect and no gradient, and needs neither a slot of the
    optimizer nor an update. Files still hold the whole.

    ```mlir
    varve.state @w : tensor<8x8x3x3xf32> {role = "param"}
    =>
    varve.state @w : tensor<8x8x1x1xf32>
        {role = "param", shape = [8, 8, 3, 3], offset = [0, 0, 1, 1]}
    ```

    Nothing is dropped where weights decay or have a moving average, since those
    without a gradient move as well, or where gradients are clipped by their
    norm, whose sum runs over the whole.

    Invariant: every element of a parameter ends a step with the bits that it
    has without this pass, if the optimizer's `eps` is not 0.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def Differentiate : Pass<"varve-differentiate", "::varve::ProgramOp"> {
  let summary = "add the gradients of the loss to a function that learns";
  let description = [{
    For each function that `learns`: reverse mode from the result of kind "loss"
    to every used state of role "param" that no `freeze` pattern of the program
    matches.

    ```mlir
    varve.func @train_step(...) uses(%w = @w: T)
        -> ({kind = "loss"}) attributes {learns}
    =>
    varve.func @train_step(...) uses(%w = @w: T)
        -> ({kind = "loss"}, {kind = "gradient", of = "w"}) ...
    ```

    In a `varve.stage` the same is done for its own loss and what it trains.

    Invariant: each such parameter that the loss depends on has one result of
    kind "gradient".
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def DifferentiateInputs : Pass<"varve-differentiate-inputs", "::varve::ProgramOp"> {
  let summary = "make functions give the gradients of their inputs";
  let description = [{
    Each function becomes its pullback: it takes a cotangent for every result of
    floats, and gives, for every input of floats on which such a result depends,
    d(sum of cotangent * result) / d(input). State is read only.

    ```mlir
    varve.func @infer(%x: T {kind = "input", name = "x"})
        -> ({kind = "output", name = "y"})
    =>
    varve.func @infer(%x: T {kind = "input", name = "x"},
                      %dy: U {kind = "cotangent", name = "y"})
        -> ({kind = "output", name = "x"})
    ```

    Invariant: every result is the gradient of the input that it is named after.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def CheckpointActivations : Pass<"varve-checkpoint-activations", "::varve::ProgramOp"> {
  let summary = "make activations again where they do not fit";
  let description = [{
    Activation checkpointing, where the program has a `memory_budget`. A forward
    pass, or a stage's, that leaves more bytes to the backward pass is cut into
    segments: the fewest that fit, at borders that keep least. What crosses a
    border is kept; the rest of a segment, but for the last one's, is computed
    again right before the gradients that read it. Values are the same: every
    operation is a function of its operands.

    ```mlir
    %h = varve.tanh %p                %h = varve.tanh %p
    %y = varve.matmul %h, %w          %y = varve.matmul %h, %w
    // backward                  =>   // backward
                                      %h2 = varve.tanh %p {varve.again}
    %d = varve.mul %dy, %h            %d = varve.mul %dy, %h2
    ```
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def SetPrecision : Pass<"varve-set-precision", "::varve::ProgramOp"> {
  let summary = "multiply in the narrow type that the program says";
  let description = [{
    Where `train` of the program says `precision`, f32 operands of products are
    cast to that type and the product back to f32, in every function. Products
    of narrow floats are summed in f32. State stays f32.

    ```mlir
    %z = varve.matmul %x, %y     =>   %z = cast(matmul(cast(%x), cast(%y)))
    ```

    Invariant: no product has operands of f32.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def FoldShards : Pass<"varve-fold-shards", "::varve::ProgramOp"> {
  let summary = "make one step of the shards of its batch";
  let description = [{
    Where `train` of the program says `shards`, the number of samples of each,
    the functions that learn are the step on one shard. They become one on all
    samples: shard after shard, losses, metrics and gradients summed in this
    order, each with its share of the samples as weight. State that the forward
    pass updates goes from shard to shard; each draws under a seed of its own.

    ```mlir
    varve.func @step(%i: tensor<4xi64> {kind = "indices"}) -> ({gradient})
    =>
    varve.func @step(%i: tensor<8xi64> {kind = "indices"}) -> ({gradient}) {
      %0 = gradient of %i[0:4]
      %1 = gradient of %i[4:8]
      varve.return %0 * 0.5 + %1 * 0.5
    ```

    Invariant: one function learns, on the samples of all shards.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def Update : Pass<"varve-update", "::varve::ProgramOp"> {
  let summary = "turn gradients into new values of the parameters";
  let description = [{
    Inlines stages, each with its update behind it. Declares the optimizer's
    slots, and in each function that `learns` builds
    the optimizer's step with the schedule's factor, clipping, groups and weight
    decay; counts the step. Hyperparameters become inputs of kind "hyper", so
    that changing one compiles nothing. With `average`, each parameter has a
    moving average, which the functions that do not learn read in its place. In
    f16 the gradients are unscaled, and nothing is updated by one that is not
    finite.

    ```mlir
    varve.func @train_step() uses(%w = @w: T)
        -> ({kind = "loss"}, {kind = "gradient", of = "w"})
    =>
    varve.state @"w:m" : T {role = "slot", of = @w}
    varve.func @train_step(%lr: tensor<f32> {kind = "hyper"}) uses(...)
        -> ({kind = "loss"}) updates(@w, @"w:m", @step)
    ```

    Invariant: no result of kind "gradient" or "schedule" is left, and nothing
    `learns`.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def FindNan : Pass<"varve-find-nan", "::varve::ProgramOp"> {
  let summary = "find the first operation that makes a NaN";
  let description = [{
    Adds to each function the results "first_nan" and "first_infinite", the
    numbers of the first operations with such an element in a result (-1: none),
    and "nan_stays": whether one reaches the loss or state. Operation i is
    `operations[i]` of the program's settings: its name and its place, after the
    inputs and the state that the function reads.

    Invariant: what the function computed before has the same bits.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def ChooseLayouts : Pass<"varve-choose-layouts", "::varve::ProgramOp"> {
  let summary = "lay out parameters as the kernels read them";
  let description = [{
    A matrix of parameters that stands, transposed, at the right of a product
    is stored with the columns of the product contiguous: in panels of 32 where
    they divide so, else transposed. Slots and averages follow their parameter.

    Invariant: the choice depends on the forward pass alone, so that all
    functions of a program agree.
  }];
  let dependentDialects = ["::varve::VarveDialect"];
}

def FuseKernels : Pass<"varve-fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "group operations into kernels";
  let description = [{
    Works on functions over linalg on tensors. Transposes and broadcasts go into
    the indexing maps of what reads them. Then operations join into kernels: at
    most one root (contraction, convolution, reduction or loop) with elementwise
    operations after it, and before it where nothing else reads them; or
    elementwise operations alone. Reductions over one space that read the same
    tensors share a kernel. What is cheap to compute from large tensors that are
    in memory anyway is computed in each kernel that reads it. Kernels are
    ordered so that state is updated after its last reader. Branches and loops
    stay around the kernels of their blocks; a loop over elements (`cumsum`) is
    a kernel.

    ```mlir
    %0 = linalg.generic // contraction        kernel.def @k0 ins = 3 {
    %1 = linalg.generic // + bias          =>   ... both, then kernel.yield
    %2 = linalg.generic // relu               }
                                              %2 = kernel.call @k0 ins(...)
    ```

    Invariant: every linalg operation stands in a `kernel.def`; functions hold
    calls, branches and loops around calls, views and slices of tensors,
    constants and the stores of results.
  }];
  let options = [
    Option<"merge", "merge", "bool", "true",
           "without it each operation is a kernel of its own">,
    Option<"recompute", "recompute", "bool", "true",
           "without it what several kernels read is stored">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::varve::kernel::KernelDialect"];
}

#endif
