// The graph: its nodes in order, functions and subgraphs, and what of it no
// operator of the table makes, listed at once.
#include "Onnx/ImportImpl.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::onnx {

/// Graphs inside graphs and functions inside functions.
static constexpr int maxDepth = 100;
/// Nodes that run, in all: a few functions that call each other twice, or loops
/// in loops, are short and make more than any memory holds.
static constexpr int64_t maxNodes = int64_t(1) << 18;
/// What is said about a model.
static constexpr size_t maxErrors = 1000;

// ---- data ----

mlir::Type storageType(MLIRContext *context, Element element) {
  Builder b(context);
  std::optional<DType> storage = storageOf(element);
  if (!storage)
    return {};
  switch (*storage) {
  case DType::F16:
    return b.getF16Type();
  case DType::BF16:
    return b.getBF16Type();
  case DType::F32:
    return b.getF32Type();
  case DType::F64:
    return b.getF64Type();
  case DType::Bool:
    return b.getI1Type();
  case DType::I8:
  case DType::I16:
  case DType::I32:
  case DType::I64:
    return b.getIntegerType(unsigned(8 * byteSize(*storage)));
  default:
    return b.getIntegerType(unsigned(8 * byteSize(*storage)),
                            /*isSigned=*/false);
  }
}

Element elementOf(mlir::Type type) {
  if (type.isF16())
    return Element::F16;
  if (type.isBF16())
    return Element::BF16;
  if (type.isF32())
    return Element::F32;
  if (type.isF64())
    return Element::F64;
  bool isUnsigned = type.isUnsignedInteger();
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return Element::Bool;
  case 8:
    return isUnsigned ? Element::U8 : Element::I8;
  case 16:
    return isUnsigned ? Element::U16 : Element::I16;
  case 32:
    return isUnsigned ? Element::U32 : Element::I32;
  default:
    return isUnsigned ? Element::U64 : Element::I64;
  }
}

std::string describe(const Datum &datum) {
  switch (datum.kind) {
  case Datum::Kind::Poison:
  case Datum::Kind::Absent:
    return "nothing";
  case Datum::Kind::Sequence:
    return "a sequence of " + std::to_string(datum.items.size());
  case Datum::Kind::Optional:
    return datum.items.empty() ? "an empty optional" : "an optional";
  case Datum::Kind::Strings:
  case Datum::Kind::Tensor:
    break;
  }
  std::string text = datum.element == Element::Undefined
                         ? ""
                         : std::string(nameOf(datum.element));
  ArrayRef<int64_t> shape =
      datum.strings ? ArrayRef(datum.strings->dims) : shapeOf(datum.value);
  return text + "[" +
         llvm::join(
             llvm::map_range(shape,
                             [](int64_t size) { return std::to_string(size); }),
             ", ") +
         "]";
}

const Datum *Scope::find(const std::string &name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    if (auto found = scope->names.find(name); found != scope->names.end())
      return &found->second;
  return nullptr;
}

// ---- diagnostics ----

void Importer::error(const std::string &message, bool unsupported) {
  if (errorsEnd || errors.size() == maxErrors)
    return;
  errors.push_back({message, unsupported});
  onlyRefusals &= unsupported;
}

void Importer::error(const Node &node, const std::string &message,
                     bool unsupported) {
  std::string name = node.name;
  if (name.empty() && !node.outputs.empty())
    name = node.outputs[0];
  error("node '" + name + "' (" + node.op + "): " + message, unsupported);
}

Error Importer::failure() const {
  std::vector<std::string> lines;
  for (const Network::Fault &fault : errors)
    lines.push_back(request.path + ": error: " + fault.message);
  return Error{llvm::join(lines, "\n"),
               onlyRefusals ? ErrorKind::Unsupported : ErrorKind::Input};
}

// ---- what is supported ----

const Function *Importer::findFunction(const Node &node) const {
  for (const Function &function : model->functions)
    if (function.name == node.op &&
        (function.domain == "ai.onnx" ? "" : function.domain) == node.domain &&
        function.overload == node.overload)
      return &function;
  return nullptr;
}

void Importer::checkOperator(const Node &node, const Opsets &opsets,
                             int depth) {
  if (const Function *function = findFunction(node)) {
    auto [checked, isNew] = checkedFunctions.emplace(function, false);
    if (isNew) {
      checkOperators(function->nodes, function->opsets, depth + 1);
      checkedFunctions[function] = true;
    } else if (!checked->second) {
      error(node, "function '" + function->name + "' calls itself");
    }
    return;
  }
  auto opset = opsets.find(node.domain);
  std::string full = (node.domain.empty() ? "" : node.domain + ".") + node.op;
  if (opset == opsets.end())
    error(node, "the model imports no operator set for '" + full + "'");
  else if (!findOperator(node.domain, node.op, opset->second))
    error(node,
          "operator '" + full + "' of opset " + std::to_string(opset->second) +
              " is not supported",
          /*unsupported=*/true);
}

bool Importer::checkOperators(const std::vector<Node> &nodes,
                              const Opsets &opsets, int depth) {
  if (depth > maxDepth) {
    error("graphs and functions are nested too deep");
    return false;
  }
  for (const Node &node : nodes) {
    checkOperator(node, opsets, depth);
    for (const auto &[name, attribute] : node.attributes)
      if (attribute.graph &&
          !checkOperators(attribute.graph->nodes, opsets, depth + 1))
        return false;
    if (errors.size() == maxErrors)
      return false;
  }
  return true;
}

// ---- nodes ----

std::vector<Datum> Importer::callFunction(const Function &function,
                                          const Node &node, const Scope &scope,
                                          ArrayRef<Datum> arguments) {
  Scope inner;
  inner.opsets = &function.opsets;
  inner.depth = scope.depth + 1;
  if (inner.depth > maxDepth)
    throw Failure{"functions are nested too deep"};
  std::map<std::string, NodeAttribute> attributes = function.defaults;
  for (const auto &[name, attribute] : node.attributes) {
    if (attribute.reference.empty()) {
      attributes[name] = attribute;
      continue;
    }
    if (scope.attributes)
      if (auto outer = scope.attributes->find(attribute.reference);
          outer != scope.attributes->end())
        attributes[name] = outer->second;
  }
  inner.attributes = &attributes;
  for (size_t i = 0; i < function.inputs.size(); ++i)
    inner.names[function.inputs[i]] =
        i < arguments.size() ? arguments[i] : Datum();
  runNodes(function.nodes, inner);
  std::vector<Datum> results;
  for (const std::string &name : function.outputs) {
    const Datum *found = inner.find(name);
    if (!found)
      throw Failure{"function '" + function.name +
                    "' does not make its output '" + name + "'"};
    results.push_back(*found);
  }
  return results;
}

std::vector<Datum> Importer::runGraph(const Graph &graph,
                                      ArrayRef<Datum> arguments,
                                      OpBuilder &at) {
  OpBuilder::InsertionGuard guard(builder);
  builder.restoreInsertionPoint(at.saveInsertionPoint());
  Scope inner;
  inner.outer = current;
  inner.opsets = current->opsets;
  inner.attributes = current->attributes;
  inner.depth = current->depth + 1;
  if (arguments.size() != graph.inputs.size())
    throw Failure{"the graph inside takes " +
                  std::to_string(graph.inputs.size()) + " inputs, not " +
                  std::to_string(arguments.size())};
  for (auto [info, datum] : llvm::zip(graph.inputs, arguments))
    inner.names[info.name] = datum;
  for (const TensorData &tensor : graph.initializers)
    inner.names.emplace(tensor.name, bindTensor(tensor));
  runNodes(graph.nodes, inner);
  std::vector<Datum> results;
  for (const ValueInfo &info : graph.outputs) {
    const Datum *found = inner.find(info.name);
    if (!found)
      throw Failure{"the graph inside does not make its output '" + info.name +
                    "'"};
    results.push_back(*found);
  }
  at.restoreInsertionPoint(builder.saveInsertionPoint());
  return results;
}

void Importer::runNodes(const std::vector<Node> &nodes, Scope &scope) {
  const Scope *before = current;
  for (const Node &node : nodes) {
    if (nodesRun == maxNodes) {
      error("models of more than " + std::to_string(maxNodes) +
                " nodes, those in functions and loops each time that they run, "
                "are not supported",
            /*unsupported=*/true);
      errorsEnd = true;
      break;
    }
    ++nodesRun;
    current = &scope;
    runNode(node, scope);
  }
  current = before;
}

void Importer::runNode(const Node &node, Scope &scope) {
  std::vector<Datum> arguments, results(node.outputs.size(), Datum::poison());
  bool good = true;
  for (const std::string &name : node.inputs) {
    const Datum *found = name.empty() ? nullptr : scope.find(name);
    if (!found && !name.empty()) {
      error(node, "reads '" + name +
                      "', which no input, initializer or earlier node gives "
                      "(nodes must be in an order without cycles)");
      good = false;
    }
    arguments.push_back(found ? *found : Datum());
    good &= !arguments.back().is(Datum::Kind::Poison);
  }
  bool isMain = !scope.outer && scope.depth == 0;
  if (host && isMain && good)
    host->enterNode(pathOf(node));
  OpBuilder::InsertPoint place = builder.saveInsertionPoint();
  if (good) {
    std::string name = node.name.empty() && !node.outputs.empty()
                           ? node.outputs[0]
                           : node.name;
    Location loc = NameLoc::get(builder.getStringAttr(name));
    try {
      if (const Function *function = findFunction(node)) {
        results = callFunction(*function, node, scope, arguments);
        results.resize(node.outputs.size());
      } else {
        LocBuilder b(loc, builder);
        if (samples && isMain && node.op == "Reshape" && arguments.size() > 1)
          arguments[1] = spreadShape(node, arguments, b);
        int64_t opset = scope.opsets->at(node.domain);
        Call call(*this, node, opset, b, std::move(arguments));
        findOperator(node.domain, node.op, opset)->build(call);
        results = call.finish();
      }
    } catch (const Failure &failure) {
      error(node, failure.message, failure.unsupported);
      builder.restoreInsertionPoint(place);
      current = &scope;
    }
  }
  if (host && isMain && good)
    host->leaveNode(results.empty() ? Value() : results[0].value);
  for (auto [name, result] : llvm::zip(node.outputs, results)) {
    if (name.empty())
      continue;
    if (!scope.names.emplace(name, std::move(result)).second)
      error(node, "'" + name + "' is given twice");
  }
}

} // namespace varve::onnx
