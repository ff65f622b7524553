//===- Passes.td - from the varve dialect to upstream dialects ------------===//

#ifndef VARVE_CONVERSION_PASSES
#define VARVE_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

def ConvertVarveToLinalg
    : Pass<"convert-varve-to-linalg", "::mlir::ModuleOp"> {
  let summary = "programs to functions over linalg on tensors";
  let description = [{
    Each `varve.func` becomes a `func.func` whose arguments are buffers: the
    state that it uses or updates, in the order of declaration and in its
    layout; the inputs; the results. They do not alias. Operations become what
    their `lower` builds. The `varve.program` goes; attributes on the function
    keep what the artifact must say:

    - `varve.state_names`: the names of the state arguments;
    - `varve.inputs`, `varve.results`: the dictionaries of the `varve.func`,
      with `type`, in which integers keep their sign;
    - `varve.batch`.

    ```mlir
    varve.func @f(%x: tensor<4xf32> {...}) uses(%w = @w: tensor<4xf32>)
        -> ({...}) updates(@w)
    =>
    func.func @f(%w: memref<4xf32>, %x: memref<4xf32>, %y: memref<4xf32>) {
      %0 = bufferization.to_tensor %w restrict writable
      %1 = bufferization.to_tensor %x restrict
      ...
      bufferization.materialize_in_destination %2 in restrict writable %y
      return
    }
    ```

    Invariant: no operation of the varve dialect is left.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::varve::VarveDialect", "::varve::kernel::KernelDialect"];
}

#endif
