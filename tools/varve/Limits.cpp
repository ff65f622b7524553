// Measures peak arithmetic and memory bandwidth with loops that do nothing
// else. The vectors are GCC's, as wide as the function's target has registers.
#include "Limits.h"
#include "varve-c/Runtime.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace varve::cli {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Enough independent chains to hide the latency of an FMA: 4 cycles, two a
// cycle, on what we know; more do not fit the registers of AVX2.
constexpr int chains = 10;
constexpr int64_t rounds = 1 << 16;

#if defined(__x86_64__)
#define VARVE_TARGET(features) __attribute__((target(features)))
#else
#define VARVE_TARGET(features)
#endif

#define VARVE_PEAK(NAME, FEATURES, BYTES)                                      \
  VARVE_TARGET(FEATURES) double NAME() {                                       \
    typedef float Vector __attribute__((vector_size(BYTES)));                  \
    Vector sums[chains] = {};                                                  \
    Vector x = {}, y = {};                                                     \
    asm volatile("" : "+m"(x), "+m"(y));                                       \
    auto start = Clock::now();                                                 \
    for (int64_t i = 0; i < rounds; ++i)                                       \
      for (int c = 0; c < chains; ++c)                                         \
        sums[c] = sums[c] * x + y;                                             \
    double seconds = secondsSince(start);                                      \
    for (Vector & sum : sums)                                                  \
      asm volatile("" : "+m"(sum));                                            \
    return 2.0 * rounds * chains * (BYTES / 4) / seconds;                      \
  }

VARVE_PEAK(peak256, "avx2,fma", 32)
VARVE_PEAK(peak512, "avx512f", 64)
VARVE_PEAK(peak128, "sse2", 16)

double peakFlops() {
  auto measure = varve_cpu_supports("x86-64-v4")   ? peak512
                 : varve_cpu_supports("x86-64-v3") ? peak256
                                                   : peak128;
  double best = 0;
  for (int i = 0; i < 20; ++i)
    best = std::max(best, measure());
  return best;
}

// Copying reads one byte and writes one.
double copyRate(size_t bytes) {
  std::vector<char> from(bytes, 1), to(bytes, 2);
  size_t times = (size_t(64) << 20) / bytes;
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    auto start = Clock::now();
    for (size_t j = 0; j < times; ++j) {
      std::memcpy(to.data(), from.data(), bytes);
      asm volatile("" : : "r"(to.data()) : "memory");
    }
    best = std::max(best, 2.0 * static_cast<double>(bytes * times) /
                              secondsSince(start));
  }
  return best;
}

// All threads measure at the same time; their rates add up.
template <class F> double together(int64_t threads, F measure) {
  std::vector<double> rates(static_cast<size_t>(threads));
  std::vector<std::thread> team;
  for (double &rate : rates)
    team.emplace_back([&rate, measure] { rate = measure(); });
  double sum = 0;
  for (std::thread &thread : team)
    thread.join();
  for (double rate : rates)
    sum += rate;
  return sum;
}

} // namespace

uint64_t readTicks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#endif
}

Limits measureLimits(int64_t threads) {
  Limits limits;
  auto start = Clock::now();
  uint64_t ticks = readTicks();
  limits.flops = together(threads, peakFlops);
  limits.memory = together(threads, [] { return copyRate(32 << 20); });
  limits.cache = together(threads, [] { return copyRate(128 << 10); });
  limits.tickRate =
      static_cast<double>(readTicks() - ticks) / secondsSince(start);
  return limits;
}

} // namespace varve::cli
