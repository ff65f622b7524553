// Each element of a product by itself: matrices are merged once, before a file
// is written.
#include "Support/LowRank.h"

namespace varve {

template <class T>
static void add(Tensor &weight, const Tensor &a, const Tensor &b, double scale,
                bool transposed) {
  int64_t rank = a.shape[0], in = a.shape[1], out = b.shape[0];
  T *to = weight.as<T>();
  for (int64_t o = 0; o < out; ++o)
    for (int64_t i = 0; i < in; ++i) {
      double sum = 0;
      for (int64_t r = 0; r < rank; ++r)
        sum += double(b.as<T>()[o * rank + r]) * double(a.as<T>()[r * in + i]);
      T &element = to[transposed ? i * out + o : o * in + i];
      element = T(double(element) + scale * sum);
    }
}

void addLowRank(Tensor &weight, const Tensor &a, const Tensor &b, double scale,
                bool transposed) {
  if (weight.type == DType::F64)
    add<double>(weight, a, b, scale, transposed);
  else
    add<float>(weight, a, b, scale, transposed);
}

} // namespace varve
