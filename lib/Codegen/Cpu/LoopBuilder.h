// A builder with the few forms that the expansion of kernels is written in:
// index arithmetic, loops, slices of threads, 16-lane vectors.
#ifndef VARVE_CODEGEN_CPU_LOOPBUILDER_H
#define VARVE_CODEGEN_CPU_LOOPBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace varve {

/// Lanes of the numeric contract. A machine with narrower registers uses
/// several for one vector.
constexpr int64_t kLanes = 16;

/// An index that is affine in values and in the lane:
/// sum of coefficient * value, plus constant, plus lane * lane number.
struct Index {
  llvm::SmallVector<std::pair<mlir::Value, int64_t>, 2> terms;
  int64_t constant = 0, lane = 0;

  static Index of(mlir::Value v, int64_t coefficient = 1);
  static Index of(int64_t constant);
  Index operator+(const Index &o) const;
  Index operator*(int64_t k) const;
  Index operator+(int64_t k) const { return *this + of(k); }
  bool operator==(const Index &o) const {
    return terms == o.terms && constant == o.constant && lane == o.lane;
  }
  Index withLane(int64_t l) const {
    Index r = *this;
    r.lane = l;
    return r;
  }
};

class LoopBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;
  using Type = mlir::Type;

  /// Constants stand once, at the start of the function.
  Value constant(mlir::TypedAttr value);
  Value index(int64_t v) { return constant(getIndexAttr(v)); }
  Value add(Value x, Value y);
  Value mul(Value x, int64_t k);
  Value min(Value x, Value y);
  Value max(Value x, Value y);
  /// Floor division and remainder of a value that is not negative.
  Value div(Value x, int64_t k);
  Value rem(Value x, int64_t k);
  Value less(Value x, Value y);
  /// The scalar part of an index: all but the lane.
  Value scalarPart(const Index &i);
  /// `linear` in the index space `sizes`, row-major.
  llvm::SmallVector<Index> delinearize(Value linear,
                                       llvm::ArrayRef<int64_t> sizes);

  /// for iv in [lo, hi) step s; a loop of one turn is no loop.
  void loop(Value lo, Value hi, int64_t step,
            llvm::function_ref<void(Value)> body);
  llvm::SmallVector<Value>
  loop(Value lo, Value hi, int64_t step, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>
           body);
  void when(Value condition, llvm::function_ref<void()> body);

  mlir::VectorType vec(Type element) {
    return mlir::VectorType::get(kLanes, element);
  }
  /// Lanes below n.
  Value maskBelow(int64_t n);
  Value splat(Value scalar);
  /// Vectors stay, scalars are repeated.
  Value toVector(Value v) {
    return mlir::isa<mlir::VectorType>(v.getType()) ? v : splat(v);
  }
  Value zeros(Type element);
  /// 0, 1, ... 15
  Value laneNumbers();
  /// 16 vectors, rows to columns.
  void transpose(llvm::MutableArrayRef<Value> rows);
  /// x * y + z with one rounding; integers modulo 2^n.
  Value multiplyAdd(Value x, Value y, Value z);
  /// A value of the element type of `like`, repeated if that is a vector.
  Value constantLike(Type like, mlir::TypedAttr scalar);

  /// Sets where constants and other loop-invariant values go.
  void setEntry(mlir::Block *block) { entry = block; }
  /// Runs `make` with the builder in the entry block, before all loops.
  Value hoisted(llvm::function_ref<Value()> make);

private:
  mlir::Block *entry = nullptr;
  mlir::Operation *lastHoisted = nullptr;
  llvm::DenseMap<mlir::Attribute, Value> constants;
};

} // namespace varve

#endif
