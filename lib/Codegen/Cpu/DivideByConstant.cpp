// Division of small integers by a constant: tried for every dividend there is,
// so that nothing need be proved.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "varve/Codegen/Passes.h"
#include <cmath>

using namespace mlir;

namespace varve {
#define GEN_PASS_DEF_DIVIDEBYCONSTANT
#include "varve/Codegen/Passes.h.inc"

namespace {

enum class Quotient { Divide, Multiply, Correct };

/// What gives the correctly rounded n / c for all n in [low, high].
Quotient findQuotient(int64_t low, int64_t high, float c) {
  const float r = 1 / c;
  if (!std::isnormal(r) || !std::isnormal(c))
    return Quotient::Divide;
  bool multiply = true, correct = true;
  for (int64_t n = low; n <= high; ++n) {
    const float x = float(n), exact = x / c, p = x * r;
    multiply &= p == exact;
    correct &= std::fma(std::fma(-p, c, x), r, p) == exact;
  }
  return multiply  ? Quotient::Multiply
         : correct ? Quotient::Correct
                   : Quotient::Divide;
}

struct DivideByConstantPass
    : public impl::DivideByConstantBase<DivideByConstantPass> {
  void runOnOperation() override {
    getOperation()->walk([](arith::DivFOp op) { rewrite(op); });
  }

  static void rewrite(arith::DivFOp op) {
    Operation *cast = op.getLhs().getDefiningOp();
    if (!isa_and_nonnull<arith::UIToFPOp, arith::SIToFPOp>(cast))
      return;
    unsigned width =
        getElementTypeOrSelf(cast->getOperand(0)).getIntOrFloatBitWidth();
    Type element = getElementTypeOrSelf(op.getType());
    APFloat divisor(0.0f);
    if (width > 16 || !element.isF32() ||
        !matchPattern(op.getRhs(), m_ConstantFloat(&divisor)))
      return;
    const bool isSigned = isa<arith::SIToFPOp>(cast);
    const int64_t count = int64_t(1) << width, low = isSigned ? -count / 2 : 0;
    const float c = divisor.convertToFloat();
    Quotient quotient = findQuotient(low, low + count - 1, c);
    if (quotient == Quotient::Divide)
      return;

    ImplicitLocOpBuilder b(op.getLoc(), op);
    TypedAttr value = FloatAttr::get(element, 1 / c);
    if (auto vector = dyn_cast<VectorType>(op.getType()))
      value = DenseElementsAttr::get(vector, Attribute(value));
    Value x = op.getLhs(), r = arith::ConstantOp::create(b, value);
    Value p = arith::MulFOp::create(b, x, r);
    if (quotient == Quotient::Correct) {
      Value negated = arith::NegFOp::create(b, p);
      Value rest = math::FmaOp::create(b, negated, op.getRhs(), x);
      p = math::FmaOp::create(b, rest, r, p);
    }
    op.replaceAllUsesWith(p);
    op.erase();
  }
};

} // namespace
} // namespace varve
