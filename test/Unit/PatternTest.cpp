// Patterns of names: what matches, and what stars stand for on the other side.
#include "Support/Pattern.h"
#include <gtest/gtest.h>

using namespace varve;

namespace {

std::string renamed(std::string_view ours, std::string_view theirs,
                    std::string_view name) {
  return renameByPattern(ours, theirs, name).value_or("no match");
}

TEST(Pattern, Stars) {
  EXPECT_EQ(countStars("a.b"), 0u);
  EXPECT_EQ(countStars("*.**.*"), 3u);
  EXPECT_TRUE(matchesPattern("*.bias", "a.bias"));
  EXPECT_FALSE(matchesPattern("*.bias", "a.b.bias"));
  EXPECT_TRUE(matchesPattern("**.bias", "a.b.bias"));
}

TEST(Pattern, Renames) {
  EXPECT_EQ(renamed("stem.conv1.*", "conv1.*", "stem.conv1.weight"),
            "conv1.weight");
  EXPECT_EQ(renamed("stem.conv1.*", "conv1.*", "conv1.weight"), "no match");
  EXPECT_EQ(renamed("block.*.layer.*.**", "features.block*.l*.**",
                    "block.1.layer.12.norm.weight"),
            "features.block1.l12.norm.weight");
  EXPECT_EQ(renamed("**", "bert.**", "cls.a"), "bert.cls.a");
  EXPECT_EQ(renamed("a", "b", "a"), "b");
  // A star takes what it can: the first all but what the second needs.
  EXPECT_EQ(renamed("**.**", "**-**", "a.b.c"), "a.b-c");
  EXPECT_EQ(renamed("*x*", "*|*", "axbxc"), "axb|c");
  EXPECT_EQ(renamed("**.w", "**", "w.w.w"), "w.w");
  EXPECT_EQ(renamed("*a", "<*>", "a"), "<>");
}

// Not exponential in the stars.
TEST(Pattern, IsFastOnNestedStars) {
  std::string name(200, 'a'), pattern;
  for (int i = 0; i < 40; ++i)
    pattern += "a**";
  EXPECT_EQ(renamed(pattern + "b", pattern + "b", name), "no match");
  EXPECT_EQ(renamed(pattern, pattern, name), name);
}

} // namespace
