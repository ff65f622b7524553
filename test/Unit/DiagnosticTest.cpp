// What a user sees: each NAME.varve in test/Language/Syntax is parsed, and the
// rendered errors must be those in NAME.expected.
#include "SyntaxHelper.h"

#include <gtest/gtest.h>

using namespace varve;
using namespace varve::test;

namespace {

TEST(SyntaxErrors, LookAsExpected) {
  auto files = filesIn("test/Language/Syntax", ".varve");
  ASSERT_FALSE(files.empty());
  for (auto file : files) {
    Parsed parsed(readText(file), file.filename().string());
    std::string expected = readText(file.replace_extension(".expected"));
    EXPECT_FALSE(expected.empty()) << file;
    EXPECT_EQ(parsed.errors(), expected);
  }
}

} // namespace
