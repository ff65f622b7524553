// The syntax tree as text in prefix form, one line for each statement, setting
// and declaration; and how operators are spelt.
#include "Language/Ast.h"

#include <charconv>

namespace varve::ast {

const char *spelling(Operator op) {
  switch (op) {
  case Operator::Negate:
  case Operator::Subtract:
    return "-";
  case Operator::Not:
    return "not";
  case Operator::Or:
    return "or";
  case Operator::And:
    return "and";
  case Operator::Equal:
    return "==";
  case Operator::NotEqual:
    return "!=";
  case Operator::Less:
    return "<";
  case Operator::LessEqual:
    return "<=";
  case Operator::Greater:
    return ">";
  case Operator::GreaterEqual:
    return ">=";
  case Operator::Add:
    return "+";
  case Operator::Multiply:
    return "*";
  case Operator::Divide:
    return "/";
  case Operator::Remainder:
    return "%";
  case Operator::MatMul:
    return "@";
  case Operator::Power:
    return "**";
  }
  return "";
}

namespace {

/// Quoted, with every byte that is not printable ASCII as hex.
std::string quoted(const std::string &text) {
  const char *hex = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (byte < 0x20 || byte >= 0x7F)
      out += std::string("\\x") + hex[byte >> 4] + hex[byte & 15];
    else
      out += c;
  }
  return out + "\"";
}

std::string number(double value) {
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return "float:" + std::string(buffer, end);
}

std::string arguments(const std::vector<Argument> &list) {
  std::string out;
  for (const Argument &argument : list) {
    out += argument.name ? " " + argument.name->text + ":" : "";
    out += " " + dump(argument.value);
  }
  return out;
}

std::string exprs(const std::vector<Expr> &list) {
  std::string out;
  for (const Expr &expr : list)
    out += " " + dump(expr);
  return out;
}

std::string path(const Path &path) {
  std::string out;
  for (const PathSegment &segment : path.segments)
    out +=
        segment.index ? " [" + dump(*segment.index) + "]" : " " + segment.word;
  return "(path" + out + ")";
}

std::string subscript(const Subscript &subscript) {
  auto part = [](const std::optional<Expr> &expr) {
    return expr ? dump(*expr) : std::string("_");
  };
  switch (subscript.kind) {
  case Subscript::Kind::Ellipsis:
    return "...";
  case Subscript::Kind::Single:
    return part(subscript.begin);
  case Subscript::Kind::Slice:
    return "(slice " + part(subscript.begin) + " " + part(subscript.end) + " " +
           part(subscript.step) + ")";
  }
  return "";
}

std::string type(const Type &type) {
  std::string out;
  switch (type.kind) {
  case Type::Kind::Static:
    return type.name.text;
  case Type::Kind::Tensor:
    for (const Dim &dim : type.dims)
      out += dim.kind == Dim::Kind::Ellipsis ? " ..."
             : dim.kind == Dim::Kind::Any    ? " _"
                                             : " " + dump(*dim.size);
    return "(tensor " + type.name.text + out + ")";
  case Type::Kind::List:
    for (const Name &element : type.elements)
      out += " " + element.text;
    return "(list" + out + ")";
  case Type::Kind::Class:
    return "(class" + exprs(type.classes) + ")";
  }
  return "";
}

std::string names(const std::vector<Name> &list) {
  std::string out;
  for (const Name &name : list)
    out += " " + name.text;
  return "(" + (out.empty() ? out : out.substr(1)) + ")";
}

std::string strings(const std::vector<StringLiteral> &list) {
  std::string out;
  for (const StringLiteral &string : list)
    out += " " + quoted(string.text);
  return out;
}

/// Writes lines, two spaces for each level.
class Dumper {
public:
  std::string out;

  void file(const File &file) {
    for (const Declaration &declaration : file.declarations) {
      above(declaration.comments);
      std::visit([&](const auto &node) { declare(node, declaration.comments); },
                 declaration.node);
    }
    comments(file.commentsAtEnd);
  }

private:
  void line(const std::string &text) {
    out += std::string(2 * depth, ' ') + text + "\n";
  }
  void line(const std::string &text, const Comments &comments) {
    bool none = comments.after.empty();
    line(none ? text : text + " ; " + quoted(comments.after));
  }
  void comments(const std::vector<std::string> &lines) {
    for (const std::string &comment : lines)
      line("; " + quoted(comment));
  }
  void above(const Comments &list) { comments(list.above); }

  void body(const Body &body) {
    ++depth;
    for (const Statement &statement : body.statements) {
      above(statement.comments);
      std::visit([&](const auto &node) { write(node, statement.comments); },
                 statement.node);
    }
    comments(body.commentsAtEnd);
    --depth;
  }

  void settings(const Settings &settings) {
    ++depth;
    for (const Setting &setting : settings.list) {
      above(setting.comments);
      std::visit([&](const auto &node) { write(node, setting); }, setting.node);
    }
    comments(settings.commentsAtEnd);
    --depth;
  }

  //===--- Statements -----------------------------------------------------===//
  void write(const Assign &node, const Comments &c) {
    line("assign " + names(node.targets) + " " + dump(node.value), c);
  }
  void write(const Scan &node, const Comments &c) {
    line("scan " + names(node.targets) + " " + names(node.slices) +
             exprs(node.sequences) +
             (node.along ? " along " + dump(*node.along) : ""),
         c);
    body(node.body);
  }
  void write(const If &node, const Comments &c) {
    line("if " + dump(node.condition), c);
    body(node.then);
    if (!node.otherwise)
      return;
    line(node.elseIf ? "else-if" : "else");
    body(*node.otherwise);
  }
  void write(const Layer &node, const Comments &c) {
    line("layer " + path(node.path), c);
    body(node.body);
  }
  void write(const Variable &node, const Comments &c) {
    const char *roles[] = {"param ", "state ", "cache "};
    line(roles[static_cast<int>(node.role)] + node.name.text + " " +
             type(node.type) + " " + dump(node.init),
         c);
  }
  void write(const Repeat &node, const Comments &c) {
    line("repeat " + node.variable.text + " " + dump(node.first) +
             (node.end ? " " + dump(*node.end) : ""),
         c);
    body(node.body);
  }
  void write(const While &node, const Comments &c) {
    line("while " + dump(node.condition), c);
    body(node.body);
  }
  void write(const Yield &node, const Comments &c) {
    line("yield" + exprs(node.values), c);
  }
  void write(const Return &node, const Comments &c) {
    line("return" + exprs(node.values), c);
  }
  void write(const Require &node, const Comments &c) {
    line("require " + dump(node.condition) +
             (node.message ? " " + dump(*node.message) : ""),
         c);
  }

  //===--- Settings -------------------------------------------------------===//
  void write(const Data &node, const Setting &s) {
    line("data " + node.set.text + arguments(node.arguments) +
             (node.fields ? " fields" : ""),
         s.comments);
    ++depth;
    if (node.fields)
      for (const Field &field : *node.fields) {
        above(field.comments);
        line(field.name.text + " " + type(field.type) + strings(field.from),
             field.comments);
      }
    comments(node.commentsAtEnd);
    --depth;
  }
  void write(const Prepare &node, const Setting &s) {
    line("prepare", s.comments);
    body(node.body);
  }
  void write(const Term &node, const Setting &s) {
    line(s.keyword.text + (node.name ? " " + node.name->text + " =" : "") +
             " " + dump(node.value),
         s.comments);
  }
  void write(const Match &node, const Setting &s) {
    line(s.keyword.text + strings(node.patterns) + arguments(node.arguments),
         s.comments);
  }
  void write(const Learning &node, const Setting &s) {
    line("learning " + node.name.text + arguments(node.arguments) +
             (node.settings ? " settings" : ""),
         s.comments);
    if (node.settings)
      settings(*node.settings);
  }
  void write(const Stage &node, const Setting &s) {
    line("stage" + strings(node.patterns), s.comments);
    settings(node.settings);
  }
  void write(const Labels &node, const Setting &s) {
    line("labels " + node.output.text + " " + dump(node.value), s.comments);
  }
  void write(const Generate &node, const Setting &s) {
    line("generate " + node.input.text + " " + node.output.text +
             arguments(node.arguments),
         s.comments);
  }
  void write(const Value &node, const Setting &s) {
    line(node.keyword.text + " " + dump(node.value), s.comments);
  }

  //===--- Declarations ---------------------------------------------------===//
  void declare(const Use &node, const Comments &c) {
    line("use " + names(node.names) + " " + quoted(node.file.text), c);
  }
  void declare(const Import &node, const Comments &c) {
    line("import " + quoted(node.file.text) + " " + node.name.text +
             arguments(node.arguments),
         c);
  }
  void declare(const Block &node, const Comments &c) {
    line((node.isModel ? "model " : "block ") + node.name.text, c);
    ++depth;
    for (const Input &input : node.inputs)
      line("in " + input.name.text + " " + type(input.type) +
           (input.fallback ? " = " + dump(*input.fallback) : ""));
    for (const BlockResult &result : node.results)
      line("out " + (result.name ? result.name->text : "_") + " " +
           type(result.type));
    --depth;
    body(node.body);
    if (!node.gradient)
      return;
    line("gradient " + names(node.gradient->cotangents));
    body(node.gradient->body);
  }
  void declare(const Train &node, const Comments &c) {
    line((node.isInfer ? "infer " : "train ") + node.model.text +
             arguments(node.arguments),
         c);
    settings(node.settings);
  }
  void declare(const Names &node, const Comments &c) {
    line("names " + node.name.text, c);
    ++depth;
    for (const KeyRule &rule : node.rules) {
      above(rule.comments);
      line(quoted(rule.ours.text) + " " + quoted(rule.theirs.text),
           rule.comments);
    }
    comments(node.commentsAtEnd);
    --depth;
  }

  unsigned depth = 0;
};

} // namespace

std::string dump(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::Int:
    return std::to_string(expr.intValue);
  case ExprKind::Float:
    return number(expr.floatValue);
  case ExprKind::String:
    return quoted(expr.text);
  case ExprKind::Bool:
    return expr.boolValue ? "true" : "false";
  case ExprKind::None:
    return "none";
  case ExprKind::Name:
    return expr.text;
  case ExprKind::List:
    return "[" + (expr.operands.empty() ? "" : exprs(expr.operands).substr(1)) +
           "]";
  case ExprKind::Unary:
  case ExprKind::Binary:
    return std::string("(") + spelling(expr.op) + exprs(expr.operands) + ")";
  case ExprKind::Call:
    return std::string(expr.piped ? "(pipe " : "(call ") + dump(expr.callee()) +
           arguments(expr.arguments) + (expr.as ? " as " + path(expr.as) : "") +
           ")";
  case ExprKind::Index: {
    std::string out = "(index " + dump(expr.operands[0]);
    for (const Subscript &place : expr.subscripts)
      out += " " + subscript(place);
    return out + ")";
  }
  case ExprKind::Member:
    return "(. " + dump(expr.operands[0]) + " " + expr.text + ")";
  }
  return "";
}

std::string dump(const File &file) {
  Dumper dumper;
  dumper.file(file);
  return std::move(dumper.out);
}

} // namespace varve::ast
