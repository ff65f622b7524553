// Sequences and optionals. They exist at import alone: a sequence is a list of
// tensors whose length is known.
#include "Onnx/Convert.h"

using namespace mlir;

namespace varve::onnx {
namespace {

Datum sequence(Call &c, size_t i) {
  const Datum &datum = c.datum(i);
  if (!datum.is(Datum::Kind::Sequence))
    c.fail("input " + std::to_string(i) + " is " + describe(datum) +
           ", not a sequence");
  return datum;
}

/// A place in a sequence, from the end if negative; `end` is one of them if
/// `past`.
size_t place(Call &c, size_t i, size_t count, bool past) {
  Ints values = c.ints(i);
  if (values.size() != 1)
    c.fail("a place is one number");
  int64_t at = values[0] < 0 ? values[0] + int64_t(count) : values[0];
  if (at < 0 || at > int64_t(count) || (at == int64_t(count) && !past))
    c.fail("place " + std::to_string(values[0]) + " is outside a sequence of " +
           std::to_string(count));
  return size_t(at);
}

void sequenceEmpty(Call &c) {
  int64_t type = c.integer("dtype", int64_t(Element::F32));
  c.give(Datum::sequence({}, elementNamed(c, type)));
}

void sequenceConstruct(Call &c) {
  std::vector<Datum> items;
  for (size_t i = 0; i < c.inputs(); ++i)
    items.push_back(c.datum(i));
  Element element = items.empty() ? Element::Undefined : items[0].element;
  c.give(Datum::sequence(std::move(items), element));
}

void sequenceAt(Call &c) {
  Datum s = sequence(c, 0);
  c.give(s.items[place(c, 1, s.items.size(), /*past=*/false)]);
}

void sequenceInsert(Call &c) {
  Datum s = sequence(c, 0);
  size_t at = c.has(2) ? place(c, 2, s.items.size(), /*past=*/true)
                       : s.items.size();
  s.items.insert(s.items.begin() + ptrdiff_t(at), c.datum(1));
  s.element = c.element(1);
  c.give(std::move(s));
}

void sequenceErase(Call &c) {
  Datum s = sequence(c, 0);
  if (s.items.empty())
    c.fail("the sequence is empty");
  size_t at = c.has(1) ? place(c, 1, s.items.size(), /*past=*/false)
                       : s.items.size() - 1;
  s.items.erase(s.items.begin() + ptrdiff_t(at));
  c.give(std::move(s));
}

void sequenceLength(Call &c) {
  int64_t length = int64_t(sequence(c, 0).items.size());
  c.give(c.reshape(c.intsConstant({length}), {}));
}

/// Parts of the sizes given, or of one size with a smaller last one.
void splitToSequence(Call &c) {
  Value x = c.stored(0);
  int64_t axis = c.axisOf(x, 0);
  int64_t size = shapeOf(x)[size_t(axis)];
  bool keeps = c.flag("keepdims", true);
  Ints sizes(size_t(size), 1);
  if (c.has(1)) {
    keeps = true;
    sizes = c.ints(1);
    if (shapeOf(c.in(1)).empty()) {
      int64_t each = sizes[0];
      if (each < 1)
        c.fail("parts of size " + std::to_string(each));
      sizes.clear();
      for (int64_t at = 0; at < size; at += each)
        sizes.push_back(std::min(each, size - at));
    }
  }
  std::vector<Datum> items;
  int64_t at = 0;
  for (int64_t each : sizes) {
    if (each < 0 || each > size - at)
      c.fail("the parts are larger than the axis");
    Value part = c.slice(x, axis, at, at + each);
    if (!keeps)
      part = c.make("squeeze", part, {{"axis", Ints{axis}}});
    items.push_back(Datum::of(part, c.element(0)));
    at += each;
  }
  if (at != size)
    c.fail("the parts are smaller than the axis");
  c.give(Datum::sequence(std::move(items), c.element(0)));
}

void concatFromSequence(Call &c) {
  Datum s = sequence(c, 0);
  Values parts;
  for (const Datum &item : s.items) {
    if (!item.is(Datum::Kind::Tensor))
      c.refuse("an item that is " + describe(item) + " is not supported");
    parts.push_back(item.value);
  }
  if (parts.empty())
    c.fail("the sequence is empty");
  bool isNew = c.flag("new_axis");
  int64_t rank = rankOf(parts[0]) + isNew;
  int64_t axis = c.axis(c.integer("axis"), rank);
  c.give(c.make(isNew ? "stack" : "concat", parts, {{"axis", axis}}),
         s.items[0].element);
}

// ---- optionals ----

void optional(Call &c) {
  Datum datum = Datum::make(Datum::Kind::Optional);
  c.ignore("type");
  if (c.has(0)) {
    datum.items.push_back(c.datum(0));
    datum.element = c.element(0);
  }
  c.give(std::move(datum));
}

void optionalGetElement(Call &c) {
  const Datum &datum = c.datum(0);
  if (!datum.is(Datum::Kind::Optional))
    return c.give(datum);
  if (datum.items.empty())
    c.fail("the optional is empty");
  c.give(datum.items[0]);
}

void optionalHasElement(Call &c) {
  bool has = c.has(0);
  if (has && c.datum(0).is(Datum::Kind::Optional))
    has = !c.datum(0).items.empty();
  c.give(c.splat(c.b.getI1Type(), has));
}

} // namespace

ArrayRef<Operator> sequenceOperators() {
  static constexpr Operator entries[] = {
      {"ConcatFromSequence", 11, concatFromSequence},
      {"Optional", 15, optional},
      {"OptionalGetElement", 15, optionalGetElement},
      {"OptionalHasElement", 15, optionalHasElement},
      {"SequenceAt", 11, sequenceAt},
      {"SequenceConstruct", 11, sequenceConstruct},
      {"SequenceEmpty", 11, sequenceEmpty},
      {"SequenceErase", 11, sequenceErase},
      {"SequenceInsert", 11, sequenceInsert},
      {"SequenceLength", 11, sequenceLength},
      {"SplitToSequence", 11, splitToSequence},
  };
  return entries;
}

} // namespace varve::onnx
