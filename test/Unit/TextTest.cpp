// Tokenizers, and texts as data sets.
#include "Data/DataSource.h"
#include "Support/File.h"
#include "Support/Utf8.h"
#include "TemporaryFolder.h"
#include "Text/Characters.h"
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace varve;

namespace {

std::vector<int32_t> encoded(const Tokenizer &tokenizer,
                             std::string_view text) {
  std::vector<int32_t> tokens;
  Status cut = tokenizer.encode(text, tokens);
  EXPECT_TRUE(cut) << cut.error().message;
  return tokens;
}

TEST(Utf8, CharactersThereAndBack) {
  std::string text;
  for (char32_t c : {U'\0', U'a', U'\x7F', U'\x80', U'é', U'\x7FF', U'\x800',
                     U'€', U'\xFFFF', U'\x10000', U'𐍈', U'\x10FFFF'})
    appendCharacter(text, c);
  std::string_view rest = text;
  std::vector<char32_t> back;
  while (!rest.empty())
    back.push_back(takeCharacter(rest));
  EXPECT_EQ(back, (std::vector<char32_t>{
                      U'\0', U'a', U'\x7F', U'\x80', U'é', U'\x7FF', U'\x800',
                      U'€', U'\xFFFF', U'\x10000', U'𐍈', U'\x10FFFF'}));
  std::string_view bad = "\xE2\x82z"; // the third byte of a character lacks
  EXPECT_EQ(takeCharacter(bad), replacementCharacter);
  EXPECT_EQ(bad, "\x82z");
}

TEST(Characters, AreNumberedByCodePoint) {
  auto tokenizer = CharacterTokenizer::ofText("b€a b\né");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->size(), 6);
  // In order: newline, space, a, b, é, €.
  EXPECT_EQ(encoded(**tokenizer, "a€b\n é"),
            (std::vector<int32_t>{2, 5, 3, 0, 1, 4}));
  EXPECT_EQ((*tokenizer)->decode({5, 0, 4}), "€\né");
  EXPECT_EQ((*tokenizer)->find("é"), 4);
  EXPECT_EQ((*tokenizer)->find("x"), std::nullopt);
  EXPECT_EQ((*tokenizer)->find("ab"), std::nullopt);
  auto again = openTokenizer({"characters", {}},
                             {"", {}, (*tokenizer)->metadata(), nullptr});
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->decode({5, 0, 4}), "€\né");
}

TEST(Characters, SayWhereTheyFail) {
  auto bad = CharacterTokenizer::ofText("ab\nc\xFF");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "line 2, column 2: byte 0xff is no UTF-8");
  auto tokenizer = CharacterTokenizer::ofText("abc\n");
  ASSERT_TRUE(tokenizer);
  std::vector<int32_t> tokens;
  Status cut = (*tokenizer)->encode("a\nb€d", tokens);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().message,
            "line 2, column 2: '€' (U+20AC) is none of the 4 characters that "
            "the model learnt");
  EXPECT_FALSE(CharacterTokenizer::ofText(""));
  EXPECT_FALSE(openTokenizer({"characters", {}}, {}));
}

TEST(Tokenizer, SettingsAreRead) {
  auto bpe = parseTokenizer("bpe(\"vocab.json\", \"merges.txt\")");
  ASSERT_TRUE(bpe);
  EXPECT_EQ(bpe->kind, "bpe");
  EXPECT_EQ(bpe->files,
            (std::vector<std::string>{"vocab.json", "merges.txt"}));
  EXPECT_TRUE(parseTokenizer("characters"));
  EXPECT_FALSE(parseTokenizer("bpe"));
  EXPECT_FALSE(parseTokenizer("words"));
  EXPECT_FALSE(parseTokenizer(""));
}

DataSpec textSpec() {
  return {"text",
          {{"path", "poem.txt"}, {"tokenizer", "characters"}, {"length", "4"}},
          {{"tokens", DType::I64, {4}, {}, 0, {}},
           {"next", DType::I64, {4}, {}, 0, {}}}};
}

TEST(TextSet, WindowsAreSamples) {
  TemporaryFolder folder;
  folder.write("poem.txt", "abcabcabcab"); // 11: two windows of 4, and 3 more
  auto source = DataSource::open(textSpec(), {"", folder.path, "", {}});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_FALSE(source->has(DataSplit::Test));
  auto data = source->load(DataSplit::Train);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->isText);
  EXPECT_EQ(data->samples, 2);
  const Tensor *row = data->find("text");
  ASSERT_TRUE(row && row->type == DType::I32);
  EXPECT_EQ(row->shape, (std::vector<int64_t>{9})); // and the token behind
  EXPECT_EQ(row->as<int32_t>()[8], 2);
  EXPECT_EQ(data->metadata.at("characters"), "abc");
  auto first = source->load(DataSplit::Train, {1});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->samples, 1);
  EXPECT_EQ(first->find("text")->shape, (std::vector<int64_t>{5}));
}

TEST(TextSet, IsFoundInFoldersOfTexts) {
  TemporaryFolder folder;
  ASSERT_TRUE(makeFolders(folder / "text"));
  folder.write("text/poem.txt", "abcabc");
  EXPECT_TRUE(DataSource::open(textSpec(), {"", folder.path, "", {}}));
  EXPECT_TRUE(DataSource::open(textSpec(), {"", "", folder.path, {}}));
  EXPECT_TRUE(DataSource::open(textSpec(), {folder / "text", "", "", {}}));
  EXPECT_TRUE(
      DataSource::open(textSpec(), {folder / "text/poem.txt", "", "", {}}));
  folder.write("train.txt", "abcabc");
  folder.write("test.txt", "cbacba");
  auto both = DataSource::open(textSpec(), {folder.path, "", "", {}});
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->has(DataSplit::Train) && both->has(DataSplit::Test));
}

TEST(TextSet, SaysWhatIsWrong) {
  TemporaryFolder folder;
  auto messageOf = [&](std::string text, TokenizerPlace place,
                       std::string vocabulary = "") {
    folder.write("poem.txt", text);
    DataSpec spec = textSpec();
    if (!vocabulary.empty())
      spec.options["vocabulary"] = vocabulary;
    auto source = DataSource::open(spec, {"", folder.path, "", place});
    auto data = source->load(DataSplit::Train);
    if (data)
      return std::string();
    const std::string &message = data.error().message;
    return message.substr(message.find("poem.txt"));
  };
  EXPECT_EQ(messageOf("abcab", {}), "");
  EXPECT_EQ(messageOf("abca", {}),
            "poem.txt: 4 tokens are too few for one window of 4 and the token "
            "behind it");
  EXPECT_EQ(messageOf("", {}), "poem.txt: an empty text has no characters");
  EXPECT_EQ(messageOf("abcab\n\xC3", {}),
            "poem.txt: line 2, column 1: byte 0xc3 is no UTF-8");
  EXPECT_EQ(messageOf("abcde", {}, "4"),
            "poem.txt: there are 5 different tokens, the model tells 4 apart");
  // The characters that the weights know.
  TokenizerPlace kept;
  kept.metadata = {{"characters", "abd"}};
  EXPECT_EQ(messageOf("abdab", kept), "");
  EXPECT_EQ(messageOf("abcab", kept),
            "poem.txt: line 1, column 3: 'c' (U+0063) is none of the 3 "
            "characters that the model learnt");
}

DataSpec pairSpec() {
  return {
      "parallel_text",
      {{"path", "train.a"}, {"path2", "train.b"}, {"tokenizer", "characters"}},
      {{"source", DType::I64, {4}, {}, 0, {}},
       {"target", DType::I64, {3}, {}, 0, {}},
       {"next", DType::I32, {3}, {}, 0, {}}}};
}

template <class T>
std::vector<T> valuesOf(const Dataset &data, std::string_view field) {
  const Tensor *found = data.find(field);
  if (!found)
    return {};
  const T *values = found->as<T>();
  return {values, values + found->elements()};
}

TEST(ParallelText, LinesArePadded) {
  TemporaryFolder folder;
  folder.write("train.a", "ab\r\nc\nabc"); // the last line has no end
  folder.write("train.b", "x\nyx\nx\n");
  auto source = DataSource::open(pairSpec(), {"", folder.path, "", {}});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_FALSE(source->has(DataSplit::Test));
  auto data = source->load(DataSplit::Train);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_FALSE(data->isText);
  EXPECT_TRUE(data->notes.empty());
  ASSERT_EQ(data->samples, 3);
  // 0 behind a line, 1 begins it, 2 ends it; a b c x y follow.
  EXPECT_EQ(valuesOf<int64_t>(*data, "source"),
            (std::vector<int64_t>{3, 4, 2, 0, 5, 2, 0, 0, 3, 4, 5, 2}));
  EXPECT_EQ(valuesOf<int64_t>(*data, "target"),
            (std::vector<int64_t>{1, 6, 0, 1, 7, 6, 1, 6, 0}));
  EXPECT_EQ(valuesOf<int32_t>(*data, "next"),
            (std::vector<int32_t>{6, 2, 0, 7, 6, 2, 6, 2, 0}));
  EXPECT_EQ(data->metadata.at("characters"), std::string("\0\2\3abcxy", 8));
  auto first = source->load(DataSplit::Train, {1});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->samples, 1);
}

TEST(ParallelText, PairsThatDoNotFitAreLeftOut) {
  TemporaryFolder folder;
  folder.write("train.a", "ab\n\nabcd\nabc\nb\n");
  folder.write("train.b", "x\nx\nx\nxyx\n\n");
  auto source = DataSource::open(pairSpec(), {"", folder.path, "", {}});
  auto data = source->load(DataSplit::Train);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->samples, 1);
  std::string path =
      std::filesystem::path(folder / "train.a").lexically_normal().string();
  EXPECT_EQ(data->notes,
            (std::vector<std::string>{
                path + ":3: 2 pairs of lines are left out: with the token that "
                       "ends it a line has more than the 4 of `source` or the "
                       "3 of `target`",
                path + ":2: 2 pairs of lines are left out: a line is empty"}));
}

TEST(ParallelText, FilesOfATestAreNamedSo) {
  TemporaryFolder folder;
  ASSERT_TRUE(makeFolders(folder / "text/wmt"));
  for (const char *name : {"train.a", "train.b", "test.a", "test.b"})
    folder.write(std::string("text/wmt/") + name, "a\n");
  DataSpec spec = pairSpec();
  // By --data, where the model names no folder, and where it names one.
  for (const char *above : {"", "wmt/"}) {
    spec.options["path"] = std::string(above) + "train.a";
    spec.options["path2"] = std::string(above) + "train.b";
    auto given = DataSource::open(spec, {folder / "text/wmt", "", "", {}});
    ASSERT_TRUE(given) << given.error().message;
    EXPECT_TRUE(given->has(DataSplit::Train) && given->has(DataSplit::Test));
  }
  // In a folder of texts, and beside the model.
  for (const DataLocation &place :
       {DataLocation{"", folder.path, "", {}},
        DataLocation{"", "", folder / "text", {}}}) {
    auto found = DataSource::open(spec, place);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(found->has(DataSplit::Train) && found->has(DataSplit::Test));
  }
}

TEST(ParallelText, SaysWhatIsWrong) {
  TemporaryFolder folder;
  std::string home =
      std::filesystem::path(folder.path + "/").lexically_normal().string();
  auto messageOf = [&](std::string a, std::string b,
                       std::map<std::string, std::string> options = {},
                       TokenizerPlace place = {}) {
    folder.write("train.a", a);
    folder.write("train.b", b);
    DataSpec spec = pairSpec();
    for (const auto &[key, value] : options)
      spec.options[key] = value;
    auto source = DataSource::open(spec, {"", folder.path, "", place});
    if (!source)
      return source.error().message;
    auto data = source->load(DataSplit::Train);
    if (data)
      return std::string();
    std::string message = data.error().message;
    for (size_t at; (at = message.find(home)) != message.npos;)
      message.erase(at, home.size());
    return message;
  };
  EXPECT_EQ(messageOf("a\n", "b\n"), "");
  EXPECT_EQ(messageOf("a\nb\n", "b\n"), "train.a has 2 lines, train.b has 1");
  EXPECT_EQ(messageOf("", ""),
            "train.a: there is no pair of lines with tokens");
  EXPECT_EQ(messageOf("\n", "b\n"),
            "train.a: there is no pair of lines with tokens");
  EXPECT_EQ(messageOf("abcd\n", "b\n"),
            "train.a: all pairs are too long: with the token that ends it a "
            "line has more than the 4 of `source` or the 3 of `target`");
  EXPECT_EQ(messageOf("a\n", "b\xC3\n"), "train.b:1: byte 0xc3 is no UTF-8");
  EXPECT_EQ(messageOf("a\nb\n", "b\n\2\n"),
            "train.b:2: U+0002 stands for the beginning, the end or what "
            "is behind it");
  EXPECT_EQ(messageOf("a\n", "b\n", {{"vocabulary", "4"}}),
            "train.a: there are 5 different tokens, the model tells 4 apart");
  EXPECT_EQ(messageOf("a\n", "b\n", {{"end", "5"}}),
            "`end: 5` of `data parallel_text` is none of the 5 tokens");
  EXPECT_EQ(messageOf("a\n", "b\n", {{"begin", "2"}}),
            "`begin: 2` of `data parallel_text` is not U+0002, which it is "
            "among characters");
  TokenizerPlace kept;
  kept.metadata = {{"characters", std::string("\0\2\3ab", 5)}};
  EXPECT_EQ(messageOf("a\n", "b\n", {}, kept), "");
  EXPECT_EQ(messageOf("a\nb\n", "b\nbc\n", {}, kept),
            "train.b:2: column 2: 'c' (U+0063) is none of the 5 "
            "characters that the model learnt");
  kept.metadata = {{"characters", "\nab"}}; // of a text that is no pair
  EXPECT_EQ(messageOf("a\n", "b\n", {}, kept),
            "`pad: 0` of `data parallel_text` is not U+0000, which it is among "
            "characters");
  ASSERT_EQ(unlink((folder / "train.b").c_str()), 0);
  DataSpec spec = pairSpec();
  auto missing = DataSource::open(spec, {"", folder.path, "/nowhere", {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "'train.a' and 'train.b' are not found in one of the folders " +
                home + ", " + home + "text, /nowhere/, /nowhere/text");
}

} // namespace
