// What the entries of the table build with.
#include "Onnx/ExportCall.h"
#include "Onnx/ExportImpl.h"
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {

const ExportRule *findExportRule(StringRef name) {
  static const auto *table = [] {
    auto *all = new llvm::StringMap<const ExportRule *>;
    for (ArrayRef<ExportRule> family :
         {elementwiseRules(), shapeRules(), reduceRules(), windowRules(),
          indexingRules(), randomRules(), controlRules()})
      for (const ExportRule &rule : family)
        (*all)[rule.name] = &rule;
    return all;
  }();
  return table->lookup(name);
}

void ExportCall::refuse(const std::string &message) const {
  throw Failure{message, /*unsupported=*/true};
}

// ---- operands ----

std::string ExportCall::value(mlir::Value v) { return exporter.nameOf(v); }

std::string ExportCall::in(size_t i) { return value(operand(i)); }

/// What two shapes broadcast to, which is known to exist.
static Ints joined(ArrayRef<int64_t> x, ArrayRef<int64_t> y) {
  if (x.size() < y.size())
    std::swap(x, y);
  Ints shape(x);
  for (size_t i = 1; i <= y.size(); ++i)
    if (y.end()[-int64_t(i)] != 1)
      shape.end()[-int64_t(i)] = y.end()[-int64_t(i)];
  return shape;
}

Names ExportCall::stretched() {
  Names list;
  Ints shape;
  for (mlir::Value operand : op->getOperands()) {
    auto [name, own] = exporter.partOf(operand);
    list.push_back(name);
    shape = joined(shape, own);
  }
  if (ArrayRef(shape) != shapeOf(op->getResult(0)))
    list[0] = in(0);
  return list;
}

std::string ExportCall::index(size_t i) {
  Type i64 = IntegerType::get(op->getContext(), 64);
  return type(i).getElementType() == i64 ? in(i) : cast(in(i), i64);
}

// ---- constants ----

std::string ExportCall::constant(TensorData tensor) {
  return exporter.addConstant(std::move(tensor));
}

static TensorData tensorOf(ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  TensorData tensor;
  tensor.type = Element::I64;
  tensor.dims = shape.vec();
  tensor.value = Tensor(DType::I64, tensor.dims);
  llvm::copy(values, tensor.value.as<int64_t>());
  return tensor;
}

std::string ExportCall::ints(ArrayRef<int64_t> values) {
  return constant(tensorOf(values, {int64_t(values.size())}));
}

std::string ExportCall::integer(int64_t value) {
  return constant(tensorOf(value, {}));
}

std::string ExportCall::numbers(Type element, ArrayRef<int64_t> shape,
                                ArrayRef<double> values) {
  RefTensor tensor(element, shape);
  for (auto [e, value] : llvm::enumerate(values))
    tensor.set(int64_t(e), {value, int64_t(value)});
  return constant(onnx::tensorOf(tensor.toElements()));
}

std::string ExportCall::number(Type element, double value) {
  return numbers(element, {}, value);
}

// ---- nodes ----

std::string ExportCall::make(const char *name, Names inputs,
                             std::vector<Setting> settings) {
  return makeSeveral(name, std::move(inputs), {true}, std::move(settings))[0];
}

Names ExportCall::makeSeveral(const char *name, Names inputs,
                              ArrayRef<bool> wanted,
                              std::vector<Setting> settings) {
  return exporter.addNode(op, name, std::move(inputs), wanted,
                          std::move(settings));
}

std::string ExportCall::cast(const std::string &x, Type element) {
  return make("Cast", {x}, {{"to", int64_t(elementOf(element))}});
}

std::string ExportCall::reshape(const std::string &x, ArrayRef<int64_t> shape) {
  // A 0 means that size, not x's.
  std::vector<Setting> settings;
  if (llvm::is_contained(shape, 0))
    settings.push_back({"allowzero", 1});
  return make("Reshape", {x, ints(shape)}, settings);
}

std::string ExportCall::transpose(const std::string &x,
                                  ArrayRef<int64_t> perm) {
  return make("Transpose", {x}, {{"perm", perm}});
}

std::string ExportCall::unsqueeze(const std::string &x,
                                  ArrayRef<int64_t> axes) {
  return axes.empty() ? x : make("Unsqueeze", {x, ints(axes)});
}

std::string ExportCall::expand(const std::string &x, ArrayRef<int64_t> shape) {
  return make("Expand", {x, ints(shape)});
}

std::string ExportCall::slice(const std::string &x, ArrayRef<int64_t> begin,
                              ArrayRef<int64_t> end, ArrayRef<int64_t> axes,
                              ArrayRef<int64_t> step) {
  Names inputs = {x, ints(begin), ints(end), ints(axes)};
  if (!step.empty())
    inputs.push_back(ints(step));
  return make("Slice", inputs);
}

std::string ExportCall::reduce(const char *name, const std::string &x,
                               ArrayRef<int64_t> axes, bool keepdims) {
  if (axes.empty())
    return x;
  return make(name, {x, ints(axes)}, {{"keepdims", keepdims}});
}

std::string ExportCall::range(int64_t count) {
  return make("Range", {integer(0), integer(count), integer(1)});
}

std::string ExportCall::held(const std::string &index, int64_t size) {
  return make("Clip", {index, integer(0), integer(size - 1)});
}

void ExportCall::give(std::string name) {
  exporter.setName(op->getResult(unsigned(given++)), std::move(name));
}

} // namespace varve::onnx
