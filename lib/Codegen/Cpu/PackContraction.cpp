// Packing of a contraction's factors: B by panels and chunks, A by tiles.
#include "Contraction.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {

/// The inputs of the root that a value of its body depends on.
static void collectInputs(GenericOp g, Value v,
                          SetVector<OpOperand *> &inputs) {
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    if (arg.getOwner() == g.getBody())
      inputs.insert(g.getMatchingOpOperand(arg));
  } else if (Operation *op = v.getDefiningOp(); g->isProperAncestor(op)) {
    for (Value o : op->getOperands())
      collectInputs(g, o, inputs);
  }
}

// Loads of B in place need its lanes contiguous; anything else pays once per
// panel if several tiles use it. What is contiguous along k is loaded along k
// and transposed.
void Contraction::choosePacking() {
  if (!vectors)
    return;
  chooseRowPacking();
  SetVector<OpOperand *> inputs;
  collectInputs(root, factors.y, inputs);
  bool alongLanes = body.readsContiguously(root, inputs.getArrayRef(), dj);
  transposed = !alongLanes && terms.size() == 1 &&
               body.readsContiguously(root, inputs.getArrayRef(), terms[0]);
  if (transposed || tiles == 1) {
    packed = transposed;
    return;
  }
  auto arg = dyn_cast<BlockArgument>(factors.y);
  const KernelBody::Buffer *buffer =
      arg ? body.bufferOf(root.getMatchingOpOperand(arg)->get()) : nullptr;
  packed = !alongLanes || !buffer || terms.size() > 1;
  if (packed || tiles < 6)
    return;
  // A panel of one cache line per row, with rows 4 KiB apart or more, wastes
  // what comes along with each line, and TLB entries. (v3; with two vectors
  // reading in place was as fast.)
  AffineMap map = root.getMatchingIndexingMap(root.getMatchingOpOperand(arg));
  for (auto [i, e] : llvm::enumerate(map.getResults()))
    if (e.isFunctionOfDim(terms[0]) && width <= kLanes)
      packed |=
          buffer->layout.stride(i) * element.getIntOrFloatBitWidth() / 8 >=
          4096;
}

// A is read in place, a term at a time from each row. Where an element is more
// work than a load, the tile's rows are evaluated along k first. (Rows that
// fall on the same cache sets are no reason: copying them cost more.)
void Contraction::chooseRowPacking() {
  SetVector<OpOperand *> inputs;
  collectInputs(root, factors.x, inputs);
  auto arg = dyn_cast<BlockArgument>(factors.x);
  if (arg && body.bufferOf(root.getMatchingOpOperand(arg)->get()))
    return;
  bool perLane = llvm::any_of(inputs, [&](OpOperand *o) {
    return root.getMatchingIndexingMap(o).isFunctionOfDim(dj);
  });
  rowsPacked = panels > 1 && K >= 64 && terms.size() == 1 && dm >= 0 &&
               !perLane &&
               body.readsContiguously(root, inputs.getArrayRef(), terms[0]);
  rowStride = llvm::alignTo(std::min(K, options.kc), kLanes) + kLanes;
}

void Contraction::packRows(Value row, int64_t rows, Index k0, Value count) {
  b.loop(b.index(0), b.index(rows), 1, [&](Value i) {
    auto packBlock = [&](Index k, int64_t valid) {
      body.newPoint();
      Position p = position(Index::of(row) + Index::of(i), 0,
                            (k0 + k).withLane(1), false, {});
      p.vector = true;
      p.mask = valid < kLanes ? b.maskBelow(valid) : Value();
      Value v = b.toVector(body.scalar(root, p, factors.x));
      Value place = b.scalarPart(Index::of(i, rowStride) + k);
      vector::StoreOp::create(b, v, packedA, ValueRange{place});
      body.newPoint();
    };
    eachBlock(count, packBlock);
  });
}

void Contraction::pack(Index k0, Value count, int64_t columns) {
  if (transposed)
    return packTransposed(k0, count, columns);
  b.loop(b.index(0), count, 1, [&](Value k) {
    body.newPoint();
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      Position p = position({}, j, k0 + Index::of(k), true, maskOf(columns, j));
      Value v = b.toVector(body.scalar(root, p, factors.y));
      Value place = b.scalarPart(Index::of(k, width) + j * kLanes);
      vector::StoreOp::create(b, v, packedB, ValueRange{place});
    }
  });
  body.newPoint();
}

// Blocks of 16 terms by 16 columns.
void Contraction::packTransposed(Index k0, Value count, int64_t columns) {
  auto packBlock = [&](Index k, int64_t valid) {
    for (int64_t j = 0; j < vectorsIn(columns); ++j) {
      body.newPoint();
      SmallVector<Value> rows(kLanes, b.zeros(factors.y.getType()));
      for (int64_t r = 0; r < kLanes && j * kLanes + r < columns; ++r) {
        Position p = position({}, 0, (k0 + k).withLane(1), false, {});
        p.at[dj] = Index::of(panelNumber, width) + (j * kLanes + r);
        p.vector = true;
        p.mask = valid < kLanes ? b.maskBelow(valid) : Value();
        rows[r] = b.toVector(body.scalar(root, p, factors.y));
      }
      b.transpose(rows);
      for (int64_t l = 0; l < valid; ++l) {
        Value place = b.scalarPart((k + l) * width + j * kLanes);
        vector::StoreOp::create(b, rows[l], packedB, ValueRange{place});
      }
    }
    body.newPoint();
  };
  eachBlock(count, packBlock);
}

/// Blocks of 16 terms of a chunk; `valid` of them are terms.
void Contraction::eachBlock(Value count,
                            function_ref<void(Index k, int64_t valid)> block) {
  Value blocks = b.div(count, kLanes);
  b.loop(b.index(0), blocks, 1,
         [&](Value i) { block(Index::of(i, kLanes), kLanes); });
  int64_t tail = K % kLanes;
  if (!tail)
    return;
  // Chunks before the last have no tail.
  if (chunks == 1)
    return block(Index::of(K - tail), tail);
  Value isLast = b.less(count, b.index(options.kc));
  b.when(isLast, [&] { block(Index::of(blocks, kLanes), tail); });
}

} // namespace varve
