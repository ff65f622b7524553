// Ops of the kernel dialect, and the two questions about a body that the other
// passes ask: which arguments it reads, and which only element by element.
#include "varve/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;

#include "varve/Dialect/Kernel/KernelDialect.cpp.inc"
#include "varve/Dialect/Kernel/KernelEnums.cpp.inc"
#define GET_OP_CLASSES
#include "varve/Dialect/Kernel/KernelOps.cpp.inc"

namespace varve::kernel {

void KernelDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "varve/Dialect/Kernel/KernelOps.cpp.inc"
      >();
}

LogicalResult DefOp::verify() {
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield)
    return emitOpError("ends in no kernel.yield");
  int64_t outs = int64_t(body.getNumArguments()) - int64_t(getNumIns());
  if (outs < 0) // C2
    return emitOpError() << "has " << body.getNumArguments()
                         << " arguments, fewer than its " << getNumIns()
                         << " inputs";
  if (int64_t(yield.getNumOperands()) != outs) // C1
    return emitOpError() << "yields " << yield.getNumOperands()
                         << " values for " << outs << " outs";
  for (auto [value, out] : llvm::zip(yield.getValues(), getOutArguments()))
    if (value.getType() != out.getType()) // C1
      return emitOpError() << "yields " << value.getType() << " for an out of "
                           << out.getType();
  return success();
}

DefOp CallOp::getDef() {
  return SymbolTable::lookupNearestSymbolFrom<DefOp>(getOperation(),
                                                     getCalleeAttr());
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto def = tables.lookupNearestSymbolFrom<DefOp>(*this, getCalleeAttr());
  if (!def)
    return emitOpError() << "calls unknown kernel " << getCalleeAttr();
  Block &body = def.getBody().front();
  if (def.getNumIns() != getInputs().size() ||
      body.getNumArguments() != getNumOperands())
    return emitOpError() << "has " << getNumOperands() << " operands, "
                         << getCalleeAttr() << " takes "
                         << body.getNumArguments();
  for (auto [arg, v] : llvm::zip(body.getArguments(), getOperands())) {
    auto want = dyn_cast<ShapedType>(arg.getType());
    auto have = dyn_cast<ShapedType>(v.getType());
    bool same = want ? have && want.getShape() == have.getShape() &&
                           want.getElementType() == have.getElementType()
                     : arg.getType() == v.getType();
    if (!same)
      return emitOpError() << "operand " << v.getType() << " is not "
                           << arg.getType();
  }
  return success();
}

void CallOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  DefOp def = getDef();
  for (OpOperand &o : getOperation()->getOpOperands()) {
    if (!isa<MemRefType>(o.get().getType()))
      continue;
    if (!def || def.reads(o.getOperandNumber()))
      effects.emplace_back(MemoryEffects::Read::get(), &o);
    if (isDpsInit(&o))
      effects.emplace_back(MemoryEffects::Write::get(), &o);
  }
}

static RankedTensorType typeOf(Value v) {
  return cast<RankedTensorType>(v.getType());
}
RankedTensorType ConvOp::getX() {
  return typeOf(getKind() == ConvKind::Data ? getResult() : getLhs());
}
RankedTensorType ConvOp::getW() {
  return typeOf(getKind() == ConvKind::Weight ? getResult() : getRhs());
}
RankedTensorType ConvOp::getY() {
  return typeOf(getKind() == ConvKind::Forward ? getResult()
                : getKind() == ConvKind::Data  ? getLhs()
                                               : getRhs());
}

int64_t ConvOp::getNumTerms() {
  RankedTensorType w = getW(), y = getY();
  if (getKind() == ConvKind::Weight)
    return y.getNumElements() / y.getDimSize(1);
  int64_t taps = w.getNumElements() / w.getDimSize(0) / w.getDimSize(1);
  return taps * (getKind() == ConvKind::Forward
                     ? w.getDimSize(1)
                     : w.getDimSize(0) / int64_t(getGroups()));
}

LogicalResult ConvOp::verify() {
  RankedTensorType x = getX(), w = getW(), y = getY();
  int64_t rank = x.getRank();
  for (RankedTensorType t : {x, w, y}) { // C1
    if (t.getRank() != rank || rank < 3)
      return emitOpError("needs tensors of one rank, 3 or more");
    if (!t.hasStaticShape() || t.getNumElements() == 0)
      return emitOpError("needs static shapes without a size of 0");
    if (t.getElementType() != x.getElementType())
      return emitOpError("needs one element type");
  }
  auto perDimension = [&](ArrayRef<int64_t> values, int64_t least) {
    return int64_t(values.size()) == rank - 2 &&
           llvm::all_of(values, [&](int64_t v) { return v >= least; });
  };
  if (!perDimension(getStrides(), 1) || !perDimension(getDilations(), 1) ||
      !perDimension(getPadding(), 0)) // C2
    return emitOpError("needs strides and dilations of at least 1 and padding "
                       "of at least 0 for each of ")
           << rank - 2 << " spatial dimensions";
  int64_t groups = getGroups();
  if (groups < 1 || w.getDimSize(0) % groups ||
      w.getDimSize(1) * groups != x.getDimSize(1) ||
      w.getDimSize(0) != y.getDimSize(1)) // C3
    return emitOpError("has ")
           << groups << " groups of " << x.getDimSize(1) << " channels and "
           << y.getDimSize(1) << " features with weights of shape "
           << w.getDimSize(0) << "x" << w.getDimSize(1);
  if (x.getDimSize(0) != y.getDimSize(0)) // C4
    return emitOpError("has batches of ")
           << x.getDimSize(0) << " and " << y.getDimSize(0);
  return success();
}

void BarrierOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // Nothing may move across it.
  effects.emplace_back(MemoryEffects::Read::get());
  effects.emplace_back(MemoryEffects::Write::get());
}

bool DefOp::reads(unsigned i) {
  Value arg = getBody().front().getArgument(i);
  for (OpOperand &use : arg.getUses()) {
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    // Yielding an out as it came writes nothing and keeps its contents.
    if (!op || op.payloadUsesValueFromOperand(&use))
      return true;
  }
  return false;
}

// Whether every way from `v` to the yield is elementwise with identity maps.
static bool reachesYieldAligned(Value v) {
  for (OpOperand &use : v.getUses()) {
    if (isa<YieldOp>(use.getOwner()))
      continue;
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    if (!op || op.getNumParallelLoops() != op.getNumLoops())
      return false;
    for (OpOperand &init : op.getDpsInitsMutable())
      if (!op.getMatchingIndexingMap(&init).isIdentity())
        return false;
    if (!op.getMatchingIndexingMap(&use).isIdentity())
      return false;
    if (!op.payloadUsesValueFromOperand(&use))
      continue;
    if (!llvm::all_of(op->getResults(), reachesYieldAligned))
      return false;
  }
  return true;
}

bool DefOp::elementAligned(unsigned i) {
  return reachesYieldAligned(getBody().front().getArgument(i));
}

} // namespace varve::kernel
