// Exported models for any number of samples.
#ifndef VARVE_ONNX_EXPORTSAMPLES_H
#define VARVE_ONNX_EXPORTSAMPLES_H

#include "Onnx/Model.h"
#include "varve/Result.h"
#include <array>

namespace varve::onnx {

/// A function's model for one number of samples.
struct SizedModel {
  int64_t samples = 0;
  Model model;
};
template <class T> using OfThree = std::array<T, 3>;

/// Makes of the first model one for any number of samples, by what tells it
/// from the others; these need no values of state. Fails (Unsupported), and
/// leaves no model, where that is more than a size.
Status openSamples(OfThree<SizedModel> &models);

} // namespace varve::onnx
#endif
