// Training and evaluation in C.
#include "Handles.h"

using namespace varve;

namespace {

/// Hands reports to the callbacks of a program in C.
class CallbackObserver : public TrainObserver {
public:
  explicit CallbackObserver(const varve_train_options &options)
      : options(options) {}

  void onStep(const StepReport &report) override {
    if (!options.step)
      return;
    varve_step_report values = {sizeof(varve_step_report),
                                report.epoch,
                                report.epochs,
                                report.step,
                                report.steps,
                                report.loss,
                                report.seconds,
                                report.samplesPerSecond};
    stop |= options.step(options.context, &values) != 0;
  }

  void onEpoch(const EpochReport &report) override {
    if (!options.epoch)
      return;
    std::vector<varve_measure> measures;
    for (const Measure &measure : report.measures)
      measures.push_back({measure.first.c_str(), measure.second});
    varve_epoch_report values = {sizeof(varve_epoch_report),
                                 report.epoch,
                                 report.epochs,
                                 report.seconds,
                                 report.samplesPerSecond,
                                 measures.data(),
                                 static_cast<int64_t>(measures.size())};
    options.epoch(options.context, &values);
  }

  bool cancelled() override { return stop; }

private:
  const varve_train_options &options;
  bool stop = false;
};

template <class T> void setUnlessZero(std::optional<T> &to, T value) {
  if (value)
    to = value;
}

TrainOptions optionsOf(const varve_train_options &given) {
  TrainOptions options;
  setUnlessZero(options.batch, given.batch);
  setUnlessZero(options.epochs, given.epochs);
  setUnlessZero(options.steps, given.steps);
  if (given.seed)
    options.seed = static_cast<int64_t>(*given.seed);
  if (given.validate)
    options.validate = *given.validate;
  if (given.patience)
    options.patience = std::max<int64_t>(given.patience, 0);
  if (given.monitor)
    options.monitor = given.monitor;
  options.hyper = c::hyperOf(given.hyper, given.hypers);
  if (given.init_from)
    options.initFrom = given.init_from;
  options.keepState = given.keep_state != 0;
  options.out = c::textOf(given.out);
  options.checkpoint = c::textOf(given.checkpoint);
  setUnlessZero(options.checkpointEvery, given.checkpoint_every);
  options.resume = given.resume != 0;
  return options;
}

int64_t endOf(TrainOutcome::End end) {
  switch (end) {
  case TrainOutcome::End::Finished:
    return VARVE_TRAIN_FINISHED;
  case TrainOutcome::End::StoppedEarly:
    return VARVE_TRAIN_STOPPED_EARLY;
  case TrainOutcome::End::Interrupted:
    return VARVE_TRAIN_CANCELLED;
  }
  return VARVE_TRAIN_FINISHED;
}

int reportStep(varve_instance *instance, const Result<double> &result,
               double *loss, varve_error *error) {
  return c::reported(error, [&]() -> Status {
    if (!result)
      return result.error();
    instance->setMeasures(instance->session.measures());
    if (loss)
      *loss = *result;
    return {};
  });
}

} // namespace

int varve_instance_configure(varve_instance *instance,
                             const varve_step_settings *given,
                             varve_error *error) {
  return c::reported(error, [&] {
    varve_step_settings settings = c::fieldsOf(given);
    return instance->session.configure(
        {settings.seed, settings.epoch, settings.epochs, settings.steps,
         c::hyperOf(settings.hyper, settings.hypers)});
  });
}

int varve_instance_step(varve_instance *instance, const varve_array *array,
                        int64_t arrays, double *loss, varve_error *error) {
  auto result = guarded(nullptr, [&]() -> Result<double> {
    auto views = c::viewsOf(array, arrays);
    if (!views)
      return views.error();
    return instance->session.step(*views);
  });
  return reportStep(instance, result, loss, error);
}

int varve_instance_step_samples(varve_instance *instance,
                                const varve_samples *samples,
                                const int64_t *index, int64_t count,
                                double *loss, varve_error *error) {
  return reportStep(instance,
                    instance->session.step(samples->samples, index, count),
                    loss, error);
}

int varve_instance_train(varve_instance *instance, const varve_samples *samples,
                         const varve_samples *test,
                         const varve_train_options *given,
                         varve_train_outcome *outcome, varve_error *error) {
  return c::reported(error, [&]() -> Status {
    varve_train_options fields = c::fieldsOf(given);
    TrainOptions options = optionsOf(fields);
    CallbackObserver observer(fields);
    options.observer = &observer;
    auto trained = instance->session.train(samples->samples, options,
                                           test ? &test->samples : nullptr);
    if (!trained)
      return trained.error();
    c::fill(outcome, {0, endOf(trained->end), trained->epochs, trained->steps,
                      trained->seconds});
    std::vector<Measure> measures = std::move(trained->last);
    measures.insert(measures.end(), trained->test.begin(), trained->test.end());
    instance->setMeasures(std::move(measures));
    return {};
  });
}

int varve_instance_evaluate(varve_instance *instance,
                            const varve_samples *samples, int64_t batch,
                            varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto measures = instance->session.evaluate(samples->samples, batch);
    if (!measures)
      return measures.error();
    instance->setMeasures(std::move(*measures));
    return {};
  });
}
