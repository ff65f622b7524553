// Places that tensors name. Indices are held to their axes, as ours are.
#include "Onnx/ExportCall.h"

using namespace mlir;

namespace varve::onnx {
namespace {

void gather(ExportCall &c) {
  int64_t axis =
      normalAxis(mlir::cast<GatherOp>(c.op).getAxis(), c.type().getRank());
  std::string index = c.index(1);
  // How many samples a data set has is not known here.
  if (!c.type().isDynamicDim(unsigned(axis)))
    index = c.held(index, c.type().getDimSize(axis));
  c.give(c.make("Gather", {c.in(0), index}, {{"axis", axis}}));
}

/// With the axes before and after it as one each, and each index repeated for
/// all that it moves: what two of them name is added in order.
void scatterAdd(ExportCall &c) {
  int64_t axis =
      normalAxis(mlir::cast<ScatterAddOp>(c.op).getAxis(), c.type().getRank());
  ArrayRef<int64_t> shape = c.type().getShape();
  int64_t before = llvm::product_of(shape.take_front(axis)),
          after = llvm::product_of(shape.drop_front(axis + 1)),
          count = c.type(1).getNumElements();
  std::string index = c.held(c.index(1), shape[size_t(axis)]);
  index = c.expand(c.reshape(index, {1, count, 1}), {before, count, after});
  std::string x = c.reshape(c.in(0), {before, shape[size_t(axis)], after});
  std::string y = c.reshape(c.in(2), {before, count, after});
  std::string z = c.make("ScatterElements", {x, index, y},
                         {{"axis", 1}, {"reduction", "add"}});
  c.give(c.reshape(z, shape));
}

/// i64[1]: a start, held to [0, last].
std::string startOf(ExportCall &c, size_t operand, int64_t last) {
  return c.reshape(c.held(c.index(operand), last + 1), {1});
}

void dynamicSlice(ExportCall &c) {
  auto op = mlir::cast<DynamicSliceOp>(c.op);
  Ints axes, sizes(op.getSize());
  Names starts;
  int64_t first = c.type().getRank() - int64_t(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    axes.push_back(first + int64_t(i));
    starts.push_back(
        startOf(c, 1 + i, c.type().getDimSize(axes.back()) - sizes[i]));
  }
  if (axes.empty())
    return c.give(c.in(0));
  std::string begin =
      axes.size() == 1 ? starts[0] : c.make("Concat", starts, {{"axis", 0}});
  std::string end = c.make("Add", {begin, c.ints(sizes)});
  std::string y = c.make("Slice", {c.in(0), begin, end, c.ints(axes)});
  // Says the shape, which the starts hide.
  c.give(c.reshape(y, c.resultType().getShape()));
}

void dynamicUpdateSlice(ExportCall &c) {
  int64_t axis = normalAxis(mlir::cast<DynamicUpdateSliceOp>(c.op).getAxis(),
                            c.type().getRank());
  int64_t whole = c.type().getDimSize(axis), part = c.type(1).getDimSize(axis);
  std::string begin = startOf(c, 2, whole - part), along = c.ints({axis});
  std::string end = c.make("Add", {begin, c.ints({part})});
  std::string x = c.in(0);
  std::string head = c.make("Slice", {x, c.ints({0}), begin, along});
  std::string tail = c.make("Slice", {x, end, c.ints({whole}), along});
  std::string z = c.make("Concat", {head, c.in(1), tail}, {{"axis", axis}});
  c.give(c.reshape(z, c.resultType().getShape()));
}

void oneHot(ExportCall &c) {
  int64_t classes = mlir::cast<OneHotOp>(c.op).getClasses();
  std::string index = c.unsqueeze(c.index(0), {c.type().getRank()});
  c.give(c.cast(c.make("Equal", {index, c.range(classes)}),
                c.resultType().getElementType()));
}

} // namespace

ArrayRef<ExportRule> indexingRules() {
  static const ExportRule rules[] = {
      {"gather", gather},
      {"scatter_add", scatterAdd},
      {"dynamic_slice", dynamicSlice},
      {"dynamic_update_slice", dynamicUpdateSlice},
      {"one_hot", oneHot},
  };
  return rules;
}

} // namespace varve::onnx
