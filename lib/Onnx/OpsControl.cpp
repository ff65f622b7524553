// Branches and loops. What decides them is known at import, or they run in the
// program; a loop whose number of steps is known is written out.
#include "Onnx/ImportImpl.h"

using namespace mlir;

namespace varve::onnx {
namespace {

/// Each step of a loop is compiled: more takes too long.
constexpr int64_t maxSteps = 1000;

const Graph &graphOf(Call &c, const std::string &name) {
  const NodeAttribute *attribute = c.attribute(name);
  if (!attribute || !attribute->graph)
    c.fail("attribute '" + name + "' is missing");
  return *attribute->graph;
}

bool areTensors(ArrayRef<Datum> data) {
  return llvm::all_of(
      data, [](const Datum &d) { return d.is(Datum::Kind::Tensor); });
}

void giveAll(Call &c, ArrayRef<Datum> results) {
  for (const Datum &result : results)
    c.give(result);
}

/// The one element of a bool.
bool truth(Call &c, const RefTensor &value) {
  if (value.size() != 1 || value.isFloat())
    c.fail("a condition is one bool");
  return value.i[0] != 0;
}

void branch(Call &c, bool condition) {
  const Graph &then = graphOf(c, "then_branch");
  const Graph &otherwise = graphOf(c, "else_branch");
  giveAll(c, c.importer.runGraph(condition ? then : otherwise, {}, c.b));
}

void conditional(Call &c) {
  const Graph &then = graphOf(c, "then_branch");
  const Graph &otherwise = graphOf(c, "else_branch");
  if (const RefTensor *value = c.ifKnown(0))
    return branch(c, truth(c, *value));
  if (typeOf(c.in(0)).getNumElements() != 1)
    c.fail("a condition is one bool");

  std::vector<Datum> first, second;
  bool agree = false;
  std::optional<Failure> failure;
  // No exception leaves a body: what builds it has no way to clean up.
  auto run = [&](const Graph &graph, LocBuilder &b) {
    try {
      return c.importer.runGraph(graph, {}, b);
    } catch (const Failure &caught) {
      failure = caught;
      return std::vector<Datum>{Datum::poison()};
    }
  };
  auto valuesOf = [](ArrayRef<Datum> data) {
    Values values;
    for (const Datum &datum : data)
      values.push_back(datum.value);
    return values;
  };
  auto runThen = [&](LocBuilder &b, ArrayRef<Value>) {
    first = run(then, b);
    return areTensors(first) ? valuesOf(first) : Values();
  };
  auto runElse = [&](LocBuilder &b, ArrayRef<Value>) {
    second = run(otherwise, b);
    agree = areTensors(first) && areTensors(second) &&
            first.size() == second.size();
    for (size_t i = 0; agree && i < first.size(); ++i)
      agree = first[i].value.getType() == second[i].value.getType() &&
              first[i].element == second[i].element;
    if (agree)
      return valuesOf(second);
    Values same;
    if (areTensors(first))
      for (const Datum &datum : first)
        same.push_back(varve::constant(b, typeOf(datum.value), 0));
    return same;
  };
  IfOp op = buildIf(c.b, c.reshape(c.in(0), {}), {}, runThen, runElse);
  if (failure)
    throw *failure;
  if (!agree) // Nothing reads the operation, and it goes.
    return branch(c, truth(c, c.known(0)));
  for (auto [value, datum] : llvm::zip(op.getResults(), first))
    c.give(value, datum.element);
}

// ---- Loop ----

/// What the steps of a loop give beside what they carry on, as one tensor.
Datum stack(Call &c, ArrayRef<Datum> steps, const ValueInfo &info) {
  Values parts;
  for (const Datum &step : steps) {
    if (!step.is(Datum::Kind::Tensor))
      c.refuse("steps that give " + describe(step) + " are not supported");
    parts.push_back(step.value);
  }
  if (!parts.empty())
    return Datum::of(c.make("stack", parts, {{"axis", 0}}), steps[0].element);
  Ints shape = {0};
  Type storage = storageType(c.b.getContext(), info.type.element);
  bool good = info.type.shape.has_value() && storage;
  if (good)
    for (const Dim &dim : *info.type.shape) {
      good &= dim.size >= 0;
      shape.push_back(dim.size);
    }
  if (!good)
    c.refuse("'" + info.name + "' of no steps has no known shape");
  return Datum::of(c.splat(storage, 0, shape), info.type.element);
}

void loop(Call &c) {
  const Graph &body = graphOf(c, "body");
  int64_t most = std::numeric_limits<int64_t>::max();
  if (c.has(0)) {
    Ints count = c.ints(0);
    if (count.size() != 1)
      c.fail("a number of steps is one number");
    most = count[0];
  }
  Datum condition = Datum::of(c.splat(c.b.getI1Type(), 1), Element::Bool);
  if (c.has(1))
    condition = c.datum(1);
  std::vector<Datum> carried;
  for (size_t i = 2; i < c.inputs(); ++i)
    carried.push_back(c.datum(i));
  size_t states = carried.size();
  if (body.outputs.size() < states + 1)
    c.fail("the body gives less than it carries");
  std::vector<std::vector<Datum>> given(body.outputs.size() - 1 - states);
  for (int64_t step = 0; step < most; ++step) {
    const RefTensor *goesOn =
        condition.value ? c.importer.known(condition.value) : nullptr;
    if (!goesOn)
      c.refuse("a condition that is not known before the model runs is not "
               "supported");
    if (!truth(c, *goesOn))
      break;
    if (step == maxSteps)
      c.refuse("more than " + std::to_string(maxSteps) +
               " steps are not supported");
    std::vector<Datum> arguments = {
        Datum::of(c.splat(c.b.getI64Type(), double(step)), Element::I64),
        condition};
    llvm::append_range(arguments, carried);
    std::vector<Datum> results = c.importer.runGraph(body, arguments, c.b);
    for (const Datum &result : results)
      if (result.is(Datum::Kind::Poison)) {
        // Said where it happened.
        for (size_t i = 0; i < c.outputs(); ++i)
          c.give(Datum::poison());
        return;
      }
    condition = results[0];
    for (size_t i = 0; i < states; ++i)
      carried[i] = results[1 + i];
    for (size_t i = 0; i < given.size(); ++i)
      given[i].push_back(results[1 + states + i]);
  }
  giveAll(c, carried);
  for (auto [i, steps] : llvm::enumerate(given))
    c.give(stack(c, steps, body.outputs[1 + states + i]));
}

// ---- Scan ----

/// One entry for each of `count`; an axis or a direction.
Ints listFor(Call &c, const std::string &name, size_t count) {
  Ints list = c.list(name).value_or(Ints(count, 0));
  if (list.size() != count)
    c.fail("attribute '" + name + "' has not " + std::to_string(count) +
           " entries");
  return list;
}

Value moveAxis(Call &c, Value x, int64_t axis) {
  Ints perm;
  for (int64_t i = 1; i < rankOf(x); ++i)
    perm.push_back(i);
  perm.insert(perm.begin() + axis, 0);
  return c.transpose(x, perm);
}

/// Runs the body on each slice of the sequences along their axes. Gives what is
/// carried on, then what the steps give, stacked along axis 0.
std::vector<Datum> scanOver(Call &c, const Graph &body, ArrayRef<Datum> inits,
                            ArrayRef<Datum> sequences, ArrayRef<int64_t> axes) {
  size_t states = inits.size();
  if (body.outputs.size() < states)
    c.fail("the body gives less than it carries");
  size_t outs = body.outputs.size() - states;
  Values first, slices;
  for (const Datum &init : inits)
    first.push_back(init.value);
  for (const Datum &sequence : sequences)
    slices.push_back(sequence.value);
  int64_t length = shapeOf(slices[0])[size_t(axes[0])];
  for (auto [slice, axis] : llvm::zip(slices, axes))
    if (shapeOf(slice)[size_t(axis)] != length)
      c.fail("sequences are of different lengths");

  std::vector<Datum> results;
  std::optional<Failure> failure;
  auto step = [&](LocBuilder &b, ArrayRef<Value> arguments) {
    std::vector<Datum> data;
    for (auto [argument, from] :
         llvm::zip(arguments, llvm::concat<const Datum>(inits, sequences)))
      data.push_back(Datum::of(argument, from.element));
    try {
      results = c.importer.runGraph(body, data, b);
      if (!areTensors(results))
        throw Failure{"the body gives what is no tensor"};
      for (size_t i = 0; i < states; ++i)
        if (results[i].value.getType() != arguments[i].getType())
          throw Failure{"'" + body.outputs[i].name +
                        "' is not of the type that is carried"};
    } catch (const Failure &caught) {
      failure = caught;
      Values values(arguments.begin(), arguments.begin() + ptrdiff_t(states));
      values.append(outs, varve::constant(
                              b, RankedTensorType::get({}, b.getF32Type()), 0));
      return values;
    }
    Values values;
    for (const Datum &result : results)
      values.push_back(result.value);
    return values;
  };
  ScanOp op =
      buildScan(c.b, length, first, slices, axes, {}, Ints(outs, 0), step);
  if (failure)
    throw *failure;
  for (auto [i, result] : llvm::enumerate(results))
    result.value = op.getResult(unsigned(i));
  return results;
}

/// The number of sequences among the inputs from `first` on.
size_t countSequences(Call &c, size_t first) {
  int64_t count = c.integer("num_scan_inputs");
  if (count < 1 || size_t(count) + first > c.inputs())
    c.fail("num_scan_inputs is " + std::to_string(count));
  return size_t(count);
}

void scan(Call &c) {
  const Graph &body = graphOf(c, "body");
  size_t sequences = countSequences(c, 0), states = c.inputs() - sequences;
  size_t outs = body.outputs.size() - std::min(body.outputs.size(), states);
  Ints axes = listFor(c, "scan_input_axes", sequences);
  Ints backward = listFor(c, "scan_input_directions", sequences);
  Ints outAxes = listFor(c, "scan_output_axes", outs);
  Ints outBackward = listFor(c, "scan_output_directions", outs);

  std::vector<Datum> inits, slices;
  for (size_t i = 0; i < c.inputs(); ++i) {
    Value x = c.stored(i);
    if (i < states) {
      inits.push_back(c.datum(i));
      continue;
    }
    int64_t &axis = axes[i - states];
    axis = c.axis(axis, rankOf(x));
    if (backward[i - states])
      x = c.make("flip", x, {{"axis", Ints{axis}}});
    slices.push_back(Datum::of(x, c.element(i)));
  }
  std::vector<Datum> results = scanOver(c, body, inits, slices, axes);
  for (size_t i = 0; i < outs; ++i) {
    Value &y = results[states + i].value;
    int64_t axis = c.axis(outAxes[i], rankOf(y));
    if (outBackward[i])
      y = c.make("flip", y, {{"axis", Ints{0}}});
    if (axis)
      y = moveAxis(c, y, axis);
  }
  giveAll(c, results);
}

/// Before opset 9: for each sample of a batch, over a sequence of its length.
void scanBatch(Call &c) {
  const Graph &body = graphOf(c, "body");
  size_t sequences = countSequences(c, 1), states = c.inputs() - 1 - sequences;
  Ints backward = listFor(c, "directions", sequences);
  Ints sizes(shapeOf(c.stored(1 + states)));
  if (sizes.size() < 2)
    c.fail("a sequence is " + describe(c.datum(1 + states)));
  if (sizes[0] > maxSteps)
    c.refuse("more than " + std::to_string(maxSteps) +
             " samples are not supported");
  for (size_t i = 1; i < c.inputs(); ++i) {
    ArrayRef<int64_t> own = shapeOf(c.stored(i));
    if (own.empty() || own[0] != sizes[0] ||
        (i > states && (own.size() < 2 || own[1] != sizes[1])))
      c.fail("input " + std::to_string(i) + " is " + describe(c.datum(i)) +
             ", of another number of samples or another length");
  }
  Ints lengths(size_t(sizes[0]), sizes[1]);
  if (c.has(0))
    lengths = c.ints(0);
  if (lengths.size() != size_t(sizes[0]))
    c.fail("there is not one length for each sample");

  std::vector<std::vector<Datum>> given(body.outputs.size());
  for (auto [sample, length] : llvm::enumerate(lengths)) {
    if (length < 0 || length > sizes[1])
      c.fail("a length is " + std::to_string(length));
    std::vector<Datum> inits, slices;
    for (size_t i = 1; i < c.inputs(); ++i) {
      Value x = c.slice(c.stored(i), 0, int64_t(sample), int64_t(sample) + 1);
      x = c.make("squeeze", x, {{"axis", Ints{0}}});
      if (i > states)
        x = c.slice(x, 0, 0, length);
      if (i > states && backward[i - 1 - states])
        x = c.make("flip", x, {{"axis", Ints{0}}});
      (i > states ? slices : inits).push_back(Datum::of(x, c.element(i)));
    }
    std::vector<Datum> results =
        scanOver(c, body, inits, slices, Ints(sequences, 0));
    for (auto [i, result] : llvm::enumerate(results)) {
      // Up to the longest: with zeros.
      if (i >= states && length < sizes[1]) {
        Ints rest(shapeOf(result.value));
        rest[0] = sizes[1] - length;
        Type element = typeOf(result.value).getElementType();
        result.value = c.make(
            "concat", {result.value, c.splat(element, 0, rest)}, {{"axis", 0}});
      }
      given[i].push_back(result);
    }
  }
  for (auto [i, samples] : llvm::enumerate(given))
    c.give(stack(c, samples, body.outputs[i]));
}

/// The body on each item of sequences; what is no sequence stays the same.
void sequenceMap(Call &c) {
  const Graph &body = graphOf(c, "body");
  const Datum first = c.datum(0);
  if (!first.is(Datum::Kind::Sequence))
    c.fail("input 0 is " + describe(first) + ", not a sequence");
  std::vector<std::vector<Datum>> given(body.outputs.size());
  for (size_t item = 0; item < first.items.size(); ++item) {
    std::vector<Datum> arguments;
    for (size_t i = 0; i < c.inputs(); ++i) {
      const Datum &input = c.datum(i);
      if (!input.is(Datum::Kind::Sequence)) {
        arguments.push_back(input);
        continue;
      }
      if (input.items.size() != first.items.size())
        c.fail("sequences are of different lengths");
      arguments.push_back(input.items[item]);
    }
    std::vector<Datum> results = c.importer.runGraph(body, arguments, c.b);
    for (auto [i, result] : llvm::enumerate(results))
      given[i].push_back(result);
  }
  for (auto [i, items] : llvm::enumerate(given)) {
    bool isPoison = llvm::any_of(
        items, [](const Datum &d) { return d.is(Datum::Kind::Poison); });
    Element element = body.outputs[i].type.element;
    c.give(isPoison ? Datum::poison()
                    : Datum::sequence(std::move(items), element));
  }
}

} // namespace

ArrayRef<Operator> controlOperators() {
  static constexpr Operator entries[] = {
      {"If", 1, conditional},           {"Loop", 1, loop},
      {"Scan", 8, scanBatch},           {"Scan", 9, scan},
      {"SequenceMap", 17, sequenceMap},
  };
  return entries;
}

} // namespace varve::onnx
