// Functions of one number. Each has its formula (reference value), its scalar
// lowering, and its gradient.
#include "Dialect/Varve/Ops/Scalar.h"
#include <cmath>

using namespace mlir;
using namespace varve;

// ---- powers ----

RefScalar SquareOp::evaluateScalar(Scalars x) {
  return {x[0].f * x[0].f, int64_t(uint64_t(x[0].i) * uint64_t(x[0].i))};
}
Value SquareOp::lowerScalar(LocBuilder &b, Values x) {
  if (isFloat(x[0]))
    return arith::MulFOp::create(b, x[0], x[0]);
  return arith::MulIOp::create(b, x[0], x[0]);
}
void SquareOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = mul(b, mul(b, dy[0], 2), getX());
}

RefScalar ReciprocalOp::evaluateScalar(Scalars x) { return real(1 / x[0].f); }
Value ReciprocalOp::lowerScalar(LocBuilder &b, Values x) {
  return arith::DivFOp::create(b, scalar(b, x[0].getType(), 1), x[0]);
}
// d (1 / x) = -y y
void ReciprocalOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = neg(b, mul(b, dy[0], mul(b, getY(), getY())));
}

RefScalar SqrtOp::evaluateScalar(Scalars x) { return real(std::sqrt(x[0].f)); }
Value SqrtOp::lowerScalar(LocBuilder &b, Values x) {
  return math::SqrtOp::create(b, x[0]);
}
void SqrtOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = div(b, mul(b, dy[0], 0.5), getResult());
}

RefScalar RsqrtOp::evaluateScalar(Scalars x) {
  return real(1 / std::sqrt(x[0].f));
}
Value RsqrtOp::lowerScalar(LocBuilder &b, Values x) {
  Value root = math::SqrtOp::create(b, x[0]);
  return arith::DivFOp::create(b, scalar(b, x[0].getType(), 1), root);
}
// d (x^-1/2) = -1/2 x^-3/2
void RsqrtOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value y = getResult();
  d[0] = mul(b, mul(b, dy[0], -0.5), mul(b, y, mul(b, y, y)));
}

// ---- exponentials and logarithms ----

RefScalar ExpOp::evaluateScalar(Scalars x) { return real(std::exp(x[0].f)); }
Value ExpOp::lowerScalar(LocBuilder &b, Values x) {
  return math::ExpOp::create(b, x[0]);
}
void ExpOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = mul(b, dy[0], getResult());
}

RefScalar Expm1Op::evaluateScalar(Scalars x) {
  return real(std::expm1(x[0].f));
}
Value Expm1Op::lowerScalar(LocBuilder &b, Values x) {
  return math::ExpM1Op::create(b, x[0]);
}
void Expm1Op::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = mul(b, dy[0], add(b, getY(), constantLike(b, getY(), 1)));
}

RefScalar LogOp::evaluateScalar(Scalars x) { return real(std::log(x[0].f)); }
Value LogOp::lowerScalar(LocBuilder &b, Values x) {
  return math::LogOp::create(b, x[0]);
}
void LogOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = div(b, dy[0], getX());
}

RefScalar Log1pOp::evaluateScalar(Scalars x) {
  return real(std::log1p(x[0].f));
}
Value Log1pOp::lowerScalar(LocBuilder &b, Values x) {
  return math::Log1pOp::create(b, x[0]);
}
void Log1pOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = div(b, dy[0], add(b, getX(), constantLike(b, getX(), 1)));
}

// ---- waves and steps that are smooth ----

RefScalar SinOp::evaluateScalar(Scalars x) { return real(std::sin(x[0].f)); }
Value SinOp::lowerScalar(LocBuilder &b, Values x) {
  return math::SinOp::create(b, x[0]);
}
void SinOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = mul(b, dy[0], CosOp::create(b, getX()));
}

RefScalar CosOp::evaluateScalar(Scalars x) { return real(std::cos(x[0].f)); }
Value CosOp::lowerScalar(LocBuilder &b, Values x) {
  return math::CosOp::create(b, x[0]);
}
void CosOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = neg(b, mul(b, dy[0], SinOp::create(b, getX())));
}

RefScalar TanhOp::evaluateScalar(Scalars x) { return real(std::tanh(x[0].f)); }
Value TanhOp::lowerScalar(LocBuilder &b, Values x) {
  return math::TanhOp::create(b, x[0]);
}
void TanhOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value y = getResult();
  d[0] = mul(b, dy[0], sub(b, constantLike(b, y, 1), mul(b, y, y)));
}

RefScalar ErfOp::evaluateScalar(Scalars x) { return real(std::erf(x[0].f)); }
Value ErfOp::lowerScalar(LocBuilder &b, Values x) {
  return math::ErfOp::create(b, x[0]);
}
// d erf(x) = 2 / sqrt(pi) exp(-x x)
void ErfOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value bell = ExpOp::create(b, neg(b, mul(b, getX(), getX())));
  d[0] = mul(b, mul(b, dy[0], M_2_SQRTPI), bell);
}

RefScalar SigmoidOp::evaluateScalar(Scalars x) {
  return real(1 / (1 + std::exp(-x[0].f)));
}
Value SigmoidOp::lowerScalar(LocBuilder &b, Values x) {
  Value one = scalar(b, x[0].getType(), 1);
  Value e = math::ExpOp::create(b, arith::NegFOp::create(b, x[0]));
  return arith::DivFOp::create(b, one, arith::AddFOp::create(b, one, e));
}
void SigmoidOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value y = getResult();
  d[0] = mul(b, dy[0], mul(b, y, sub(b, constantLike(b, y, 1), y)));
}

RefScalar SoftplusOp::evaluateScalar(Scalars x) {
  return real(std::fmax(x[0].f, 0) + std::log1p(std::exp(-std::fabs(x[0].f))));
}
Value SoftplusOp::lowerScalar(LocBuilder &b, Values x) {
  Value top = arith::MaximumFOp::create(b, x[0], scalar(b, x[0].getType(), 0));
  Value down = arith::NegFOp::create(b, math::AbsFOp::create(b, x[0]));
  Value rest = math::Log1pOp::create(b, math::ExpOp::create(b, down));
  return arith::AddFOp::create(b, top, rest);
}
void SoftplusOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  d[0] = mul(b, dy[0], SigmoidOp::create(b, getX()));
}

// ---- steps ----

RefScalar FloorOp::evaluateScalar(Scalars x) {
  return {std::floor(x[0].f), x[0].i};
}
Value FloorOp::lowerScalar(LocBuilder &b, Values x) {
  return isFloat(x[0]) ? Value(math::FloorOp::create(b, x[0])) : x[0];
}

RefScalar CeilOp::evaluateScalar(Scalars x) {
  return {std::ceil(x[0].f), x[0].i};
}
Value CeilOp::lowerScalar(LocBuilder &b, Values x) {
  return isFloat(x[0]) ? Value(math::CeilOp::create(b, x[0])) : x[0];
}

RefScalar RoundOp::evaluateScalar(Scalars x) {
  double below = std::floor(x[0].f), rest = x[0].f - below;
  bool up = rest > 0.5 || (rest == 0.5 && std::fmod(below, 2) != 0);
  // What rounds to zero keeps its sign.
  return {std::copysign(up ? below + 1 : below, x[0].f), x[0].i};
}
Value RoundOp::lowerScalar(LocBuilder &b, Values x) {
  return isFloat(x[0]) ? Value(math::RoundEvenOp::create(b, x[0])) : x[0];
}

RefScalar ReluOp::evaluateScalar(Scalars x) {
  bool negative = !varve::isUnsigned(elementOf(*this)) && x[0].i < 0;
  return {x[0].f < 0 ? 0 : x[0].f, negative ? 0 : x[0].i};
}
Value ReluOp::lowerScalar(LocBuilder &b, Values x) {
  Value zero = scalar(b, x[0].getType(), 0);
  if (isFloat(x[0]))
    return arith::MaximumFOp::create(b, x[0], zero);
  if (varve::isUnsigned(elementOf(*this)))
    return x[0];
  return arith::MaxSIOp::create(b, x[0], zero);
}
// Reads the result, not x: the input's buffer need not live on.
void ReluOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value y = getResult(), zero = constantLike(b, y, 0);
  d[0] = select(b, compare(b, y, "gt", zero), dy[0], zero);
}

// ---- gelu ----

LogicalResult GeluOp::verify() {
  if (getApproximate() != "none" && getApproximate() != "tanh") // gelu C2
    return emitOpError() << "unknown approximation \"" << getApproximate()
                         << "\"";
  return success();
}
static constexpr double geluCubic = 0.044715;
static const double geluScale = std::sqrt(2 / M_PI);

RefScalar GeluOp::evaluateScalar(Scalars in) {
  double x = in[0].f;
  if (getApproximate() == "none")
    return real(x / 2 * (1 + std::erf(x / std::sqrt(2))));
  double inner = geluScale * (x + geluCubic * x * x * x);
  return real(x / 2 * (1 + std::tanh(inner)));
}
Value GeluOp::lowerScalar(LocBuilder &b, Values in) {
  Value x = in[0], gate;
  auto times = [&](Value v, Value w) -> Value {
    return arith::MulFOp::create(b, v, w);
  };
  auto number = [&](double v) { return scalar(b, x.getType(), v); };
  if (getApproximate() == "none") {
    gate = math::ErfOp::create(b, times(x, number(M_SQRT1_2)));
  } else {
    Value cube = times(times(x, x), times(x, number(geluCubic)));
    Value inner = arith::AddFOp::create(b, x, cube);
    gate = math::TanhOp::create(b, times(inner, number(geluScale)));
  }
  gate = arith::AddFOp::create(b, gate, number(1));
  return times(times(x, number(0.5)), gate);
}
// With g = erf or tanh of inner(x): d = (1 + g) / 2 + x / 2 g'(inner) inner'.
void GeluOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value x = getX(), one = constantLike(b, x, 1), xx = mul(b, x, x), gate, slope;
  if (getApproximate() == "none") {
    gate = ErfOp::create(b, mul(b, x, M_SQRT1_2));
    slope = mul(b, ExpOp::create(b, mul(b, xx, -0.5)), M_2_SQRTPI * M_SQRT1_2);
  } else {
    Value inner = mul(b, x, add(b, one, mul(b, xx, geluCubic)));
    gate = TanhOp::create(b, mul(b, inner, geluScale));
    Value dInner = mul(b, add(b, one, mul(b, xx, 3 * geluCubic)), geluScale);
    slope = mul(b, sub(b, one, mul(b, gate, gate)), dInner);
  }
  Value sum = add(b, add(b, one, gate), mul(b, x, slope));
  d[0] = mul(b, mul(b, dy[0], 0.5), sum);
}
