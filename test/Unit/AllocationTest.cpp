// Training allocates nothing in a step: counted by this executable's own malloc
// and its relatives, and by mmap, on all threads. Operator new is malloc.
#include "Driver/Artifacts.h"
#include "Learn/Train.h"
#include "Tiny.h"
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {
std::atomic<int64_t> allocations{0};
}

// glibc lets a program replace malloc and its relatives; these forward to the
// originals and count.
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *pointer, size_t size) {
  ++allocations;
  return __libc_realloc(pointer, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  ++allocations;
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
void *mmap(void *at, size_t size, int protection, int flags, int file,
           off_t offset) {
  ++allocations;
  return reinterpret_cast<void *>(
      syscall(SYS_mmap, at, size, protection, flags, file, offset));
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

// The perceptron as it is compiled, on images that are made up.
TEST(Allocation, NoneInAThousandStepsOfMnistMlp) {
  ASSERT_EQ(dlsym(RTLD_DEFAULT, "mmap"), reinterpret_cast<void *>(&mmap));
  setenv("VARVE_CACHE", VARVE_TEST_CACHE, /*overwrite=*/1);
  auto artifacts = Artifacts::open({VARVE_EXAMPLES "/mnist_mlp.varve"});
  ASSERT_TRUE(artifacts) << artifacts.error().message;
  constexpr int64_t batch = 128, last = 96, pixels = 28 * 28;
  auto program = Program::open(
      [&](const ArtifactRequest &request) {
        return artifacts->get(request.function, request.batches);
      },
      2, {"train_step", {batch}});
  ASSERT_TRUE(program) << program.error().message;
  Dataset data;
  data.samples = 1000 * batch + last;
  Tensor images(DType::U8, {data.samples, 28, 28});
  Tensor labels(DType::U8, {data.samples});
  for (int64_t i = 0; i < data.samples; ++i) {
    labels.as<uint8_t>()[i] = static_cast<uint8_t>(i % 10);
    images.as<uint8_t>()[i * pixels + i % 10 * 70] = 255;
  }
  data.fields.push_back({"image", std::move(images)});
  data.fields.push_back({"label", std::move(labels)});
  TrainOptions options;
  options.epochs = 1;
  Counter counter;
  options.observer = &counter;
  auto outcome = train(*program, data, nullptr, options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(counter.steps, 1001u); // the last is the one of 96
  EXPECT_EQ(counter.counts[1000] - counter.counts[0], 0);
  EXPECT_LT(outcome->last[0].second, 0.5); // it did learn
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
