// Tar files as Python's tarfile wrote them, in three formats
// (test/Fuzz/Seeds/Tar), and damaged ones.
#include "Support/Tar.h"
#include "Support/File.h"
#include "Support/Inflate.h"
#include <gtest/gtest.h>

using namespace varve;

namespace {

std::string seed(const std::string &name) {
  auto bytes = readFile(VARVE_SOURCE_DIR "/test/Fuzz/Seeds/Tar/" + name);
  EXPECT_TRUE(bytes) << name;
  return bytes ? *bytes : "";
}

/// All entries, or the error.
Result<std::vector<TarEntry>> readAll(std::string_view bytes,
                                      bool contents = true) {
  std::vector<TarEntry> entries;
  TarReader reader(bytes);
  while (true) {
    auto entry = reader.next(contents);
    if (!entry)
      return entry.error();
    if (!*entry)
      return entries;
    entries.push_back(std::move(**entry));
  }
}

TEST(Tar, Formats) {
  for (const char *name : {"gnu.tar.gz", "pax.tar.gz", "ustar.tar.gz"})
    for (bool packed : {true, false}) {
      std::string bytes = seed(name);
      if (!packed)
        bytes = *gunzip(bytes);
      auto entries = readAll(bytes);
      ASSERT_TRUE(entries) << name << ": " << entries.error().message;
      ASSERT_EQ(entries->size(), 4u) << name; // neither folder nor link
      EXPECT_EQ((*entries)[0].name, "a.txt");
      EXPECT_EQ((*entries)[0].content, "alpha");
      EXPECT_EQ((*entries)[1].name,
                "folder/" + std::string(120, 'n') + "/b.bin")
          << name;
      EXPECT_EQ((*entries)[1].content, std::string(600, '\0'));
      EXPECT_EQ((*entries)[2].content, "");
      EXPECT_EQ((*entries)[3].content, "end");
      auto names = readAll(bytes, false);
      EXPECT_EQ((*names)[3].name, "last");
      EXPECT_EQ((*names)[3].content, "");
    }
}

TEST(Tar, AnyDamage) {
  std::string good = *gunzip(seed("pax.tar.gz"));
  std::string bad = good;
  bad[0] = 'b';
  EXPECT_EQ(readAll(bad).error().message, "the archive has a damaged header");
  EXPECT_EQ(readAll(std::string_view(good).substr(0, 514)).error().message,
            "'a.txt': the archive ends in an entry");
  for (size_t size = 0; size < good.size(); size += 7)
    (void)readAll(std::string_view(good).substr(0, size));
  for (size_t at = 0; at < good.size(); ++at) {
    bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    (void)readAll(bad);
  }
}

} // namespace
