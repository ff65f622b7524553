// The expansion of one convolution: its tiles (ExpandConvolution.cpp), the
// order of its terms (ConvolutionTerms.cpp), its packing (PackConvolution.cpp).
#ifndef VARVE_CODEGEN_CPU_CONVOLUTION_H
#define VARVE_CODEGEN_CPU_CONVOLUTION_H

#include "KernelBody.h"

namespace varve {

/// Writes the loops of one convolution at the body's place.
///
/// A tile is some rows by some vectors of lanes of the result. Forward and
/// data: lanes are the channels made; rows are images at one position, or
/// neighbours along one dimension, such that all of a tile has the same taps
/// inside the input. Weight: rows and lanes are the channels of x and y, a tile
/// stands at one tap.
class Convolution {
public:
  Convolution(KernelBody &body, kernel::ConvOp root,
              const TileOptions &options);

  mlir::LogicalResult expand();

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using Indices = llvm::SmallVector<Index>;

  /// Positions along a dimension: [first, first + gapAt), and as many more as
  /// make `count` from `gap` further on.
  struct Span {
    int64_t first = 0, count = 0, gapAt = 0, gap = 0;
  };
  /// Part of the result whose tiles have their rows along one dimension.
  struct Region {
    int along = -1;                // spatial; -1: images, or channels
    int64_t M = 0;                 // rows
    llvm::SmallVector<Span> spans; // of the spatial dimensions, or the taps
    int64_t tiles = 0, rows = 0;   // `more` tiles have one row more
    int64_t more = 0;
    llvm::SmallVector<int64_t> sizes; // of the units: tiles, ...
    int64_t units = 1;
  };

  void chooseRegions();
  Span interior(unsigned d);
  void chooseTile();
  void setWidth(int64_t across);
  void countUnits(Region &region);

  void expandByPanels();
  void expandByBlocks();
  /// Writes `write(height)` for the tile that unit `number` is.
  void unit(const Region &region, Value number,
            llvm::function_ref<void(int64_t height)> write);
  /// Writes for each width of panel.
  void eachWidth(llvm::function_ref<void(int64_t columns)> write);
  void tile(int64_t height, int64_t columns);
  void prefetch(int64_t height, int64_t columns);
  void finish(Value place, int64_t height, int64_t columns);

  /// The sum of chunk q for each row and vector of a tile.
  Values chunk(Value q, int64_t height, int64_t columns);
  Values chunkOfTaps(Value q, int64_t height, int64_t columns);
  Values chunkOfPlaces(Value q, int64_t height, int64_t columns);
  /// Where tap k at the result's position `at` reads, along one spatial
  /// dimension, and whether that is inside; null: always.
  std::pair<Value, Value> source(unsigned d, Index at, Index k);
  void findInside();

  /// Says where the factor of lanes, or that of a row, stands; of the latter
  /// depthwise convolutions have a lane as well.
  using LanesAt = llvm::function_ref<Indices(Index lanes, Index term)>;
  using RowAt = llvm::function_ref<Indices(Index row, Index lanes, Index term)>;
  /// Adds terms [lo, hi) of the innermost index.
  Values run(Value lo, Value hi, mlir::ValueRange acc, int64_t columns,
             RowAt rowAt, LanesAt lanesAt, Value packedFrom = {});
  Indices laneFactorAt(Index lanes, Index term, llvm::ArrayRef<Index> tap);

  void choosePacking();
  void pack(int64_t columns);

  Index channelLane(const Index &lanes, int64_t perGroup) {
    return group * perGroup + lanes;
  }
  Index firstLane(int64_t j) { return panel * width + j * kLanes; }
  Position outPosition(Index row, int64_t j, int64_t columns);
  Value maskOf(int64_t columns, int64_t j) {
    int64_t tail = columns - j * kLanes;
    return tail < kLanes ? b.maskBelow(tail) : Value();
  }
  int64_t vectorsIn(int64_t columns) {
    return llvm::divideCeil(columns, kLanes);
  }
  Value partialAt(Value place, Index row, int64_t j) {
    return b.scalarPart(Index::of(place) + row * width + j * kLanes);
  }
  Value getPartial(Value at) {
    return mlir::vector::LoadOp::create(b, b.vec(element), partial,
                                        mlir::ValueRange{at});
  }
  void putPartial(Value v, Value at) {
    mlir::vector::StoreOp::create(b, v, partial, mlir::ValueRange{at});
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
  int64_t depth; // of a tap: the channels read

  bool ofWeight, toFeatures; // lanes are features; else channels
  bool depthwise;            // lanes are groups of one channel
  Value rowFactor, laneFactor;
  int64_t N = 0;                 // lanes of a group
  int64_t width = 0, panels = 1; // columns of a panel
  int64_t budget = 1;            // vectors that the registers hold
  int64_t high = 1;              // rows of a tile, at most
  llvm::SmallVector<Region> regions;

  bool packed = false, transposed = false; // the factor of lanes, by panels
  llvm::SmallVector<int64_t> firstTap, packedTaps; // that meet the input
  Value packedLanes, partial;                      // scratch

  // Of the unit that is written.
  Index group, panel, image;
  Value firstRow;
  int along = -1;
  Indices spot; // the position (forward, data) or the tap (weight)
  llvm::SmallVector<std::pair<Value, Value>> inside; // places of a tap
};

} // namespace varve

#endif
