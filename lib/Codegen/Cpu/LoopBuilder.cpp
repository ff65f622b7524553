#include "LoopBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace varve {

Index Index::of(Value v, int64_t coefficient) {
  Index i;
  APInt c;
  if (matchPattern(v, m_ConstantInt(&c)))
    i.constant = c.getSExtValue() * coefficient;
  else if (coefficient)
    i.terms.push_back({v, coefficient});
  return i;
}

Index Index::of(int64_t constant) {
  Index i;
  i.constant = constant;
  return i;
}

Index Index::operator+(const Index &o) const {
  Index r = *this;
  r.constant += o.constant;
  r.lane += o.lane;
  for (auto [v, k] : o.terms) {
    auto *same =
        llvm::find_if(r.terms, [&, v = v](auto &t) { return t.first == v; });
    if (same == r.terms.end())
      r.terms.push_back({v, k});
    else if ((same->second += k) == 0)
      r.terms.erase(same);
  }
  return r;
}

Index Index::operator*(int64_t k) const {
  Index r;
  r.constant = constant * k;
  r.lane = lane * k;
  if (k)
    for (auto [v, c] : terms)
      r.terms.push_back({v, c * k});
  return r;
}

Value LoopBuilder::hoisted(function_ref<Value()> make) {
  OpBuilder::InsertionGuard guard(*this);
  if (lastHoisted)
    setInsertionPointAfter(lastHoisted);
  else
    setInsertionPointToStart(entry);
  Value v = make();
  // `make` may have hoisted other values before its own.
  if (Operation *op = v.getDefiningOp(); op && op->getBlock() == entry)
    lastHoisted = op;
  return v;
}

Value LoopBuilder::constant(TypedAttr value) {
  Value &v = constants[value];
  if (!v)
    v = hoisted([&] { return arith::ConstantOp::create(*this, value); });
  return v;
}

Value LoopBuilder::add(Value x, Value y) {
  if (matchPattern(x, m_Zero()))
    return y;
  if (matchPattern(y, m_Zero()))
    return x;
  return arith::AddIOp::create(*this, x, y);
}
Value LoopBuilder::mul(Value x, int64_t k) {
  return k == 1 ? x : Value(arith::MulIOp::create(*this, x, index(k)));
}
Value LoopBuilder::min(Value x, Value y) {
  return arith::MinSIOp::create(*this, x, y);
}
Value LoopBuilder::max(Value x, Value y) {
  return arith::MaxSIOp::create(*this, x, y);
}
Value LoopBuilder::div(Value x, int64_t k) {
  return k == 1 ? x : Value(arith::DivUIOp::create(*this, x, index(k)));
}
Value LoopBuilder::rem(Value x, int64_t k) {
  return k == 1 ? index(0) : Value(arith::RemUIOp::create(*this, x, index(k)));
}
Value LoopBuilder::less(Value x, Value y) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, x, y);
}

Value LoopBuilder::scalarPart(const Index &i) {
  // What changes in this block comes last, so that the rest can move out.
  Value sum;
  for (bool here : {false, true})
    for (auto [v, k] : i.terms)
      if ((v.getParentBlock() == getBlock()) == here) {
        Value term = mul(v, k);
        sum = sum ? add(sum, term) : term;
      }
  if (!sum)
    return index(i.constant);
  return i.constant ? add(sum, index(i.constant)) : sum;
}

SmallVector<Index> LoopBuilder::delinearize(Value linear,
                                            ArrayRef<int64_t> sizes) {
  SmallVector<Index> at(sizes.size());
  int64_t left = 1;
  for (int64_t n : sizes)
    left *= n;
  for (auto [i, n] : llvm::enumerate(sizes)) {
    left /= n;
    if (n == 1)
      continue;
    at[i] = Index::of(div(linear, left));
    if (left > 1)
      linear = rem(linear, left);
  }
  return at;
}

static bool isSingleTurn(Value lo, Value hi, int64_t step) {
  APInt a, b;
  return matchPattern(lo, m_ConstantInt(&a)) &&
         matchPattern(hi, m_ConstantInt(&b)) && a.slt(b) && (b - a).sle(step);
}

void LoopBuilder::loop(Value lo, Value hi, int64_t step,
                       function_ref<void(Value)> body) {
  if (isSingleTurn(lo, hi, step))
    return body(lo);
  auto f = scf::ForOp::create(*this, lo, hi, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(f.getBody());
  body(f.getInductionVar());
}

SmallVector<Value>
LoopBuilder::loop(Value lo, Value hi, int64_t step, ValueRange init,
                  function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (isSingleTurn(lo, hi, step))
    return body(lo, init);
  auto f = scf::ForOp::create(*this, lo, hi, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(f.getBody());
  SmallVector<Value> next = body(f.getInductionVar(), f.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return SmallVector<Value>(f.getResults());
}

void LoopBuilder::when(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

Value LoopBuilder::maskBelow(int64_t n) {
  SmallVector<bool> lanes(kLanes);
  for (int64_t l = 0; l < kLanes; ++l)
    lanes[l] = l < n;
  return constant(DenseElementsAttr::get(vec(getI1Type()), lanes));
}

Value LoopBuilder::splat(Value scalar) {
  if (auto c = scalar.getDefiningOp<arith::ConstantOp>())
    return constant(
        DenseElementsAttr::get(vec(scalar.getType()), Attribute(c.getValue())));
  return vector::BroadcastOp::create(*this, vec(scalar.getType()), scalar);
}

Value LoopBuilder::zeros(Type element) {
  return splat(constant(getZeroAttr(element)));
}

Value LoopBuilder::laneNumbers() {
  SmallVector<Attribute> numbers;
  for (int64_t l = 0; l < kLanes; ++l)
    numbers.push_back(getIndexAttr(l));
  return constant(DenseElementsAttr::get(vec(getIndexType()), numbers));
}

// By exchange of off-diagonal blocks of 8, 4, 2, 1.
void LoopBuilder::transpose(MutableArrayRef<Value> rows) {
  for (int64_t w = kLanes / 2; w; w /= 2) {
    SmallVector<int64_t> low, high; // of the two rows, the second from kLanes
    for (int64_t l = 0; l < kLanes; ++l) {
      low.push_back(l & w ? kLanes + l - w : l);
      high.push_back(l & w ? kLanes + l : l + w);
    }
    for (int64_t i = 0; i < kLanes; ++i)
      if (!(i & w)) {
        Value x = rows[i], y = rows[i + w];
        rows[i] = vector::ShuffleOp::create(*this, x, y, low);
        rows[i + w] = vector::ShuffleOp::create(*this, x, y, high);
      }
  }
}

Value LoopBuilder::multiplyAdd(Value x, Value y, Value z) {
  if (isa<IntegerType>(getElementTypeOrSelf(z.getType())))
    return arith::AddIOp::create(*this, z, arith::MulIOp::create(*this, x, y));
  // Not vector.fma, which may become two operations.
  return math::FmaOp::create(*this, x, y, z);
}

Value LoopBuilder::constantLike(Type like, TypedAttr scalar) {
  Value c = constant(scalar);
  return isa<VectorType>(like) ? splat(c) : c;
}

} // namespace varve
