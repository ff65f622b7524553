// Tokenizers against what Hugging Face's `tokenizers` 0.23 makes of the same
// vocabularies (fixtures/tokenizers): odd strings, and the whole of a text.
#include "Support/File.h"
#include "TemporaryFolder.h"
#include "Text/BytePair.h"
#include "Text/SentencePiece.h"
#include "Text/WordPiece.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace varve;

namespace {

std::string fixture(const std::string &name) {
  return std::string(VARVE_SOURCE_DIR) + "/test/Unit/fixtures/tokenizers/" +
         name;
}

std::unique_ptr<Tokenizer> open(TokenizerSpec spec) {
  auto made = openTokenizer(spec, {"", {fixture("")}, {}, nullptr});
  EXPECT_TRUE(made) << made.error().message;
  return made ? std::move(*made) : nullptr;
}

std::unique_ptr<Tokenizer> open(const std::string &name) {
  if (name == "bpe")
    return open({"bpe", {"vocab.json", "merges.txt"}});
  return open({"wordpiece", {name + ".txt"}});
}

std::vector<int32_t> encoded(const Tokenizer &tokenizer,
                             std::string_view text) {
  std::vector<int32_t> tokens;
  Status cut = tokenizer.encode(text, tokens);
  EXPECT_TRUE(cut) << cut.error().message;
  return tokens;
}

class Peer : public testing::TestWithParam<const char *> {};
INSTANTIATE_TEST_SUITE_P(All, Peer, testing::Values("bpe", "uncased", "cased"));

TEST_P(Peer, OddStrings) {
  auto tokenizer = open(GetParam());
  ASSERT_TRUE(tokenizer);
  auto text = readFile(fixture("expected.json"));
  ASSERT_TRUE(text);
  nlohmann::json rows = nlohmann::json::parse(*text);
  ASSERT_GT(rows.size(), 60u);
  for (const auto &row : rows)
    EXPECT_EQ(encoded(*tokenizer, row["text"].get<std::string>()),
              row[GetParam()].get<std::vector<int32_t>>())
        << row["text"];
}

TEST_P(Peer, AWholeText) {
  auto text = readFile(std::string(VARVE_DATA_DIR) +
                       "/text/tinyshakespeare.txt");
  if (!text)
    GTEST_SKIP() << "no " VARVE_DATA_DIR "/text/tinyshakespeare.txt";
  auto tokenizer = open(GetParam());
  ASSERT_TRUE(tokenizer);
  std::vector<int32_t> tokens = encoded(*tokenizer, *text);
  uint64_t hash = 0xcbf29ce484222325; // FNV-1a of the numbers' bytes
  for (int32_t token : tokens)
    for (int i = 0; i < 4; ++i)
      hash = (hash ^ (static_cast<uint32_t>(token) >> 8 * i & 255)) *
             0x100000001b3;
  struct Expected {
    size_t count;
    uint64_t hash;
  };
  const std::map<std::string, Expected> expected = {
      {"bpe", {532439, 0x81cd701eb8964487}},
      {"uncased", {480847, 0x7f7e7772b704cd43}},
      {"cased", {528135, 0xfed8a690bc6af893}}};
  EXPECT_EQ(tokens.size(), expected.at(GetParam()).count);
  EXPECT_EQ(hash, expected.at(GetParam()).hash);
}

TEST(BytePair, GivesBackEveryByte) {
  auto tokenizer = open("bpe");
  ASSERT_TRUE(tokenizer);
  std::string bytes;
  for (int i = 0; i < 256; ++i)
    bytes += std::string(1, static_cast<char>(i)) + "x";
  bytes += "caf\xC3\xA9 \xE2\x82"; // and a character that is cut off
  EXPECT_EQ(tokenizer->decode(encoded(*tokenizer, bytes)), bytes);
  EXPECT_EQ(tokenizer->find("<|endoftext|>"), 0);
  EXPECT_EQ(tokenizer->decode({0}), "<|endoftext|>");
  EXPECT_TRUE(tokenizer->find(" the").has_value());
  EXPECT_FALSE(tokenizer->find("<|nothing|>").has_value());
}

// Time grows with the length, not with its square.
TEST(BytePair, TakesLongWords) {
  auto tokenizer = open("bpe");
  ASSERT_TRUE(tokenizer);
  std::string word(1 << 20, 'e');
  EXPECT_EQ(tokenizer->decode(encoded(*tokenizer, word)), word);
}

TEST(BytePair, SaysWhatIsWrongInItsFiles) {
  auto vocabulary = readFile(fixture("vocab.json"));
  ASSERT_TRUE(vocabulary);
  auto messageOf = [&](std::string_view json, std::string_view merges) {
    auto made = BytePairTokenizer::parse(json, "vocab.json", merges, "m.txt");
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(messageOf(*vocabulary, "#version: 0.2\n\nt h\r\n"), "");
  EXPECT_EQ(messageOf("[]", ""), "vocab.json: it is no JSON object of tokens");
  EXPECT_EQ(messageOf("{", ""), "vocab.json: it is no JSON object of tokens");
  EXPECT_EQ(messageOf("{\"a\": 1}", ""),
            "vocab.json: token 'a' has number 1; 1 tokens are numbered from "
            "0, each once");
  EXPECT_EQ(messageOf("{\"a\": 0, \"b\": 0}", ""),
            "vocab.json: token 'b' has number 0; 2 tokens are numbered from "
            "0, each once");
  EXPECT_EQ(messageOf("{\"a\": -1}", ""),
            "vocab.json: token 'a' has number -1; 1 tokens are numbered from "
            "0, each once");
  EXPECT_EQ(messageOf("{\"a\": 0}", ""),
            "vocab.json: byte 0x00, 'Ā', is no token");
  EXPECT_EQ(messageOf(*vocabulary, "t h\nt hq\n"),
            "m.txt:2: 't hq' does not merge two tokens of vocab.json to a "
            "third");
  EXPECT_EQ(messageOf(*vocabulary, "th\n"),
            "m.txt:1: 'th' does not merge two tokens of vocab.json to a third");
}

TEST(WordPiece, WordsComeBack) {
  auto tokenizer = open("uncased");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->decode(encoded(*tokenizer, "The  KING, and I!")),
            "the king , and i !");
  EXPECT_TRUE(tokenizer->find("[MASK]").has_value());
  auto bad = WordPieceTokenizer::parse("a\nb\n", "vocab.txt");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message,
            "vocab.txt: there is no token '[UNK]' among 2");
}

TEST(Tokenizer, FindsItsFiles) {
  TemporaryFolder folder;
  folder.write("cased.txt", "[UNK]\nA\n");
  TokenizerSpec spec{"wordpiece", {"vocabulary/cased.txt"}};
  // A folder has the file under its plain name; a file may have any.
  EXPECT_TRUE(openTokenizer(spec, {folder.path, {}, {}, nullptr}));
  EXPECT_TRUE(openTokenizer(spec, {folder / "cased.txt", {}, {}, nullptr}));
  auto none = openTokenizer(spec, {"", {"/nowhere"}, {}, nullptr});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "'vocabulary/cased.txt' of tokenizer `wordpiece` is not found as "
            "/nowhere/vocabulary/cased.txt; give its folder with --tokenizer");
  auto file = openTokenizer({"bpe", {"a", "b"}},
                            {folder / "cased.txt", {}, {}, nullptr});
  EXPECT_FALSE(file);
}

TEST(SentencePiece, RefusesWhatIsNoModel) {
  auto bad = parseSentencePiece("no model", "x.model");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "x.model: it is no SentencePiece model");
}

// Expected values by PyPI's sentencepiece 0.2, which also made the model.
TEST(SentencePiece, DoesAsItsLibrary) {
  auto tokenizer = open(TokenizerSpec{"sentencepiece", {"small.model"}});
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->size(), 400);
  using Tokens = std::vector<int32_t>;
  EXPECT_EQ(encoded(*tokenizer, "Hello, World!"),
            (Tokens{135, 66, 12, 5, 3, 398, 61, 21, 11, 52}));
  EXPECT_EQ(encoded(*tokenizer, "the king and the queen"),
            (Tokens{14, 3, 65, 45, 30, 14, 3, 282, 64}));
  EXPECT_EQ(encoded(*tokenizer, "  two  spaces "),
            (Tokens{3, 7, 27, 12, 43, 26, 6, 86, 4}));
  EXPECT_EQ(encoded(*tokenizer, "naïve 你好 x"),
            (Tokens{3, 19, 6, 383, 54, 3, 0, 346, 3, 102}));
  EXPECT_EQ(encoded(*tokenizer, ""), Tokens());
  EXPECT_EQ(tokenizer->decode({3, 7, 27, 12, 43, 26, 6, 86, 4}), "two spaces");
  EXPECT_EQ(tokenizer->find("\u2581the"), 14);
  EXPECT_EQ(tokenizer->find("<unk>"), 0);
  EXPECT_EQ(tokenizer->find("nothing of it"), std::nullopt);
}

} // namespace
