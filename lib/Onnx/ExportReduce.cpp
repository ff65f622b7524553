// Reductions, order along an axis, normalization.
#include "Onnx/ExportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

template <class Op> void reduction(ExportCall &c, const char *name) {
  auto op = mlir::cast<Op>(c.op);
  Type element = c.type().getElementType();
  // Runtimes reduce few integers; the cast back wraps around.
  bool isReal = isa<FloatType>(element);
  bool few = !isReal && !element.isSignlessInteger(32) &&
             !element.isSignlessInteger(64);
  if (few && isUnsigned(element) && element.getIntOrFloatBitWidth() == 64)
    c.refuse("of u64 has no exact form in ONNX");
  bool wide = few && element.getIntOrFloatBitWidth() == 32;
  Type as =
      few ? IntegerType::get(element.getContext(), wide ? 64 : 32) : element;
  std::string x = c.in(0);
  if (op.getAxis().empty())
    return c.give(x);
  if (few)
    x = c.cast(x, as);
  x = c.reduce(name, x, op.getAxis(), op.getKeepdims());
  c.give(few ? c.cast(x, element) : x);
}

template <class Op> void argExtremum(ExportCall &c, const char *name) {
  int64_t axis = normalAxis(mlir::cast<Op>(c.op).getAxis(), c.type().getRank());
  Type element = c.type().getElementType();
  std::string x = c.in(0);
  if (!isa<FloatType>(element) && !element.isSignlessInteger(32)) {
    if (element.getIntOrFloatBitWidth() > 16)
      c.refuse("of these integers is not in reach of runtimes");
    x = c.cast(x, IntegerType::get(element.getContext(), 32));
  }
  c.give(c.make(name, {x}, {{"axis", axis}, {"keepdims", 0}}));
}

void cumsum(ExportCall &c) {
  int64_t axis =
      normalAxis(mlir::cast<CumsumOp>(c.op).getAxis(), c.type().getRank());
  c.give(c.make("CumSum", {c.in(0), c.integer(axis)}));
}

void topK(ExportCall &c) {
  int64_t k = mlir::cast<TopKOp>(c.op).getK();
  for (std::string &name :
       c.makeSeveral("TopK", {c.in(0), c.ints({k})}, {true, true}))
    c.give(name);
}

template <class Op> void softmax(ExportCall &c, const char *name) {
  int64_t axis = normalAxis(mlir::cast<Op>(c.op).getAxis(), c.type().getRank());
  c.give(c.make(name, {c.in(0)}, {{"axis", axis}}));
}

void normalize(ExportCall &c) {
  auto op = mlir::cast<NormalizeOp>(c.op);
  Type element = c.type().getElementType();
  ArrayRef<int64_t> axes = op.getAxis();
  std::string x = c.in(0),
              eps = c.number(element, op.getEps().convertToDouble());
  std::string mean = c.reduce("ReduceMean", x, axes, true);
  std::string away = c.make("Sub", {x, mean});
  std::string var =
      c.reduce("ReduceMean", c.make("Mul", {away, away}), axes, true);
  std::string deviation = c.make("Sqrt", {c.make("Add", {var, eps})});
  c.give(c.make("Div", {away, deviation}));
  auto squeezed = [&](mlir::Value result, const std::string &name) {
    return result.use_empty() || axes.empty()
               ? name
               : c.make("Squeeze", {name, c.ints(axes)});
  };
  c.give(squeezed(op.getMean(), mean));
  c.give(squeezed(op.getVar(), var));
}

} // namespace

ArrayRef<ExportRule> reduceRules() {
  static const ExportRule rules[] = {
      {"sum", [](ExportCall &c) { reduction<SumOp>(c, "ReduceSum"); }},
      {"mean", [](ExportCall &c) { reduction<MeanOp>(c, "ReduceMean"); }},
      {"max", [](ExportCall &c) { reduction<MaxOp>(c, "ReduceMax"); }},
      {"min", [](ExportCall &c) { reduction<MinOp>(c, "ReduceMin"); }},
      {"prod", [](ExportCall &c) { reduction<ProdOp>(c, "ReduceProd"); }},
      {"any", [](ExportCall &c) { reduction<AnyOp>(c, "ReduceMax"); }},
      {"all", [](ExportCall &c) { reduction<AllOp>(c, "ReduceMin"); }},
      {"argmax", [](ExportCall &c) { argExtremum<ArgmaxOp>(c, "ArgMax"); }},
      {"argmin", [](ExportCall &c) { argExtremum<ArgminOp>(c, "ArgMin"); }},
      {"cumsum", cumsum},
      {"top_k", topK},
      {"softmax", [](ExportCall &c) { softmax<SoftmaxOp>(c, "Softmax"); }},
      {"log_softmax",
       [](ExportCall &c) { softmax<LogSoftmaxOp>(c, "LogSoftmax"); }},
      {"normalize", normalize},
  };
  return rules;
}

} // namespace varve::onnx
