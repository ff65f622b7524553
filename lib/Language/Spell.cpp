// Each operation is a call of the primitive that it is, or one of the
// language's operators. What is read once, and belongs to the same node of the
// graph that the program came from, stands inside of what reads it.
#include "Language/SpellImpl.h"
#include "Dialect/Varve/Ops/Build.h"
#include "Language/ImportDatum.h"
#include "Language/Parser.h"
#include "Language/Printer.h"
#include "varve/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include <charconv>

using namespace mlir;

namespace varve {
namespace {

using importer::elementName;
using importer::spellTensor;

/// Constants of more elements stand with the weights.
constexpr int64_t fewElements = 16;
/// What is longer gets a line of its own.
constexpr size_t longText = 60;

/// A parameter of a signature.
struct Parameter {
  std::string name, type;
  std::optional<std::string> fallback;

  bool isTensor() const {
    return StringRef(type).contains("[...") || isShaped();
  }
  bool isList() const { return type == "[tensor]"; }

private:
  /// "i32[...]", "float[N, C, ...]", "int[]": not "[int]".
  bool isShaped() const {
    size_t at = type.find('[');
    return at != std::string::npos && at > 0;
  }
};

/// "conv(x: float[N, C, ...], stride: [int] = 1) -> ..." as parameters.
std::vector<Parameter> parametersOf(StringRef signature) {
  std::vector<Parameter> list;
  StringRef inside =
      signature.slice(signature.find('(') + 1, signature.find(") ->"));
  while (!inside.empty()) {
    size_t end = 0;
    int depth = 0;
    while (end < inside.size() && (depth || inside[end] != ',')) {
      depth += inside[end] == '[' ? 1 : inside[end] == ']' ? -1 : 0;
      ++end;
    }
    auto [name, rest] = inside.take_front(end).split(':');
    auto [type, fallback] = rest.split('=');
    Parameter each{name.trim().str(), type.trim().str(), std::nullopt};
    if (!fallback.trim().empty())
      each.fallback = fallback.trim().str();
    list.push_back(std::move(each));
    inside = inside.drop_front(std::min(end + 1, inside.size()));
  }
  return list;
}

std::string joinInts(ArrayRef<int64_t> values) {
  return llvm::join(
      llvm::map_range(values, [](int64_t i) { return std::to_string(i); }),
      ", ");
}

/// A number that reads back as the same one of its type.
std::string spellNumber(double value, Type element) {
  if (!isa<FloatType>(element))
    return std::to_string(int64_t(value));
  char buffer[64];
  auto end = element.isF64()
                 ? std::to_chars(buffer, buffer + sizeof buffer, value)
                 : std::to_chars(buffer, buffer + sizeof buffer, float(value));
  return std::string(buffer, end.ptr);
}

} // namespace

// ---- names ----

/// Whether no value may be called so, or should.
static bool isWordOfLanguage(const std::string &word) {
  DType type;
  if (parseDType(word, type) || word == "training")
    return true;
  Sources sources;
  Diagnostics diagnostics(sources);
  auto expr = parseExpression(sources, sources.add("", word), diagnostics);
  return !expr || !expr->is(ast::ExprKind::Name);
}

/// Letters, digits and single underscores, in lower case.
static std::string identifier(StringRef wanted, bool lower) {
  std::string out;
  for (char c : wanted)
    if (llvm::isAlnum(c))
      out += lower ? llvm::toLower(c) : c;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  while (!out.empty() && out.back() == '_')
    out.pop_back();
  if (out.empty() || llvm::isDigit(out[0]))
    out = "n" + out;
  return out;
}

std::string Speller::unique(StringRef wanted) {
  std::string base = wanted.str(), result = base;
  for (int i = 1; isWordOfLanguage(result) || !taken.insert(result).second; ++i)
    result = base + "_" + std::to_string(i);
  return result;
}

std::string Speller::name(Value value, StringRef wanted) {
  std::string result = unique(wanted);
  texts[value] = {result, true};
  return result;
}

void Speller::refuse(Operation *op, const std::string &why) {
  std::string node;
  if (auto named = op->getLoc()->findInstanceOf<NameLoc>())
    node = "node '" + named.getName().str() + "': ";
  errors.push_back(path + ": error: " + node + "operation '" +
                   op->getName().stripDialect().str() + "' " + why);
}

// ---- operands ----

/// One value throughout, as a number that the language can write.
std::optional<std::string> Speller::splat(Value value) const {
  auto op = value.getDefiningOp<ConstantOp>();
  auto elements =
      op ? dyn_cast<SplatElementsAttr>(op.getValue()) : SplatElementsAttr();
  if (!elements || typeOf(value).getNumElements() == 0)
    return std::nullopt;
  Type element = typeOf(value).getElementType();
  RefTensor one(elements.resizeSplat(typeOf(value).clone(ArrayRef<int64_t>{})));
  if (element.isInteger(1))
    return one.i[0] ? "true" : "false";
  if (!one.isFloat())
    return isUnsigned(element) && one.i[0] < 0
               ? std::nullopt
               : std::optional(std::to_string(one.i[0]));
  if (!std::isfinite(one.f[0]))
    return std::nullopt;
  return spellNumber(one.f[0], element);
}

std::string Speller::constant(ConstantOp op) {
  Value value = op.getResult();
  RankedTensorType type = typeOf(value);
  Type element = type.getElementType();
  if (auto number = splat(value)) {
    std::string shape = "[" + joinInts(type.getShape()) + "]";
    std::string dtype =
        element.isF32() ? "" : ", dtype: " + elementName(element);
    if (*number == "0" || *number == "1")
      return (*number == "0" ? "zeros(" : "ones(") + shape + dtype + ")";
    if (!element.isInteger(1))
      return "(" + *number + " * ones(" + shape + dtype + "))";
  }
  std::string base = "constant";
  if (auto named = op->getLoc()->findInstanceOf<NameLoc>())
    base = identifier(named.getName(), true);
  std::string own = unique(base);
  declaration("state " + own + ": " + spellTensor(element, type.getShape()) +
              " = zeros");
  spelled.constants.push_back(
      {own, mlir::cast<DenseElementsAttr>(op.getValue())});
  texts[value] = {own, true};
  return own;
}

std::string Speller::operand(Value value) {
  if (auto found = texts.find(value); found != texts.end()) {
    const Text &text = found->second;
    return text.atom ? text.text : "(" + text.text + ")";
  }
  if (auto found = undeclared.find(value); found != undeclared.end()) {
    std::string state = found->second;
    declare(mlir::cast<BlockArgument>(value), state);
    return texts[value].text;
  }
  if (auto broadcast = value.getDefiningOp<BroadcastOp>())
    return repeated(broadcast);
  return constant(value.getDefiningOp<ConstantOp>());
}

/// Whether the axes of x are the last ones of the result.
static bool alignsRight(BroadcastOp op) {
  int64_t rank = typeOf(op.getResult()).getRank(),
          own = typeOf(op.getX()).getRank();
  for (auto [i, axis] : llvm::enumerate(op.getAxes()))
    if (axis != rank - own + int64_t(i))
      return false;
  return true;
}

std::string Speller::repeated(BroadcastOp op) {
  std::string axes;
  if (!alignsRight(op))
    axes = op.getAxes().size() == 1
               ? ", axis: " + std::to_string(op.getAxes()[0])
               : ", axis: [" + joinInts(op.getAxes()) + "]";
  return "broadcast(" + operand(op.getX()) + ", [" + joinInts(op.getShape()) +
         "]" + axes + ")";
}

std::string Speller::stretched(Operation *op, unsigned i) {
  Value value = op->getOperand(i);
  ArrayRef<int64_t> shape = shapeOf(op->getResult(0));
  // One operand is whole, and of a type: the others follow it.
  auto isWhole = [&](Value v) {
    return !v.getDefiningOp<ConstantOp>() && !v.getDefiningOp<BroadcastOp>();
  };
  auto elementOf = [](Value v) { return typeOf(v).getElementType(); };
  bool follows = false;
  for (auto [j, other] : llvm::enumerate(op->getOperands()))
    follows |= j != i && isWhole(other) && elementOf(other) == elementOf(value);
  if (follows && !elementOf(value).isInteger(1))
    if (auto number = splat(value))
      return StringRef(*number).starts_with("-") ? "(" + *number + ")"
                                                 : *number;
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  bool shaped = llvm::any_of(llvm::enumerate(op->getOperands()), [&](auto at) {
    return at.index() != i && isWhole(at.value()) &&
           shapeOf(at.value()) == shape;
  });
  if (broadcast && shaped && alignsRight(broadcast))
    return operand(broadcast.getX());
  return operand(value);
}

// ---- operations ----

Speller::Text Speller::infix(Operation *op, const char *symbol) {
  std::string x = stretched(op, 0), y = stretched(op, 1);
  return {x + " " + symbol + " " + y, false};
}

/// Counted along its axis, the same along the others.
static std::string iota(IotaOp op) {
  std::string dtype = elementName(op.getDtype()),
              axis = std::to_string(op.getAxis());
  std::string range = "range(" + std::to_string(op.getShape()[op.getAxis()]) +
                      (dtype == "i64" ? "" : ", dtype: " + dtype) + ")";
  if (op.getShape().size() == 1)
    return range;
  return "broadcast(" + range + ", [" + joinInts(op.getShape()) +
         "], axis: " + axis + ")";
}

std::string Speller::slice(SliceOp op) {
  std::string text = operand(op.getX()) + "[";
  for (int64_t d = 0; d < typeOf(op.getX()).getRank(); ++d) {
    int64_t begin = op.getBegin()[d], end = op.getEnd()[d],
            step = op.getStep()[d];
    text += d ? ", " : "";
    if (begin)
      text += std::to_string(begin);
    text += ":";
    if (end != shapeOf(op.getX())[size_t(d)])
      text += std::to_string(end);
    if (step != 1)
      text += ":" + std::to_string(step);
  }
  return text + "]";
}

/// Lists of the window's axes, which one number may stand for.
static bool isWindowList(StringRef key) {
  return llvm::is_contained(
      {"kernel", "stride", "padding", "dilation", "output_padding", "size"},
      key);
}

static std::string spellAttribute(const Parameter &parameter, Attribute value) {
  if (auto type = dyn_cast<TypeAttr>(value))
    return elementName(type.getValue());
  if (auto text = dyn_cast<StringAttr>(value))
    return "\"" + text.getValue().str() + "\"";
  if (auto flag = dyn_cast<BoolAttr>(value))
    return flag.getValue() ? "true" : "false";
  if (auto real = dyn_cast<FloatAttr>(value))
    return importer::spell(real.getValueAsDouble());
  if (auto whole = dyn_cast<IntegerAttr>(value))
    return std::to_string(whole.getInt());
  if (auto reals = dyn_cast<DenseF64ArrayAttr>(value))
    return "[" +
           llvm::join(llvm::map_range(reals.asArrayRef(), importer::spell),
                      ", ") +
           "]";
  ArrayRef<int64_t> list = mlir::cast<DenseI64ArrayAttr>(value).asArrayRef();
  bool one = parameter.name == "axis"
                 ? list.size() == 1
                 : isWindowList(parameter.name) && !list.empty() &&
                       llvm::all_equal(list);
  return one ? std::to_string(list[0]) : "[" + joinInts(list) + "]";
}

/// Any primitive: arguments as its signature has them, without those that are
/// the default.
Speller::Text Speller::call(Operation *op) {
  auto primitive = dyn_cast<PrimitiveOpInterface>(op);
  if (!primitive) {
    refuse(op, "is not supported in a text");
    return {"x"};
  }
  if (op->hasAttr("stream")) {
    refuse(op, "draws random numbers, which depend on the text");
    return {"x"};
  }
  std::string name = op->getName().stripDialect().str(), text = name + "(";
  bool elementwise = isa<ElementwiseOpInterface>(op);
  unsigned next = 0, count = op->getNumOperands();
  std::vector<Parameter> parameters = parametersOf(primitive.getSignature());
  unsigned required = 0; // operands that come after a list
  for (const Parameter &p : parameters)
    required += p.isTensor() && !p.fallback;
  std::map<std::string, std::string> written;
  bool first = true, byName = false;
  auto add = [&](const Parameter &p, const std::string &value) {
    byName |= p.fallback || p.name == "axis";
    text += (first ? "" : ", ") + (byName ? p.name + ": " : "") + value;
    first = false;
  };
  for (const Parameter &p : parameters) {
    if (p.isList()) {
      std::string list;
      for (; next < count - required; ++next)
        list += (list.empty() ? "" : ", ") + operand(op->getOperand(next));
      add(p, "[" + list + "]");
      continue;
    }
    if (p.isTensor()) {
      // An optional mask is a bool, whatever else follows.
      bool given = next < count &&
                   (!p.fallback || p.name != "mask" ||
                    typeOf(op->getOperand(next)).getElementType().isInteger(1));
      if (!given)
        continue;
      required -= required > 0;
      std::string value =
          elementwise ? stretched(op, next) : operand(op->getOperand(next));
      ++next;
      add(p, value);
      continue;
    }
    Attribute value = op->getAttr(p.name);
    if (!value)
      continue;
    std::string spelled = spellAttribute(p, value);
    written[p.name] = spelled;
    bool usual = p.fallback &&
                 (spelled == *p.fallback || (written.count(*p.fallback) &&
                                             written[*p.fallback] == spelled));
    if (auto real = dyn_cast<FloatAttr>(value); real && p.fallback) {
      double number;
      usual = llvm::to_float(*p.fallback, number) &&
              number == real.getValueAsDouble();
    }
    if (!usual)
      add(p, spelled);
  }
  return {text + ")"};
}

Speller::Text Speller::spell(Operation *op) {
  StringRef name = op->getName().stripDialect();
  bool isReal = op->getNumOperands() &&
                isa<FloatType>(typeOf(op->getOperand(0)).getElementType());
  static const llvm::StringMap<const char *> symbols = {
      {"add", "+"},  {"sub", "-"},   {"mul", "*"}, {"remainder", "%"},
      {"pow", "**"}, {"and", "and"}, {"or", "or"}};
  if (auto found = symbols.find(name); found != symbols.end())
    return infix(op, found->second);
  if (name == "div" && isReal)
    return infix(op, "/");
  if (auto compare = dyn_cast<CompareOp>(op)) {
    const char *symbol =
        llvm::StringSwitch<const char *>(compare.getPredicate())
            .Case("eq", "==")
            .Case("ne", "!=")
            .Case("lt", "<")
            .Case("le", "<=")
            .Case("gt", ">")
            .Default(">=");
    return infix(op, symbol);
  }
  if (isa<MatmulOp>(op))
    return {operand(op->getOperand(0)) + " @ " + operand(op->getOperand(1)),
            false};
  if (isa<NegOp>(op))
    return {"-" + operand(op->getOperand(0)), false};
  if (isa<NotOp>(op))
    return {"not " + operand(op->getOperand(0)), false};
  if (auto cut = dyn_cast<SliceOp>(op))
    return {slice(cut)};
  if (auto count = dyn_cast<IotaOp>(op); count && !count.getShape().empty())
    return {iota(count)};
  return call(op);
}

// ---- statements ----

void Speller::line(const std::string &text) {
  if (!depth) {
    body += declared;
    declared.clear();
  }
  body += text + "\n";
}

std::string nodeOf(Operation *op) {
  auto named = op->getLoc()->findInstanceOf<NameLoc>();
  return named ? named.getName().str() : "";
}

std::string nameOfNode(Operation *op) {
  std::string node = nodeOf(op);
  return node.empty() ? op->getName().stripDialect().str()
                      : identifier(node, /*lower=*/true);
}

/// Whether a region reads the operand, which may be in several places.
static bool isCaptured(OpOperand &use) {
  Operation *op = use.getOwner();
  if (isa<IfOp>(op))
    return use.getOperandNumber() > 0;
  auto scan = dyn_cast<ScanOp>(op);
  return scan && llvm::is_contained(scan.getConstants(), use.get());
}

/// Whether `op` is written where its one reader is.
bool Speller::standsInside(Operation *op, const Text &text) {
  if (op->getNumResults() != 1 || !op->getResult(0).hasOneUse())
    return false;
  OpOperand &use = *op->getResult(0).use_begin();
  Operation *reader = use.getOwner();
  return !isa<ReturnOp, YieldOp>(reader) &&
         reader->getBlock() == op->getBlock() &&
         nodeOf(reader) == nodeOf(op) && !isCaptured(use) &&
         text.text.size() <= longText;
}

void Speller::statement(Operation &op) {
  if (isa<ConstantOp, BroadcastOp>(op))
    return; // where it is read
  if (auto node = dyn_cast<IfOp>(op))
    return branch(node);
  if (auto node = dyn_cast<ScanOp>(op))
    return scan(node);
  size_t before = errors.size();
  Text text = spell(&op);
  if (errors.size() != before) {
    for (Value result : op.getResults())
      texts[result] = {"x", true};
    return;
  }
  if (standsInside(&op, text)) {
    texts[op.getResult(0)] = text;
    return;
  }
  std::string base = nameOfNode(&op);
  // A call with several results gives the first where one name stands.
  unsigned named = 0;
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    if (!result.use_empty())
      named = unsigned(i) + 1;
  if (named > 1 || isa<SplitOp>(op))
    named = op.getNumResults();
  std::string targets;
  for (Value result : op.getResults().take_front(std::max(named, 1u)))
    targets += (targets.empty() ? "" : ", ") + name(result, base);
  line(targets + " = " + text.text);
}

void Speller::declare(BlockArgument argument, StringRef state) {
  auto type = typeOf(argument);
  bool isParam = isa<FloatType>(type.getElementType());
  undeclared.erase(argument);
  std::string own = name(argument, identifier(state, /*lower=*/true));
  declaration((isParam ? "param " : "state ") + own + ": " +
              spellTensor(type.getElementType(), type.getShape()) + " = zeros");
  spelled.state.push_back({state.str(), own});
}

Result<SpelledModel> Speller::run() {
  func = *program.getOps<FuncOp>().begin();
  Block &block = func.getBody().front();
  auto textOf = [](Attribute info) {
    return mlir::cast<DictionaryAttr>(info)
        .getAs<StringAttr>("name")
        .getValue();
  };
  std::string inputs, outputs;
  for (auto [info, argument] :
       llvm::zip(func.getInputs(), block.getArguments())) {
    std::string own = name(argument, identifier(textOf(info), /*lower=*/false));
    auto type = typeOf(argument);
    inputs += (inputs.empty() ? "" : ", ") + own + ": " +
              spellTensor(type.getElementType(), type.getShape());
  }
  for (auto [use, argument] :
       llvm::zip_equal(func.getUses().getAsRange<FlatSymbolRefAttr>(),
                       block.getArguments().drop_front(func.getNumInputs())))
    undeclared[argument] = use.getValue().str();
  for (Operation &op : block.without_terminator())
    statement(op);
  std::string returned;
  std::set<std::string> outputNames;
  OperandRange results = func.getReturn().getValues();
  for (auto [info, value] : llvm::zip(func.getResults(), results)) {
    std::string own = identifier(textOf(info), /*lower=*/false);
    while (isWordOfLanguage(own) || !outputNames.insert(own).second)
      own += "_out";
    auto type = typeOf(value);
    outputs += (outputs.empty() ? "" : ", ") + own + ": " +
               spellTensor(type.getElementType(), type.getShape());
    returned += (returned.empty() ? "" : ", ") + operand(value);
  }
  if (!errors.empty())
    return Error{llvm::join(errors, "\n"), ErrorKind::Unsupported};
  if (results.size() > 1)
    outputs = "(" + outputs + ")";
  line("return " + returned);
  std::string text = "model " + identifier(program.getSymName(), true) + "(" +
                     inputs + ") -> " + outputs + " {\n" + body + "}\n";
  Result<std::string> canonical = canonicalText(text, path);
  if (!canonical)
    return canonical.error();
  spelled.text = std::move(*canonical);
  return std::move(spelled);
}

Result<std::string> canonicalText(const std::string &text,
                                  const std::string &path) {
  Sources sources;
  Diagnostics diagnostics(sources);
  ast::File tree = parseFile(sources, sources.add(path, text), diagnostics);
  if (diagnostics.hasErrors())
    return diagnostics.toError();
  return print(tree);
}

std::string withSizeNamed(const std::string &text, int64_t size,
                          const std::string &name) {
  std::string out;
  StringRef rest = text;
  auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; };
  while (!rest.empty()) {
    StringRef token = rest.take_while(isWord);
    if (token.empty())
      token = rest.take_until(isWord);
    rest = rest.drop_front(token.size());
    int64_t number;
    if (token.getAsInteger(10, number) || number == 0 || number % size != 0)
      out += token.str();
    else
      out +=
          (number == size ? "" : std::to_string(number / size) + " * ") + name;
  }
  return out;
}

Result<SpelledModel> spellProgram(ProgramOp program, const std::string &path) {
  return Speller(program, path).run();
}

} // namespace varve
