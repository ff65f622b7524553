// The settings of `train` and `infer`.
#include "Language/ParserImpl.h"

#include <algorithm>

using namespace varve;
using namespace varve::detail;
using namespace varve::ast;

const std::vector<std::string> &varve::ast::valueSettings() {
  static const std::vector<std::string> words = {
      "accumulate", "average",       "batch",     "checkpoint_every",
      "clip_norm",  "clip_value",    "epochs",    "init_from",
      "mixup",      "memory_budget", "monitor",   "numerics",
      "optimizer",  "patience",      "precision", "schedule",
      "seed",       "shards",        "steps",     "tokenizer",
      "validate"};
  return words;
}

namespace {

const std::vector<std::string> &settingWords() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all = {"data",   "prepare",  "loss",   "metric",
                                    "output", "group",    "freeze", "lora",
                                    "stage",  "learning", "labels", "generate"};
    const std::vector<std::string> &others = valueSettings();
    all.insert(all.end(), others.begin(), others.end());
    return all;
  }();
  return words;
}

} // namespace

bool varve::detail::isSettingWord(std::string_view word) {
  const std::vector<std::string> &words = settingWords();
  return std::find(words.begin(), words.end(), word) != words.end();
}

Settings Parser::settings() {
  Settings out;
  const Token &open = peek();
  braces(ListOf::Settings, out.commentsAtEnd, [&] {
    Setting next = setting();
    if (panicking)
      return;
    out.list.push_back(std::move(next));
    dropBlankAboveFirst(out.list);
  });
  out.span = since(open);
  return out;
}

Setting Parser::setting() {
  Setting out;
  const Token &begin = peek();
  out.comments.above = takeCommentsAbove();
  if (!atName())
    errorExpected("a setting");
  else if (!isSettingWord(begin.text))
    error(begin.span, "unknown setting `" + std::string(begin.text) + "`",
          suggest(begin.text, settingWords()));
  out.keyword = name("a setting");
  out.node = settingNode(out.keyword);
  out.span = since(begin);
  finishComments(out.comments);
  return out;
}

decltype(Setting::node) Parser::settingNode(const Name &keyword) {
  const std::string &word = keyword.text;
  if (word != "prepare")
    checkSameLine(word);
  if (word == "data")
    return data();
  if (word == "prepare")
    return Prepare{body()};
  if (word == "loss")
    return term(TermKind::Loss);
  if (word == "metric")
    return term(TermKind::Metric);
  if (word == "output")
    return term(TermKind::Output);
  if (word == "group")
    return match(MatchKind::Group);
  if (word == "freeze")
    return match(MatchKind::Freeze);
  if (word == "lora")
    return match(MatchKind::Lora);
  if (word == "learning") {
    Learning out;
    out.name = name("a way of learning");
    out.arguments = optionalArguments();
    if (at("{"))
      out.settings = settings();
    return out;
  }
  if (word == "stage") {
    Stage out;
    out.patterns = strings("a cut in quotes");
    out.settings = settings();
    return out;
  }
  if (word == "labels") {
    Labels out;
    out.output = name("an output");
    out.value = expr();
    return out;
  }
  if (word == "generate") {
    Generate out;
    out.input = name("an input");
    expect("from");
    out.output = name("an output");
    out.arguments = optionalArguments();
    return out;
  }
  if (at("=")) {
    bool isWhole = peek(2).startsLine || at("}", 2);
    error(peek().span, "a setting has no `=`",
          "write `" + word + " " + std::string(peek(1).text) +
              (isWhole ? "`" : " ...`"));
  }
  return Value{keyword, expr()};
}

Data Parser::data() {
  Data out;
  out.set = name("a data set");
  out.arguments = optionalArguments();
  if (!at("{"))
    return out;
  out.fields.emplace();
  braces(ListOf::Entries, out.commentsAtEnd, [&] {
    Field next = field();
    if (panicking)
      return;
    out.fields->push_back(std::move(next));
    dropBlankAboveFirst(*out.fields);
  });
  return out;
}

Field Parser::field() {
  Field out;
  const Token &begin = peek();
  out.comments.above = takeCommentsAbove();
  out.name = name("a field");
  expect(":");
  out.type = type();
  if (accept("from"))
    out.from = strings("a column in quotes");
  out.span = since(begin);
  finishComments(out.comments);
  return out;
}

Term Parser::term(TermKind kind) {
  Term out;
  out.kind = kind;
  out.value = expr();
  if (at("=") && out.value.is(ExprKind::Name) && !isParenthesised(out.value)) {
    take();
    out.name = Name{out.value.text, out.value.span};
    out.value = expr();
  }
  return out;
}

Match Parser::match(MatchKind kind) {
  Match out;
  out.kind = kind;
  out.patterns = strings("a pattern in quotes");
  out.arguments = optionalArguments();
  return out;
}

std::vector<StringLiteral> Parser::strings(const std::string &what) {
  std::vector<StringLiteral> out;
  do
    out.push_back(string(what));
  while (accept(","));
  return out;
}
