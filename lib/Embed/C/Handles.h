// What the handles of varve-c/Varve.h are, and how structs and errors cross.
#ifndef VARVE_EMBED_C_HANDLES_H
#define VARVE_EMBED_C_HANDLES_H

#include "Embed/Guard.h"
#include "varve-c/Varve.h"
#include "varve/Runtime.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

struct varve_model {
  varve::Model model;
};

struct varve_samples {
  varve::Samples samples;
};

struct varve_instance {
  varve::Session session;
  std::vector<varve::Measure> measures;
  std::vector<varve_measure> measureViews;
  std::vector<varve::NamedTensor> outputs;
  std::vector<varve_array> outputViews;

  void setMeasures(std::vector<varve::Measure> values);
};

namespace varve::c {

int report(const Status &status, varve_error *error);

/// Runs `work`, which returns a Status, and reports how it ended.
template <class Work> int reported(varve_error *error, Work work) {
  return report(guarded(nullptr, std::move(work)), error);
}

/// The struct of a caller that may know fewer fields, or none.
template <class Struct> Struct fieldsOf(const Struct *given) {
  Struct result = {};
  if (given && given->size > 0)
    std::memcpy(&result, given,
                std::min(static_cast<size_t>(given->size), sizeof(Struct)));
  return result;
}

/// The inverse: fills the fields that the caller knows.
template <class Struct> void fill(Struct *to, Struct values) {
  if (!to || to->size <= 0)
    return;
  values.size = to->size;
  std::memcpy(to, &values,
              std::min(static_cast<size_t>(to->size), sizeof(Struct)));
}

inline std::string textOf(const char *text) { return text ? text : ""; }

std::vector<std::string> textsOf(const char *const *texts, int64_t count);
std::map<std::string, double> hyperOf(const varve_setting *settings,
                                      int64_t count);
Result<ArrayView> viewOf(const varve_array &array);
Result<std::vector<ArrayView>> viewsOf(const varve_array *arrays,
                                       int64_t count);

} // namespace varve::c
#endif
