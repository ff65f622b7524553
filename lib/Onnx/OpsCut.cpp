// Operators that cut tensors, repeat and frame them. They only move elements,
// so they take those of any type.
#include "Onnx/Indices.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace varve::onnx {
namespace {

void expand(Call &c) {
  Value x = c.moved(0);
  Ints shape = c.ints(1), own(shapeOf(x));
  size_t rank = std::max(shape.size(), own.size());
  shape.insert(shape.begin(), rank - shape.size(), 1);
  own.insert(own.begin(), rank - own.size(), 1);
  for (size_t i = 0; i < rank; ++i)
    if (shape[i] == 1)
      shape[i] = own[i];
  c.give(c.broadcast(x, shape), c.element(0));
}

/// Every step-th element of an axis; a negative step goes back.
struct Cut {
  int64_t begin, end, step;
};

Value cut(Call &c, Value x, int64_t axis, Cut cut) {
  int64_t size = shapeOf(x)[size_t(axis)];
  if (cut.step == 0)
    c.fail("a step is 0");
  bool back = cut.step < 0;
  auto held = [&](int64_t at) {
    at = at < 0 ? at + size : at;
    return back ? std::clamp<int64_t>(at, -1, size - 1)
                : std::clamp<int64_t>(at, 0, size);
  };
  int64_t begin = held(cut.begin), end = held(cut.end), step = cut.step;
  if (back) {
    x = c.make("flip", x, {{"axis", Ints{axis}}});
    begin = size - 1 - begin;
    end = size - 1 - end;
    step = step == INT64_MIN ? INT64_MAX : -step;
  }
  Ints from(shapeOf(x).size(), 0), to(shapeOf(x)), by(from.size(), 1);
  from[size_t(axis)] = begin;
  to[size_t(axis)] = std::max(begin, end);
  by[size_t(axis)] = std::min(step, std::max<int64_t>(size, 1));
  return c.make("slice", x, {{"begin", from}, {"end", to}, {"step", by}});
}

void slice(Call &c) {
  Value x = c.moved(0);
  auto starts = c.listOrInput("starts", 1), ends = c.listOrInput("ends", 2);
  auto axes = c.listOrInput("axes", 3), steps = c.listOrInput("steps", 4);
  if (!starts || !ends || starts->size() != ends->size() ||
      (axes && axes->size() != starts->size()) ||
      (steps && steps->size() != starts->size()))
    c.fail("starts, ends, axes and steps are not of one length");
  if (axes)
    c.axes(*axes, rankOf(x)); // No axis twice.
  for (size_t i = 0; i < starts->size(); ++i) {
    int64_t axis = c.axis(axes ? (*axes)[i] : int64_t(i), rankOf(x));
    x = cut(c, x, axis, {(*starts)[i], (*ends)[i], steps ? (*steps)[i] : 1});
  }
  c.give(x, c.element(0));
}

void split(Call &c) {
  Value x = c.moved(0);
  int64_t axis = c.axisOf(x, 0);
  int64_t size = shapeOf(x)[size_t(axis)];
  auto parts = c.listOrInput("split", 1);
  int64_t count = c.integer("num_outputs", int64_t(c.outputs()));
  if (!parts) {
    // The last may be smaller.
    if (count < 1)
      c.fail("there are " + std::to_string(count) + " parts");
    int64_t part = llvm::divideCeil(size, count), left = size;
    parts.emplace();
    for (int64_t i = 0; i < count; ++i, left -= parts->back())
      parts->push_back(std::min(part, left));
  }
  int64_t at = 0;
  for (int64_t part : *parts) {
    if (part < 0 || part > size - at)
      c.fail("the parts do not add up to " + std::to_string(size));
    c.give(c.slice(x, axis, at, at + part), c.element(0));
    at += part;
  }
  if (at != size)
    c.fail("the parts do not add up to " + std::to_string(size));
}

// ---- frames ----

/// How much is added before and after each axis; less than 0 is cut away.
struct Frame {
  Ints before, after;
};

Frame frameOf(Call &c, int64_t rank, ArrayRef<int64_t> pads,
              const std::optional<Ints> &axes) {
  Frame frame{Ints(size_t(rank), 0), Ints(size_t(rank), 0)};
  size_t count = axes ? axes->size() : size_t(rank);
  if (pads.size() != 2 * count)
    c.fail("there are " + std::to_string(pads.size()) + " pads for " +
           std::to_string(count) + " axes");
  if (axes)
    c.axes(*axes, rank);
  for (size_t i = 0; i < count; ++i) {
    size_t axis = size_t(c.axis(axes ? (*axes)[i] : int64_t(i), rank));
    frame.before[axis] = pads[i];
    frame.after[axis] = pads[count + i];
  }
  return frame;
}

/// Cuts away what a frame takes, and leaves what it adds.
Value cutFrame(Call &c, Value x, Frame &frame) {
  for (size_t i = 0; i < frame.before.size(); ++i) {
    int64_t size = shapeOf(x)[i];
    int64_t begin = std::max<int64_t>(0, -frame.before[i]);
    int64_t end = size - std::max<int64_t>(0, -frame.after[i]);
    if (begin > end)
      c.fail("the pads take more than there is of axis " + std::to_string(i));
    x = c.slice(x, int64_t(i), begin, end);
    frame.before[i] = std::max<int64_t>(0, frame.before[i]);
    frame.after[i] = std::max<int64_t>(0, frame.after[i]);
  }
  return x;
}

/// The elements go on from the other end.
Value wrapAround(Call &c, Value x, const Frame &frame) {
  for (size_t i = 0; i < frame.before.size(); ++i) {
    int64_t size = shapeOf(x)[i], before = frame.before[i];
    int64_t total = before + size + frame.after[i];
    if (total == size)
      continue;
    if (size == 0)
      c.fail("axis " + std::to_string(i) + " is empty");
    Values parts;
    int64_t at = (size - before % size) % size;
    for (int64_t made = 0; made < total;) {
      int64_t end = std::min(size, at + total - made);
      parts.push_back(c.slice(x, int64_t(i), at, end));
      made += end - at;
      at = 0;
    }
    x = c.make("concat", parts, {{"axis", int64_t(i)}});
  }
  return x;
}

Value framed(Call &c, Value x, const Frame &frame, const std::string &mode,
             double value = 0) {
  return c.make("pad", x,
                {{"before", frame.before},
                 {"after", frame.after},
                 {"mode", mode},
                 {"value", value}});
}

/// New elements are those of input i, known or not.
Value framedBy(Call &c, Value x, const Frame &frame, size_t i) {
  Value value = c.reshape(c.moved(i), {});
  const RefTensor *known = c.ifKnown(i);
  // A double holds this much of an integer.
  if (known && (known->isFloat() || std::abs(known->i[0]) < (1LL << 53)))
    return framed(c, x, frame, "constant",
                  known->isFloat() ? known->f[0] : double(known->i[0]));
  Value inside =
      framed(c, c.splat(c.b.getI1Type(), 1, shapeOf(x)), frame, "constant");
  Value wide = framed(c, x, frame, "constant");
  return c.make("where", {inside, wide, c.broadcast(value, shapeOf(wide))});
}

void pad(Call &c) {
  Value x = c.moved(0);
  const char *name = c.hasAttribute("paddings") ? "paddings" : "pads";
  auto pads = c.listOrInput(name, 1);
  if (!pads)
    c.fail("pads are missing");
  std::optional<Ints> axes;
  if (c.has(3))
    axes = c.ints(3);
  Frame frame = frameOf(c, rankOf(x), *pads, axes);
  std::string mode = c.text("mode", "constant");
  double value = c.real("value", 0);
  x = cutFrame(c, x, frame);
  if (mode == "wrap")
    x = wrapAround(c, x, frame);
  else if (mode == "constant" && c.has(2))
    x = framedBy(c, x, frame, 2);
  else
    x = framed(c, x, frame, mode, value);
  c.give(x, c.element(0));
}

/// To sizes of some axes, in the middle.
void centerCropPad(Call &c) {
  Value x = c.moved(0);
  Ints shape = c.ints(1), axes;
  if (auto said = c.list("axes"))
    axes = *said;
  else
    for (int64_t i = 0; i < rankOf(x); ++i)
      axes.push_back(i);
  c.axes(axes, rankOf(x));
  if (axes.size() != shape.size())
    c.fail("there are not as many sizes as axes");
  Ints pads(2 * axes.size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t grow =
        shape[i] - shapeOf(x)[size_t(c.axis(axes[i], rankOf(x)))];
    // Of an odd number the last is at the end.
    int64_t first = grow / 2;
    pads[i] = first;
    pads[axes.size() + i] = grow - first;
  }
  Frame frame = frameOf(c, rankOf(x), pads, axes);
  x = cutFrame(c, x, frame);
  c.give(framed(c, x, frame, "constant"), c.element(0));
}

// ---- repetition ----

/// Each axis is repeated as a new one before it, which then joins it.
Value tiled(Call &c, Value x, ArrayRef<int64_t> times) {
  Ints apart, wide, joined;
  for (auto [size, count] : llvm::zip_equal(shapeOf(x), times)) {
    if (count < 0)
      c.fail("an axis is repeated " + std::to_string(count) + " times");
    apart.append({1, size});
    wide.append({count, size});
    joined.push_back(count * size);
  }
  return c.reshape(c.broadcast(c.reshape(x, apart), wide), joined);
}

void tile(Call &c) {
  Value x = c.moved(0);
  Ints times = c.ints(1);
  if (int64_t(times.size()) != rankOf(x))
    c.fail("there are " + std::to_string(times.size()) +
           " repeats for a rank of " + std::to_string(rankOf(x)));
  c.give(tiled(c, x, times), c.element(0));
}

/// Before opset 6: `tiles` times along one axis.
void tileAxis(Call &c) {
  Value x = c.moved(0);
  Ints count = c.ints(1), axis = c.ints(2), times(shapeOf(x).size(), 1);
  if (count.size() != 1 || axis.size() != 1)
    c.fail("tiles and axis are no single numbers");
  times[size_t(c.axis(axis[0], rankOf(x)))] = count[0];
  c.give(tiled(c, x, times), c.element(0));
}

/// Keeps what is on one side of a diagonal.
void trilu(Call &c) {
  Value x = c.moved(0);
  int64_t rank = rankOf(x), k = 0;
  if (rank < 2)
    c.fail("input 0 is no matrix");
  if (c.has(1)) {
    Ints said = c.ints(1);
    if (said.size() != 1)
      c.fail("k is no single number");
    k = said[0];
  }
  Ints shape(shapeOf(x).take_back(2));
  // Further away there is nothing to keep apart.
  int64_t far = std::max(shape[0], shape[1]) + 1;
  k = std::clamp(k, -far, far);
  Value row = indicesAlong(c, shape, 0), column = indicesAlong(c, shape, 1);
  row = add(c.b, row, constantLike(c.b, row, double(k)));
  bool upper = c.flag("upper", true);
  Value kept = c.make("compare", {column, row},
                      {{"predicate", upper ? "ge" : "le"}});
  c.give(c.make("where", {c.broadcast(kept, shapeOf(x)), x,
                          constantLike(c.b, x, 0)}),
         c.element(0));
}

// ---- blocks ----

/// Axes of a picture cut into blocks, put in another order, joined again.
Value rearranged(Call &c, Value x, ArrayRef<int64_t> cut,
                 ArrayRef<int64_t> perm, ArrayRef<int64_t> joined) {
  return c.reshape(c.transpose(c.reshape(x, cut), perm), joined);
}

Value picture(Call &c) {
  Value x = c.moved(0);
  if (rankOf(x) != 4)
    c.fail("input 0 has rank " + std::to_string(rankOf(x)) + ", not 4");
  return x;
}

int64_t blockOf(Call &c) {
  int64_t block = c.integer("blocksize");
  if (block < 1)
    c.fail("blocksize is " + std::to_string(block));
  return block;
}

/// Whether channels go before the places of a block, or after them.
bool channelsFirst(Call &c) {
  std::string mode = c.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    c.fail("mode is '" + mode + "'");
  return mode == "CRD";
}

void depthToSpace(Call &c) {
  Value x = picture(c);
  Ints s(shapeOf(x));
  int64_t b = blockOf(c), deep = s[1] / (b * b);
  Ints joined = {s[0], deep, s[2] * b, s[3] * b};
  if (channelsFirst(c))
    x = rearranged(c, x, {s[0], deep, b, b, s[2], s[3]}, {0, 1, 4, 2, 5, 3},
                   joined);
  else
    x = rearranged(c, x, {s[0], b, b, deep, s[2], s[3]}, {0, 3, 4, 1, 5, 2},
                   joined);
  c.give(x, c.element(0));
}

void spaceToDepth(Call &c) {
  Value x = picture(c);
  Ints s(shapeOf(x));
  int64_t b = blockOf(c);
  Ints cut = {s[0], s[1], s[2] / b, b, s[3] / b, b};
  Ints perm = {0, 3, 5, 1, 2, 4}, first = {0, 1, 3, 5, 2, 4};
  x = rearranged(c, x, cut, channelsFirst(c) ? first : perm,
                 {s[0], s[1] * b * b, s[2] / b, s[3] / b});
  c.give(x, c.element(0));
}

} // namespace

ArrayRef<Operator> cutOperators() {
  static constexpr Operator entries[] = {
      {"CenterCropPad", 18, centerCropPad},
      {"DepthToSpace", 1, depthToSpace},
      {"Expand", 8, expand},
      {"Pad", 1, pad},
      {"Slice", 1, slice},
      {"SpaceToDepth", 1, spaceToDepth},
      {"Split", 1, split},
      {"Tile", 1, tileAxis},
      {"Tile", 6, tile},
      {"Trilu", 14, trilu},
  };
  return entries;
}

} // namespace varve::onnx
