// What texts mean, and what the parser says about those that mean nothing. The
// expected trees are in the prefix form of ast::dump.
#include "SyntaxHelper.h"

#include <gtest/gtest.h>

using namespace varve;
using namespace varve::test;

namespace {

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

struct Case {
  const char *text;
  const char *tree;
};

class Expression : public testing::TestWithParam<Case> {};

TEST_P(Expression, Means) {
  EXPECT_EQ(parsedExpr(GetParam().text), GetParam().tree) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Literals, Expression,
    testing::Values(Case{"1_000", "1000"}, Case{"2.5", "float:2.5"},
                    Case{"1e-3", "float:0.001"}, Case{"\"a\\n\"", "\"a\\x0a\""},
                    Case{"true", "true"}, Case{"none", "none"},
                    Case{"[]", "[]"}, Case{"[1, x,]", "[1 x]"},
                    Case{"9223372036854775807", "9223372036854775807"},
                    Case{"9223372036854775808",
                         "error: `9223372036854775808` does not fit an i64"},
                    Case{"1e999", "error: `1e999` does not fit an f64"}));

INSTANTIATE_TEST_SUITE_P(
    Precedence, Expression,
    testing::Values(
        Case{"a + b * c", "(+ a (* b c))"}, Case{"a * b + c", "(+ (* a b) c)"},
        Case{"a - b - c", "(- (- a b) c)"}, Case{"a / b @ c", "(@ (/ a b) c)"},
        Case{"a ** b ** c", "(** a (** b c))"}, Case{"-a ** 2", "(- (** a 2))"},
        Case{"a ** -b", "(** a (- b))"}, Case{"-a * b", "(* (- a) b)"},
        Case{"not a == b", "(not (== a b))"},
        Case{"not a and b or c", "(or (and (not a) b) c)"},
        Case{"a or b and c", "(or a (and b c))"},
        Case{"a + 1 <= b % 2", "(<= (+ a 1) (% b 2))"},
        Case{"(a + b) * c", "(* (+ a b) c)"},
        Case{"-x.y[0]", "(- (index (. x y) 0))"},
        Case{"f(x) ** 2", "(** (call f x) 2)"}));

INSTANTIATE_TEST_SUITE_P(
    Calls, Expression,
    testing::Values(
        Case{"f()", "(call f)"},
        Case{"f(x, k: 1 + 2,)", "(call f x k: (+ 1 2))"},
        Case{"f(x) as h[i].attn", "(call f x as (path h [i] attn))"},
        Case{"f(x) as a.names", "(call f x as (path a names))"},
        Case{"x |> f", "(pipe f x)"},
        Case{"x |> f(1) as a |> g", "(pipe g (pipe f x 1 as (path a)))"},
        Case{"f(x |> g, y)", "(call f (pipe g x) y)"},
        Case{"(x |> f) + 1", "(+ (pipe f x) 1)"},
        Case{"h[0].norm(x)", "(call (. (index h 0) norm) x)"},
        Case{"(a + b) |> f", "(pipe f (+ a b))"},
        Case{"x\n  |> f\n  |> g", "(pipe g (pipe f x))"}));

INSTANTIATE_TEST_SUITE_P(
    Indexing, Expression,
    testing::Values(
        Case{"x[0]", "(index x 0)"},
        Case{"x[:, 1:n, ::2, ...]",
             "(index x (slice _ _ _) (slice 1 n _) (slice _ _ 2) ...)"},
        Case{"x[a + 1:]", "(index x (slice (+ a 1) _ _))"},
        Case{"x[:2:3]", "(index x (slice _ 2 3))"},
        Case{"[1, 2][i]", "(index [1 2] i)"}));

INSTANTIATE_TEST_SUITE_P(
    Errors, Expression,
    testing::Values(
        Case{"a + b |> relu", "error: `|>` does not mix with `+`"},
        Case{"-a |> relu", "error: `|>` does not mix with `-`"},
        Case{"not a |> relu", "error: `|>` does not mix with `not`"},
        Case{"x |> relu + 1", "error: `|>` does not mix with `+`"},
        Case{"x |> relu ** 2", "error: `|>` does not mix with `**`"},
        Case{"x |> f(1)[0]", "error: a pipe ends with a block"},
        Case{"x |> 3", "error: expected a block after `|>`, found `3`"},
        Case{"a < b < c", "error: comparisons do not chain"},
        Case{"a == not b", "error: `not` binds loosely"},
        Case{"x as y", "error: `as` names the layer that a call makes"},
        Case{"(a + b)(c)", "error: only a block or a layer can be called"},
        Case{"f(x)(y)", "error: only a block or a layer can be called"},
        Case{"(a, b)", "error: parentheses hold one expression"},
        Case{"f(a b)", "error: expected `)` after the arguments, found `b`"},
        Case{"f(a", "error: expected `)` after the arguments, found the end of "
                    "the file"},
        Case{"", "error: expected an expression, found the end of the file"},
        Case{"a +", "error: expected an expression, found the end of the file"},
        Case{"a b", "error: expected an operator or the end, found `b`"},
        Case{"f\n(x)", "error: expected an operator or the end, found `(`"},
        Case{"x\n[0]", "error: expected an operator or the end, found `[`"},
        Case{"f((k): 1)", "error: expected `)` after the arguments, found `:`"},
        Case{"x.1", "error: expected a name after the dot, found `1`"},
        Case{".5", "error: expected an expression, found `.`"}));

TEST(ParserNesting, StopsAtTheLimit) {
  auto repeated = [](const std::string &text, unsigned count) {
    std::string out;
    for (unsigned i = 0; i < count; ++i)
      out += text;
    return out;
  };
  struct Shape {
    const char *open, *middle, *close;
    unsigned most; ///< accepted this often
  };
  // A name is one level of the tree; parentheses are none.
  for (Shape shape :
       {Shape{"(", "x", ")", 200}, Shape{"[", "x", "]", 199},
        Shape{"f(", "x", ")", 199}, Shape{"-", "x", "", 199},
        Shape{"not ", "x", "", 199}, Shape{"x + ", "x", "", 199},
        Shape{"x ** ", "x", "", 199}, Shape{"", "x", " |> f", 199},
        Shape{"", "x", ".y", 199}, Shape{"x[", "x", "]", 199}}) {
    auto text = [&](unsigned count) {
      return repeated(shape.open, count) + shape.middle +
             repeated(shape.close, count);
    };
    std::string atLimit = parsedExpr(text(shape.most));
    EXPECT_NE(atLimit.substr(0, 6), "error:") << shape.open << shape.close;
    for (unsigned count : {shape.most + 1, 100000u}) {
      std::string error = parsedExpr(text(count));
      EXPECT_EQ(error.substr(0, 6), "error:") << shape.open << shape.close;
      EXPECT_NE(error.find("200"), std::string::npos) << error;
    }
  }
}

TEST(ParserNesting, BodiesAndSettingsStopAtTheLimit) {
  for (const char *open : {"if a {\n", "if a { } else ", "layer a {\n"}) {
    std::string text = "block b(x: int) -> int {\n";
    for (int i = 0; i < 100000; ++i)
      text += open;
    EXPECT_NE(Parsed(text).errors().find("nested more than 200 deep"),
              std::string::npos);
  }
  std::string text = "train t {\n";
  for (int i = 0; i < 100000; ++i)
    text += "learning greedy {\n";
  EXPECT_NE(Parsed(text).errors().find("nested more than 200 deep"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

/// The dump of a body's statements, or the errors.
std::string statements(const std::string &text) {
  Parsed parsed("block b(x: int) -> int {\n" + text + "\n}\n");
  if (parsed.diagnostics.hasErrors())
    return "error: " + parsed.diagnostics.errors()[0].message;
  std::string out = parsed.dump();
  return out.substr(out.find("out _ int\n") + 10);
}

TEST(ParserStatements, Bindings) {
  EXPECT_EQ(statements("x = a + 1\ny, z = f(x)"),
            "  assign (x) (+ a 1)\n  assign (y z) (call f x)\n");
}

TEST(ParserStatements, Variables) {
  EXPECT_EQ(statements("param w: float[u, C / 2, _, ...] = init\n"
                       "state m: float[C] = zeros\ncache k: i64[] = 0"),
            "  param w (tensor float u (/ C 2) _ ...) init\n"
            "  state m (tensor float C) zeros\n"
            "  cache k (tensor i64) 0\n");
}

TEST(ParserStatements, Conditions) {
  EXPECT_EQ(
      statements("if a { x = 1 } else if b { x = 2 } else { x = 3 }"),
      "  if a\n    assign (x) 1\n  else-if\n    if b\n      assign (x) 2\n"
      "    else\n      assign (x) 3\n");
}

TEST(ParserStatements, Loops) {
  EXPECT_EQ(
      statements("repeat i in 0..n - 1 { x = f(x) as h[i] }\n"
                 "repeat m in [1, 2] { }\nwhile any(x > 0) { x = x - 1 }"),
      "  repeat i 0 (- n 1)\n    assign (x) (call f x as (path h [i]))\n"
      "  repeat m [1 2]\n"
      "  while (call any (> x 0))\n    assign (x) (- x 1)\n");
}

TEST(ParserStatements, Scans) {
  EXPECT_EQ(statements("y, z = scan a, b in x, w along 1 { yield a, b }\n"
                       "scan t in x { s = s + t }"),
            "  scan (y z) (a b) x w along 1\n    yield a b\n"
            "  scan () (t) x\n    assign (s) (+ s t)\n");
}

TEST(ParserStatements, TheRest) {
  EXPECT_EQ(statements("layer conv[i].a { x = 1 }\nrequire x > 0, \"why\"\n"
                       "require y\nreturn x, y"),
            "  layer (path conv [i] a)\n    assign (x) 1\n"
            "  require (> x 0) \"why\"\n  require y\n  return x y\n");
}

TEST(ParserStatements, LinesMatter) {
  EXPECT_EQ(statements("x = a b"),
            "error: expected an operator or the end of the line, found `b`");
  EXPECT_EQ(statements("x = a y = b"),
            "error: expected an operator or the end of the line, found `y`");
  EXPECT_EQ(statements("x = f\n(a)"), "error: expected a statement, found `(`");
}

TEST(ParserStatements, SayWhatIsWrong) {
  EXPECT_EQ(statements("x.y = 1"),
            "error: only names are bound, and values do not change");
  EXPECT_EQ(statements("x[0] = 1"),
            "error: only names are bound, and values do not change");
  EXPECT_EQ(statements("f(x)"), "error: this value is not used");
  EXPECT_EQ(statements("x == 1"), "error: expected `=`, found `==`");
  EXPECT_EQ(statements("return\nx = 1"),
            "error: expected a value on the line of `return`, found `x`");
  EXPECT_EQ(statements("else { }"),
            "error: expected a statement, found `else`");
  EXPECT_EQ(statements("if x = 1 { }"), "error: `=` binds a name");
  EXPECT_EQ(statements("param w: f32[]"),
            "error: expected `=` and an initial value, found `}`");
  EXPECT_EQ(statements("scan a in x, y { }"),
            "error: 1 names for the slices of 2 values");
  EXPECT_EQ(statements("require x, y"),
            "error: expected a message in quotes, found `y`");
}

TEST(ParserStatements, SuggestWords) {
  Parsed parsed("block b(x: int) -> int {\n  retrun x\n}\n");
  ASSERT_TRUE(parsed.diagnostics.hasErrors());
  EXPECT_EQ(parsed.diagnostics.errors()[0].remedy, "did you mean `return`?");
}

//===----------------------------------------------------------------------===//
// Declarations and settings
//===----------------------------------------------------------------------===//

TEST(ParserDeclarations, Blocks) {
  Parsed parsed("block f(x: float[..., C / heads], heads: int = 2, k: [int, "
                "int] = 1,) -> (y: float[N], bool) {\n  return x, x\n} "
                "gradient(dy, dz) {\n  return dy\n}\n"
                "model m(t: [tensor]) -> (f32[]) { }\n");
  EXPECT_EQ(parsed.errors(), "");
  EXPECT_EQ(parsed.dump(), "block f\n"
                           "  in x (tensor float ... (/ C heads))\n"
                           "  in heads int = 2\n"
                           "  in k (list int int) = 1\n"
                           "  out y (tensor float N)\n"
                           "  out _ bool\n"
                           "  return x x\n"
                           "gradient (dy dz)\n"
                           "  return dy\n"
                           "model m\n"
                           "  in t (list tensor)\n"
                           "  out _ (tensor f32)\n");
}

TEST(ParserDeclarations, Files) {
  Parsed parsed("use a, b from \"blocks.varve\"\nimport \"n.onnx\" as net\n"
                "names torchvision {\n  \"a.*\" = \"b.*\"\n}\n");
  EXPECT_EQ(parsed.errors(), "");
  EXPECT_EQ(parsed.dump(), "use (a b) \"blocks.varve\"\n"
                           "import \"n.onnx\" net\n"
                           "names torchvision\n  \"a.*\" \"b.*\"\n");
}

TEST(ParserSettings, EveryKind) {
  Parsed parsed(R"(train m {
  data csv("t.csv", sep: ";") { a: f32[4] from "x", "y"  b: class("p", "q") c: class(10)  d: i64 }
  validate 0.1
  prepare { a = a / 255 }
  loss cross_entropy(a, b)
  loss side = 0.3 * aux
  metric (top) == 1
  optimizer adam(lr: 1e-3)
  group "*.bias", "norm.*" (weight_decay: 0)
  freeze "body.**"
  lora "q.*" (rank: 8)
  schedule cosine(step / steps)
  precision bf16
  learning decoupled(cuts: "conv.*") {
    loss predict = f(h) as predict
    stage "conv.0", "conv.1" {
      optimizer sgd(lr: 0.1)
    }
  }
}
infer m(cached: true) {
  tokenizer bpe("v.json")
  output digit = argmax(logits, axis: 1)
  labels digit ["a", "b"]
  generate tokens from logits (end: 0)
}
)");
  EXPECT_EQ(parsed.errors(), "");
  EXPECT_EQ(parsed.dump(), R"(train m
  data csv "t.csv" sep: ";" fields
    a (tensor f32 4) "x" "y"
    b (class "p" "q")
    c (class 10)
    d i64
  validate float:0.1
  prepare
    assign (a) (/ a 255)
  loss (call cross_entropy a b)
  loss side = (* float:0.3 aux)
  metric (== top 1)
  optimizer (call adam lr: float:0.001)
  group "*.bias" "norm.*" weight_decay: 0
  freeze "body.**"
  lora "q.*" rank: 8
  schedule (call cosine (/ step steps))
  precision bf16
  learning decoupled cuts: "conv.*" settings
    loss predict = (call f h as (path predict))
    stage "conv.0" "conv.1"
      optimizer (call sgd lr: float:0.1)
infer m cached: true
  tokenizer (call bpe "v.json")
  output digit = (call argmax logits axis: 1)
  labels digit ["a" "b"]
  generate tokens logits end: 0
)");
}

TEST(ParserSettings, TakesEveryValueSetting) {
  for (const std::string &word : ast::valueSettings()) {
    Parsed parsed("train m {\n  " + word + " 1\n}\n");
    EXPECT_EQ(parsed.dump(), "train m\n  " + word + " 1\n");
    EXPECT_EQ(parsed.errors(), "");
  }
}

TEST(ParserSettings, SayWhatIsWrong) {
  auto error = [](const std::string &setting) {
    Parsed parsed("train m {\n  " + setting + "\n}\n");
    EXPECT_TRUE(parsed.diagnostics.hasErrors()) << setting;
    if (!parsed.diagnostics.hasErrors())
      return std::string();
    const Diagnostic &first = parsed.diagnostics.errors()[0];
    return first.message + " | " + first.remedy;
  };
  EXPECT_EQ(error("bacth 3"),
            "unknown setting `bacth` | did you mean `batch`?");
  EXPECT_EQ(error("batch = 3"), "a setting has no `=` | write `batch 3`");
  EXPECT_EQ(error("batch 3 epochs 4"), "expected an operator or the end of the "
                                       "line, found `epochs` | ");
  EXPECT_EQ(error("x = 3"), "unknown setting `x` | ");
  EXPECT_EQ(error("freeze body"),
            "expected a pattern in quotes, found `body` | ");
  EXPECT_EQ(error("generate a to b"), "expected `from`, found `to` | ");
}

//===----------------------------------------------------------------------===//
// Recovery
//===----------------------------------------------------------------------===//

std::vector<unsigned> errorLines(const Parsed &parsed) {
  std::vector<unsigned> lines;
  for (const Diagnostic &error : parsed.diagnostics.errors())
    lines.push_back(parsed.sources.position(error.span).line);
  return lines;
}

TEST(ParserRecovery, OneErrorForEachWrongStatement) {
  Parsed parsed("block b(x: int) -> int {\n"
                "  x = + 1\n"
                "  y = f(x,\n"
                "    z w)\n"
                "  if x { y = ) }\n"
                "  layer 3 { a = 1\n"
                "    b = 2 }\n"
                "  z = 1\n"
                "  return x y\n"
                "}\n"
                "train m {\n"
                "  batch\n"
                "  epochs 3\n"
                "  sgd 5\n"
                "  steps 5\n"
                "}\n"
                "blok c\n"
                "model d(x: int) -> int {\n"
                "}\n");
  EXPECT_EQ(errorLines(parsed),
            (std::vector<unsigned>{2, 4, 5, 6, 9, 13, 14, 17}));
  EXPECT_EQ(parsed.dump(),
            "block b\n  in x int\n  out _ int\n  if x\n"
            "  assign (z) 1\n  return x\ntrain m\n  epochs 3\n  steps 5\n"
            "model d\n  in x int\n  out _ int\n");
}

TEST(ParserRecovery, AMissingBraceIsReportedOnce) {
  Parsed parsed("block b(x: int) -> int {\n  if x {\n    y = 1\n  return y\n}\n"
                "block c(x: int) -> int {\n  return x\n}\n");
  EXPECT_EQ(errorLines(parsed), std::vector<unsigned>{1});
  EXPECT_EQ(parsed.diagnostics.errors()[0].message, "this `{` is not closed");
  EXPECT_EQ(parsed.tree.declarations.size(), 1u);
}

TEST(ParserRecovery, AnExtraBraceIsReportedOnce) {
  Parsed parsed("block b(x: int) -> int {\n  return x\n}\n}\n"
                "block c(x: int) -> int {\n  return x\n}\n");
  EXPECT_EQ(errorLines(parsed), std::vector<unsigned>{4});
  EXPECT_EQ(parsed.tree.declarations.size(), 2u);
}

TEST(ParserRecovery, FieldsAndNamePairs) {
  Parsed parsed(
      "names n {\n  \"a\" \"b\"\n  \"c\" = \"d\"\n  e = \"f\"\n}\n"
      "train m {\n  data d { \"a\" = 1  b: f32[3 c: i64 }\n  batch 1\n"
      "}\n");
  EXPECT_EQ(errorLines(parsed), (std::vector<unsigned>{2, 4, 7, 7}));
}

TEST(ParserRecovery, StopsAtTwentyErrors) {
  std::string text = "block b(x: int) -> int {\n";
  for (int i = 0; i < 100; ++i)
    text += "  x = )\n";
  Parsed parsed(text + "}\n");
  EXPECT_EQ(parsed.diagnostics.errors().size(), 20u);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

TEST(ParserPlaces, SpansCoverTheText) {
  Sources sources;
  Diagnostics diagnostics(sources);
  std::string text = "f(x, k: (a + b) ** 2) as h[i]";
  auto expr = parseExpression(sources, sources.add("e", text), diagnostics);
  ASSERT_TRUE(expr);
  EXPECT_EQ(sources.text(expr->span), text);
  EXPECT_EQ(sources.text(expr->as.span), "h[i]");
  EXPECT_EQ(sources.text(expr->callee().span), "f");
  const ast::Argument &argument = expr->arguments[1];
  EXPECT_EQ(sources.text(argument.name->span), "k");
  EXPECT_EQ(sources.text(argument.value.span), "(a + b) ** 2");
  EXPECT_EQ(sources.text(argument.value.opSpan), "**");
  EXPECT_EQ(sources.text(argument.value.operands[0].span), "(a + b)");
}

//===----------------------------------------------------------------------===//
// Any bytes
//===----------------------------------------------------------------------===//

/// Cuts and damages at every place of a real program; whatever comes of it,
/// the parser returns.
TEST(ParserRobustness, DamagedPrograms) {
  std::string text =
      readText(std::string(VARVE_SOURCE_DIR) + "/docs/examples/dgl_cnn.varve");
  ASSERT_FALSE(text.empty());
  const std::string damage[] = {"",
                                "{",
                                "}",
                                "(",
                                ")",
                                "\"",
                                "|>",
                                "\n",
                                "=",
                                "\xFF",
                                std::string(1, '\0'),
                                "..",
                                "as ",
                                "not "};
  for (std::size_t i = 0; i <= text.size(); i += 3) {
    Parsed(text.substr(0, i));
    for (const std::string &bytes : damage) {
      Parsed inserted(text.substr(0, i) + bytes + text.substr(i));
      Parsed replaced(text.substr(0, i) + bytes +
                      text.substr(std::min(i + 1, text.size())));
      EXPECT_LE(inserted.diagnostics.errors().size(), 20u);
    }
  }
}

TEST(Prelude, Parses) {
  Parsed parsed{std::string(preludeText()), "prelude.varve"};
  EXPECT_EQ(parsed.errors(), "");
  std::vector<std::string> blocks;
  for (const ast::Declaration &declaration : parsed.tree.declarations)
    blocks.push_back(declaration.as<ast::Block>()->name.text);
  for (const char *name : {"dense", "conv2d", "batch_norm", "lstm", "mlp_sr"})
    EXPECT_NE(std::find(blocks.begin(), blocks.end(), name), blocks.end());
}

} // namespace
