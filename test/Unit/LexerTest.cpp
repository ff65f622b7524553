// Tokens, comments and places.
#include "SyntaxHelper.h"

#include "Language/Lexer.h"

#include <gtest/gtest.h>

using namespace varve;

namespace {

struct Lexed {
  explicit Lexed(const std::string &text)
      : diagnostics(sources),
        list(lex(sources, sources.add("net.varve", text), diagnostics)) {}

  /// `kind:text` of each token but the last, with a space between.
  std::string shown() const {
    const char kinds[] = {'e', 'n', 'r', 'i', 'f', 's', 'y', '!'};
    std::string out;
    for (const Token &token : list.tokens)
      if (token.kind != TokenKind::End)
        out += (out.empty() ? "" : " ") +
               std::string(1, kinds[static_cast<int>(token.kind)]) + ":" +
               std::string(token.text);
    return out;
  }
  std::string error() const {
    return diagnostics.hasErrors() ? diagnostics.errors()[0].message : "";
  }

  Sources sources;
  Diagnostics diagnostics;
  TokenList list;
};

TEST(Lexer, TellsKindsApart) {
  Lexed lexed("layer conv1 { x = f(1_000, 0.5, 1e-3, \"a\") }");
  EXPECT_EQ(lexed.shown(), "r:layer n:conv1 y:{ n:x y:= n:f y:( i:1_000 y:, "
                           "f:0.5 y:, f:1e-3 y:, s:\"a\" y:) y:}");
  EXPECT_EQ(lexed.error(), "");
}

TEST(Lexer, KnowsEveryReservedWord) {
  Lexed lexed("use from import as block model gradient train infer names layer "
              "param state cache repeat in if else scan along while yield "
              "return require and or not true false none");
  ASSERT_EQ(lexed.list.tokens.size(), 31u);
  for (std::size_t i = 0; i < 30; ++i)
    EXPECT_EQ(lexed.list.tokens[i].kind, TokenKind::Reserved)
        << lexed.list.tokens[i].text;
}

TEST(Lexer, SettingWordsAreNames) {
  EXPECT_EQ(Lexed("loss data class h").shown(), "n:loss n:data n:class n:h");
}

TEST(Lexer, ARangeIsNotAFraction) {
  EXPECT_EQ(Lexed("0..12").shown(), "i:0 y:.. i:12");
  EXPECT_EQ(Lexed("0.5..1").shown(), "f:0.5 y:.. i:1");
  EXPECT_EQ(Lexed("...").shown(), "y:...");
}

TEST(Lexer, TakesTheLongestSymbol) {
  EXPECT_EQ(Lexed("a**b*c<=d<e==f=g->h-i|>j").shown(),
            "n:a y:** n:b y:* n:c y:<= n:d y:< n:e y:== n:f y:= n:g y:-> n:h "
            "y:- n:i y:|> n:j");
}

TEST(Lexer, ExponentsNeedDigits) {
  EXPECT_EQ(Lexed("2.5E+10").shown(), "f:2.5E+10");
  EXPECT_EQ(Lexed("1e").error(), "`1e` is not a number");
  EXPECT_EQ(Lexed("12abc").error(), "`12abc` is not a number");
}

TEST(Lexer, UnderscoresStandBetweenDigits) {
  EXPECT_EQ(Lexed("1_000_000").error(), "");
  for (const char *bad : {"1_", "1__0", "1_.5"})
    EXPECT_NE(Lexed(bad).error(), "") << bad;
}

TEST(Lexer, ResolvesEscapes) {
  EXPECT_EQ(stringValue("\"a\\n\\\"b\\\"\\\\\\t\\r\""), "a\n\"b\"\\\t\r");
  EXPECT_EQ(Lexed("\"\\q\"").error(), "unknown escape in a string");
}

TEST(Lexer, StringsEndOnTheirLine) {
  Lexed lexed("a = \"never\nb");
  EXPECT_EQ(lexed.error(), "this string does not end");
  EXPECT_EQ(lexed.shown(), "n:a y:= !:\"never n:b");
}

TEST(Lexer, KnowsWhatComesFirstOnALine) {
  Lexed lexed("a b\n  c");
  EXPECT_TRUE(lexed.list.tokens[0].startsLine);
  EXPECT_FALSE(lexed.list.tokens[1].startsLine);
  EXPECT_TRUE(lexed.list.tokens[2].startsLine);
}

TEST(Lexer, KeepsCommentsWithTheNextToken) {
  Lexed lexed("a // one  \n\n// two\n\nb");
  ASSERT_EQ(lexed.list.comments.size(), 2u);
  EXPECT_EQ(lexed.list.comments[0].text, "// one");
  EXPECT_TRUE(lexed.list.comments[0].afterToken);
  EXPECT_FALSE(lexed.list.comments[1].afterToken);
  EXPECT_TRUE(lexed.list.comments[1].blankBefore);
  const Token &b = lexed.list.tokens[1];
  EXPECT_EQ(b.commentsBegin, 0u);
  EXPECT_EQ(b.commentsEnd, 2u);
  EXPECT_TRUE(b.blankBefore);
}

TEST(Lexer, TakesWindowsLineEndsAndByteOrderMarks) {
  Lexed lexed("\xEF\xBB\xBF"
              "a // c\r\nb\r\n");
  EXPECT_EQ(lexed.shown(), "n:a n:b");
  EXPECT_EQ(lexed.list.comments[0].text, "// c");
  EXPECT_EQ(lexed.error(), "");
}

TEST(Lexer, SaysWhatOtherLanguagesWrite) {
  Lexed lexed("a && b");
  EXPECT_EQ(lexed.error(), "unexpected `&&`");
  EXPECT_EQ(lexed.diagnostics.errors()[0].remedy, "write `and`");
}

TEST(Lexer, ReportsBrokenEncodingOnce) {
  Lexed lexed("// \xFF\xFE\n// \xC0\x80\na");
  EXPECT_EQ(lexed.diagnostics.errors().size(), 1u);
  EXPECT_EQ(lexed.error(), "this byte is not UTF-8");
  EXPECT_EQ(lexed.shown(), "n:a");
}

TEST(Lexer, ReportsARunOfStrangeCharactersOnce) {
  Lexed lexed("a \xCE\xB1x\xCE\xB2 b");
  EXPECT_EQ(lexed.diagnostics.errors().size(), 1u);
  EXPECT_EQ(lexed.shown(), "n:a !:\xCE\xB1x\xCE\xB2 n:b");
}

TEST(Sources, ColumnsCountCharacters) {
  Sources sources;
  FileId file = sources.add("f", "x\n\"\xC3\xA9\xC3\xA9\" y\r\nz");
  LineColumn place = sources.position({file, 9, 10});
  EXPECT_EQ(place.line, 2u);
  EXPECT_EQ(place.column, 6u);
  EXPECT_EQ(sources.lineText(file, 2), "\"\xC3\xA9\xC3\xA9\" y");
}

TEST(Diagnostics, ShowsAsTheReferenceSays) {
  Sources sources;
  Diagnostics diagnostics(sources);
  FileId file = sources.add(
      "net.varve", "\n\nmodel m(x: f32[N]) -> f32[N] {\n  x = x |> relo\n");
  diagnostics.error({file, 44, 48}, "unknown block `relo`",
                    suggest("relo", {"sqrt", "relu", "erf"}));
  EXPECT_EQ(diagnostics.render(),
            "net.varve:4:12: error: unknown block `relo`\n"
            "4 |   x = x |> relo\n"
            "  |            ^^^^ did you mean `relu`?\n");
}

TEST(Diagnostics, NotesShowTheCall) {
  Sources sources;
  Diagnostics diagnostics(sources);
  FileId file = sources.add("a", "x = f(1)\n");
  diagnostics.error({file, 6, 7}, "wrong", "", {{{file, 4, 8}, "called here"}});
  EXPECT_EQ(diagnostics.render(), "a:1:7: error: wrong\n"
                                  "1 | x = f(1)\n"
                                  "  |       ^\n"
                                  "a:1:5: note: called here\n"
                                  "1 | x = f(1)\n"
                                  "  |     ^^^^\n");
}

TEST(Diagnostics, KeepsTwentyOfAFile) {
  Sources sources;
  Diagnostics diagnostics(sources);
  FileId file = sources.add("a", "x");
  for (int i = 0; i < 25; ++i)
    diagnostics.error({file, 0, 1}, "wrong");
  EXPECT_EQ(diagnostics.errors().size(), 20u);
  EXPECT_NE(diagnostics.render().find("a: 5 more errors are not shown\n"),
            std::string::npos);
}

TEST(Diagnostics, ShowsAPartOfALongLine) {
  Sources sources;
  Diagnostics diagnostics(sources);
  FileId file =
      sources.add("a", std::string(5000, 'x') + "!" + std::string(5000, 'y'));
  diagnostics.error({file, 5000, 5001}, "here");
  std::string text = diagnostics.render();
  EXPECT_LT(text.size(), 500u);
  // The caret is under the character.
  std::size_t line = text.find("1 | "), caret = text.find('^');
  std::size_t caretLine = text.rfind('\n', caret) + 1;
  EXPECT_EQ(text[line + (caret - caretLine)], '!');
}

TEST(Suggest, FindsLikelyMisspellings) {
  std::vector<std::string> names = {"kernel", "stride", "bias", "units"};
  EXPECT_EQ(closest("kernal", names), "kernel");
  EXPECT_EQ(closest("bais", names), "bias");
  EXPECT_EQ(closest("BIAS", names), "bias");
  EXPECT_EQ(closest("padding", names), std::nullopt);
  EXPECT_EQ(closest("x", names), std::nullopt);
  EXPECT_EQ(suggest("unit", names), "did you mean `units`?");
  EXPECT_EQ(suggest("zzz", names), "");
}

} // namespace
