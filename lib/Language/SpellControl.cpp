// Branches and loops of a program as `if` and `scan`. A region captures nothing
// in the dialect and everything in the language: its arguments are spelled as
// what they stand for. What a loop carries gets a name before the loop.
#include "Dialect/Varve/Ops/Build.h"
#include "Language/SpellImpl.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve {

std::string Speller::inside(Region &region, llvm::function_ref<void()> end) {
  std::string outer = std::move(body);
  body.clear();
  ++depth;
  for (Operation &op : region.front().without_terminator())
    statement(op);
  end();
  --depth;
  return std::exchange(body, std::move(outer));
}

void Speller::branch(IfOp op) {
  std::vector<std::string> inputs, names;
  for (Value input : op.getInputs())
    inputs.push_back(operand(input));
  std::string text = "if " + operand(op.getCondition());
  for (Value result : op.getResults())
    names.push_back(name(result, nameOfNode(op)));
  for (Region *region : {&op.getThenRegion(), &op.getElseRegion()}) {
    for (auto [argument, input] : llvm::zip(region->getArguments(), inputs))
      texts[argument] = {input, true};
    text += " {\n" + inside(*region, [&] {
      ValueRange values = region->front().getTerminator()->getOperands();
      for (auto [own, value] : llvm::zip(names, values))
        line(own + " = " + operand(value));
    });
    text += region == &op.getThenRegion() ? "} else" : "}";
  }
  line(text);
}

std::vector<std::string> Speller::carry(ScanOp op) {
  std::vector<std::string> carried;
  for (auto [i, init] : llvm::enumerate(op.getInits())) {
    std::string first = operand(init);
    std::string own = name(op.getResult(i), nameOfNode(op) + "_state");
    texts[op.getBody().getArgument(i)] = {own, true};
    line(own + " = " + first);
    carried.push_back(own);
  }
  return carried;
}

void Speller::rebind(ArrayRef<std::string> carried, Block &block) {
  std::vector<std::string> names, values;
  ValueRange yielded = block.getTerminator()->getOperands();
  for (auto [i, own] : llvm::enumerate(carried))
    if (yielded[i] != block.getArgument(i)) {
      names.push_back(own);
      values.push_back(operand(yielded[i]));
    }
  std::string all = llvm::join(values, ", ");
  if (!names.empty())
    line(llvm::join(names, ", ") + " = " +
         (names.size() > 1 ? "[" + all + "]" : all));
}

/// A tensor with an axis moved; the others keep their order.
static std::string movedAxis(const std::string &text, size_t rank, int64_t from,
                             int64_t to) {
  if (from == to)
    return text;
  std::vector<std::string> perm;
  for (int64_t i = 0; i < int64_t(rank); ++i)
    if (i != from)
      perm.push_back(std::to_string(i));
  perm.insert(perm.begin() + to, std::to_string(from));
  return "transpose(" + text + ", perm: [" + llvm::join(perm, ", ") + "])";
}

static std::string flipped(const std::string &text, int64_t axis) {
  return "flip(" + text + ", axis: " + std::to_string(axis) + ")";
}

// The language has one axis and one direction for a loop: sequences and what
// is stacked are turned to it.
void Speller::scan(ScanOp op) {
  Block &block = op.getBody().front();
  std::string base = nameOfNode(op);
  SmallVector<int64_t> axes(op.getAxis());
  llvm::append_range(axes, op.getOutAxis());
  int64_t along = !axes.empty() && llvm::all_equal(axes) ? axes[0] : 0;
  size_t states = op.getInits().size(), count = op.getSequences().size();

  std::vector<std::string> carried = carry(op);
  std::vector<std::string> slices, sequences, stacked;
  for (auto [axis, value] : llvm::zip(op.getAxis(), op.getSequences())) {
    std::string text =
        movedAxis(operand(value), shapeOf(value).size(), axis, along);
    sequences.push_back(op.getReverse() ? flipped(text, along) : text);
    slices.push_back(unique(base + "_slice"));
  }
  if (sequences.empty()) {
    sequences.push_back("range(" + std::to_string(op.getLength()) + ")");
    slices.push_back(unique(base + "_step"));
  }
  for (size_t i = 0; i < count; ++i)
    texts[block.getArgument(unsigned(states + i))] = {slices[i], true};
  for (auto [argument, value] :
       llvm::zip(block.getArguments().drop_front(states + count),
                 op.getConstants()))
    texts[argument] = {operand(value), true};

  std::string lines = inside(op.getBody(), [&] {
    std::vector<std::string> given;
    for (Value value : block.getTerminator()->getOperands().drop_front(states))
      given.push_back(operand(value));
    if (!given.empty())
      line("yield " + llvm::join(given, ", "));
    rebind(carried, block);
  });

  ResultRange outs = op.getResults().drop_front(states);
  for (Value result : outs)
    stacked.push_back(name(result, base));
  line((stacked.empty() ? "" : llvm::join(stacked, ", ") + " = ") + "scan " +
       llvm::join(slices, ", ") + " in " + llvm::join(sequences, ", ") +
       (along ? " along " + std::to_string(along) : "") + " {\n" + lines + "}");
  for (auto [axis, result] : llvm::zip(op.getOutAxis(), outs)) {
    std::string own = texts[result].text;
    std::string text = op.getReverse() ? flipped(own, along) : own;
    text = movedAxis(text, shapeOf(result).size(), along, axis);
    if (text != own && !result.use_empty())
      line(name(result, base) + " = " + text);
  }
}

} // namespace varve
