// Ways of learning that are named by papers: what their stages learn from, said
// in the language with blocks of the prelude, and the second pass through the
// model that Forward-Forward needs.
#include "Language/ImportImpl.h"
#include "Language/Parser.h"
#include "Language/Printer.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;

bool Importer::hasOwnLosses() const {
  const std::string &way = info.learning.way;
  return way == "local_similarity" || way == "infopro" ||
         way == "forward_forward";
}

std::optional<Importer::Labels> Importer::labelsOfLoss(Frame &frame) {
  const Expr &loss = info.losses.front()->value;
  bool known = info.losses.size() == 1 && loss.is(ExprKind::Call) &&
               loss.callee().is(ExprKind::Name) &&
               loss.callee().text == "cross_entropy" &&
               loss.arguments.size() == 2 && !loss.arguments[1].name;
  const Datum &output = modelResults[resultOrder.front()];
  if (known && output.isTensor() && output.rank() == 2)
    return Labels{print(loss.arguments[1].value), output.shape().back()};
  error(frame, loss.span,
        "`" + info.learning.way +
            "` knows the labels from a loss `cross_entropy(output, labels)`",
        "write the `loss` of the stages in the braces of `learning`");
  return std::nullopt;
}

bool Importer::addOwnTerm(const std::string &name, const std::string &text,
                          std::vector<const ast::Term *> &losses) {
  FileId file = sources.add(info.learning.way,
                            name.empty() ? text : text + " as " + name);
  std::optional<Expr> expr = parseExpression(sources, file, diagnostics);
  if (!expr)
    return false;
  std::optional<ast::Name> known;
  if (!name.empty())
    known = ast::Name{name, info.learning.node->name.span};
  ownTerms.push_back({ast::TermKind::Loss, known, std::move(*expr)});
  losses.push_back(&ownTerms.back());
  return true;
}

/// "[FIRST, LAST]" of `infopro`: weights of a loss that change with depth.
bool Importer::readWeights(Frame &frame, const ast::Argument &argument,
                           std::vector<double> &out) {
  Datum list = value(frame, argument.value);
  if (list.isPoison())
    return false;
  bool good = list.is(Datum::Kind::List) && list.items.size() == 2;
  out.clear();
  for (const Datum &item : list.items) {
    good = good && item.isNumber() && item.number() >= 0;
    if (good)
      out.push_back(item.number());
  }
  if (!good)
    error(frame, argument.value.span,
          "`" + argument.name->text + "` is [FIRST, LAST], two numbers of 0 " +
              "or more, this is " + describe(list));
  return good;
}

static std::string spellNumber(double number) {
  char text[40];
  snprintf(text, sizeof(text), "%.17g", number);
  return text;
}

// Linear in depth, from the first stage to the last but one.
static double weightAt(const std::vector<double> &ends, size_t stage,
                       size_t count) {
  double part = count > 1 ? double(stage) / double(count - 1) : 0;
  return ends[0] + (ends[1] - ends[0]) * part;
}

bool Importer::ownLosses(Frame &frame, const Cut &cut, const Datum &h,
                         std::vector<const ast::Term *> &losses) {
  const std::string &way = info.learning.way;
  ownTerms.clear();
  if (way == "forward_forward")
    return addOwnTerm("", "forward_forward_loss(h)", losses);
  std::optional<Labels> labels = labelsOfLoss(frame);
  if (!labels)
    return false;
  bool image = h.rank() == 4;
  auto refuseShape = [&](const std::string &takes) {
    error(frame, info.learning.node->name.span,
          "`" + way + "` takes " + takes + ", the cut is " + describe(h));
    return false;
  };
  std::string classes = std::to_string(labels->classes);
  if (way == "local_similarity") {
    if (!image && h.rank() != 2)
      return refuseShape("f32[N, C] or f32[N, C, H, W]");
    std::string rest =
        (image ? "2d(h, " : "(h, ") + labels->text + ", " + classes + ")";
    return addOwnTerm("predict", "0.01 * local_prediction" + rest, losses) &&
           addOwnTerm("similar", "0.99 * local_similarity" + rest, losses);
  }
  if (!image)
    return refuseShape("f32[N, C, H, W]");
  std::string input;
  for (const ast::Input &each : model->inputs)
    if (auto found = samples.find(each.name.text);
        input.empty() && found != samples.end() && found->second.rank() == 4)
      input = each.name.text;
  if (input.empty()) {
    error(frame, info.learning.node->name.span,
          "`infopro` looks for an input f32[N, C, H, W] to make again");
    return false;
  }
  size_t stage = 0;
  while (stageCuts[stage].name != cut.name)
    ++stage;
  auto weight = [&](const std::vector<double> &ends) {
    return spellNumber(weightAt(ends, stage, stageCuts.size()));
  };
  return addOwnTerm("reconstruct",
                    weight(info.learning.reconstruct) +
                        " * infopro_reconstruction(h, " + input + ")",
                    losses) &&
         addOwnTerm("predict",
                    weight(info.learning.predict) + " * infopro_prediction(h, " +
                        labels->text + ", " + classes + ")",
                    losses);
}

// ---- Forward-Forward ----

// The plain pass is there for the last stage and for metrics: it ends at its
// cuts, which have no loss. The second one goes through the same parameters,
// with each sample twice: labelled right, then wrong.
bool Importer::runContrast(Frame &settings,
                           const std::map<std::string, Datum> &inputs,
                           std::vector<Cut> &cuts) {
  std::optional<Labels> labels = labelsOfLoss(settings);
  if (!labels)
    return false;
  for (const Cut &cut : cuts)
    addResult(cut.value, "plain " + cut.name, "cut");

  InLayer region(*this, "forward_forward");
  Frame terms = settings;
  bindTermNames(terms);
  terms.path = terms.root = "forward_forward";
  std::map<std::string, Datum> twice;
  bool labelled = false;
  for (const ast::Input &input : model->inputs) {
    auto found = inputs.find(input.name.text);
    if (found == inputs.end())
      continue;
    const Datum &x = found->second;
    bool here = !labelled && x.rank() > 1 && isFloat(x.element());
    labelled |= here;
    terms.names["x"] = x;
    std::vector<const ast::Term *> built;
    ownTerms.clear();
    if (!addOwnTerm("",
                    here ? "forward_forward_samples(x, " + labels->text + ", " +
                               std::to_string(labels->classes) + ")"
                         : "concat([x, x], axis: 0)",
                    built))
      return false;
    twice[input.name.text] = value(terms, built.front()->value);
    if (twice[input.name.text].isPoison())
      return false;
  }
  if (!labelled) {
    error(settings, info.learning.node->name.span,
          "`forward_forward` looks for an input of floats to write labels in");
    return false;
  }

  auto names = modelNames;
  auto results = modelResults;
  auto order = resultOrder;
  auto applied = modelLayers;
  modelNames.clear();
  modelResults.clear();
  resultOrder.clear();
  size_t begin = layers.size();
  Frame again = settings;
  again.reuse = true;
  bool ran = runModel(again, twice, {});
  modelNames = std::move(names);
  modelResults = std::move(results);
  resultOrder = std::move(order);
  modelLayers = std::move(applied);
  if (!ran)
    return false;
  for (Cut &cut : cuts)
    for (const LayerRecord &record : ArrayRef(layers).drop_front(begin))
      if (record.path == cut.layer && record.value)
        cut.value = record.value;
  for (size_t i = 0; i + 1 < cuts.size(); ++i)
    if (!hidesLength(cuts[i].value, cuts[i + 1].value)) {
      error(settings, info.learning.node->name.span,
            "the length of `" + cuts[i].name + "` reaches the parameters of `" +
                cuts[i + 1].name + "`, which could read its goodness from it",
            "normalise what comes in: `unit_rms(x)`");
      return false;
    }
  return true;
}

namespace {
/// By which power of c a value grows where one sample of the value at a cut is
/// multiplied by c; unknown for other functions of it.
class Degrees {
public:
  explicit Degrees(Value from) { degrees[from] = 1; }
  bool known(Value v) const { return degrees.count(v); }
  std::optional<double> lookup(Value v) const { return degrees.lookup(v); }

  void visit(Operation *op) {
    SmallVector<std::optional<double>> in;
    for (Value v : op->getOperands())
      if (known(v))
        in.push_back(lookup(v));
    if (in.empty())
      return;
    std::optional<double> out = of(op, in);
    for (Value result : op->getResults())
      degrees[result] = out;
  }

private:
  static bool joinsSamples(Operation *op) {
    auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axis");
    return axes && llvm::is_contained(axes.asArrayRef(), 0);
  }

  std::optional<double> of(Operation *op,
                           ArrayRef<std::optional<double>> in) const {
    if (llvm::is_contained(in, std::nullopt))
      return std::nullopt;
    StringRef name = op->getName().stripDialect();
    bool same = llvm::all_equal(in);
    double x = *in.front();
    if (name == "mul" || name == "matmul")
      return in.size() == 2 ? x + *in[1] : x;
    if (name == "div")
      return in.size() == 2 ? x - *in[1]
             : Degrees::known(op->getOperand(0)) ? x
                                                 : -x;
    if (name == "square")
      return 2 * x;
    if (name == "sqrt")
      return x / 2;
    if (name == "rsqrt")
      return -x / 2;
    if (name == "reciprocal")
      return -x;
    if (name == "normalize")
      return joinsSamples(op) ? std::nullopt : std::optional<double>(0);
    if (name == "sum" || name == "mean" || name == "max" || name == "min")
      return joinsSamples(op) ? std::nullopt : std::optional<double>(x);
    // A number that is added to it, `eps` say, changes little.
    bool keeps = llvm::StringSwitch<bool>(name)
                     .Cases({"neg", "abs", "relu", "cast", "reshape"}, true)
                     .Cases({"transpose", "broadcast", "unsqueeze"}, true)
                     .Cases({"squeeze", "slice", "concat", "pad"}, true)
                     .Cases({"split", "stack", "max_pool", "avg_pool"}, true)
                     .Cases({"add", "sub", "maximum", "minimum"}, true)
                     .Cases({"where", "adaptive_avg_pool"}, true)
                     .Default(false);
    return keeps && same ? std::optional<double>(x) : std::nullopt;
  }

  DenseMap<Value, std::optional<double>> degrees;
};
} // namespace

// What a stage takes in must not tell it how good the stage below was: wherever
// parameters meet it, multiplying a sample by a number makes no difference.
bool Importer::hidesLength(Value from, Value to) {
  llvm::DenseSet<Operation *> leads;
  SmallVector<Operation *> stack = {to.getDefiningOp()};
  while (!stack.empty()) {
    Operation *op = stack.pop_back_val();
    if (op && leads.insert(op).second)
      for (Value v : op->getOperands())
        stack.push_back(v.getDefiningOp());
  }
  llvm::DenseSet<Value> learned;
  for (const auto &[key, variable] : variables)
    if (variable.declared && variable.role == ast::VariableRole::Param)
      learned.insert(variable.value);
  Degrees degrees(from);
  for (Operation &op : func.getBody().front()) {
    if (!leads.count(&op))
      continue;
    bool reads = llvm::any_of(op.getOperands(),
                              [&](Value v) { return degrees.known(v); });
    bool learns = llvm::any_of(op.getOperands(), [&](Value v) {
      return learned.count(v) && !degrees.known(v);
    });
    if (learns && reads) {
      for (Value v : op.getOperands())
        if (degrees.known(v) && degrees.lookup(v) != 0.0)
          return false;
    } else if (learns) {
      learned.insert(op.result_begin(), op.result_end());
    } else {
      degrees.visit(&op);
    }
  }
  return true;
}

} // namespace varve::importer
