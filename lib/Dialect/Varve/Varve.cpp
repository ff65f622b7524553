// Registration of the varve dialect.
#include "varve/Dialect/Varve/Varve.h"
#include "varve/Dialect/Varve/Stage.h"

using namespace varve;

#include "varve/Dialect/Varve/VarveDialect.cpp.inc"
#include "varve/Dialect/Varve/VarveInterfaces.cpp.inc"

void VarveDialect::initialize() {
  registerVarveDialectOperations(this);
  addOperations<StageOp>();
}

mlir::Operation *VarveDialect::materializeConstant(mlir::OpBuilder &b,
                                                   mlir::Attribute value,
                                                   mlir::Type type,
                                                   mlir::Location loc) {
  auto elements = llvm::dyn_cast<mlir::ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(b, loc, type, elements);
}
