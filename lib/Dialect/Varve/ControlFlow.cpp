// Branches and loops: verifiers, values, lowering to scf.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace varve;

static Operation *yieldOf(Region &region) {
  return region.front().getTerminator();
}

/// Whether a region takes and yields values of these types.
static LogicalResult verifyRegion(Operation *op, Region &region, StringRef name,
                                  TypeRange takes, TypeRange yields) {
  if (region.getArgumentTypes() != takes)
    return op->emitOpError() << name << " takes (" << region.getArgumentTypes()
                             << "), not (" << takes << ")";
  auto end = dyn_cast<YieldOp>(region.front().back());
  if (!end)
    return op->emitOpError() << name << " does not end in varve.yield";
  if (end.getOperandTypes() != yields)
    return op->emitOpError() << name << " yields (" << end.getOperandTypes()
                             << "), not (" << yields << ")";
  return success();
}

/// Puts a copy of the region's operations at `b`, on lowered arguments; gives
/// what it yields, in the types of varve.
static SmallVector<Value> inlineRegion(LocBuilder &b, Region &region,
                                       ArrayRef<Value> arguments) {
  IRMapping map;
  for (auto [arg, plain] : llvm::zip_equal(region.getArguments(), arguments)) {
    Value v = plain;
    if (v.getType() != arg.getType())
      v = WithSignOp::create(b, arg.getType(), v);
    map.map(arg, v);
  }
  for (Operation &op : region.front().without_terminator())
    b.clone(op, map);
  SmallVector<Value> yields;
  for (Value v : yieldOf(region)->getOperands())
    yields.push_back(map.lookupOrDefault(v));
  return yields;
}

/// The same values as signless types.
static SmallVector<Value> unsign(LocBuilder &b, ArrayRef<Value> values) {
  SmallVector<Value> plain;
  for (Value v : values) {
    auto type = signless(typeOf(v));
    plain.push_back(v.getType() == type ? v : WithSignOp::create(b, type, v));
  }
  return plain;
}
static SmallVector<Type> signlessTypes(TypeRange types) {
  SmallVector<Type> plain;
  for (Type type : types)
    plain.push_back(signless(cast<RankedTensorType>(type)));
  return plain;
}

/// The next carried values, in the buffers of the present ones: no step
/// allocates. Comes after all reads of `now`; what goes from one place to
/// another is copied before that place is written.
static void keepPlace(LocBuilder &b, MutableArrayRef<Value> next,
                      ArrayRef<Value> now) {
  for (auto [i, v] : llvm::enumerate(next))
    if (v != now[i] && llvm::is_contained(now, v))
      v = bufferization::AllocTensorOp::create(b, typeOf(v), ValueRange(), v);
  for (auto [v, place] : llvm::zip(next, now))
    if (v != place)
      v = bufferization::MaterializeInDestinationOp::create(b, v.getType(), v,
                                                            place)
              .getResult();
}

SmallVector<Value> WithSignOp::lower(LocBuilder &, ArrayRef<Value> x) {
  return {x[0]};
}

static LogicalResult moveTo(FailureOr<SmallVector<RefTensor>> &&values,
                            MutableArrayRef<RefTensor> results) {
  if (failed(values))
    return failure();
  llvm::move(*values, results.begin());
  return success();
}

// ---- varve.if ----

LogicalResult IfOp::verifyRegions() {
  if (typeOf(getCondition()).getRank() != 0) // if C1
    return emitOpError() << "condition is " << getCondition().getType()
                         << ", not of rank 0";
  // if C2, C3
  if (failed(verifyRegion(*this, getThenRegion(), "the first region",
                          getInputs().getTypes(), getResultTypes())))
    return failure();
  return verifyRegion(*this, getElseRegion(), "the second region",
                      getInputs().getTypes(), getResultTypes());
}
LogicalResult IfOp::evaluateRegions(ArrayRef<RefTensor> operands,
                                    MutableArrayRef<RefTensor> results,
                                    RunRegion run) {
  Region &taken = operands[0].i[0] ? getThenRegion() : getElseRegion();
  return moveTo(run(taken, operands.drop_front()), results);
}
SmallVector<Value> IfOp::lower(LocBuilder &b, ArrayRef<Value> operands) {
  Value condition = tensor::ExtractOp::create(b, operands[0], ValueRange{});
  auto branch = scf::IfOp::create(b, signlessTypes(getResultTypes()), condition,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [from, to] : {std::pair{&getThenRegion(), &branch.getThenRegion()},
                          {&getElseRegion(), &branch.getElseRegion()}}) {
    b.setInsertionPointToEnd(&to->front());
    scf::YieldOp::create(
        b, unsign(b, inlineRegion(b, *from, operands.drop_front())));
  }
  return llvm::to_vector_of<Value>(branch.getResults());
}

namespace {
/// A known condition leaves one region.
struct ChooseRegion : OpRewritePattern<IfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IfOp op,
                                PatternRewriter &rewriter) const override {
    DenseElementsAttr known;
    if (!matchPattern(op.getCondition(), m_Constant(&known)))
      return rewriter.notifyMatchFailure(op, "the condition is not known");
    Region &taken =
        known.getSplatValue<bool>() ? op.getThenRegion() : op.getElseRegion();
    Operation *end = yieldOf(taken);
    SmallVector<Value> inputs(op.getInputs());
    rewriter.inlineBlockBefore(&taken.front(), op, inputs);
    rewriter.replaceOp(op, end->getOperands());
    rewriter.eraseOp(end);
    return success();
  }
};
} // namespace
void IfOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                       MLIRContext *context) {
  patterns.add<ChooseRegion>(context);
}

// ---- varve.while ----

LogicalResult WhileOp::verifyRegions() {
  auto takes = llvm::to_vector(getOperandTypes());
  Type truth = RankedTensorType::get({}, IntegerType::get(getContext(), 1));
  // while C1, C2
  if (failed(verifyRegion(*this, getCondition(), "the condition", takes,
                          TypeRange(truth))))
    return failure();
  // while C1, C3
  if (failed(verifyRegion(*this, getBody(), "the body", takes,
                          getInits().getTypes())))
    return failure();
  if (getInits().getTypes() != getResultTypes()) // while C3
    return emitOpError() << "gives (" << getResultTypes() << "), not ("
                         << getInits().getTypes() << ")";
  if (getBound() && *getBound() < 0) // while C4
    return emitOpError() << "bound " << *getBound() << " is negative";
  return success();
}
LogicalResult WhileOp::evaluateRegions(ArrayRef<RefTensor> operands,
                                       MutableArrayRef<RefTensor> results,
                                       RunRegion run) {
  SmallVector<RefTensor> now(operands);
  size_t carried = results.size();
  for (int64_t step = 0; !getBound() || step < *getBound(); ++step) {
    auto more = run(getCondition(), now);
    if (failed(more))
      return failure();
    if (!(*more)[0].i[0])
      break;
    auto next = run(getBody(), now);
    if (failed(next))
      return failure();
    llvm::move(*next, now.begin());
  }
  std::move(now.begin(), now.begin() + carried, results.begin());
  return success();
}
// With a bound the step is carried first.
SmallVector<Value> WhileOp::lower(LocBuilder &b, ArrayRef<Value> operands) {
  size_t carried = getInits().size();
  ArrayRef<Value> constants = operands.drop_front(carried);
  SmallVector<Value> init(operands.take_front(carried));
  unsigned extra = getBound() ? 1 : 0;
  if (extra)
    init.insert(init.begin(), arith::ConstantIndexOp::create(b, 0));
  SmallVector<Type> types = llvm::to_vector(TypeRange(ValueRange(init)));
  auto loop = scf::WhileOp::create(b, types, init);
  SmallVector<Location> locs(types.size(), b.getLoc());
  OpBuilder::InsertionGuard guard(b);
  auto onArguments = [&](Region &region, Block *block) {
    SmallVector<Value> arguments(block->getArguments().drop_front(extra));
    llvm::append_range(arguments, constants);
    return inlineRegion(b, region, arguments);
  };
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locs);
  Value more = tensor::ExtractOp::create(
      b, onArguments(getCondition(), before)[0], ValueRange{});
  if (extra) {
    Value last = arith::ConstantIndexOp::create(b, *getBound());
    Value within = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                         before->getArgument(0), last);
    more = arith::AndIOp::create(b, within, more);
  }
  scf::ConditionOp::create(b, more, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locs);
  SmallVector<Value> next = unsign(b, onArguments(getBody(), after));
  SmallVector<Value> now(after->getArguments().drop_front(extra));
  keepPlace(b, next, now);
  if (extra) {
    Value one = arith::ConstantIndexOp::create(b, 1);
    next.insert(next.begin(),
                arith::AddIOp::create(b, after->getArgument(0), one));
  }
  scf::YieldOp::create(b, next);
  return llvm::to_vector_of<Value>(loop.getResults().drop_front(extra));
}

// ---- varve.scan ----

/// `type` without or with an axis.
static RankedTensorType dropAxis(RankedTensorType type, int64_t axis) {
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + axis);
  return type.clone(shape);
}
static RankedTensorType addAxis(RankedTensorType type, int64_t axis,
                                int64_t size) {
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + axis, size);
  return type.clone(shape);
}

LogicalResult ScanOp::verifyRegions() {
  if (getAxis().size() != getSequences().size()) // scan C1
    return emitOpError() << "has " << getAxis().size() << " axes for "
                         << getSequences().size() << " sequences";
  auto takes = llvm::to_vector(getInits().getTypes());
  for (auto [axis, v] : llvm::zip(getAxis(), getSequences())) {
    auto type = typeOf(v);
    if (axis < 0 || axis >= type.getRank() ||
        type.getDimSize(axis) != getLength()) // scan C1
      return emitOpError() << "axis " << axis << " of " << type
                           << " is not of length " << getLength();
    takes.push_back(dropAxis(type, axis));
  }
  llvm::append_range(takes, getConstants().getTypes());
  size_t carried = getInits().size();
  Operation *end = &getBody().front().back();
  auto yields = llvm::to_vector(getInits().getTypes());
  auto gives = yields;
  if (end->getNumOperands() != carried + getOutAxis().size()) // scan C3
    return emitOpError() << "yields " << end->getNumOperands() << " values for "
                         << carried << " carried and " << getOutAxis().size()
                         << " outputs";
  for (auto [axis, v] :
       llvm::zip(getOutAxis(), end->getOperands().drop_front(carried))) {
    auto type = typeOf(v);
    if (axis < 0 || axis > type.getRank()) // scan C3
      return emitOpError() << "cannot stack " << type << " along axis " << axis;
    yields.push_back(type);
    gives.push_back(addAxis(type, axis, getLength()));
  }
  // scan C2, C3
  if (failed(verifyRegion(*this, getBody(), "the body", takes, yields)))
    return failure();
  if (getResultTypes() != TypeRange(gives)) // scan C4
    return emitOpError() << "gives (" << getResultTypes() << "), not (" << gives
                         << ")";
  return success();
}

LogicalResult ScanOp::evaluateRegions(ArrayRef<RefTensor> operands,
                                      MutableArrayRef<RefTensor> results,
                                      RunRegion run) {
  size_t carried = getInits().size(), n = getSequences().size();
  SmallVector<RefTensor> now(operands.take_front(carried));
  for (int64_t step = 0; step < getLength(); ++step) {
    int64_t i = getReverse() ? getLength() - 1 - step : step;
    SmallVector<RefTensor> arguments(now);
    for (size_t s = 0; s < n; ++s) {
      const RefTensor &x = operands[carried + s];
      std::vector<int64_t> shape = x.shape;
      shape.erase(shape.begin() + getAxis()[s]);
      RefTensor slice(x.element, shape);
      for (int64_t e = 0; e < slice.size(); ++e) {
        std::vector<int64_t> at = indexOf(e, shape);
        at.insert(at.begin() + getAxis()[s], i);
        slice.set(e, x.at(positionOf(at, x.shape)));
      }
      arguments.push_back(std::move(slice));
    }
    llvm::append_range(arguments, operands.drop_front(carried + n));
    auto yields = run(getBody(), arguments);
    if (failed(yields))
      return failure();
    for (size_t o = 0; o < getOutAxis().size(); ++o) {
      const RefTensor &v = (*yields)[carried + o];
      RefTensor &y = results[carried + o];
      for (int64_t e = 0; e < v.size(); ++e) {
        std::vector<int64_t> at = indexOf(e, v.shape);
        at.insert(at.begin() + getOutAxis()[o], i);
        y.set(positionOf(at, y.shape), v.at(e));
      }
    }
    yields->truncate(carried);
    now = std::move(*yields);
  }
  llvm::move(now, results.begin());
  return success();
}

/// The part of `x` at `i` along `axis`.
static void placeAt(LocBuilder &b, RankedTensorType type, int64_t axis, Value i,
                    SmallVectorImpl<OpFoldResult> &offsets,
                    SmallVectorImpl<OpFoldResult> &sizes,
                    SmallVectorImpl<OpFoldResult> &strides) {
  for (int64_t d = 0; d < type.getRank(); ++d) {
    offsets.push_back(d == axis ? OpFoldResult(i) : b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(d == axis ? 1 : type.getDimSize(d)));
    strides.push_back(b.getIndexAttr(1));
  }
}

// A loop over tensors: slices of the sequences, and outputs put in their place.
SmallVector<Value> ScanOp::lower(LocBuilder &b, ArrayRef<Value> operands) {
  size_t carried = getInits().size(), n = getSequences().size();
  SmallVector<Value> init(operands.take_front(carried));
  for (Type type : TypeRange(getResultTypes()).drop_front(carried)) {
    auto stacked = signless(cast<RankedTensorType>(type));
    init.push_back(tensor::EmptyOp::create(b, stacked.getShape(),
                                           stacked.getElementType()));
  }
  auto step = [&](LocBuilder &in, ArrayRef<Value> at, ArrayRef<Value> now) {
    Value i = at[0];
    if (getReverse()) {
      Value last = arith::ConstantIndexOp::create(in, getLength() - 1);
      i = arith::SubIOp::create(in, last, i);
    }
    SmallVector<Value> arguments(now.take_front(carried));
    for (size_t s = 0; s < n; ++s) {
      Value x = operands[carried + s];
      SmallVector<OpFoldResult> offsets, sizes, strides;
      placeAt(in, typeOf(x), getAxis()[s], i, offsets, sizes, strides);
      arguments.push_back(tensor::ExtractSliceOp::create(
          in, dropAxis(typeOf(x), getAxis()[s]), x, offsets, sizes, strides));
    }
    llvm::append_range(arguments, operands.drop_front(carried + n));
    SmallVector<Value> next =
        unsign(in, inlineRegion(in, getBody(), arguments));
    for (size_t o = 0; o < getOutAxis().size(); ++o) {
      SmallVector<OpFoldResult> offsets, sizes, strides;
      Value all = now[carried + o];
      placeAt(in, typeOf(all), getOutAxis()[o], i, offsets, sizes, strides);
      next[carried + o] = tensor::InsertSliceOp::create(
          in, next[carried + o], all, offsets, sizes, strides);
    }
    keepPlace(in, MutableArrayRef(next).take_front(carried),
              now.take_front(carried));
    return next;
  };
  if (init.empty())
    return {};
  return buildLoops(b, {getLength()}, init, step);
}
