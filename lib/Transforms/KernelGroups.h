// Which operations of a function make one kernel, and the order of kernels.
#ifndef VARVE_LIB_TRANSFORMS_KERNELGROUPS_H
#define VARVE_LIB_TRANSFORMS_KERNELGROUPS_H

#include "Transforms/Values.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

namespace varve {

/// The operations of one kernel in program order.
struct KernelGroup {
  llvm::SmallVector<mlir::Operation *> ops;
  /// Contraction, reduction, loop or statement, or null.
  mlir::Operation *root = nullptr;
  /// Of the elements that the kernel makes; empty for a loop.
  llvm::SmallVector<int64_t> space;
  llvm::DenseSet<mlir::Operation *> members;

  bool contains(mlir::Operation *op) const { return members.count(op); }
  mlir::Location getLoc() const;
  /// A telling name: "contract_128x10", "reduce_128", "map_784x128", "loop".
  std::string getName() const;
};

/// Whether an operation computes, rather than being a view, a constant, a fill,
/// an empty tensor, or what puts a value in its place.
bool isNode(mlir::Operation *op);

/// Whether an operation stores a value, or copies one to be stored: such stand
/// at the end of their block.
bool isStore(mlir::Operation *op);

/// Whether a node stays in its block instead of going into a kernel: branches,
/// loops around kernels, slices, numbers.
bool isStatement(mlir::Operation *op);

/// Whether a kernel makes this value again instead of taking it as an input:
/// scalars, fills, empty tensors.
bool isCloned(mlir::Value v);

/// Whether an operation is a reduction and no contraction.
bool isFold(mlir::Operation *op);

/// The operation of `block` that holds `op`, or null.
mlir::Operation *ancestorIn(mlir::Operation *op, mlir::Block *block);

/// The kernels and statements of a function's block, or of one inside it, in an
/// order in which they may run, state updated after its last reader wherever
/// that is possible. Without `merge` each operation stays alone. Those in
/// `withReader` belong to the kernel that reads them, not to one that makes
/// their operands.
mlir::FailureOr<llvm::SmallVector<KernelGroup>>
groupKernels(mlir::Block &block, bool merge = true,
             const llvm::DenseSet<mlir::Operation *> &withReader = {});

/// Copies cheap operations whose result is large to each group that reads it,
/// where that saves memory traffic. Returns the copies; with any, groups are to
/// be made anew.
llvm::DenseSet<mlir::Operation *>
recomputeCheap(mlir::func::FuncOp func, llvm::ArrayRef<KernelGroup> groups);

} // namespace varve
#endif
