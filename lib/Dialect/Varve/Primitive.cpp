// How the importer finds and builds a primitive by name, and what elementwise
// operations share.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "varve/Dialect/Varve/Varve.h"

using namespace mlir;
using namespace varve;

std::optional<StringRef> varve::getPrimitiveSignature(MLIRContext *context,
                                                      StringRef name) {
  auto info = RegisteredOperationName::lookup(("varve." + name).str(), context);
  if (!info)
    return std::nullopt;
  auto *primitive = info->getInterface<PrimitiveOpInterface>();
  if (!primitive)
    return std::nullopt;
  return primitive->getSignature();
}

FailureOr<Operation *>
varve::createPrimitive(OpBuilder &b, Location loc, StringRef name,
                       ValueRange operands,
                       ArrayRef<NamedAttribute> attributes) {
  OperationState state(loc, ("varve." + name).str());
  state.addOperands(operands);
  state.addAttributes(attributes);
  auto info = state.name.getRegisteredInfo();
  if (!info)
    return emitError(loc) << "unknown operation 'varve." << name << "'";
  auto *infer = info->getInterface<InferTypeOpInterface>();
  assert(infer && "a primitive infers its types");

  // Inference reads properties, which the operation does not hold yet.
  DictionaryAttr dictionary = state.attributes.getDictionary(b.getContext());
  int size = info->getOpPropertyByteSize();
  std::unique_ptr<char[]> storage(size ? new char[size] : nullptr);
  OpaqueProperties properties(storage.get());
  if (properties) {
    info->initOpProperties(properties, OpaqueProperties(nullptr));
    auto report = [&] { return emitError(loc); };
    if (failed(info->setOpPropertiesFromAttribute(state.name, properties,
                                                  dictionary, report)))
      return failure();
    info->populateDefaultProperties(properties);
  }
  SmallVector<Type> types;
  LogicalResult inferred = infer->inferReturnTypes(
      b.getContext(), loc, operands, dictionary, properties, {}, types);
  if (properties)
    info->destroyOpProperties(properties);
  if (failed(inferred))
    return failure();
  state.addTypes(types);
  Operation *op = b.create(state);
  if (failed(verify(op)))
    return failure();
  return op;
}

SmallVector<Value> varve::lowerElementwise(ElementwiseOpInterface op,
                                           ImplicitLocOpBuilder &b,
                                           ArrayRef<Value> operands) {
  auto type = signless(cast<RankedTensorType>(op->getResult(0).getType()));
  return {buildGeneric(b, type, operands,
                       [&](ImplicitLocOpBuilder &inner, ArrayRef<Value> x) {
                         return op.lowerScalar(inner, x);
                       })};
}

void varve::evaluateElementwise(ElementwiseOpInterface op,
                                ArrayRef<RefTensor> operands,
                                MutableArrayRef<RefTensor> results) {
  SmallVector<RefScalar> x(operands.size());
  for (int64_t e = 0; e < results[0].size(); ++e) {
    for (auto [scalar, tensor] : llvm::zip(x, operands))
      scalar = tensor.at(e);
    RefScalar y = op.evaluateScalar(x);
    if (!results[0].isFloat())
      y.i = wrapToType(y.i, results[0].element);
    results[0].set(e, y);
  }
}

OpFoldResult varve::foldElementwise(ElementwiseOpInterface op,
                                    ArrayRef<Attribute> operands) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto known = [](Attribute a) {
    return isa_and_nonnull<DenseElementsAttr>(a);
  };
  if (operands.empty() || !llvm::all_of(operands, known) ||
      !type.hasStaticShape())
    return {};
  bool splat = llvm::all_of(operands, [](Attribute a) {
    return cast<DenseElementsAttr>(a).isSplat();
  });
  constexpr int64_t few = 256;
  if (!splat && type.getNumElements() > few)
    return {};
  SmallVector<RefTensor> x;
  for (Attribute a : operands) {
    auto dense = cast<DenseElementsAttr>(a);
    // A splat is worked out once, on one element.
    x.emplace_back(
        splat ? dense.resizeSplat(dense.getType().clone(ArrayRef<int64_t>{1}))
              : dense);
  }
  RefTensor y(type.getElementType(), x[0].shape);
  evaluateElementwise(op, x, y);
  DenseElementsAttr elements = y.toElements();
  return splat ? elements.resizeSplat(type) : elements;
}
