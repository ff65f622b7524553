// The preview of training: gradients, and steps of optimizers.
#include "Onnx/ImportImpl.h"
#include "Transforms/Values.h"
#include "varve/Transforms/Differentiate.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace varve::onnx {
namespace {

// ---- gradients ----

/// A tensor of floats of the graph, by its name.
Value named(Call &c, const std::string &name) {
  const Datum *found = c.importer.scope().find(name);
  if (!found)
    c.fail("no earlier node gives '" + name + "'");
  if (!found->is(Datum::Kind::Tensor) ||
      !isa<FloatType>(typeOf(found->value).getElementType()))
    c.fail("'" + name + "' is " + describe(*found) +
           ", not a tensor of floats");
  return found->value;
}

/// Inputs stand for the tensors that `xs` and `zs` name. Others in their place
/// would be another run of the graph.
SmallVector<Value> givenFor(Call &c, const std::vector<std::string> &names,
                            size_t first) {
  SmallVector<Value> values;
  for (auto [i, name] : llvm::enumerate(names)) {
    values.push_back(named(c, name));
    if (first + i >= c.inputs() || c.in(first + i) != values.back())
      c.refuse("an input other than '" + name +
               "' in its place is not "
               "supported");
  }
  return values;
}

/// Whether `value` was computed from one of `from`.
bool dependsOn(Value value, const SmallVector<Value> &from) {
  llvm::SetVector<Value> seen;
  seen.insert(value);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (llvm::is_contained(from, seen[i]))
      return true;
    if (Operation *op = seen[i].getDefiningOp())
      for (Value each : inputsOf(op))
        seen.insert(each);
  }
  return false;
}

/// Of the sum of y by each of xs, while zs stay what they are.
void gradient(Call &c) {
  auto xs = c.texts("xs"), zs = c.texts("zs");
  if (!xs || xs->empty())
    c.fail("attribute 'xs' is missing");
  Value y = named(c, c.text("y"));
  SmallVector<Value> by = givenFor(c, *xs, 0);
  for (Value z :
       givenFor(c, zs.value_or(std::vector<std::string>()), xs->size()))
    if (dependsOn(z, by))
      c.refuse("a constant of 'zs' that depends on 'xs' is not supported");
  Block *here = c.b.getInsertionBlock();
  for (Value v : llvm::concat<Value>(by, MutableArrayRef(y)))
    if (v.getParentBlock() != here)
      c.refuse("a gradient inside a branch or loop by what is outside is not "
               "supported");
  std::string said;
  ScopedDiagnosticHandler handler(c.b.getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    if (said.empty())
                                      said = diagnostic.str();
                                    return success();
                                  });
  auto gradients = buildGradients(c.b, y, constantLike(c.b, y, 1), by);
  if (failed(gradients))
    c.refuse(said);
  for (auto [x, each] : llvm::zip(by, *gradients))
    c.give(each ? each : constantLike(c.b, x, 0));
}

// ---- optimizers ----

/// The tensors of one parameter: itself, its gradient, what is carried along.
struct Step {
  Values x;
  Value rate, count; ///< of the parameter's type and shape
};

/// Runs `step`, which gives the new value of the parameter and of what is
/// carried along, for each parameter. Inputs are the learning rate, how many
/// steps were done, all parameters, all gradients, all first tensors carried
/// along, and so on; results are in the same order.
void eachParameter(Call &c, size_t carried,
                   llvm::function_ref<Values(const Step &)> step) {
  size_t kinds = carried + 2;
  if (c.inputs() <= 2 || (c.inputs() - 2) % kinds != 0)
    c.fail("there are not as many gradients, or tensors that are carried "
           "along, as parameters");
  size_t count = (c.inputs() - 2) / kinds;
  std::vector<Values> results;
  for (size_t i = 0; i < count; ++i) {
    Step one;
    for (size_t kind = 0; kind < kinds; ++kind) {
      one.x.push_back(c.in(2 + kind * count + i));
      if (one.x[kind].getType() != one.x[0].getType())
        c.fail("input " + std::to_string(2 + kind * count + i) + " is " +
               describe(c.datum(2 + kind * count + i)) +
               ", not of its parameter's type");
    }
    auto scalar = [&](size_t input) {
      Value v = c.cast(c.in(input), typeOf(one.x[0]).getElementType());
      return c.broadcast(c.reshape(v, {}), shapeOf(one.x[0]));
    };
    one.rate = scalar(0);
    one.count = scalar(1);
    results.push_back(step(one));
  }
  for (size_t kind = 0; kind <= carried; ++kind)
    for (const Values &each : results)
      c.give(each[kind]);
}

/// The gradient with that of `decay` / 2 times the parameter's square.
Value regularized(Call &c, const Step &s, double decay) {
  return add(c.b, mul(c.b, s.x[0], decay), s.x[1]);
}

Value isLater(Call &c, const Step &s) {
  return compare(c.b, s.count, "gt", constantLike(c.b, s.count, 0));
}

void adagrad(Call &c) {
  double decay = c.real("decay_factor", 0), epsilon = c.real("epsilon", 1e-6);
  double norm = c.real("norm_coefficient", 0);
  eachParameter(c, 1, [&](const Step &s) -> Values {
    auto k = [&](double value) { return constantLike(c.b, s.rate, value); };
    Value rate = div(c.b, s.rate, add(c.b, mul(c.b, s.count, decay), k(1)));
    Value g = regularized(c, s, norm);
    Value h = add(c.b, s.x[2], mul(c.b, g, g));
    Value root = add(c.b, c.make("sqrt", h), k(epsilon));
    return {sub(c.b, s.x[0], div(c.b, mul(c.b, rate, g), root)), h};
  });
}

void adam(Call &c) {
  double alpha = c.real("alpha", 0.9), beta = c.real("beta", 0.999);
  double epsilon = c.real("epsilon", 1e-6);
  double norm = c.real("norm_coefficient", 0);
  double after = c.real("norm_coefficient_post", 0);
  eachParameter(c, 2, [&](const Step &s) -> Values {
    auto k = [&](double value) { return constantLike(c.b, s.rate, value); };
    // 1 less what is left of the first value.
    Value count = select(c.b, isLater(c, s), s.count, k(1));
    auto correction = [&](double factor) {
      return sub(c.b, k(1), c.make("pow", {k(factor), count}));
    };
    Value g = regularized(c, s, norm);
    Value v = add(c.b, mul(c.b, s.x[2], alpha), mul(c.b, g, 1 - alpha));
    Value h =
        add(c.b, mul(c.b, s.x[3], beta), mul(c.b, mul(c.b, g, g), 1 - beta));
    Value root = add(c.b, c.make("sqrt", h), k(epsilon));
    Value corrected = mul(c.b, s.rate, c.make("sqrt", correction(beta)));
    corrected = div(c.b, corrected, correction(alpha));
    Value rate = select(c.b, isLater(c, s), corrected, s.rate);
    Value x = sub(c.b, s.x[0], mul(c.b, rate, div(c.b, v, root)));
    return {mul(c.b, x, 1 - after), v, h};
  });
}

void momentum(Call &c) {
  double alpha = c.real("alpha"), beta = c.real("beta");
  double norm = c.real("norm_coefficient");
  std::string mode = c.text("mode");
  if (mode != "standard" && mode != "nesterov")
    c.fail("mode is '" + mode + "'");
  eachParameter(c, 1, [&](const Step &s) -> Values {
    auto k = [&](double value) { return constantLike(c.b, s.rate, value); };
    Value g = regularized(c, s, norm);
    Value factor = select(c.b, isLater(c, s), k(beta), k(1));
    Value v = add(c.b, mul(c.b, s.x[2], alpha), mul(c.b, factor, g));
    Value way = mode == "standard" ? v : add(c.b, g, mul(c.b, v, alpha));
    return {sub(c.b, s.x[0], mul(c.b, s.rate, way)), v};
  });
}

} // namespace

ArrayRef<Operator> optimizerOperators() {
  static constexpr const char *domain = "ai.onnx.preview.training";
  static constexpr Operator entries[] = {
      {"Adagrad", 1, adagrad, domain},
      {"Adam", 1, adam, domain},
      {"Gradient", 1, gradient, domain},
      {"Momentum", 1, momentum, domain},
  };
  return entries;
}

} // namespace varve::onnx
