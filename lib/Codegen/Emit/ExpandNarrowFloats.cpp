// f16 and bf16 as storage: 16 bits that are moved as integers, and arithmetic in
// f32. Else LLVM calls a compiler's run-time library, which is not linked: where
// it converts to bf16, but also where it loads one under a mask. See Passes.td.
#include "Num.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "varve/Codegen/Emit/Passes.h"

using namespace mlir;

namespace varve {
#define GEN_PASS_DEF_EXPANDNARROWFLOATS
#include "varve/Codegen/Emit/Passes.h.inc"

namespace {

bool isNarrow(Type t) {
  Type e = getElementTypeOrSelf(t);
  return e.isF16() || e.isBF16();
}

/// An f64 as the f32 below or above it whose last bit is odd, unless it is
/// exact: rounding that again, to fewer bits, rounds as if once.
Num roundToOdd(Num x) {
  Num y = x.toF32(), back = y.toF64();
  Num i = y.asInt();
  Num away = back.abs() > x.abs();
  Num toward = select(away, i - 1, i);
  Num odd = toward | toward.num(1);
  // Infinity came from a value below it: the largest float is odd.
  return select(back == x, y, select(x.isNan(), y, odd.asFloat()));
}

class Expander {
public:
  explicit Expander(ModuleOp module)
      : b(module.getLoc(), module.getContext()) {}

  void expand(Operation *op) {
    b.setLoc(op->getLoc());
    b.setInsertionPoint(op);
    if (auto trunc = dyn_cast<arith::TruncFOp>(op))
      return expandTruncation(trunc);
    if (auto ext = dyn_cast<arith::ExtFOp>(op))
      return expandExtension(ext);
    if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
      return expandFromInteger(op);
    computeInSingle(op);
  }

  /// Every type, value and constant of 16 bits as an integer, but for the
  /// conversions of f16.
  void storeAsIntegers(ModuleOp module);

private:
  Type withElement(Type like, Type element) {
    if (auto v = dyn_cast<VectorType>(like))
      return v.clone(element);
    return element;
  }

  void replace(Operation *op, Value v) {
    op->getResult(0).replaceAllUsesWith(v);
    op->erase();
  }

  /// f32 to the nearest bf16, ties to even.
  Value toBrain(Num x, Type type) {
    Num i = x.asInt();
    Num last{&b, arith::ShRUIOp::create(b, i.v, i.num(16).v)};
    Num rounded = i + 0x7fff + (last & i.num(1));
    rounded = select(x.isNan(), (i | i.num(0x400000)), rounded);
    Value high = arith::ShRUIOp::create(b, rounded.v, i.num(16).v);
    high = arith::TruncIOp::create(b, withElement(type, b.getI16Type()), high);
    return arith::BitcastOp::create(b, type, high);
  }

  Value narrow(Num x, Type type) {
    if (getElementTypeOrSelf(x.v).isF64())
      x = roundToOdd(x);
    if (getElementTypeOrSelf(type).isBF16())
      return toBrain(x, type);
    Value half = keep(arith::TruncFOp::create(b, type, x.v));
    Value bits = keep(arith::BitcastOp::create(
        b, withElement(type, b.getI16Type()), half));
    return arith::BitcastOp::create(b, type, bits);
  }

  Num widen(Value v) {
    Type single = withElement(v.getType(), b.getF32Type());
    Value i = arith::BitcastOp::create(
        b, withElement(v.getType(), b.getI16Type()), v);
    if (!getElementTypeOrSelf(v).isBF16()) {
      Value half = keep(arith::BitcastOp::create(b, v.getType(), i));
      return {&b, keep(arith::ExtFOp::create(b, single, half))};
    }
    i = arith::ExtUIOp::create(b, withElement(v.getType(), b.getI32Type()), i);
    return (Num{&b, i} << 16).asFloat();
  }

  void expandTruncation(arith::TruncFOp op) {
    replace(op, narrow({&b, op.getIn()}, op.getType()));
  }

  void expandExtension(arith::ExtFOp op) {
    Num x = widen(op.getIn());
    bool toDouble = getElementTypeOrSelf(op.getType()).isF64();
    replace(op, toDouble ? x.toF64().v : x.v);
  }

  void expandFromInteger(Operation *op) {
    Type type = op->getResult(0).getType();
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(op->getOperands());
    state.addTypes(withElement(type, b.getF64Type()));
    Value wide = b.create(state)->getResult(0);
    replace(op, narrow({&b, wide}, type));
  }

  void computeInSingle(Operation *op) {
    OperationState state(op->getLoc(), op->getName());
    for (Value v : op->getOperands())
      state.addOperands(isNarrow(v.getType()) ? widen(v).v : v);
    Type type = op->getResult(0).getType();
    state.addTypes(isNarrow(type) ? withElement(type, b.getF32Type()) : type);
    state.addAttributes(op->getAttrs());
    Operation *wide = b.create(state);
    Value v = wide->getResult(0);
    replace(op, isNarrow(type) ? narrow({&b, v}, type) : v);
  }

  /// The value of one of the conversions of f16, which are instructions.
  Value keep(Value v) {
    kept.insert(v.getDefiningOp());
    return v;
  }

  ImplicitLocOpBuilder b;
  DenseSet<Operation *> kept;
};

void Expander::storeAsIntegers(ModuleOp module) {
  Type bits = b.getI16Type();
  AttrTypeReplacer replacer;
  replacer.addReplacement([=](FloatType t) -> std::optional<Type> {
    return isNarrow(t) ? std::optional(bits) : std::nullopt;
  });
  replacer.addReplacement([=](FloatAttr a) -> std::optional<Attribute> {
    if (!isNarrow(a.getType()))
      return std::nullopt;
    return IntegerAttr::get(bits, a.getValue().bitcastToAPInt());
  });
  replacer.addReplacement([=](DenseElementsAttr a) -> std::optional<Attribute> {
    if (!isNarrow(a.getElementType()))
      return std::nullopt;
    return a.bitcast(bits);
  });
  SmallVector<arith::BitcastOp> casts;
  module.walk([&](Operation *op) {
    if (kept.contains(op))
      return;
    replacer.replaceElementsIn(op, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                               /*replaceTypes=*/true);
    if (auto cast = dyn_cast<arith::BitcastOp>(op))
      casts.push_back(cast);
  });
  for (arith::BitcastOp cast : casts)
    if (cast.getType() == cast.getIn().getType())
      replace(cast, cast.getIn());
}

/// Operations that only move values, whatever their type.
bool moves(Operation *op) {
  return isa<arith::ConstantOp, arith::SelectOp, arith::BitcastOp>(op);
}

struct ExpandNarrowFloats : impl::ExpandNarrowFloatsBase<ExpandNarrowFloats> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk([&](Operation *op) {
      bool computes = isa<vector::FMAOp>(op) ||
                      (isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
                           op->getDialect()) &&
                       op->getNumResults() == 1 && !moves(op));
      if (computes && (llvm::any_of(op->getOperandTypes(), isNarrow) ||
                       isNarrow(op->getResult(0).getType())))
        work.push_back(op);
    });
    Expander expander(getOperation());
    for (Operation *op : work)
      expander.expand(op);
    expander.storeAsIntegers(getOperation());
  }
};

} // namespace
} // namespace varve
