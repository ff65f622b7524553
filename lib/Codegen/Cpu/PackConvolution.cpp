// Packing of a convolution's weights: a panel of lanes by (tap, channel read),
// for the taps that meet the input somewhere.
#include "Convolution.h"

using namespace mlir;

namespace varve {

/// Elements of scratch that a panel may take; the stack is a thread's own.
constexpr int64_t kPanelLimit = 1 << 18;

// Weights whose lanes are contiguous are read in place. Others pay once for
// each panel; where they are contiguous along the channels read, by blocks
// that are loaded along these and transposed.
void Convolution::choosePacking() {
  const KernelBody::Buffer *buffer = body.bufferOf(laneFactor);
  if (!buffer || depthwise)
    return;
  int lane = toFeatures ? 0 : 1;
  if (buffer->layout.stride(lane) == 1)
    return;
  int64_t line = depth;
  for (unsigned d = 0; d < taps.size(); ++d) {
    int64_t first = taps[d], last = -1;
    for (int64_t k = 0; k < taps[d]; ++k)
      for (int64_t p = 0; p < out[d]; ++p) {
        int64_t i = p * strides[d] + k * dilations[d] - padding[d];
        if (i < 0 || i >= in[d])
          continue;
        first = std::min(first, k);
        last = k;
      }
    if (last < 0) // none: every result is 0
      first = last = 0;
    firstTap.push_back(first);
    packedTaps.push_back(last - first + 1);
    line *= packedTaps.back();
  }
  while (line * width > kPanelLimit && width > kLanes)
    setWidth(width / kLanes - 1);
  packed = line * width <= kPanelLimit;
  if (!packed)
    return;
  transposed = buffer->layout.stride(1 - lane) == 1;
  packedLanes = body.scratch(line * width, element);
}

void Convolution::pack(int64_t columns) {
  int64_t count = 1;
  for (int64_t n : packedTaps)
    count *= n;
  b.loop(b.index(0), b.index(count), 1, [&](Value t) {
    Indices tap = b.delinearize(t, packedTaps);
    for (auto [k, first] : llvm::zip(tap, firstTap))
      k = k + first;
    Value place = b.mul(t, depth * width);
    auto block = [&](Index term, int64_t valid) {
      const bool whole = valid == kLanes;
      for (int64_t j = 0; j < vectorsIn(columns); ++j) {
        body.newPoint();
        Values rows(transposed ? kLanes : valid, b.zeros(element));
        for (int64_t r = 0; r < int64_t(rows.size()); ++r) {
          Position p;
          p.vector = true;
          if (!transposed) {
            p.at = laneFactorAt(firstLane(j).withLane(1), term + r, tap);
            p.mask = maskOf(columns, j);
          } else if (j * kLanes + r < columns) {
            p.at = laneFactorAt(firstLane(j) + r, term.withLane(1), tap);
            p.mask = whole ? Value() : b.maskBelow(valid);
          } else {
            continue;
          }
          rows[r] = b.toVector(body.element(laneFactor, p));
        }
        if (transposed)
          b.transpose(rows);
        for (int64_t l = 0; l < valid; ++l) {
          Value to =
              b.scalarPart(Index::of(place) + (term + l) * width + j * kLanes);
          vector::StoreOp::create(b, rows[l], packedLanes, ValueRange{to});
        }
      }
      body.newPoint();
    };
    int64_t whole = depth / kLanes, tail = depth % kLanes;
    if (whole)
      b.loop(b.index(0), b.index(whole), 1,
             [&](Value i) { block(Index::of(i, kLanes), kLanes); });
    if (tail)
      block(Index::of(whole * kLanes), tail);
  });
}

} // namespace varve
