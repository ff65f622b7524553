// The passes between expanded kernels and LLVM IR.
#ifndef VARVE_CODEGEN_EMIT_PASSES
#define VARVE_CODEGEN_EMIT_PASSES

include "mlir/Pass/PassBase.td"

def LowerToLLVM : Pass<"varve-lower-to-llvm", "::mlir::ModuleOp"> {
  let summary = "expanded functions to the LLVM dialect, in the artifact's ABI";
  let description = [{
    A memref becomes the address of its first element: kernels work on flat
    buffers of static strides, so descriptors would only be taken apart again.

    A function with the attribute `varve.states = N` is an entry: its operands
    are N states, then inputs and results (all memrefs), then the arena, the
    thread and the number of threads. It becomes the `varve_run` of
    varve-c/Artifact.h:

    ```mlir
    func.func @step(%w: memref<4xf32>, %x: memref<4xf32>, %arena: memref<64xi8>,
                    %t: index, %n: index) attributes {varve.states = 1 : i64} {
      kernel.barrier
      call @k(%w, %x, %t, %n) : ...
    ```
    to
    ```mlir
    llvm.func internal @step(%state: !llvm.ptr, %args: !llvm.ptr,
                             %arena: !llvm.ptr, %team: !llvm.ptr, %t: i64, %n: i64) {
      %w = llvm.load %state ...
      %x = llvm.load %args ...
      llvm.call @varve.barrier(%team, %n)
      llvm.call @k(%w, %x, %t, %n)
    ```
    The floating-point environment is set on entry (round to nearest, no
    flushing of subnormals, exceptions masked) and restored on return.

    Invariant: only the LLVM dialect is left; all functions are internal.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif
