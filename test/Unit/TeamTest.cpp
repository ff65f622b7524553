// The team of threads: barriers, joins, floating-point modes.
#include "varve-c/Runtime.h"
#include <algorithm>
#include <atomic>
#include <cfenv>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

struct TeamDeleter {
  void operator()(varve_team *team) const { varve_team_destroy(team); }
};
using TeamPtr = std::unique_ptr<varve_team, TeamDeleter>;

TeamPtr makeTeam(int64_t threads) {
  varve_error error;
  TeamPtr team(varve_team_create(threads, &error));
  EXPECT_TRUE(team) << error.message;
  return team;
}

/// Each thread writes its cell, meets the others, and reads all cells: a
/// barrier that lets one through early shows an old value. Plain memory, so
/// that ThreadSanitizer sees a missing edge as well.
struct Relay {
  std::vector<int64_t> cells;
  std::atomic<int64_t> mistakes{0};
  int64_t rounds;

  static void run(void *context, varve_team *team, int64_t thread,
                  int64_t threads) {
    auto &relay = *static_cast<Relay *>(context);
    for (int64_t round = 1; round <= relay.rounds; ++round) {
      relay.cells[thread] = round * (thread + 1);
      team->barrier(team);
      for (int64_t other = 0; other < threads; ++other)
        if (relay.cells[other] != round * (other + 1))
          ++relay.mistakes;
      team->barrier(team);
    }
  }
};

class TeamOfThreads : public testing::TestWithParam<int> {};

TEST_P(TeamOfThreads, BarriersHoldInManyRuns) {
  int64_t threads = GetParam();
  TeamPtr team = makeTeam(threads);
  EXPECT_EQ(varve_team_threads(team.get()), threads);
  Relay relay;
  relay.cells.resize(threads);
  relay.rounds = 25;
  for (int run = 0; run < 80; ++run)
    varve_team_run(team.get(), Relay::run, &relay);
  EXPECT_EQ(relay.mistakes, 0);
  EXPECT_EQ(relay.cells.back(), relay.rounds * threads);
}

TEST_P(TeamOfThreads, SleepersWake) {
  // Longer than any spin between runs: the workers sleep in the kernel.
  TeamPtr team = makeTeam(GetParam());
  std::atomic<int64_t> ran{0};
  for (int run = 0; run < 5; ++run) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    varve_team_run(
        team.get(),
        [](void *context, varve_team *, int64_t, int64_t) {
          ++*static_cast<std::atomic<int64_t> *>(context);
        },
        &ran);
  }
  EXPECT_EQ(ran, 5 * GetParam());
}

TEST_P(TeamOfThreads, UnevenSlicesAreWaitedFor) {
  TeamPtr team = makeTeam(GetParam());
  std::vector<int64_t> done(GetParam());
  for (int run = 0; run < 3; ++run) {
    std::fill(done.begin(), done.end(), 0);
    varve_team_run(
        team.get(),
        [](void *context, varve_team *, int64_t thread, int64_t) {
          std::this_thread::sleep_for(std::chrono::milliseconds(thread));
          (*static_cast<std::vector<int64_t> *>(context))[thread] = thread + 1;
        },
        &done);
    for (int64_t thread = 0; thread < GetParam(); ++thread)
      EXPECT_EQ(done[thread], thread + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(OneToSeven, TeamOfThreads,
                         testing::Values(1, 2, 3, 4, 5, 6, 7));

TEST(Team, TwoTeamsAtOnce) {
  auto work = [] {
    TeamPtr team = makeTeam(3);
    Relay relay;
    relay.cells.resize(3);
    relay.rounds = 200;
    varve_team_run(team.get(), Relay::run, &relay);
    EXPECT_EQ(relay.mistakes, 0);
  };
  std::thread other(work);
  work();
  other.join();
}

TEST(Team, RefusesNumbersThatMakeNoSense) {
  varve_error error;
  EXPECT_EQ(varve_team_create(0, &error), nullptr);
  EXPECT_EQ(std::string(error.message), "a team has 1 to 1024 threads, not 0");
  EXPECT_EQ(varve_team_create(1025, &error), nullptr);
  EXPECT_EQ(varve_team_create(-1, nullptr), nullptr);
}

TEST(Team, CpuCount) {
  EXPECT_GE(varve_cpu_count(), 1);
  EXPECT_LE(varve_cpu_count(), int64_t(std::thread::hardware_concurrency()));
}

#if defined(__x86_64__)
TEST(Team, ModesAreSetInEachThreadAndRestored) {
  // Flush to zero, subnormals as zero, towards zero: what a host may have set.
  unsigned hostile = 0x1f80 | 0x8040 | 0x6000, old = _mm_getcsr();
  _mm_setcsr(hostile);
  for (int64_t threads : {1, 3}) {
    TeamPtr team = makeTeam(threads); // the workers inherit the modes
    std::vector<unsigned> seen(3, 0x1f80);
    varve_team_run(
        team.get(),
        [](void *context, varve_team *, int64_t thread, int64_t) {
          (*static_cast<std::vector<unsigned> *>(context))[thread] =
              _mm_getcsr();
        },
        &seen);
    // Without the sticky flags of exceptions.
    for (unsigned modes : seen)
      EXPECT_EQ(modes & ~0x3fu, 0x1f80u);
    EXPECT_EQ(_mm_getcsr() & ~0x3fu, hostile);
  }
  _mm_setcsr(old);
}
#endif

} // namespace
