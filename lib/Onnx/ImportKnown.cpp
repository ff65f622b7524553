// Values that are known while a model is imported: those that shapes depend on.
// Nothing is evaluated but what is asked for, by the reference interpreter's
// value of each operation, rounded to its type as the compiled code rounds.
#include "Onnx/ImportImpl.h"

using namespace mlir;

namespace varve::onnx {

/// The work that evaluation may take, in elements: shapes need little, and what
/// needs more belongs into the compiled program.
static constexpr int64_t maxElements = int64_t(1) << 23;

/// The elements as `type` has them.
static RefTensor toRef(const TensorData &data, RankedTensorType type) {
  RefTensor to(type);
  auto fill = [&](auto element) {
    const auto *from = data.value.as<decltype(element)>();
    for (int64_t e = 0; e < to.size(); ++e)
      to.isFloat() ? void(to.f[size_t(e)] = double(from[e]))
                   : void(to.i[size_t(e)] = int64_t(from[e]));
  };
  switch (data.value.type) {
  case DType::F32:
    fill(float());
    return to;
  case DType::F64:
    fill(double());
    return to;
  case DType::I8:
    fill(int8_t());
    return to;
  case DType::I16:
    fill(int16_t());
    return to;
  case DType::I32:
    fill(int32_t());
    return to;
  case DType::U8:
  case DType::Bool:
    fill(uint8_t());
    return to;
  case DType::U16:
    fill(uint16_t());
    return to;
  case DType::U32:
    fill(uint32_t());
    return to;
  case DType::I64:
  case DType::U64:
    fill(int64_t());
    return to;
  case DType::F16:
  case DType::BF16:
    break;
  }
  // The narrow floats that C++ lacks.
  const auto &semantics =
      cast<FloatType>(type.getElementType()).getFloatSemantics();
  const auto *codes = data.value.as<uint16_t>();
  for (int64_t e = 0; e < to.size(); ++e) {
    APFloat value(semantics, APInt(16, codes[e]));
    bool lossy;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
    to.f[size_t(e)] = value.convertToDouble();
  }
  return to;
}

/// Rounds each element to the tensor's type.
static void roundToType(RefTensor &tensor) {
  if (!tensor.isFloat() || tensor.element.isF64())
    return;
  const auto &semantics = cast<FloatType>(tensor.element).getFloatSemantics();
  for (double &value : tensor.f) {
    if (tensor.element.isF32()) {
      value = double(float(value));
      continue;
    }
    APFloat narrow(value);
    bool lossy;
    narrow.convert(semantics, APFloat::rmNearestTiesToEven, &lossy);
    narrow.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
    value = narrow.convertToDouble();
  }
}

bool Importer::spend(int64_t elements) {
  spent += elements;
  return spent <= maxElements;
}

std::optional<RefTensor> Importer::leaf(Value value, bool inputs) {
  auto source = sources.find(value);
  auto input = inputOf.find(value);
  if (source == sources.end()) {
    if (input != inputOf.end())
      missing = input->second;
    return std::nullopt;
  }
  if (input != inputOf.end() && !inputs)
    return std::nullopt;
  auto type = cast<RankedTensorType>(value.getType());
  if (!spend(type.getNumElements()))
    return std::nullopt;
  if (input != inputOf.end())
    specialized.insert(input->second);
  else if (host)
    host->keep(value);
  return toRef(*source->second, type);
}

/// The values that the region yields.
static FailureOr<SmallVector<RefTensor>>
runRegion(Region &region, ArrayRef<RefTensor> arguments) {
  RefValues values;
  Block &block = region.front();
  for (auto [argument, value] :
       llvm::zip_equal(block.getArguments(), arguments))
    values[argument] = value;
  if (failed(evaluateBlock(block, values)))
    return failure();
  SmallVector<RefTensor> results;
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(values.at(v));
  return results;
}

static bool evaluateOne(Operation *op, ArrayRef<RefTensor> operands,
                        MutableArrayRef<RefTensor> results) {
  if (auto evaluable = dyn_cast<EvaluableOpInterface>(op)) {
    evaluable.evaluate(operands, results);
    return true;
  }
  auto control = dyn_cast<EvaluableRegionOpInterface>(op);
  return control &&
         succeeded(control.evaluateRegions(operands, results, runRegion));
}

/// Operands first, without recursion: graphs are deep.
const RefTensor *Importer::evaluate(Value wanted, bool inputs) {
  SmallVector<Value> stack = {wanted};
  while (!stack.empty()) {
    Value value = stack.back();
    if (values.count(value)) {
      stack.pop_back();
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!op) {
      auto known = leaf(value, inputs);
      if (!known)
        return nullptr;
      values[value] = std::make_unique<RefTensor>(std::move(*known));
      continue;
    }
    size_t before = stack.size();
    for (Value operand : op->getOperands())
      if (!values.count(operand))
        stack.push_back(operand);
    if (stack.size() > before)
      continue;
    SmallVector<RefTensor> operands, results;
    int64_t elements = 0;
    for (Value result : op->getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || !type.hasStaticShape())
        return nullptr;
      elements += type.getNumElements();
    }
    for (Value operand : op->getOperands())
      elements += values[operand]->size();
    if (!spend(elements))
      return nullptr;
    for (Value operand : op->getOperands())
      operands.push_back(*values[operand]);
    for (Value result : op->getResults())
      results.emplace_back(cast<RankedTensorType>(result.getType()));
    if (!evaluateOne(op, operands, results))
      return nullptr;
    for (auto [result, known] : llvm::zip(op->getResults(), results)) {
      roundToType(known);
      values[result] = std::make_unique<RefTensor>(std::move(known));
    }
  }
  return values[wanted].get();
}

const RefTensor *Importer::known(Value value) {
  if (auto memo = values.find(value); memo != values.end())
    return memo->second.get();
  missing.clear();
  return evaluate(value, /*inputs=*/true);
}

const RefTensor *Importer::knownConstant(Value value) {
  if (auto memo = values.find(value); memo != values.end())
    return memo->second.get();
  // What failed once fails again: nothing that it depends on changes.
  if (unknown.contains(value))
    return nullptr;
  const RefTensor *found = evaluate(value, /*inputs=*/false);
  if (!found)
    unknown.insert(value);
  return found;
}

} // namespace varve::onnx
