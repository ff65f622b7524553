// Runs a compiled step on a crew of threads that wait spinning, and clocks.
#ifndef VARVE_TEST_BENCHMARKS_CREW_H
#define VARVE_TEST_BENCHMARKS_CREW_H

#include "Unit/CodegenHelper.h"

#include <chrono>
#include <ctime>

namespace varve {

inline double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

/// One caller and spinning workers, so that the start of a call costs little.
class Crew {
public:
  Crew(const Program &p, const std::vector<void *> &args, int threads)
      : program(p), args(args), arena(p.arenaBytes, {}) {
    team.threads = threads;
    for (int t = 1; t < threads; ++t)
      workers.emplace_back([this, t] {
        for (int turn = 0;;) {
          while (go.load(std::memory_order_acquire) == turn)
            __builtin_ia32_pause();
          turn = go.load();
          if (turn < 0)
            return;
          call(t);
          done.fetch_add(1);
        }
      });
  }
  ~Crew() {
    go = -1;
    for (auto &w : workers)
      w.join();
  }
  int size() const { return team.threads; }
  void run() {
    done = 0;
    go.fetch_add(1);
    call(0);
    while (done.load() + 1 < team.threads)
      __builtin_ia32_pause();
  }

private:
  void call(int t) {
    program.loaded.artifact->function[0].run(nullptr, args.data(), arena.data(),
                                             &team.team, t, team.threads);
  }
  const Program &program;
  std::vector<void *> args;
  GuardedArena arena;
  TestTeam team;
  std::atomic<int> go{0}, done{0};
  std::vector<std::thread> workers;
};

/// Processor time of the caller: alone, it is what a call takes on a machine
/// that does nothing else.
inline double processorTime() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

} // namespace varve

#endif
