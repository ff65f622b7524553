// Statements: names, parameters and state, layers, and control flow that is
// known now.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;

static std::string joinPath(const std::string &base, const std::string &rest) {
  return base.empty() ? rest : base + "." + rest;
}

void Importer::runBody(Frame &frame, const ast::Body &body) {
  for (const ast::Statement &statement : body.statements) {
    if (frame.returned) {
      error(frame, statement.span, "nothing runs after `return`");
      return;
    }
    if (!spend(frame, statement.span))
      return;
    runStatement(frame, statement);
  }
}

void Importer::runStatement(Frame &frame, const ast::Statement &statement) {
  if (auto *assign = statement.as<ast::Assign>())
    return runAssign(frame, *assign);
  if (auto *scan = statement.as<ast::Scan>())
    return runScan(frame, *scan);
  if (auto *node = statement.as<ast::If>())
    return runIf(frame, *node);
  if (auto *layer = statement.as<ast::Layer>())
    return runLayer(frame, *layer);
  if (auto *variable = statement.as<ast::Variable>())
    return declareVariable(frame, *variable);
  if (auto *repeat = statement.as<ast::Repeat>())
    return runRepeat(frame, *repeat);
  if (auto *require = statement.as<ast::Require>())
    return runRequire(frame, *require);
  if (auto *node = statement.as<ast::While>())
    return runWhile(frame, *node);
  if (auto *yield = statement.as<ast::Yield>()) {
    if (!frame.yields) {
      error(frame, statement.span, "`yield` stands in `scan` only");
      return;
    }
    for (const Expr &expr : yield->values)
      frame.yields->push_back(value(frame, expr));
    return;
  }
  auto *node = statement.as<ast::Return>();
  if (!frame.block) {
    error(frame, statement.span, "`return` stands in a block only");
    return;
  }
  for (const Expr &expr : node->values) {
    // `return f(x)` passes all results of f on.
    bool alone = node->values.size() == 1 && frame.block->results.size() > 1;
    Datum datum = alone ? evaluate(frame, expr) : value(frame, expr);
    if (datum.is(Datum::Kind::Results))
      frame.results = datum.items;
    else
      frame.results.push_back(std::move(datum));
  }
  frame.returned = true;
  frame.returnSpan = statement.span;
}

// ---- names ----

void Importer::bindName(Frame &frame, const ast::Name &name, Datum value) {
  auto state = frame.states.find(name.text);
  if (state != frame.states.end() && !value.isPoison()) {
    Variable &variable = variables.at(state->second);
    if (variable.role == ast::VariableRole::Param) {
      // Values do not change: the name is new, the parameter stays.
      frame.states.erase(state);
    } else {
      if (frame.stateBarrier) {
        error(frame, name.span,
              "state `" + name.text + "` may not change in " +
                  frame.stateBarrier);
        return;
      }
      RankedTensorType type = variable.op.getTensorType();
      if (!value.isTensor())
        value = constant(frame, name.span, value, type.getElementType());
      if (value.isPoison())
        return;
      if (value.tensorType() != type) {
        error(frame, name.span,
              "state `" + name.text + "` is " +
                  spellTensor(type.getElementType(), type.getShape()) +
                  ", this is " + describe(value));
        return;
      }
      variable.value = value.tensor;
      variable.updated = true;
    }
  }
  frame.names[name.text] = std::move(value);
}

void Importer::runAssign(Frame &frame, const ast::Assign &assign) {
  frame.lastBound = assign.targets[0].text;
  if (assign.targets.size() == 1)
    return bindName(frame, assign.targets[0], value(frame, assign.value));
  Datum datum = evaluate(frame, assign.value);
  bool several = datum.is(Datum::Kind::Results) || datum.is(Datum::Kind::List);
  if (several && datum.items.size() != assign.targets.size()) {
    error(frame, assign.value.span,
          std::to_string(assign.targets.size()) + " names for " +
              std::to_string(datum.items.size()) + " values");
    datum = {};
    several = false;
  } else if (!several && !datum.isPoison()) {
    datum = error(frame, assign.value.span,
                  std::to_string(assign.targets.size()) +
                      " names for one value, " + describe(datum));
  }
  for (auto [i, target] : llvm::enumerate(assign.targets))
    bindName(frame, target, several ? datum.items[i] : Datum());
}

// ---- parameters and state ----

std::optional<InitSpec> Importer::toInit(const Datum &datum) const {
  if (datum.is(Datum::Kind::Init))
    return datum.init;
  if (datum.isNumber())
    return InitSpec{"constant", datum.number(), 0};
  return std::nullopt;
}

static StringRef roleWord(ast::VariableRole role) {
  switch (role) {
  case ast::VariableRole::Param:
    return "param";
  case ast::VariableRole::State:
    return "running";
  case ast::VariableRole::Cache:
    return "cache";
  }
  llvm_unreachable("all roles have a word");
}

StateOp Importer::makeState(Location loc, const std::string &key,
                            RankedTensorType type, StringRef role,
                            const InitSpec &init) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(counter);
  return StateOp::create(builder, loc, key, type, role, FlatSymbolRefAttr(),
                         init.kind, APFloat(init.a), APFloat(init.b),
                         DenseI64ArrayAttr(), 0, DenseI64ArrayAttr(),
                         DenseI64ArrayAttr());
}

void Importer::declareVariable(Frame &frame, const ast::Variable &node) {
  bool param = node.role == ast::VariableRole::Param;
  frame.names[node.name.text] = {};
  bool cache = node.role == ast::VariableRole::Cache;
  // A step sees samples of many sequences.
  if (cache && !request.isAlone()) {
    refuse(frame, node.name.span, "`cache` is not supported in training");
    return;
  }
  hasCaches |= cache;
  if (!param && frame.stateBarrier) {
    error(frame, node.name.span,
          std::string("`state` may not stand in ") + frame.stateBarrier);
    return;
  }
  if (frame.batched) {
    error(frame, node.name.span,
          std::string(param ? "a parameter" : "state") +
              " may not stand in `prepare`");
    return;
  }
  std::string key = joinPath(frame.path, node.name.text);
  RankedTensorType type = declaredType(frame, node.type);
  Datum first = value(frame, node.init);
  if (!type || first.isPoison())
    return;
  std::optional<InitSpec> init = toInit(first);
  if (!init) {
    error(frame, node.init.span,
          "`" + node.name.text + "` begins as a number or an initialiser, " +
              "this is " + describe(first));
    return;
  }
  if (init->kind == "orthogonal" && type.getRank() < 2) {
    error(frame, node.init.span, "an orthogonal matrix has rank 2 or more",
          "this is " + spellTensor(type.getElementType(), type.getShape()));
    return;
  }

  Variable &variable = variables[key];
  Span place = node.name.span;
  const Frame &user = userFrame(frame, place);
  if (variable.declared && !frame.reuse) {
    LineColumn at = sources.position(variable.place);
    bool same = variable.place.file == place.file &&
                variable.place.begin == place.begin;
    bool call = place.begin != node.name.span.begin ||
                place.file != node.name.span.file;
    std::string remedy;
    if (same)
      remedy = "in an earlier turn; name the layer: `as fc[i]`";
    else
      remedy = "first at " + std::to_string(at.line) + ":" +
               std::to_string(at.column) +
               (call ? "; name one: `as fc2`" : "; rename one");
    // One word for the weight and the bias of a layer.
    std::string identity = "twice:" + std::to_string(place.file) + ":" +
                           std::to_string(place.begin);
    if (reported.insert(identity).second)
      error(user, place, "`" + key + "` is declared twice", remedy);
    return;
  }
  if (variable.op && variable.op.getTensorType() != type) {
    RankedTensorType before = variable.op.getTensorType();
    error(frame, node.type.span,
          "`" + key + "` is " +
              spellTensor(before.getElementType(), before.getShape()) +
              " elsewhere, here " +
              spellTensor(type.getElementType(), type.getShape()));
    return;
  }
  if (!variable.op) {
    bool late = stateComplete && !cache;
    if (late || key == counter.getSymName()) {
      error(frame, node.name.span,
            late
                ? "`" + key + "` is not there in training, so nothing fills it"
                : "`" + key + "` is the name of the step counter",
            late ? "" : "rename it");
      return;
    }
    variable.op = makeState(location(frame, node.name.span), key, type,
                            roleWord(node.role), *init);
    variable.role = node.role;
    variable.init = *init;
  }
  if (!variable.declared) {
    variable.declared = true;
    variable.place = place;
    variable.value = useState(variable.op);
  }
  frame.names[node.name.text] = Datum::of(variable.value);
  frame.states[node.name.text] = key;
}

// ---- layers and control flow ----

void Importer::runLayer(Frame &frame, const ast::Layer &layer) {
  std::optional<std::string> path = pathText(frame, layer.path);
  if (!path)
    return;
  std::string before = frame.path;
  frame.path = joinPath(frame.path, *path);
  InLayer region(*this, frame.path);
  bool training = frame.training;
  frame.training = training && !isInEvaluation(frame.path, layer.body);
  frame.lastBound.clear();
  runBody(frame, layer.body);
  // Its value is what its last statement binds. A name of a scan's body may be
  // gone.
  if (auto last = frame.names.find(frame.lastBound); last != frame.names.end())
    region.setValue(last->second);
  frame.path = before;
  frame.training = training;
}

void Importer::runIf(Frame &frame, const ast::If &node) {
  Value runtime;
  std::optional<bool> condition =
      evaluateCondition(frame, node.condition, runtime);
  if (runtime)
    return runRuntimeIf(frame, node, runtime);
  if (!condition)
    return;
  if (*condition)
    runBody(frame, node.then);
  else if (node.otherwise)
    runBody(frame, *node.otherwise);
}

// Both branches run, and each name they bind takes the value of the one that
// the condition chooses: nothing in them has an effect.
void Importer::runRuntimeIf(Frame &frame, const ast::If &node,
                            Value condition) {
  if (frame.batched) {
    refuse(frame, node.condition.span,
           "`if` on a sample's value is not supported", "use `where`");
    return;
  }
  const char *barrier = frame.stateBarrier;
  frame.stateBarrier = "an `if` on a tensor";
  std::map<std::string, Datum> before = frame.names;
  runBody(frame, node.then);
  std::map<std::string, Datum> then = std::move(frame.names);
  frame.names = before;
  if (node.otherwise)
    runBody(frame, *node.otherwise);
  std::map<std::string, Datum> otherwise = std::move(frame.names);
  frame.stateBarrier = barrier;
  if (frame.returned) {
    error(frame, node.condition.span,
          "`return` may not stand in an `if` on a tensor",
          "bind a name in both branches");
    frame.returned = false;
    frame.results.clear();
    frame.names = std::move(before);
    return;
  }
  frame.names = std::move(before);
  for (auto &[name, x] : then) {
    auto other = otherwise.find(name);
    if (other == otherwise.end())
      continue; // Bound in one branch: not seen after it.
    Datum &y = other->second;
    if (x == y) {
      frame.names[name] = x;
      continue;
    }
    auto isValue = [](const Datum &d) { return d.isTensor() || d.isNumber(); };
    bool equal =
        isValue(x) && isValue(y) &&
        (!x.isTensor() || !y.isTensor() || x.tensorType() == y.tensorType());
    if (!equal && !x.isPoison() && !y.isPoison())
      error(frame, node.condition.span,
            "`" + name + "` is " + describe(x) + " in one branch, " +
                describe(y) + " in the other");
    frame.names[name] =
        equal ? select(frame, node.condition.span, condition, x, y) : Datum();
  }
}

void Importer::runRepeat(Frame &frame, const ast::Repeat &repeat) {
  std::vector<Datum> values;
  std::optional<int64_t> first, end;
  if (repeat.end) {
    first = evaluateInt(frame, repeat.first, "the bound of a range");
    end = evaluateInt(frame, *repeat.end, "the bound of a range");
    if (!first || !end)
      return;
  } else {
    Datum list = value(frame, repeat.first);
    if (list.isPoison())
      return;
    if (!list.is(Datum::Kind::List)) {
      error(frame, repeat.first.span,
            "`repeat` goes over a range or a list, this is " + describe(list));
      return;
    }
    values = list.items;
    first = 0;
    end = values.size();
  }
  if (trial && repeat.end && *end - *first >= standInSamples) {
    inconclusive = true;
    end = *first;
  }
  for (int64_t i = *first; i < *end; ++i) {
    if (!spend(frame, repeat.variable.span))
      return;
    bindName(frame, repeat.variable, repeat.end ? Datum::of(i) : values[i]);
    runBody(frame, repeat.body);
    if (frame.returned) {
      error(frame, repeat.variable.span, "`return` may not stand in `repeat`");
      return;
    }
  }
}

void Importer::runRequire(Frame &frame, const ast::Require &require) {
  Value runtime;
  std::optional<bool> holds =
      evaluateCondition(frame, require.condition, runtime);
  if (runtime && request.generates() && !frame.training) {
    addResult(runtime,
              require.message ? require.message->text
                              : "`" + print(require.condition) + "`",
              "check");
    return;
  }
  if (runtime) {
    refuse(frame, require.condition.span,
           "`require` of a tensor's value is not supported yet");
    return;
  }
  if (!holds || *holds)
    return;
  std::string condition = print(require.condition);
  std::string message = "`" + condition + "` does not hold";
  // What the two sides of a comparison are.
  const Expr &expr = require.condition;
  std::string remedy = require.message ? require.message->text : "";
  if (expr.is(ast::ExprKind::Binary) && expr.op >= ast::Operator::Equal &&
      expr.op <= ast::Operator::GreaterEqual) {
    Datum x = value(frame, expr.operands[0]);
    Datum y = value(frame, expr.operands[1]);
    message +=
        ": " + describe(x) + " " + ast::spelling(expr.op) + " " + describe(y);
  }
  error(frame, require.condition.span, message, remedy);
}

} // namespace varve::importer
