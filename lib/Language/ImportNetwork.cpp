// Networks from other files, `import "net.onnx" as net`: called like a block,
// or a model by themselves. Their weights become variables of the program.
#include "Language/ImportImpl.h"
#include "Language/Lexer.h"
#include "Language/Parser.h"
#include "Language/PrinterImpl.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::importer {

static std::string joinPath(const std::string &base, const std::string &rest) {
  return base.empty() ? rest : base + "." + rest;
}

// ---- names ----

/// The name as the language can write it: what no name may hold becomes `_`,
/// and so does what makes it another one than those before.
static std::string spelledName(const std::string &name,
                               std::set<std::string> &taken) {
  std::string out;
  for (char c : name)
    out += llvm::isAlnum(c) ? c : '_';
  if (out.empty() || llvm::isDigit(out[0]))
    out = "_" + out;
  while (isReserved(out) || taken.count(out))
    out += "_";
  taken.insert(out);
  return out;
}

namespace {
/// Spells the signature of a network.
class Signature {
public:
  std::string type(const Network::Port &port, bool result) {
    std::string text = elementName(port.element) + "[";
    if (!port.shape)
      return text + "...]";
    for (auto [i, size] : llvm::enumerate(*port.shape)) {
      text += i ? ", " : "";
      if (result)
        text += size.size >= 0 && i > 0 ? std::to_string(size.size) : "_";
      else
        text += dim(size, i == 0);
    }
    return text + "]";
  }
  std::set<std::string> taken = {"N"};

private:
  /// The first axis counts samples, also where the file says one.
  std::string dim(const Network::Size &size, bool first) {
    if (first) {
      dims.emplace(size.name, "N");
      return "N";
    }
    if (size.size >= 0)
      return std::to_string(size.size);
    if (size.name.empty())
      return spelledName("D", taken);
    auto [known, isNew] = dims.emplace(size.name, "");
    if (isNew)
      known->second = spelledName(size.name, taken);
    return known->second;
  }

  std::map<std::string, std::string> dims;
};
} // namespace

// ---- files ----

bool Importer::importNetwork(FileScope &scope, const ast::Import &node,
                             const std::string &path) {
  auto fail = [&](Span span, std::string message, std::string remedy = "") {
    onlyRefusals = false;
    diagnostics.error(span, std::move(message), std::move(remedy));
    return false;
  };
  if (!request.readNetwork) {
    diagnostics.error(node.file.span,
                      "`import` of an ONNX graph is not supported here");
    return false;
  }
  size_t slash = path.rfind('/');
  std::string folder = slash == path.npos ? "" : path.substr(0, slash + 1);
  std::string full = node.file.text;
  if (!StringRef(full).starts_with("/"))
    full = folder + full;
  if (path == request.path)
    for (StringRef set : request.set)
      if (set.consume_front("import="))
        full = set.str();
  auto read = request.readNetwork(full);
  if (!read) {
    diagnostics.error(node.file.span, read.error().message);
    onlyRefusals &= read.error().kind == ErrorKind::Unsupported;
    return false;
  }
  NetworkRef ref{&node, std::move(*read), node.file.text, {}};
  for (const ast::Argument &argument : node.arguments) {
    if (!argument.name || argument.name->text != "training" ||
        !argument.value.is(ast::ExprKind::Bool))
      return fail(argument.value.span,
                  "`import` has one argument, `training`, which is true or "
                  "false");
    ref.trains = argument.value.boolValue;
  }
  for (const std::string &file : ref.network->files())
    filesRead.push_back(file);
  std::set<std::string> taken = {"N"};
  for (const Network::Port &port : ref.network->inputs(context))
    ref.inputs.push_back(spelledName(port.name, taken));
  bool isNew = scope.blocks.count(node.name.text) == 0 &&
               scope.networks.emplace(node.name.text, std::move(ref)).second;
  return isNew || fail(node.name.span,
                       "`" + node.name.text + "` is declared twice");
}

const NetworkRef *Importer::findNetwork(const FileScope *scope,
                                        const std::string &name) const {
  auto found = scope->networks.find(name);
  return found == scope->networks.end() ? nullptr : &found->second;
}

const ast::Block *Importer::modelOfNetwork(const NetworkRef &ref) {
  Signature signature;
  signature.taken.insert(ref.inputs.begin(), ref.inputs.end());
  std::vector<std::string> inputs, results, wanted;
  for (auto [name, port] :
       llvm::zip(ref.inputs, ref.network->inputs(context))) {
    if (!port.element) {
      Frame top;
      top.scope = mainScope;
      refuse(top, ref.node->file.span,
             "input '" + port.name + "' is no tensor of numbers");
      return nullptr;
    }
    inputs.push_back(name + ": " + signature.type(port, /*result=*/false));
  }
  for (const Network::Port &port : ref.network->outputs(context))
    if (port.element) {
      std::string name = spelledName(port.name, signature.taken);
      results.push_back(name + ": " + signature.type(port, /*result=*/true));
      wanted.push_back(detail::quoted(port.name));
    }
  const std::string &name = ref.node->name.text;
  std::string text = "model " + name + "(" + llvm::join(inputs, ", ") +
                     ") -> (" + llvm::join(results, ", ") +
                     ") {\n  return " + name + "(" +
                     llvm::join(ref.inputs, ", ") + ", output: [" +
                     llvm::join(wanted, ", ") + "])\n}\n";
  FileId file = sources.add(ref.file, text);
  trees.push_back(parseFile(sources, file, diagnostics));
  if (diagnostics.hasErrors()) {
    onlyRefusals = false;
    return nullptr;
  }
  return trees.back().declarations[0].as<ast::Block>();
}

// ---- calls ----

/// Variables and layers of the program for what a network asks for.
class Importer::StateOfNetwork : public NetworkHost {
public:
  StateOfNetwork(Importer &importer, Frame &frame, Span span, std::string key,
                 bool reuse, bool trains)
      : importer(importer), frame(frame), span(span), key(std::move(key)),
        reuse(reuse), trains(trains) {}

  Value variable(const std::string &name, RankedTensorType type,
                 bool learns) override;
  void keep(Value value) override;
  std::optional<bool> training(ValueRange weights) override;
  bool update(Value variable, Value value) override;
  Draw draw() override {
    return {importer.seed, importer.step, importer.streamOf(path)};
  }
  void enterNode(const std::string &node) override {
    path = joinPath(key, node);
    layer.emplace(importer, path);
  }
  void leaveNode(Value value) override {
    if (value)
      layer->setValue(Datum::of(value));
    layer.reset();
  }

private:
  Importer &importer;
  Frame &frame;
  Span span;
  std::string key;
  bool reuse, trains;
  std::string path; ///< of the node
  std::optional<InLayer> layer;
};

Value Importer::StateOfNetwork::variable(const std::string &name,
                                         RankedTensorType type, bool learns) {
  std::string full = joinPath(key, name);
  Variable &variable = importer.variables[full];
  if (variable.declared && !reuse) {
    std::string identity = "twice:" + std::to_string(span.file) + ":" +
                           std::to_string(span.begin);
    if (importer.reported.insert(identity).second)
      importer.error(frame, span, "`" + full + "` is declared twice",
                     "name one call: `as ...`; by its name it is applied "
                     "again");
    return {};
  }
  if (!variable.op) {
    if (importer.stateComplete ||
        full == importer.counter.getSymName().str()) {
      importer.error(frame, span,
                     importer.stateComplete
                         ? "`" + full + "` is not there in training"
                         : "`" + full + "` is the name of the step counter",
                     importer.stateComplete ? "" : "name the call: `as ...`");
      return {};
    }
    // The file's values take the place of these. A check has no more than them,
    // and would see little of a network of zeros.
    if (learns)
      variable.init = {"uniform", -0.5, 0.5};
    else if (isFloat(type.getElementType()))
      variable.init = {"constant", 1, 0};
    variable.role =
        learns ? ast::VariableRole::Param : ast::VariableRole::State;
    variable.op =
        importer.makeState(importer.location(frame, span), full, type,
                           learns ? "param" : "running", variable.init);
    variable.imported = true;
  }
  if (!variable.declared) {
    variable.declared = true;
    variable.place = span;
    variable.value = importer.useState(variable.op);
  }
  return variable.value;
}

void Importer::StateOfNetwork::keep(Value value) {
  for (auto &[name, variable] : importer.variables)
    if (variable.imported && variable.declared && variable.value == value) {
      variable.role = ast::VariableRole::State;
      variable.op.setRole("running");
    }
}

std::optional<bool> Importer::StateOfNetwork::training(ValueRange weights) {
  if (!trains)
    return std::nullopt;
  std::vector<std::string> keys;
  for (const auto &[name, variable] : importer.variables)
    if (variable.declared && llvm::is_contained(weights, variable.value))
      keys.push_back(name);
  return frame.training && !importer.frozen &&
         !importer.isInEvaluation(path, keys);
}

bool Importer::StateOfNetwork::update(Value variable, Value value) {
  for (auto &[name, known] : importer.variables)
    if (known.imported && known.declared && known.value == variable) {
      known.value = value;
      return known.updated = known.moves = true;
    }
  return false;
}

bool Importer::readWanted(Frame &frame, const NetworkRef &ref,
                          const CallArgument &argument,
                          std::vector<std::string> &wanted) {
  std::vector<Datum> items = {argument.value};
  if (argument.value.is(Datum::Kind::List))
    items = argument.value.items;
  std::vector<std::string> known = ref.network->values();
  for (const Datum &item : items) {
    if (!item.is(Datum::Kind::String)) {
      error(frame, argument.span,
            "`output` is the name of a value of the graph, this is " +
                describe(item));
      return false;
    }
    if (!llvm::is_contained(known, item.text)) {
      error(frame, argument.span,
            "\"" + ref.file + "\" has no value '" + item.text + "'",
            suggest(item.text, known));
      return false;
    }
    wanted.push_back(item.text);
  }
  return true;
}

bool Importer::bindPorts(Frame &frame, const NetworkRef &ref,
                         ArrayRef<CallArgument> arguments, Span span,
                         SmallVectorImpl<Value> &inputs) {
  std::vector<Network::Port> ports = ref.network->inputs(context);
  const std::string &name = ref.node->name.text;
  inputs.assign(ports.size(), Value());
  size_t position = 0;
  for (const CallArgument &argument : arguments) {
    size_t to = position;
    if (argument.name) {
      to = llvm::find(ref.inputs, argument.name->text) - ref.inputs.begin();
      if (to == ports.size()) {
        error(frame, argument.name->span,
              "`" + name + "` has no input `" + argument.name->text + "`",
              suggest(argument.name->text, ref.inputs));
        return false;
      }
    } else if (++position > ports.size()) {
      error(frame, argument.span,
            "`" + name + "` takes " + std::to_string(ports.size()) +
                (ports.size() == 1 ? " input" : " inputs"));
      return false;
    }
    if (inputs[to]) {
      error(frame, argument.span,
            "`" + ref.inputs[to] + "` of `" + name + "` is given twice");
      return false;
    }
    Datum datum = argument.value;
    if (!datum.isTensor() && ports[to].element)
      datum = constant(frame, argument.span, datum, ports[to].element);
    if (datum.isPoison())
      return false;
    inputs[to] = datum.tensor;
  }
  for (auto [input, value] : llvm::zip(ref.inputs, inputs))
    if (!value) {
      error(frame, span, "`" + name + "` needs `" + input + "`");
      return false;
    }
  return true;
}

Datum Importer::callNetwork(Frame &caller, const NetworkRef &ref,
                            ArrayRef<CallArgument> arguments, Span span,
                            const std::string &key, bool named,
                            const AppliedBlock *again) {
  if (caller.batched || caller.loops)
    return refuse(caller, span,
                  std::string("a network in ") +
                      (caller.batched ? "`prepare`" : "a loop") +
                      " is not supported");
  std::vector<std::string> wanted;
  if (again)
    wanted = again->wanted;
  std::vector<CallArgument> given;
  bool isInput = llvm::is_contained(ref.inputs, "output");
  for (const CallArgument &argument : arguments)
    if (!argument.name || argument.name->text != "output" || isInput)
      given.push_back(argument);
    else if (!readWanted(caller, ref, argument, wanted))
      return {};
  if (wanted.empty())
    for (const Network::Port &port : ref.network->outputs(context))
      wanted.push_back(port.name);
  SmallVector<Value> inputs, results;
  if (!bindPorts(caller, ref, given, span, inputs))
    return {};
  if (named) {
    AppliedBlock applied{{}, key, {}, &ref, wanted};
    caller.layers[key] = std::move(applied);
  }
  std::optional<InLayer> region;
  if (named || again)
    region.emplace(*this, key);
  importedAt[key] = ref.file;
  StateOfNetwork host(*this, caller, span, key, again || caller.reuse,
                      ref.trains);
  size_t before = diagnostics.errors().size();
  for (const Network::Fault &fault :
       ref.network->build(builder, inputs, wanted, host, results))
    if (fault.unsupported)
      refuse(caller, span, fault.message);
    else
      error(caller, span, fault.message);
  if (diagnostics.errors().size() != before)
    return {};
  Datum out = Datum::of(results[0]);
  if (results.size() > 1) {
    out = Datum();
    out.kind = Datum::Kind::Results;
    for (Value value : results)
      out.items.push_back(Datum::of(value));
  }
  if (region)
    region->setValue(out);
  return out;
}

} // namespace varve::importer
