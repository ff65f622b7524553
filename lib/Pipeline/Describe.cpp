// From attributes of the IR to the description of an artifact.
#include "Pipeline/Describe.h"
#include "Support/Hash.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Dialect/Varve/Varve.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace varve;

/// The compiler's version as artifacts carry it.
static constexpr const char *kVersion = VARVE_VERSION;

static DType dtypeOf(Type element) {
  if (element.isF16())
    return DType::F16;
  if (element.isBF16())
    return DType::BF16;
  if (element.isF32())
    return DType::F32;
  if (element.isF64())
    return DType::F64;
  bool isUnsigned = element.isUnsignedInteger();
  switch (element.getIntOrFloatBitWidth()) {
  case 1:
    return DType::Bool;
  case 8:
    return isUnsigned ? DType::U8 : DType::I8;
  case 16:
    return isUnsigned ? DType::U16 : DType::I16;
  case 32:
    return isUnsigned ? DType::U32 : DType::I32;
  default:
    return isUnsigned ? DType::U64 : DType::I64;
  }
}

static llvm::json::Value toJson(Attribute attribute) {
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    llvm::json::Object object;
    for (NamedAttribute entry : dictionary)
      object[entry.getName().getValue()] = toJson(entry.getValue());
    return object;
  }
  if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    llvm::json::Array list;
    for (Attribute element : array)
      list.push_back(toJson(element));
    return list;
  }
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue();
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto real = dyn_cast<FloatAttr>(attribute))
    return real.getValueAsDouble();
  return cast<StringAttr>(attribute).getValue();
}

static StateDescription describe(StateOp state) {
  StateDescription d;
  d.name = state.getSymName().str();
  if (auto of = state.getOf())
    d.of = of->str();
  d.role = llvm::StringSwitch<varve_role>(state.getRole())
               .Case("slot", VARVE_SLOT)
               .Case("running", VARVE_RUNNING)
               .Case("counter", VARVE_COUNTER)
               .Case("average", VARVE_AVERAGE)
               .Case("cache", VARVE_CACHE)
               .Default(VARVE_PARAM);
  d.init = llvm::StringSwitch<varve_init>(state.getInit())
               .Case("uniform", VARVE_INIT_UNIFORM)
               .Case("normal", VARVE_INIT_NORMAL)
               .Case("truncated_normal", VARVE_INIT_TRUNCATED_NORMAL)
               .Case("orthogonal", VARVE_INIT_ORTHOGONAL)
               .Case("copy", VARVE_INIT_COPY)
               .Default(VARVE_INIT_CONSTANT);
  d.a = state.getA().convertToDouble();
  d.b = state.getB().convertToDouble();
  RankedTensorType type = state.getTensorType();
  d.type = dtypeOf(type.getElementType());
  d.shape.assign(type.getShape().begin(), type.getShape().end());
  if (auto perm = state.getPerm())
    d.perm.assign(perm->begin(), perm->end());
  d.panel = state.getPanel();
  if (auto shape = state.getShape()) {
    d.window.assign(state.getOffset()->begin(), state.getOffset()->end());
    d.window.insert(d.window.end(), d.shape.begin(), d.shape.end());
    d.shape.assign(shape->begin(), shape->end());
  }
  return d;
}

/// The same for all functions of a program, and no other program's: its name
/// and its state.
static std::string digestOf(const ArtifactDescription &d) {
  std::string text = d.name;
  for (const StateDescription &s : d.states) {
    text += "\n" + s.name + " " + std::to_string(s.role) + " " +
            toString(s.type, s.shape) + " " + s.of;
    for (int64_t axis : s.perm)
      text += " " + std::to_string(axis);
    text += " panel " + std::to_string(s.panel);
    for (int64_t place : s.window)
      text += " " + std::to_string(place);
  }
  return sha256(text);
}

void varve::describeProgram(ModuleOp module, ArtifactDescription &d) {
  auto programs = module.getOps<ProgramOp>();
  if (programs.empty())
    return;
  ProgramOp program = *programs.begin();
  d.name = program.getSymName().str();
  d.compiler = kVersion;
  for (StateOp state : program.getOps<StateOp>())
    d.states.push_back(describe(state));
  llvm::json::Object manifest;
  if (DictionaryAttr settings = program.getSettingsAttr())
    manifest = std::move(*toJson(settings).getAsObject());
  manifest["model"] = d.name;
  llvm::json::Object hyper;
  for (FuncOp func : program.getOps<FuncOp>())
    for (auto info : func.getInputs().getAsRange<DictionaryAttr>())
      if (info.getAs<StringAttr>("kind") == "hyper")
        hyper[info.getAs<StringAttr>("name").getValue()] =
            info.getAs<FloatAttr>("default").getValueAsDouble();
  manifest["hyper"] = std::move(hyper);
  llvm::raw_string_ostream(d.manifest)
      << llvm::json::Value(std::move(manifest));
  d.digest = digestOf(d);
}

void varve::countFlops(ModuleOp module) {
  for (auto func : module.getOps<func::FuncOp>()) {
    int64_t flops = 0;
    func.walk([&](linalg::LinalgOp op) {
      if (!linalg::isaContractionOpInterface(op))
        return;
      int64_t points = 2;
      for (int64_t size : op.getStaticLoopRanges())
        points *= size;
      flops += points;
    });
    func.walk([&](kernel::ConvOp conv) {
      // Each element of y meets each weight of its channel, padding included.
      auto sizeOf = [](Value v) {
        return cast<RankedTensorType>(v.getType()).getNumElements();
      };
      Value first = conv.getOperand(0), second = conv.getOperand(1);
      Value y = conv.getResult(), weight = second;
      if (conv.getKind() == kernel::ConvKind::Data)
        y = first;
      if (conv.getKind() == kernel::ConvKind::Weight)
        std::tie(y, weight) = std::pair(second, conv.getResult());
      auto features = cast<RankedTensorType>(weight.getType()).getDimSize(0);
      flops +=
          2 * sizeOf(y) * (sizeOf(weight) / std::max<int64_t>(features, 1));
    });
    func->setAttr("varve.flops",
                  Builder(module.getContext()).getI64IntegerAttr(flops));
  }
}

static TensorDescription describe(DictionaryAttr info, Type type) {
  TensorDescription d;
  d.name = info.getAs<StringAttr>("name").getValue().str();
  d.kind = llvm::StringSwitch<varve_argument>(
               info.getAs<StringAttr>("kind").getValue())
               .Case("field", VARVE_ARG_FIELD)
               .Case("indices", VARVE_ARG_INDICES)
               .Case("hyper", VARVE_ARG_HYPER)
               .Case("seed", VARVE_ARG_SEED)
               .Case("epoch", VARVE_ARG_EPOCH)
               .Case("epochs", VARVE_ARG_EPOCHS)
               .Case("steps", VARVE_ARG_STEPS)
               .Case("output", VARVE_ARG_OUTPUT)
               .Case("loss", VARVE_ARG_LOSS)
               .Case("loss_part", VARVE_ARG_LOSS_PART)
               .Case("metric", VARVE_ARG_METRIC)
               .Case("finite", VARVE_ARG_FINITE)
               .Case("check", VARVE_ARG_CHECK)
               .Case("cotangent", VARVE_ARG_COTANGENT)
               .Default(VARVE_ARG_INPUT);
  // Buffers are signless; the dictionary keeps the type of the language.
  auto stored = info.getAs<TypeAttr>("type");
  auto shaped = cast<ShapedType>(stored ? stored.getValue() : type);
  d.type = dtypeOf(shaped.getElementType());
  for (int64_t size : shaped.getShape())
    d.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
  if (auto value = info.getAs<FloatAttr>("default"))
    d.defaultValue = value.getValueAsDouble();
  return d;
}

void varve::describeFunctions(ModuleOp module, ArtifactDescription &d) {
  for (auto func : module.getOps<func::FuncOp>()) {
    auto names = func->getAttrOfType<ArrayAttr>("varve.state_names");
    if (!names)
      continue;
    FunctionDescription f;
    f.name = f.symbol = func.getSymName().str();
    auto number = [&](StringRef key) {
      auto attribute = func->getAttrOfType<IntegerAttr>(key);
      return attribute ? attribute.getInt() : 0;
    };
    f.batch = number("varve.batch");
    f.arenaBytes = number("varve.arena_bytes");
    f.flops = number("varve.flops");
    if (auto memory = func->getAttrOfType<DictionaryAttr>("varve.memory"))
      llvm::raw_string_ostream(f.memory) << toJson(memory);
    for (auto name : names.getAsRange<StringAttr>())
      for (auto [i, state] : llvm::enumerate(d.states))
        if (state.name == name.getValue())
          f.stateOperands.push_back(i);
    unsigned at = names.size();
    for (auto info : func->getAttrOfType<ArrayAttr>("varve.inputs")
                         .getAsRange<DictionaryAttr>())
      f.inputs.push_back(describe(info, func.getArgumentTypes()[at++]));
    for (auto info : func->getAttrOfType<ArrayAttr>("varve.results")
                         .getAsRange<DictionaryAttr>())
      f.results.push_back(describe(info, func.getArgumentTypes()[at++]));
    d.functions.push_back(f);
    for (StringRef key :
         {"varve.state_names", "varve.inputs", "varve.results", "varve.batch",
          "varve.arena_bytes", "varve.flops", "varve.memory"})
      func->removeAttr(key);
  }
}
