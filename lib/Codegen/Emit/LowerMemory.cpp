// Memory operations on memrefs that are bare addresses: element addresses are
// computed from the static strides of the type. A boolean takes one byte, in
// vectors too (the artifact's VARVE_BOOL).
#include "LowerMemory.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace varve {
namespace {

constexpr int64_t bufferAlignment = 64;

template <class Op> struct Lowering : ConvertOpToLLVMPattern<Op> {
  using ConvertOpToLLVMPattern<Op>::ConvertOpToLLVMPattern;
  using Rewriter = ConversionPatternRewriter;

  Type ptr() const { return LLVM::LLVMPointerType::get(this->getContext()); }
  Value constant(Rewriter &r, Location loc, int64_t v) const {
    return LLVM::ConstantOp::create(r, loc, r.getI64Type(),
                                    r.getI64IntegerAttr(v));
  }
  /// The type an element or vector of elements has in memory.
  Type stored(Type t) const {
    if (auto v = dyn_cast<VectorType>(t))
      return v.clone(stored(v.getElementType()));
    if (t.isInteger(1))
      return IntegerType::get(this->getContext(), 8);
    return this->getTypeConverter()->convertType(t);
  }
  int64_t bytes(MemRefType t) const {
    Type e = stored(t.getElementType());
    assert(e.isIntOrFloat() && "buffers hold numbers");
    return (e.getIntOrFloatBitWidth() + 7) / 8;
  }
  Value fromMemory(Rewriter &r, Location loc, Value v, Type wanted) const {
    if (!getElementTypeOrSelf(wanted).isInteger(1))
      return v;
    Value zero = LLVM::ZeroOp::create(r, loc, v.getType());
    return LLVM::ICmpOp::create(r, loc, LLVM::ICmpPredicate::ne, v, zero);
  }
  Value toMemory(Rewriter &r, Location loc, Value v) const {
    Type t = stored(v.getType());
    return t == v.getType() ? v : Value(LLVM::ZExtOp::create(r, loc, t, v));
  }

  /// base + sum of index * stride, in elements; null if a stride is dynamic.
  Value address(Rewriter &r, Location loc, MemRefType type, Value base,
                ArrayRef<OpFoldResult> indices,
                ArrayRef<int64_t> scale = {}) const {
    int64_t offset = 0, fixed = 0;
    SmallVector<int64_t> strides;
    if (failed(type.getStridesAndOffset(strides, offset)))
      return {};
    Value sum;
    for (auto [i, index] : llvm::enumerate(indices)) {
      int64_t stride = strides[i];
      auto attr = dyn_cast<Attribute>(index);
      if (attr && cast<IntegerAttr>(attr).getInt() == 0)
        continue;
      if (ShapedType::isDynamic(stride))
        return {};
      if (attr) {
        fixed += cast<IntegerAttr>(attr).getInt() * stride;
        continue;
      }
      Value v = cast<Value>(index);
      if (stride != 1)
        v = LLVM::MulOp::create(r, loc, v, constant(r, loc, stride));
      sum = sum ? Value(LLVM::AddOp::create(r, loc, sum, v)) : v;
    }
    Type e = stored(type.getElementType());
    if (sum)
      base = LLVM::GEPOp::create(r, loc, ptr(), e, base,
                                 ArrayRef<LLVM::GEPArg>{sum});
    if (fixed)
      base =
          LLVM::GEPOp::create(r, loc, ptr(), e, base,
                              ArrayRef<LLVM::GEPArg>{constant(r, loc, fixed)});
    return base;
  }
  Value address(Rewriter &r, Location loc, MemRefType type, Value base,
                ValueRange indices) const {
    return address(r, loc, type, base, getAsOpFoldResult(indices));
  }
  unsigned alignment(MemRefType t) const { return bytes(t); }
  LogicalResult dynamicStride(Op op) const {
    return op->emitOpError("addresses a buffer whose strides are not static");
  }
};

// ---- scalars ----

struct LoadLowering : Lowering<memref::LoadOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getMemref(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    Value v = LLVM::LoadOp::create(r, op.getLoc(), stored(t.getElementType()),
                                   at, alignment(t));
    r.replaceOp(op, fromMemory(r, op.getLoc(), v, t.getElementType()));
    return success();
  }
};

struct StoreLowering : Lowering<memref::StoreOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getMemref(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    r.replaceOpWithNewOp<LLVM::StoreOp>(
        op, toMemory(r, op.getLoc(), a.getValue()), at, alignment(t));
    return success();
  }
};

struct PrefetchLowering : Lowering<memref::PrefetchOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::PrefetchOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getMemref(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    r.replaceOpWithNewOp<LLVM::Prefetch>(
        op, at, op.getIsWrite(), op.getLocalityHint(), op.getIsDataCache());
    return success();
  }
};

// ---- buffers and views ----

struct AllocaLowering : Lowering<memref::AllocaOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::AllocaOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getType();
    if (!t.hasStaticShape())
      return op.emitOpError("of dynamic size");
    // In the function's first block: a loop must not grow the stack.
    OpBuilder::InsertionGuard guard(r);
    Region *region = op->getParentRegion();
    r.setInsertionPointToStart(&region->front());
    Value n =
        constant(r, op.getLoc(), std::max<int64_t>(t.getNumElements(), 1));
    Value p = LLVM::AllocaOp::create(
        r, op.getLoc(), ptr(), stored(t.getElementType()), n,
        std::max<int64_t>(op.getAlignment().value_or(0), bufferAlignment));
    r.replaceOp(op, p);
    return success();
  }
};

/// A view at the same address.
template <class Op> struct SameAddress : Lowering<Op> {
  using Lowering<Op>::Lowering;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor a,
                                ConversionPatternRewriter &r) const override {
    r.replaceOp(op, a.getOperands().front());
    return success();
  }
};

struct ViewLowering : Lowering<memref::ViewOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::ViewOp op, OpAdaptor a,
                                Rewriter &r) const override {
    r.replaceOpWithNewOp<LLVM::GEPOp>(op, ptr(), r.getI8Type(), a.getSource(),
                                      ArrayRef<LLVM::GEPArg>{a.getByteShift()});
    return success();
  }
};

/// Offsets of an operation with static and dynamic ones, over the adaptor's.
template <class Op, class Adaptor>
SmallVector<OpFoldResult> offsets(Op op, Adaptor a) {
  Builder b(op.getContext());
  SmallVector<OpFoldResult> r;
  unsigned dynamic = 0;
  for (int64_t o : op.getStaticOffsets())
    if (ShapedType::isDynamic(o))
      r.push_back(a.getOffsets()[dynamic++]);
    else
      r.push_back(b.getI64IntegerAttr(o));
  return r;
}

struct SubViewLowering : Lowering<memref::SubViewOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::SubViewOp op, OpAdaptor a,
                                Rewriter &r) const override {
    Value at = address(r, op.getLoc(), op.getSourceType(), a.getSource(),
                       offsets(op, a));
    if (!at)
      return dynamicStride(op);
    r.replaceOp(op, at);
    return success();
  }
};

/// The result's offset counts from the source's own base, which is its address
/// only if the source's offset is zero.
struct ReinterpretLowering : Lowering<memref::ReinterpretCastOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::ReinterpretCastOp op, OpAdaptor a,
                                Rewriter &r) const override {
    auto from = dyn_cast<MemRefType>(op.getSource().getType());
    int64_t offset = 0;
    SmallVector<int64_t> strides;
    if (!from ||
        (!from.getLayout().isIdentity() &&
         (failed(from.getStridesAndOffset(strides, offset)) || offset != 0)))
      return op.emitOpError("of a buffer that does not start at its base");
    auto flat = MemRefType::get({ShapedType::kDynamic}, from.getElementType());
    r.replaceOp(op, address(r, op.getLoc(), flat, a.getSource(),
                            ArrayRef<OpFoldResult>(offsets(op, a))));
    return success();
  }
};

struct DimLowering : Lowering<memref::DimOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::DimOp op, OpAdaptor,
                                Rewriter &r) const override {
    auto t = dyn_cast<MemRefType>(op.getSource().getType());
    std::optional<int64_t> i = op.getConstantIndex();
    if (!t || !i || t.isDynamicDim(*i))
      return op.emitOpError("of a size that is not static");
    r.replaceOp(op, constant(r, op.getLoc(), t.getDimSize(*i)));
    return success();
  }
};

struct GlobalLowering : Lowering<memref::GlobalOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::GlobalOp op, OpAdaptor,
                                Rewriter &r) const override {
    auto value = dyn_cast_or_null<ElementsAttr>(
        op.getInitialValue().value_or(Attribute()));
    if (!value || !op.getConstant())
      return op.emitOpError("is not a constant: compiled code has no globals");
    MemRefType t = op.getType();
    Type element = stored(t.getElementType());
    if (t.getElementType().isInteger(1)) {
      SmallVector<int8_t> bytes;
      for (bool v : value.getValues<bool>())
        bytes.push_back(v);
      value = DenseElementsAttr::get(
          RankedTensorType::get(t.getShape(), r.getI8Type()),
          ArrayRef<int8_t>(bytes));
    }
    Type type = element;
    for (int64_t d : llvm::reverse(t.getShape()))
      type = LLVM::LLVMArrayType::get(type, d);
    Attribute init = value;
    if (!t.getRank())
      init = value.getValues<Attribute>()[0];
    r.replaceOpWithNewOp<LLVM::GlobalOp>(
        op, type, /*isConstant=*/true, LLVM::Linkage::Internal, op.getSymName(),
        init, bufferAlignment);
    return success();
  }
};

struct GetGlobalLowering : Lowering<memref::GetGlobalOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(memref::GetGlobalOp op, OpAdaptor,
                                Rewriter &r) const override {
    r.replaceOpWithNewOp<LLVM::AddressOfOp>(op, ptr(), op.getName());
    return success();
  }
};

// ---- vectors ----

struct VectorLoadLowering : Lowering<vector::LoadOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(vector::LoadOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getBase(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    Value v = LLVM::LoadOp::create(r, op.getLoc(), stored(op.getVectorType()),
                                   at, alignment(t));
    r.replaceOp(op, fromMemory(r, op.getLoc(), v, op.getVectorType()));
    return success();
  }
};

struct VectorStoreLowering : Lowering<vector::StoreOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(vector::StoreOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getBase(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    r.replaceOpWithNewOp<LLVM::StoreOp>(
        op, toMemory(r, op.getLoc(), a.getValueToStore()), at, alignment(t));
    return success();
  }
};

struct MaskedLoadLowering : Lowering<vector::MaskedLoadOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(vector::MaskedLoadOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getBase(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    Value v = LLVM::MaskedLoadOp::create(
        r, op.getLoc(), stored(op.getVectorType()), at, a.getMask(),
        toMemory(r, op.getLoc(), a.getPassThru()), alignment(t));
    r.replaceOp(op, fromMemory(r, op.getLoc(), v, op.getVectorType()));
    return success();
  }
};

struct MaskedStoreLowering : Lowering<vector::MaskedStoreOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(vector::MaskedStoreOp op, OpAdaptor a,
                                Rewriter &r) const override {
    MemRefType t = op.getMemRefType();
    Value at = address(r, op.getLoc(), t, a.getBase(), a.getIndices());
    if (!at)
      return dynamicStride(op);
    r.replaceOpWithNewOp<LLVM::MaskedStoreOp>(
        op, toMemory(r, op.getLoc(), a.getValueToStore()), at, a.getMask(),
        alignment(t));
    return success();
  }
};

/// The addresses base + index of a 1-D gather or scatter.
template <class Op, class Adaptor>
Value lanes(const Lowering<Op> &l, Op op, Adaptor a, MemRefType t,
            VectorType vector, ConversionPatternRewriter &r) {
  Value at = l.address(r, op.getLoc(), t, a.getBase(), a.getOffsets());
  if (!at)
    return {};
  auto pointers = VectorType::get(vector.getShape(), l.ptr());
  return LLVM::GEPOp::create(r, op.getLoc(), pointers,
                             l.stored(t.getElementType()), at,
                             ArrayRef<LLVM::GEPArg>{a.getIndices()});
}

struct GatherLowering : Lowering<vector::GatherOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(vector::GatherOp op, OpAdaptor a,
                                Rewriter &r) const override {
    auto t = dyn_cast<MemRefType>(op.getBaseType());
    VectorType v = op.getVectorType();
    if (!t || v.getRank() != 1)
      return failure();
    Value at = lanes(*this, op, a, t, v, r);
    if (!at)
      return dynamicStride(op);
    Value g = LLVM::masked_gather::create(
        r, op.getLoc(), stored(v), at, a.getMask(),
        toMemory(r, op.getLoc(), a.getPassThru()), alignment(t));
    r.replaceOp(op, fromMemory(r, op.getLoc(), g, v));
    return success();
  }
};

struct ScatterLowering : Lowering<vector::ScatterOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(vector::ScatterOp op, OpAdaptor a,
                                Rewriter &r) const override {
    auto t = dyn_cast<MemRefType>(op.getBaseType());
    VectorType v = op.getVectorType();
    if (!t || v.getRank() != 1)
      return failure();
    Value at = lanes(*this, op, a, t, v, r);
    if (!at)
      return dynamicStride(op);
    r.replaceOpWithNewOp<LLVM::masked_scatter>(
        op, toMemory(r, op.getLoc(), a.getValueToStore()), at, a.getMask(),
        alignment(t));
    return success();
  }
};

} // namespace

void populateMemoryLowering(const LLVMTypeConverter &types,
                            RewritePatternSet &patterns) {
  patterns.add<
      LoadLowering, StoreLowering, AllocaLowering, ViewLowering,
      SubViewLowering, ReinterpretLowering, DimLowering, GlobalLowering,
      GetGlobalLowering, VectorLoadLowering, VectorStoreLowering,
      MaskedLoadLowering, MaskedStoreLowering, GatherLowering, ScatterLowering,
      PrefetchLowering, SameAddress<memref::CastOp>,
      SameAddress<memref::CollapseShapeOp>, SameAddress<memref::ExpandShapeOp>,
      SameAddress<memref::AssumeAlignmentOp>>(types, PatternBenefit(10));
}

} // namespace varve
