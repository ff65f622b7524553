// The table of operators, from its families.
#include "Onnx/ImportCall.h"
#include "llvm/ADT/StringMap.h"

namespace varve::onnx {

std::vector<const Operator *> allOperators() {
  std::vector<const Operator *> all;
  for (auto family : {
           activationOperators,
           attentionOperators,
           bitOperators,
           castOperators,
           classicOperators,
           constantOperators,
           contractionOperators,
           controlOperators,
           cutOperators,
           elementwiseOperators,
           firstOperators,
           fourierOperators,
           gatherOperators,
           logicOperators,
           lossOperators,
           normalizeAxesOperators,
           normalizeOperators,
           optimizerOperators,
           orderOperators,
           quantizeOperators,
           randomOperators,
           recurrentOperators,
           reduceOperators,
           resizeOperators,
           sampleOperators,
           scatterOperators,
           selectOperators,
           sequenceOperators,
           shapeOperators,
           signalOperators,
           stringOperators,
           unpoolOperators,
           windowOperators,
       })
    for (const Operator &entry : family())
      all.push_back(&entry);
  return all;
}

/// The entries of each operator.
static const llvm::StringMap<std::vector<const Operator *>> &table() {
  static const auto *entries = [] {
    auto *map = new llvm::StringMap<std::vector<const Operator *>>();
    for (const Operator *entry : allOperators())
      (*map)[std::string(entry->domain) + "." + entry->name].push_back(entry);
    return map;
  }();
  return *entries;
}

const Operator *findOperator(llvm::StringRef domain, llvm::StringRef name,
                             int64_t opset) {
  auto found = table().find((domain + "." + name).str());
  const Operator *best = nullptr;
  if (found != table().end())
    for (const Operator *entry : found->second)
      if (entry->since <= opset && (!best || best->since < entry->since))
        best = entry;
  return best;
}

} // namespace varve::onnx
