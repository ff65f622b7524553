// Sums of products by an equation of letters.
#include "Dialect/Varve/Ops/Scalar.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace varve;

namespace {

struct Equation {
  SmallVector<std::string> terms;
  std::string result;
};

bool has(StringRef letters, char c) { return letters.contains(c); }

bool isTerm(StringRef letters) {
  for (size_t i = 0; i < letters.size(); ++i)
    if (!llvm::isAlpha(letters[i]) ||
        has(letters.drop_front(i + 1), letters[i]))
      return false;
  return true;
}

/// Empty where C1 does not hold.
std::optional<Equation> parseEquation(StringRef text, size_t operands) {
  size_t arrow = text.find("->");
  if (arrow == StringRef::npos)
    return std::nullopt;
  Equation equation;
  equation.result = text.drop_front(arrow + 2).str();
  SmallVector<StringRef> terms;
  text.take_front(arrow).split(terms, ',');
  std::string all;
  bool valid = terms.size() == operands && isTerm(equation.result);
  for (StringRef term : terms) {
    valid &= isTerm(term);
    equation.terms.push_back(term.str());
    all += term;
  }
  for (char c : equation.result)
    valid &= has(all, c);
  if (!valid)
    return std::nullopt;
  return equation;
}

using Sizes = llvm::MapVector<char, int64_t>;

SmallVector<int64_t> shapeFor(StringRef letters, const Sizes &sizes) {
  SmallVector<int64_t> shape;
  for (char c : letters)
    shape.push_back(sizes.lookup(c));
  return shape;
}

Sizes sizesOf(const Equation &equation, ValueRange x) {
  Sizes sizes;
  for (auto [term, v] : llvm::zip(equation.terms, x))
    for (auto [c, size] : llvm::zip(term, shapeOf(v)))
      sizes[c] = size;
  return sizes;
}

/// A tensor with a letter for each axis.
struct Lettered {
  Value v;
  std::string letters;
};

Lettered arrange(LocBuilder &b, Lettered x, StringRef letters) {
  SmallVector<int64_t> perm;
  for (char c : letters)
    perm.push_back(x.letters.find(c));
  return {llvm::is_sorted(perm) ? x.v : transpose(b, x.v, perm), letters.str()};
}

/// Sums over the letters that are not in `kept`.
Lettered sumAway(LocBuilder &b, Lettered x, StringRef kept) {
  SmallVector<int64_t> axes;
  std::string left;
  for (auto [axis, c] : llvm::enumerate(x.letters)) {
    if (has(kept, c))
      left += c;
    else
      axes.push_back(axis);
  }
  return {sum(b, x.v, axes), left};
}

/// One matrix product: both of batch x rows x inner and batch x inner x
/// columns, where inner are the shared letters that nothing after it needs.
Lettered contract(LocBuilder &b, Lettered x, Lettered y, StringRef kept,
                  const Sizes &sizes) {
  x = sumAway(b, x, y.letters + kept.str());
  y = sumAway(b, y, x.letters + kept.str());
  std::string batch, rows, inner, columns;
  for (char c : x.letters)
    (!has(y.letters, c) ? rows : has(kept, c) ? batch : inner) += c;
  for (char c : y.letters)
    if (!has(x.letters, c))
      columns += c;
  auto count = [&](StringRef letters) {
    int64_t n = 1;
    for (char c : letters)
      n *= sizes.lookup(c);
    return n;
  };
  SmallVector<int64_t> first{count(rows), count(inner)};
  SmallVector<int64_t> second{count(inner), count(columns)};
  if (!batch.empty()) {
    first.insert(first.begin(), count(batch));
    second.insert(second.begin(), count(batch));
  }
  Value p = reshape(b, arrange(b, x, batch + rows + inner).v, first);
  Value q = reshape(b, arrange(b, y, batch + inner + columns).v, second);
  std::string letters = batch + rows + columns;
  return {reshape(b, MatmulOp::create(b, p, q), shapeFor(letters, sizes)),
          letters};
}

} // namespace

LogicalResult EinsumOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  ValueRange x = adaptor.getX();
  auto equation = parseEquation(adaptor.getEquation(), x.size());
  if (x.empty() || !equation) // einsum C1
    return emitOptionalError(loc, "\"", adaptor.getEquation(),
                             "\" is no equation of ", x.size(), " operands");
  Sizes sizes;
  Type element = typeOf(x[0]).getElementType();
  for (auto [term, v] : llvm::zip(equation->terms, x)) {
    auto type = typeOf(v);
    if (type.getRank() != int64_t(term.size())) // einsum C2
      return emitOptionalError(loc, "term \"", term, "\" does not suit ", type);
    bool fits = type.getElementType() == element; // einsum C3
    for (auto [c, size] : llvm::zip(term, type.getShape()))
      fits &=
          sizes.insert(std::make_pair(char(c), int64_t(size))).first->second ==
          size;
    if (!fits)
      return emitOptionalError(loc, type, " does not suit the other operands");
  }
  types.push_back(
      RankedTensorType::get(shapeFor(equation->result, sizes), element));
  return success();
}
// From the left, two at a time.
SmallVector<Value> EinsumOp::lower(LocBuilder &b, Values x) {
  Equation equation = *parseEquation(getEquation(), x.size());
  Sizes sizes = sizesOf(equation, getX());
  Lettered done{x[0], equation.terms[0]};
  for (size_t i = 1; i < x.size(); ++i) {
    std::string kept = equation.result;
    for (size_t j = i + 1; j < x.size(); ++j)
      kept += equation.terms[j];
    done = contract(b, done, {x[i], equation.terms[i]}, kept, sizes);
  }
  done = sumAway(b, done, equation.result);
  return {arrange(b, done, equation.result).v};
}
void EinsumOp::evaluate(ArrayRef<RefTensor> x, MutableArrayRef<RefTensor> y) {
  Equation equation = *parseEquation(getEquation(), x.size());
  Sizes sizes = sizesOf(equation, getX());
  std::string all;
  for (auto &entry : sizes)
    all += entry.first;
  SmallVector<int64_t> shape = shapeFor(all, sizes);
  int64_t terms = 1;
  for (int64_t size : shape)
    terms *= size;
  for (int64_t e = 0; e < terms; ++e) {
    std::vector<int64_t> at = indexOf(e, shape);
    auto positionIn = [&](StringRef letters, ArrayRef<int64_t> of) {
      std::vector<int64_t> index;
      for (char c : letters)
        index.push_back(at[all.find(c)]);
      return positionOf(index, of);
    };
    RefScalar product{1, 1};
    for (auto [term, v] : llvm::zip(equation.terms, x)) {
      RefScalar factor = v.at(positionIn(term, v.shape));
      product.f *= factor.f;
      product.i = int64_t(uint64_t(product.i) * uint64_t(factor.i));
    }
    int64_t to = positionIn(equation.result, y[0].shape);
    RefScalar sum = y[0].at(to);
    y[0].set(to, {sum.f + product.f,
                  wrapToType(uint64_t(sum.i) + product.i, y[0].element)});
  }
}
// The cotangent times the other operands, on the letters of each; repeated
// along those that only this operand has.
void EinsumOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Equation equation = *parseEquation(getEquation(), getX().size());
  for (auto [i, x] : llvm::enumerate(getX())) {
    std::string terms = equation.result, known = equation.result, to;
    SmallVector<Value> factors{dy[0]};
    for (auto [j, other] : llvm::enumerate(getX())) {
      if (j == i)
        continue;
      terms += "," + equation.terms[j];
      known += equation.terms[j];
      factors.push_back(other);
    }
    SmallVector<int64_t> repeated;
    for (auto [axis, c] : llvm::enumerate(equation.terms[i])) {
      if (has(known, c))
        to += c;
      else
        repeated.push_back(axis);
    }
    Value dx = EinsumOp::create(b, b.getStringAttr(terms + "->" + to), factors);
    d[i] = expand(b, dx, shapeOf(x), repeated);
  }
}
