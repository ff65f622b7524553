// What `learning` says: where to cut, how stages run, and what each of them has
// besides its loss.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"
#include "Support/Pattern.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;

bool Importer::readCuts(Frame &frame, const Expr &expr) {
  std::vector<const Expr *> items = {&expr};
  if (expr.is(ExprKind::List)) {
    items.clear();
    for (const Expr &item : expr.operands)
      items.push_back(&item);
  }
  for (const Expr *item : items) {
    if (!item->is(ExprKind::String)) {
      error(frame, item->span, "`cuts` are names of layers in quotes",
            "such as `cuts: \"layer*\"` or `cuts: [\"layer1\", \"layer2\"]`");
      return false;
    }
    info.learning.cuts.push_back({item->text, item->span});
  }
  return true;
}

/// The arguments of each way.
static std::vector<std::string> argumentsOf(const std::string &way) {
  if (way == "end_to_end")
    return {};
  std::vector<std::string> known = {"cuts", "stages", "balance", "head"};
  known.push_back(way == "greedy" ? "cached" : "parallel");
  if (way != "greedy" && way != "forward_forward")
    known.insert(known.end(), {"asynchronous", "buffer"});
  if (way == "infopro")
    known.insert(known.end(), {"reconstruct", "predict"});
  return known;
}

bool Importer::readLearningArgument(Frame &frame,
                                    const ast::Argument &argument) {
  LearningInfo &out = info.learning;
  const Expr &expr = argument.value;
  const std::string &key = argument.name->text;
  auto wrong = [&](const std::string &wanted, const Datum &given) {
    if (!given.isPoison())
      error(frame, expr.span,
            "`" + key + "` is " + wanted + ", this is " + describe(given));
    return false;
  };
  if (key == "cuts")
    return readCuts(frame, expr);
  if (key == "reconstruct" || key == "predict")
    return readWeights(frame, argument,
                       key == "predict" ? out.predict : out.reconstruct);
  if (key == "head") {
    out.head = &expr;
    if (expr.is(ExprKind::Name) && findBlock(mainScope, expr.text))
      return true;
    error(frame, expr.span, "`head` is the name of a block",
          "such as `head: pool_dense`");
    return false;
  }
  if (key == "balance") {
    std::string word =
        expr.is(ExprKind::String) || expr.is(ExprKind::Name) ? expr.text : "";
    out.balanceFlops = word == "flops";
    if (word == "memory" || word == "flops")
      return true;
    error(frame, expr.span, "`balance` is \"memory\" or \"flops\"");
    return false;
  }
  Datum datum = value(frame, expr);
  if (key == "stages" || key == "buffer") {
    if (!datum.is(Datum::Kind::Int) || datum.intValue < 1)
      return wrong("an int of 1 or more", datum);
    (key == "stages" ? out.stages : out.buffer) = datum.intValue;
    return true;
  }
  if (!datum.is(Datum::Kind::Bool))
    return wrong("true or false", datum);
  (key == "parallel" ? out.parallel
   : key == "cached" ? out.cache
                     : out.asynchronous) = datum.boolValue;
  return true;
}

/// What the arguments say together.
bool Importer::checkLearning(Frame &frame, const ast::Learning &learning) {
  LearningInfo &out = info.learning;
  if (out.asynchronous != (out.buffer > 0)) {
    error(frame, learning.name.span,
          out.asynchronous
              ? "`asynchronous` does not say how many steps a boundary keeps"
              : "`buffer` is for asynchronous stages",
          "write `asynchronous: true, buffer: 4`");
    return false;
  }
  out.each = hasOwnLosses() && !out.stages && out.cuts.empty();
  if (out.each || (out.stages ? out.cuts.empty() : !out.cuts.empty()))
    return true;
  error(frame, learning.name.span,
        out.stages ? "both `cuts` and `stages` are given; one decides"
                   : "`" + out.way + "` does not say where to cut",
        "write `cuts: \"NAME\"` or `stages: 2`");
  return false;
}

bool Importer::readLearning(Frame &frame, const ast::Learning &learning) {
  LearningInfo &out = info.learning;
  out = {};
  static const std::vector<std::string> known = {
      "end_to_end",       "greedy",  "decoupled",      "pipeline",
      "local_similarity", "infopro", "forward_forward"};
  out.way = learning.name.text;
  if (!llvm::is_contained(known, out.way)) {
    error(frame, learning.name.span, "unknown learning `" + out.way + "`",
          suggest(out.way, known));
    return false;
  }
  if (out.way == "pipeline") {
    out = {};
    if (request.trains())
      refuse(frame, learning.name.span,
             "learning `pipeline` is not supported yet");
    return !request.trains();
  }
  out.reconstruct = {5, 0};
  out.predict = {0.5, 1};
  std::vector<std::string> arguments = argumentsOf(out.way);
  for (const ast::Argument &argument : learning.arguments) {
    Span span = argument.name ? argument.name->span : argument.value.span;
    std::string key = argument.name ? argument.name->text : "";
    if (!llvm::is_contained(arguments, key)) {
      error(frame, span,
            key.empty() ? "arguments of `learning` have names"
                        : "`" + out.way + "` has no argument `" + key + "`",
            suggest(key, arguments));
      return false;
    }
    if (!readLearningArgument(frame, argument))
      return false;
  }
  if (out.way == "end_to_end")
    return true;
  out.node = &learning;
  if (!checkLearning(frame, learning))
    return false;
  if (!learning.settings)
    return true;
  for (const ast::Setting &setting : learning.settings->list) {
    auto *term = setting.as<ast::Term>();
    auto *node = setting.as<ast::Value>();
    std::string key = setting.keyword.text;
    if (term && term->kind == ast::TermKind::Loss) {
      out.losses.push_back(term);
    } else if (auto *stage = setting.as<ast::Stage>()) {
      out.own.push_back(stage);
    } else if (node && (key == "optimizer" || key == "schedule")) {
      (key == "optimizer" ? out.optimizer : out.schedule) = &node->value;
    } else {
      refuse(frame, setting.keyword.span,
             "`" + key + "` in the braces of `learning` is not supported yet");
      return false;
    }
  }
  return true;
}

// ---- settings of single stages ----

bool Importer::matchesCut(const ast::Stage &stage, const Cut &cut) const {
  return llvm::any_of(stage.patterns, [&](const ast::StringLiteral &pattern) {
    return matchesPattern(pattern.text, cut.name);
  });
}

/// What a stage has besides its loss.
struct Importer::StageSettings {
  std::string optimizer; ///< "": the model's
  std::map<std::string, Attribute> values;
  const Expr *schedule = nullptr;
  int64_t epochs = 0;
};

bool Importer::readStage(Frame &frame, const ast::Stage &stage, bool last,
                         StageSettings &out) {
  for (const ast::Setting &setting : stage.settings.list) {
    auto *node = setting.as<ast::Value>();
    auto *term = setting.as<ast::Term>();
    std::string key = setting.keyword.text;
    if (term && term->kind == ast::TermKind::Loss && !last)
      continue;
    if (node && key == "optimizer") {
      if (!readOptimizer(frame, node->value, out.optimizer, out.values))
        return false;
    } else if (node && key == "schedule") {
      out.schedule = &node->value;
    } else if (node && key == "epochs" && info.learning.way == "greedy") {
      std::optional<int64_t> count =
          evaluateInt(frame, node->value, "`epochs`");
      if (!count)
        return false;
      if (*count < 1) {
        error(frame, node->value.span,
              "`epochs` is an int of 1 or more, this is " +
                  std::to_string(*count));
        return false;
      }
      out.epochs = *count;
    } else {
      refuse(frame, setting.keyword.span,
             "`" + key + "` of a stage is not supported yet");
      return false;
    }
  }
  return true;
}

bool Importer::readStageSettings(Frame &frame, const std::vector<Cut> &cuts) {
  StageSettings all;
  if (info.learning.optimizer &&
      !readOptimizer(frame, *info.learning.optimizer, all.optimizer,
                     all.values))
    return false;
  all.schedule = info.learning.schedule;
  std::set<const ast::Stage *> used;
  std::vector<Cut> every = cuts;
  every.push_back({lastStage, {}, {}});
  for (const Cut &cut : every) {
    bool last = &cut == &every.back();
    StageSettings own = last ? StageSettings() : all;
    own.epochs = std::max<int64_t>(info.epochs, 1);
    for (const ast::Stage *stage : info.learning.own)
      if (matchesCut(*stage, cut)) {
        used.insert(stage);
        if (!readStage(frame, *stage, last, own))
          return false;
      }
    stageEpochs.push_back(own.epochs);
    if (own.schedule)
      stageSchedules[cut.name] = own.schedule;
    if (!own.optimizer.empty())
      stageOptimizers.push_back({cut.name, own.optimizer, own.values, {}});
  }
  for (const ast::Stage *stage : info.learning.own)
    if (!used.count(stage)) {
      std::vector<std::string> known;
      for (const Cut &cut : every)
        known.push_back(cut.name);
      const ast::StringLiteral &pattern = stage->patterns.front();
      error(frame, pattern.span, "\"" + pattern.text + "\" matches no stage",
            suggest(pattern.text, known));
      return false;
    }
  return true;
}

} // namespace varve::importer
