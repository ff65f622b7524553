// Calls of the dialect's operations: arguments checked against the signature
// that the operation states, so that a new operation needs nothing here.
#include "Language/ImportImpl.h"
#include "Language/Parser.h"
#include "Language/Printer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::Input;
using TypeKind = ast::Type::Kind;

ast::File Importer::parseSignature(const std::string &name,
                                   const std::string &text) {
  FileId file = sources.add("<" + name + ">", "block " + text + " { }\n");
  Diagnostics own(sources);
  ast::File tree = parseFile(sources, file, own);
  assert(!own.hasErrors() && "a signature is written in the language");
  return tree;
}

namespace {

bool isTensorList(const ast::Type &type) {
  return type.kind == TypeKind::List && type.elements.size() == 1 &&
         type.elements[0].text == "tensor";
}

/// How many axes a list of window sizes and the like is about: those that the
/// signature's first input does not name before or names after its `...`.
std::optional<int64_t> windowAxes(const ast::Block &signature, int64_t rank) {
  const ast::Type &type = signature.inputs[0].type;
  if (type.kind != TypeKind::Tensor || type.dims.size() < 3)
    return std::nullopt;
  if (type.dims.back().kind == ast::Dim::Kind::Ellipsis)
    return rank - int64_t(type.dims.size() - 1);
  if (type.dims.front().kind == ast::Dim::Kind::Ellipsis)
    return type.dims.size() - 1;
  return std::nullopt;
}

/// Operations that keep to each sample when a leading axis counts samples and
/// their axes are shifted by one.
bool keepsSamples(StringRef name) {
  static const std::set<std::string> names = {
      "sum",       "mean",       "max",       "min",        "prod",
      "any",       "all",        "argmax",    "argmin",     "cumsum",
      "top_k",     "softmax",    "reshape",   "transpose",  "broadcast",
      "squeeze",   "concat",     "unsqueeze", "split",      "stack",
      "pad",       "flip",       "one_hot",   "uniform",    "normal",
      "bernoulli", "random_int", "gather",    "log_softmax"};
  return names.count(name.str());
}

} // namespace

// A hash of the call's path and of its place among the calls with that path:
// what a random operation draws does not depend on the rest of the text.
int64_t Importer::streamOf(const std::string &path) {
  std::string identity = path + "#" + std::to_string(ordinals[path]++);
  return int64_t(llvm::xxh3_64bits(identity) >> 1);
}

Datum Importer::callPrimitive(Frame &frame, const std::string &name,
                              const ast::Block &signature,
                              ArrayRef<CallArgument> arguments, Span span) {
  std::vector<BoundArgument> bound;
  if (!matchArguments(frame, name, span, signature.inputs, arguments, bound))
    return {};
  // Defaults may name other arguments: `stride: [int] = kernel`.
  Frame defaults;
  defaults.blockName = name;
  defaults.scope = preludeScope;
  defaults.caller = &frame;
  defaults.callSpan = span;
  for (BoundArgument &argument : bound) {
    const Input &input = *argument.input;
    if (!argument.given) {
      argument.value = value(defaults, *input.fallback);
      argument.span = span;
    }
    bool absent = argument.value.is(Datum::Kind::None) && input.fallback &&
                  input.fallback->is(ast::ExprKind::None);
    if (!absent && input.type.kind != TypeKind::Tensor)
      argument.value =
          bindStatic(frame, input, std::move(argument.value), argument.span);
    if (argument.value.isPoison())
      return {};
    defaults.names[input.name.text] = argument.value;
  }
  return emitPrimitive(frame, name, signature, bound, span);
}

Datum Importer::emitPrimitive(Frame &frame, const std::string &name,
                              const ast::Block &signature,
                              std::vector<BoundArgument> &bound, Span span) {
  auto info = RegisteredOperationName::lookup("varve." + name, &context);
  bool elementwise = info->hasInterface<ElementwiseOpInterface>();
  bool random = llvm::any_of(info->getAttributeNames(), [](StringAttr key) {
    return key.getValue() == "stream";
  });
  // One that drops draws in training only, and has its seed and step last.
  BoundArgument *dropout = nullptr;
  for (BoundArgument &argument : bound)
    if (random && argument.input->name.text == "dropout")
      dropout = &argument;
  if (dropout) {
    if (!frame.training)
      dropout->value = Datum::real(0);
    random = dropout->value.number() > 0;
  }

  // Tensors first: those of the kinds `any` and `float` share one element type.
  SmallVector<Datum> operands;
  SmallVector<size_t> shared;
  for (BoundArgument &argument : bound) {
    const ast::Type &type = argument.input->type;
    if (isTensorList(type)) {
      // A list is a group of its own.
      std::vector<Datum> &items = argument.value.items;
      if (!unify(frame, argument.span, items, {}, false, /*shapes=*/false))
        return {};
      operands.append(items.begin(), items.end());
      continue;
    }
    if (type.kind != TypeKind::Tensor)
      continue;
    if (argument.value.is(Datum::Kind::None)) {
      if (argument.input->fallback)
        continue;
      return error(frame, argument.span,
                   "`" + argument.input->name.text + "` of `" + name + "` is " +
                       print(type) + ", this is none");
    }
    Datum operand = argument.value;
    const std::string &kind = type.name.text;
    bool known = kind != "any" && kind != "float";
    if (!operand.isTensor() && known) {
      Type element = kind == "int" ? Type(builder.getIntegerType(64))
                                   : elementType(&context, kind);
      operand = constant(frame, argument.span, operand, element);
      if (operand.isPoison())
        return {};
    }
    if (operand.isTensor() &&
        ((kind == "float" && !isFloat(operand.element())) ||
         (kind == "int" && !isInteger(operand.element())) ||
         (kind == "bool" && !isBool(operand.element()))))
      return error(frame, argument.span,
                   "`" + argument.input->name.text + "` of `" + name + "` is " +
                       print(type) + ", this is " + describe(operand),
                   kind == "float" ? "`cast` it to f32" : "");
    if (!known)
      shared.push_back(operands.size());
    operands.push_back(std::move(operand));
  }
  SmallVector<Datum> group;
  for (size_t i : shared)
    group.push_back(operands[i]);
  if (!group.empty() && !unify(frame, span, group, {},
                               signature.inputs[0].type.name.text == "float",
                               /*shapes=*/false))
    return {};
  for (auto [i, operand] : llvm::zip(shared, group))
    operands[i] = operand;

  bool batched = frame.batched && random;
  int64_t samples = frame.batched ? samplesInBatch : 0;
  if (frame.batched && name == "dynamic_slice" && bound[0].value.isTensor() &&
      bound[0].value.batched)
    return sliceSamples(frame, bound[0].value, bound[1].value,
                        *intsOf(bound[2].value), span);
  for (const Datum &operand : operands)
    batched |= operand.batched;
  if (elementwise && operands.size() > 1) {
    // All have one shape; only those of the group have one element type.
    SmallVector<int64_t> shape;
    for (const Datum &operand : operands) {
      auto common = commonShape(shape, operand.shape());
      if (!common)
        return error(frame, span,
                     "`" + name + "`: shapes of " + describe(operands[0]) +
                         " and " + describe(operand) + " do not fit together",
                     "axes align at the right");
      shape = *common;
    }
    if (batched)
      shape.insert(shape.begin(), samples);
    for (Datum &operand : operands) {
      Value value = broadcastTo(frame, span, operand, shape, batched);
      if (!value)
        return {};
      operand = Datum::of(value, batched);
    }
  }
  if (batched && !elementwise && !keepsSamples(name))
    return refuse(frame, span,
                  "`" + name + "` of samples is not supported in `prepare`");
  if (batched && !elementwise)
    for (Datum &operand : operands) {
      if (operand.batched)
        continue;
      SmallVector<int64_t> shape(operand.shape());
      shape.insert(shape.begin(), samples);
      Value value = broadcastTo(frame, span, operand, shape, true);
      if (!value)
        return {};
      operand = Datum::of(value, true);
    }

  if (random && frame.loops)
    return refuse(frame, span,
                  "random numbers in `scan` and `while` are not supported yet");
  if (random)
    for (const BoundArgument &argument : bound)
      if (argument.input->name.text == "shape" &&
          argument.value.is(Datum::Kind::None))
        return error(frame, span, "`" + name + "` needs `shape` here",
                     "a single one has `shape: []`");
  SmallVector<NamedAttribute> attributes;
  ArrayRef<int64_t> shape;
  if (!operands.empty())
    shape = operands[0].shape();
  if (!attributesOf(frame, name, signature, bound, shape, batched, attributes))
    return {};
  SmallVector<Value> values;
  for (const Datum &operand : operands)
    values.push_back(operand.tensor);
  if (random) {
    // A sample's draws are its own, wherever it stands in whatever batch.
    values.insert(dropout ? values.end() : values.begin(),
                  {batched && sampleSeed ? sampleSeed : seed,
                   batched && sampleSeed ? sampleNumbers : step});
    attributes.push_back(builder.getNamedAttr(
        "stream", builder.getI64IntegerAttr(streamOf(frame.path))));
  }
  Operation *op = build(frame, span, name, values, attributes);
  if (!op) {
    // The stand-in may be more than a draw can hold.
    inconclusive |= trial && random;
    return {};
  }
  std::vector<Datum> results;
  for (Value result : op->getResults())
    results.push_back(Datum::of(result, batched));
  if (isTensorList(signature.results[0].type))
    return Datum::list(std::move(results));
  if (results.size() == 1)
    return results[0];
  Datum out;
  out.kind = Datum::Kind::Results;
  out.items = std::move(results);
  return out;
}

// The size that a reshape leaves open, `-1`, from the number of elements.
bool Importer::inferSize(Frame &frame, Span span, int64_t elements,
                         SmallVectorImpl<int64_t> &shape) {
  auto open = llvm::find(shape, -1);
  if (open == shape.end())
    return true;
  int64_t others = 1;
  bool valid = true;
  for (int64_t *size = shape.begin(); size != shape.end(); ++size)
    if (size != open)
      valid &= *size > 0 && !llvm::MulOverflow(others, *size, others);
  if (valid && elements % others == 0) {
    *open = elements / others;
    return true;
  }
  error(frame, span,
        "no size at -1 makes " + describe(Datum::ints(shape)) + " hold " +
            std::to_string(elements) + " elements");
  return false;
}

// Static arguments as attributes. Axes are counted from the front; `except`
// and absent axes become the list of axes that operations of the dialect have.
bool Importer::attributesOf(Frame &frame, const std::string &name,
                            const ast::Block &signature,
                            ArrayRef<BoundArgument> bound,
                            ArrayRef<int64_t> xShape, bool batched,
                            SmallVectorImpl<NamedAttribute> &attributes) {
  int64_t hidden = batched ? 1 : 0, rank = xShape.size(), elements = 1;
  for (int64_t size : xShape)
    elements *= size;
  auto add = [&](StringRef key, Attribute value) {
    attributes.push_back(builder.getNamedAttr(key, value));
  };
  auto find = [&](StringRef key) -> const BoundArgument * {
    for (const BoundArgument &argument : bound)
      if (argument.input->name.text == key)
        return &argument;
    return nullptr;
  };
  // Axes that an argument counts: new ones come to those of x.
  auto axisRank = [&](const BoundArgument &argument) -> int64_t {
    if (name == "stack")
      return rank + 1;
    if (name == "unsqueeze")
      return rank + argument.value.items.size();
    if (name == "broadcast" || name == "iota")
      return find("shape")->value.items.size();
    return rank;
  };
  auto normalise = [&](const BoundArgument &argument, int64_t &axis) {
    int64_t all = axisRank(argument);
    if (axis < -all || axis >= all) {
      error(frame, argument.span,
            "axis " + std::to_string(axis) + " is not below the rank, " +
                std::to_string(all));
      return false;
    }
    axis += (axis < 0 ? all : 0) + hidden;
    return true;
  };

  const BoundArgument *except = find("except");
  for (const BoundArgument &argument : bound) {
    const Input &input = *argument.input;
    const std::string &key = input.name.text;
    const Datum &given = argument.value;
    if (input.type.kind == TypeKind::Tensor || isTensorList(input.type) ||
        key == "except")
      continue;
    bool isList = input.type.kind == TypeKind::List;
    if (key == "axis" && isList) {
      SmallVector<int64_t> axes;
      bool absent = given.is(Datum::Kind::None);
      if (absent && !except) {
        if (name == "broadcast" && batched) {
          // At the right, as always; samples first.
          int64_t shift = axisRank(argument) - rank;
          axes.push_back(0);
          for (int64_t d = 0; d < rank; ++d)
            axes.push_back(1 + shift + d);
          add(key, builder.getDenseI64ArrayAttr(axes));
        }
        continue;
      }
      const BoundArgument &from =
          except && !except->value.is(Datum::Kind::None) ? *except : argument;
      if (&from == except && !absent) {
        error(frame, argument.span, "`axis` or `except`, not both");
        return false;
      }
      if (!from.value.is(Datum::Kind::None))
        axes = *intsOf(from.value);
      for (int64_t &axis : axes)
        if (!normalise(from, axis))
          return false;
      if (name != "broadcast")
        llvm::sort(axes);
      if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
        error(frame, from.span, "an axis is given twice");
        return false;
      }
      if (except && (&from == except || absent)) {
        SmallVector<int64_t> others;
        for (int64_t d = hidden; d < rank + hidden; ++d)
          if (!llvm::is_contained(axes, d))
            others.push_back(d);
        axes = others;
      }
      if (name == "broadcast" && batched)
        axes.insert(axes.begin(), 0);
      add(key, builder.getDenseI64ArrayAttr(axes));
      continue;
    }
    if (given.is(Datum::Kind::None))
      continue;
    if (key == "axis" && given.is(Datum::Kind::Int)) {
      int64_t axis = given.intValue;
      if (!normalise(argument, axis))
        return false;
      add(key, builder.getI64IntegerAttr(axis));
      continue;
    }
    switch (given.kind) {
    case Datum::Kind::Int:
      add(key, builder.getI64IntegerAttr(given.intValue));
      break;
    case Datum::Kind::Float:
      add(key, builder.getF64FloatAttr(given.floatValue));
      break;
    case Datum::Kind::Bool:
      add(key, builder.getBoolAttr(given.boolValue));
      break;
    case Datum::Kind::String:
      add(key, builder.getStringAttr(given.text));
      break;
    case Datum::Kind::Dtype:
      add(key, TypeAttr::get(given.dtype));
      break;
    case Datum::Kind::List: {
      std::optional<SmallVector<int64_t>> ints = intsOf(given);
      if (!ints) {
        SmallVector<double> reals;
        for (const Datum &item : given.items)
          reals.push_back(item.number());
        add(key, builder.getDenseF64ArrayAttr(reals));
        break;
      }
      std::optional<int64_t> window = windowAxes(signature, rank);
      if (window && *window > 0 && ints->size() == 1)
        ints->assign(*window, (*ints)[0]);
      if (name == "reshape" && key == "shape" &&
          !inferSize(frame, argument.span, elements, *ints))
        return false;
      if (batched && key == "shape")
        ints->insert(ints->begin(), samplesInBatch);
      if (batched && key == "perm") {
        for (int64_t &axis : *ints)
          axis += 1;
        ints->insert(ints->begin(), 0);
      }
      add(key, builder.getDenseI64ArrayAttr(*ints));
      break;
    }
    default:
      break;
    }
  }
  return true;
}

} // namespace varve::importer
