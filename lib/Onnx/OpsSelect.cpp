// Operators whose results are as long as the values of their inputs make them:
// these are known at import, and the results are constants.
#include "Onnx/Indices.h"
#include <numeric>

using namespace mlir;

namespace varve::onnx {
namespace {

// ---- unique slices ----

/// The slices of a tensor along an axis, as rows.
struct Rows {
  const RefTensor &x;
  int64_t axis, before, count, after;

  Rows(const RefTensor &x, std::optional<int64_t> along)
      : x(x), axis(along.value_or(0)), before(1), count(x.size()), after(1) {
    if (!along)
      return;
    ArrayRef<int64_t> shape(x.shape);
    before = countOf(shape.take_front(size_t(axis)));
    count = shape[size_t(axis)];
    after = countOf(shape.drop_front(size_t(axis) + 1));
  }
  int64_t width() const { return before * after; }
  size_t place(int64_t row, int64_t e) const {
    return size_t((e / after * count + row) * after + e % after);
  }
  /// Less than 0, 0 or more: the order of two rows. NaN comes last.
  int order(int64_t a, int64_t b) const {
    for (int64_t e = 0; e < width(); ++e) {
      size_t p = place(a, e), q = place(b, e);
      bool isUnsigned = varve::isUnsigned(x.element);
      if (x.isFloat()) {
        bool nan = x.f[p] != x.f[p], other = x.f[q] != x.f[q];
        if (nan != other)
          return nan ? 1 : -1;
        if (!nan && x.f[p] != x.f[q])
          return x.f[p] < x.f[q] ? -1 : 1;
      } else if (x.i[p] != x.i[q]) {
        bool less = isUnsigned ? uint64_t(x.i[p]) < uint64_t(x.i[q])
                               : x.i[p] < x.i[q];
        return less ? -1 : 1;
      }
    }
    return 0;
  }
};

struct Uniques {
  Ints first, inverse, counts;
};

Uniques uniquesOf(const Rows &rows, bool sorted) {
  Ints order(size_t(rows.count), 0), group(size_t(rows.count), 0);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return rows.order(a, b) < 0;
  });
  Uniques result;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || rows.order(order[i - 1], order[i]) != 0) {
      result.first.push_back(order[i]);
      result.counts.push_back(0);
    }
    ++result.counts.back();
    group[size_t(order[i])] = int64_t(result.first.size()) - 1;
  }
  Ints rank(result.first.size(), 0), at = rank;
  std::iota(at.begin(), at.end(), 0);
  if (!sorted)
    llvm::sort(at, [&](int64_t a, int64_t b) {
      return result.first[size_t(a)] < result.first[size_t(b)];
    });
  Uniques inOrder;
  for (auto [place, from] : llvm::enumerate(at)) {
    rank[size_t(from)] = int64_t(place);
    inOrder.first.push_back(result.first[size_t(from)]);
    inOrder.counts.push_back(result.counts[size_t(from)]);
  }
  for (int64_t each : group)
    inOrder.inverse.push_back(rank[size_t(each)]);
  return inOrder;
}

void unique(Call &c) {
  const RefTensor &x = c.known(0);
  std::optional<int64_t> axis;
  if (c.hasAttribute("axis"))
    axis = c.axis(c.integer("axis"), x.rank());
  Rows rows(x, axis);
  Uniques found = uniquesOf(rows, c.flag("sorted", true));
  // Read where they stand, so that they have gradients.
  Value from = axis ? c.moved(0) : c.reshape(c.moved(0), {x.size()});
  Ints shape(shapeOf(from));
  int64_t along = axis.value_or(0);
  shape[size_t(along)] = 0;
  c.give(found.first.empty()
             ? c.splat(x.element, 0, shape)
             : c.make("gather", {from, c.intsConstant(found.first)},
                      {{"axis", along}}),
         c.element(0));
  c.give(c.intsConstant(found.first));
  c.give(c.intsConstant(found.inverse));
  c.give(c.intsConstant(found.counts));
}

// ---- boxes ----

struct Box {
  float left, top, right, bottom;
  float area() const { return (right - left) * (bottom - top); }
};

Box boxOf(const RefTensor &boxes, int64_t i, bool center) {
  float v[4];
  for (int64_t k = 0; k < 4; ++k)
    v[k] = float(boxes.f[size_t(4 * i + k)]);
  if (center)
    return {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2,
            v[1] + v[3] / 2};
  return {std::min(v[1], v[3]), std::min(v[0], v[2]), std::max(v[1], v[3]),
          std::max(v[0], v[2])};
}

/// Whether two boxes have more of their union in common than a share.
bool overlap(const Box &a, const Box &b, float share) {
  Box common = {std::max(a.left, b.left), std::max(a.top, b.top),
                std::min(a.right, b.right), std::min(a.bottom, b.bottom)};
  if (common.right <= common.left || common.bottom <= common.top)
    return false;
  float both = common.area(), all = a.area() + b.area() - both;
  return a.area() > 0 && b.area() > 0 && all > 0 && both / all > share;
}

std::optional<double> numberAt(Call &c, size_t i) {
  if (!c.has(i))
    return std::nullopt;
  const RefTensor &value = c.known(i);
  if (value.size() == 0)
    return std::nullopt;
  return value.isFloat() ? value.f[0] : double(value.i[0]);
}

/// The boxes of a class, best first, but those that overlap a better one.
void nonMaxSuppression(Call &c) {
  const RefTensor &boxes = c.known(0), &scores = c.known(1);
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.shape[2] != 4 ||
      !boxes.isFloat() || !scores.isFloat() ||
      boxes.shape[0] != scores.shape[0] || boxes.shape[1] != scores.shape[2])
    c.fail("boxes are not [N, boxes, 4], or scores not [N, classes, boxes]");
  int64_t most = int64_t(numberAt(c, 2).value_or(0));
  float share = float(numberAt(c, 3).value_or(0));
  auto least = numberAt(c, 4);
  bool center = c.flag("center_point_box");
  int64_t count = boxes.shape[1];
  RefTensor result(c.b.getI64Type(), {0, 3});
  for (int64_t n = 0; n < scores.shape[0] * scores.shape[1]; ++n) {
    int64_t sample = n / scores.shape[1];
    auto score = [&](int64_t i) { return scores.f[size_t(n * count + i)]; };
    Ints order, kept;
    for (int64_t i = 0; i < count; ++i)
      if (!least || score(i) > *least)
        order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return score(a) > score(b);
    });
    for (int64_t i : order) {
      if (int64_t(kept.size()) >= most)
        break;
      Box box = boxOf(boxes, sample * count + i, center);
      if (llvm::any_of(kept, [&](int64_t k) {
            return overlap(box, boxOf(boxes, sample * count + k, center),
                           share);
          }))
        continue;
      kept.push_back(i);
      result.i.insert(result.i.end(), {sample, n % scores.shape[1], i});
    }
  }
  result.shape[0] = int64_t(result.i.size()) / 3;
  c.give(c.constant(result));
}

} // namespace

ArrayRef<Operator> selectOperators() {
  static constexpr Operator entries[] = {
      {"NonMaxSuppression", 10, nonMaxSuppression},
      {"Unique", 11, unique},
  };
  return entries;
}

} // namespace varve::onnx
