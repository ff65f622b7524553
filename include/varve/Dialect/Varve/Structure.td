//===- Structure.td - programs, state, functions, layers ------------------===//

#ifndef VARVE_STRUCTURE
#define VARVE_STRUCTURE

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "varve/Dialect/Varve/VarveBase.td"

def ProgramOp : Varve_Op<"program", [
    IsolatedFromAbove, SymbolTable, Symbol, NoTerminator, SingleBlock,
    NoRegionArguments]> {
  let summary = "state and the functions over it";
  let description = [{
    One model at one binding of its dimensions. `settings` carries what the
    artifact's manifest says about learning; `train`, how parameters are
    updated: `optimizer`, `groups`, `freeze`, `clip_norm`, `clip_value`. All
    functions of a program declare the same state, the optimizer's included.

    ```mlir
    varve.program @mlp {
      varve.state @out.weight : tensor<10x784xf32>
          {role = "param", init = "uniform", a = -0.1, b = 0.1}
      varve.func @infer(...) ...
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<DictionaryAttr>:$settings,
                       OptionalAttr<DictionaryAttr>:$train);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def StateOp : Varve_Op<"state", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "a variable that outlives a run";
  let description = [{
    - C1: `role` is "param", "slot", "running", "counter" or "average".
    - C2: `of` names the parameter of a slot or average, and only of these.
    - C3: `init` is "constant" (a), "uniform" (a: low, b: high), "normal" (a:
      mean, b: standard deviation), "truncated_normal" (b), "orthogonal" (a:
      gain) or "copy" (of the parameter).
    - C4: `perm`, if there, is a permutation of the axes; `panel` is not
      negative and is used with rank 2 or more.
    - C5: `shape` and `offset` come together, one number for each axis, and the
      window at `offset` of the type's shape lies inside `shape`.

    The layout in memory is `perm` and `panel`: physical axis i is axis
    perm[i]; the last physical axis is cut in panels of `panel` elements and
    the panel's number goes first. Functions see the canonical shape, or, with
    `shape` and `offset`, a window of it: files and first values are of the whole
    `shape`, and what lies outside the window stays as it is.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type, StrAttr:$role,
                       OptionalAttr<FlatSymbolRefAttr>:$of,
                       DefaultValuedAttr<StrAttr, "\"constant\"">:$init,
                       DefaultValuedAttr<F64Attr, "0.0">:$a,
                       DefaultValuedAttr<F64Attr, "0.0">:$b,
                       OptionalAttr<DenseI64ArrayAttr>:$perm,
                       DefaultValuedAttr<I64Attr, "0">:$panel,
                       OptionalAttr<DenseI64ArrayAttr>:$shape,
                       OptionalAttr<DenseI64ArrayAttr>:$offset);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
  let hasVerifier = 1;
  let builders = [
    /// Starts at zero, in canonical layout.
    OpBuilder<(ins "::llvm::StringRef":$name,
                   "::mlir::RankedTensorType":$type,
                   "::llvm::StringRef":$role), [{
      auto &properties = $_state.getOrAddProperties<Properties>();
      properties.sym_name = $_builder.getStringAttr(name);
      properties.type = ::mlir::TypeAttr::get(type);
      properties.role = $_builder.getStringAttr(role);
    }]>
  ];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
  }];
}

def FuncOp : Varve_Op<"func", [
    Symbol, IsolatedFromAbove, SingleBlock, HasParent<"ProgramOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a pure function that uses and updates state";
  let description = [{
    Block arguments are the inputs, then the values of the used state.
    `varve.return` gives the results, then the new values of the updated state.
    Each input and result is described by a dictionary: `name`, `kind` (the
    words of `enum varve_argument` in lower case: "field", "indices", "input",
    "hyper", "seed", "epoch", "epochs", "steps"; "output", "loss", "loss_part",
    "metric", "finite"; and, between phases, "gradient" with `of`, "schedule"),
    and for a hyperparameter `default`.

    - C1: there is a dictionary with name and kind for each input and result.
    - C2: a used state is a `varve.state` of the block argument's type.
    - C3: an updated state is one of the returned value's type.
    - C4: no state is used twice or updated twice.

    One marked `learns` gets gradients and the update of its program.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ArrayAttr:$inputs,
                       ArrayAttr:$results, ArrayAttr:$uses, ArrayAttr:$updates,
                       DefaultValuedAttr<I64Attr, "1">:$batch,
                       UnitAttr:$learns);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The value of used state `name`, or null.
    ::mlir::Value getUse(::llvm::StringRef name);
    /// Adds state to `uses` and returns its value.
    ::mlir::Value addUse(StateOp state);
    /// Adds an input described by `info` and returns its value.
    ::mlir::Value addInput(::mlir::Type type, ::mlir::DictionaryAttr info);
    /// The input of this kind, or null.
    ::mlir::Value getInputOfKind(::llvm::StringRef kind);
    ReturnOp getReturn();
    unsigned getNumInputs() { return getInputs().size(); }
  }];
}

def ReturnOp : Varve_Op<"return", [Terminator, ReturnLike, Pure,
                                   HasParent<"FuncOp">]> {
  let summary = "results, then the new values of updated state";
  let arguments = (ins Variadic<Varve_Tensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def LayerOp : Varve_Op<"layer", [
    SingleBlock, NoRegionArguments, RecursiveMemoryEffects,
    RecursivelySpeculatable,
    DeclareOpInterfaceMethods<EvaluableRegionOpInterface>]> {
  let summary = "a unit of learning";
  let description = [{
    The operations of `layer NAME { }` or `f() as NAME`. Results are the names
    that live after it. Partition cuts between layers and then inlines them.
  }];
  let arguments = (ins StrAttr:$path);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Varve_Tensor>:$values);
  let assemblyFormat = "$path (`:` type($values)^)? attr-dict-with-keyword $body";
}

def YieldOp : Varve_Op<"yield", [Terminator, ReturnLike, Pure]> {
  let summary = "the values of a region";
  let arguments = (ins Variadic<Varve_Tensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

#endif
