// The generator of random programs, in the making of one.
#ifndef VARVE_TEST_PROPERTY_WRITER_H
#define VARVE_TEST_PROPERTY_WRITER_H

#include "RandomProgram.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <algorithm>
#include <random>

namespace varve {

using Shape = llvm::SmallVector<int64_t>;

constexpr int64_t maxElements = 6000, maxProducts = 200000;
constexpr double largest = 20;  // of any value
constexpr double margin = 1e-4; // from a jump or a kink

/// Every operation is run by the reference interpreter as soon as it is drawn,
/// on the values that the program will be run on; one whose result is out of
/// bounds is taken back.
class Writer {
public:
  Writer(mlir::MLIRContext &context, uint64_t seed, bool exact)
      : context(context), random(seed), seed(seed), exact(exact),
        b(mlir::UnknownLoc::get(&context), &context) {}

  RandomProgram write();

private:
  // ---- draws ----
  /// From 0 to n - 1. Not by <random>'s distributions: these differ between
  /// libraries.
  int64_t draw(int64_t n) { return int64_t(random() % uint64_t(n)); }
  bool chance(double p) { return double(random() >> 11) * 0x1p-53 < p; }
  double real(double low, double high) {
    return low + (high - low) * (double(random() >> 11) * 0x1p-53);
  }
  template <class List> auto &oneOf(List &&list) {
    return list[draw(std::size(list))];
  }
  int64_t size() { return chance(0.8) ? oneOf(sizes) : oneOf(allSizes); }
  Shape shape(int64_t rank);
  mlir::Type floatType() { return chance(mixing) ? otherFloat : mainFloat; }
  llvm::SmallVector<int64_t> permutation(int64_t n);
  llvm::SmallVector<int64_t> someAxes(int64_t rank, bool mayBeAll);

  // ---- values ----
  mlir::RankedTensorType typeOf(mlir::Value v) {
    return llvm::cast<mlir::RankedTensorType>(v.getType());
  }
  int64_t rankOf(mlir::Value v) { return typeOf(v).getRank(); }
  int64_t dim(mlir::Value v, int64_t axis) {
    return typeOf(v).getDimSize(axis);
  }
  bool isReal(mlir::Value v) {
    return llvm::isa<mlir::FloatType>(typeOf(v).getElementType());
  }
  const RefTensor &sample(mlir::Value v) { return samples.find(v)->second; }
  /// A known value that `wanted` holds of, late ones more often; null if none.
  template <class Predicate> mlir::Value pick(Predicate wanted);
  mlir::Value pickReal(int64_t minRank = 0, int64_t maxRank = 9) {
    return pick([&](mlir::Value v) {
      return isReal(v) && rankOf(v) >= minRank && rankOf(v) <= maxRank;
    });
  }
  /// A value of this type: a known one, one repeated to it, or a new one.
  mlir::Value valueOf(mlir::RankedTensorType type);
  mlir::Value addState(mlir::RankedTensorType type);
  mlir::Value addInput(mlir::RankedTensorType type);
  mlir::Value constant(mlir::RankedTensorType type);
  RefTensor drawTensor(mlir::RankedTensorType type);
  mlir::Value repeated(mlir::RankedTensorType type);
  bool depends(mlir::Value v);

  // ---- operations ----
  mlir::NamedAttribute number(llvm::StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  }
  mlir::NamedAttribute list(llvm::StringRef name,
                            llvm::ArrayRef<int64_t> values) {
    return b.getNamedAttr(name, b.getDenseI64ArrayAttr(values));
  }
  mlir::NamedAttribute text(llvm::StringRef name, llvm::StringRef value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  }
  /// Builds and runs `varve.NAME`; null where it is taken back.
  mlir::Operation *build(llvm::StringRef name, mlir::ValueRange operands,
                         llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value value(llvm::StringRef name, mlir::ValueRange operands,
                    llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    mlir::Operation *op = build(name, operands, attributes);
    return op ? op->getResult(0) : mlir::Value();
  }
  bool step();
  bool unary();
  bool binary();
  bool compareAndSelect();
  bool conversion();
  bool broadcast();
  bool reduction();
  bool matmul();
  bool einsum();
  bool reshape();
  bool transpose();
  bool indexing();
  bool rearrange();
  bool joining();
  bool normalization();
  mlir::Value loss();
  void finish(mlir::Value lossValue);

  mlir::MLIRContext &context;
  std::mt19937_64 random;
  uint64_t seed;
  bool exact; ///< only operations that evaluateContract knows
  mlir::ImplicitLocOpBuilder b;
  ProgramOp program;
  FuncOp func;
  llvm::SmallVector<int64_t> sizes;
  llvm::SmallVector<int64_t> allSizes = {1, 2, 3, 5, 7, 8, 17, 33, 130};
  mlir::Type mainFloat, otherFloat;
  double mixing = 0;
  llvm::SmallVector<mlir::Value> pool;
  RefValues samples;
  RandomProgram made;
};

template <class Predicate> mlir::Value Writer::pick(Predicate wanted) {
  for (int tries = 0; tries < 40; ++tries) {
    mlir::Value v = pool[std::max(draw(pool.size()), draw(pool.size()))];
    if (wanted(v))
      return v;
  }
  for (mlir::Value v : pool)
    if (wanted(v))
      return v;
  return {};
}

} // namespace varve
#endif
