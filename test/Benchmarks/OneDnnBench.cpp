// oneDNN's f32 matrix products on the shapes of varve-kernel-bench, for the
// comparison in docs/Benchmarks.md. OMP_NUM_THREADS says how many threads. Both
// factors are packed as oneDNN likes best, before the clock starts.
#include "dnnl.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <unordered_map>
#include <vector>

using namespace dnnl;

static double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

static double secondsOfProduct(int64_t m, int64_t n, int64_t k) {
  engine cpu(engine::kind::cpu, 0);
  stream queue(cpu);
  using Desc = memory::desc;
  auto f32 = memory::data_type::f32;
  Desc plainA({m, k}, f32, memory::format_tag::ab);
  Desc anyB({k, n}, f32, memory::format_tag::any);
  Desc plainC({m, n}, f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
  matmul::primitive_desc pd(cpu, plainA, anyB, plainC);
#else
  matmul::primitive_desc pd(matmul::desc(plainA, anyB, plainC), cpu);
#endif
  memory a(pd.src_desc(), cpu), b(pd.weights_desc(), cpu),
      c(pd.dst_desc(), cpu);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> real(-1, 1);
  for (memory *x : {&a, &b}) {
    auto *data = static_cast<float *>(x->get_data_handle());
    for (size_t i = 0; i < x->get_desc().get_size() / 4; ++i)
      data[i] = real(random);
  }
  matmul product(pd);
  std::unordered_map<int, memory> args = {
      {DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
  double best = 1e9, end = now() + 0.5;
  while (now() < end) {
    const int calls = std::max<int64_t>(1, 20000000 / (m * n * k));
    double start = now();
    for (int i = 0; i < calls; ++i)
      product.execute(queue, args);
    queue.wait();
    best = std::min(best, (now() - start) / calls);
  }
  return best;
}

int main() {
  const int64_t shapes[][3] = {{128, 128, 784},  {512, 512, 512},
                               {2048, 2048, 2048}, {197, 3072, 768},
                               {197, 768, 3072}, {128, 10, 128}};
  for (auto [m, n, k] : shapes) {
    double seconds = secondsOfProduct(m, n, k);
    printf("%5ldx%ldx%ld: %8.1f us %7.1f GF\n", long(m), long(n), long(k),
           seconds * 1e6, 2e-9 * m * n * k / seconds);
  }
}
