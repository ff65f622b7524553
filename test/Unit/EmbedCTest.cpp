// The C functions: the same bits as C++, errors, structs of older callers.
#include "EmbedHelper.h"
#include "varve-c/Varve.h"

using namespace varve;

namespace {

// Layouts that programs are compiled against: only longer ones may come.
static_assert(sizeof(varve_array) == 40);
static_assert(sizeof(varve_versions) == 48);
static_assert(sizeof(varve_model_options) == 64);
static_assert(sizeof(varve_instance_options) == 40);
static_assert(sizeof(varve_step_settings) == 56);
static_assert(sizeof(varve_step_report) == 64);
static_assert(sizeof(varve_epoch_report) == 56);
static_assert(sizeof(varve_train_options) == 152);
static_assert(sizeof(varve_train_outcome) == 40);
static_assert(sizeof(varve_measure) == 16 && sizeof(varve_setting) == 16);
static_assert(sizeof(varve_error) == 512);

class EmbedC : public testing::Test {
protected:
  void SetUp() override {
    setenv("VARVE_CACHE", VARVE_TEST_CACHE, 1);
    varve_model_options options = {};
    options.size = sizeof options;
    options.path = "tiny.varve";
    text = modelText();
    options.text = text.c_str();
    ASSERT_EQ(varve_model_open(&options, &model, &error), VARVE_OK)
        << error.message;
    varve_instance_options one = {};
    one.size = sizeof one;
    one.threads = 1;
    ASSERT_EQ(varve_instance_open(model, &one, &instance, &error), VARVE_OK)
        << error.message;
  }
  void TearDown() override {
    varve_samples_destroy(samples);
    varve_instance_close(instance);
    varve_model_close(model);
  }

  /// The arrays of a batch; `arrays` and `shapes` outlive the call.
  std::vector<varve_array> arraysOf(const Arrays &from) {
    shapes[0] = shapes[2] = from.count;
    shapes[1] = from.width;
    return {{"x", VARVE_F32, 2, shapes, from.x.data()},
            {"y", VARVE_U8, 1, shapes + 2, from.y.data()}};
  }
  void makeSamples(const Arrays &from) {
    auto arrays = arraysOf(from);
    ASSERT_EQ(
        varve_samples_create(instance, arrays.data(), 2, &samples, &error),
        VARVE_OK)
        << error.message;
    EXPECT_EQ(varve_samples_count(samples), from.count);
  }

  std::string text;
  varve_error error = {""};
  varve_model *model = nullptr;
  varve_instance *instance = nullptr;
  varve_samples *samples = nullptr;
  int64_t shapes[3];
};

/// The weights of a session and of an instance are the same bits.
void expectSame(const Session &session, const varve_instance *instance) {
  for (const auto &[name, bits] : bitsOf(session)) {
    std::string other(bits.size(), '\0');
    ASSERT_EQ(varve_instance_get_state(instance, name.c_str(), other.data(),
                                       other.size(), nullptr),
              VARVE_OK);
    EXPECT_EQ(other, bits) << name;
  }
}

TEST_F(EmbedC, TrainsAsTheClassDoes) {
  Arrays arrays(50);
  makeSamples(arrays);
  struct Counts {
    int steps, epochs;
    std::string measures;
  } counts = {0, 0, ""};
  varve_train_options options = {};
  options.size = sizeof options;
  uint64_t seed = 5;
  options.seed = &seed;
  options.epochs = 3;
  varve_setting rate = {"optimizer.lr", 0.02};
  options.hyper = &rate;
  options.hypers = 1;
  options.context = &counts;
  options.step = [](void *context, const varve_step_report *report) {
    ++static_cast<Counts *>(context)->steps;
    EXPECT_EQ(report->steps, 4);
    return 0;
  };
  options.epoch = [](void *context, const varve_epoch_report *report) {
    auto *counts = static_cast<Counts *>(context);
    EXPECT_EQ(report->epoch, ++counts->epochs);
    counts->measures = report->measure[report->measures - 1].name;
  };
  varve_train_outcome outcome = {};
  outcome.size = sizeof outcome;
  ASSERT_EQ(varve_instance_train(instance, samples, samples, &options, &outcome,
                                 &error),
            VARVE_OK)
      << error.message;
  EXPECT_EQ(outcome.end, VARVE_TRAIN_FINISHED);
  EXPECT_EQ(outcome.steps, 12);
  EXPECT_EQ(counts.steps, 12);
  EXPECT_EQ(counts.epochs, 3);
  EXPECT_EQ(counts.measures, "accuracy");
  EXPECT_GT(varve_instance_measure(instance, "test_accuracy"), 0.5);
  EXPECT_TRUE(std::isnan(varve_instance_measure(instance, "no such")));

  Session session = openSession(openModel());
  TrainOptions same;
  same.seed = 5;
  same.epochs = 3;
  same.hyper["optimizer.lr"] = 0.02;
  ASSERT_TRUE(session.train(samplesOf(session, arrays), same));
  expectSame(session, instance);

  const varve_measure *measures;
  ASSERT_EQ(varve_instance_evaluate(instance, samples, 0, &error), VARVE_OK);
  ASSERT_EQ(varve_instance_measures(instance, &measures), 2);
  EXPECT_STREQ(measures[0].name, "loss");
}

TEST_F(EmbedC, StepsAsTheClassDoes) {
  Arrays arrays(20);
  Session session = openSession(openModel());
  ASSERT_TRUE(session.initialize(3));
  ASSERT_EQ(varve_instance_initialize(instance, 3, &error), VARVE_OK);
  for (int i = 0; i < 3; ++i) {
    double loss = 0;
    auto batch = arraysOf(arrays);
    ASSERT_EQ(varve_instance_step(instance, batch.data(), 2, &loss, &error),
              VARVE_OK)
        << error.message;
    auto same = session.step(arrays.views());
    ASSERT_TRUE(same);
    EXPECT_EQ(loss, *same);
    EXPECT_EQ(varve_instance_measure(instance, "loss"), loss);
  }
  makeSamples(arrays);
  std::vector<int64_t> order(20);
  varve_epoch_order(3, 0, 20, order.data());
  EXPECT_EQ(order, epochOrder(20, 3, 0));
  ASSERT_EQ(varve_instance_step_samples(instance, samples, order.data(), 16,
                                        nullptr, &error),
            VARVE_OK);
  ASSERT_TRUE(session.step(samplesOf(session, arrays), order.data(), 16));
  expectSame(session, instance);
}

TEST_F(EmbedC, CancelsByTheCallback) {
  makeSamples(Arrays(50));
  varve_train_options options = {};
  options.size = sizeof options;
  options.step = [](void *, const varve_step_report *report) {
    return int(report->step == 2);
  };
  varve_train_outcome outcome = {};
  outcome.size = sizeof outcome;
  ASSERT_EQ(varve_instance_train(instance, samples, nullptr, &options, &outcome,
                                 &error),
            VARVE_OK)
      << error.message;
  EXPECT_EQ(outcome.end, VARVE_TRAIN_CANCELLED);
  EXPECT_EQ(outcome.steps, 2);
}

TEST_F(EmbedC, RunsAndKeepsOutputsUntilTheNext) {
  Arrays arrays(4);
  auto input = arraysOf(arrays);
  const varve_array *output = nullptr;
  int64_t outputs = 0;
  ASSERT_EQ(varve_instance_run(instance, input.data(), 1, 1, &output, &outputs,
                               &error),
            VARVE_OK)
      << error.message;
  ASSERT_EQ(outputs, 1);
  EXPECT_STREQ(output->name, "logits");
  ASSERT_EQ(output->rank, 2);
  EXPECT_EQ(output->shape[0], 4);
  EXPECT_EQ(output->shape[1], 2);
  auto same = openSession(openModel()).run({arrays.views()[0]});
  ASSERT_TRUE(same);
  EXPECT_EQ(std::memcmp(output->data, (*same)[0].value.data.data(), 32), 0);
}

TEST_F(EmbedC, SavesAndLoads) {
  TemporaryFolder folder;
  std::string weights = folder / "w.safetensors", checkpoint = folder / "c";
  varve_instance *other = nullptr;
  ASSERT_EQ(varve_instance_open(model, nullptr, &other, &error), VARVE_OK);
  ASSERT_EQ(varve_instance_initialize(instance, 9, &error), VARVE_OK);
  ASSERT_EQ(varve_instance_save(instance, weights.c_str(), &error), VARVE_OK);
  ASSERT_EQ(varve_instance_load(other, weights.c_str(), &error), VARVE_OK);
  float mine[2], theirs[2] = {1, 1};
  varve_instance_get_state(instance, "output.bias", mine, 8, nullptr);
  varve_instance_get_state(other, "output.bias", theirs, 8, nullptr);
  EXPECT_EQ(std::memcmp(mine, theirs, 8), 0);

  int64_t two = 2;
  varve_array value = {"output.bias", VARVE_F32, 1, &two, mine};
  mine[0] = 42;
  ASSERT_EQ(varve_instance_set_state(instance, &value, &error), VARVE_OK);
  ASSERT_EQ(
      varve_instance_save_checkpoint(instance, checkpoint.c_str(), &error),
      VARVE_OK);
  ASSERT_EQ(varve_instance_load_checkpoint(other, checkpoint.c_str(), &error),
            VARVE_OK);
  varve_instance_get_state(other, "output.bias", theirs, 8, nullptr);
  EXPECT_EQ(theirs[0], 42);
  varve_instance_close(other);
}

TEST_F(EmbedC, ErrorsAreStatusAndText) {
  varve_model_options wrong = {};
  wrong.size = sizeof wrong;
  wrong.text = "model m(";
  varve_model *bad = nullptr;
  varve_instance *none = nullptr;
  ASSERT_EQ(varve_model_open(&wrong, &bad, &error), VARVE_OK);
  EXPECT_EQ(varve_instance_open(bad, nullptr, &none, &error), VARVE_BAD_INPUT);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(std::strncmp(error.message, "model.varve:1:", 14), 0)
      << error.message;
  EXPECT_EQ(varve_instance_open(bad, nullptr, &none, nullptr), VARVE_BAD_INPUT);
  varve_model_close(bad);

  float value = 0;
  EXPECT_EQ(
      varve_instance_get_state(instance, "output.bias", &value, 4, &error),
      VARVE_USAGE);
  EXPECT_STREQ(error.message, "'output.bias' has 8 bytes, not 4");
  varve_array strange = {"x", 99, 1, shapes, &value};
  EXPECT_EQ(varve_instance_step(instance, &strange, 1, nullptr, &error),
            VARVE_USAGE);
  EXPECT_EQ(varve_instance_load(instance, "no/such", &error), VARVE_BAD_INPUT);
}

// A caller that was compiled against fewer fields gets no others written.
TEST_F(EmbedC, StructsOfOlderCallers) {
  varve_versions versions;
  std::memset(&versions, 0x55, sizeof versions);
  varve_versions untouched = versions;
  versions.size = 2 * sizeof(int64_t);
  varve_get_versions(&versions);
  EXPECT_EQ(versions.api, VARVE_API_VERSION);
  EXPECT_EQ(versions.artifact, untouched.artifact);

  makeSamples(Arrays(50));
  varve_train_options options = {};
  options.size = offsetof(varve_train_options, steps);
  options.epochs = 1;
  options.steps = 3; // behind the end
  varve_train_outcome outcome = {};
  outcome.size = sizeof outcome;
  ASSERT_EQ(varve_instance_train(instance, samples, nullptr, &options, &outcome,
                                 &error),
            VARVE_OK)
      << error.message;
  EXPECT_EQ(outcome.steps, 4);
}

} // namespace
