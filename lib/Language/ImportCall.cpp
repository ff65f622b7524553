// Calls: what a name means, which argument is which, blocks inlined.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;

static std::string joinPath(const std::string &base, const std::string &rest) {
  return base.empty() ? rest : base + "." + rest;
}

std::vector<std::string> Importer::callableNames(const Frame &frame) const {
  std::vector<std::string> names = {
      "shape",      "size",           "zeros",           "ones",
      "range",      "glorot_uniform", "he_normal",       "he_uniform",
      "orthogonal", "glorot_normal",  "truncated_normal"};
  for (const FileScope *scope : {frame.scope, preludeScope}) {
    for (const auto &[name, block] : scope->blocks)
      names.push_back(name);
    for (const auto &[name, network] : scope->networks)
      names.push_back(name);
  }
  for (RegisteredOperationName op : context.getRegisteredOperations())
    if (op.getDialectNamespace() == "varve" &&
        op.hasInterface<PrimitiveOpInterface>())
      names.push_back(op.stripDialect().str());
  size_t prefix = frame.root.empty() ? 0 : frame.root.size() + 1;
  for (const auto &[key, layer] : frame.layers)
    names.push_back(key.substr(prefix));
  return names;
}

bool Importer::evaluateArguments(Frame &frame, const Expr &expr,
                                 std::vector<CallArgument> &arguments) {
  bool good = true;
  for (const ast::Argument &argument : expr.arguments) {
    CallArgument out;
    out.name = argument.name;
    out.span = argument.value.span;
    out.expr = &argument.value;
    out.value = value(frame, argument.value);
    good &= !out.value.isPoison();
    arguments.push_back(std::move(out));
  }
  return good;
}

Datum Importer::evaluateCall(Frame &frame, const Expr &expr) {
  const Expr &callee = expr.callee();
  Span span = callee.span;
  std::optional<std::string> name = pathOfExpr(frame, callee);
  if (!name)
    return error(frame, span, "`" + print(callee) + "` is no name of a block");

  std::optional<std::string> as;
  if (expr.as) {
    as = pathText(frame, expr.as);
    if (!as)
      return {};
  }
  std::vector<CallArgument> arguments;
  if (!evaluateArguments(frame, expr, arguments))
    return {};

  const AppliedBlock *layer = nullptr;
  for (const std::string &base : {frame.path, frame.root}) {
    auto found = frame.layers.find(joinPath(base, *name));
    if (found != frame.layers.end())
      layer = &found->second;
  }
  bool word = callee.is(ExprKind::Name);
  std::optional<BlockRef> block =
      word ? findBlock(frame.scope, *name) : std::nullopt;
  const NetworkRef *network = word ? findNetwork(frame.scope, *name) : nullptr;
  const ast::Block *primitive =
      word && !block && !network ? primitiveSignature(*name) : nullptr;
  if (layer) {
    if (block || primitive || network)
      return error(frame, span,
                   "`" + *name + "` is a layer and a block: which one?",
                   "name the layer differently");
    if (as)
      return error(frame, expr.as.span,
                   "`" + *name + "` is a layer already and keeps its name");
    if (layer->network)
      return callNetwork(frame, *layer->network, arguments, span, layer->key,
                         /*named=*/false, layer);
    return callBlock(frame, layer->block, arguments, span, layer->key,
                     /*named=*/false, layer);
  }
  std::string key = as ? joinPath(frame.path, *as) : frame.path;
  if (network)
    return callNetwork(frame, *network, arguments, span, key, as.has_value());
  if (block)
    return callBlock(frame, *block, arguments, span, key, as.has_value());

  if (!word)
    return error(frame, span, "unknown layer `" + *name + "`",
                 suggest(*name, callableNames(frame)));
  if (std::optional<Datum> known = staticCall(frame, *name, arguments, span))
    return *known;
  auto call = [&]() -> Datum {
    if (std::optional<Datum> out = callBuiltin(frame, *name, arguments, span))
      return *out;
    if (primitive)
      return callPrimitive(frame, *name, *primitive, arguments, span);
    return error(frame, span, "unknown block `" + *name + "`",
                 suggest(*name, callableNames(frame)));
  };
  if (!as)
    return call();
  std::string before = frame.path;
  frame.path = key;
  InLayer region(*this, key);
  Datum out = call();
  region.setValue(out);
  frame.path = before;
  return out;
}

bool Importer::matchArguments(const Frame &frame, const std::string &name,
                              Span span, ArrayRef<ast::Input> inputs,
                              ArrayRef<CallArgument> arguments,
                              std::vector<BoundArgument> &bound) {
  std::vector<std::string> known;
  for (const ast::Input &input : inputs) {
    bound.push_back({&input, {}, {}, false});
    known.push_back(input.name.text);
  }
  size_t position = 0;
  for (const CallArgument &argument : arguments) {
    BoundArgument *to = nullptr;
    if (argument.name) {
      for (BoundArgument &candidate : bound)
        if (candidate.input->name.text == argument.name->text)
          to = &candidate;
      if (!to) {
        error(frame, argument.name->span,
              "`" + name + "` has no argument `" + argument.name->text + "`",
              suggest(argument.name->text, known));
        return false;
      }
    } else {
      // Those with a default are given by name only.
      while (position < bound.size() && bound[position].input->fallback)
        ++position;
      if (position == bound.size()) {
        size_t count = 0;
        const ast::Input *named = nullptr;
        for (const BoundArgument &candidate : bound) {
          count += candidate.input->fallback ? 0 : 1;
          if (candidate.input->fallback && !candidate.given && !named)
            named = candidate.input;
        }
        error(frame, argument.span,
              "`" + name + "` takes " + std::to_string(count) +
                  (count == 1 ? " argument" : " arguments") + " by position",
              named ? "name it: `" + named->name.text + ": ...`" : "");
        return false;
      }
      to = &bound[position++];
    }
    if (to->given) {
      error(frame, argument.span,
            "`" + to->input->name.text + "` of `" + name + "` is given twice");
      return false;
    }
    to->value = argument.value;
    to->span = argument.span;
    to->given = true;
  }
  for (const BoundArgument &candidate : bound)
    if (!candidate.given && !candidate.input->fallback) {
      error(frame, span,
            "`" + name + "` needs `" + candidate.input->name.text + "`",
            print(candidate.input->type));
      return false;
    }
  return true;
}

Datum Importer::callBlock(Frame &caller, BlockRef ref,
                          ArrayRef<CallArgument> arguments, Span span,
                          const std::string &key, bool named,
                          const AppliedBlock *again) {
  const ast::Block &block = *ref.block;
  for (const Frame *f = &caller; f; f = f->caller)
    if (f->block == &block)
      return error(caller, span, "`" + block.name.text + "` calls itself",
                   "blocks are inlined: no recursion");
  if (block.gradient && request.trains())
    return refuse(caller, span,
                  "a block with its own `gradient` is not supported yet");

  // A layer applied again has its static arguments already.
  std::vector<ast::Input> open;
  if (again)
    for (const ast::Input &input : block.inputs)
      if (!again->statics.count(input.name.text))
        open.push_back(input);
  std::vector<BoundArgument> bound;
  ArrayRef<ast::Input> inputs(block.inputs);
  if (!matchArguments(caller, block.name.text, span,
                      again ? ArrayRef<ast::Input>(open) : inputs, arguments,
                      bound))
    return {};
  if (again) {
    std::vector<BoundArgument> all;
    for (const ast::Input &input : block.inputs) {
      BoundArgument argument{&input, {}, span, false};
      auto preset = again->statics.find(input.name.text);
      if (preset != again->statics.end()) {
        argument.value = preset->second;
        argument.given = true;
      }
      for (const BoundArgument &other : bound)
        if (other.input->name.text == input.name.text) {
          argument.value = other.value;
          argument.span = other.span;
          argument.given = other.given;
        }
      all.push_back(std::move(argument));
    }
    bound = std::move(all);
  }

  Frame frame;
  frame.blockName = block.name.text;
  frame.block = &block;
  frame.scope = ref.scope;
  frame.caller = &caller;
  frame.callSpan = span;
  frame.root = frame.path = key;
  frame.training = caller.training && (caller.batched || !(named || again) ||
                                       !isInEvaluation(key, block.body));
  frame.reuse = caller.reuse || again;
  frame.batched = caller.batched;
  frame.stateBarrier = caller.stateBarrier;
  frame.loops = caller.loops;
  if (named) {
    AppliedBlock applied{ref, key, {}};
    for (const BoundArgument &argument : bound)
      if (argument.given &&
          argument.input->type.kind != ast::Type::Kind::Tensor)
        applied.statics[argument.input->name.text] = argument.value;
    caller.layers[key] = std::move(applied);
  }
  if (!named && !again)
    return runBlock(frame, bound, span);
  InLayer region(*this, key);
  Datum out = runBlock(frame, bound, span);
  region.setValue(out);
  return out;
}

Datum Importer::runBlock(Frame &frame, ArrayRef<BoundArgument> bound,
                         Span span) {
  const ast::Block &block = *frame.block;
  // Errors in arguments are the caller's: they stand in its text.
  for (const BoundArgument &argument : bound) {
    const ast::Input &input = *argument.input;
    Datum given = argument.value;
    Span at = argument.given ? argument.span : input.name.span;
    if (!argument.given)
      given = value(frame, *input.fallback);
    frame.binding = argument.given;
    Datum checked = bindInput(frame, input, std::move(given), at);
    frame.binding = false;
    if (checked.isPoison())
      return {};
    frame.names[input.name.text] = std::move(checked);
  }
  if (!checkResultSizes(frame))
    return {};
  size_t before = diagnostics.errors().size();
  runBody(frame, block.body);
  if (!frame.returned) {
    if (diagnostics.errors().size() == before)
      error(frame, block.name.span,
            "`" + block.name.text + "` does not return");
    return {};
  }
  if (frame.results.size() != block.results.size())
    return error(frame, frame.returnSpan,
                 "`" + block.name.text + "` has " +
                     std::to_string(block.results.size()) + " results, " +
                     std::to_string(frame.results.size()) + " are returned");
  for (auto [i, declared] : llvm::enumerate(block.results)) {
    Datum &result = frame.results[i];
    if (result.isPoison())
      return {};
    std::string what = declared.name ? declared.name->text : block.name.text;
    if (declared.type.kind == ast::Type::Kind::Tensor)
      result = bindTensor(frame, declared.type, what, std::move(result),
                          frame.returnSpan, /*result=*/true);
    if (result.isPoison())
      return {};
  }
  if (frame.results.size() == 1)
    return frame.results[0];
  Datum out;
  out.kind = Datum::Kind::Results;
  out.items = frame.results;
  return out;
}

} // namespace varve::importer
