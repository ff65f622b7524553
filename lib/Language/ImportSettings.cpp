// What `train` and `infer` say: the data set, the optimizer, how long; as the
// importer's own record, and as attributes of program and function.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"
#include "Support/File.h"
#include "Support/Pattern.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;

// ---- data ----

namespace {
struct KnownField {
  const char *name;
  std::vector<int64_t> shape;
  int64_t classes;
};
/// Data sets that know their fields.
const std::map<std::string, std::vector<KnownField>> &knownSets() {
  static const std::map<std::string, std::vector<KnownField>> table = {
      {"mnist", {{"image", {28, 28}, 0}, {"label", {}, 10}}},
      {"fashion_mnist", {{"image", {28, 28}, 0}, {"label", {}, 10}}},
      {"cifar10", {{"image", {3, 32, 32}, 0}, {"label", {}, 10}}},
      {"cifar100", {{"image", {3, 32, 32}, 0}, {"label", {}, 100}}},
  };
  return table;
}

/// The narrowest type that a class of so many is stored in.
Type classType(OpBuilder &b, int64_t classes) {
  unsigned width = classes <= 256 ? 8 : classes <= 65536 ? 16 : 32;
  return IntegerType::get(b.getContext(), width, IntegerType::Unsigned);
}
} // namespace

bool Importer::readField(Frame &frame, const ast::Field &node) {
  SampleField field;
  field.name = node.name.text;
  for (const ast::StringLiteral &column : node.from)
    field.from.push_back(column.text);
  const ast::Type &type = node.type;
  if (type.kind == ast::Type::Kind::Class) {
    for (const Expr &expr : type.classes) {
      Datum datum = value(frame, expr);
      if (datum.isPoison())
        return false;
      bool count = datum.is(Datum::Kind::Int) && type.classes.size() == 1;
      if (count && datum.intValue > 0 && datum.intValue < (1 << 30)) {
        field.classes = datum.intValue;
      } else if (datum.is(Datum::Kind::String)) {
        field.classNames.push_back(datum.text);
        field.classes = field.classNames.size();
      } else {
        error(frame, expr.span,
              "`class` has their number or their names, this is " +
                  describe(datum));
        return false;
      }
    }
    field.stored = RankedTensorType::get({}, classType(builder, field.classes));
  } else if (Type element = elementType(&context, type.name.text);
             type.kind == ast::Type::Kind::Static && element) {
    field.stored = RankedTensorType::get({}, element);
  } else {
    for (const ast::Dim &dim : type.dims)
      if (dim.size && dim.size->is(ExprKind::Name) &&
          !frame.names.count(dim.size->text)) {
        refuse(frame, dim.span,
               "samples of different sizes are not supported yet: `" +
                   dim.size->text + "` is not known",
               "if it is one size, give it: `--dim " + dim.size->text +
                   "=...`");
        return false;
      }
    field.stored = declaredType(frame, type);
    if (!field.stored)
      return false;
  }
  info.fields.push_back(std::move(field));
  return true;
}

bool Importer::readData(Frame &frame, const ast::Data &data) {
  const std::string &name = data.set.text;
  info.dataName = name;
  // Which of them can be read is for the reader to say.
  static const std::vector<std::string> readers = {
      "csv", "npz", "memory", "images", "image_pairs", "text", "parallel_text"};
  bool declared = llvm::is_contained(readers, name);
  auto known = knownSets().find(name);
  if (!declared && known == knownSets().end()) {
    std::vector<std::string> names = readers;
    for (const auto &[set, fields] : knownSets())
      names.push_back(set);
    error(frame, data.set.span, "unknown data set `" + name + "`",
          suggest(name, names));
    return false;
  }
  // Options are the reader's words: `tokenizer: bpe("vocab.json")`.
  int unnamed = 0;
  for (const ast::Argument &argument : data.arguments) {
    const Expr &expr = argument.value;
    std::string key = argument.name  ? argument.name->text
                      : unnamed == 0 ? "path"
                                     : "path" + std::to_string(unnamed + 1);
    unnamed += argument.name ? 0 : 1;
    info.options[key] = expr.is(ExprKind::String) ? expr.text : print(expr);
  }
  if (data.fields) {
    bool good = true;
    for (const ast::Field &field : *data.fields)
      good &= readField(frame, field);
    if (good && name == "parallel_text")
      return checkParallelText(frame, data);
    return good && (name != "text" || checkText(frame, data));
  } else if (declared) {
    error(frame, data.set.span, "`" + name + "` needs its fields",
          "such as `{ x: f32[4] label: class(3) }`");
    return false;
  } else {
    for (const KnownField &field : known->second) {
      Type element = field.classes ? classType(builder, field.classes)
                                   : elementType(&context, "u8");
      info.fields.push_back({field.name,
                             RankedTensorType::get(field.shape, element),
                             field.classes,
                             {},
                             {}});
    }
  }
  return true;
}

// ---- optimizer and groups ----

namespace {
struct OptimizerArgument {
  const char *name;
  double value;
};
const std::map<std::string, std::vector<OptimizerArgument>> &optimizers() {
  // `betas` and `nesterov` are no single number.
  static const std::map<std::string, std::vector<OptimizerArgument>> table = {
      {"sgd", {{"lr", 1e-3}, {"momentum", 0}, {"weight_decay", 0}}},
      {"adam", {{"lr", 1e-3}, {"eps", 1e-8}, {"weight_decay", 0}}},
      {"adamw", {{"lr", 1e-3}, {"eps", 1e-8}, {"weight_decay", 1e-2}}},
      {"rmsprop", {{"lr", 1e-2}, {"alpha", 0.99}, {"eps", 1e-8}}},
      {"adagrad", {{"lr", 1e-2}, {"eps", 1e-10}}},
  };
  return table;
}
bool hasBetas(StringRef name) { return name.starts_with("adam"); }

std::vector<std::string> argumentNames(const std::string &optimizer) {
  std::vector<std::string> names;
  for (const OptimizerArgument &argument : optimizers().at(optimizer))
    names.push_back(argument.name);
  if (hasBetas(optimizer))
    names.push_back("betas");
  if (optimizer == "sgd")
    names.push_back("nesterov");
  return names;
}
} // namespace

bool Importer::readHyper(Frame &frame, const std::string &owner,
                         const std::string &optimizer,
                         ArrayRef<ast::Argument> arguments,
                         std::map<std::string, Attribute> &out) {
  std::vector<std::string> known = argumentNames(optimizer);
  for (const ast::Argument &argument : arguments) {
    // The learning rate may stand first, without its name.
    std::string key = argument.name ? argument.name->text : "lr";
    Span at = argument.name ? argument.name->span : argument.value.span;
    if (!llvm::is_contained(known, key)) {
      error(frame, at, "`" + owner + "` has no argument `" + key + "`",
            suggest(key, known));
      return false;
    }
    Datum datum = value(frame, argument.value);
    if (datum.isPoison())
      return false;
    auto wrong = [&](const char *wanted) {
      error(frame, argument.value.span,
            "`" + key + "` is " + wanted + ", this is " + describe(datum));
      return false;
    };
    if (key == "betas") {
      if (!datum.is(Datum::Kind::List) || datum.items.size() != 2)
        return wrong("two numbers");
      SmallVector<Attribute> betas;
      for (const Datum &item : datum.items) {
        if (!item.isNumber() || item.number() < 0 || item.number() >= 1)
          return wrong("two numbers from 0 to below 1");
        betas.push_back(builder.getF64FloatAttr(item.number()));
      }
      out[key] = builder.getArrayAttr(betas);
    } else if (key == "nesterov") {
      if (!datum.is(Datum::Kind::Bool))
        return wrong("a bool");
      out[key] = builder.getBoolAttr(datum.boolValue);
    } else {
      if (!datum.isNumber())
        return wrong("a number");
      if (datum.number() < 0)
        return wrong("not negative");
      out[key] = builder.getF64FloatAttr(datum.number());
    }
  }
  return true;
}

bool Importer::readOptimizer(Frame &frame, const Expr &expr, std::string &name,
                             std::map<std::string, Attribute> &out) {
  const Expr &named = expr.is(ExprKind::Call) ? expr.callee() : expr;
  std::vector<std::string> known;
  for (const auto &[each, arguments] : optimizers())
    known.push_back(each);
  if (!named.is(ExprKind::Name) || !optimizers().count(named.text)) {
    error(frame, named.span, "unknown optimizer `" + print(named) + "`",
          suggest(named.text, known));
    return false;
  }
  name = named.text;
  out.clear();
  for (const OptimizerArgument &argument : optimizers().at(name))
    out[argument.name] = builder.getF64FloatAttr(argument.value);
  if (hasBetas(name))
    out["betas"] = builder.getArrayAttr(
        {builder.getF64FloatAttr(0.9), builder.getF64FloatAttr(0.999)});
  if (name == "sgd")
    out["nesterov"] = builder.getBoolAttr(false);
  return !expr.is(ExprKind::Call) ||
         readHyper(frame, name, name, expr.arguments, out);
}

// ---- all settings ----

static std::string termName(const ast::Term &term, const std::string &single) {
  if (term.name)
    return term.name->text;
  const Expr &expr = term.value;
  if (!single.empty())
    return single;
  if (expr.is(ExprKind::Name))
    return expr.text;
  if (expr.is(ExprKind::Call) && expr.callee().is(ExprKind::Name))
    return expr.callee().text;
  return print(expr);
}

void Importer::nameTerms(ArrayRef<const ast::Term *> terms, const char *single,
                         std::vector<std::string> &names) {
  std::set<std::string> taken;
  for (const ast::Term *term : terms) {
    std::string name = termName(*term, terms.size() == 1 ? single : "");
    std::string unique = name;
    for (int i = 2; !taken.insert(unique).second; ++i)
      unique = name + std::to_string(i);
    names.push_back(unique);
  }
}

bool Importer::readSettings() {
  Frame frame;
  frame.blockName = "train";
  frame.scope = mainScope;
  for (const auto &[name, size] : dims)
    frame.names[name] = Datum::of(size);
  size_t before = diagnostics.errors().size();
  if (train) {
    // Groups and freezes ask for the optimizer's arguments, so it goes first.
    for (const ast::Setting &setting : train->settings.list)
      if (auto *node = setting.as<ast::Value>())
        if (node->keyword.text == "optimizer")
          readOptimizer(frame, node->value, info.optimizer, info.hyper);
    for (const ast::Setting &setting : train->settings.list)
      readTrainSetting(frame, setting);
    if (info.dataName.empty())
      error(frame, train->model.span, "`train` has no data",
            "write `data mnist`");
    bool optimizer = false;
    for (const ast::Setting &setting : train->settings.list)
      optimizer |= setting.keyword.text == "optimizer";
    if (!optimizer && request.trains())
      error(frame, train->model.span, "`train` has no optimizer",
            "write `optimizer adam(lr: 1e-3)`");
    if (info.batch == 0)
      info.batch = 32;
  }
  if (infer)
    for (const ast::Setting &setting : infer->settings.list)
      readInferSetting(frame, setting);
  for (const ast::Declaration &declaration : mainTree->declarations)
    if (auto *names = declaration.as<ast::Names>())
      readNames(frame, *names);
  nameTerms(info.losses, "loss", info.lossNames);
  nameTerms(info.metrics, "", info.metricNames);
  nameTerms(info.outputs, "", info.outputNames);
  return diagnostics.errors().size() == before;
}

bool Importer::readTrainSetting(Frame &frame, const ast::Setting &setting) {
  bool trains = request.trains();
  if (auto *data = setting.as<ast::Data>())
    return readData(frame, *data);
  if (auto *prepare = setting.as<ast::Prepare>()) {
    info.prepare = prepare;
    return true;
  }
  if (auto *term = setting.as<ast::Term>()) {
    if (term->kind == ast::TermKind::Output) {
      error(frame, setting.keyword.span, "`output` stands in `infer`");
      return false;
    }
    (term->kind == ast::TermKind::Loss ? info.losses : info.metrics)
        .push_back(term);
    return true;
  }
  if (auto *match = setting.as<ast::Match>()) {
    if (match->kind == ast::MatchKind::Lora)
      return readLora(frame, *match);
    MatchRule rule{match, {}};
    if (match->kind == ast::MatchKind::Freeze) {
      if (!readFreeze(frame, *match, rule))
        return false;
      info.freezes.push_back(std::move(rule));
      return true;
    }
    if (info.optimizer.empty())
      return false;
    if (!readHyper(frame, "group", info.optimizer, match->arguments,
                   rule.values))
      return false;
    info.groups.push_back(std::move(rule));
    return true;
  }
  if (auto *learning = setting.as<ast::Learning>())
    return readLearning(frame, *learning);
  if (auto *node = setting.as<ast::Value>())
    return readValue(frame, *node, trains);
  error(frame, setting.keyword.span,
        "`" + setting.keyword.text + "` does not stand in `train`");
  return false;
}

bool Importer::readFreeze(Frame &frame, const ast::Match &match,
                          MatchRule &rule) {
  for (const ast::Argument &argument : match.arguments) {
    if (!argument.name || argument.name->text != "eval") {
      error(frame, argument.value.span, "`freeze` has one argument, `eval`",
            "write `(eval: true)`");
      return false;
    }
    Datum datum = value(frame, argument.value);
    if (datum.isPoison())
      return false;
    if (!datum.is(Datum::Kind::Bool)) {
      error(frame, argument.value.span,
            "`eval` is a bool, this is " + describe(datum));
      return false;
    }
    rule.eval = datum.boolValue;
  }
  return true;
}

bool Importer::readValue(Frame &frame, const ast::Value &node, bool trains) {
  const std::string &key = node.keyword.text;
  const Expr &expr = node.value;
  if (key == "optimizer")
    return true;
  if (key == "schedule") {
    info.schedule = &expr;
    return true;
  }
  // On the command line a word is a string: `--set monitor=val_loss`.
  bool word =
      expr.is(ExprKind::Name) &&
      (key == "monitor" || key == "init_from" || key == "memory_budget") &&
      sources.isOption(expr.span.file);
  Datum datum = word ? Datum::string(expr.text) : value(frame, expr);
  if (datum.isPoison())
    return false;
  auto wrong = [&](const std::string &wanted) {
    error(frame, expr.span,
          "`" + key + "` is " + wanted + ", this is " + describe(datum));
    return false;
  };
  auto count = [&](int64_t &out, int64_t least) {
    if (!datum.is(Datum::Kind::Int) || datum.intValue < least)
      return wrong("an int of " + std::to_string(least) + " or more");
    out = datum.intValue;
    return true;
  };
  auto text = [&](std::string &out) {
    if (!datum.is(Datum::Kind::String))
      return wrong("a string");
    out = datum.text;
    return true;
  };
  auto positive = [&](std::optional<double> &out) {
    if (!datum.isNumber() || !(datum.number() > 0))
      return wrong("a positive number");
    out = datum.number();
    return true;
  };
  // For what is not made for a way of learning.
  auto refusedWith = [&](auto isRefused) {
    for (const ast::Setting &other : train->settings.list)
      if (auto *learning = other.as<ast::Learning>())
        if (trains && isRefused(learning->name.text)) {
          refuse(frame, node.keyword.span,
                 "`" + key + "` with learning `" + learning->name.text +
                     "` is not supported yet");
          return true;
        }
    return false;
  };
  if (key == "batch")
    return count(info.batch, 1);
  if (key == "accumulate" || key == "shards") {
    int64_t &parts = key == "shards" ? info.shards : info.accumulate;
    return count(parts, 1);
  }
  if (key == "epochs")
    return count(info.epochs, 1);
  if (key == "steps")
    return count(info.steps, 1);
  if (key == "seed")
    return count(info.seed, 0);
  if (key == "patience")
    return count(info.patience, 1);
  if (key == "checkpoint_every")
    return count(info.checkpointEvery, 1);
  if (key == "monitor")
    return text(info.monitor);
  if (key == "init_from")
    return text(info.initFrom);
  if (key == "clip_norm")
    return positive(info.clipNorm);
  if (key == "clip_value")
    return positive(info.clipValue);
  if (key == "validate") {
    if (!datum.isNumber() || datum.number() < 0 || datum.number() >= 1)
      return wrong("a part from 0 to below 1");
    info.validate = datum.number();
    return true;
  }
  if (key == "memory_budget") {
    StringRef text = datum.is(Datum::Kind::String) ? StringRef(datum.text) : "";
    StringRef unit = text.take_back(2);
    double number = 0;
    double factor = unit == "GB"   ? 1e9
                    : unit == "MB" ? 1e6
                    : unit == "KB" ? 1e3
                                   : 0;
    if (text.drop_back(2).getAsDouble(number) || !(number * factor >= 1) ||
        number * factor > 1e18)
      return wrong("a size, such as \"2GB\" or \"500MB\"");
    info.memoryBudget = int64_t(number * factor);
    return true;
  }
  if (key == "mixup") {
    if (!datum.isNumber() || datum.number() < 0 || datum.number() > 100)
      return wrong("a number from 0 to 100");
    info.mixup = datum.number();
    // Its samples carry one label, right or wrong.
    return info.mixup == 0 || !refusedWith([](const std::string &way) {
             return way == "forward_forward";
           });
  }
  if (key == "average") {
    if (!datum.isNumber() || datum.number() < 0 || datum.number() >= 1)
      return wrong("a number from 0 to below 1");
    info.average = datum.number();
    return true;
  }
  if (key == "precision") {
    if (!datum.is(Datum::Kind::Dtype) ||
        !(datum.dtype.isF32() || datum.dtype.isBF16() || datum.dtype.isF16()))
      return wrong("f32, bf16 or f16");
    info.precision = datum.dtype;
    // It scales the one loss.
    return !datum.dtype.isF16() || !refusedWith([](const std::string &way) {
      return way != "end_to_end";
    });
  }
  // What changes nothing yet is refused, but for its neutral value.
  bool neutral = key == "numerics" && datum.is(Datum::Kind::String) &&
                 datum.text == "strict";
  if (neutral || !trains)
    return true;
  refuse(frame, node.keyword.span,
         "`" + key + " " + print(expr) + "` is not supported yet");
  return false;
}

bool Importer::readInferSetting(Frame &frame, const ast::Setting &setting) {
  bool infers = request.infers();
  if (auto *term = setting.as<ast::Term>()) {
    if (term->kind != ast::TermKind::Output) {
      error(frame, setting.keyword.span,
            "`" + setting.keyword.text + "` stands in `train`");
      return false;
    }
    info.outputs.push_back(term);
    return true;
  }
  if (auto *labels = setting.as<ast::Labels>())
    return readLabels(frame, *labels, infers);
  if (auto *generate = setting.as<ast::Generate>())
    return readGenerate(frame, *generate);
  if (auto *node = setting.as<ast::Value>())
    if (node->keyword.text == "tokenizer")
      return readTokenizer(frame, node->value, info.tokenizer);
  if (!infers)
    return true;
  refuse(frame, setting.keyword.span,
         "`" + setting.keyword.text + "` in `infer` is not supported yet");
  return false;
}

// A map of names goes both ways, so what stars stand for must be known.
bool Importer::readNames(Frame &frame, const ast::Names &names) {
  bool good = true;
  for (const ast::Names *other : info.names)
    if (other->name.text == names.name.text) {
      error(frame, names.name.span,
            "there are two maps `" + names.name.text + "`");
      good = false;
    }
  for (const ast::KeyRule &rule : names.rules) {
    size_t ours = countStars(rule.ours.text);
    size_t theirs = countStars(rule.theirs.text);
    if (ours == theirs)
      continue;
    error(frame, rule.theirs.span,
          "\"" + rule.ours.text + "\" has " + std::to_string(ours) +
              (ours == 1 ? " star, \"" : " stars, \"") + rule.theirs.text +
              "\" has " + std::to_string(theirs),
          "each star stands for the same text on both sides");
    good = false;
  }
  info.names.push_back(&names);
  return good;
}

bool Importer::readLabels(Frame &frame, const ast::Labels &labels,
                          bool infers) {
  // Training has no need of the file.
  if (!infers && labels.value.is(ExprKind::String))
    return true;
  Datum datum = value(frame, labels.value);
  if (datum.isPoison())
    return false;
  std::vector<std::string> &names = info.labels[labels.output.text];
  if (datum.is(Datum::Kind::String)) {
    size_t slash = request.path.rfind('/');
    std::string folder =
        slash == std::string::npos ? "" : request.path.substr(0, slash + 1);
    std::string path = datum.text;
    if (!StringRef(path).starts_with("/"))
      path = folder + path;
    Result<std::string> text = readFile(path, 16 << 20);
    if (!text) {
      error(frame, labels.value.span, text.error().message);
      return false;
    }
    filesRead.push_back(path);
    SmallVector<StringRef> lines;
    StringRef(*text).split(lines, '\n');
    for (StringRef line : lines)
      names.push_back(line.rtrim("\r").str());
    while (!names.empty() && names.back().empty())
      names.pop_back();
    return true;
  }
  bool strings = datum.is(Datum::Kind::List);
  for (const Datum &item : datum.items)
    strings &= item.is(Datum::Kind::String);
  if (!strings) {
    error(frame, labels.value.span,
          "labels are a list of strings or a file, this is " + describe(datum));
    return false;
  }
  for (const Datum &item : datum.items)
    names.push_back(item.text);
  return true;
}

} // namespace varve::importer
