// The canonical form: what it looks like, that it keeps the program and its
// comments, and that it is a fixed point.
#include "RandomTree.h"
#include "SyntaxHelper.h"

#include "Language/Lexer.h"
#include "Support/Utf8.h"

#include <gtest/gtest.h>

using namespace varve;
using namespace varve::test;

namespace {

/// The canonical form of `text`, which must parse.
std::string format(const std::string &text) {
  Parsed parsed(text);
  EXPECT_EQ(parsed.errors(), "") << text;
  return print(parsed.tree);
}

/// Printing `tree` and parsing that gives `tree`, and printing again the same.
void expectRoundTrip(const ast::File &tree) {
  std::string text = print(tree);
  Parsed parsed(text);
  ASSERT_EQ(parsed.errors(), "") << text;
  EXPECT_EQ(parsed.dump(), ast::dump(tree)) << text;
  EXPECT_EQ(print(parsed.tree), text);
}

std::string formatExpr(const std::string &text) {
  Sources sources;
  Diagnostics diagnostics(sources);
  auto expr = parseExpression(sources, sources.add("e", text), diagnostics);
  return expr ? print(*expr) : diagnostics.render();
}

TEST(PrinterExpressions, DropsWhatSaysNothing) {
  EXPECT_EQ(formatExpr("((a)+(b*c))"), "a + b * c");
  EXPECT_EQ(formatExpr("f((x),[1,2,],)"), "f(x, [1, 2])");
  EXPECT_EQ(formatExpr("x |> f()"), "x |> f");
  EXPECT_EQ(formatExpr("a **-b"), "a ** -b");
  EXPECT_EQ(formatExpr("x[ 0 ,: , ::2, 1 : n ]"), "x[0, :, ::2, 1:n]");
  EXPECT_EQ(formatExpr("1_000*1e-3"), "1_000 * 1e-3");
  EXPECT_EQ(formatExpr("\"a\\n\\\"\""), "\"a\\n\\\"\"");
}

TEST(PrinterExpressions, KeepsParenthesesThatMatter) {
  for (const char *text :
       {"(a + b) * c", "a - (b - c)", "(a ** b) ** c", "(-a) ** b",
        "not (a and b)", "(not a) == b", "(a == b) == c", "(x |> f) + 1",
        "(a + b) |> f", "(-a) |> f", "(x |> f)[0]", "(f(x) as p)[0]",
        "(f(x) as p).y", "-(x |> f)", "(a or b) and c", "a * (b / c)",
        "f(x) as p |> g", "--a", "not not a"})
    EXPECT_EQ(formatExpr(text), text);
}

TEST(PrinterExpressions, BreaksBeforeOperators) {
  std::string a(50, 'a'), b(50, 'b'), c(50, 'c');
  auto statement = [](const std::string &value) {
    return "block f(x: int) -> int {\n  y = " + value + "\n}\n";
  };
  EXPECT_EQ(format(statement(a + " + " + b + " - " + c)),
            statement(a + " + " + b + "\n      - " + c));
  EXPECT_EQ(format(statement(a + " |> " + b + " |> " + c)),
            statement(a + " |> " + b + "\n      |> " + c));
  // The loosest operator breaks first.
  EXPECT_EQ(format(statement(a + " + " + b + " * " + c)),
            statement(a + "\n      + " + b + " * " + c));
  // Without one, after a comma, aligned.
  EXPECT_EQ(format(statement("g(" + a + ", " + b + ", k: " + c + ")")),
            statement("g(" + a + ", " + b + ",\n        k: " + c + ")"));
}

TEST(PrinterStatements, ShortBodiesStayOnALine) {
  EXPECT_EQ(format("block f(x: int) -> int { if a { y = 1 }\n"
                   "  if b {\n y = 2\n } else { y = 3 }\n"
                   "  layer c { if d { y = 4 } }\n  layer e { } }"),
            "block f(x: int) -> int {\n"
            "  if a { y = 1 }\n"
            "  if b {\n    y = 2\n  } else {\n    y = 3\n  }\n"
            "  layer c {\n    if d { y = 4 }\n  }\n"
            "  layer e { }\n"
            "}\n");
}

TEST(PrinterStatements, LongBodiesDoNot) {
  std::string name(106, 'n');
  EXPECT_EQ(
      format("block f(x: int) -> int {\n  if a { " + name + " = 123456 }\n}"),
      "block f(x: int) -> int {\n  if a {\n    " + name +
          " = 123456\n  }\n}\n");
  // 120 columns are the limit.
  auto ofWidth = [](std::size_t width) {
    std::string text = "  if a { n = 1 }";
    return text.replace(9, 1, std::string(width - text.size() + 1, 'n'));
  };
  auto inBlock = [](const std::string &line) {
    return "block f(x: int) -> int {\n" + line + "\n}\n";
  };
  EXPECT_EQ(format(inBlock(ofWidth(120))), inBlock(ofWidth(120)));
  EXPECT_NE(format(inBlock(ofWidth(121))), inBlock(ofWidth(121)));
}

TEST(PrinterDeclarations, BreaksSignatures) {
  EXPECT_EQ(format("model m(aaaaaaaaaaaaaaaaaaaa: f32[N, 3, 224, 224], "
                   "bbbbbbbbbbbbbbbbbbbb: int = 1000, cccccccccccccccccccc: int"
                   " = 3, d: int = 4) -> (y: f32[N], z: f32[N]) { return y }"),
            "model m(aaaaaaaaaaaaaaaaaaaa: f32[N, 3, 224, 224], "
            "bbbbbbbbbbbbbbbbbbbb: int = 1000, cccccccccccccccccccc: int = 3,\n"
            "        d: int = 4) -> (y: f32[N], z: f32[N]) {\n"
            "  return y\n}\n");
  // The arrow moves if it does not fit.
  EXPECT_EQ(
      format("block b(aaaaaaaaaaaaaaaaaaaa: f32[N, 3, 224, 224], "
             "bbbbbbbbbbbbbbbbbbbb: int = 1000) -> f32[N, aaaaaaaaaaaaaaa, "
             "bbbb, cccc] { return y }"),
      "block b(aaaaaaaaaaaaaaaaaaaa: f32[N, 3, 224, 224], "
      "bbbbbbbbbbbbbbbbbbbb: int = 1000)\n"
      "    -> f32[N, aaaaaaaaaaaaaaa, bbbb, cccc] {\n"
      "  return y\n}\n");
}

TEST(PrinterDeclarations, OneBlankLineBetween) {
  EXPECT_EQ(format("use a from \"a\"\n\n\nimport \"b\" as b\nnames n { }\n"
                   "names m { \"a\"=\"b\" \"c\"=\"d\" }"),
            "use a from \"a\"\nimport \"b\" as b\n\nnames n { }\n\n"
            "names m {\n  \"a\" = \"b\"\n  \"c\" = \"d\"\n}\n");
}

TEST(PrinterSettings, OneALine) {
  EXPECT_EQ(format("train m {\n data csv(\"a\"){a:f32[4] from \"x\",\"y\" "
                   "b:class(3)}\n loss l=f(x)\n group \"a\",\"b\"(lr:0)\n"
                   " learning greedy(cuts:\"a\"){stage \"b\"{batch 3}}\n"
                   " generate a from b(end:0)\n prepare{x=x/2}\n}"),
            "train m {\n"
            "  data csv(\"a\") { a: f32[4] from \"x\", \"y\"  b: class(3) }\n"
            "  loss l = f(x)\n"
            "  group \"a\", \"b\" (lr: 0)\n"
            "  learning greedy(cuts: \"a\") {\n"
            "    stage \"b\" {\n      batch 3\n    }\n  }\n"
            "  generate a from b (end: 0)\n"
            "  prepare { x = x / 2 }\n}\n");
}

TEST(PrinterComments, StayWhereTheyAre) {
  std::string text = R"(// The file.

// The block.
block f(x: int) -> int {
  // First.
  y = 1  // after y

  // Two
  // lines.

  if a {  // moves to the next line
    z = 1
    // before the end
  }  // after the brace
  // at the end
}  // after f

train m {
  // Data.
  data d {
    a: i64  // a field
    // none here
  }

  batch 3  // settings too
}

names n {
  // rule
  "a" = "b"  // one
}

// The end.
)";
  std::string moved = text;
  std::string inHeader = "{  // moves to the next line";
  moved.replace(moved.find(inHeader), inHeader.size(),
                "{\n    // moves to the next line");
  EXPECT_EQ(format(text), moved);
  EXPECT_EQ(format(moved), moved);
}

TEST(PrinterComments, InsideAStatementGoAboveIt) {
  EXPECT_EQ(format("block f(x: int, // an input\n  y: int) -> int {\n"
                   "  a = x // first\n    |> g( // second\n 1)\n"
                   "  // own\n  b = 1 // third\n    + 2 // last\n}"),
            "// an input\nblock f(x: int, y: int) -> int {\n"
            "  // first\n  // second\n  a = x |> g(1)\n"
            "  // own\n  // third\n  b = 1 + 2  // last\n}\n");
}

TEST(PrinterComments, NoneIsLost) {
  // A comment behind each token of a program: as many come out as went in.
  std::string text =
      readText(std::string(VARVE_SOURCE_DIR) + "/docs/examples/dgl_cnn.varve");
  Sources sources;
  Diagnostics diagnostics(sources);
  TokenList list = lex(sources, sources.add("a", text), diagnostics);
  for (std::size_t i = 0; i + 1 < list.tokens.size(); ++i) {
    std::size_t place = list.tokens[i].span.end;
    std::string_view next = list.tokens[i + 1].text;
    // These must stay on their line, as the value of a setting must.
    const Token &token = list.tokens[i];
    bool beginsSetting = token.startsLine && token.kind == TokenKind::Name;
    if (next == "(" || next == "[" || next == "as" || token.text == "return" ||
        (beginsSetting && next != "="))
      continue;
    std::string changed = text;
    changed.insert(place, " // here\n");
    std::string formatted = format(changed);
    EXPECT_NE(formatted.find("// here"), std::string::npos) << changed;
    EXPECT_EQ(format(formatted), formatted);
  }
}

TEST(PrinterCorpus, ExamplesAreCanonical) {
  auto files = filesIn("docs/examples", ".varve");
  ASSERT_GE(files.size(), 22u);
  files.push_back(std::string(VARVE_SOURCE_DIR) +
                  "/lib/Language/Prelude.varve");
  for (const auto &file : files) {
    std::string text = readText(file);
    Parsed parsed(text, file.filename().string());
    EXPECT_EQ(parsed.errors(), "");
    EXPECT_EQ(print(parsed.tree), text) << file;
    expectRoundTrip(parsed.tree);
  }
}

/// Every fenced block of the language reference is a canonical file.
TEST(PrinterCorpus, TheReferenceIsCanonical) {
  std::string page =
      readText(std::string(VARVE_SOURCE_DIR) + "/docs/Language.md");
  const std::string open = "```varve\n", close = "```";
  unsigned count = 0;
  for (std::size_t at = page.find(open); at != std::string::npos;
       at = page.find(open, at)) {
    at += open.size();
    std::size_t end = page.find(close, at);
    ASSERT_NE(end, std::string::npos);
    std::string text = page.substr(at, end - at);
    EXPECT_EQ(format(text), text);
    ++count;
  }
  EXPECT_GE(count, 10u);
}

TEST(PrinterRandom, TreesComeBack) {
  for (unsigned seed = 0; seed < 2000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    expectRoundTrip(RandomTree(seed).file());
  }
}

TEST(PrinterRandom, ExpressionsComeBack) {
  for (unsigned seed = 0; seed < 20000; ++seed) {
    ast::Expr expr = RandomTree(seed).expr(4);
    std::string text = print(expr);
    ASSERT_EQ(parsedExpr(text), ast::dump(expr)) << text;
  }
}

TEST(PrinterRandom, DeepExpressionsTakeNoTime) {
  // Without care, laying out costs twice as much with each level.
  std::string text(150, 'x');
  for (int i = 0; i < 190; ++i)
    text = i % 2 ? "f(y, " + text + ")" : "g(1 + " + text + ", 2)";
  Parsed parsed("block b(x: int) -> int {\n  return [" + text + "]\n}\n");
  EXPECT_EQ(parsed.diagnostics.errors().size(), 1u); // too high
  text = std::string(150, 'x');
  for (int i = 0; i < 98; ++i)
    text = i % 2 ? "f(y, " + text + ")" : "g(1 + " + text + ", 2)";
  Parsed fitting("block b(x: int) -> int {\n  return [" + text + "]\n}\n");
  EXPECT_EQ(fitting.errors(), "");
  expectRoundTrip(fitting.tree);
}

TEST(PrinterRandom, LinesFitWhereTheyCanBreak) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    ast::Expr sum = RandomTree(seed).expr(0);
    for (int i = 0; i < 30; ++i) {
      ast::Expr next;
      next.kind = ast::ExprKind::Binary;
      next.op = ast::Operator::Add;
      next.operands.push_back(std::move(sum));
      next.operands.push_back(RandomTree(seed * 31 + i).expr(1));
      sum = std::move(next);
    }
    std::string text =
        format("block b(x: int) -> int {\n  return " + print(sum) + "\n}\n");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(countCharacters(line), 120u) << line;
  }
}

} // namespace
