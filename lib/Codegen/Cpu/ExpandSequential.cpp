// Kernels whose root is a loop that carries tensors (cumsum, top_k,
// scatter_add): tensor.insert and tensor.extract become stores and loads of the
// outs, in the order of the loop.
//
// A loop of the nest is free if each access to a carried tensor has its
// variable at the same place of the index: then threads share its turns, and
// each does the whole of the other loops for its own. Without one, thread 0
// does all.
#include "KernelBody.h"
#include "KernelCost.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace varve {

static int64_t staticTrips(scf::ForOp loop) {
  std::optional<APInt> n = loop.getStaticTripCount();
  return n ? n->getSExtValue() : 1;
}

/// Where the variable of `loop` stands in the index of every access, inside
/// it, to a tensor that is not an argument; -1: nowhere fixed. Fails if it is
/// not free.
static LogicalResult findFreeAxis(scf::ForOp loop, int64_t &axis) {
  axis = -1;
  for (Type t : loop.getResultTypes())
    if (!isa<RankedTensorType>(t))
      return failure();
  auto check = [&](Value tensor, ValueRange at) {
    auto arg = dyn_cast<BlockArgument>(tensor);
    if (arg && isa<kernel::DefOp>(arg.getOwner()->getParentOp()))
      return true;
    if (axis < 0)
      axis = llvm::find(at, loop.getInductionVar()) - at.begin();
    return axis < int64_t(at.size()) && at[axis] == loop.getInductionVar();
  };
  auto result = loop.walk([&](Operation *op) {
    bool fine = true;
    if (auto read = dyn_cast<tensor::ExtractOp>(op))
      fine = check(read.getTensor(), read.getIndices());
    else if (auto write = dyn_cast<tensor::InsertOp>(op))
      fine = check(write.getDest(), write.getIndices());
    return fine ? WalkResult::advance() : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted() || axis < 0);
}

scf::ForOp findFreeLoop(kernel::DefOp def, int64_t &axis) {
  scf::ForOp best;
  for (auto loop : def.getBody().front().getOps<scf::ForOp>())
    for (auto at = loop; at;) {
      APInt low, step;
      int64_t candidate;
      bool simple = matchPattern(at.getLowerBound(), m_ConstantInt(&low)) &&
                    low.isZero() &&
                    matchPattern(at.getStep(), m_ConstantInt(&step)) &&
                    step.isOne();
      if (simple && succeeded(findFreeAxis(at, candidate)) &&
          (!best || staticTrips(at) > staticTrips(best))) {
        best = at;
        axis = candidate;
      }
      // Further in only while all that a loop does is another one.
      scf::ForOp inner;
      for (Operation &op : at.getBody()->without_terminator())
        if (auto next = dyn_cast<scf::ForOp>(op); next && !inner)
          inner = next;
        else if (!isa<arith::ConstantOp>(op))
          return best;
      at = inner;
    }
  return best;
}

int64_t workOfLoops(kernel::DefOp def) {
  int64_t work = 0;
  def.getBody().walk([&](Operation *op) {
    int64_t turns = op->getNumRegions() ? 0 : 1;
    for (Operation *p = op->getParentOp(); p != def; p = p->getParentOp()) {
      if (auto loop = dyn_cast<scf::ForOp>(p))
        turns *= staticTrips(loop);
      else if (!isa<scf::IfOp>(p))
        turns = 0;
    }
    work += turns;
  });
  return work;
}

namespace {

class Sequential {
public:
  Sequential(KernelBody &body) : body(body), b(body.b) {}

  LogicalResult expand();

private:
  using Buffer = KernelBody::Buffer;
  LogicalResult assign(Value tensor, const Buffer &buffer);
  void start(Value init, const Buffer &buffer);
  void runBlock(Block &block);
  void runFor(scf::ForOp loop);
  void runIf(scf::IfOp branch);
  Value scalar(Value v);
  SmallVector<Value> scalars(ValueRange values);
  SmallVector<Index> indices(ValueRange at);

  KernelBody &body;
  LoopBuilder &b;
  IRMapping mapping;
  DenseMap<Value, const Buffer *> places;
  SmallVector<std::pair<Value, const Buffer *>> inits;
  scf::ForOp freeLoop; // shared by threads, along `axis` of the outs
  int64_t axis = -1;
  Value lo, hi;
};

bool isTensor(Value v) { return isa<RankedTensorType>(v.getType()); }

// Every tensor on the way to an out lives in the out's buffer.
LogicalResult Sequential::assign(Value tensor, const Buffer &buffer) {
  const Buffer *&place = places[tensor];
  if (place)
    return success(place == &buffer);
  place = &buffer;
  if (auto arg = dyn_cast<BlockArgument>(tensor))
    return success(isa<scf::ForOp>(arg.getOwner()->getParentOp()));
  Operation *op = tensor.getDefiningOp();
  unsigned i = cast<OpResult>(tensor).getResultNumber();
  if (auto insert = dyn_cast<tensor::InsertOp>(op))
    return assign(insert.getDest(), buffer);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return success(
        succeeded(assign(branch.thenYield().getOperand(i), buffer)) &&
        succeeded(assign(branch.elseYield().getOperand(i), buffer)));
  auto loop = dyn_cast<scf::ForOp>(op);
  if (!loop)
    return failure();
  Value init = loop.getInitArgs()[i];
  auto outer = init.getDefiningOp();
  bool fromHere =
      outer ? isa<scf::ForOp, scf::IfOp, tensor::InsertOp>(outer)
            : !isa<kernel::DefOp>(init.getParentBlock()->getParentOp());
  if (fromHere) {
    if (failed(assign(init, buffer)))
      return failure();
  } else if (const Buffer *same = body.bufferOf(init); same != &buffer) {
    inits.push_back({init, &buffer});
  }
  return success(succeeded(assign(loop.getRegionIterArgs()[i], buffer)) &&
                 succeeded(assign(
                     loop.getBody()->getTerminator()->getOperand(i), buffer)));
}

// What the out holds before the loop.
void Sequential::start(Value init, const Buffer &buffer) {
  if (init.getDefiningOp<tensor::EmptyOp>())
    return;
  ArrayRef<int64_t> shape = buffer.layout.shape;
  Position p;
  p.at.resize(shape.size());
  int lane = buffer.layout.contiguousDim();
  auto put = [&] {
    body.newPoint();
    body.store(body.element(init, p), buffer, p.at, p);
    body.newPoint();
  };
  std::function<void(unsigned)> nest = [&](unsigned d) {
    if (d == shape.size())
      return put();
    bool shared = freeLoop && int64_t(d) == axis;
    if (int(d) == lane && !shared && shape[d] >= kLanes) {
      int64_t whole = shape[d] / kLanes * kLanes;
      p.vector = true;
      b.loop(b.index(0), b.index(whole), kLanes, [&](Value v) {
        p.at[d] = Index::of(v).withLane(1);
        nest(d + 1);
      });
      if (whole < shape[d]) {
        p.at[d] = Index::of(whole).withLane(1);
        p.mask = b.maskBelow(shape[d] - whole);
        nest(d + 1);
      }
      p.vector = false;
      p.mask = {};
      return;
    }
    b.loop(shared ? lo : b.index(0), shared ? hi : b.index(shape[d]), 1,
           [&](Value v) {
             p.at[d] = Index::of(v);
             nest(d + 1);
           });
  };
  // The lane's dimension is last, so that masks are set once.
  nest(0);
}

Value Sequential::scalar(Value v) {
  if (Value known = mapping.lookupOrNull(v))
    return known;
  return body.outside(v);
}

SmallVector<Value> Sequential::scalars(ValueRange values) {
  SmallVector<Value> r;
  for (Value v : values)
    if (!isTensor(v))
      r.push_back(scalar(v));
  return r;
}

SmallVector<Index> Sequential::indices(ValueRange at) {
  SmallVector<Index> r;
  for (Value v : at)
    r.push_back(Index::of(scalar(v)));
  return r;
}

static void mapScalars(IRMapping &mapping, ValueRange from, ValueRange to) {
  unsigned next = 0;
  for (Value v : from)
    if (!isTensor(v))
      mapping.map(v, to[next++]);
}

void Sequential::runFor(scf::ForOp loop) {
  bool shared = loop == freeLoop;
  SmallVector<Value> init = scalars(loop.getInitArgs());
  auto made = scf::ForOp::create(b, shared ? lo : scalar(loop.getLowerBound()),
                                 shared ? hi : scalar(loop.getUpperBound()),
                                 scalar(loop.getStep()), init);
  mapping.map(loop.getInductionVar(), made.getInductionVar());
  mapScalars(mapping, loop.getRegionIterArgs(), made.getRegionIterArgs());
  OpBuilder::InsertionGuard guard(b);
  if (init.empty())
    b.setInsertionPoint(made.getBody()->getTerminator());
  else
    b.setInsertionPointToEnd(made.getBody());
  runBlock(*loop.getBody());
  if (!init.empty())
    scf::YieldOp::create(
        b, scalars(loop.getBody()->getTerminator()->getOperands()));
  mapScalars(mapping, loop.getResults(), made.getResults());
}

void Sequential::runIf(scf::IfOp branch) {
  SmallVector<Type> types;
  for (Type t : branch.getResultTypes())
    if (!isa<RankedTensorType>(t))
      types.push_back(t);
  bool hasElse = !branch.getElseRegion().empty();
  auto made = scf::IfOp::create(b, types, scalar(branch.getCondition()),
                                /*addThenBlock=*/true, hasElse);
  auto fill = [&](Block *from, Block *to) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(to);
    runBlock(*from);
    scf::YieldOp::create(b, scalars(from->getTerminator()->getOperands()));
  };
  fill(branch.thenBlock(), made.thenBlock());
  if (hasElse)
    fill(branch.elseBlock(), made.elseBlock());
  mapScalars(mapping, branch.getResults(), made.getResults());
}

void Sequential::runBlock(Block &block) {
  Position p;
  for (Operation &op : block.without_terminator()) {
    body.newPoint(); // what was loaded may have been overwritten
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      runFor(loop);
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      runIf(branch);
    } else if (auto read = dyn_cast<tensor::ExtractOp>(op)) {
      p.at = indices(read.getIndices());
      const Buffer *place = places.lookup(read.getTensor());
      mapping.map(read.getResult(), place ? body.load(*place, p.at, p)
                                          : body.element(read.getTensor(), p));
    } else if (auto write = dyn_cast<tensor::InsertOp>(op)) {
      const Buffer *place = places.lookup(write.getDest());
      if (!place) {
        body.unsupported("an insertion into no out",
                         write.getScalar().getType());
        return;
      }
      p.at = indices(write.getIndices());
      body.store(scalar(write.getScalar()), *place, p.at, p);
    } else if (isa<arith::ConstantOp>(op)) {
      mapping.map(op.getResult(0), body.outside(op.getResult(0)));
    } else if (op.getNumRegions() || !isPure(&op) ||
               llvm::any_of(op.getResults(), isTensor)) {
      body.unsupported(op.getName().getStringRef(), b.getIndexType());
      return;
    } else {
      for (Value v : op.getOperands())
        if (!mapping.contains(v))
          mapping.map(v, body.outside(v));
      b.clone(op, mapping);
    }
  }
  body.newPoint();
}

LogicalResult Sequential::expand() {
  for (auto [v, out] :
       llvm::zip(body.def.getYielded(), body.def.getOutArguments()))
    if (v != out && failed(assign(v, *body.bufferOf(out))))
      return body.def.emitError("a loop whose tensors do not end in the outs");
  auto all = [&] {
    for (auto [init, buffer] : inits)
      start(init, *buffer);
    Block &block = body.def.getBody().front();
    for (auto loop : block.getOps<scf::ForOp>())
      runFor(loop);
  };
  freeLoop = findFreeLoop(body.def, axis);
  if (freeLoop) {
    std::tie(lo, hi) = body.slice(staticTrips(freeLoop));
    all();
    return success();
  }
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, body.thread,
                                      b.index(0));
  b.when(first, all);
  return success();
}

} // namespace

LogicalResult expandSequential(KernelBody &body) {
  return Sequential(body).expand();
}

} // namespace varve
