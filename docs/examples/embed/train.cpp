// Trains a model in epochs: `train points.varve WEIGHTS` on points made here,
// `train mnist_mlp.varve WEIGHTS FOLDER` on the data set in a folder.
#include "circle.h"
#include "varve/Runtime.h"
#include <cstdio>

using namespace varve;

struct Progress : TrainObserver {
  void onEpoch(const EpochReport &report) override {
    std::printf("epoch %d of %d:", int(report.epoch), int(report.epochs));
    for (const auto &[name, value] : report.measures)
      std::printf("  %s %.4f", name.c_str(), value);
    std::printf("\n");
  }
  bool cancelled() override { return false; } // asked after each step
};

static Result<Samples> points(Session &session, uint64_t seed) {
  std::vector<float> x(2 * 1000);
  std::vector<uint8_t> kind(1000);
  circle_points(seed, 1000, x.data(), kind.data());
  return session.samples({{"x", DType::F32, {1000, 2}, x.data()},
                          {"kind", DType::U8, {1000}, kind.data()}});
}

static Status run(int argc, char **argv) {
  auto model = Model::open({argv[1]});
  if (!model)
    return model.error();
  auto session = Session::open(*model);
  if (!session)
    return session.error();
  const char *folder = argc > 3 ? argv[3] : nullptr;
  auto data = folder ? session->loadSamples("", folder) : points(*session, 1);
  if (!data)
    return data.error();
  auto test = folder ? session->loadSamples("", folder, SamplesPart::Test)
                     : points(*session, 2);
  if (!test)
    return test.error();
  Progress progress;
  TrainOptions options;
  options.observer = &progress;
  options.out = argv[2];
  if (folder)
    options.epochs = 1;
  auto outcome = session->train(*data, options, &*test);
  if (!outcome)
    return outcome.error();
  for (const auto &[name, value] : outcome->test)
    std::printf("%s %.4f\n", name.c_str(), value);
  return {};
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 64;
  Status status = run(argc, argv);
  if (!status)
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return status ? 0 : int(status.error().kind);
}
