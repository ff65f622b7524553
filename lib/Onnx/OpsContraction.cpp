// Matrix products.
#include "Onnx/ImportCall.h"

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

} // namespace

ArrayRef<Operator> contractionOperators() {
  static constexpr Operator entries[] = {
      {"Gemm", 6, gemm},
      {"MatMul", 1, matmul},
  };
  return entries;
}

} // namespace varve::onnx
