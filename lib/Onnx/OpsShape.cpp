// Operators that move elements and change shapes. Those that only move take
// elements of any type.
#include "Onnx/ImportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

void identity(Call &c) { c.give(c.datum(0)); }

/// 0 in a shape keeps the size at its place, -1 is what is left.
void reshape(Call &c) {
  Value x = c.stored(0);
  Ints shape = c.ints(1);
  bool keepZero = c.flag("allowzero");
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 0 && !keepZero) {
      if (i >= shapeOf(x).size())
        c.fail("size 0 at place " + std::to_string(i) +
               " keeps a size that there is not");
      shape[i] = shapeOf(x)[i];
    }
  c.give(c.reshape(x, shape), c.element(0));
}

void transpose(Call &c) {
  Value x = c.stored(0);
  Ints perm;
  for (int64_t i = rankOf(x) - 1; i >= 0; --i)
    perm.push_back(i);
  c.give(c.transpose(x, c.list("perm").value_or(perm)), c.element(0));
}

/// A matrix: axes before `axis` and from it on.
void flatten(Call &c) {
  Value x = c.stored(0);
  c.give(c.flatten(x), c.element(0));
}

void concat(Call &c) {
  Values parts;
  for (size_t i = 0; i < c.inputs(); ++i)
    parts.push_back(c.stored(i));
  if (parts.empty())
    c.fail("there is nothing to put together");
  int64_t axis = c.axisOf(parts[0]);
  c.give(c.make("concat", parts, {{"axis", axis}}), c.element(0));
}

void squeeze(Call &c) {
  Value x = c.stored(0);
  Ints axes;
  if (auto said = c.listOrInput("axes", 1))
    axes = c.axes(*said, rankOf(x));
  else
    for (auto [i, size] : llvm::enumerate(shapeOf(x)))
      if (size == 1)
        axes.push_back(int64_t(i));
  c.give(c.make("squeeze", x, {{"axis", axes}}), c.element(0));
}

void unsqueeze(Call &c) {
  Value x = c.stored(0);
  auto said = c.listOrInput("axes", 1);
  if (!said)
    c.fail("axes are missing");
  Ints axes = c.axes(*said, int64_t(shapeOf(x).size() + said->size()));
  c.give(c.make("unsqueeze", x, {{"axis", axes}}), c.element(0));
}

void shape(Call &c) {
  Ints sizes(c.datum(0).strings ? ArrayRef(c.datum(0).strings->dims)
                                : shapeOf(c.stored(0)));
  int64_t rank = int64_t(sizes.size());
  auto held = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t from = held(c.integer("start", 0)), to = held(c.integer("end", rank));
  Ints part;
  for (int64_t i = from; i < to; ++i)
    part.push_back(sizes[size_t(i)]);
  c.give(c.intsConstant(part));
}

} // namespace

ArrayRef<Operator> shapeOperators() {
  static constexpr Operator entries[] = {
      {"Concat", 4, concat},       {"Flatten", 1, flatten},
      {"Identity", 1, identity},   {"Reshape", 5, reshape},
      {"Shape", 1, shape},         {"Squeeze", 1, squeeze},
      {"Transpose", 1, transpose}, {"Unsqueeze", 1, unsqueeze},
  };
  return entries;
}

} // namespace varve::onnx
