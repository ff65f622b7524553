// The host's allocator: it sees every large allocation, gets all of it back,
// and may fail at any time. malloc is replaced to see what passes it by.
#include "EmbedHelper.h"
#include <atomic>

namespace {
std::atomic<size_t> largest{0};

void note(size_t size) {
  size_t before = largest;
  while (size > before && !largest.compare_exchange_weak(before, size)) {
  }
}
} // namespace

extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  note(size);
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  note(count * size);
  return __libc_calloc(count, size);
}
void *realloc(void *pointer, size_t size) {
  note(size);
  return __libc_realloc(pointer, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}
}

using namespace varve;

namespace {

/// Counts, and fails at allocation number `failing`.
struct Host {
  std::map<void *, size_t> live;
  size_t bytes = 0, peak = 0;
  int64_t count = 0, failing = -1;
  bool consistent = true;
  varve_allocator allocator = {allocate, release, this};

  static void *allocate(void *context, size_t bytes, size_t alignment) {
    auto *host = static_cast<Host *>(context);
    if (host->count++ == host->failing)
      return nullptr;
    size_t whole = (bytes + alignment - 1) / alignment * alignment;
    void *memory = __libc_memalign(alignment, whole);
    host->live[memory] = bytes;
    host->bytes += bytes;
    host->peak = std::max(host->peak, host->bytes);
    return memory;
  }
  static void release(void *context, void *memory, size_t bytes) {
    auto *host = static_cast<Host *>(context);
    auto found = host->live.find(memory);
    host->consistent &= found != host->live.end() && found->second == bytes;
    if (found != host->live.end())
      host->live.erase(found);
    host->bytes -= bytes;
    std::free(memory);
  }
};

constexpr int width = 512, hidden = 128;
constexpr size_t large = 64 << 10;

/// Everything that a session does with memory. The first error ends it.
Status useAll(const Model &model, const Arrays &arrays, Host &host,
              const TemporaryFolder &folder, bool &measured) {
  auto opened = Session::open(model, {1, &host.allocator, "train_step", 0});
  if (!opened)
    return opened.error();
  Session session = std::move(*opened);
  // Compiled functions are read from their files the first time.
  for (int round = 0; round < 2; ++round) {
    largest = 0;
    auto samples = session.samples(arrays.views());
    if (!samples)
      return samples.error();
    TrainOptions options;
    options.epochs = 1;
    options.validate = 0.25; // keeps the best weights
    options.out = folder / "w.safetensors";
    options.checkpoint = folder / "c";
    if (auto outcome = session.train(*samples, options); !outcome)
      return outcome.error();
    if (auto loss = session.step(Arrays(16, 2, width).views()); !loss)
      return loss.error();
    if (auto measures = session.evaluate(*samples); !measures)
      return measures.error();
    if (auto outputs = session.run({arrays.views()[0]}); !outputs)
      return outputs.error();
    if (auto names = session.loadWeights(options.out); !names)
      return names.error();
    if (Status loaded = session.loadCheckpoint(options.checkpoint); !loaded)
      return loaded;
    if (auto value = session.state("hidden.weight"); !value)
      return value.error();
    measured = round == 1;
  }
  return {};
}

TEST(EmbedMemory, TheHostSeesEveryLargeAllocation) {
  TemporaryFolder folder;
  Model model = openModel(modelText(width, hidden));
  Arrays arrays(256, 1, width);
  Host host;
  bool measured = false;
  Status used = useAll(model, arrays, host, folder, measured);
  ASSERT_TRUE(used) << used.error().message;
  ASSERT_TRUE(measured);
  EXPECT_LT(largest, large);
  EXPECT_TRUE(host.consistent);
  EXPECT_TRUE(host.live.empty()) << host.bytes << " bytes were kept";
  // Weights, two slots and the best weights; samples.
  EXPECT_GT(host.peak, size_t(4 * width * hidden * 4 + 256 * width * 4));
}

TEST(EmbedMemory, EveryFailureIsAnError) {
  TemporaryFolder folder;
  Model model = openModel(modelText(width, hidden));
  Arrays arrays(64, 1, width);
  Host good;
  bool measured;
  ASSERT_TRUE(useAll(model, arrays, good, folder, measured));
  ASSERT_GT(good.count, 50);
  // A prime distance meets every place in the end; all of them take long.
  for (int64_t failing = 0; failing < good.count; failing += 7) {
    Host host;
    host.failing = failing;
    Status used = useAll(model, arrays, host, folder, measured);
    ASSERT_FALSE(used) << failing;
    EXPECT_NE(used.error().message.find("out of memory"), std::string::npos)
        << used.error().message;
    EXPECT_TRUE(host.live.empty()) << failing;
    EXPECT_TRUE(host.consistent) << failing;
  }
}

} // namespace
