// Gradients of branches and loops, and their construction from bodies that
// capture.
#include "Dialect/Varve/Ops/Build.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace varve;

// ---- construction ----

/// Runs `body` in a new block of `region` whose arguments have these types.
static void fillRegion(LocBuilder &b, Region &region, TypeRange types,
                       BuildBody body) {
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locs(types.size(), b.getLoc());
  Block *block = b.createBlock(&region, {}, types, locs);
  SmallVector<Value> arguments(block->getArguments());
  YieldOp::create(b, body(b, arguments));
}

/// Makes arguments of what the regions read from outside: the same for each,
/// in the same order. Constants are copied instead.
static SmallVector<Value> captureInto(LocBuilder &b,
                                      ArrayRef<Region *> regions) {
  OpBuilder::InsertionGuard guard(b);
  llvm::SetVector<Value> captured;
  SmallVector<std::pair<Region *, OpOperand *>> reads;
  for (Region *region : regions) {
    SmallVector<OpOperand *> outside;
    region->walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (!region->isAncestor(operand.get().getParentRegion()))
          outside.push_back(&operand);
    });
    DenseMap<Operation *, Operation *> copies;
    b.setInsertionPointToStart(&region->front());
    for (OpOperand *operand : outside) {
      Operation *source = operand->get().getDefiningOp();
      if (source && source->hasTrait<OpTrait::ConstantLike>()) {
        Operation *&copy = copies[source];
        if (!copy)
          copy = b.clone(*source);
        operand->set(copy->getResult(0));
      } else {
        captured.insert(operand->get());
        reads.push_back({region, operand});
      }
    }
  }
  DenseMap<std::pair<Region *, Value>, Value> arguments;
  for (Region *region : regions)
    for (Value v : captured)
      arguments[{region, v}] = region->addArgument(v.getType(), v.getLoc());
  // Not by the uses of each value: the regions are in no operation yet, and
  // which of them a use is in cannot be asked.
  for (auto [region, operand] : reads)
    operand->set(arguments[{region, operand->get()}]);
  return captured.takeVector();
}

static SmallVector<Type> yieldedTypes(Region &region) {
  return llvm::to_vector(region.front().getTerminator()->getOperandTypes());
}

IfOp varve::buildIf(ImplicitLocOpBuilder &b, Value condition, ValueRange inputs,
                    BuildBody then, BuildBody otherwise) {
  Region first, second;
  fillRegion(b, first, inputs.getTypes(), then);
  fillRegion(b, second, inputs.getTypes(), otherwise);
  SmallVector<Value> all(inputs);
  llvm::append_range(all, captureInto(b, {&first, &second}));
  auto op = IfOp::create(b, yieldedTypes(first), condition, all);
  op.getThenRegion().takeBody(first);
  op.getElseRegion().takeBody(second);
  return op;
}

WhileOp varve::buildWhile(ImplicitLocOpBuilder &b, ValueRange inits,
                          BuildBody condition, BuildBody body,
                          std::optional<int64_t> bound) {
  Region first, second;
  fillRegion(b, first, inits.getTypes(), condition);
  fillRegion(b, second, inits.getTypes(), body);
  SmallVector<Value> constants = captureInto(b, {&first, &second});
  auto op =
      WhileOp::create(b, inits.getTypes(), inits, constants,
                      bound ? b.getI64IntegerAttr(*bound) : IntegerAttr());
  op.getCondition().takeBody(first);
  op.getBody().takeBody(second);
  return op;
}

ScanOp varve::buildScan(ImplicitLocOpBuilder &b, int64_t length,
                        ValueRange inits, ValueRange sequences,
                        ArrayRef<int64_t> axis, ValueRange constants,
                        ArrayRef<int64_t> outAxis, BuildBody body,
                        bool reverse) {
  SmallVector<Type> types(inits.getTypes());
  for (auto [v, at] : llvm::zip_equal(sequences, axis)) {
    SmallVector<int64_t> shape(shapeOf(v));
    shape.erase(shape.begin() + at);
    types.push_back(typeOf(v).clone(shape));
  }
  llvm::append_range(types, constants.getTypes());
  Region region;
  fillRegion(b, region, types, body);
  SmallVector<Value> all(constants);
  llvm::append_range(all, captureInto(b, {&region}));
  SmallVector<Type> results = yieldedTypes(region);
  for (auto [i, at] : llvm::enumerate(outAxis)) {
    auto type = cast<RankedTensorType>(results[inits.size() + i]);
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.begin() + at, length);
    results[inits.size() + i] = type.clone(shape);
  }
  auto op = ScanOp::create(b, results, inits, sequences, all, length, axis,
                           outAxis, reverse);
  op.getBody().takeBody(region);
  return op;
}

// ---- gradients ----

static bool isReal(Value v) {
  return isa<FloatType>(typeOf(v).getElementType());
}

/// A copy of the region's operations at `b`; its yields.
static SmallVector<Value> cloneInto(OpBuilder &b, Region &region,
                                    ValueRange arguments) {
  IRMapping map;
  map.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator())
    b.clone(op, map);
  SmallVector<Value> yields;
  for (Value v : region.front().getTerminator()->getOperands())
    yields.push_back(map.lookupOrDefault(v));
  return yields;
}

/// The gradients of a copy of `region` at `arguments`, which are of this
/// block, with zeros for null; for the arguments of float type, in order.
/// `cotangents` belong to the yields and are null where these are no floats.
static FailureOr<SmallVector<Value>> gradientsOf(LocBuilder &b, Region &region,
                                                 ValueRange arguments,
                                                 ArrayRef<Value> cotangents,
                                                 BuildGradients gradient) {
  SmallVector<Value> results, weights, wrt;
  SmallVector<Value> yields = cloneInto(b, region, arguments);
  for (auto [v, cotangent] : llvm::zip_equal(yields, cotangents))
    if (cotangent) {
      results.push_back(v);
      weights.push_back(cotangent);
    }
  for (Value v : arguments)
    if (isReal(v))
      wrt.push_back(v);
  auto gradients = gradient(b, results, weights, wrt);
  if (failed(gradients))
    return failure();
  for (auto [g, v] : llvm::zip(*gradients, wrt))
    if (!g)
      g = constantLike(b, v, 0);
  return gradients;
}

// A branch on the same condition. Each region computes its values again, as
// far as its gradient needs them.
LogicalResult IfOp::buildRegionVjp(LocBuilder &b, ArrayRef<Value> dResults,
                                   MutableArrayRef<Value> dOperands,
                                   BuildGradients gradient) {
  size_t n = getInputs().size();
  SmallVector<Value> inputs(getInputs());
  for (Value cotangent : dResults)
    if (cotangent)
      inputs.push_back(cotangent);
  LogicalResult done = success();
  auto branch = [&](Region &region) {
    return [&](LocBuilder &in, ArrayRef<Value> args) -> SmallVector<Value> {
      SmallVector<Value> cotangents;
      size_t next = n;
      for (Value cotangent : dResults)
        cotangents.push_back(cotangent ? args[next++] : Value());
      auto gradients =
          gradientsOf(in, region, args.take_front(n), cotangents, gradient);
      if (succeeded(gradients))
        return *gradients;
      done = failure();
      return {};
    };
  };
  auto op = buildIf(b, getCondition(), inputs, branch(getThenRegion()),
                    branch(getElseRegion()));
  if (failed(done))
    return failure();
  size_t next = 0;
  for (auto [i, v] : llvm::enumerate(getInputs()))
    if (isReal(v))
      dOperands[1 + i] = op.getResult(next++);
  return success();
}

/// The scan with what it carries into each step as outputs too, and the
/// numbers of these results. It takes the place of `op`, whose uses it gets.
static std::pair<ScanOp, SmallVector<size_t>> saveCarried(LocBuilder &b,
                                                          ScanOp op) {
  size_t carried = op.getInits().size(), outputs = op.getOutAxis().size();
  Block &body = op.getBody().front();
  auto yields = body.getTerminator()->getOperands();
  SmallVector<size_t> saved;
  for (size_t i = 0; i < carried; ++i)
    for (size_t o = 0; o < outputs; ++o)
      if (yields[carried + o] == body.getArgument(i) &&
          op.getOutAxis()[o] == 0) {
        saved.push_back(carried + o);
        break;
      }
  if (saved.size() == carried) // Differentiated before.
    return {op, saved};

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(op);
  SmallVector<int64_t> outAxis(op.getOutAxis());
  outAxis.append(carried, 0);
  auto more = buildScan(
      b, op.getLength(), op.getInits(), op.getSequences(), op.getAxis(),
      op.getConstants(), outAxis,
      [&](LocBuilder &in, ArrayRef<Value> args) {
        SmallVector<Value> all = cloneInto(in, op.getBody(), args);
        llvm::append_range(all, args.take_front(carried));
        return all;
      },
      op.getReverse());
  for (auto [before, now] : llvm::zip(op.getResults(), more.getResults()))
    before.replaceAllUsesWith(now);
  saved.clear();
  for (size_t i = 0; i < carried; ++i)
    saved.push_back(carried + outputs + i);
  return {more, saved};
}

// A scan in the other direction. It carries the cotangents of what is carried
// and the sums of those of the constants; step i takes what was carried into
// it, its slices, and the cotangents of its outputs.
LogicalResult ScanOp::buildRegionVjp(LocBuilder &b, ArrayRef<Value> dResults,
                                     MutableArrayRef<Value> dOperands,
                                     BuildGradients gradient) {
  size_t carried = getInits().size(), count = getSequences().size();
  auto [forward, saved] = saveCarried(b, *this);
  SmallVector<Value> inits, sequences;
  SmallVector<int64_t> axis, outAxis;
  for (auto [v, cotangent] : llvm::zip(getInits(), dResults))
    if (isReal(v))
      inits.push_back(cotangent ? cotangent : constantLike(b, v, 0));
  size_t cotangents = inits.size();
  for (Value v : getConstants())
    if (isReal(v))
      inits.push_back(constantLike(b, v, 0));
  size_t sums = inits.size();
  for (size_t result : saved) {
    sequences.push_back(forward.getResult(result));
    axis.push_back(0);
  }
  for (auto [v, a] : llvm::zip(getSequences(), getAxis())) {
    sequences.push_back(v);
    axis.push_back(a);
    if (isReal(v))
      outAxis.push_back(a);
  }
  for (auto [cotangent, a] :
       llvm::zip(dResults.drop_front(carried), getOutAxis()))
    if (cotangent) {
      sequences.push_back(cotangent);
      axis.push_back(a);
    }

  LogicalResult done = success();
  auto step = [&](LocBuilder &in, ArrayRef<Value> args) -> SmallVector<Value> {
    ArrayRef<Value> carry = args.take_front(sums);
    ArrayRef<Value> slices = args.slice(sums, sequences.size());
    SmallVector<Value> arguments(slices.take_front(carried + count)), weights;
    llvm::append_range(arguments, args.drop_front(sums + sequences.size()));
    size_t next = 0, slice = carried + count;
    for (Value v : getInits())
      weights.push_back(isReal(v) ? carry[next++] : Value());
    for (Value cotangent : dResults.drop_front(carried))
      weights.push_back(cotangent ? slices[slice++] : Value());
    auto gradients = gradientsOf(in, getBody(), arguments, weights, gradient);
    if (failed(gradients)) {
      done = failure();
      return llvm::to_vector(carry);
    }
    // Gradients of carried values, slices, constants become: carried
    // cotangents, sums, outputs.
    ArrayRef<Value> all = *gradients;
    SmallVector<Value> yields(all.take_front(cotangents));
    for (auto [sum, term] : llvm::zip(carry.drop_front(cotangents),
                                      all.take_back(sums - cotangents)))
      yields.push_back(add(in, sum, term));
    llvm::append_range(yields, all.slice(cotangents, outAxis.size()));
    return yields;
  };
  auto back = buildScan(b, getLength(), inits, sequences, axis, getConstants(),
                        outAxis, step, !getReverse());
  if (failed(done))
    return failure();
  size_t init = 0, sum = cotangents, output = sums;
  for (auto [v, d] : llvm::zip(getOperands(), llvm::enumerate(dOperands))) {
    if (!isReal(v))
      continue;
    size_t &next = d.index() < carried           ? init
                   : d.index() < carried + count ? output
                                                 : sum;
    d.value() = back.getResult(next++);
  }
  return success();
}

// The gradient of the scan that takes the same steps, and none once the
// condition fails.
LogicalResult WhileOp::buildRegionVjp(LocBuilder &b, ArrayRef<Value> dResults,
                                      MutableArrayRef<Value> dOperands,
                                      BuildGradients gradient) {
  if (!getBound())
    return emitOpError("has no gradient: how many steps it takes is not known; "
                       "give it a bound, or use a scan");
  size_t carried = getInits().size();
  OpBuilder::InsertPoint here = b.saveInsertionPoint();
  b.setInsertionPointAfter(*this);
  auto step = [&](LocBuilder &in, ArrayRef<Value> args) {
    Value more = cloneInto(in, getCondition(), args)[0];
    auto next = buildIf(
        in, more, args,
        [&](LocBuilder &then, ArrayRef<Value> now) {
          return cloneInto(then, getBody(), now);
        },
        [&](LocBuilder &, ArrayRef<Value> now) {
          return llvm::to_vector(now.take_front(carried));
        });
    return llvm::to_vector_of<Value>(next.getResults());
  };
  auto scan =
      buildScan(b, *getBound(), getInits(), {}, {}, getConstants(), {}, step);
  for (auto [before, now] : llvm::zip(getResults(), scan.getResults()))
    before.replaceAllUsesWith(now);
  b.restoreInsertionPoint(here);
  return scan.buildRegionVjp(b, dResults, dOperands, gradient);
}
