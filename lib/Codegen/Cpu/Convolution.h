// The expansion of one convolution: what its three kinds share
// (ExpandConvolution.cpp) and the order of their terms (ConvolutionTerms.cpp).
#ifndef VARVE_CODEGEN_CPU_CONVOLUTION_H
#define VARVE_CODEGEN_CPU_CONVOLUTION_H

#include "KernelBody.h"

namespace varve {

/// Writes the loops of one convolution at the body's place.
///
/// A tile is some rows by some vectors of lanes of the result. Forward and
/// data: rows are images, lanes are the channels made, a tile stands at one
/// position, so that all of it has the same taps inside the input. Weight: rows
/// and lanes are the channels of x and y, a tile stands at one tap.
class Convolution {
public:
  Convolution(KernelBody &body, kernel::ConvOp root,
              const TileOptions &options);

  mlir::LogicalResult expand();

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using Indices = llvm::SmallVector<Index>;

  void chooseTile();
  void unit(Value number, llvm::ArrayRef<int64_t> sizes);
  void tile(int64_t height, int64_t columns);
  void epilogue(int64_t height, int64_t columns);

  /// The sum of chunk q for each row and vector of a tile.
  Values chunk(Value q, int64_t height, int64_t columns);
  Values chunkOfTaps(Value q, int64_t height, int64_t columns);
  Values chunkOfPlaces(Value q, int64_t height, int64_t columns);
  /// Where tap k at the result's position `at` reads, along one spatial
  /// dimension, and whether that is inside; null: always.
  std::pair<Value, Value> source(unsigned d, Index at, Index k);
  /// Adds terms [lo, hi) of the innermost index. The two functions say where
  /// the factor of a row and that of lanes (from `lanes`) stands.
  Values run(Value lo, Value hi, mlir::ValueRange acc, int64_t columns,
             llvm::function_ref<Indices(Index row, Index term)> rowAt,
             llvm::function_ref<Indices(Index lanes, Index term)> lanesAt);

  Index firstLane(int64_t j);
  Position outPosition(Index row, int64_t j, int64_t columns);
  Value maskOf(int64_t columns, int64_t j) {
    int64_t tail = columns - j * kLanes;
    return tail < kLanes ? b.maskBelow(tail) : Value();
  }
  int64_t vectorsIn(int64_t columns) {
    return llvm::divideCeil(columns, kLanes);
  }
  Value partialAt(Index row, int64_t j) {
    return b.scalarPart(row * width + j * kLanes);
  }
  Value plus(Value x, Value y);

  KernelBody &body;
  LoopBuilder &b;
  kernel::ConvOp root;
  const TileOptions &options;
  mlir::Type element;

  // Sizes: by spatial dimension, and of one group.
  llvm::SmallVector<int64_t> strides, padding, dilations, taps, in, out;
  int64_t groups, batch, channels, features;
  int64_t terms, chunks;

  bool ofWeight, toFeatures; // lanes are features; else channels
  Value rowFactor, laneFactor;
  int64_t M = 0, N = 0;          // rows, lanes of a group
  int64_t width = 0, panels = 0; // columns of a panel
  int64_t tiles = 0, rows = 0;   // `more` tiles have one row more
  int64_t more = 0;
  Value partial; // scratch

  // Of the unit that is written.
  Index group, panel;
  Value firstRow;
  Indices spot; // the position (forward, data) or the tap (weight)
  llvm::SmallVector<std::pair<Value, Value>> inside; // places of a tap
};

} // namespace varve

#endif
