// Evaluation of kernel bodies at a position. Producers inside the kernel are
// evaluated where they are needed; what was evaluated at one place of the code
// is remembered until newPoint().
#include "KernelBody.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using linalg::GenericOp;

namespace varve {

KernelBody::KernelBody(kernel::DefOp def, TypeRange operands, StringRef name)
    : b(def.getLoc(), def.getContext()), def(def) {
  SmallVector<Type> types;
  for (auto [arg, type] :
       llvm::zip(def.getBody().front().getArguments(), operands)) {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref) {
      types.push_back(type);
      continue;
    }
    FailureOr<Layout> layout = Layout::of(memref);
    if (::failed(layout)) {
      unsupported("the layout of " + Twine(types.size()), type);
      return;
    }
    buffers[arg] = {Value(), *layout, memref.getElementType()};
    types.push_back(*flatType(memref));
  }
  types.append(2, b.getIndexType());
  b.setInsertionPoint(def);
  fn = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  fn.setPrivate();
}

LogicalResult KernelBody::start() {
  if (failed)
    return failure();
  Block *entry = fn.addEntryBlock();
  b.setEntry(entry);
  b.setInsertionPointToStart(entry);
  for (auto [arg, v] :
       llvm::zip(def.getBody().front().getArguments(), entry->getArguments()))
    if (auto it = buffers.find(arg); it != buffers.end())
      it->second.memory = v;
    else
      scalars[arg] = v;
  thread = entry->getArguments().end()[-2];
  threads = entry->getArguments().end()[-1];
  return success();
}

LogicalResult KernelBody::finish() {
  b.setInsertionPointToEnd(&fn.getBody().front());
  func::ReturnOp::create(b);
  return failure(failed);
}

Value KernelBody::unsupported(const Twine &what, Type type) {
  if (!failed)
    def.emitError("cannot expand ") << what << " of type " << type;
  failed = true;
  if (!fn || !isa<IntegerType, FloatType, IndexType>(type))
    return {};
  return b.constant(b.getZeroAttr(type));
}

Value KernelBody::scratch(int64_t elements, Type element) {
  return b.hoisted([&] {
    return memref::AllocaOp::create(b, MemRefType::get({elements}, element),
                                    b.getI64IntegerAttr(64));
  });
}

// ---- scalars outside linalg bodies ----

Value KernelBody::outside(Value v) {
  if (auto c = v.getDefiningOp<arith::ConstantOp>())
    return b.constant(cast<TypedAttr>(c.getValue()));
  if (Value s = scalars.lookup(v))
    return s;
  Operation *op = v.getDefiningOp();
  if (!op)
    return unsupported("a value from outside", v.getType());
  Value r = b.hoisted([&]() -> Value {
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      Position p;
      for (Value i : extract.getIndices())
        p.at.push_back(Index::of(outside(i)));
      return element(extract.getTensor(), p);
    }
    if (op->getNumRegions() || !isPure(op))
      return unsupported(op->getName().getStringRef(), v.getType());
    SmallVector<Value> operands;
    for (Value o : op->getOperands())
      operands.push_back(outside(o));
    return elementwise(*op, operands, cast<OpResult>(v).getResultNumber());
  });
  return scalars[v] = r;
}

// ---- indices ----

std::optional<Index> KernelBody::apply(AffineExpr e, ArrayRef<Index> dims) {
  if (auto d = dyn_cast<AffineDimExpr>(e))
    return dims[d.getPosition()];
  if (auto c = dyn_cast<AffineConstantExpr>(e))
    return Index::of(c.getValue());
  auto binary = cast<AffineBinaryOpExpr>(e);
  auto x = apply(binary.getLHS(), dims), y = apply(binary.getRHS(), dims);
  if (!x || !y)
    return {};
  auto isConstant = [](const Index &i) { return i.terms.empty() && !i.lane; };
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return *x + *y;
  case AffineExprKind::Mul:
    if (isConstant(*y))
      return *x * y->constant;
    if (isConstant(*x))
      return *y * x->constant;
    return {};
  case AffineExprKind::FloorDiv:
  case AffineExprKind::Mod:
    if (!isConstant(*y) || x->lane)
      return {};
    return Index::of(binary.getKind() == AffineExprKind::Mod
                         ? b.rem(b.scalarPart(*x), y->constant)
                         : b.div(b.scalarPart(*x), y->constant));
  default:
    return {};
  }
}

std::optional<SmallVector<Index>> KernelBody::apply(AffineMap map,
                                                    ArrayRef<Index> dims) {
  SmallVector<Index> r;
  for (AffineExpr e : map.getResults()) {
    auto i = apply(e, dims);
    if (!i)
      return {};
    r.push_back(*i);
  }
  return r;
}

Value KernelBody::materialize(const Index &i, const Position &p) {
  Value s = addressBase(i);
  if (!i.lane || !p.vector)
    return s;
  Value lanes = b.laneNumbers();
  if (i.lane != 1)
    lanes = arith::MulIOp::create(b, lanes, b.splat(b.index(i.lane)));
  return arith::AddIOp::create(b, b.splat(s), lanes);
}

std::optional<Index> KernelBody::affineIn(Frame &f, Value v) {
  v = resolve(v);
  APInt c;
  if (matchPattern(v, m_ConstantInt(&c)))
    return Index::of(c.getSExtValue());
  Operation *op = v.getDefiningOp();
  if (!isa<IndexType>(v.getType()) || !op || !f.op->isProperAncestor(op))
    return {};
  if (auto ix = dyn_cast<linalg::IndexOp>(op))
    return f.at.at[ix.getDim()];
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return {};
  auto x = indexIn(f, op->getOperand(0)), y = indexIn(f, op->getOperand(1));
  if (!x || !y)
    return {};
  if (isa<arith::AddIOp>(op))
    return *x + *y;
  if (isa<arith::SubIOp>(op))
    return *x + *y * -1;
  if (y->terms.empty() && !y->lane)
    return *x * y->constant;
  return {};
}

std::optional<Index> KernelBody::indexIn(Frame &f, Value v) {
  if (auto i = affineIn(f, v))
    return i;
  Value value = valueIn(f, v);
  if (!value || isa<VectorType>(value.getType()))
    return {};
  return Index::of(value);
}

// ---- linalg bodies ----

KernelBody::Frame &KernelBody::frameAt(GenericOp g, const Position &p) {
  for (auto &f : frames)
    if (f->op == g && f->at == p)
      return *f;
  frames.push_back(
      std::make_unique<Frame>(Frame{g, p, llvm::DenseMap<Value, Value>()}));
  return *frames.back();
}

Value KernelBody::scalar(GenericOp g, const Position &p, Value v) {
  return valueIn(frameAt(g, p), v);
}

SmallVector<Value>
KernelBody::scalarsWith(GenericOp g, const Position &p,
                        ArrayRef<std::pair<Value, Value>> known) {
  Frame f{g, p, llvm::DenseMap<Value, Value>()};
  for (auto [arg, as] : known)
    f.values[arg] = as;
  SmallVector<Value> r;
  for (Value v : g.getBody()->getTerminator()->getOperands()) {
    Value s = valueIn(f, v);
    r.push_back(p.vector ? b.toVector(s) : s);
  }
  return r;
}

Value KernelBody::valueIn(Frame &f, Value v) {
  v = resolve(v);
  if (Value r = f.values.lookup(v))
    return r;
  auto make = [&]() -> Value {
    if (auto arg = dyn_cast<BlockArgument>(v);
        arg && arg.getOwner() == f.op.getBody()) {
      OpOperand *operand = f.op.getMatchingOpOperand(arg);
      auto at = apply(f.op.getMatchingIndexingMap(operand), f.at.at);
      if (!at)
        return unsupported("an indexing map", v.getType());
      return element(operand->get(), {*at, f.at.vector, f.at.mask});
    }
    Operation *op = v.getDefiningOp();
    if (!op || !f.op->isProperAncestor(op))
      return outside(v);
    if (isa<arith::ConstantOp>(op))
      return outside(v);
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      return this->extract(f, extract);
    if (isa<IndexType>(v.getType()))
      if (auto i = affineIn(f, v))
        return materialize(*i, f.at);
    SmallVector<Value> operands;
    for (Value o : op->getOperands()) {
      operands.push_back(valueIn(f, o));
      if (!operands.back())
        return {};
    }
    return elementwise(*op, operands, cast<OpResult>(v).getResultNumber());
  };
  Value r = make();
  return f.values[v] = r;
}

Value KernelBody::elementwise(Operation &op, ValueRange operands,
                              unsigned result) {
  if (!OpTrait::hasElementwiseMappableTraits(&op))
    return unsupported(op.getName().getStringRef(),
                       op.getResult(result).getType());
  bool vector = llvm::any_of(operands.getTypes(), llvm::IsaPred<VectorType>);
  OperationState state(b.getLoc(), op.getName());
  for (Value v : operands)
    state.addOperands(vector ? b.toVector(v) : v);
  for (Type t : op.getResultTypes())
    state.addTypes(vector ? b.vec(t) : t);
  state.addAttributes(op.getAttrs());
  return b.create(state)->getResult(result);
}

Value KernelBody::extract(Frame &f, tensor::ExtractOp op) {
  SmallVector<Index> at;
  bool affine = true;
  for (Value i : op.getIndices()) {
    auto ix = indexIn(f, i);
    affine &= ix.has_value();
    at.push_back(ix.value_or(Index()));
  }
  if (affine)
    return element(op.getTensor(), {at, f.at.vector, f.at.mask});
  const Buffer *buffer = bufferOf(op.getTensor());
  if (!buffer || buffer->layout.panelDim >= 0)
    return unsupported("a gather from a computed or panelled tensor",
                       op.getType());
  Value offsets = b.zeros(b.getIndexType());
  for (auto [d, i] : llvm::enumerate(op.getIndices())) {
    Value v = b.toVector(valueIn(f, i));
    Value stride = b.splat(b.index(buffer->layout.strides[d]));
    offsets =
        arith::AddIOp::create(b, offsets, arith::MulIOp::create(b, v, stride));
  }
  return gather(*buffer, b.index(0), offsets, f.at);
}

// ---- tensors ----

Value KernelBody::element(Value tensor, const Position &p) {
  if (Value v = known.lookup(tensor))
    return v;
  for (auto &[t, at, v] : tensorMemo)
    if (t == tensor && at == p)
      return v;
  Type type = getElementTypeOrSelf(tensor.getType());
  auto make = [&]() -> Value {
    if (const Buffer *buffer = bufferOf(tensor)) {
      auto arg = cast<BlockArgument>(tensor);
      // A scalar argument is read once, before the loops.
      if (buffer->layout.size == 1 && arg.getArgNumber() < def.getNumIns())
        return b.hoisted([&] {
          Position zero;
          zero.at.resize(p.at.size());
          return load(*buffer, zero.at, zero);
        });
      return load(*buffer, p.at, p);
    }
    if (scalars.count(tensor))
      return scalars[tensor];
    Operation *op = tensor.getDefiningOp();
    if (!op)
      return unsupported("an argument", type);
    if (isa<tensor::EmptyOp>(op))
      return b.constant(b.getZeroAttr(type));
    if (auto fill = dyn_cast<linalg::FillOp>(op))
      return outside(fill.getInputs()[0]);
    DenseElementsAttr splat;
    if (matchPattern(tensor, m_Constant(&splat)) && splat.isSplat())
      return b.constant(splat.getSplatValue<TypedAttr>());
    if (auto cast = dyn_cast<tensor::CastOp>(op))
      return element(cast.getSource(), p);
    if (auto g = dyn_cast<GenericOp>(op)) {
      unsigned result = mlir::cast<OpResult>(tensor).getResultNumber();
      AffineMap map = g.getIndexingMapMatchingResult(g->getResult(result));
      AffineMap back = inversePermutation(map);
      if (g.getNumReductionLoops() || !back || !map.isPermutation())
        return unsupported("a second root or an odd output map", type);
      Position q{*apply(back, p.at), p.vector, p.mask};
      return scalar(g, q, g.getBody()->getTerminator()->getOperand(result));
    }
    return unsupported(op->getName().getStringRef(), type);
  };
  Value v = make();
  tensorMemo.push_back({tensor, p, v});
  return v;
}

void KernelBody::storeYields(const Position &p) {
  SmallVector<Value> values;
  for (auto [v, out] : llvm::zip(def.getYielded(), def.getOutArguments()))
    values.push_back(v == out ? Value() : element(v, p));
  for (auto [v, out] : llvm::zip(values, def.getOutArguments()))
    if (v)
      store(v, *bufferOf(out), p.at, p);
}

void KernelBody::forEachRead(Value tensor, AffineMap map,
                             function_ref<void(Value, AffineMap)> visit) {
  if (bufferOf(tensor))
    return visit(tensor, map);
  auto g = tensor.getDefiningOp<GenericOp>();
  if (!g)
    return;
  AffineMap back = inversePermutation(
      g.getIndexingMapMatchingResult(cast<OpResult>(tensor)));
  AffineMap loops = back && map ? back.compose(map) : AffineMap();
  for (OpOperand &o : g->getOpOperands())
    if (g.payloadUsesValueFromOperand(&o))
      forEachRead(o.get(),
                  loops ? g.getMatchingIndexingMap(&o).compose(loops)
                        : AffineMap(),
                  visit);
}

bool KernelBody::readsContiguously(GenericOp g, ArrayRef<OpOperand *> operands,
                                   unsigned dim) {
  int yes = 0, no = 0;
  auto visit = [&](Value arg, AffineMap map) {
    if (!map || !map.isFunctionOfDim(dim))
      return;
    int64_t stride = 0;
    const Layout &layout = bufferOf(arg)->layout;
    for (auto [i, e] : llvm::enumerate(map.getResults()))
      if (e == b.getAffineDimExpr(dim))
        stride = layout.stride(i);
    ++(stride == 1 ? yes : no);
  };
  for (OpOperand *o : operands)
    forEachRead(o->get(), g.getMatchingIndexingMap(o), visit);
  return yes > 0 && yes >= no;
}

int64_t KernelBody::flatten() {
  Layout common = bufferOf(def.getOutArguments()[0])->layout;
  if (common.padded() || common.shape.empty())
    return 0;
  for (auto &[arg, buffer] : buffers)
    if (const Layout &l = buffer.layout;
        l.size != 1 &&
        (l.shape != common.shape || l.panel != common.panel ||
         l.panelDim != common.panelDim || l.strides != common.strides))
      return 0;
  auto result = def.getBody().walk([&](Operation *op) {
    if (isa<linalg::IndexOp>(op))
      return WalkResult::interrupt();
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      if (extract.getTensor().getType().getNumElements() != 1)
        return WalkResult::interrupt();
    if (auto g = dyn_cast<GenericOp>(op))
      for (OpOperand &o : g->getOpOperands()) {
        auto type = dyn_cast<RankedTensorType>(o.get().getType());
        bool one = type && type.hasStaticShape() && type.getNumElements() == 1;
        if (!one && !g.getMatchingIndexingMap(&o).isIdentity())
          return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return 0;
  int line = common.contiguousDim();
  for (auto &[arg, buffer] : buffers) {
    Layout &l = buffer.layout;
    l.panelDim = -1;
    l.strides.assign(l.shape.size(), 0);
    if (l.size != 1)
      l.strides[line] = 1;
  }
  return common.size;
}

int64_t KernelBody::epilogueSize() {
  int64_t n = 0;
  def.walk([&](GenericOp g) {
    if (!g.getNumReductionLoops())
      n += llvm::range_size(g.getBody()->without_terminator());
  });
  return n;
}

std::pair<Value, Value> KernelBody::slice(int64_t n) {
  Value next = arith::AddIOp::create(b, thread, b.index(1));
  Value lo = arith::DivUIOp::create(b, b.mul(thread, n), threads);
  Value hi = arith::DivUIOp::create(b, b.mul(next, n), threads);
  return {lo, hi};
}

void KernelBody::sliceRows(int64_t n, int64_t m,
                           function_ref<void(Value, Value, Value)> body) {
  auto [lo, hi] = slice(n * m);
  if (n == 1)
    return body(b.index(0), lo, hi);
  if (m == 1)
    return b.loop(lo, hi, 1,
                  [&](Value row) { body(row, b.index(0), b.index(1)); });
  Value last = b.div(b.add(hi, b.index(m - 1)), m);
  b.loop(b.div(lo, m), last, 1, [&, lo = lo, hi = hi](Value row) {
    Value first = b.mul(row, m);
    Value from = arith::SubIOp::create(b, lo, first);
    Value to = arith::SubIOp::create(b, hi, first);
    body(row, b.max(from, b.index(0)), b.min(to, b.index(m)));
  });
}

} // namespace varve
