// A file is written whole or not at all, whatever fails on the way.
#include "Support/File.h"
#include "TemporaryFolder.h"
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace varve;

namespace {

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  TemporaryFolder folder;
  folder.write("a", "old");
  {
    auto file = AtomicFile::create(folder / "a");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new "));
    ASSERT_TRUE(file->write("text"));
    EXPECT_EQ(folder.read("a"), "old");
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(folder.read("a"), "new text");
  }
  EXPECT_EQ(folder.read("a"), "new text");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, DroppedWithoutCommitLeavesTheOldFileAlone) {
  TemporaryFolder folder;
  folder.write("a", "old");
  {
    auto file = AtomicFile::create(folder / "a");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new"));
  }
  EXPECT_EQ(folder.read("a"), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

// The bound on the size of files stands for a full disk.
TEST(AtomicFile, FailedWriteLeavesTheOldFileAlone) {
  TemporaryFolder folder;
  folder.write("a", "old");
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  auto *handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = {1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Status status = writeFile(folder / "a", {std::string(5000, 'x')});
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("cannot write"), std::string::npos);
  EXPECT_EQ(folder.read("a"), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, FailedRenameRemovesTheTemporaryFile) {
  TemporaryFolder folder;
  auto file = AtomicFile::create(folder / "a");
  ASSERT_TRUE(file);
  // A folder has taken the name in between.
  mkdir((folder / "a").c_str(), 0777);
  {
    AtomicFile dropped = std::move(*file);
    EXPECT_FALSE(dropped.commit());
  }
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, RefusesWhatIsNoRegularFile) {
  TemporaryFolder folder;
  EXPECT_FALSE(writeFile("/dev/null", {"x"}));
  EXPECT_FALSE(writeFile(folder.path, {"x"}));
  EXPECT_FALSE(writeFile("", {"x"}));
  EXPECT_FALSE(writeFile(folder / "missing/a", {"x"}));
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(AtomicFile, KeepsPermissionsAndFollowsUmaskElse) {
  TemporaryFolder folder;
  folder.write("a", "old");
  chmod((folder / "a").c_str(), 0640);
  ASSERT_TRUE(writeFile(folder / "a", {"new"}));
  struct stat info;
  stat((folder / "a").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  mode_t mask = umask(022);
  ASSERT_TRUE(writeFile(folder / "b", {"new"}));
  umask(mask);
  stat((folder / "b").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
}

TEST(AtomicFile, RemovesWhatAKilledWriterLeft) {
  TemporaryFolder folder;
  pid_t child = fork();
  if (child == 0) {
    auto file = AtomicFile::create(folder / "a");
    if (!file || !file->write("half"))
      _exit(1);
    raise(SIGKILL);
  }
  int state;
  waitpid(child, &state, 0);
  ASSERT_TRUE(WIFSIGNALED(state));
  EXPECT_EQ(folder.entries(), 1u);
  // Not another file's, and not what only looks alike.
  folder.write(".ab.1.0.tmp", "");
  folder.write(".a.mine.tmp", "");
  ASSERT_TRUE(writeFile(folder / "a", {"whole"}));
  EXPECT_EQ(folder.read("a"), "whole");
  EXPECT_EQ(folder.entries(), 3u);
}

TEST(AtomicFile, LivingWritersDoNotDisturbEachOther) {
  TemporaryFolder folder;
  auto first = AtomicFile::create(folder / "a");
  auto second = AtomicFile::create(folder / "a");
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(first->write("first"));
  ASSERT_TRUE(second->write("second"));
  ASSERT_TRUE(second->commit());
  ASSERT_TRUE(first->commit());
  EXPECT_EQ(folder.read("a"), "first");
}

TEST(InputFile, ReadsAndRefuses) {
  TemporaryFolder folder;
  folder.write("a", "0123456789");
  EXPECT_EQ(*readFile(folder / "a"), "0123456789");
  EXPECT_TRUE(readFile(folder / "a", 10));
  EXPECT_FALSE(readFile(folder / "a", 9));
  EXPECT_FALSE(readFile(folder / "missing"));
  EXPECT_FALSE(readFile(folder.path));
  mkfifo((folder / "pipe").c_str(), 0666);
  EXPECT_FALSE(readFile(folder / "pipe"));
  auto file = InputFile::open(folder / "a");
  ASSERT_TRUE(file);
  char text[4] = {};
  ASSERT_TRUE(file->read(3, text, 3));
  EXPECT_STREQ(text, "345");
  EXPECT_FALSE(file->read(8, text, 3));
}

} // namespace
