// The kernel dialect: fused regions, outlined once and called by name, and the
// barrier between calls that the threads of a step share.
#ifndef VARVE_DIALECT_KERNEL_KERNELOPS_TD
#define VARVE_DIALECT_KERNEL_KERNELOPS_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def KernelDialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::varve::kernel";
  let summary = "fused regions of a step, called in destination style";
}

class KernelOp<string mnemonic, list<Trait> traits = []>
    : Op<KernelDialect, mnemonic, traits>;

def DefOp : KernelOp<"def", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "a fused region over logical tensors with at most one root";
  let description = [{
    Block arguments are the inputs (tensors or scalars), then the outs.
    `kernel.yield` gives one value per out. The body stays on tensors, in
    logical shapes, until code generation expands it on the buffers that its
    calls were given; where those have a layout, only addresses change.

    The root is the one reduction, contraction, convolution or loop of the
    body. A `linalg.generic` with reduction dimensions whose body is
    `acc + x * y` is a contraction: one fused multiply-add chain per chunk of
    512 terms. Any other is a reduction, and reduces one dimension. Reductions
    over one space stand side by side as one root.

    ```mlir
    kernel.def @scale ins = 2 {
    ^bb0(%x: tensor<128xf32>, %s: tensor<f32>, %o: tensor<128xf32>):
      %r = linalg.generic {...} ins(%x, %s : ...) outs(%o : ...) {...}
      kernel.yield %r : tensor<128xf32>
    }
    ```

    C1. The terminator yields one value per out, of the out's type.
    C2. `ins` is at most the number of block arguments.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$num_ins);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat =
      "$sym_name `ins` `=` $num_ins attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether the body reads the old contents of argument `i`.
    bool reads(unsigned i);
    /// Whether element e of argument `i` is touched only for element e of the
    /// outs: by elementwise ops with identity maps on the way to the yield,
    /// never by the root or by one of its producers.
    bool elementAligned(unsigned i);
    /// The arguments that are written, one for each yielded value.
    ::mlir::Block::BlockArgListType getOutArguments() {
      return getBody().front().getArguments().drop_front(getNumIns());
    }
    /// The terminator's operands.
    ::mlir::OperandRange getYielded() {
      return getBody().front().getTerminator()->getOperands();
    }
  }];
}

def YieldOp : KernelOp<"yield", [Terminator, ReturnLike, Pure,
                                 HasParent<"DefOp">]> {
  let summary = "the values of a kernel's outs";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def CallOp : KernelOp<"call", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DestinationStyleOpInterface]> {
  let summary = "run a kernel; result i is tied to out i";
  let description = [{
    On tensors it has a result per out; on buffers it has none. An operand has
    the shape and element type of the kernel's argument; a buffer's layout is
    its own. `threads`, where known, is how many threads at most share the work.
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$inputs,
                       Variadic<AnyShaped>:$outs,
                       OptionalAttr<I64Attr>:$threads);
  let results = (outs Variadic<AnyTensor>:$results);
  let assemblyFormat = [{
    $callee `ins` `(` ($inputs^ `:` type($inputs))? `)`
    `outs` `(` $outs `:` type($outs) `)` attr-dict (`->` type($results)^)?
  }];
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results,
      "::llvm::StringRef":$callee, "::mlir::ValueRange":$inputs,
      "::mlir::ValueRange":$outs), [{
    build($_builder, $_state, results, callee, inputs, outs,
          ::mlir::IntegerAttr());
  }]>];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return getOutsMutable();
    }
    DefOp getDef();
  }];
}

def ConvForward : I32EnumAttrCase<"Forward", 0, "forward">;
def ConvData : I32EnumAttrCase<"Data", 1, "data">;
def ConvWeight : I32EnumAttrCase<"Weight", 2, "weight">;

def ConvKindAttr : I32EnumAttr<"ConvKind",
    "which of the three tensors of a convolution is made",
    [ConvForward, ConvData, ConvWeight]> {
  let cppNamespace = "::varve::kernel";
}

def ConvOp : KernelOp<"conv", [Pure]> {
  let summary = "a convolution, or its adjoint in one of its factors";
  let description = [{
    Of x [N, C, spatial...], w [O, C / groups, taps...] and
    y [N, O, spatial...] one is made from the others:

    ```
    forward ins(x, w):  y[n, o, p] = sum over (k, c)
                          x[n, c, p * stride + k * dilation - padding] w[o, c, k]
    data    ins(y, w):  x[n, c, i] = sum over (k, o)
                          y[n, o, (i + padding - k * dilation) / stride] w[o, c, k]
    weight  ins(x, y):  w[o, c, k] = sum over (n, p)
                          x[n, c, p * stride + k * dilation - padding] y[n, o, p]
    ```

    c counts within the group of o. `padding` is the one before the first
    element; the one behind the last follows from the size of the result.

    The sum goes over its indices in the order that they stand in (the taps of
    `data` as those of `forward`), row-major, in chunks of 512 terms. A term
    outside of its tensor, or whose division leaves a rest, counts for the
    borders of the chunks and nothing else. Each chunk is one chain of fused
    multiply-adds from 0; where there are several, their sums are added in
    order to 0.

    C1. The operands and the result have one rank of 3 or more, static shapes
        without a size of 0, and one element type.
    C2. `strides`, `padding` and `dilations` have a value for each spatial
        dimension, strides and dilations positive, padding not negative.
    C3. `groups` is positive and divides the channels of x and y; x has `groups`
        times the channels of w, and y has the features of w.
    C4. The batch of x and y is the same.
  }];
  let arguments = (ins ConvKindAttr:$kind, AnyRankedTensor:$lhs,
                       AnyRankedTensor:$rhs, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilations,
                       I64Attr:$groups);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $kind `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)` attr-dict
    `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The types of the three tensors, made or read.
    ::mlir::RankedTensorType getX();
    ::mlir::RankedTensorType getW();
    ::mlir::RankedTensorType getY();
    /// Terms of each element's sum, those of padding included.
    int64_t getNumTerms();
  }];
}

def BarrierOp : KernelOp<"barrier",
    [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "wait until every thread of the step is here";
  let assemblyFormat = "attr-dict";
}

#endif // VARVE_DIALECT_KERNEL_KERNELOPS_TD
