// Reference values: storage and index arithmetic.
#include "varve/Dialect/Varve/RefTensor.h"

using namespace varve;

RefTensor::RefTensor(mlir::Type element, llvm::ArrayRef<int64_t> shape)
    : element(element), shape(shape.begin(), shape.end()) {
  int64_t n = 1;
  for (int64_t d : shape)
    n *= d;
  if (isFloat())
    f.assign(n, 0.0);
  else
    i.assign(n, 0);
}

RefTensor::RefTensor(mlir::DenseElementsAttr elements)
    : RefTensor(llvm::cast<mlir::RankedTensorType>(elements.getType())) {
  int64_t e = 0;
  if (isFloat()) {
    for (llvm::APFloat v : elements.getValues<llvm::APFloat>()) {
      bool lossy;
      v.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &lossy);
      f[e++] = v.convertToDouble();
    }
    return;
  }
  bool noSign = element.isUnsignedInteger() || element.isInteger(1);
  for (llvm::APInt v : elements.getValues<llvm::APInt>())
    i[e++] = noSign ? int64_t(v.getZExtValue()) : v.getSExtValue();
}

mlir::DenseElementsAttr RefTensor::toElements() const {
  auto type = mlir::RankedTensorType::get(shape, element);
  if (isFloat()) {
    auto &semantics = llvm::cast<mlir::FloatType>(element).getFloatSemantics();
    std::vector<llvm::APFloat> values;
    for (double v : f) {
      bool lossy;
      values.emplace_back(v);
      values.back().convert(semantics, llvm::APFloat::rmNearestTiesToEven,
                            &lossy);
    }
    return mlir::DenseElementsAttr::get(type, values);
  }
  std::vector<llvm::APInt> values;
  for (int64_t v : i)
    values.emplace_back(element.getIntOrFloatBitWidth(), uint64_t(v),
                        /*isSigned=*/false, /*implicitTrunc=*/true);
  return mlir::DenseElementsAttr::get(type, values);
}

std::vector<int64_t> varve::indexOf(int64_t position,
                                    llvm::ArrayRef<int64_t> shape) {
  std::vector<int64_t> index(shape.size());
  for (int64_t d = shape.size() - 1; d >= 0; --d) {
    index[d] = position % shape[d];
    position /= shape[d];
  }
  return index;
}

int64_t varve::positionOf(llvm::ArrayRef<int64_t> index,
                          llvm::ArrayRef<int64_t> shape) {
  int64_t position = 0;
  for (size_t d = 0; d < shape.size(); ++d)
    position = position * shape[d] + index[d];
  return position;
}

int64_t varve::wrapToType(int64_t i, mlir::Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 64)
    return i;
  uint64_t bits = uint64_t(i) & ((uint64_t(1) << width) - 1);
  bool isSigned = width != 1 && !type.isUnsignedInteger();
  if (isSigned && bits >> (width - 1))
    bits |= ~uint64_t(0) << width;
  return int64_t(bits);
}
