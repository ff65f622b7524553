// Sessions: buffers from the host's allocator, several artifacts on one state,
// first values.
#include "varve-c/Runtime.h"
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <string>

namespace {

/// An artifact loaded for the length of a test.
struct Loaded {
  void *handle = nullptr;
  const varve_artifact *artifact;
  explicit Loaded(const char *path) {
    varve_error error{};
    artifact = varve_open(path, &handle, &error);
    EXPECT_TRUE(artifact) << error.message;
  }
  ~Loaded() { varve_close(handle); }
};

/// Counts what is allocated; fails after `left` allocations.
struct Counting {
  std::map<void *, size_t> live;
  int64_t left = INT64_MAX;
  varve_allocator hooks{allocate, release, this};

  static void *allocate(void *context, size_t bytes, size_t alignment) {
    auto &self = *static_cast<Counting *>(context);
    if (self.left-- <= 0)
      return nullptr;
    void *pointer = std::aligned_alloc(alignment, bytes);
    std::memset(pointer, 0xcd, bytes); // nothing may rely on zeros
    self.live[pointer] = bytes;
    return pointer;
  }
  static void release(void *context, void *pointer, size_t bytes) {
    auto &self = *static_cast<Counting *>(context);
    EXPECT_EQ(self.live.at(pointer), bytes);
    self.live.erase(pointer);
    std::free(pointer);
  }
};

TEST(Session, TakesAllBuffersFromTheHost) {
  Loaded tiny(VARVE_TINY_ARTIFACT);
  Counting counting;
  varve_error error;
  varve_session *session =
      varve_session_create(tiny.artifact, &counting.hooks, &error);
  ASSERT_TRUE(session) << error.message;
  EXPECT_EQ(counting.live.size(), 7u); // six state variables, the arena
  for (int64_t i = 0; i < tiny.artifact->states; ++i) {
    void *state = varve_session_state(session, i);
    EXPECT_TRUE(counting.live.count(state));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(state) % VARVE_ALIGNMENT, 0u);
    for (int64_t b = 0; b < tiny.artifact->state[i].bytes; ++b)
      EXPECT_EQ(static_cast<char *>(state)[b], 0);
  }
  ASSERT_TRUE(varve_session_initialize(session, 1, &error)) << error.message;
  EXPECT_EQ(counting.live.size(), 7u);
  varve_session_destroy(session);
  EXPECT_TRUE(counting.live.empty());
}

TEST(Session, ShortMemoryIsAnErrorAndLeaksNothing) {
  Loaded tiny(VARVE_TINY_ARTIFACT);
  for (int64_t left = 0; left < 7; ++left) {
    Counting counting;
    counting.left = left;
    varve_error error{};
    EXPECT_EQ(varve_session_create(tiny.artifact, &counting.hooks, &error),
              nullptr);
    EXPECT_EQ(std::string(error.message).substr(0, 13), "out of memory");
    EXPECT_TRUE(counting.live.empty());
  }
}

TEST(Session, FirstValuesFollowNamesAndCopiesTheirSource) {
  Loaded tiny(VARVE_TINY_ARTIFACT);
  varve_error error;
  varve_session *session = varve_session_create(tiny.artifact, nullptr, &error);
  ASSERT_TRUE(varve_session_initialize(session, 42, &error)) << error.message;
  int64_t w = varve_session_find(session, "fit.weight");
  int64_t average = varve_session_find(session, "fit.weight:average");
  ASSERT_EQ(w, 0);
  ASSERT_EQ(average, 4);
  EXPECT_EQ(varve_session_find(session, "fit"), -1);
  float expected[5], found[5], copied[5], bias;
  ASSERT_TRUE(varve_state_initialize(&tiny.artifact->state[w], 42, "fit.weight",
                                     expected, &error));
  varve_session_export(session, w, found);
  varve_session_export(session, average, copied);
  varve_session_export(session, 1, &bias);
  EXPECT_EQ(std::memcmp(found, expected, sizeof(found)), 0);
  EXPECT_EQ(std::memcmp(copied, expected, sizeof(found)), 0);
  EXPECT_EQ(bias, 0.25f);
  varve_session_destroy(session);
}

TEST(Session, AttachesTheSameProgramOnly) {
  Loaded tiny(VARVE_TINY_REST), more(VARVE_TINY_ARTIFACT),
      other(VARVE_TINY_OTHER);
  varve_error error;
  varve_session *session = varve_session_create(tiny.artifact, nullptr, &error);
  ASSERT_TRUE(session);
  void *state = varve_session_state(session, 0);
  EXPECT_TRUE(varve_session_attach(session, more.artifact, &error));
  EXPECT_EQ(varve_session_state(session, 0), state);
  EXPECT_FALSE(varve_session_attach(session, other.artifact, &error));
  EXPECT_EQ(std::string(error.message),
            "artifacts of different programs: 'tiny' and 'tiny'");

  // The same digest with another table: a broken compiler or cache.
  varve_state_desc states[6];
  std::memcpy(states, more.artifact->state, sizeof(states));
  varve_artifact altered = *more.artifact;
  altered.state = states;
  states[2].panel = 8;
  EXPECT_FALSE(varve_session_attach(session, &altered, &error));
  EXPECT_EQ(std::string(error.message),
            "artifacts of 'tiny' differ in state 'fit.weight:m'");
  varve_session_destroy(session);
}

TEST(Session, FindsFunctionsByNameAndBatch) {
  Loaded tiny(VARVE_TINY_ARTIFACT);
  EXPECT_EQ(varve_find_function(tiny.artifact, "eval_step", 5)->batch, 5);
  EXPECT_EQ(varve_find_function(tiny.artifact, "eval_step", 0)->batch, 8);
  EXPECT_EQ(varve_find_function(tiny.artifact, "infer", 0), nullptr);
  EXPECT_EQ(varve_find_function(tiny.artifact, "eval_step", 9), nullptr);
}

TEST(Session, CpuNames) {
  EXPECT_FALSE(varve_cpu_supports("x86-64-v9"));
#if defined(__x86_64__)
  EXPECT_FALSE(varve_cpu_supports("neon"));
  EXPECT_GE(varve_cpu_supports("x86-64-v3"), varve_cpu_supports("x86-64-v4"));
#else
  EXPECT_FALSE(varve_cpu_supports("x86-64-v3"));
#endif
}

} // namespace
