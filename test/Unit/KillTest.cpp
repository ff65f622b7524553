// Training that is killed (SIGKILL) at any moment and resumed ends with the
// bytes of training that never was; Ctrl-C saves.
#include "Learn/Checkpoint.h"
#include "Learn/Interrupt.h"
#include "Support/Safetensors.h"
#include "Tiny.h"
#include <chrono>
#include <cstdlib>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace varve {
namespace {

TrainOptions optionsIn(const TemporaryFolder &folder) {
  TrainOptions options;
  options.epochs = 30;
  options.seed = 5;
  options.validate = 0.1;
  options.checkpointEvery = 3;
  options.checkpoint = folder / "checkpoint";
  options.out = folder / "w.safetensors";
  options.resume = true;
  return options;
}

/// Trains in a process of its own, two threads; exits with 0 when done.
pid_t startTraining(const TemporaryFolder &folder, const Dataset &data) {
  pid_t child = fork();
  if (child != 0)
    return child;
  Result<Program> program = Program::open(tiny, 2, {"train_step", {8}});
  bool fine = program && train(*program, data, nullptr, optionsIn(folder));
  _exit(fine ? 0 : 1);
}

/// Waits; true when the process ended by itself, with success.
bool finished(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return false;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return true;
}

int64_t stepsDone(const TemporaryFolder &folder) {
  Program program = openTiny();
  auto progress = readProgress(folder / "checkpoint", program);
  EXPECT_TRUE(progress) << progress.error().message;
  return *progress ? (*progress)->totalSteps : 0;
}

TEST(Kill, AtManyTimesAndResumedIsNeverKilled) {
  Dataset data = makeData(61);
  TemporaryFolder whole;
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(finished(startTraining(whole, data)));
  auto time = std::chrono::duration_cast<std::chrono::microseconds>(
                  std::chrono::steady_clock::now() - start)
                  .count();
  std::string expected = whole.read("w.safetensors");
  ASSERT_FALSE(expected.empty());

  std::mt19937 random(17);
  TemporaryFolder folder;
  int kills = 0;
  int64_t steps = 0;
  for (bool done = false; !done;) {
    pid_t child = startTraining(folder, data);
    // Longer and longer, so that the test ends on a busy machine as well.
    std::this_thread::sleep_for(
        std::chrono::microseconds(random() % (time / 8 + time * kills / 50)));
    kill(child, SIGKILL);
    done = finished(child);
    kills += !done;
    int64_t now = stepsDone(folder);
    EXPECT_GE(now, steps); // never backwards, never torn
    steps = now;
    ASSERT_LT(kills, 500);
  }
  EXPECT_GT(kills, 3);
  EXPECT_EQ(folder.read("w.safetensors"), expected);
  std::string best = folder.read("checkpoint/checkpoint.safetensors");
  EXPECT_EQ(best, whole.read("checkpoint/checkpoint.safetensors"));
}

TEST(Kill, InterruptSavesAndResumes) {
  Dataset data = makeData(61);
  TemporaryFolder folder, whole;
  TrainOptions options = optionsIn(whole);
  Program program = openTiny();
  ASSERT_TRUE(train(program, data, nullptr, options));

  // A real signal, in the middle of the fourth epoch.
  struct Signaller : Recorder {
    int steps = 0;
    void onStep(const StepReport &) override {
      if (++steps == 25)
        std::raise(SIGINT);
    }
  } signaller;
  options = optionsIn(folder);
  options.checkpoint.clear(); // nothing but the interruption writes one
  options.interrupted = folder / "w.checkpoint";
  options.observer = &signaller;
  {
    InterruptFlag interrupt;
    options.cancel = interrupt.flag();
    auto outcome = train(program, data, nullptr, options);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->end, TrainOutcome::End::Interrupted);
    EXPECT_EQ(outcome->steps, 25);
    EXPECT_EQ(outcome->checkpoint,
              folder / "w.checkpoint/checkpoint.safetensors");
    EXPECT_EQ(folder.read("w.safetensors"), "");
  }
  InterruptFlag again;
  options.cancel = again.flag();
  ASSERT_TRUE(train(program, data, nullptr, options));
  EXPECT_EQ(folder.read("w.safetensors"), whole.read("w.safetensors"));
}

TEST(Kill, TornAndForeignCheckpointsAreRefused) {
  TemporaryFolder folder;
  Dataset data = makeData(20);
  TrainOptions options = optionsIn(folder);
  options.epochs = 1;
  Program program = openTiny();
  ASSERT_TRUE(train(program, data, nullptr, options));
  std::string file = folder.read("checkpoint/checkpoint.safetensors");
  std::string weights = folder.read("w.safetensors");
  auto refused = [&](const std::string &bytes, const char *part) {
    std::string path = folder.write("checkpoint/checkpoint.safetensors", bytes);
    auto outcome = train(program, data, nullptr, options);
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().message.find(path), std::string::npos);
    EXPECT_NE(outcome.error().message.find(part), std::string::npos)
        << outcome.error().message;
  };
  refused("", "");
  refused(file.substr(0, file.size() - 1), "");
  refused(file.substr(0, 100), "");
  refused(weights, "is no checkpoint of this version (its format is ''");
  std::string broken = file;
  broken.replace(broken.find("total_steps"), 5, "TOTAL");
  refused(broken, "progress is malformed");
  broken = file;
  broken.replace(broken.find("state/fit.bias"), 14, "state/fit.bios");
  refused(broken, "no 'state/fit.bias'");
}

} // namespace
} // namespace varve
