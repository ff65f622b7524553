// The operations of random programs: operands that suit each, within its domain
// and away from where it jumps.
#include "Writer.h"
#include <cmath>

using namespace mlir;
using namespace varve;

static bool isExact(StringRef name) {
  static const char *const names[] = {
      "abs",  "add",     "broadcast", "cast", "ceil",  "compare",
      "and",  "concat",  "div",       "flip", "floor", "matmul",
      "max",  "maximum", "mean",      "min",  "mul",   "minimum",
      "neg",  "not",     "or",        "pad",  "prod",  "reciprocal",
      "relu", "reshape", "round",     "sign", "slice", "split",
      "sqrt", "square",  "stack",     "sub",  "sum",   "transpose",
      "where"};
  return llvm::is_contained(names, name);
}

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
  // Gathers give gradients that are added in their own order.
  if (exact && !isExact(name)) {
    op->erase();
    return nullptr;
  }
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
  if (c && chance(0.2))
    c = value("not", c);
  if (!c)
    return false;
  if (Value d = pick([&](Value v) { return v.getType() == c.getType(); }))
    if (chance(0.3))
      c = value(chance(0.5) ? "and" : "or", {c, d});
  if (!c)
    return false;
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
  if (!x)
    return false;
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
