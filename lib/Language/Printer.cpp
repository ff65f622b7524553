// The canonical form of statements, settings and declarations: `varve fmt`.
#include "Language/Printer.h"

#include "Language/PrinterImpl.h"
#include "Support/Utf8.h"

using namespace varve;
using namespace varve::detail;
using namespace varve::ast;

namespace {

std::string joined(const std::vector<Name> &names) {
  std::string out;
  for (const Name &name : names)
    out += (out.empty() ? "" : ", ") + name.text;
  return out;
}

/// What has no place to break at.
Item unbroken(const std::string &text) {
  return {text, [text](Place) { return text; }};
}

std::vector<Item> items(const std::vector<Expr> &exprs) {
  std::vector<Item> out;
  for (const Expr &expr : exprs)
    out.push_back(item(expr));
  return out;
}

std::vector<Item> items(const std::vector<StringLiteral> &strings) {
  std::vector<Item> out;
  for (const StringLiteral &string : strings)
    out.push_back(unbroken(quoted(string.text)));
  return out;
}

bool hasComments(const Comments &comments) {
  return !comments.above.empty() || !comments.after.empty();
}

/// Writes nodes line by line at the current depth.
class Printer {
public:
  std::string out;

  void file(const File &file);

private:
  //===--- Lines ----------------------------------------------------------===//
  std::size_t indent() const { return 2 * depth; }
  void line(const std::string &text) {
    out += text.empty() ? "\n" : std::string(indent(), ' ') + text + "\n";
  }
  /// `text` (without its indentation) and the comment after it.
  void line(const std::string &text, const Comments &comments) {
    line(comments.after.empty() ? text : text + "  " + comments.after);
  }
  void lines(const std::vector<std::string> &list) {
    for (const std::string &text : list)
      line(text);
  }
  /// Where text behind `before` on the current line begins.
  Place placeAfter(const std::string &before, std::size_t suffix = 0) const {
    return {columnAfter(before, indent()), indent() + 4, suffix};
  }
  std::string withExpr(const std::string &before, const Expr &expr,
                       std::size_t suffix = 0) const {
    return before + layout(expr, placeAfter(before, suffix));
  }
  std::string withList(const std::string &before, const std::vector<Item> &list,
                       std::size_t suffix = 0) const {
    return before + fill(list, placeAfter(before, suffix));
  }
  std::string withArguments(const std::string &before,
                            const std::vector<Argument> &arguments,
                            std::size_t suffix = 0) const {
    return arguments.empty()
               ? before
               : before +
                     layoutArguments(arguments, placeAfter(before, suffix));
  }

  //===--- Statements -----------------------------------------------------===//
  std::string simple(const Statement &statement) const;
  void statement(const Statement &statement);
  void write(const Statement &statement);
  void ifStatement(const If &node, const std::string &before,
                   const Comments &comments);
  /// `header { ... }`, on one line where one simple statement fits.
  void withBody(const std::string &header, const Body &body,
                const Comments &comments);
  void openBody(const std::string &header, const Body &body);
  void statements(const Body &body);

  //===--- Settings -------------------------------------------------------===//
  void settings(const std::string &header, const Settings &settings,
                const Comments &comments);
  void write(const Setting &setting);
  void data(const Data &node, const Comments &comments);

  //===--- Declarations ---------------------------------------------------===//
  void write(const Declaration &declaration);
  std::string signature(const Block &block) const;
  void block(const Block &node, const Comments &comments);
  void names(const Names &node, const Comments &comments);

  std::size_t depth = 0;
};

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

/// A statement without a body, or "".
std::string Printer::simple(const Statement &statement) const {
  if (auto *assign = statement.as<Assign>())
    return withExpr(joined(assign->targets) + " = ", assign->value);
  if (auto *variable = statement.as<Variable>()) {
    const char *roles[] = {"param ", "state ", "cache "};
    return withExpr(roles[static_cast<int>(variable->role)] +
                        variable->name.text + ": " + flat(variable->type) +
                        " = ",
                    variable->init);
  }
  if (auto *yield = statement.as<Yield>())
    return withList("yield ", items(yield->values));
  if (auto *result = statement.as<Return>())
    return withList("return ", items(result->values));
  if (auto *require = statement.as<Require>()) {
    std::vector<Item> list = {item(require->condition)};
    if (require->message)
      list.push_back(item(*require->message));
    return withList("require ", list);
  }
  return "";
}

void Printer::statements(const Body &body) {
  ++depth;
  for (const Statement &next : body.statements)
    statement(next);
  lines(body.commentsAtEnd);
  --depth;
}

void Printer::openBody(const std::string &header, const Body &body) {
  line(header + " {");
  statements(body);
}

void Printer::withBody(const std::string &header, const Body &body,
                       const Comments &comments) {
  if (body.statements.empty() && body.commentsAtEnd.empty())
    return line(header + " { }", comments);
  if (body.statements.size() == 1 && body.commentsAtEnd.empty() &&
      !hasComments(body.statements[0].comments)) {
    std::string text = simple(body.statements[0]);
    std::string whole = header + " { " + text + " }";
    if (!text.empty() && whole.find('\n') == std::string::npos &&
        fits(whole, {indent(), 0, 0}))
      return line(whole, comments);
  }
  openBody(header, body);
  line("}", comments);
}

void Printer::ifStatement(const If &node, const std::string &before,
                          const Comments &comments) {
  std::string header = withExpr(before + "if ", node.condition, 2);
  if (!node.otherwise) {
    // Behind `} else ` there is no one line.
    if (before.empty())
      return withBody(header, node.then, comments);
    openBody(header, node.then);
    return line("}", comments);
  }
  openBody(header, node.then);
  const If *next =
      node.elseIf ? node.otherwise->statements[0].as<If>() : nullptr;
  if (next)
    return ifStatement(*next, "} else ", comments);
  openBody("} else", *node.otherwise);
  line("}", comments);
}

void Printer::statement(const Statement &statement) {
  lines(statement.comments.above);
  write(statement);
}

void Printer::write(const Statement &statement) {
  const Comments &comments = statement.comments;
  std::string text = simple(statement);
  if (!text.empty())
    return line(text, comments);
  if (auto *node = statement.as<If>())
    return ifStatement(*node, "", comments);
  if (auto *node = statement.as<Layer>())
    return withBody("layer " + flat(node->path), node->body, comments);
  if (auto *node = statement.as<Repeat>()) {
    std::string header =
        withExpr("repeat " + node->variable.text + " in ", node->first, 2);
    if (node->end)
      header = withExpr(header + "..", *node->end, 2);
    return withBody(header, node->body, comments);
  }
  if (auto *node = statement.as<While>())
    return withBody(withExpr("while ", node->condition, 2), node->body,
                    comments);
  if (auto *node = statement.as<Scan>()) {
    std::string header =
        node->targets.empty() ? "" : joined(node->targets) + " = ";
    header = withList(header + "scan " + joined(node->slices) + " in ",
                      items(node->sequences), 2);
    if (node->along)
      header = withExpr(header + " along ", *node->along, 2);
    return withBody(header, node->body, comments);
  }
}

//===----------------------------------------------------------------------===//
// Settings
//===----------------------------------------------------------------------===//

void Printer::settings(const std::string &header, const Settings &settings,
                       const Comments &comments) {
  if (settings.list.empty() && settings.commentsAtEnd.empty())
    return line(header + " { }", comments);
  line(header + " {");
  ++depth;
  for (const Setting &setting : settings.list) {
    lines(setting.comments.above);
    write(setting);
  }
  lines(settings.commentsAtEnd);
  --depth;
  line("}", comments);
}

void Printer::data(const Data &node, const Comments &comments) {
  std::string header =
      withArguments("data " + node.set.text, node.arguments, 2);
  if (!node.fields)
    return line(header, comments);
  if (node.fields->empty() && node.commentsAtEnd.empty())
    return line(header + " { }", comments);

  std::string oneLine = header + " {";
  bool mayFit = node.commentsAtEnd.empty();
  ++depth;
  std::vector<std::string> texts;
  for (const Field &field : *node.fields) {
    std::string text = field.name.text + ": " + flat(field.type);
    if (!field.from.empty())
      text = withList(text + " from ", items(field.from));
    oneLine += (texts.empty() ? " " : "  ") + text;
    mayFit &= !hasComments(field.comments);
    texts.push_back(std::move(text));
  }
  --depth;
  oneLine += " }";
  if (mayFit && oneLine.find('\n') == std::string::npos &&
      fits(oneLine, {indent(), 0, 0}))
    return line(oneLine, comments);

  line(header + " {");
  ++depth;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    lines((*node.fields)[i].comments.above);
    line(texts[i], (*node.fields)[i].comments);
  }
  lines(node.commentsAtEnd);
  --depth;
  line("}", comments);
}

void Printer::write(const Setting &setting) {
  const Comments &comments = setting.comments;
  std::string keyword = setting.keyword.text + " ";
  if (auto *node = setting.as<Data>())
    return data(*node, comments);
  if (auto *node = setting.as<Prepare>())
    return withBody("prepare", node->body, comments);
  if (auto *node = setting.as<Term>()) {
    std::string label = node->name ? node->name->text + " = " : "";
    return line(withExpr(keyword + label, node->value), comments);
  }
  if (auto *node = setting.as<Match>()) {
    std::string patterns = withList(keyword, items(node->patterns));
    if (!node->arguments.empty())
      patterns = withArguments(patterns + " ", node->arguments);
    return line(patterns, comments);
  }
  if (auto *node = setting.as<Learning>()) {
    std::string header =
        withArguments(keyword + node->name.text, node->arguments, 2);
    return node->settings ? settings(header, *node->settings, comments)
                          : line(header, comments);
  }
  if (auto *node = setting.as<Stage>())
    return settings(withList(keyword, items(node->patterns), 2), node->settings,
                    comments);
  if (auto *node = setting.as<Labels>())
    return line(withExpr(keyword + node->output.text + " ", node->value),
                comments);
  if (auto *node = setting.as<Generate>()) {
    std::string text =
        keyword + node->input.text + " from " + node->output.text;
    if (!node->arguments.empty())
      text = withArguments(text + " ", node->arguments);
    return line(text, comments);
  }
  if (auto *node = setting.as<Value>())
    return line(withExpr(keyword, node->value), comments);
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

std::string Printer::signature(const Block &block) const {
  std::vector<Item> inputs;
  for (const Input &input : block.inputs) {
    std::string text = input.name.text + ": " + flat(input.type);
    if (!input.fallback) {
      inputs.push_back(unbroken(text));
      continue;
    }
    text += " = ";
    auto broken = [text, &input](Place place) {
      place.column = columnAfter(text, place.column);
      place.indent += 4;
      return text + layout(*input.fallback, place);
    };
    inputs.push_back({text + flat(*input.fallback), broken});
  }

  std::vector<Item> results;
  for (const BlockResult &result : block.results)
    results.push_back(unbroken((result.name ? result.name->text + ": " : "") +
                               flat(result.type)));
  auto arrow = [&](std::size_t column) {
    std::string open = results.size() == 1 ? "-> " : "-> (";
    std::size_t inside = column + open.size();
    bool isOne = results.size() == 1;
    return open + fill(results, {inside, inside, isOne ? 2u : 3u}) +
           (isOne ? "" : ")");
  };

  std::string text =
      (block.isModel ? "model " : "block ") + block.name.text + "(";
  std::size_t inside = columnAfter(text, 0);
  text += fill(inputs, {inside, inside, 1}) + ")";
  std::string sameLine = arrow(columnAfter(text, 0) + 1);
  if (sameLine.find('\n') == std::string::npos &&
      fits(sameLine, {columnAfter(text, 0) + 1, 0, 2}))
    return text + " " + sameLine;
  return text + "\n    " + arrow(4);
}

void Printer::block(const Block &node, const Comments &comments) {
  const Body *last = node.gradient ? &node.gradient->body : &node.body;
  openBody(signature(node), node.body);
  if (node.gradient)
    openBody("} gradient(" + joined(node.gradient->cotangents) + ")", *last);
  line("}", comments);
}

void Printer::names(const Names &node, const Comments &comments) {
  std::string header = "names " + node.name.text;
  if (node.rules.empty() && node.commentsAtEnd.empty())
    return line(header + " { }", comments);
  line(header + " {");
  ++depth;
  for (const KeyRule &rule : node.rules) {
    lines(rule.comments.above);
    line(quoted(rule.ours.text) + " = " + quoted(rule.theirs.text),
         rule.comments);
  }
  lines(node.commentsAtEnd);
  --depth;
  line("}", comments);
}

void Printer::write(const Declaration &declaration) {
  const Comments &comments = declaration.comments;
  if (auto *node = declaration.as<Use>())
    return line("use " + joined(node->names) + " from " +
                    quoted(node->file.text),
                comments);
  if (auto *node = declaration.as<Import>())
    return line(withArguments("import " + quoted(node->file.text) + " as " +
                                  node->name.text +
                                  (node->arguments.empty() ? "" : " "),
                              node->arguments),
                comments);
  if (auto *node = declaration.as<Block>())
    return block(*node, comments);
  if (auto *node = declaration.as<Train>())
    return settings(
        withArguments((node->isInfer ? "infer " : "train ") + node->model.text,
                      node->arguments, 2),
        node->settings, comments);
  if (auto *node = declaration.as<Names>())
    return names(*node, comments);
}

void Printer::file(const File &file) {
  auto isUse = [](const Declaration &declaration) {
    return declaration.as<Use>() || declaration.as<Import>();
  };
  const Declaration *last = nullptr;
  for (const Declaration &next : file.declarations) {
    // What a file uses stands together.
    if (last && !(isUse(*last) && isUse(next)))
      line("");
    lines(next.comments.above);
    write(next);
    last = &next;
  }
  if (last && !file.commentsAtEnd.empty())
    line("");
  lines(file.commentsAtEnd);
}

} // namespace

std::string varve::print(const File &file) {
  Printer printer;
  printer.file(file);
  return std::move(printer.out);
}
