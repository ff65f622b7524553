// Runs the entry of another operator inside a call.
#include "Onnx/Nested.h"

using namespace mlir;

namespace varve::onnx {

Value runOperator(Call &c, StringRef name, ArrayRef<Value> inputs,
                  bool passAttributes) {
  const Operator *entry = findOperator("", name, c.opset);
  if (!entry)
    c.refuse("operator '" + name.str() + "' is not supported");
  Node node;
  node.op = name.str();
  node.outputs = {"result"};
  std::vector<Datum> arguments;
  for (Value input : inputs) {
    node.inputs.push_back("input");
    arguments.push_back(
        Datum::of(input, elementOf(typeOf(input).getElementType())));
  }
  if (passAttributes)
    for (const auto &[key, attribute] : c.node.attributes)
      if (const NodeAttribute *value = c.attribute(key))
        node.attributes[key] = *value;
  Call inner(c.importer, node, c.opset, c.b, std::move(arguments));
  entry->build(inner);
  return inner.finish()[0].value;
}

} // namespace varve::onnx
