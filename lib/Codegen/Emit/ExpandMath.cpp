// Chooses how each operation of the math dialect computes: our formulas, a
// wider type, or the C library. See Passes.td.
#include "MathFormulas.h"
#include "varve/Codegen/Emit/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace varve {
#define GEN_PASS_DEF_EXPANDMATH
#include "varve/Codegen/Emit/Passes.h.inc"

namespace {

/// Operations that IEEE 754 rounds correctly or that are exact.
bool isExact(Operation *op) {
  return isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp,
             math::FmaOp, math::RoundEvenOp, math::RoundOp, math::SqrtOp,
             math::TruncOp>(op);
}

/// The C library's name of a function on doubles; empty if it has none.
StringRef libraryName(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](math::AcosOp) { return "acos"; })
      .Case([](math::AcoshOp) { return "acosh"; })
      .Case([](math::AsinOp) { return "asin"; })
      .Case([](math::AsinhOp) { return "asinh"; })
      .Case([](math::AtanOp) { return "atan"; })
      .Case([](math::Atan2Op) { return "atan2"; })
      .Case([](math::AtanhOp) { return "atanh"; })
      .Case([](math::CbrtOp) { return "cbrt"; })
      .Case([](math::CosOp) { return "cos"; })
      .Case([](math::CoshOp) { return "cosh"; })
      .Case([](math::ErfOp) { return "erf"; })
      .Case([](math::ErfcOp) { return "erfc"; })
      .Case([](math::ExpOp) { return "exp"; })
      .Case([](math::Exp2Op) { return "exp2"; })
      .Case([](math::ExpM1Op) { return "expm1"; })
      .Case([](math::LogOp) { return "log"; })
      .Case([](math::Log10Op) { return "log10"; })
      .Case([](math::Log1pOp) { return "log1p"; })
      .Case([](math::Log2Op) { return "log2"; })
      .Case([](math::PowFOp) { return "pow"; })
      .Case([](math::SinOp) { return "sin"; })
      .Case([](math::SinhOp) { return "sinh"; })
      .Case([](math::TanOp) { return "tan"; })
      .Case([](math::TanhOp) { return "tanh"; })
      .Default([](Operation *) { return ""; });
}

class Expander {
public:
  explicit Expander(ModuleOp module)
      : module(module), symbols(module), b(module.getLoc(), module) {}

  void run() {
    module.walk([&](Operation *op) { add(op); });
    while (!work.empty())
      expand(work.pop_back_val());
  }

private:
  void add(Operation *op) {
    if (op->getDialect() && op->getDialect()->getNamespace() ==
                                math::MathDialect::getDialectNamespace())
      work.push_back(op);
  }

  void replace(Operation *op, Value v) {
    op->getResult(0).replaceAllUsesWith(v);
    op->erase();
  }

  Type withElement(Type like, Type element) {
    if (auto v = dyn_cast<VectorType>(like))
      return v.clone(element);
    return element;
  }

  /// The same operation on a wider element type, rounded once.
  void widen(Operation *op, Type element) {
    OperationState state(op->getLoc(), op->getName());
    for (Value v : op->getOperands())
      state.addOperands(
          isa<FloatType>(getElementTypeOrSelf(v))
              ? arith::ExtFOp::create(b, withElement(v.getType(), element), v)
              : v);
    Type narrow = op->getResult(0).getType();
    state.addTypes(withElement(narrow, element));
    Operation *wide = b.create(state);
    work.push_back(wide);
    replace(op, arith::TruncFOp::create(b, narrow, wide->getResult(0)));
  }

  /// x to the integer power n is x to the power of n as a float.
  void expandIntegerPower(math::FPowIOp op) {
    Value n = arith::SIToFPOp::create(b, op.getLhs().getType(), op.getRhs());
    auto pow = math::PowFOp::create(b, op.getLhs(), n);
    work.push_back(pow);
    replace(op, pow);
  }

  Value callLibrary(StringRef name, ValueRange operands) {
    std::string symbol = ("libm." + name).str();
    Type f64 = b.getF64Type();
    if (!symbols.lookup(symbol)) {
      SmallVector<Type> inputs(operands.size(), f64);
      auto f = func::FuncOp::create(module.getLoc(), symbol,
                                    b.getFunctionType(inputs, f64));
      f.setPrivate();
      symbols.insert(f, module.getBody()->begin());
    }
    return func::CallOp::create(b, symbol, f64, operands).getResult(0);
  }

  /// A function on f64, by the C library, element by element.
  void expandDouble(Operation *op) {
    StringRef name = libraryName(op);
    if (name.empty())
      return;
    auto vector = dyn_cast<VectorType>(op->getResult(0).getType());
    if (!vector)
      return replace(op, callLibrary(name, op->getOperands()));
    Value all = arith::ConstantOp::create(b, b.getZeroAttr(vector));
    SmallVector<int64_t> at(vector.getRank(), 0);
    for (int64_t i = 0; i < vector.getNumElements(); ++i) {
      SmallVector<Value> operands;
      for (Value v : op->getOperands())
        operands.push_back(vector::ExtractOp::create(b, v, at));
      all = vector::InsertOp::create(b, callLibrary(name, operands), all, at);
      for (int64_t d = at.size(); d-- && ++at[d] == vector.getDimSize(d);)
        at[d] = 0;
    }
    replace(op, all);
  }

  /// Null where we have no formula.
  Value formula(Operation *op) {
    MathFormulas f(b);
    Value x = op->getOperand(0);
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case([&](math::CosOp) { return f.cos(x); })
        .Case([&](math::ErfOp) { return f.erf(x); })
        .Case([&](math::ExpOp) { return f.exp(x); })
        .Case([&](math::Exp2Op) { return f.exp2(x); })
        .Case([&](math::ExpM1Op) { return f.expm1(x); })
        .Case([&](math::LogOp) { return f.log(x); })
        .Case([&](math::Log10Op) { return f.log10(x); })
        .Case([&](math::Log1pOp) { return f.log1p(x); })
        .Case([&](math::Log2Op) { return f.log2(x); })
        .Case([&](math::PowFOp) { return f.pow(x, op->getOperand(1)); })
        .Case([&](math::SinOp) { return f.sin(x); })
        .Case([&](math::TanhOp) { return f.tanh(x); })
        .Default([](Operation *) { return Value(); });
  }

  void expand(Operation *op) {
    if (op->getNumResults() != 1)
      return;
    Type element = getElementTypeOrSelf(op->getResult(0));
    if (!isa<FloatType>(element))
      return;
    b.setLoc(op->getLoc());
    b.setInsertionPoint(op);
    if (element.getIntOrFloatBitWidth() < 32)
      return widen(op, b.getF32Type());
    if (isExact(op))
      return;
    if (auto power = dyn_cast<math::FPowIOp>(op))
      return expandIntegerPower(power);
    if (auto rsqrt = dyn_cast<math::RsqrtOp>(op)) {
      Value one = arith::ConstantOp::create(b, oneOf(rsqrt.getType()));
      Value root = math::SqrtOp::create(b, rsqrt.getOperand());
      return replace(op, arith::DivFOp::create(b, one, root));
    }
    if (element.isF64())
      return expandDouble(op);
    Operation *before = op->getPrevNode();
    Value v = formula(op);
    if (!v)
      return libraryName(op).empty() ? void() : widen(op, b.getF64Type());
    // A formula may itself call the library, in a branch.
    for (Operation *n = before ? before->getNextNode()
                               : &op->getBlock()->front();
         n != op; n = n->getNextNode())
      n->walk([&](Operation *inner) { add(inner); });
    replace(op, v);
  }

  TypedAttr oneOf(Type t) {
    auto one = b.getFloatAttr(getElementTypeOrSelf(t), 1.0);
    if (auto v = dyn_cast<VectorType>(t))
      return DenseElementsAttr::get(v, Attribute(one));
    return one;
  }

  ModuleOp module;
  SymbolTable symbols;
  ImplicitLocOpBuilder b;
  SmallVector<Operation *> work;
};

struct ExpandMath : impl::ExpandMathBase<ExpandMath> {
  void runOnOperation() override { Expander(getOperation()).run(); }
};

} // namespace
} // namespace varve
