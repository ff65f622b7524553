// Random programs. Every operation is run by the reference interpreter as soon
// as it is drawn, on the values that the program will be run on; one whose
// result is out of bounds is taken back.
#include "RandomProgram.h"
#include "varve-c/Runtime.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace varve;

FuncOp RandomProgram::function() const {
  ProgramOp program = *module.get().getOps<ProgramOp>().begin();
  return *program.getOps<FuncOp>().begin();
}

namespace {

using Shape = SmallVector<int64_t>;

constexpr int64_t maxElements = 6000, maxProducts = 200000;
constexpr double largest = 20;  // of any value
constexpr double margin = 1e-4; // from a jump or a kink

class Writer {
public:
  Writer(MLIRContext &context, uint64_t seed)
      : context(context), random(seed), seed(seed),
        b(UnknownLoc::get(&context), &context) {}

  RandomProgram write();

private:
  // ---- draws ----
  /// From 0 to n - 1. Not by <random>'s distributions: these differ between
  /// libraries.
  int64_t draw(int64_t n) { return int64_t(random() % uint64_t(n)); }
  bool chance(double p) { return double(random() >> 11) * 0x1p-53 < p; }
  double real(double low, double high) {
    return low + (high - low) * (double(random() >> 11) * 0x1p-53);
  }
  template <class List> auto &oneOf(List &&list) {
    return list[draw(std::size(list))];
  }
  int64_t size() { return chance(0.8) ? oneOf(sizes) : oneOf(allSizes); }
  Shape shape(int64_t rank);
  Type floatType() { return chance(mixing) ? otherFloat : mainFloat; }
  SmallVector<int64_t> permutation(int64_t n);
  SmallVector<int64_t> someAxes(int64_t rank, bool mayBeAll);

  // ---- values ----
  RankedTensorType typeOf(Value v) {
    return cast<RankedTensorType>(v.getType());
  }
  int64_t rankOf(Value v) { return typeOf(v).getRank(); }
  int64_t dim(Value v, int64_t axis) { return typeOf(v).getDimSize(axis); }
  bool isReal(Value v) { return isa<FloatType>(typeOf(v).getElementType()); }
  const RefTensor &sample(Value v) { return samples.find(v)->second; }
  /// A known value that `wanted` holds of, late ones more often; null if none.
  template <class Predicate> Value pick(Predicate wanted);
  Value pickReal(int64_t minRank = 0, int64_t maxRank = 9) {
    return pick([&](Value v) {
      return isReal(v) && rankOf(v) >= minRank && rankOf(v) <= maxRank;
    });
  }
  /// A value of this type: a known one, one repeated to it, or a new one.
  Value valueOf(RankedTensorType type);
  Value addState(RankedTensorType type);
  Value addInput(RankedTensorType type);
  Value constant(RankedTensorType type);
  RefTensor drawTensor(RankedTensorType type);
  Value repeated(RankedTensorType type);
  bool depends(Value v);

  // ---- operations ----
  NamedAttribute number(StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  }
  NamedAttribute list(StringRef name, ArrayRef<int64_t> values) {
    return b.getNamedAttr(name, b.getDenseI64ArrayAttr(values));
  }
  NamedAttribute text(StringRef name, StringRef value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  }
  /// Builds and runs `varve.NAME`; null where it is taken back.
  Operation *build(StringRef name, ValueRange operands,
                   ArrayRef<NamedAttribute> attributes = {});
  Value value(StringRef name, ValueRange operands,
              ArrayRef<NamedAttribute> attributes = {}) {
    Operation *op = build(name, operands, attributes);
    return op ? op->getResult(0) : Value();
  }
  bool step();
  bool unary();
  bool binary();
  bool compareAndSelect();
  bool conversion();
  bool broadcast();
  bool reduction();
  bool matmul();
  bool einsum();
  bool reshape();
  bool transpose();
  bool indexing();
  bool rearrange();
  bool joining();
  bool normalization();
  Value loss();
  void finish(Value lossValue);

  MLIRContext &context;
  std::mt19937_64 random;
  uint64_t seed;
  ImplicitLocOpBuilder b;
  ProgramOp program;
  FuncOp func;
  SmallVector<int64_t> sizes;
  SmallVector<int64_t> allSizes = {1, 2, 3, 5, 7, 8, 17, 33, 130};
  Type mainFloat, otherFloat;
  double mixing = 0;
  SmallVector<Value> pool;
  RefValues samples;
  RandomProgram made;
};

} // namespace

// ---- draws ----

Shape Writer::shape(int64_t rank) {
  Shape drawn;
  for (int64_t d = 0, elements = 1; d < rank; ++d) {
    int64_t n = size();
    if (elements * n > maxElements)
      n = 1 + draw(3);
    elements *= n;
    drawn.push_back(n);
  }
  return drawn;
}

SmallVector<int64_t> Writer::permutation(int64_t n) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, n));
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[i], order[draw(i + 1)]);
  return order;
}

SmallVector<int64_t> Writer::someAxes(int64_t rank, bool mayBeAll) {
  SmallVector<int64_t> axes;
  if (mayBeAll && chance(0.2))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (int64_t d = 0; d < rank; ++d)
    if (chance(0.5))
      axes.push_back(d);
  if (axes.empty() && rank)
    axes.push_back(draw(rank));
  return axes;
}

// ---- values ----

template <class Predicate> Value Writer::pick(Predicate wanted) {
  for (int tries = 0; tries < 40; ++tries) {
    Value v = pool[std::max(draw(pool.size()), draw(pool.size()))];
    if (wanted(v))
      return v;
  }
  for (Value v : pool)
    if (wanted(v))
      return v;
  return {};
}

RefTensor Writer::drawTensor(RankedTensorType type) {
  RefTensor x(type);
  for (double &v : x.f)
    v = float(real(-1, 1));
  for (int64_t &v : x.i)
    v = type.getElementType().isInteger(1) ? draw(2) : draw(6);
  return x;
}

Value Writer::addInput(RankedTensorType type) {
  std::string name = "x" + std::to_string(made.inputs.size());
  Value v = func.addInput(
      type, b.getDictionaryAttr({text("name", name), text("kind", "input")}));
  made.inputs.push_back(drawTensor(type));
  samples[v] = made.inputs.back();
  pool.push_back(v);
  return v;
}

Value Writer::addState(RankedTensorType type) {
  std::string name = "s" + std::to_string(made.state.size());
  ImplicitLocOpBuilder top(b.getLoc(), func);
  auto state = StateOp::create(top, name, type, "param");
  state.setInit("uniform");
  state.setA(llvm::APFloat(-1.0));
  state.setB(llvm::APFloat(1.0));

  // The first value, as the runtime draws it.
  bool wide = type.getElementType().isF64();
  varve_state_desc desc = {};
  desc.name = name.c_str();
  desc.of = "";
  desc.role = VARVE_PARAM;
  desc.dtype = wide ? VARVE_F64 : VARVE_F32;
  desc.rank = type.getRank();
  desc.shape = type.getShape().data();
  auto perm = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  desc.perm = perm.data();
  desc.bytes = type.getNumElements() * (wide ? 8 : 4);
  desc.init = VARVE_INIT_UNIFORM;
  desc.a = -1;
  desc.b = 1;
  std::vector<double> bytes(type.getNumElements() + 1);
  varve_error error;
  if (!varve_state_initialize(&desc, seed, name.c_str(), bytes.data(), &error))
    llvm::report_fatal_error(error.message);
  RefTensor x(type);
  for (int64_t e = 0; e < x.size(); ++e)
    x.f[e] = wide ? bytes[e] : reinterpret_cast<const float *>(bytes.data())[e];
  made.state[name] = x;
  Value v = func.addUse(state);
  samples[v] = x;
  pool.push_back(v);
  return v;
}

Value Writer::constant(RankedTensorType type) {
  RefTensor x = drawTensor(type);
  if (chance(0.3))
    for (int64_t e = 1; e < x.size(); ++e)
      x.set(e, x.at(0));
  Value v = ConstantOp::create(b, type, x.toElements());
  samples[v] = x;
  pool.push_back(v);
  return v;
}

// A known value that a broadcast brings to this type.
Value Writer::repeated(RankedTensorType type) {
  Value v = pick([&](Value v) {
    auto from = typeOf(v);
    if (from.getElementType() != type.getElementType() ||
        from.getRank() > type.getRank() || from == type)
      return false;
    for (int64_t d = 0, skip = type.getRank() - from.getRank();
         d < from.getRank(); ++d)
      if (from.getDimSize(d) != 1 &&
          from.getDimSize(d) != type.getDimSize(d + skip))
        return false;
    return true;
  });
  return v ? value("broadcast", v, list("shape", type.getShape())) : Value();
}

Value Writer::valueOf(RankedTensorType type) {
  if (chance(0.6))
    if (Value v = pick([&](Value v) { return v.getType() == type; }))
      return v;
  if (chance(0.5))
    if (Value v = repeated(type))
      return v;
  bool isFloat = isa<FloatType>(type.getElementType());
  if (isFloat && made.state.size() < 5 && chance(0.6))
    return addState(type);
  if (made.inputs.size() < 4 && chance(0.5))
    return addInput(type);
  return constant(type);
}

bool Writer::depends(Value v) {
  SmallVector<Value> stack = {v};
  DenseSet<Value> seen;
  while (!stack.empty()) {
    Value at = stack.pop_back_val();
    if (!seen.insert(at).second)
      continue;
    if (auto arg = dyn_cast<BlockArgument>(at)) {
      if (arg.getArgNumber() >= func.getNumInputs())
        return true;
    } else if (!at.getDefiningOp()->hasTrait<NoGradient>()) {
      llvm::append_range(stack, at.getDefiningOp()->getOperands());
    }
  }
  return false;
}

// ---- operations ----

Operation *Writer::build(StringRef name, ValueRange operands,
                         ArrayRef<NamedAttribute> attributes) {
  for (Value v : operands)
    if (!v)
      return nullptr;
  auto built = createPrimitive(b, b.getLoc(), name, operands, attributes);
  if (failed(built))
    llvm::report_fatal_error(
        llvm::Twine("the generator built an invalid varve.") + name);
  Operation *op = *built;
  SmallVector<RefTensor> arguments, results;
  bool good = true;
  for (Value v : op->getResults())
    good &= typeOf(v).getNumElements() <= maxElements;
  for (Value v : operands)
    arguments.push_back(sample(v));
  for (Value v : op->getResults())
    results.emplace_back(typeOf(v));
  if (good)
    cast<EvaluableOpInterface>(op).evaluate(arguments, results);
  for (const RefTensor &x : results)
    for (double v : x.f)
      good &= std::fabs(v) <= largest;
  if (!good) {
    op->erase();
    return nullptr;
  }
  for (auto [v, x] : llvm::zip(op->getResults(), results)) {
    samples[v] = x;
    pool.push_back(v);
  }
  return op;
}

/// Whether all of x lies at least `distance` from each whole number, or from 0.
static bool staysClear(const RefTensor &x, bool ofWholes) {
  return llvm::all_of(x.f, [&](double v) {
    return std::fabs(ofWholes ? v - std::round(v) : v) > margin;
  });
}

static bool isInside(const RefTensor &x, double low, double high) {
  return llvm::all_of(x.f, [&](double v) { return v >= low && v <= high; });
}

/// Whether no two elements at the same place are nearly, but not quite, equal.
static bool areApart(const RefTensor &x, const RefTensor &y) {
  for (size_t e = 0; e < x.f.size(); ++e) {
    double distance = std::fabs(x.f[e] - y.f[e]);
    if (distance != 0 && distance < margin)
      return false;
  }
  return true;
}

bool Writer::unary() {
  static const char *const smooth[] = {"neg",  "square", "sin",     "cos",
                                       "tanh", "erf",    "sigmoid", "softplus"};
  static const char *const others[] = {
      "exp",   "expm1", "log",   "log1p", "sqrt", "rsqrt", "reciprocal",
      "floor", "ceil",  "round", "abs",   "sign", "relu",  "gelu"};
  Value x = pickReal();
  const RefTensor &s = sample(x);
  if (chance(0.5))
    return value(oneOf(smooth), x) != nullptr;
  StringRef name = oneOf(others);
  if (name == "exp" || name == "expm1") {
    if (!isInside(s, -5, 2))
      x = value("tanh", x);
  } else if (name == "log" || name == "sqrt" || name == "rsqrt") {
    if (!isInside(s, 0.1, largest))
      x = value("add", {value("square", x), value("sigmoid", x)});
  } else if (name == "log1p") {
    if (!isInside(s, -0.8, largest))
      x = value("square", x);
  } else if (name == "reciprocal") {
    if (!isInside(s, 0.2, largest) && !isInside(s, -largest, -0.2))
      x = value("exp", value("tanh", x));
  } else if (name == "floor" || name == "ceil") {
    if (!staysClear(s, true))
      return false;
  } else if (name == "round") {
    RefTensor moved = s;
    for (double &v : moved.f)
      v += 0.5;
    if (!staysClear(moved, true))
      return false;
  } else if (name == "gelu" && chance(0.5)) {
    return value(name, x, text("approximate", "tanh")) != nullptr;
  } else if (name != "gelu" && !staysClear(s, false)) {
    return false;
  }
  return x && value(name, x) != nullptr;
}

bool Writer::binary() {
  static const char *const names[] = {"add", "add",     "sub",     "mul", "mul",
                                      "div", "maximum", "minimum", "pow"};
  Value x = pickReal();
  Value y = valueOf(typeOf(x));
  if (!y)
    return false;
  StringRef name = oneOf(names);
  if (chance(0.5))
    std::swap(x, y);
  if (name == "div" && !isInside(sample(y), 0.2, largest))
    y = value("exp", value("tanh", y));
  if (name == "pow" && !isInside(sample(x), 0.1, largest))
    x = value("softplus", x);
  bool choice = name == "maximum" || name == "minimum";
  if (!x || !y || (choice && !areApart(sample(x), sample(y))))
    return false;
  return value(name, {x, y}) != nullptr;
}

bool Writer::compareAndSelect() {
  static const char *const predicates[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  Value x = pickReal();
  Value y = valueOf(typeOf(x));
  if (!y || !areApart(sample(x), sample(y)))
    return false;
  Value c = value("compare", {x, y}, text("predicate", oneOf(predicates)));
  if (chance(0.2))
    c = value("not", c);
  if (Value d = pick([&](Value v) { return v.getType() == c.getType(); }))
    if (chance(0.3))
      c = value(chance(0.5) ? "and" : "or", {c, d});
  Value other = pick([&](Value v) {
    return isReal(v) && typeOf(v).getShape() == typeOf(c).getShape();
  });
  return other && value("where", {c, other, valueOf(typeOf(other))}) != nullptr;
}

bool Writer::conversion() {
  Value x = pick([&](Value v) { return true; });
  Type to = chance(0.5) ? mainFloat : chance(0.7) ? otherFloat : b.getI32Type();
  if (typeOf(x).getElementType() == to ||
      (!isa<FloatType>(to) && isReal(x) && !staysClear(sample(x), true)))
    return false;
  return value("cast", x, b.getNamedAttr("to", TypeAttr::get(to))) != nullptr;
}

bool Writer::broadcast() {
  Value x = pickReal(0, 2);
  if (!x)
    return false;
  Shape to;
  SmallVector<int64_t> axes;
  int64_t extra = 1 + draw(2), rank = rankOf(x);
  for (int64_t d = 0, taken = 0; d < rank + extra; ++d) {
    bool mine =
        taken < rank && (rank + extra - d == rank - taken || chance(0.5));
    if (mine) {
      axes.push_back(d);
      int64_t n = dim(x, taken++);
      to.push_back(n == 1 && chance(0.5) ? size() : n);
    } else {
      to.push_back(size());
    }
  }
  int64_t elements = 1;
  for (int64_t n : to)
    elements *= n;
  if (elements > maxElements)
    return false;
  return value("broadcast", x, {list("shape", to), list("axis", axes)}) !=
         nullptr;
}

/// Whether along the axes the largest (or smallest) element is clearly so.
static bool hasClearExtremum(const RefTensor &x, ArrayRef<int64_t> axes,
                             double sign) {
  std::map<std::vector<int64_t>, std::vector<double>> lines;
  for (int64_t e = 0; e < x.size(); ++e) {
    auto index = indexOf(e, x.shape);
    for (int64_t axis : axes)
      index[axis] = 0;
    lines[index].push_back(sign * x.f[e]);
  }
  for (auto &[index, line] : lines) {
    std::sort(line.rbegin(), line.rend());
    if (line.size() > 1 && line[0] != line[1] && line[0] - line[1] < margin)
      return false;
  }
  return true;
}

bool Writer::reduction() {
  static const char *const names[] = {"sum", "mean", "max", "min", "prod"};
  Value x = pickReal(1);
  if (!x)
    return false;
  StringRef name = oneOf(names);
  auto axes = someAxes(rankOf(x), true);
  int64_t terms = 1;
  for (int64_t axis : axes)
    terms *= dim(x, axis);
  if (name == "prod" && (terms > 8 || !staysClear(sample(x), false)))
    name = "sum";
  if ((name == "max" || name == "min") &&
      !hasClearExtremum(sample(x), axes, name == "max" ? 1 : -1))
    name = "mean";
  return value(name, x,
               {list("axis", axes),
                b.getNamedAttr("keepdims", b.getBoolAttr(chance(0.3)))}) !=
         nullptr;
}

bool Writer::matmul() {
  Value x = pickReal(2, 3);
  if (!x)
    return false;
  int64_t rank = rankOf(x);
  if (chance(0.4)) {
    auto perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(perm[rank - 1], perm[rank - 2]);
    x = value("transpose", x, list("perm", perm));
  }
  Shape other(typeOf(x).getShape());
  int64_t k = dim(x, rank - 1), n = size();
  if (typeOf(x).getNumElements() * n > maxProducts)
    return false;
  bool turned = chance(0.5);
  other[rank - 2] = turned ? n : k;
  other[rank - 1] = turned ? k : n;
  Value y = valueOf(typeOf(x).clone(other));
  if (turned && y)
    y = value("transpose", y);
  return y && value("matmul", {x, y}) != nullptr;
}

bool Writer::einsum() {
  Value x = pickReal(1, 3);
  if (!x)
    return false;
  std::string left, right, out;
  std::map<char, int64_t> sizeOf;
  Shape shape;
  int64_t products = 1;
  for (int64_t d = 0; d < rankOf(x); ++d) {
    left += char('a' + d);
    sizeOf[left.back()] = dim(x, d);
    products *= dim(x, d);
  }
  for (char c : left)
    if (chance(0.6))
      right += c;
  for (int extra = draw(2); extra >= 0; --extra) {
    char c = char('p' + extra);
    right += c;
    sizeOf[c] = size();
    products *= sizeOf[c];
  }
  if (products > maxProducts)
    return false;
  std::string turned;
  for (int64_t i : permutation(right.size()))
    turned += right[i];
  for (char c : turned)
    shape.push_back(sizeOf[c]);
  std::string letters;
  for (auto [c, n] : sizeOf)
    if (chance(0.6))
      letters += c;
  for (int64_t i : permutation(letters.size()))
    out += letters[i];
  auto type = typeOf(x).clone(ArrayRef<int64_t>(shape));
  if (type.getNumElements() > maxElements)
    return false;
  Value y = valueOf(type);
  return y &&
         value("einsum", {x, y},
               text("equation", left + "," + turned + "->" + out)) != nullptr;
}

bool Writer::reshape() {
  Value x = pick([&](Value v) { return rankOf(v) >= 1; });
  if (!x)
    return false;
  Shape to(typeOf(x).getShape());
  if (chance(0.2)) {
    to.insert(to.begin() + draw(to.size() + 1), 1);
  } else if (to.size() >= 2 && chance(0.6)) {
    int64_t at = draw(to.size() - 1);
    to[at] *= to[at + 1];
    to.erase(to.begin() + at + 1);
  } else {
    int64_t at = draw(to.size());
    for (int64_t factor : {2, 3, 5, 13, 11})
      if (to[at] > factor && to[at] % factor == 0) {
        to[at] /= factor;
        to.insert(to.begin() + at + draw(2), factor);
        break;
      }
  }
  return value("reshape", x, list("shape", to)) != nullptr;
}

bool Writer::transpose() {
  Value x = pick([&](Value v) { return rankOf(v) >= 2; });
  return x &&
         value("transpose", x, list("perm", permutation(rankOf(x)))) != nullptr;
}

bool Writer::indexing() {
  Type i32 = b.getI32Type();
  Value index = valueOf(RankedTensorType::get(shape(draw(3)), i32));
  if (!index)
    return false;
  if (chance(0.25))
    return rankOf(index) < 3 &&
           value("one_hot", index, number("classes", 2 + draw(6))) != nullptr;
  Value x = pickReal(1, 3);
  if (!x)
    return false;
  int64_t axis = draw(rankOf(x));
  if (chance(0.3)) {
    Shape part(typeOf(x).getShape());
    part.erase(part.begin() + axis);
    auto named = typeOf(index).getShape();
    part.insert(part.begin() + axis, named.begin(), named.end());
    auto type = typeOf(x).clone(ArrayRef<int64_t>(part));
    if (type.getNumElements() > maxElements || type.getRank() > 4)
      return false;
    Value y = valueOf(type);
    return y &&
           value("scatter_add", {x, index, y}, number("axis", axis)) != nullptr;
  }
  return rankOf(x) + rankOf(index) <= 4 &&
         value("gather", {x, index}, number("axis", axis)) != nullptr;
}

bool Writer::rearrange() {
  Value x = pickReal(1);
  if (!x)
    return false;
  int64_t rank = rankOf(x);
  SmallVector<int64_t> p, q, s;
  switch (draw(5)) {
  case 0:
    for (int64_t d = 0; d < rank; ++d) {
      int64_t n = dim(x, d);
      p.push_back(chance(0.5) ? 0 : draw(n));
      q.push_back(chance(0.5) ? n : p.back() + 1 + draw(n - p.back()));
      s.push_back(1 + (chance(0.3) ? draw(3) : 0));
    }
    return value("slice", x,
                 {list("begin", p), list("end", q), list("step", s)}) !=
           nullptr;
  case 1:
    for (int64_t d = 0; d < rank; ++d) {
      p.push_back(draw(3));
      q.push_back(draw(3));
      s.push_back(1 + (chance(0.2) ? 1 : 0));
    }
    return value("pad", x,
                 {list("before", p), list("after", q), list("step", s),
                  b.getNamedAttr("value", b.getF64FloatAttr(0.5))}) != nullptr;
  case 2:
    return value("flip", x, list("axis", someAxes(rank, true))) != nullptr;
  case 3:
    return value("cumsum", x, number("axis", draw(rank))) != nullptr;
  default: {
    SmallVector<Value> operands = {x};
    auto scalar = RankedTensorType::get({}, b.getI64Type());
    for (int64_t d = 0; d < rank; ++d) {
      operands.push_back(constant(scalar));
      q.push_back(1 + draw(dim(x, d)));
    }
    return value("dynamic_slice", operands, list("size", q)) != nullptr;
  }
  }
}

bool Writer::joining() {
  Value x = pickReal(1, 3);
  if (!x)
    return false;
  int64_t axis = draw(rankOf(x));
  if (chance(0.3) && dim(x, axis) % 2 == 0)
    return build("split", x, {number("parts", 2), number("axis", axis)});
  SmallVector<Value> all = {x};
  for (int64_t n = draw(3); n > 0; --n)
    all.push_back(valueOf(typeOf(x)));
  if (chance(0.4))
    return value("stack", all, number("axis", axis)) != nullptr;
  return value("concat", all, number("axis", axis)) != nullptr;
}

bool Writer::normalization() {
  Value x = pickReal(1, 3);
  if (!x)
    return false;
  int64_t axis = draw(rankOf(x));
  switch (draw(4)) {
  case 0:
    return value("softmax", x, number("axis", axis)) != nullptr;
  case 1:
    return value("log_softmax", x, number("axis", axis)) != nullptr;
  case 2:
    return build("normalize", x,
                 {list("axis", someAxes(rankOf(x), true)),
                  b.getNamedAttr("eps", b.getF64FloatAttr(0.1))});
  default: {
    auto shape = typeOf(x).getShape().drop_back();
    RefTensor target(b.getI32Type(), shape);
    for (int64_t &t : target.i)
      t = draw(typeOf(x).getShape().back());
    auto type = RankedTensorType::get(shape, b.getI32Type());
    Value t = ConstantOp::create(b, type, target.toElements());
    samples[t] = target;
    return value("cross_entropy", {x, t}) != nullptr;
  }
  }
}

bool Writer::step() {
  switch (draw(20)) {
  case 0:
  case 1:
  case 2:
    return unary();
  case 3:
  case 4:
  case 5:
    return binary();
  case 6:
    return compareAndSelect();
  case 7:
    return conversion();
  case 8:
    return broadcast();
  case 9:
  case 10:
    return reduction();
  case 11:
  case 12:
    return matmul();
  case 13:
    return einsum();
  case 14:
    return reshape();
  case 15:
    return transpose();
  case 16:
    return indexing();
  case 17:
    return rearrange();
  case 18:
    return joining();
  default:
    return normalization();
  }
}

// ---- the program ----

// The sum of means of some values, of which a parameter has a say in one.
Value Writer::loss() {
  Type f32 = b.getF32Type();
  SmallVector<Value> terms;
  auto add = [&](Value v) {
    if (!v)
      return;
    if (chance(0.5))
      v = value(chance(0.5) ? "square" : "tanh", v);
    if (v && rankOf(v))
      v = value(
          "mean", v,
          list("axis", llvm::to_vector(llvm::seq<int64_t>(0, rankOf(v)))));
    if (v && typeOf(v).getElementType() != f32)
      v = value("cast", v, b.getNamedAttr("to", TypeAttr::get(f32)));
    if (v)
      terms.push_back(v);
  };
  // What nothing has read yet, first.
  int64_t wanted = 1 + draw(4);
  SmallVector<Value> known(pool);
  for (Value v : llvm::reverse(known))
    if (int64_t(terms.size()) < wanted && isReal(v) && v.use_empty() &&
        depends(v))
      add(v);
  while (terms.empty())
    add(func.getBody().getArgument(func.getNumInputs() +
                                   draw(made.state.size())));
  Value total = terms.front();
  for (Value v : ArrayRef(terms).drop_front())
    if (Value sum = value("add", {total, v}))
      total = sum;
  return total;
}

// Some results beside the loss, bare inputs, state and repetitions among them.
void Writer::finish(Value lossValue) {
  SmallVector<Value> results = {lossValue};
  SmallVector<Attribute> infos;
  for (int64_t n = draw(4); n > 0; --n)
    results.push_back(chance(0.2) ? results[draw(results.size())]
                                  : pick([](Value) { return true; }));
  for (size_t i = 0; i < results.size(); ++i)
    infos.push_back(b.getDictionaryAttr(
        {text("name", i ? "out" + std::to_string(i) : "loss"),
         text("kind", i ? "output" : "loss")}));
  func.setResultsAttr(b.getArrayAttr(infos));
  ReturnOp::create(b, results);
}

RandomProgram Writer::write() {
  made.seed = seed;
  made.module = ModuleOp::create(b.getLoc());
  b.setInsertionPointToEnd(made.module->getBody());
  program = ProgramOp::create(b, "random", nullptr, nullptr);
  Block &top = program.getBody().emplaceBlock();
  b.setInsertionPointToEnd(&top);
  func = FuncOp::create(b, "train_step", b.getArrayAttr({}), b.getArrayAttr({}),
                        b.getArrayAttr({}), b.getArrayAttr({}), 1, true);
  b.setInsertionPointToEnd(&func.getBody().emplaceBlock());

  mainFloat = chance(0.2) ? Type(b.getF64Type()) : Type(b.getF32Type());
  otherFloat = mainFloat.isF32() ? Type(b.getF64Type()) : Type(b.getF32Type());
  mixing = chance(0.25) ? 0.2 : 0;
  for (int i = 0; i < 3; ++i)
    sizes.push_back(oneOf(allSizes));
  Type element = floatType();
  addInput(RankedTensorType::get(shape(draw(4)), element));
  for (int64_t n = 2 + draw(2); n > 0; --n) {
    element = floatType();
    addState(
        RankedTensorType::get(shape(chance(0.1) ? 0 : 1 + draw(3)), element));
  }
  int64_t wanted = 10 + draw(21);
  for (int64_t done = 0, tries = 0; done < wanted && tries < 300; ++tries)
    done += step();
  finish(loss());
  return std::move(made);
}

RandomProgram varve::makeRandomProgram(MLIRContext &context, uint64_t seed) {
  return Writer(context, seed).write();
}
