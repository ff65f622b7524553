// The loops over what a kernel makes, in the order in which it lies in memory.
#ifndef VARVE_CODEGEN_CPU_NEST_H
#define VARVE_CODEGEN_CPU_NEST_H

#include "KernelBody.h"

namespace varve {

/// A nest over some of the dimensions of an iteration space, outermost the one
/// with the largest stride, innermost (where there is one) the dimension of
/// lanes. Neighbours that every access walks through as through one become one
/// loop: the inner dimension's index then runs beyond its size, and the outer
/// one's is 0.
class Nest {
public:
  using Value = mlir::Value;

  /// `sizes`: of the space that positions are in.
  Nest(KernelBody &body, llvm::ArrayRef<int64_t> sizes)
      : body(body), b(body.b), sizes(sizes) {}

  /// Adds all reads that make an element of `tensor`, where `map` leads from
  /// the space to its indices.
  void addReads(Value tensor, mlir::AffineMap map);
  /// Adds an access to a buffer. The first one added gives the order.
  void addAccess(const Layout &layout, mlir::AffineMap map);

  /// Runs over `dims`, 16 elements along `lane` at a time unless that is -1.
  /// At most `unroll` vectors are written out one after the other.
  void run(llvm::ArrayRef<unsigned> dims, int lane, int64_t unroll,
           llvm::function_ref<void(const Position &)> at);

private:
  struct Loop {
    unsigned dim;
    int64_t size;
  };
  bool mergeable(const Loop &outer, const Loop &inner) const;
  llvm::SmallVector<Loop> order(llvm::ArrayRef<unsigned> dims, int lane) const;
  void lanes(Position p, int lane, int64_t n, int64_t unroll,
             llvm::function_ref<void(const Position &)> at);

  KernelBody &body;
  LoopBuilder &b;
  llvm::ArrayRef<int64_t> sizes;
  using Strides = llvm::SmallVector<std::optional<int64_t>>;
  std::vector<Strides> accesses; // by dimension; none where it is not affine
  llvm::DenseSet<std::pair<Value, mlir::AffineMap>> seen;
};

} // namespace varve

#endif
