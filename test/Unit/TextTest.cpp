// Tokenizers, and texts as data sets.
#include "Data/DataSource.h"
#include "Support/File.h"
#include "Support/Utf8.h"
#include "TemporaryFolder.h"
#include "Text/Characters.h"
#include <gtest/gtest.h>

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

} // namespace
