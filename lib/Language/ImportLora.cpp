// Low-rank updates (Hu 2021): in place of a matrix W of a product stands
// W + alpha / rank * b @ a; W stands still, a and b learn. As in PyTorch's peft,
// a is [rank, in] and begins uniform in 1 / sqrt(in), b is [out, rank] and
// begins as 0, so that the model is the same at first.
#include "Language/ImportImpl.h"
#include "Support/Pattern.h"
#include <cmath>

using namespace mlir;

namespace varve::importer {

bool Importer::readLora(Frame &frame, const ast::Match &match) {
  LoraRule rule;
  rule.node = &match;
  for (const ast::Argument &argument : match.arguments) {
    std::string key = argument.name ? argument.name->text : "";
    if (key != "rank" && key != "alpha") {
      error(frame, argument.name ? argument.name->span : argument.value.span,
            key.empty() ? "arguments of `lora` have names"
                        : "`lora` has no argument `" + key + "`",
            "write `(rank: 8, alpha: 16)`");
      return false;
    }
    Datum datum = value(frame, argument.value);
    if (datum.isPoison())
      return false;
    bool good = key == "rank"
                    ? datum.is(Datum::Kind::Int) && datum.intValue > 0
                    : datum.isNumber() && datum.number() > 0;
    if (!good) {
      error(frame, argument.value.span,
            "`" + key + "` is " +
                (key == "rank" ? "an int of 1 or more" : "a positive number") +
                ", this is " + describe(datum));
      return false;
    }
    if (key == "rank")
      rule.rank = datum.intValue;
    else
      rule.alpha = datum.number();
  }
  info.loras.push_back(rule);
  return true;
}

/// Whether a matrix is a factor of a product, and then whether its rows are
/// what comes in: x @ W, not x @ W^T.
static std::optional<bool> rowsComeIn(Value matrix) {
  // Values that are the matrix or its transpose.
  SmallVector<std::pair<Value, bool>> stack = {{matrix, false}};
  while (!stack.empty()) {
    auto [value, flipped] = stack.pop_back_val();
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      StringRef name = user->getName().stripDialect();
      if (name == "matmul")
        return (use.getOperandNumber() == 1) != flipped;
      bool same = name == "cast" || name == "broadcast" ||
                  (name == "reshape" &&
                   user->getResult(0).getType() == value.getType());
      if (name == "transpose" || same)
        stack.push_back({user->getResult(0), flipped != !same});
    }
  }
  return std::nullopt;
}

bool Importer::addAdapter(Frame &settings, const LoraRule &rule,
                          const std::string &key, Variable &variable,
                          bool transposed) {
  RankedTensorType type = variable.op.getTensorType();
  int64_t in = type.getDimSize(transposed ? 0 : 1);
  int64_t out = type.getDimSize(transposed ? 1 : 0);
  Span span = rule.node->patterns[0].span;
  if (rule.rank > std::min(in, out)) {
    error(settings, span,
          "rank " + std::to_string(rule.rank) + " is above that of `" + key +
              "`, " + spellTensor(type.getElementType(), type.getShape()));
    return false;
  }
  Adapter adapter{key, key + ".lora_a", key + ".lora_b",
                  rule.alpha / double(rule.rank), transposed};
  if (request.updatesMerged && request.infers() && !settings.training) {
    adapters.push_back(std::move(adapter));
    return true;
  }
  double bound = 1 / std::sqrt(double(in));
  auto declare = [&](const std::string &name, ArrayRef<int64_t> shape,
                     InitSpec init) -> Value {
    Variable &factor = variables[name];
    auto wanted = RankedTensorType::get(shape, type.getElementType());
    if (factor.declared || (factor.op && factor.op.getTensorType() != wanted)) {
      error(settings, span, "`" + name + "` is declared twice");
      return {};
    }
    if (!factor.op) {
      factor.op = makeState(variable.op.getLoc(), name, wanted, "param", init);
      factor.init = init;
    }
    factor.declared = true;
    factor.place = span;
    factor.value = useState(factor.op);
    return factor.value;
  };
  Value a = declare(adapter.a, {rule.rank, in}, {"uniform", -bound, bound});
  Value b = declare(adapter.b, {out, rule.rank}, {});
  if (!a || !b)
    return false;

  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&func.getBody().front());
  Value product = buildValue(settings, span, "matmul", {b, a});
  if (transposed)
    product = buildValue(
        settings, span, "transpose", {product},
        builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr({1, 0})));
  Value scale = splat(settings, span, type.getElementType(), type.getShape(),
                      adapter.scale);
  Value update = buildValue(settings, span, "mul", {product, scale});
  Value sum = buildValue(settings, span, "add", {variable.value, update});
  variable.value.replaceAllUsesExcept(sum, sum.getDefiningOp());
  // What reads the parameter by its name from here on reads the sum.
  variable.value = sum;
  adapters.push_back(std::move(adapter));
  return true;
}

bool Importer::addAdapters(Frame &settings) {
  adapters.clear();
  if (info.loras.empty())
    return true;
  std::map<std::string, std::pair<const LoraRule *, bool>> matrices;
  bool good = true;
  for (const LoraRule &rule : info.loras)
    for (const ast::StringLiteral &pattern : rule.node->patterns) {
      bool any = false, found = false;
      for (auto &[key, variable] : variables) {
        if (!variable.declared || !matchesPattern(pattern.text, key) ||
            variable.role != ast::VariableRole::Param)
          continue;
        any = true;
        RankedTensorType type = variable.op.getTensorType();
        std::optional<bool> transposed;
        if (type.getRank() == 2 &&
            (type.getElementType().isF32() || type.getElementType().isF64()))
          transposed = rowsComeIn(variable.value);
        if (!transposed)
          continue;
        found = true;
        matrices[key] = {&rule, *transposed};
      }
      if (found)
        continue;
      good = false;
      error(settings, pattern.span,
            "\"" + pattern.text + "\" matches no " +
                (any ? "matrix of a product" : "parameter"),
            any ? "low-rank updates are of f32[_, _] and f64[_, _] that `@` "
                  "reads"
                : "");
    }
  for (const auto &[key, matrix] : matrices)
    good = good && addAdapter(settings, *matrix.first, key, variables.at(key),
                              matrix.second);
  return good;
}

std::vector<std::string> Importer::frozenKeys() const {
  std::set<std::string> updates, matrices;
  for (const Adapter &adapter : adapters) {
    matrices.insert(adapter.weight);
    updates.insert({adapter.a, adapter.b});
  }
  std::vector<std::string> frozen;
  for (const auto &[key, variable] : variables) {
    bool matches = matrices.count(key) != 0;
    for (const MatchRule &rule : info.freezes)
      for (const ast::StringLiteral &pattern : rule.node->patterns)
        matches |= matchesPattern(pattern.text, key);
    if (matches && !updates.count(key) &&
        variable.role == ast::VariableRole::Param)
      frozen.push_back(key);
  }
  return frozen;
}

} // namespace varve::importer
