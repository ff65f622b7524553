// Matrix products and determinants.
#include "Onnx/Indices.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// NumPy's product: vectors are rows on the left and columns on the right,
/// leading axes broadcast.
void matmul(Call &c) {
  Value x = c.in(0), y = c.in(1);
  Ints left(shapeOf(x)), right(shapeOf(y));
  if (left.empty() || right.empty())
    c.fail("a factor has rank 0");
  bool row = left.size() == 1, column = right.size() == 1;
  if (row)
    left.insert(left.begin(), 1);
  if (column)
    right.push_back(1);
  x = c.reshape(x, left);
  y = c.reshape(y, right);
  // A matrix on the right is one for all leading axes: they are rows, too.
  if (right.size() == 2 && left.size() > 2) {
    Ints result(left.begin(), left.end() - 1);
    int64_t rows = 1;
    for (int64_t size : result)
      rows *= size;
    x = c.reshape(x, {rows, left.back()});
    if (!column)
      result.push_back(right.back());
    c.give(c.reshape(c.make("matmul", {x, y}), result));
    return;
  }
  // Only leading axes broadcast: the last two are made to agree.
  size_t rank = std::max(left.size(), right.size());
  left.insert(left.begin(), rank - left.size(), 1);
  right.insert(right.begin(), rank - right.size(), 1);
  Ints result(left.begin(), left.end() - 1);
  for (size_t i = 0; i + 2 < rank; ++i) {
    if (left[i] != right[i] && left[i] != 1 && right[i] != 1)
      c.fail("leading sizes " + std::to_string(left[i]) + " and " +
             std::to_string(right[i]) + " do not fit together");
    result[i] = left[i] = right[i] = left[i] == 1 ? right[i] : left[i];
  }
  result.push_back(right.back());
  Value z = c.make("matmul", {c.broadcast(x, left), c.broadcast(y, right)});
  if (column)
    result.pop_back();
  if (row)
    result.erase(result.end() - (column ? 1 : 2));
  c.give(c.reshape(z, result));
}

/// alpha A B + beta C, A and B transposed on demand.
void gemm(Call &c) {
  Value a = c.in(0), b = c.in(1);
  c.ignore("broadcast"); // Of opset 6, where the shapes say the same.
  double alpha = c.real("alpha", 1), beta = c.real("beta", 1);
  if (c.flag("transA"))
    a = c.transpose(a, {1, 0});
  if (c.flag("transB"))
    b = c.transpose(b, {1, 0});
  if (shapeOf(a).size() != 2)
    c.fail("input 0 is no matrix");
  Value y = c.make("matmul", {a, b});
  if (alpha != 1)
    y = mul(c.b, y, alpha);
  if (c.has(2) && beta != 0) {
    Value bias = c.in(2);
    if (beta != 1)
      bias = mul(c.b, bias, beta);
    y = c.make("add", {y, c.broadcast(bias, shapeOf(y))});
  }
  c.give(y);
}

/// The determinants of matrices, by elimination: in each step the row with the
/// largest number in the first column clears the column, which goes.
void determinant(Call &c) {
  Value x = c.in(0);
  ArrayRef<int64_t> shape = shapeOf(x);
  if (shape.size() < 2 || shape.back() != shape[shape.size() - 2])
    c.fail("input 0 is " + describe(c.datum(0)) + ", not square matrices");
  int64_t n = shape.back();
  constexpr int64_t most = 64; // each step is compiled
  if (n > most)
    c.refuse("the determinant of a matrix of " + std::to_string(n) +
             " rows is not supported");
  Ints batch(shape.drop_back(2));
  int64_t count = countOf(batch);
  Type wide = c.b.getF64Type();
  Value rest = c.reshape(c.cast(x, wide), {count, n, n});
  Value y = c.splat(wide, 1, {count});
  for (int64_t k = n; k > 0; --k) {
    Ints row = {count, k}, square = {count, k, k};
    auto asRows = [&](Value v) {
      return c.broadcast(c.reshape(v, {count, 1, k}), square);
    };
    Value column = c.reshape(c.slice(rest, 2, 0, 1), row);
    Value at = c.make("argmax", c.make("abs", column), {{"axis", 1}});
    Value is = compare(c.b, indicesAlong(c, row, 1), "eq",
                       c.broadcast(c.reshape(at, {count, 1}), row));
    is = c.broadcast(c.reshape(is, {count, k, 1}), square);
    Value first = c.reshape(c.slice(rest, 1, 0, 1), row);
    Value chosen = select(c.b, is, rest, constantLike(c.b, rest, 0));
    chosen = c.make("sum", chosen, {{"axis", Ints{1}}});
    rest = select(c.b, is, asRows(first), rest);
    Value pivot = c.reshape(c.slice(chosen, 1, 0, 1), {count});
    y = mul(c.b, y, pivot);
    Value swapped = compare(c.b, at, "gt", constantLike(c.b, at, 0));
    y = select(c.b, swapped, neg(c.b, y), y);
    if (k == 1)
      break;
    // Where it is 0, so is the determinant, whatever follows.
    Value zero = constantLike(c.b, pivot, 0);
    pivot = select(c.b, compare(c.b, pivot, "eq", zero),
                   constantLike(c.b, pivot, 1), pivot);
    rest = c.slice(rest, 1, 1, k);
    Value factor = c.elementwise(
        "div", {c.slice(rest, 2, 0, 1), c.reshape(pivot, {count, 1, 1})});
    Value by = c.reshape(c.slice(chosen, 1, 1, k), {count, 1, k - 1});
    rest = c.elementwise(
        "sub", {c.slice(rest, 2, 1, k), c.elementwise("mul", {factor, by})});
  }
  c.give(c.reshape(c.cast(y, typeOf(x).getElementType()), batch));
}

} // namespace

ArrayRef<Operator> contractionOperators() {
  static constexpr Operator entries[] = {
      {"Det", 11, determinant},
      {"Gemm", 6, gemm},
      {"MatMul", 1, matmul},
  };
  return entries;
}

} // namespace varve::onnx
