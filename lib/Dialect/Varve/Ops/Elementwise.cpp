// Arithmetic, comparison, logic, selection. Each operation has its formula
// (reference value), its scalar lowering, and its gradient.
#include "Dialect/Varve/Ops/Scalar.h"
#include <cmath>

using namespace mlir;
using namespace varve;

// ---- arithmetic ----

RefScalar AddOp::evaluateScalar(Scalars x) {
  return {x[0].f + x[1].f, int64_t(uint64_t(x[0].i) + uint64_t(x[1].i))};
}
Value AddOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::AddFOp::create(b, x[0], x[1]);
  return arith::AddIOp::create(b, x[0], x[1]);
}
void AddOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  d[0] = dz[0];
  d[1] = dz[0];
}

RefScalar SubOp::evaluateScalar(Scalars x) {
  return {x[0].f - x[1].f, int64_t(uint64_t(x[0].i) - uint64_t(x[1].i))};
}
Value SubOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::SubFOp::create(b, x[0], x[1]);
  return arith::SubIOp::create(b, x[0], x[1]);
}
void SubOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  d[0] = dz[0];
  d[1] = neg(b, dz[0]);
}

RefScalar MulOp::evaluateScalar(Scalars x) {
  return {x[0].f * x[1].f, int64_t(uint64_t(x[0].i) * uint64_t(x[1].i))};
}
Value MulOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::MulFOp::create(b, x[0], x[1]);
  return arith::MulIOp::create(b, x[0], x[1]);
}
void MulOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  d[0] = mul(b, dz[0], getY());
  d[1] = mul(b, dz[0], getX());
}

// Integers: the quotient towards zero. Division by zero gives 0, and the one
// signed overflow, MIN / -1, wraps to MIN: neither may trap.
RefScalar DivOp::evaluateScalar(Scalars x) {
  if (isFloatOp(*this))
    return real(x[0].f / x[1].f);
  if (x[1].i == 0)
    return integer(0);
  if (varve::isUnsigned(elementOf(*this)))
    return integer(uint64_t(x[0].i) / uint64_t(x[1].i));
  if (x[1].i == -1)
    return integer(int64_t(-uint64_t(x[0].i)));
  return integer(x[0].i / x[1].i);
}
Value DivOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::DivFOp::create(b, x[0], x[1]);
  Value zero = scalar(b, x[0].getType(), 0), one = scalar(b, x[0].getType(), 1);
  auto is = [&](Value v, Value w) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, v, w);
  };
  Value byZero = is(x[1], zero), q;
  if (varve::isUnsigned(elementOf(*this))) {
    Value safe = arith::SelectOp::create(b, byZero, one, x[1]);
    q = arith::DivUIOp::create(b, x[0], safe);
  } else {
    Value byMinusOne = is(x[1], scalar(b, x[0].getType(), -1));
    Value odd = arith::OrIOp::create(b, byZero, byMinusOne);
    Value safe = arith::SelectOp::create(b, odd, one, x[1]);
    q = arith::DivSIOp::create(b, x[0], safe);
    Value negated = arith::SubIOp::create(b, zero, x[0]);
    q = arith::SelectOp::create(b, byMinusOne, negated, q);
  }
  return arith::SelectOp::create(b, byZero, zero, q);
}
void DivOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  d[0] = div(b, dz[0], getY());
  d[1] = neg(b, mul(b, d[0], div(b, getX(), getY())));
}

// Both propagate NaN, as arith.maximumf and minimumf do.
RefScalar MaximumOp::evaluateScalar(Scalars x) {
  if (isFloatOp(*this))
    return std::isnan(x[0].f)                      ? x[0]
           : std::isnan(x[1].f) || x[1].f > x[0].f ? x[1]
                                                   : x[0];
  if (varve::isUnsigned(elementOf(*this)))
    return integer(std::max<uint64_t>(x[0].i, x[1].i));
  return integer(std::max(x[0].i, x[1].i));
}
Value MaximumOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::MaximumFOp::create(b, x[0], x[1]);
  if (varve::isUnsigned(elementOf(*this)))
    return arith::MaxUIOp::create(b, x[0], x[1]);
  return arith::MaxSIOp::create(b, x[0], x[1]);
}
static void vjpOfExtremum(LocBuilder &b, Value x, Value y, StringRef wins,
                          Values dz, Grads d) {
  Value zero = constantLike(b, x, 0), half = mul(b, dz[0], 0.5);
  Value tie = select(b, compare(b, x, "eq", y), half, zero);
  d[0] = select(b, compare(b, x, wins, y), dz[0], tie);
  d[1] = select(b, compare(b, y, wins, x), dz[0], tie);
}
void MaximumOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  vjpOfExtremum(b, getX(), getY(), "gt", dz, d);
}

RefScalar MinimumOp::evaluateScalar(Scalars x) {
  if (isFloatOp(*this))
    return std::isnan(x[0].f)                      ? x[0]
           : std::isnan(x[1].f) || x[1].f < x[0].f ? x[1]
                                                   : x[0];
  if (varve::isUnsigned(elementOf(*this)))
    return integer(std::min<uint64_t>(x[0].i, x[1].i));
  return integer(std::min(x[0].i, x[1].i));
}
Value MinimumOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::MinimumFOp::create(b, x[0], x[1]);
  if (varve::isUnsigned(elementOf(*this)))
    return arith::MinUIOp::create(b, x[0], x[1]);
  return arith::MinSIOp::create(b, x[0], x[1]);
}
void MinimumOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  vjpOfExtremum(b, getX(), getY(), "lt", dz, d);
}

RefScalar PowOp::evaluateScalar(Scalars x) {
  return real(std::pow(x[0].f, x[1].f));
}
Value PowOp::lowerScalar(LocBuilder &b, Values x) {
  return math::PowFOp::create(b, x[0], x[1]);
}
// dx = dz y x^(y-1), dy = dz x^y log x. At y = 0 the first is 0 whatever x is,
// at x = 0 the second: their powers and logarithms are kept finite there.
void PowOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  Value x = getX(), y = getY(), one = constantLike(b, x, 1);
  Value zero = constantLike(b, x, 0);
  Value less = select(b, compare(b, y, "eq", zero), zero, sub(b, y, one));
  d[0] = mul(b, dz[0], mul(b, y, PowOp::create(b, x, less)));
  Value safe = select(b, compare(b, x, "eq", zero), one, x);
  d[1] = mul(b, dz[0], mul(b, getZ(), LogOp::create(b, safe)));
}

// Integers: division by zero and MIN % -1 are 0 and may not trap.
RefScalar RemainderOp::evaluateScalar(Scalars x) {
  if (isFloatOp(*this)) {
    double r = std::fmod(x[0].f, x[1].f);
    return real(r != 0 && (r < 0) != (x[1].f < 0) ? r + x[1].f : r);
  }
  if (x[1].i == 0)
    return integer(0);
  if (varve::isUnsigned(elementOf(*this)))
    return integer(uint64_t(x[0].i) % uint64_t(x[1].i));
  int64_t r = x[1].i == -1 ? 0 : x[0].i % x[1].i;
  return integer(r != 0 && (r < 0) != (x[1].i < 0) ? r + x[1].i : r);
}
Value RemainderOp::lowerScalar(LocBuilder &b, Values x) {
  Type t = x[0].getType();
  Value zero = scalar(b, t, 0), one = scalar(b, t, 1), r, wrong, moved;
  if (isFloat(x[0])) {
    auto is = [&](arith::CmpFPredicate p, Value v) -> Value {
      return arith::CmpFOp::create(b, p, v, zero);
    };
    using P = arith::CmpFPredicate;
    r = arith::RemFOp::create(b, x[0], x[1]);
    wrong = arith::XOrIOp::create(b, is(P::OLT, r), is(P::OLT, x[1]));
    wrong = arith::AndIOp::create(b, wrong, is(P::ONE, r));
    moved = arith::AddFOp::create(b, r, x[1]);
    return arith::SelectOp::create(b, wrong, moved, r);
  }
  using P = arith::CmpIPredicate;
  auto is = [&](P p, Value v, Value w) -> Value {
    return arith::CmpIOp::create(b, p, v, w);
  };
  Value byZero = is(P::eq, x[1], zero);
  if (varve::isUnsigned(elementOf(*this))) {
    Value safe = arith::SelectOp::create(b, byZero, one, x[1]);
    return arith::RemUIOp::create(b, x[0], safe); // of 1: 0
  }
  Value odd =
      arith::OrIOp::create(b, byZero, is(P::eq, x[1], scalar(b, t, -1)));
  Value safe = arith::SelectOp::create(b, odd, one, x[1]);
  r = arith::RemSIOp::create(b, x[0], safe);
  wrong = arith::XOrIOp::create(b, is(P::slt, r, zero), is(P::slt, safe, zero));
  wrong = arith::AndIOp::create(b, wrong, is(P::ne, r, zero));
  moved = arith::AddIOp::create(b, r, safe);
  return arith::SelectOp::create(b, wrong, moved, r);
}
// x - y floor(x / y), the floor being constant
void RemainderOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  d[0] = dz[0];
  Value times = FloorOp::create(b, div(b, getX(), getY()));
  d[1] = neg(b, mul(b, dz[0], times));
}

// ---- logic ----

RefScalar AndOp::evaluateScalar(Scalars x) { return integer(x[0].i & x[1].i); }
Value AndOp::lowerScalar(LocBuilder &b, Values x) {
  return arith::AndIOp::create(b, x[0], x[1]);
}
RefScalar OrOp::evaluateScalar(Scalars x) { return integer(x[0].i | x[1].i); }
Value OrOp::lowerScalar(LocBuilder &b, Values x) {
  return arith::OrIOp::create(b, x[0], x[1]);
}
RefScalar NotOp::evaluateScalar(Scalars x) { return integer(!x[0].i); }
Value NotOp::lowerScalar(LocBuilder &b, Values x) {
  return arith::XOrIOp::create(b, x[0], scalar(b, x[0].getType(), 1));
}

// ---- sign ----

RefScalar NegOp::evaluateScalar(Scalars x) {
  return {-x[0].f, int64_t(-uint64_t(x[0].i))};
}
Value NegOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::NegFOp::create(b, x[0]);
  return arith::SubIOp::create(b, scalar(b, x[0].getType(), 0), x[0]);
}
void NegOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = neg(b, dy[0]);
}

RefScalar AbsOp::evaluateScalar(Scalars x) {
  bool flip = !varve::isUnsigned(elementOf(*this)) && x[0].i < 0;
  return {std::fabs(x[0].f), flip ? int64_t(-uint64_t(x[0].i)) : x[0].i};
}
Value AbsOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return math::AbsFOp::create(b, x[0]);
  if (varve::isUnsigned(elementOf(*this)))
    return x[0];
  return math::AbsIOp::create(b, x[0]);
}
void AbsOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = mul(b, dy[0], SignOp::create(b, getX()));
}

RefScalar SignOp::evaluateScalar(Scalars x) {
  if (isFloatOp(*this))
    return std::isnan(x[0].f) ? x[0] : real((x[0].f > 0) - (x[0].f < 0));
  if (varve::isUnsigned(elementOf(*this)))
    return integer(x[0].i != 0);
  return integer((x[0].i > 0) - (x[0].i < 0));
}
Value SignOp::lowerScalar(LocBuilder &b, Values x) {
  Type t = x[0].getType();
  Value zero = scalar(b, t, 0), one = scalar(b, t, 1);
  if (isFloat(x[0])) {
    auto is = [&](arith::CmpFPredicate p) -> Value {
      return arith::CmpFOp::create(b, p, x[0], zero);
    };
    // A zero or a NaN stays as it is.
    Value low = arith::SelectOp::create(b, is(arith::CmpFPredicate::OLT),
                                        scalar(b, t, -1), x[0]);
    return arith::SelectOp::create(b, is(arith::CmpFPredicate::OGT), one, low);
  }
  auto is = [&](arith::CmpIPredicate p) -> Value {
    return arith::CmpIOp::create(b, p, x[0], zero);
  };
  Value nonzero =
      arith::SelectOp::create(b, is(arith::CmpIPredicate::ne), one, zero);
  if (varve::isUnsigned(elementOf(*this)))
    return nonzero;
  return arith::SelectOp::create(b, is(arith::CmpIPredicate::slt),
                                 scalar(b, t, -1), nonzero);
}

// ---- comparison, selection, conversion ----

LogicalResult CompareOp::inferReturnTypes(MLIRContext *context,
                                          std::optional<Location>,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(typeOf(adaptor.getX()).clone(IntegerType::get(context, 1)));
  return success();
}
LogicalResult CompareOp::verify() {
  static const char *const known[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  if (!llvm::is_contained(known, getPredicate())) // compare C2
    return emitOpError() << "unknown predicate \"" << getPredicate() << "\"";
  return success();
}
RefScalar CompareOp::evaluateScalar(Scalars x) {
  auto test = [&](auto p, auto q) {
    StringRef name = getPredicate();
    return name == "eq"   ? p == q
           : name == "ne" ? p != q
           : name == "lt" ? p < q
           : name == "le" ? p <= q
           : name == "gt" ? p > q
                          : p >= q;
  };
  if (isFloatOp(*this))
    return integer(test(x[0].f, x[1].f));
  if (varve::isUnsigned(elementOf(*this)))
    return integer(test(uint64_t(x[0].i), uint64_t(x[1].i)));
  return integer(test(x[0].i, x[1].i));
}
Value CompareOp::lowerScalar(LocBuilder &b, Values x) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  struct Entry {
    StringRef name;
    F real;
    I isSigned, isUnsigned;
  };
  static const Entry table[] = {
      {"eq", F::OEQ, I::eq, I::eq},   {"ne", F::UNE, I::ne, I::ne},
      {"lt", F::OLT, I::slt, I::ult}, {"le", F::OLE, I::sle, I::ule},
      {"gt", F::OGT, I::sgt, I::ugt}, {"ge", F::OGE, I::sge, I::uge}};
  const Entry &entry = *llvm::find_if(
      table, [&](const Entry &e) { return e.name == getPredicate(); });
  if (isFloat(x[0]))
    return arith::CmpFOp::create(b, entry.real, x[0], x[1]);
  bool noSign = varve::isUnsigned(elementOf(*this));
  return arith::CmpIOp::create(b, noSign ? entry.isUnsigned : entry.isSigned,
                               x[0], x[1]);
}

RefScalar WhereOp::evaluateScalar(Scalars x) { return x[0].i ? x[1] : x[2]; }
Value WhereOp::lowerScalar(LocBuilder &b, Values x) {
  return arith::SelectOp::create(b, x[0], x[1], x[2]);
}
void WhereOp::buildVjp(LocBuilder &b, Values dz, Grads d) {
  Value zero = constantLike(b, getX(), 0);
  d[1] = select(b, getCondition(), dz[0], zero);
  d[2] = select(b, getCondition(), zero, dz[0]);
}

LogicalResult CastOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> loc,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  if (!isElementType(adaptor.getTo())) // cast C2
    return emitOptionalError(loc, adaptor.getTo(), " is no element type");
  types.push_back(typeOf(adaptor.getX()).clone(adaptor.getTo()));
  return success();
}
// The range of an integer type, as doubles that convert without overflow.
static std::pair<double, double> rangeOf(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (varve::isUnsigned(type))
    return {0, std::ldexp(1.0, width)};
  return {-std::ldexp(1.0, width - 1), std::ldexp(1.0, width - 1)};
}
RefScalar CastOp::evaluateScalar(Scalars x) {
  Type from = elementOf(*this), to = getTo();
  if (isa<FloatType>(to)) {
    if (isa<FloatType>(from))
      return x[0];
    return real(varve::isUnsigned(from) ? double(uint64_t(x[0].i))
                                        : double(x[0].i));
  }
  if (to.isInteger(1))
    return integer(isa<FloatType>(from) ? x[0].f != 0 : x[0].i != 0);
  if (!isa<FloatType>(from))
    return x[0];
  auto [low, high] = rangeOf(to);
  if (std::isnan(x[0].f))
    return integer(0);
  double whole = std::trunc(x[0].f);
  if (whole >= high)
    return integer(
        varve::isUnsigned(to)
            ? int64_t(~uint64_t(0) >> (64 - to.getIntOrFloatBitWidth()))
            : int64_t(~uint64_t(0) >> (65 - to.getIntOrFloatBitWidth())));
  if (whole <= low)
    whole = low;
  return integer(varve::isUnsigned(to) ? int64_t(uint64_t(whole))
                                       : int64_t(whole));
}
Value CastOp::lowerScalar(LocBuilder &b, Values x) {
  Type from = elementOf(*this), to = signless(getTo()), have = x[0].getType();
  bool fromUnsigned = varve::isUnsigned(from);
  if (have == to)
    return x[0];
  if (auto wide = dyn_cast<FloatType>(to)) {
    if (auto narrow = dyn_cast<FloatType>(from)) {
      if (narrow.getWidth() == wide.getWidth()) { // f16 <-> bf16
        Value f32 = arith::ExtFOp::create(b, b.getF32Type(), x[0]);
        return arith::TruncFOp::create(b, to, f32);
      }
      if (narrow.getWidth() < wide.getWidth())
        return arith::ExtFOp::create(b, to, x[0]);
      return arith::TruncFOp::create(b, to, x[0]);
    }
    if (fromUnsigned)
      return arith::UIToFPOp::create(b, to, x[0]);
    return arith::SIToFPOp::create(b, to, x[0]);
  }
  if (to.isInteger(1)) {
    Value zero = scalar(b, have, 0);
    if (isFloat(x[0]))
      return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, x[0], zero);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x[0], zero);
  }
  unsigned width = to.getIntOrFloatBitWidth();
  if (!isFloat(x[0])) {
    if (have.getIntOrFloatBitWidth() > width)
      return arith::TruncIOp::create(b, to, x[0]);
    if (fromUnsigned)
      return arith::ExtUIOp::create(b, to, x[0]);
    return arith::ExtSIOp::create(b, to, x[0]);
  }
  // Held to the range first: out-of-range conversion is undefined in LLVM.
  Value v = x[0];
  if (v.getType().getIntOrFloatBitWidth() < 32)
    v = arith::ExtFOp::create(b, b.getF32Type(), v);
  Type f = v.getType();
  auto [low, high] = rangeOf(getTo());
  bool noSign = varve::isUnsigned(getTo());
  Value lowest = scalar(b, f, low), highest = scalar(b, f, high);
  Value inside = arith::MaximumFOp::create(b, v, lowest);
  Value over =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, inside, highest);
  Value nan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, v, v);
  Value odd = arith::OrIOp::create(b, over, nan);
  Value safe = arith::SelectOp::create(b, odd, scalar(b, f, 0), inside);
  Value whole = noSign ? Value(arith::FPToUIOp::create(b, to, safe))
                       : Value(arith::FPToSIOp::create(b, to, safe));
  APInt top =
      noSign ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  Value most = arith::ConstantOp::create(b, IntegerAttr::get(to, top));
  return arith::SelectOp::create(b, over, most, whole);
}
// Only floats carry a gradient.
void CastOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  if (isa<FloatType>(getTo()) && isFloatOp(*this))
    d[0] = castTo(b, dy[0], elementOf(*this));
}

RefScalar StopGradientOp::evaluateScalar(Scalars x) { return x[0]; }
Value StopGradientOp::lowerScalar(LocBuilder &b, Values x) { return x[0]; }
