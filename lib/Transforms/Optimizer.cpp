// The optimizers' formulas. Corrections that depend on the step alone are
// scalars, computed in f64 once a step.
#include "Transforms/Optimizer.h"
#include "Dialect/Varve/Ops/Build.h"

using namespace mlir;
using namespace varve;

FailureOr<OptimizerKind> OptimizerKind::get(Location loc,
                                            DictionaryAttr train) {
  auto optimizer = train.getAs<DictionaryAttr>("optimizer");
  auto name = optimizer ? optimizer.getAs<StringAttr>("name") : StringAttr();
  if (!name)
    return emitError(loc) << "no optimizer is given";
  OptimizerKind kind;
  SmallVector<DictionaryAttr> all = {optimizer};
  if (auto groups = train.getAs<ArrayAttr>("groups"))
    llvm::append_range(all, groups.getAsRange<DictionaryAttr>());
  if (auto stages = train.getAs<ArrayAttr>("stages"))
    for (auto own : stages.getAsRange<DictionaryAttr>())
      if (!own.get("name"))
        all.push_back(own);
  // One group is enough: elsewhere the value is 0, which changes nothing.
  auto isUsed = [&](StringRef key) {
    return llvm::any_of(all, [&](DictionaryAttr values) {
      auto value = values.getAs<FloatAttr>(key);
      return value && value.getValueAsDouble() != 0;
    });
  };
  auto flag = optimizer.getAs<BoolAttr>("nesterov");
  kind.nesterov = flag && flag.getValue();
  kind.momentum = isUsed("momentum");
  kind.decay = isUsed("weight_decay");
  if (name == "sgd")
    kind.name = Sgd;
  else if (name == "adam")
    kind.name = Adam;
  else if (name == "adamw")
    kind.name = AdamW;
  else if (name == "rmsprop")
    kind.name = RmsProp;
  else if (name == "adagrad")
    kind.name = Adagrad;
  else
    return emitError(loc) << "unknown optimizer " << name;
  return kind;
}

FailureOr<OptimizerKind> OptimizerKind::of(Location loc, DictionaryAttr train,
                                           StringRef parameter) {
  if (auto stages = train.getAs<ArrayAttr>("stages"))
    for (auto own : stages.getAsRange<DictionaryAttr>())
      if (auto trains = own.getAs<ArrayAttr>("trains"))
        for (auto name : trains.getAsRange<StringAttr>())
          if (name == parameter) {
            Builder b(train.getContext());
            return get(loc, b.getDictionaryAttr(
                                b.getNamedAttr("optimizer", own)));
          }
  return get(loc, train);
}

SmallVector<StringRef> OptimizerKind::slots() const {
  switch (name) {
  case Sgd:
    return momentum ? SmallVector<StringRef>{"momentum"}
                    : SmallVector<StringRef>{};
  case Adam:
  case AdamW:
    return {"m", "v"};
  case RmsProp:
    return {"v"};
  case Adagrad:
    return {"sum"};
  }
  llvm_unreachable("all optimizers are listed");
}

namespace {
/// Scalars and elementwise arithmetic with scalars spread over a parameter.
struct Formula {
  ImplicitLocOpBuilder &b;
  RankedTensorType shape; ///< of the parameter

  Value spread(Value x) {
    if (x.getType() == shape)
      return x;
    if (cast<RankedTensorType>(x.getType()).getElementType() !=
        shape.getElementType())
      x = CastOp::create(b, x, shape.getElementType());
    return BroadcastOp::create(b, x, b.getDenseI64ArrayAttr(shape.getShape()),
                               DenseI64ArrayAttr());
  }
  Value add(Value x, Value y) { return AddOp::create(b, spread(x), spread(y)); }
  Value sub(Value x, Value y) { return SubOp::create(b, spread(x), spread(y)); }
  Value mul(Value x, Value y) { return MulOp::create(b, spread(x), spread(y)); }
  Value div(Value x, Value y) { return DivOp::create(b, spread(x), spread(y)); }
  Value sqrt(Value x) { return SqrtOp::create(b, x); }

  /// 1 - x of a scalar.
  Value complement(Value x) {
    return SubOp::create(b, constantLike(b, x, 1), x);
  }
  /// 1 - beta^step in f64.
  Value correction(Value beta, Value step) {
    Type f64 = b.getF64Type();
    Value power = PowOp::create(b, CastOp::create(b, beta, f64),
                                CastOp::create(b, step, f64));
    return complement(power);
  }
  /// decay * old + (1 - decay) * term
  Value average(Value decay, Value old, Value term) {
    return add(mul(decay, old), mul(complement(decay), term));
  }
};
} // namespace

static SmallVector<Value> stepOfAdam(Formula &f, const OptimizerKind &kind,
                                     const StepInputs &in, Value w, Value g) {
  ImplicitLocOpBuilder &b = f.b;
  Value beta1 = in.hyper("betas[0]"), beta2 = in.hyper("betas[1]");
  if (kind.name == OptimizerKind::AdamW && kind.decay) {
    // w (1 - lr decay)
    Value shrink = MulOp::create(b, in.lr, in.hyper("weight_decay"));
    w = f.mul(w, f.complement(shrink));
  }
  Value m = f.average(beta1, in.slots[0], g);
  Value v = f.average(beta2, in.slots[1], f.mul(g, g));
  // w - (lr / (1 - beta1^t)) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
  Type f64 = b.getF64Type(), f32 = b.getF32Type();
  Value rate = DivOp::create(b, CastOp::create(b, in.lr, f64),
                             f.correction(beta1, in.step));
  Value root = SqrtOp::create(b, f.correction(beta2, in.step));
  Value one = constantLike(b, root, 1);
  Value scale = DivOp::create(b, one, root);
  rate = CastOp::create(b, rate, f32);
  scale = CastOp::create(b, scale, f32);
  Value denominator = f.add(f.mul(f.sqrt(v), scale), in.hyper("eps"));
  return {f.sub(w, f.div(f.mul(rate, m), denominator)), m, v};
}

SmallVector<Value> varve::buildStep(ImplicitLocOpBuilder &b,
                                    const OptimizerKind &kind,
                                    const StepInputs &in) {
  Formula f{b, cast<RankedTensorType>(in.parameter.getType())};
  Value w = in.parameter, g = in.gradient;
  // Decay as a part of the gradient, but for AdamW.
  if (kind.decay && kind.name != OptimizerKind::AdamW)
    g = f.add(g, f.mul(in.hyper("weight_decay"), w));

  switch (kind.name) {
  case OptimizerKind::Adam:
  case OptimizerKind::AdamW:
    return stepOfAdam(f, kind, in, w, g);
  case OptimizerKind::Sgd: {
    if (!kind.momentum)
      return {f.sub(w, f.mul(in.lr, g))};
    Value momentum = in.hyper("momentum");
    Value velocity = f.add(f.mul(momentum, in.slots[0]), g);
    Value d = kind.nesterov ? f.add(g, f.mul(momentum, velocity)) : velocity;
    return {f.sub(w, f.mul(in.lr, d)), velocity};
  }
  case OptimizerKind::RmsProp: {
    Value v = f.average(in.hyper("alpha"), in.slots[0], f.mul(g, g));
    Value d = f.div(g, f.add(f.sqrt(v), in.hyper("eps")));
    return {f.sub(w, f.mul(in.lr, d)), v};
  }
  case OptimizerKind::Adagrad: {
    Value sum = f.add(in.slots[0], f.mul(g, g));
    Value d = f.div(g, f.add(f.sqrt(sum), in.hyper("eps")));
    return {f.sub(w, f.mul(in.lr, d)), sum};
  }
  }
  llvm_unreachable("all optimizers are listed");
}
