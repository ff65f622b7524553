// The cache gives back only what is whole and what nothing has outdated.
#include "Driver/Cache.h"
#include "Support/Hash.h"
#include "TemporaryFolder.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace varve;

namespace {

const std::string key = sha256("key"), other = sha256("other");

TEST(Cache, FindsWhatWasStored) {
  TemporaryFolder folder;
  ArtifactCache cache(folder / "deep/er");
  EXPECT_FALSE(cache.find(key, folder.path));
  EXPECT_TRUE(cache.entries().empty());
  auto stored = cache.store(key, "artifact", {});
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(cache.find(key, folder.path), *stored);
  EXPECT_FALSE(cache.find(other, folder.path));
  ASSERT_EQ(cache.entries().size(), 1u);
  EXPECT_EQ(cache.entries()[0].bytes, 8u);
  struct stat info;
  ASSERT_EQ(stat(cache.folder().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(Cache, DependenciesOutdateAnArtifact) {
  TemporaryFolder folder;
  ArtifactCache cache(folder / "cache");
  folder.write("used.varve", "one");
  auto first = cache.store(key, "a", {{"used.varve", sha256("one")}});
  ASSERT_TRUE(first);
  EXPECT_EQ(cache.find(key, folder.path), *first);
  folder.write("used.varve", "two");
  EXPECT_FALSE(cache.find(key, folder.path));
  // The new one stands beside the old one, which a process may be using.
  auto second = cache.store(key, "b", {{"used.varve", sha256("two")}});
  ASSERT_TRUE(second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(cache.find(key, folder.path), *second);
  std::filesystem::remove(folder / "used.varve");
  EXPECT_FALSE(cache.find(key, folder.path));
}

TEST(Cache, DamageIsAMiss) {
  TemporaryFolder folder;
  ArtifactCache cache(folder.path);
  auto stored = cache.store(key, "artifact", {});
  ASSERT_TRUE(stored);
  std::string name = std::filesystem::path(*stored).filename();
  folder.write(name, "artifac");
  EXPECT_FALSE(cache.find(key, folder.path));
  folder.write(name, "artifact");
  EXPECT_TRUE(cache.find(key, folder.path));
  std::string index = folder.read(key + ".json");
  for (std::string_view text : {"", "{", "[]", "{}", "3"}) {
    folder.write(key + ".json", text);
    EXPECT_FALSE(cache.find(key, folder.path)) << text;
  }
  // An index cannot lead out of the folder.
  std::string evil = index;
  evil.replace(evil.find(name), name.size(), "../" + name);
  folder.write(key + ".json", evil);
  EXPECT_FALSE(cache.find(key, folder.path));
}

TEST(Cache, TheOldestGoFirst) {
  TemporaryFolder folder;
  ArtifactCache cache(folder.path);
  setenv("VARVE_CACHE_MB", "1", 1);
  std::string bytes(400000, 'x');
  std::vector<std::string> paths;
  for (int i = 0; i < 3; ++i) {
    auto stored =
        cache.store(sha256(std::to_string(i)), bytes + std::to_string(i), {});
    ASSERT_TRUE(stored);
    // Used in the order 1, 0, 2, long ago.
    int64_t age[] = {2000, 3000, 1000};
    timespec times[2] = {};
    times[0].tv_sec = times[1].tv_sec = std::time(nullptr) - age[i];
    utimensat(AT_FDCWD, stored->c_str(), times, 0);
    paths.push_back(*stored);
  }
  // The third one made it too much already; only old ones may go.
  auto last = cache.store(key, "new", {});
  unsetenv("VARVE_CACHE_MB");
  ASSERT_TRUE(last);
  EXPECT_TRUE(std::filesystem::exists(*last));
  EXPECT_TRUE(std::filesystem::exists(paths[2]));
  EXPECT_TRUE(std::filesystem::exists(paths[0]));
  EXPECT_FALSE(std::filesystem::exists(paths[1]));
}

TEST(Cache, ClearsOnlyItsOwn) {
  TemporaryFolder folder;
  ArtifactCache cache(folder.path);
  folder.write("mine.so", "x");
  ASSERT_TRUE(cache.store(key, "artifact", {}));
  auto freed = cache.clear();
  ASSERT_TRUE(freed);
  EXPECT_GT(*freed, 8u);
  EXPECT_FALSE(cache.find(key, folder.path));
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Cache, StandardPlace) {
  setenv("VARVE_CACHE", "/a", 1);
  setenv("XDG_CACHE_HOME", "/b", 1);
  setenv("HOME", "/c", 1);
  EXPECT_EQ(ArtifactCache::standard()->folder(), "/a");
  unsetenv("VARVE_CACHE");
  EXPECT_EQ(ArtifactCache::standard()->folder(), "/b/varve");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(ArtifactCache::standard()->folder(), "/c/.cache/varve");
  unsetenv("HOME");
  EXPECT_FALSE(ArtifactCache::standard());
}

} // namespace
