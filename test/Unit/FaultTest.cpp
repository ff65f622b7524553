// A process that dies before, after or in the middle of each write, fsync and
// rename of its checkpoints and weights, and goes on: the same bytes as of one
// that never died. A full disk is one clear error and leaves files whole.
#include "TemporaryFolder.h"
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <sys/wait.h>

namespace varve {
namespace {

/// Runs train_tiny in the folder with the shim; the status as wait gives it.
int run(const TemporaryFolder &folder, const std::string &fault) {
  return std::system(
      fmt::format("env LD_PRELOAD='{}' VARVE_FAULT='{}' VARVE_FAULT_CALLS='{}' "
                  "'{}' '{}' 2>'{}'",
                  VARVE_FAULT_SHIM, fault, folder / "calls", VARVE_TRAIN_TINY,
                  folder.path, folder / "messages")
          .c_str());
}

bool succeeded(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// The shell says 128 + 9 of a child that was killed.
bool wasKilled(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL;
}

class Fault : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(succeeded(run(whole, "")));
    calls = whole.read("calls");
    // Four checkpoints and the weights: writes, two fsync (file and folder)
    // and a rename each.
    ASSERT_EQ(std::count(calls.begin(), calls.end(), 'r'), 5);
    ASSERT_EQ(std::count(calls.begin(), calls.end(), 'f'), 10);
    ASSERT_GE(std::count(calls.begin(), calls.end(), 'w'), 5);
  }
  void expectSame(const TemporaryFolder &folder) const {
    for (const char *name :
         {"w.safetensors", "checkpoint/checkpoint.safetensors"})
      EXPECT_EQ(folder.read(name), whole.read(name)) << name;
    // What died left nothing behind.
    std::filesystem::directory_iterator entries(folder / "checkpoint");
    EXPECT_EQ(std::distance(entries, {}), 1);
  }

  TemporaryFolder whole;
  std::string calls; ///< "wwfrf..."
};

TEST_F(Fault, KilledAtEachPointAndResumed) {
  for (const char *mode : {"before", "torn", "after"})
    for (size_t call = 0; call < calls.size(); ++call) {
      if (std::string_view(mode) == "torn" && calls[call] != 'w')
        continue;
      SCOPED_TRACE(fmt::format("{} {}", mode, call));
      TemporaryFolder folder;
      ASSERT_TRUE(wasKilled(run(folder, fmt::format("{} {}", mode, call))));
      ASSERT_TRUE(succeeded(run(folder, ""))) << folder.read("messages");
      expectSame(folder);
    }
}

TEST_F(Fault, KilledAgainAndAgain) {
  // Each run gets a few calls further than the one before.
  TemporaryFolder folder;
  int runs = 0;
  for (int status = -1; !succeeded(status); ++runs) {
    ASSERT_LT(runs, 200);
    status = run(folder, fmt::format("torn {}", 5 + runs));
    ASSERT_TRUE(succeeded(status) || wasKilled(status))
        << folder.read("messages");
  }
  EXPECT_GT(runs, 3);
  expectSame(folder);
}

TEST_F(Fault, FullDiskIsOneErrorAndLeavesFilesWhole) {
  for (size_t call = 0; call <= calls.rfind('w'); call += 3) {
    SCOPED_TRACE(call);
    TemporaryFolder folder;
    int status = run(folder, fmt::format("full {}", call));
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 1);
    std::string messages = folder.read("messages");
    EXPECT_EQ(std::count(messages.begin(), messages.end(), '\n'), 1);
    EXPECT_NE(messages.find("No space left on device"), std::string::npos)
        << messages;
    // The checkpoint renamed before is still there.
    EXPECT_EQ(
        std::filesystem::exists(folder / "checkpoint/checkpoint.safetensors"),
        calls.find('r') <= call);
    ASSERT_TRUE(succeeded(run(folder, ""))) << folder.read("messages");
    expectSame(folder);
  }
}

} // namespace
} // namespace varve
