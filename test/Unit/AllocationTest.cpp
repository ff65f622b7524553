// Training allocates nothing in a step: counted by operator new and malloc's
// own hooks of this executable.
#include "Learn/Train.h"
#include "Tiny.h"
#include <cstdlib>
#include <dlfcn.h>

namespace {
volatile int64_t allocations = 0;
}

// glibc lets a program replace malloc and its relatives; these forward to the
// originals and count.
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  allocations = allocations + 1;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  allocations = allocations + 1;
  return __libc_calloc(count, size);
}
void *realloc(void *pointer, size_t size) {
  allocations = allocations + 1;
  return __libc_realloc(pointer, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  allocations = allocations + 1;
  return __libc_memalign(alignment, size);
}
}

namespace varve {
namespace {

/// Notes the count at each step of one epoch.
struct Counter : TrainObserver {
  std::vector<int64_t> counts = std::vector<int64_t>(2000);
  size_t steps = 0;
  void onStep(const StepReport &) override { counts[steps++] = allocations; }
};

TEST(Allocation, NoneInAThousandSteps) {
  Dataset data = makeData(8 * 1000 + 3);
  Program program = openTiny(2);
  TrainOptions options;
  options.epochs = 1;
  Counter counter;
  options.observer = &counter;
  int64_t before = allocations;
  ASSERT_TRUE(train(program, data, nullptr, options));
  EXPECT_GT(allocations, before); // it does count
  ASSERT_EQ(counter.steps, 1001u);
  EXPECT_EQ(counter.counts[0], counter.counts[1000]);
}

TEST(Allocation, NoneInTheProgressBar) {
  std::FILE *null = std::fopen("/dev/null", "w");
  TextReporter reporter(null, /*terminal=*/true);
  StepReport report{1, 2, 1, 100};
  reporter.onStep(report);
  int64_t before = allocations;
  for (int i = 1; i <= 100; ++i) {
    report.step = i;
    report.seconds = i * 0.2;
    reporter.onStep(report);
  }
  EXPECT_EQ(allocations, before);
  std::fclose(null);
}

} // namespace
} // namespace varve
