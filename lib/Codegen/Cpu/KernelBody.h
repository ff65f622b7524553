// The body of a kernel, evaluated element by element: asks for one element (or
// 16 along a dimension) of a tensor and gets the scalar code that makes it.
#ifndef VARVE_CODEGEN_CPU_KERNELBODY_H
#define VARVE_CODEGEN_CPU_KERNELBODY_H

#include "Layout.h"
#include "LoopBuilder.h"
#include "varve/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <memory>

namespace varve {

/// Where a tensor or a loop nest is looked at. With `vector`, values that
/// depend on the lane are vectors; those that do not stay scalars.
struct Position {
  llvm::SmallVector<Index> at;
  bool vector = false;
  mlir::Value mask; // of the lanes that exist; null: all

  bool operator==(const Position &o) const {
    return at == o.at && vector == o.vector && mask == o.mask;
  }
};

class KernelBody {
public:
  using Value = mlir::Value;
  using GenericOp = mlir::linalg::GenericOp;

  /// Starts the function `name` on flat buffers for operands of these types.
  KernelBody(kernel::DefOp def, mlir::TypeRange operands, llvm::StringRef name);
  mlir::LogicalResult start();
  mlir::LogicalResult finish();

  LoopBuilder b;
  kernel::DefOp def;
  mlir::func::FuncOp fn;
  Value thread, threads;

  // ---- evaluation ----

  /// What was evaluated so far is not valid at the builder's new place.
  void newPoint() {
    tensorMemo.clear();
    baseMemo.clear();
    frames.clear();
  }
  /// The same for a place in the same straight line of code.
  void newElement() {
    tensorMemo.clear();
    frames.clear();
  }
  /// The element of a tensor of the body: a scalar, or a vector where it
  /// depends on the lane.
  Value element(Value tensor, const Position &p);
  /// A value inside the body of `g` where its loops are at p.
  Value scalar(GenericOp g, const Position &p, Value v);
  /// What the body yields, where some block arguments have values given.
  llvm::SmallVector<Value>
  scalarsWith(GenericOp g, const Position &p,
              llvm::ArrayRef<std::pair<Value, Value>> known);
  /// `tensor` is known at the position that is looked at next (the root).
  void know(Value tensor, Value v) { known[tensor] = v; }
  /// Values of the bodies that are others wherever is looked from now on.
  void setEqual(llvm::DenseMap<Value, Value> values) {
    equal = std::move(values);
    newPoint();
  }
  /// Stores what the kernel yields at p, an element of the outs.
  void storeYields(const Position &p);
  /// Asks the cache for what the epilogue reads and writes at p, an element of
  /// the outs.
  void prefetchOuts(const Position &p);

  /// A scalar of the kernel outside its linalg bodies and loops.
  Value outside(Value v);

  // ---- buffers ----

  struct Buffer {
    Value memory; // flat
    Layout layout;
    mlir::Type element;
  };
  const Buffer *bufferOf(Value tensor) const {
    auto it = buffers.find(tensor);
    return it == buffers.end() ? nullptr : &it->second;
  }
  Value load(const Buffer &buffer, llvm::ArrayRef<Index> at, const Position &p);
  void store(Value v, const Buffer &buffer, llvm::ArrayRef<Index> at,
             const Position &p);
  /// A scratch buffer on the stack, aligned to a cache line.
  Value scratch(int64_t elements, mlir::Type element);

  // ---- facts ----

  /// Visits the arguments that make an element of `tensor`, each with the map
  /// from dimensions (of `map`) to its indices; null where that is not affine.
  void forEachRead(Value tensor, mlir::AffineMap map,
                   llvm::function_ref<void(Value, mlir::AffineMap)> visit);
  /// Whether most of what `operands` of g read lies contiguous along loop
  /// dimension `dim`.
  bool readsContiguously(GenericOp g,
                         llvm::ArrayRef<mlir::OpOperand *> operands,
                         unsigned dim);
  /// Makes every buffer a line, where the kernel does the same to each element
  /// wherever it stands. Then an index along the contiguous dimension reaches
  /// all of them. Returns how many there are; 0 where it cannot.
  int64_t flatten();
  /// Scalar ops on the way from the root to the yield.
  int64_t epilogueSize();

  /// This thread's share of n units.
  std::pair<Value, Value> slice(int64_t n);
  /// This thread's share of m units in each of n rows: calls `row` with the
  /// row and the range in it.
  void sliceRows(int64_t n, int64_t m,
                 llvm::function_ref<void(Value row, Value lo, Value hi)> body);

  /// Reports what cannot be expanded; the kernel fails in the end.
  Value unsupported(const llvm::Twine &what, mlir::Type type);
  bool failed = false;

private:
  struct Frame { // one evaluation of a linalg body
    GenericOp op;
    Position at;
    llvm::DenseMap<Value, Value> values;
  };
  /// What stands for v where something else equals it.
  Value resolve(Value v) const {
    while (Value other = equal.lookup(v))
      v = other;
    return v;
  }
  Frame &frameAt(GenericOp g, const Position &p);
  Value valueIn(Frame &f, Value v);
  std::optional<Index> affineIn(Frame &f, Value v);
  std::optional<Index> indexIn(Frame &f, Value v);
  Value materialize(const Index &i, const Position &p);
  Value extract(Frame &f, mlir::tensor::ExtractOp op);
  Value elementwise(mlir::Operation &op, mlir::ValueRange operands,
                    unsigned result);
  std::optional<Index> apply(mlir::AffineExpr e, llvm::ArrayRef<Index> dims);
  std::optional<llvm::SmallVector<Index>> apply(mlir::AffineMap map,
                                                llvm::ArrayRef<Index> dims);

  struct Address {
    Index at;     // with the lane's stride
    Value vector; // offsets by lane, where that is not affine
  };
  Address address(const Buffer &buffer, llvm::ArrayRef<Index> at,
                  const Position &p);
  Value addressBase(const Index &i);
  Value gather(const Buffer &buffer, Value base, Value offsets,
               const Position &p);
  Value fromMemory(Value v, const Buffer &buffer);
  Value toMemory(Value v, const Buffer &buffer);

  llvm::DenseMap<Value, Buffer> buffers;
  llvm::DenseMap<Value, Value> scalars; // outside, and scalar arguments
  llvm::DenseMap<Value, Value> known;
  llvm::DenseMap<Value, Value> equal;
  llvm::SmallVector<std::tuple<Value, Position, Value>> tensorMemo;
  llvm::SmallVector<
      std::pair<llvm::SmallVector<std::pair<Value, int64_t>, 2>, Value>>
      baseMemo;
  std::vector<std::unique_ptr<Frame>> frames;
};

// The forms of kernel. Each writes the loops at the builder's place.

/// acc + x * y, in chunks of kc terms.
struct TileOptions {
  int64_t rows = 14, vectors = 2, kc = 512;
};
bool isContraction(mlir::linalg::GenericOp root);
mlir::LogicalResult expandContraction(KernelBody &body,
                                      mlir::linalg::GenericOp root,
                                      const TileOptions &options);
mlir::LogicalResult expandConvolution(KernelBody &body, kernel::ConvOp root,
                                      const TileOptions &options);
/// `roots` have the same loops and the same map to their results.
mlir::LogicalResult
expandReduction(KernelBody &body,
                llvm::ArrayRef<mlir::linalg::GenericOp> roots);
mlir::LogicalResult expandElementwise(KernelBody &body);
mlir::LogicalResult expandSequential(KernelBody &body);

} // namespace varve

#endif
