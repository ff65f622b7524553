// What training shows: JSON lines as programs read them, plain lines, the bar.
#include "Learn/Report.h"
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

namespace varve {
namespace {

/// What is written to a stream in memory.
class Captured {
public:
  Captured() : stream(open_memstream(&buffer, &size)) {}
  ~Captured() {
    std::fclose(stream);
    std::free(buffer);
  }
  std::string text() {
    std::fflush(stream);
    return {buffer, size};
  }

private:
  char *buffer = nullptr;
  size_t size = 0;

public:
  std::FILE *stream;
};

EpochReport report() {
  return {2, 10, {{"loss", 0.25}, {"val_loss", 0.5}}, 1.5, 4000};
}

TEST(Report, JsonEpochLine) {
  Captured out, notes;
  JsonReporter reporter(out.stream, notes.stream);
  reporter.onEpoch(report());
  reporter.onNote("resumed");
  EXPECT_EQ(out.text(),
            "{\"event\":\"epoch\",\"epoch\":2,\"loss\":0.25,\"val_loss\":0.5,"
            "\"seconds\":1.5,\"samples_per_second\":4000.0}\n");
  EXPECT_EQ(notes.text(), "resumed\n");
}

TEST(Report, JsonDoneAndEvalLines) {
  std::string done = doneLine({{"test_accuracy", 0.5}}, 7, 2.5, 0.25);
  std::string start = "{\"event\":\"done\",\"test_accuracy\":0.5,\"steps\":7,"
                      "\"seconds\":2.5,\"compile_seconds\":0.25,"
                      "\"peak_rss_mb\":";
  EXPECT_EQ(done.substr(0, start.size()), start);
  EXPECT_GT(std::atof(done.c_str() + start.size()), 1);
  EXPECT_EQ(evalLine({{"loss", 0.5}, {"accuracy", 1}}, 10000),
            "{\"event\":\"eval\",\"loss\":0.5,\"accuracy\":1.0,"
            "\"samples\":10000}");
}

TEST(Report, PlainLines) {
  Captured out;
  TextReporter reporter(out.stream, /*terminal=*/false);
  reporter.onStep({1, 10, 5, 100, 0.5, 0.1, 5000});
  reporter.onEpoch(report());
  reporter.onNote("saved");
  EXPECT_EQ(out.text(), "epoch 2/10  loss 0.2500  val_loss 0.5000  1.50 s  "
                        "4000 samples/s\nsaved\n");
}

TEST(Report, BarIsRewrittenAndGoneBeforeALine) {
  Captured out;
  TextReporter reporter(out.stream, /*terminal=*/true);
  reporter.onStep({1, 10, 50, 100, 0.5, 1, 5000});
  reporter.onStep({1, 10, 51, 100, 0.5, 1.05, 5000}); // too soon to show
  EXPECT_EQ(out.text(), "\repoch 1/10 [============            ] loss 0.5000  "
                        "5000/s  1 s left \033[K");
  reporter.onNote("saved");
  EXPECT_NE(out.text().find("\r\033[Ksaved\n"), std::string::npos);
}

} // namespace
} // namespace varve
