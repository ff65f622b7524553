// What operators' entries use to read a call and to build it.
#include "Onnx/ImportCall.h"
#include "Onnx/ImportImpl.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::onnx {

NamedAttribute Named::build(Builder &b) const {
  switch (kind) {
  case Int:
    return b.getNamedAttr(key, b.getI64IntegerAttr(number));
  case Float:
    return b.getNamedAttr(key, b.getF64FloatAttr(real));
  case Bool:
    return b.getNamedAttr(key, b.getBoolAttr(number != 0));
  case Text:
    return b.getNamedAttr(key, b.getStringAttr(text));
  case List:
    return b.getNamedAttr(key, b.getDenseI64ArrayAttr(list));
  case Reals:
    return b.getNamedAttr(key, b.getDenseF64ArrayAttr(reals));
  case Type:
    return b.getNamedAttr(key, TypeAttr::get(type));
  }
  llvm_unreachable("all kinds are handled");
}

void Call::fail(const std::string &message) const {
  throw Failure{message, false};
}
void Call::refuse(const std::string &message) const {
  throw Failure{message, true};
}

// ---- inputs ----

const Datum &Call::datum(size_t i) {
  if (!has(i))
    fail("input " + std::to_string(i) + " is missing");
  return arguments[i];
}

Value Call::stored(size_t i) {
  const Datum &datum = this->datum(i);
  if (datum.is(Datum::Kind::Tensor))
    return datum.value;
  if (datum.is(Datum::Kind::Strings))
    refuse("strings are not supported here");
  fail("input " + std::to_string(i) + " is " + describe(datum) +
       ", not a tensor");
}

Value Call::moved(size_t i) {
  Value value = stored(i);
  if (partsOf(arguments[i].element) != 1)
    refuse("complex numbers are not supported here");
  return value;
}

Value Call::in(size_t i) {
  Value value = stored(i);
  Element type = arguments[i].element;
  if (elementOf(typeOf(value).getElementType()) != type)
    refuse("elements of type " + std::string(nameOf(type)) +
           " are not supported here");
  return value;
}

Values Call::rest(size_t first) {
  Values values;
  for (size_t i = first; i < arguments.size(); ++i)
    values.push_back(in(i));
  return values;
}

const RefTensor &Call::known(size_t i) {
  if (const RefTensor *value = importer.known(stored(i)))
    return *value;
  const std::string &input = importer.missingInput();
  refuse("the value of '" + node.inputs[i] +
         "' decides shapes, and is not known before the model runs" +
         (input.empty() ? "" : ": give it by --input " + input + "=FILE"));
}

const RefTensor *Call::ifKnown(size_t i) {
  return importer.knownConstant(stored(i));
}

Ints Call::ints(size_t i) {
  const RefTensor &value = known(i);
  if (value.isFloat())
    fail("input " + std::to_string(i) + " is " + describe(arguments[i]) +
         ", not integers");
  return Ints(value.i.begin(), value.i.end());
}

// ---- attributes ----

const NodeAttribute *Call::attribute(const std::string &name) {
  asked.insert(name);
  auto found = node.attributes.find(name);
  if (found == node.attributes.end())
    return nullptr;
  if (found->second.reference.empty())
    return &found->second;
  // In a function: the attribute of its call.
  const auto *outer = importer.scope().attributes;
  if (!outer)
    fail("attribute '" + name + "' refers to one of a function");
  auto referred = outer->find(found->second.reference);
  return referred == outer->end() ? nullptr : &referred->second;
}

static bool isOf(const NodeAttribute &attribute, NodeAttribute::Kind kind) {
  return attribute.kind == kind;
}

int64_t Call::integer(const std::string &name,
                      std::optional<int64_t> otherwise) {
  const NodeAttribute *found = attribute(name);
  if (found && !isOf(*found, NodeAttribute::Kind::Int))
    fail("attribute '" + name + "' is no integer");
  if (!found && !otherwise)
    fail("attribute '" + name + "' is missing");
  return found ? found->i : *otherwise;
}

double Call::real(const std::string &name, std::optional<double> otherwise) {
  const NodeAttribute *found = attribute(name);
  if (found && !isOf(*found, NodeAttribute::Kind::Float))
    fail("attribute '" + name + "' is no number");
  if (!found && !otherwise)
    fail("attribute '" + name + "' is missing");
  return found ? double(found->f) : *otherwise;
}

std::string Call::text(const std::string &name,
                       std::optional<std::string> otherwise) {
  const NodeAttribute *found = attribute(name);
  if (found && !isOf(*found, NodeAttribute::Kind::String))
    fail("attribute '" + name + "' is no string");
  if (!found && !otherwise)
    fail("attribute '" + name + "' is missing");
  return found ? found->s : *otherwise;
}

std::optional<Ints> Call::list(const std::string &name) {
  const NodeAttribute *found = attribute(name);
  if (!found)
    return std::nullopt;
  if (!isOf(*found, NodeAttribute::Kind::Ints))
    fail("attribute '" + name + "' is no list of integers");
  return Ints(found->ints.begin(), found->ints.end());
}

std::optional<SmallVector<double>> Call::reals(const std::string &name) {
  const NodeAttribute *found = attribute(name);
  if (!found)
    return std::nullopt;
  if (!isOf(*found, NodeAttribute::Kind::Floats))
    fail("attribute '" + name + "' is no list of numbers");
  return SmallVector<double>(found->floats.begin(), found->floats.end());
}

std::optional<std::vector<std::string>> Call::texts(const std::string &name) {
  const NodeAttribute *found = attribute(name);
  if (!found)
    return std::nullopt;
  if (!isOf(*found, NodeAttribute::Kind::Strings))
    fail("attribute '" + name + "' is no list of strings");
  return found->strings;
}

std::optional<Ints> Call::listOrInput(const std::string &name, size_t i) {
  if (hasAttribute(name))
    return list(name);
  if (has(i))
    return ints(i);
  return std::nullopt;
}

// ---- building ----

/// No machine has them, and products of sizes stay in 64 bits.
static constexpr int64_t mostElements = int64_t(1) << 44;

static std::string shapeText(ArrayRef<int64_t> shape) {
  auto sizes =
      llvm::map_range(shape, [](int64_t s) { return std::to_string(s); });
  return "[" + llvm::join(sizes, ", ") + "]";
}

Operation *Call::makeOp(StringRef name, ValueRange operands,
                        ArrayRef<Named> attributes) {
  SmallVector<NamedAttribute> built;
  for (const Named &attribute : attributes)
    built.push_back(attribute.build(b));
  std::string said;
  ScopedDiagnosticHandler handler(b.getContext(), [&](Diagnostic &diagnostic) {
    if (said.empty())
      said = diagnostic.str();
    return success();
  });
  auto op = createPrimitive(b, b.getLoc(), name, operands, built);
  if (failed(op))
    fail(said);
  for (Value result : (*op)->getResults()) {
    ArrayRef<int64_t> shape = shapeOf(result);
    int64_t count = elementCount({shape.begin(), shape.end()});
    if (count < 0 || count > mostElements)
      fail("a tensor of shape " + shapeText(shape) + " is too large");
  }
  return *op;
}

Value Call::constant(const RefTensor &value) {
  return ConstantOp::create(b, value.toElements());
}

Value Call::splat(Type element, double value, ArrayRef<int64_t> shape) {
  int64_t count = elementCount({shape.begin(), shape.end()});
  if (count < 0 || count > mostElements)
    fail("a tensor of shape " + shapeText(shape) + " is too large");
  return varve::constant(b, RankedTensorType::get(shape, element), value);
}

Value Call::intsConstant(ArrayRef<int64_t> values) {
  RefTensor tensor(b.getI64Type(), {int64_t(values.size())});
  tensor.i.assign(values.begin(), values.end());
  return constant(tensor);
}

Value Call::cast(Value x, Type element) {
  if (typeOf(x).getElementType() == element)
    return x;
  return make("cast", x, {{"to", element}});
}

Value Call::broadcast(Value x, ArrayRef<int64_t> shape) {
  if (shapeOf(x) == shape)
    return x;
  return make("broadcast", x, {{"shape", shape}});
}

Ints Call::commonShape(ValueRange values) const {
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Value value : values)
    shapes.push_back(shapeOf(value));
  return commonShape(shapes);
}

Ints Call::commonShape(ArrayRef<ArrayRef<int64_t>> shapes) const {
  Ints shape;
  for (ArrayRef<int64_t> own : shapes) {
    if (own.size() > shape.size())
      shape.insert(shape.begin(), own.size() - shape.size(), 1);
    size_t shift = shape.size() - own.size();
    for (size_t i = 0; i < own.size(); ++i) {
      int64_t &size = shape[shift + i];
      if (size != own[i] && size != 1 && own[i] != 1)
        fail("shapes " + shapeText(shape) + " and " + shapeText(own) +
             " do not fit together");
      if (size == 1)
        size = own[i];
    }
  }
  return shape;
}

Value Call::elementwise(StringRef name, ValueRange operands,
                        ArrayRef<Named> attributes) {
  Ints shape = commonShape(operands);
  Values same;
  for (Value operand : operands)
    same.push_back(broadcast(operand, shape));
  return make(name, same, attributes);
}

Value Call::slice(Value x, int64_t axis, int64_t begin, int64_t end) {
  Ints from(shapeOf(x).size(), 0), to(shapeOf(x)), step(from.size(), 1);
  if (axis < 0 || axis >= int64_t(from.size()))
    fail("there is no axis " + std::to_string(axis));
  from[size_t(axis)] = begin;
  to[size_t(axis)] = end;
  return make("slice", x, {{"begin", from}, {"end", to}, {"step", step}});
}

Value Call::clamp(Value x, double low, double high) {
  x = make("maximum", {x, constantLike(b, x, low)});
  return make("minimum", {x, constantLike(b, x, high)});
}

Value Call::perChannel(Value numbers, Value x) {
  if (rankOf(x) < 2)
    fail("there are no channels");
  Ints shape(size_t(rankOf(x)), 1);
  shape[1] = shapeOf(x)[1];
  return reshape(numbers, shape);
}

Value Call::flatten(Value x) {
  int64_t rank = rankOf(x), at = integer("axis", 1);
  at = at == rank ? rank : axis(at, rank);
  int64_t before = 1, after = 1;
  for (auto [i, size] : llvm::enumerate(shapeOf(x)))
    (int64_t(i) < at ? before : after) *= size;
  return reshape(x, {before, after});
}

int64_t Call::axis(int64_t axis, int64_t rank) const {
  int64_t held = normalAxis(axis, rank);
  if (held < 0 || held >= rank)
    fail("axis " + std::to_string(axis) + " is outside the rank " +
         std::to_string(rank));
  return held;
}

Ints Call::axes(ArrayRef<int64_t> axes, int64_t rank) const {
  Ints held;
  for (int64_t each : axes)
    held.push_back(axis(each, rank));
  llvm::sort(held);
  if (std::adjacent_find(held.begin(), held.end()) != held.end())
    fail("an axis is named twice");
  return held;
}

// ---- results ----

void Call::give(Datum datum) {
  // Results past those that the node names are not read.
  if (given < results.size())
    results[given] = std::move(datum);
  ++given;
}

std::vector<Datum> Call::finish() {
  for (const auto &[name, attribute] : node.attributes)
    if (!asked.count(name))
      refuse("attribute '" + name + "' is not supported");
  for (size_t i = given; i < results.size(); ++i)
    if (wants(i))
      refuse("result " + std::to_string(i) + " ('" + node.outputs[i] +
             "') is not supported");
  return std::move(results);
}

} // namespace varve::onnx
