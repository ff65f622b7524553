// Arrays, data sets and errors of the C functions.
#include "Handles.h"
#include <fmt/format.h>

using namespace varve;

namespace varve::c {

int report(const Status &status, varve_error *error) {
  if (status)
    return VARVE_OK;
  if (error)
    std::snprintf(error->message, sizeof(error->message), "%s",
                  status.error().message.c_str());
  return static_cast<int>(status.error().kind);
}

std::vector<std::string> textsOf(const char *const *texts, int64_t count) {
  return count > 0 ? std::vector<std::string>(texts, texts + count)
                   : std::vector<std::string>();
}

std::map<std::string, double> hyperOf(const varve_setting *settings,
                                      int64_t count) {
  std::map<std::string, double> hyper;
  for (int64_t i = 0; i < count; ++i)
    hyper[settings[i].name] = settings[i].value;
  return hyper;
}

Result<ArrayView> viewOf(const varve_array &array) {
  if (!array.name)
    return Error{"an array has no name", ErrorKind::Usage};
  if (varve_dtype_bytes(array.dtype) == 0 || array.rank < 0)
    return Error{fmt::format("array '{}' has dtype {} and rank {}", array.name,
                             array.dtype, array.rank),
                 ErrorKind::Usage};
  return ArrayView{array.name,
                   static_cast<DType>(array.dtype),
                   {array.shape, array.shape + array.rank},
                   array.data};
}

Result<std::vector<ArrayView>> viewsOf(const varve_array *arrays,
                                       int64_t count) {
  std::vector<ArrayView> views;
  for (int64_t i = 0; i < count; ++i) {
    auto view = viewOf(arrays[i]);
    if (!view)
      return view.error();
    views.push_back(std::move(*view));
  }
  return views;
}

} // namespace varve::c

int varve_samples_create(varve_instance *instance, const varve_array *array,
                         int64_t arrays, varve_samples **samples,
                         varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto views = c::viewsOf(array, arrays);
    if (!views)
      return views.error();
    auto made = instance->session.samples(*views);
    if (!made)
      return made.error();
    *samples = new varve_samples{std::move(*made)};
    return {};
  });
}

int varve_samples_load(varve_instance *instance, const char *data,
                       const char *folder, int test, varve_samples **samples,
                       varve_error *error) {
  return c::reported(error, [&]() -> Status {
    auto loaded = instance->session.loadSamples(
        c::textOf(data), c::textOf(folder),
        test ? SamplesPart::Test : SamplesPart::Train);
    if (!loaded)
      return loaded.error();
    *samples = new varve_samples{std::move(*loaded)};
    return {};
  });
}

int64_t varve_samples_count(const varve_samples *samples) {
  return samples->samples.size();
}

void varve_samples_destroy(varve_samples *samples) { delete samples; }

void varve_epoch_order(uint64_t seed, uint64_t epoch, int64_t count,
                       int64_t *order) {
  varve_shuffle(seed, epoch, VARVE_EPOCH_ORDER, count, order);
}
