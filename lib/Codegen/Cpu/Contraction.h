// The expansion of one contraction: shared by its loops (ExpandContraction.cpp)
// and its packing (PackContraction.cpp).
#ifndef VARVE_CODEGEN_CPU_CONTRACTION_H
#define VARVE_CODEGEN_CPU_CONTRACTION_H

#include "KernelBody.h"

namespace varve {

/// acc + x * y in the body.
struct Factors {
  mlir::Value x, y;
};

/// Writes the loops of one contraction at the body's place.
class Contraction {
public:
  Contraction(KernelBody &body, mlir::linalg::GenericOp root,
              const TileOptions &options)
      : body(body), b(body.b), root(root), options(options) {}

  mlir::LogicalResult expand();

private:
  mlir::LogicalResult chooseDims();
  void chooseTile();
  void choosePacking();
  void chooseRowPacking();
  /// All tiles [lo, hi) of a row block of panel p.
  void panel(mlir::Value lo, mlir::Value hi, int64_t columns);
  void pack(Index k0, mlir::Value terms, int64_t columns);
  void packRows(mlir::Value row, int64_t rows, Index k0, mlir::Value terms);
  void packTransposed(Index k0, mlir::Value terms, int64_t columns);
  void eachBlock(mlir::Value terms,
                 llvm::function_ref<void(Index k, int64_t valid)> block);
  llvm::SmallVector<mlir::Value> multiply(mlir::Value row, int64_t rows,
                                          Index k0, mlir::Value terms,
                                          int64_t columns);
  void epilogue(mlir::Value row, mlir::Value place, mlir::Value rows,
                int64_t columns);
  void eachTile(
      mlir::Value lo, mlir::Value hi,
      llvm::function_ref<void(mlir::Value row, mlir::Value place, int64_t rows)>
          tile);

  /// The loops at row, column vector j of the panel, term k.
  Position position(Index row, int64_t j, Index k, bool lanes,
                    mlir::Value mask);
  Position outPosition(const Position &p);
  mlir::Value maskOf(int64_t columns, int64_t j) {
    int64_t tail = columns - j * kLanes;
    return vectors && tail < kLanes ? b.maskBelow(tail) : mlir::Value();
  }
  int64_t vectorsIn(int64_t columns) {
    return vectors ? llvm::divideCeil(columns, kLanes) : 1;
  }
  mlir::Type accType() {
    return vectors ? mlir::Type(b.vec(element)) : element;
  }

  KernelBody &body;
  LoopBuilder &b;
  mlir::linalg::GenericOp root;
  const TileOptions &options;

  Factors factors;
  mlir::Type element;               // of the accumulator
  llvm::SmallVector<int64_t> sizes; // of the loops
  int dj = -1, dm = -1;             // the dimension of lanes, of rows
  llvm::SmallVector<unsigned> outer, terms;
  int64_t K = 1, M = 1, N = 1;

  bool vectors = true;           // false: no dimension for lanes
  int64_t width = 0, panels = 1; // columns of a panel
  int64_t tiles = 1, rows = 1;   // `more` tiles have one row more
  int64_t more = 0, block = 1;   // tiles in a row block
  int64_t chunks = 1;
  bool packed = false, transposed = false; // B
  bool rowsPacked = false;                 // A, a tile at a time
  int64_t rowStride = 0;                   // of it
  bool plainStart = true;
  mlir::Value packedA, packedB, partial; // scratch

  llvm::SmallVector<Index> outerAt; // by loop dimension
  mlir::Value panelNumber, firstTile;
};

} // namespace varve

#endif
