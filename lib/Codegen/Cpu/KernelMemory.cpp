// Loads and stores of kernel bodies: addresses from indices and layouts.
#include "KernelBody.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace varve {

/// The scalar part of an index; the sum of its terms is shared by the
/// addresses that differ by a constant.
Value KernelBody::addressBase(const Index &i) {
  if (i.terms.empty())
    return b.index(i.constant);
  Value base;
  for (auto &[terms, v] : baseMemo)
    if (terms == i.terms)
      base = v;
  if (!base) {
    Index terms = i;
    terms.constant = 0;
    base = b.scalarPart(terms);
    baseMemo.push_back({i.terms, base});
  }
  return i.constant ? b.add(base, b.index(i.constant)) : base;
}

static bool divisible(const Index &i, int64_t by) {
  return llvm::all_of(i.terms, [&](auto &t) { return t.second % by == 0; });
}

KernelBody::Address KernelBody::address(const Buffer &buffer,
                                        ArrayRef<Index> at, const Position &p) {
  const Layout &layout = buffer.layout;
  Address a;
  for (auto [d, i] : llvm::enumerate(at))
    if (int(d) != layout.panelDim)
      a.at = a.at + i * layout.strides[d];
  if (layout.panelDim < 0)
    return a;

  // x = q * panel + r, and q and r are known where all terms are multiples.
  const Index &x = at[layout.panelDim];
  int64_t panel = layout.panel;
  int64_t r = x.constant % panel, span = x.lane * (kLanes - 1);
  bool oneTerm = divisible(x, panel) && x.constant >= 0;
  bool aligned = x.lane == 1 && panel % kLanes == 0 && divisible(x, kLanes) &&
                 x.constant % kLanes == 0;
  if (oneTerm && r + span >= 0 && r + span < panel) {
    Index q;
    for (auto [v, k] : x.terms)
      q = q + Index::of(v, k / panel);
    a.at = a.at + q * layout.panelStride +
           (x.constant / panel * layout.panelStride + r);
    a.at.lane += x.lane;
    return a;
  }
  Value s = addressBase(x);
  if (!p.vector || !x.lane || aligned) {
    a.at = a.at + Index::of(b.div(s, panel), layout.panelStride) +
           Index::of(b.rem(s, panel));
    a.at.lane += x.lane;
    return a;
  }
  // Lanes cross a border of panels.
  Value v = materialize(x, p), by = b.splat(b.index(panel));
  Value q = arith::DivUIOp::create(b, v, by);
  Value rest = arith::RemUIOp::create(b, v, by);
  a.vector = arith::AddIOp::create(
      b, rest,
      arith::MulIOp::create(b, q, b.splat(b.index(layout.panelStride))));
  if (a.at.lane)
    a.vector = arith::AddIOp::create(
        b, a.vector,
        arith::MulIOp::create(b, b.laneNumbers(), b.splat(b.index(a.at.lane))));
  return a;
}

// i1 is a byte in memory.
Value KernelBody::fromMemory(Value v, const Buffer &buffer) {
  if (!buffer.element.isInteger(1))
    return v;
  Value zero = b.constantLike(v.getType(), b.getI8IntegerAttr(0));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, v, zero);
}

Value KernelBody::toMemory(Value v, const Buffer &buffer) {
  if (!buffer.element.isInteger(1))
    return v;
  Type byte = b.getI8Type();
  return arith::ExtUIOp::create(
      b, isa<VectorType>(v.getType()) ? Type(b.vec(byte)) : byte, v);
}

static Type elementOf(Value memory) {
  return cast<MemRefType>(memory.getType()).getElementType();
}

Value KernelBody::gather(const Buffer &buffer, Value base, Value offsets,
                         const Position &p) {
  Type e = elementOf(buffer.memory);
  Value mask = p.mask ? p.mask : b.maskBelow(kLanes);
  Value v = vector::GatherOp::create(
      b, b.vec(e), buffer.memory, ValueRange{base}, offsets, mask, b.zeros(e));
  return fromMemory(v, buffer);
}

static Value laneOffsets(LoopBuilder &b, int64_t stride) {
  SmallVector<int32_t> offsets;
  for (int64_t l = 0; l < kLanes; ++l)
    offsets.push_back(l * stride);
  return b.constant(DenseElementsAttr::get(b.vec(b.getI32Type()),
                                           ArrayRef<int32_t>(offsets)));
}

Value KernelBody::load(const Buffer &buffer, ArrayRef<Index> at,
                       const Position &p) {
  Address a = address(buffer, at, p);
  Value base = addressBase(a.at);
  if (a.vector)
    return gather(buffer, base, a.vector, p);
  if (!p.vector || !a.at.lane)
    return fromMemory(
        memref::LoadOp::create(b, buffer.memory, ValueRange{base}), buffer);
  if (a.at.lane != 1)
    return gather(buffer, base, laneOffsets(b, a.at.lane), p);
  Type e = elementOf(buffer.memory);
  Value v;
  if (p.mask)
    v = vector::MaskedLoadOp::create(b, b.vec(e), buffer.memory,
                                     ValueRange{base}, p.mask, b.zeros(e));
  else
    v = vector::LoadOp::create(b, b.vec(e), buffer.memory, ValueRange{base});
  return fromMemory(v, buffer);
}

void KernelBody::prefetchOuts(const Position &p) {
  // What is updated in place comes as an input as well, of the same type.
  SmallVector<Type> updated;
  for (BlockArgument arg : def.getBody().getArguments()) {
    unsigned i = arg.getArgNumber();
    const Buffer *buffer = bufferOf(arg);
    if (!buffer || buffer->layout.shape.size() != p.at.size() || p.at.empty())
      continue;
    if (i >= def.getNumIns()) {
      if (llvm::is_contained(updated, arg.getType()))
        continue;
    } else if (def.reads(i) && def.elementAligned(i)) {
      updated.push_back(arg.getType());
    } else {
      continue;
    }
    Address a = address(*buffer, p.at, p);
    if (!a.vector && a.at.lane == 1)
      memref::PrefetchOp::create(b, buffer->memory,
                                 ValueRange{addressBase(a.at)},
                                 /*isWrite=*/true, /*localityHint=*/3,
                                 /*isDataCache=*/true);
  }
}

void KernelBody::store(Value v, const Buffer &buffer, ArrayRef<Index> at,
                       const Position &p) {
  Address a = address(buffer, at, p);
  Value base = addressBase(a.at);
  if (!p.vector || (!a.at.lane && !a.vector)) {
    assert(!isa<VectorType>(v.getType()) && "lanes stored to one element");
    memref::StoreOp::create(b, toMemory(v, buffer), buffer.memory,
                            ValueRange{base});
    return;
  }
  v = toMemory(b.toVector(v), buffer);
  if (a.vector || a.at.lane != 1) {
    Value offsets = a.vector ? a.vector : laneOffsets(b, a.at.lane);
    vector::ScatterOp::create(b, Type(), buffer.memory, ValueRange{base},
                              offsets, p.mask ? p.mask : b.maskBelow(kLanes),
                              v);
  } else if (p.mask) {
    vector::MaskedStoreOp::create(b, buffer.memory, ValueRange{base}, p.mask,
                                  v);
  } else {
    vector::StoreOp::create(b, v, buffer.memory, ValueRange{base});
  }
}

} // namespace varve
