// Broken models end in a diagnostic: examples with tokens removed, repeated,
// exchanged or replaced, imported without crash, hang or invalid program.
// VARVE_MUTANTS sets how many (default 150).
#include "ImportHelper.h"
#include "Support/File.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <random>

using namespace varve;
using namespace varve::test;
namespace fs = std::filesystem;

namespace {

/// Words, numbers, runs of blanks, and single other characters.
std::vector<std::string> tokensOf(const std::string &text) {
  auto isWord = [](char c) {
    return std::isalnum((unsigned char)c) || c == '_';
  };
  std::vector<std::string> tokens;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (isWord(text[i]))
      while (end < text.size() && isWord(text[end]))
        ++end;
    else if (text[i] == '"')
      end = std::min(text.find('"', end), text.size() - 1) + 1;
    tokens.push_back(text.substr(i, end - i));
    i = end;
  }
  return tokens;
}

class Mutator {
public:
  explicit Mutator(uint64_t seed) : random(seed) {
    for (const auto &entry : fs::directory_iterator(VARVE_EXAMPLES_DIR))
      if (entry.path().extension() == ".varve")
        paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const fs::path &path : paths)
      texts.push_back(tokensOf(*readFile(path.string())));
  }

  std::string next() {
    std::vector<std::string> tokens = texts[below(texts.size())];
    for (size_t n = 1 + below(4); n > 0; --n)
      mutate(tokens);
    std::string text;
    for (const std::string &token : tokens)
      text += token;
    return text;
  }

  size_t below(size_t count) { return random() % count; }

private:
  void mutate(std::vector<std::string> &tokens) {
    static const char *const odd[] = {
        "0",   "-1", "999999999999", "none",     "[]",    "0.5",  "[1, 2]",
        "f32", "N",  "x[0]",         "training", "\"a\"", "zeros"};
    size_t i = below(tokens.size());
    switch (below(5)) {
    case 0:
      tokens.erase(tokens.begin() + i);
      break;
    case 1:
      tokens[i] = odd[below(std::size(odd))];
      break;
    case 2: {
      const auto &other = texts[below(texts.size())];
      tokens[i] = other[below(other.size())];
      break;
    }
    case 3:
      tokens.insert(tokens.begin() + i, tokens[below(tokens.size())]);
      break;
    default:
      std::swap(tokens[i], tokens[below(tokens.size())]);
    }
    if (tokens.empty())
      tokens.push_back("x");
  }

  std::mt19937_64 random;
  std::vector<fs::path> paths;
  std::vector<std::vector<std::string>> texts;
};

TEST(ImportMutation, EndsInAProgramOrADiagnostic) {
  const char *count = getenv("VARVE_MUTANTS"), *seed = getenv("VARVE_SEED");
  Mutator mutator(seed ? std::atoll(seed) : 1);
  unsigned imported = 0, rejected = 0;
  for (int i = 0, n = count ? std::atoi(count) : 150; i < n; ++i) {
    static const char *const functions[] = {"train_step", "eval_step", "infer"};
    ImportRequest request =
        requestOf(mutator.next(), functions[mutator.below(3)]);
    request.dims = {{"T", 8}, {"S", 8}, {"H", 32}, {"W", 32}};
    // What crashed can be looked at.
    if (const char *kept = getenv("VARVE_KEEP")) {
      ASSERT_TRUE(writeFile(kept, {request.function + "\n" + request.text}));
    }
    Imported net(request);
    if (net.func) {
      ++imported;
      continue;
    }
    ++rejected;
    EXPECT_FALSE(net.error.message.empty());
    EXPECT_EQ(net.error.message.find("is not valid"), std::string::npos)
        << net.error.message << "\n"
        << request.text;
  }
  // Else the mutants say nothing.
  EXPECT_GT(imported, 0u);
  EXPECT_GT(rejected, 0u);
}

} // namespace
