// The passes between expanded kernels and LLVM IR.
#ifndef VARVE_CODEGEN_EMIT_PASSES
#define VARVE_CODEGEN_EMIT_PASSES

include "mlir/Pass/PassBase.td"

def ExpandMath : Pass<"varve-expand-math", "::mlir::ModuleOp"> {
  let summary = "transcendental functions to arithmetic with fixed bits";
  let description = [{
    On f32 (scalars and vectors): exp, exp2, expm1, log, log1p, log2, log10,
    tanh, erf, sin, cos, pow become our own polynomials, within 1.3 units in
    the last place, with the same bits on every vector width; rsqrt becomes
    1 / sqrt. On f64, and for the rarer functions on f32 (through f64), each
    element calls the C library. f16 and bf16 compute in f32 and round once.
    Operations that are correctly rounded (sqrt, fma, floor, ...) stay.

    ```mlir
    %y = math.exp %x : vector<16xf32>
    %z = math.exp %w : f64
    ```
    to
    ```mlir
    %t = math.fma %x, %log2e, %magic : vector<16xf32>
    ...
    %z = call @libm.exp(%w) : (f64) -> f64
    ```
    Invariant: no operation of the math dialect is left whose result is not
    correctly rounded.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ExpandNarrowFloats : Pass<"varve-expand-narrow-floats", "::mlir::ModuleOp"> {
  let summary = "f16 and bf16 arithmetic in f32";
  let description = [{
    f16 and bf16 are storage types: arithmetic extends to f32 and rounds each
    result once, to nearest even. Conversions between f64 or integers and
    narrow types round once too. bf16 conversions are integer arithmetic, so
    that they are the same on every processor and need no run-time library.
    Whatever moves narrow floats moves integers of 16 bits: LLVM takes a masked
    load of bf16 apart by conversions to f32 and back.

    ```mlir
    %z = arith.addf %x, %y : vector<16xbf16>
    ```
    on vector<16xi16> becomes extensions, `arith.addf : vector<16xf32>` and a
    rounding.

    Invariant: no value is bf16; f16 ones stand between a bitcast and the
    conversion to or from f32, which is one instruction.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

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

    With `profile` each call and barrier of an entry is timed, in rows of
    varve_profile_row in the external global `varve.profile.rows`; the module's
    `varve.profile` lists {function, kernel, flops, bytes} of each row.
  }];
  let options = [Option<"profile", "profile", "bool", "false",
                        "count the time of each kernel">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif
