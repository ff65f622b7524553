// Elements moved, shapes changed.
#include "Onnx/ExportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

void reshapeTo(ExportCall &c) {
  c.give(c.reshape(c.in(0), c.resultType().getShape()));
}

void unsqueeze(ExportCall &c) {
  c.give(c.unsqueeze(c.in(0), mlir::cast<UnsqueezeOp>(c.op).getAxis()));
}

void squeeze(ExportCall &c) {
  ArrayRef<int64_t> axes = mlir::cast<SqueezeOp>(c.op).getAxis();
  c.give(axes.empty() ? c.in(0) : c.make("Squeeze", {c.in(0), c.ints(axes)}));
}

void transpose(ExportCall &c) {
  c.give(c.transpose(c.in(0), mlir::cast<TransposeOp>(c.op).getPermutation()));
}

void slice(ExportCall &c) {
  auto op = mlir::cast<SliceOp>(c.op);
  Ints axes, begin, end, step;
  for (int64_t d = 0; d < c.type().getRank(); ++d) {
    if (op.getBegin()[d] == 0 && op.getEnd()[d] == c.type().getDimSize(d) &&
        op.getStep()[d] == 1)
      continue;
    axes.push_back(d);
    begin.push_back(op.getBegin()[d]);
    end.push_back(op.getEnd()[d]);
    step.push_back(op.getStep()[d]);
  }
  c.give(axes.empty() ? c.in(0) : c.slice(c.in(0), begin, end, axes, step));
}

/// Each element gets an axis of its own, on which new ones follow it; those
/// after the last go.
std::string movedApart(ExportCall &c, std::string x, Ints &shape,
                       const std::string &value, int64_t axis, int64_t step) {
  int64_t size = shape[axis];
  if (step == 1 || size < 2)
    return x;
  Ints apart = shape;
  apart.insert(apart.begin() + axis + 1, 1);
  Ints pads(2 * apart.size(), 0);
  pads[apart.size() + size_t(axis) + 1] = step - 1;
  x = c.make("Pad", {c.reshape(x, apart), c.ints(pads), value});
  shape[axis] = size * step;
  x = c.reshape(x, shape);
  shape[axis] -= step - 1;
  return c.slice(x, {0}, {shape[axis]}, {axis});
}

void pad(ExportCall &c) {
  auto op = mlir::cast<PadOp>(c.op);
  std::string x = c.in(0);
  Type element = c.type().getElementType();
  if (element.isInteger(1))
    c.refuse("of bool is not supported");
  std::string value = c.number(element, op.getValue().convertToDouble());
  Ints shape(c.type().getShape());
  int64_t rank = int64_t(shape.size()), count = int64_t(op.getBefore().size());
  if (op.getStep())
    for (auto [i, step] : llvm::enumerate(*op.getStep()))
      x = movedApart(c, x, shape, value, rank - count + int64_t(i), step);
  Ints pads(2 * size_t(rank), 0);
  for (int64_t i = 0; i < count; ++i) {
    pads[size_t(rank - count + i)] = op.getBefore()[i];
    pads[size_t(2 * rank - count + i)] = op.getAfter()[i];
  }
  if (llvm::all_of(pads, [](int64_t n) { return n == 0; }))
    return c.give(x);
  c.give(c.make("Pad", {x, c.ints(pads), value}, {{"mode", op.getMode()}}));
}

void flip(ExportCall &c) {
  ArrayRef<int64_t> axes = mlir::cast<FlipOp>(c.op).getAxis();
  Ints begin(axes.size(), -1), end(axes.size(), INT64_MIN), step(begin);
  c.give(axes.empty() ? c.in(0) : c.slice(c.in(0), begin, end, axes, step));
}

void concat(ExportCall &c) {
  Names operands;
  for (size_t i = 0; i < c.op->getNumOperands(); ++i)
    operands.push_back(c.in(i));
  int64_t axis =
      normalAxis(mlir::cast<ConcatOp>(c.op).getAxis(), c.type().getRank());
  c.give(c.make("Concat", operands, {{"axis", axis}}));
}

void stack(ExportCall &c) {
  int64_t axis =
      normalAxis(mlir::cast<StackOp>(c.op).getAxis(), c.type().getRank() + 1);
  Names operands;
  for (size_t i = 0; i < c.op->getNumOperands(); ++i)
    operands.push_back(c.unsqueeze(c.in(i), {axis}));
  c.give(c.make("Concat", operands, {{"axis", axis}}));
}

void split(ExportCall &c) {
  auto op = mlir::cast<SplitOp>(c.op);
  int64_t axis = normalAxis(op.getAxis(), c.type().getRank());
  Ints sizes(size_t(op.getParts()), c.type().getDimSize(axis) / op.getParts());
  SmallVector<bool> wanted(sizes.size(), true);
  for (std::string &part : c.makeSeveral("Split", {c.in(0), c.ints(sizes)},
                                         wanted, {{"axis", axis}}))
    c.give(part);
}

void matmul(ExportCall &c) { c.give(c.make("MatMul", {c.in(0), c.in(1)})); }

void einsum(ExportCall &c) {
  Names operands;
  for (size_t i = 0; i < c.op->getNumOperands(); ++i)
    operands.push_back(c.in(i));
  c.give(c.make("Einsum", operands,
                {{"equation", mlir::cast<EinsumOp>(c.op).getEquation()}}));
}

} // namespace

ArrayRef<ExportRule> shapeRules() {
  static const ExportRule rules[] = {
      {"reshape", reshapeTo},   {"unsqueeze", unsqueeze}, {"squeeze", squeeze},
      {"transpose", transpose}, {"slice", slice},         {"pad", pad},
      {"flip", flip},           {"concat", concat},       {"stack", stack},
      {"split", split},         {"matmul", matmul},       {"einsum", einsum},
  };
  return rules;
}

} // namespace varve::onnx
