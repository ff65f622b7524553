// Passes from kernels on tensors to kernels on memory, in their order.
#ifndef VARVE_CODEGEN_PASSES_TD
#define VARVE_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def BufferizeKernels : Pass<"varve-bufferize-kernels", "::mlir::ModuleOp"> {
  let summary = "give every value between kernels a buffer";
  let description = [{
    Eliminates empty tensors and bufferizes each function by itself; bodies of
    `kernel.def` stay on tensors. Copies that remain become kernels.

    ```mlir
    %w = bufferization.to_tensor %m restrict writable : memref<8xf32> ...
    %r = kernel.call @update ins(...) outs(%w : tensor<8xf32>) -> tensor<8xf32>
    bufferization.materialize_in_destination %r in restrict writable %m : ...
    // becomes
    kernel.call @update ins(...) outs(%m : memref<8xf32>)
    ```

    After it, functions hold no tensor and no `memref.copy`; allocations are
    `memref.alloc` of static shape.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect",
                           "::varve::kernel::KernelDialect"];
}

def LayOutBuffers : Pass<"varve-lay-out-buffers", "::mlir::ModuleOp"> {
  let summary = "channels last in the buffers between convolutions";
  let description = [{
    Buffers of rank 3 to 5 that convolutions and pooling windows work on, and
    those that elementwise kernels and reductions connect with them, get strides
    that make dimension 1 contiguous. Only buffers that nothing but kernels use
    are laid out; function arguments and what is viewed in another shape keep
    theirs. No bit of any result depends on it.

    ```mlir
    %y = memref.alloc() : memref<8x64x7x7xf32>
    // becomes
    %y = memref.alloc() : memref<8x64x7x7xf32, strided<[3136, 1, 448, 64]>>
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def PlanMemory : Pass<"varve-plan-memory", "::mlir::ModuleOp"> {
  let summary = "one arena instead of allocations";
  let description = [{
    Buffers are live from their first to their last use. Each goes to the
    lowest offset that no other live one holds, large ones first. The arena is
    the new last argument, `memref<Nxi8>`.

    ```mlir
    %a = memref.alloc() : memref<8xf32>
    // becomes
    %a = memref.view %arena[%offset][] : memref<64xi8> to memref<8xf32>
    ```

    A buffer with strides is a `memref.reinterpret_cast` of a flat view.

    After it, functions allocate nothing; `varve.arena_bytes` on the function
    says how large the arena must be. With `guard-arena` buffers share no
    memory, each ends at a page border, and the page after it is used by none;
    `varve.arena_guards` lists the offsets of these pages.
  }];
  let options = [
    Option<"guardArena", "guard-arena", "bool", "false",
           "put each buffer on pages of its own, with a free page after it">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def InsertBarriers : Pass<"varve-insert-barriers", "::mlir::ModuleOp"> {
  let summary = "barriers where calls touch the same bytes";
  let description = [{
    All threads of a team run the whole function. A `kernel.barrier` stands
    before a call that conflicts with one since the last barrier, by byte ranges
    of the arena or whole arguments (which do not alias: the ABI says so). Each
    call gets `threads`, how many threads share its work, from a cost estimate:
    small kernels belong to thread 0 alone, and need no barrier among
    themselves.
  }];
  let dependentDialects = ["::varve::kernel::KernelDialect"];
}

def ExpandKernels : Pass<"varve-expand-kernels", "::mlir::ModuleOp"> {
  let summary = "loops for every kernel, in the order of the numeric contract";
  let description = [{
    Each `kernel.def` becomes a private `func.func` on flat buffers for each
    combination of layouts that it is called with; calls become `func.call`s.
    Functions get two more arguments, `thread` and `threads` (index), after the
    arena, and their memrefs become flat ones of the physical size, `?` where a
    dimension is (`i1` is stored as `i8`).

    No option changes a bit of the result, except `kc`, which is part of the
    contract and an option for experiments only.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"v4\"",
           "x86-64 level or neon: sets the register tile (v3, v4, neon)">,
    Option<"rows", "rows", "int64_t", "0", "rows of the register tile">,
    Option<"vectors", "vectors", "int64_t", "0",
           "columns of the register tile, in vectors of 16">,
    Option<"kc", "kc", "int64_t", "512", "terms in a chunk of a contraction">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def DivideByConstant : Pass<"varve-divide-by-constant"> {
  let summary = "divide small integers by a constant without a division";
  let description = [{
    A division of an 8- or 16-bit integer, as f32, by a constant has few
    dividends. Where for every one of them the product with the rounded
    reciprocal, or that product with one step of correction, is the correctly
    rounded quotient, that is what stays. So `image / 255` costs three
    operations that pipeline, and no bit changes.

    ```mlir
    %x = arith.uitofp %byte : i8 to f32
    %q = arith.divf %x, %c : f32
    // becomes
    %p = arith.mulf %x, %r        // r = 1 / c
    %e = math.fma -%p, %c, %x
    %q = math.fma %e, %r, %p
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

#endif // VARVE_CODEGEN_PASSES_TD
