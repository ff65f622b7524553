// Random syntax trees, of the shapes that the parser makes: each is one that
// some text means, so that printing and parsing must give it back.
#ifndef VARVE_TEST_RANDOMTREE_H
#define VARVE_TEST_RANDOMTREE_H

#include "Language/Ast.h"

#include <random>

namespace varve::test {

class RandomTree {
public:
  explicit RandomTree(unsigned seed) : random(seed) {}

  ast::File file() {
    ast::File out;
    repeat(1, 4, [&] {
      ast::Declaration next;
      next.comments = comments(/*mayBlank=*/false);
      switch (pick(5)) {
      case 0:
        next.node = ast::Use{names(), string()};
        break;
      case 1:
        next.node = ast::Import{string(), name(), arguments()};
        break;
      case 2:
        next.node = ast::Names{name(), rules(), {}};
        break;
      case 3:
        next.node = train();
        break;
      default:
        next.node = block();
      }
      out.declarations.push_back(std::move(next));
    });
    if (pick(5) == 0)
      out.commentsAtEnd = {"// the end"};
    return out;
  }

  ast::Expr expr(int depth) {
    ast::Expr out;
    auto operand = [&] { out.operands.push_back(expr(depth - 1)); };
    switch (depth <= 0 ? pick(6) : pick(14)) {
    case 0:
      out.kind = ast::ExprKind::Int;
      out.intValue = pick(1000);
      out.text = std::to_string(out.intValue);
      break;
    case 1:
      out.kind = ast::ExprKind::Float;
      out.floatValue = pick(100) / 8.0;
      break;
    case 2:
      out.kind = ast::ExprKind::String;
      out.text = string().text;
      break;
    case 3:
      out.kind = pick(2) ? ast::ExprKind::Bool : ast::ExprKind::None;
      out.boolValue = out.is(ast::ExprKind::Bool) && pick(2);
      break;
    case 4:
    case 5:
      out.kind = ast::ExprKind::Name;
      out.text = name().text;
      break;
    case 6:
      out.kind = ast::ExprKind::List;
      repeat(0, 3, operand);
      break;
    case 7:
      out.kind = ast::ExprKind::Unary;
      out.op = pick(2) ? ast::Operator::Not : ast::Operator::Negate;
      operand();
      break;
    case 8:
    case 9:
      out.kind = ast::ExprKind::Binary;
      out.op = static_cast<ast::Operator>(
          static_cast<int>(ast::Operator::Or) +
          pick(static_cast<int>(ast::Operator::Power) -
               static_cast<int>(ast::Operator::Or) + 1));
      operand();
      operand();
      break;
    case 10:
      out.kind = ast::ExprKind::Index;
      operand();
      repeat(1, 3, [&] { out.subscripts.push_back(subscript(depth - 1)); });
      break;
    case 11:
      out.kind = ast::ExprKind::Member;
      out.text = "names"; // a reserved word may follow a dot
      operand();
      break;
    default:
      call(out, depth);
    }
    return out;
  }

private:
  int pick(int count) {
    return std::uniform_int_distribution<int>(0, count - 1)(random);
  }
  template <class Function>
  void repeat(int least, int most, Function function) {
    for (int i = least + pick(most - least + 1); i > 0; --i)
      function();
  }
  template <class Make> auto listOf(int least, int most, Make make) {
    std::vector<decltype(make())> out;
    repeat(least, most, [&] { out.push_back(make()); });
    return out;
  }

  ast::Name name() {
    const char *names[] = {"x", "y", "image", "C", "loss", "_", "class", "h2"};
    return {names[pick(8)], {}};
  }
  std::vector<ast::Name> names() {
    return listOf(1, 3, [&] { return name(); });
  }
  ast::StringLiteral string() {
    const char *strings[] = {"",         "a.*",
                             "\"q\"",    "back\\slash\n\t\r",
                             "\xC3\xA9", "a rather long string to fill lines"};
    return {strings[pick(6)], {}};
  }
  std::vector<ast::StringLiteral> strings() {
    return listOf(1, 3, [&] { return string(); });
  }

  ast::Path path(int depth) {
    ast::Path out;
    out.segments.push_back({name().text, std::nullopt, {}});
    repeat(0, 2, [&] {
      if (pick(2))
        out.segments.push_back({"state", std::nullopt, {}});
      else
        out.segments.push_back({"", expr(depth), {}});
    });
    return out;
  }
  ast::Argument argument(int depth) {
    ast::Argument out;
    if (pick(2))
      out.name = name();
    out.value = expr(depth);
    return out;
  }
  std::vector<ast::Argument> arguments() {
    return listOf(0, 3, [&] { return argument(2); });
  }
  void call(ast::Expr &out, int depth) {
    out.kind = ast::ExprKind::Call;
    ast::Expr callee;
    callee.kind = ast::ExprKind::Name;
    callee.text = name().text;
    out.piped = pick(2);
    if (out.piped) {
      out.arguments.push_back({std::nullopt, expr(depth - 1)});
    } else if (pick(4) == 0) {
      ast::Expr member;
      member.kind = ast::ExprKind::Member;
      member.text = "norm";
      member.operands.push_back(std::move(callee));
      callee = std::move(member);
    }
    out.operands.push_back(std::move(callee));
    repeat(0, 3, [&] { out.arguments.push_back(argument(depth - 1)); });
    if (pick(3) == 0)
      out.as = path(depth - 1);
  }
  ast::Subscript subscript(int depth) {
    ast::Subscript out;
    out.kind = static_cast<ast::Subscript::Kind>(pick(3));
    bool isSlice = out.kind == ast::Subscript::Kind::Slice;
    if (out.kind == ast::Subscript::Kind::Single || (isSlice && pick(2)))
      out.begin = expr(depth);
    if (isSlice && pick(2))
      out.end = expr(depth);
    if (isSlice && pick(2))
      out.step = expr(depth);
    return out;
  }

  ast::Type type() {
    ast::Type out;
    out.kind = static_cast<ast::Type::Kind>(pick(4));
    if (out.kind == ast::Type::Kind::List)
      out.elements = names();
    else if (out.kind == ast::Type::Kind::Class)
      out.classes = listOf(1, 2, [&] { return expr(1); });
    else
      out.name = {"f32", {}};
    if (out.kind == ast::Type::Kind::Tensor)
      out.dims = listOf(0, 3, [&] {
        ast::Dim dim;
        dim.kind = static_cast<ast::Dim::Kind>(pick(3));
        if (dim.kind == ast::Dim::Kind::Size) {
          dim.size = expr(1);
          // `_` means any size.
          if (dim.size->isName("_"))
            dim.size->text = "N";
        }
        return dim;
      });
    return out;
  }

  /// Comments in the form the parser leaves them in.
  ast::Comments comments(bool mayBlank = true) {
    ast::Comments out;
    if (pick(4) == 0) {
      out.above.push_back("// above");
      if (pick(2))
        out.above.push_back("");
      if (pick(2))
        out.above.push_back("// more");
    } else if (mayBlank && pick(4) == 0) {
      out.above.push_back("");
    }
    if (pick(6) == 0)
      out.after = "// after";
    return out;
  }
  template <class List> static void noBlankAtFront(List &list) {
    if (list.empty())
      return;
    std::vector<std::string> &above = list.front().comments.above;
    if (!above.empty() && above.front().empty())
      above.erase(above.begin());
  }

  ast::Body body(int depth) {
    ast::Body out;
    out.statements = listOf(0, 3, [&] { return statement(depth); });
    noBlankAtFront(out.statements);
    if (pick(8) == 0)
      out.commentsAtEnd = {"// at the end"};
    return out;
  }
  ast::If ifStatement(int depth) {
    ast::If out;
    out.condition = expr(2);
    out.then = body(depth - 1);
    int kind = pick(3);
    if (kind == 0)
      out.otherwise = body(depth - 1);
    if (kind == 1) {
      out.elseIf = true;
      out.otherwise.emplace();
      ast::Statement inner;
      inner.node = ifStatement(depth - 1);
      out.otherwise->statements.push_back(std::move(inner));
    }
    return out;
  }
  ast::Statement statement(int depth) {
    ast::Statement out;
    out.comments = comments();
    auto exprs = [&] { return listOf(1, 3, [&] { return expr(3); }); };
    switch (depth <= 0 ? pick(5) : pick(10)) {
    case 0:
      out.node = ast::Variable{static_cast<ast::VariableRole>(pick(3)), name(),
                               type(), expr(2)};
      break;
    case 1:
      out.node = ast::Yield{exprs()};
      break;
    case 2:
      out.node = ast::Return{exprs()};
      break;
    case 3: {
      ast::Require require{expr(3), std::nullopt};
      if (pick(2)) {
        require.message.emplace();
        require.message->kind = ast::ExprKind::String;
        require.message->text = string().text;
      }
      out.node = std::move(require);
      break;
    }
    case 5:
      out.node = ifStatement(depth);
      break;
    case 6:
      out.node = ast::Layer{path(1), body(depth - 1)};
      break;
    case 7: {
      ast::Repeat repeat{name(), expr(2), std::nullopt, body(depth - 1)};
      if (pick(2))
        repeat.end = expr(2);
      out.node = std::move(repeat);
      break;
    }
    case 8:
      out.node = ast::While{expr(2), body(depth - 1)};
      break;
    case 9: {
      ast::Scan scan;
      if (pick(2))
        scan.targets = names();
      scan.slices = names();
      for (std::size_t i = 0; i < scan.slices.size(); ++i)
        scan.sequences.push_back(expr(2));
      if (pick(2))
        scan.along = expr(1);
      scan.body = body(depth - 1);
      out.node = std::move(scan);
      break;
    }
    default:
      out.node = ast::Assign{names(), expr(5)};
    }
    return out;
  }

  ast::Block block() {
    ast::Block out;
    out.isModel = pick(2);
    out.name = name();
    out.inputs = listOf(0, 6, [&] {
      ast::Input input{name(), type(), std::nullopt, {}};
      if (pick(2))
        input.fallback = expr(3);
      return input;
    });
    out.results = listOf(1, 3, [&] {
      ast::BlockResult result{std::nullopt, type(), {}};
      if (pick(2))
        result.name = name();
      return result;
    });
    out.body = body(3);
    if (pick(3) == 0)
      out.gradient = ast::Gradient{names(), body(2)};
    return out;
  }

  ast::Train train() {
    ast::Train out;
    out.isInfer = pick(2);
    out.model = name();
    if (out.isInfer)
      out.arguments = arguments();
    out.settings = settings(2);
    return out;
  }
  ast::Settings settings(int depth) {
    ast::Settings out;
    out.list = listOf(0, 5, [&] { return setting(depth); });
    noBlankAtFront(out.list);
    if (pick(8) == 0)
      out.commentsAtEnd = {"// at the end"};
    return out;
  }
  ast::Setting setting(int depth) {
    ast::Setting out;
    out.comments = comments();
    switch (depth <= 0 ? pick(6) : pick(8)) {
    case 0: {
      ast::Data data{name(), arguments(), std::nullopt, {}};
      if (pick(2)) {
        data.fields = listOf(0, 3, [&] {
          ast::Field field{name(), type(), {}, comments(), {}};
          if (pick(3) == 0)
            field.from = strings();
          return field;
        });
        noBlankAtFront(*data.fields);
      }
      out.keyword.text = "data";
      out.node = std::move(data);
      break;
    }
    case 1: {
      const char *words[] = {"loss", "metric", "output"};
      int kind = pick(3);
      out.keyword.text = words[kind];
      ast::Term term{static_cast<ast::TermKind>(kind), std::nullopt, expr(3)};
      if (pick(2))
        term.name = name();
      out.node = std::move(term);
      break;
    }
    case 2: {
      const char *words[] = {"group", "freeze", "lora"};
      int kind = pick(3);
      out.keyword.text = words[kind];
      out.node =
          ast::Match{static_cast<ast::MatchKind>(kind), strings(), arguments()};
      break;
    }
    case 3:
      out.keyword.text = "labels";
      out.node = ast::Labels{name(), expr(2)};
      break;
    case 4:
      out.keyword.text = "generate";
      out.node = ast::Generate{name(), name(), arguments()};
      break;
    case 5:
      out.keyword.text = "schedule";
      out.node = ast::Value{out.keyword, expr(3)};
      break;
    case 6: {
      out.keyword.text = "learning";
      ast::Learning learning{name(), arguments(), std::nullopt};
      if (pick(2))
        learning.settings = settings(depth - 1);
      out.node = std::move(learning);
      break;
    }
    default:
      if (pick(2)) {
        out.keyword.text = "stage";
        out.node = ast::Stage{strings(), settings(depth - 1)};
      } else {
        out.keyword.text = "prepare";
        out.node = ast::Prepare{body(2)};
      }
    }
    return out;
  }
  std::vector<ast::KeyRule> rules() {
    auto out = listOf(0, 3, [&] {
      return ast::KeyRule{string(), string(), comments()};
    });
    noBlankAtFront(out);
    return out;
  }

  std::mt19937 random;
};

} // namespace varve::test
#endif
