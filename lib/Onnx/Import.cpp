// Drives an import: inputs, weights, the main graph, outputs, the verifier.
#include "Onnx/Import.h"
#include "Onnx/ImportImpl.h"
#include "Onnx/Read.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::onnx {

/// The opsets that the table's entries are written for.
static constexpr int64_t firstOpset = 1, lastOpset = 28;

DictionaryAttr Importer::tensorInfo(const std::string &name, const char *kind) {
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("name", builder.getStringAttr(name)),
       builder.getNamedAttr("kind", builder.getStringAttr(kind))});
}

// ---- inputs ----

std::string shapeText(const std::vector<Dim> &shape) {
  return "[" +
         llvm::join(llvm::map_range(shape,
                                    [](const Dim &dim) {
                                      return dim.size >= 0
                                                 ? std::to_string(dim.size)
                                             : dim.name.empty() ? "?"
                                                                : dim.name;
                                    }),
                    ", ") +
         "]";
}

/// In which way a value is not of its declared type.
std::optional<std::string> Importer::mismatch(const TypeInfo &type,
                                              const HostValue &value) const {
  if (type.kind != TypeInfo::Kind::Tensor ||
      value.kind != HostValue::Kind::Tensor)
    return std::nullopt;
  const TensorData &tensor = value.tensor;
  bool fits = type.element == tensor.type || type.element == Element::Undefined;
  if (type.shape) {
    fits &= type.shape->size() == tensor.dims.size();
    for (size_t i = 0; fits && i < tensor.dims.size(); ++i) {
      const Dim &dim = (*type.shape)[i];
      auto bound = request.dims.find(dim.name);
      // 0 is what some writers put for a size that is not known.
      fits &= dim.size <= 0 || dim.size == tensor.dims[i];
      fits &= dim.name.empty() || bound == request.dims.end() ||
              bound->second == tensor.dims[i];
    }
  }
  if (fits)
    return std::nullopt;
  std::vector<Dim> sizes;
  for (int64_t size : tensor.dims)
    sizes.push_back({size, ""});
  return "is " + std::string(nameOf(tensor.type)) + shapeText(sizes) +
         ", the model takes " + std::string(nameOf(type.element)) +
         (type.shape ? shapeText(*type.shape) : "[...]");
}

/// An input of the function for each tensor in a value.
Datum Importer::bindGiven(const HostValue &value, const std::string &name,
                          const std::string &input) {
  if (value.kind == HostValue::Kind::Tensor) {
    const TensorData &tensor = value.tensor;
    if (tensor.type == Element::String) {
      specialized.insert(input);
      return Datum::of(tensor);
    }
    auto type = RankedTensorType::get(tensor.value.shape,
                                      storageType(&context, tensor.type));
    mlir::Value argument = func.addInput(type, tensorInfo(name, "input"));
    sources[argument] = &tensor;
    inputOf[argument] = input;
    return Datum::of(argument, tensor.type);
  }
  std::vector<Datum> items;
  for (size_t i = 0; i < value.items.size(); ++i)
    items.push_back(
        bindGiven(value.items[i], name + "[" + std::to_string(i) + "]", input));
  if (value.kind == HostValue::Kind::Sequence)
    return Datum::sequence(std::move(items), Element::Undefined);
  Datum optional = Datum::make(Datum::Kind::Optional);
  optional.items = std::move(items);
  return optional;
}

/// An input of which only the type is known.
Datum Importer::bindDeclared(const ValueInfo &info) {
  const TypeInfo &type = info.type;
  if (type.kind != TypeInfo::Kind::Tensor || !storageOf(type.element)) {
    error("input '" + info.name + "' is not given, and is no tensor of numbers",
          /*unsupported=*/true);
    return Datum::poison();
  }
  Ints shape;
  bool good = type.shape.has_value();
  for (size_t i = 0; good && i < type.shape->size(); ++i) {
    const Dim &dim = (*type.shape)[i];
    auto bound = request.dims.find(dim.name);
    if (dim.size >= 0)
      shape.push_back(dim.size);
    else if (!dim.name.empty() && bound != request.dims.end())
      shape.push_back(bound->second);
    else
      good = false;
  }
  if (!good) {
    error("the sizes of input '" + info.name + "' " +
          (type.shape ? shapeText(*type.shape) : "") +
          " are not known: give the input, or its sizes by --dim NAME=SIZE");
    return Datum::poison();
  }
  if (elementCount({shape.begin(), shape.end()}) < 0) {
    error("input '" + info.name + "' is too large");
    return Datum::poison();
  }
  if (partsOf(type.element) == 2)
    shape.push_back(2);
  auto tensor =
      RankedTensorType::get(shape, storageType(&context, type.element));
  mlir::Value argument = func.addInput(tensor, tensorInfo(info.name, "input"));
  inputOf[argument] = info.name;
  return Datum::of(argument, type.element);
}

/// A size that no input has is a slip.
void Importer::checkDims() {
  std::set<std::string> names;
  for (const ValueInfo &info : model->graph.inputs)
    if (info.type.shape)
      for (const Dim &dim : *info.type.shape)
        if (!dim.name.empty())
          names.insert(dim.name);
  for (const auto &[name, size] : request.dims)
    if (!names.count(name))
      error("no input has a size '" + name + "'" +
            (names.empty() ? "" : "; there are: " + llvm::join(names, ", ")));
}

bool Importer::bindInputs(Scope &scope) {
  checkDims();
  std::set<std::string> initialized, declared;
  for (const TensorData &tensor : model->graph.initializers)
    initialized.insert(tensor.name);
  for (const ValueInfo &info : model->graph.inputs) {
    declared.insert(info.name);
    auto bytes = request.inputs.find(info.name);
    if (bytes == request.inputs.end()) {
      if (!initialized.count(info.name))
        scope.names[info.name] = bindDeclared(info);
      continue;
    }
    Result<HostValue> value =
        parseValue(bytes->second, info.type, "input '" + info.name + "'");
    if (!value) {
      error(value.error().message);
      continue;
    }
    if (auto text = mismatch(info.type, *value)) {
      error("input '" + info.name + "' " + *text);
      continue;
    }
    const HostValue &kept = given[info.name] = std::move(*value);
    scope.names[info.name] = bindGiven(kept, info.name, info.name);
  }
  for (const auto &[name, bytes] : request.inputs)
    if (!declared.count(name))
      error("the model has no input '" + name +
            "'; it has: " + llvm::join(declared, ", "));
  return errors.empty();
}

// ---- weights ----

/// A constant, or state of the program.
Datum Importer::bindTensor(const TensorData &tensor) {
  if (tensor.type == Element::String)
    return Datum::of(tensor);
  auto type = RankedTensorType::get(tensor.value.shape,
                                    storageType(&context, tensor.type));
  Location loc = NameLoc::get(builder.getStringAttr(tensor.name));
  bool isMain = current == nullptr;
  if (isMain && host && isWeight(tensor)) {
    const Parameter &parameter = parameters->at(tensor.name);
    mlir::Value value = host->variable(parameter.key, type, parameter.learns);
    if (!value)
      return Datum::poison();
    sources[value] = &tensor;
    return Datum::of(value, tensor.type);
  }
  if (isMain && isWeight(tensor)) {
    OpBuilder before(func);
    bool isFloat = isa<FloatType>(type.getElementType());
    auto state = StateOp::create(before, loc, tensor.name, type,
                                 isFloat ? "param" : "running");
    uses.push_back(FlatSymbolRefAttr::get(state.getSymNameAttr()));
    mlir::Value argument = func.getBody().addArgument(type, loc);
    sources[argument] = &tensor;
    return Datum::of(argument, tensor.type);
  }
  DenseElementsAttr elements;
  if (tensor.type == Element::Bool) {
    SmallVector<bool> values;
    for (int64_t e = 0; e < tensor.value.elements(); ++e)
      values.push_back(tensor.value.as<uint8_t>()[e] != 0);
    elements = DenseElementsAttr::get(type, values);
  } else {
    elements = DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef(reinterpret_cast<const char *>(tensor.value.data.data()),
                       tensor.value.data.size()));
  }
  return Datum::of(ConstantOp::create(builder, loc, elements), tensor.type);
}

mlir::Value Call::constant(const TensorData &value) {
  return importer.constant(value);
}

mlir::Value Importer::constant(const TensorData &tensor) {
  assert(tensor.type != Element::String && "strings are no values");
  return bindTensor(tensor).value;
}

// ---- outputs ----

/// How a result of the program is put together: by the manifest, since a
/// program has tensors of numbers only.
mlir::Attribute Importer::describeOutput(const Datum &datum,
                                         const std::string &name) {
  SmallVector<NamedAttribute> entries;
  auto set = [&](StringRef key, Attribute value) {
    entries.push_back(builder.getNamedAttr(key, value));
  };
  if (datum.is(Datum::Kind::Tensor)) {
    set("element", builder.getI64IntegerAttr(int64_t(datum.element)));
    set("result", builder.getI64IntegerAttr(int64_t(returned.size())));
    returned.push_back(datum.value);
    resultInfo.push_back(tensorInfo(name, "output"));
  } else if (datum.is(Datum::Kind::Strings)) {
    SmallVector<Attribute> texts, sizes;
    for (const std::string &text : datum.strings->strings)
      texts.push_back(builder.getStringAttr(text));
    for (int64_t size : datum.strings->dims)
      sizes.push_back(builder.getI64IntegerAttr(size));
    set("strings", builder.getArrayAttr(texts));
    set("dims", builder.getArrayAttr(sizes));
  } else {
    SmallVector<Attribute> items;
    for (auto [i, item] : llvm::enumerate(datum.items))
      items.push_back(
          describeOutput(item, name + "[" + std::to_string(i) + "]"));
    set(datum.is(Datum::Kind::Sequence) ? "sequence" : "optional",
        builder.getArrayAttr(items));
  }
  return builder.getDictionaryAttr(entries);
}

void Importer::giveOutputs(const Scope &scope) {
  for (const ValueInfo &info : model->graph.outputs) {
    const Datum *found = scope.find(info.name);
    if (!found || found->is(Datum::Kind::Absent)) {
      error("no node gives the output '" + info.name + "'");
      continue;
    }
    if (found->is(Datum::Kind::Poison))
      continue;
    const TypeInfo &type = info.type;
    if (type.kind == TypeInfo::Kind::Tensor &&
        type.element != Element::Undefined && type.element != found->element)
      error("output '" + info.name + "' is declared as " +
            std::string(nameOf(type.element)) + ", and is " + describe(*found));
    SmallVector<NamedAttribute> entry = {
        builder.getNamedAttr("name", builder.getStringAttr(info.name)),
        builder.getNamedAttr("value", describeOutput(*found, info.name))};
    outputs.push_back(builder.getDictionaryAttr(entry));
  }
}

// ---- the function ----

void Importer::checkOpsets() {
  for (const auto &[domain, version] : model->opsets)
    if (domain.empty() && (version < firstOpset || version > lastOpset))
      error("opset " + std::to_string(version) + " is not supported, but " +
                std::to_string(firstOpset) + " to " + std::to_string(lastOpset),
            /*unsupported=*/true);
}

/// What nothing reads goes: operations, then state and inputs.
void Importer::prune() {
  Block &body = func.getBody().front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  SmallVector<Attribute> inputs, used;
  std::set<std::string> names;
  unsigned count = func.getNumInputs();
  llvm::BitVector dead(body.getNumArguments());
  for (BlockArgument argument : body.getArguments()) {
    unsigned i = argument.getArgNumber();
    if (argument.use_empty()) {
      dead.set(i);
    } else if (i < count) {
      inputs.push_back(func.getInputs()[i]);
    } else {
      used.push_back(uses[i - count]);
      names.insert(
          ::mlir::cast<FlatSymbolRefAttr>(uses[i - count]).getValue().str());
    }
  }
  body.eraseArguments(dead);
  func.setInputsAttr(builder.getArrayAttr(inputs));
  func.setUsesAttr(builder.getArrayAttr(used));
  for (StateOp state : llvm::make_early_inc_range(program.getOps<StateOp>()))
    if (!names.count(state.getSymName().str()))
      state.erase();
}

Result<ImportedModel> Importer::run() {
  context.loadDialect<VarveDialect>();
  Result<Model> read = readModel(request.path);
  if (!read)
    return read.error();
  model = std::make_shared<Model>(std::move(*read));
  checkOpsets();
  checkOperators(model->graph.nodes, model->opsets, 0);
  if (!errors.empty())
    return failure();

  Location loc = NameLoc::get(builder.getStringAttr(request.path));
  module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  std::string name = model->graph.name.empty() ? "model" : model->graph.name;
  program =
      ProgramOp::create(builder, loc, name, DictionaryAttr(), DictionaryAttr());
  builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
  ArrayAttr none = builder.getArrayAttr({});
  func = FuncOp::create(builder, loc, "infer", none, none, none, none,
                        /*batch=*/1, /*learns=*/false);
  builder.setInsertionPointToEnd(&func.getBody().emplaceBlock());

  Scope main;
  main.opsets = &model->opsets;
  if (!bindInputs(main))
    return failure();
  for (const TensorData &tensor : model->graph.initializers)
    main.names.emplace(tensor.name, bindTensor(tensor));
  runNodes(model->graph.nodes, main);
  giveOutputs(main);
  if (!errors.empty())
    return failure();
  ReturnOp::create(builder, loc, returned);
  func.setResultsAttr(builder.getArrayAttr(resultInfo));
  prune();
  SmallVector<Attribute> madeFor;
  for (const std::string &input : specialized)
    madeFor.push_back(builder.getStringAttr(input));
  auto onnx = builder.getDictionaryAttr(
      {builder.getNamedAttr("made_for", builder.getArrayAttr(madeFor)),
       builder.getNamedAttr("outputs", builder.getArrayAttr(outputs))});
  program.setSettingsAttr(builder.getDictionaryAttr(
      {builder.getNamedAttr("model", builder.getStringAttr(name)),
       builder.getNamedAttr("onnx", onnx)}));

  std::string said;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (!said.empty())
      return success();
    if (auto named = dyn_cast<NameLoc>(diagnostic.getLocation()))
      said = "node '" + named.getName().str() + "': ";
    said += diagnostic.str();
    return success();
  });
  if (failed(verify(*module)))
    return Error{request.path + ": error: " + said};
  return ImportedModel{std::move(module),
                       model->files,
                       {specialized.begin(), specialized.end()}};
}

Result<ImportedModel> importModel(MLIRContext &context,
                                  const ImportRequest &request) {
  return Importer(context, request).run();
}

} // namespace varve::onnx
