// Speed of compiled contractions: varve-kernel-bench [level] [threads], or of a
// whole module: varve-kernel-bench level threads module.mlir (its function
// `step`, all arguments zero).
#include "Benchmarks/Crew.h"
#include "Unit/KernelText.h"

#include <fstream>
#include <sstream>

using namespace varve;

namespace {

/// Seconds of a call. Short ones are timed many together: reading the clock
/// takes a fair part of a microsecond.
double best(Crew &crew) {
  auto clock = crew.size() == 1 ? processorTime : now;
  double t = now();
  crew.run();
  const int calls = std::max(1., 2e-4 / (now() - t));
  double least = 1e9, end = now() + 1;
  for (int i = 0; i < 5 || now() < end; ++i) {
    t = clock();
    for (int c = 0; c < calls; ++c)
      crew.run();
    least = std::min(least, (clock() - t) / calls);
  }
  return least;
}

void contraction(const Variant &v, int64_t m, int64_t n, int64_t k,
                 bool transposeA, bool transposeB, Order orderB = {}) {
  Argument a{transposeA ? Shape{k, m} : Shape{m, k}, "f32", {}};
  Argument b{transposeB ? Shape{n, k} : Shape{k, n}, "f32", orderB};
  Argument out{{m, n}, "f32", {}};
  std::string t = out.tensor(), map = "affine_map<(m, n, k) -> (";
  std::string body =
      "%z = arith.constant 0.0 : f32\n%e = tensor.empty() : " + t +
      "\n%f = linalg.fill ins(%z : f32) outs(%e : " + t + ") -> " + t +
      "\n%r = linalg.generic {indexing_maps = [" + map +
      (transposeA ? "k, m" : "m, k") + ")>, " + map +
      (transposeB ? "n, k" : "k, n") + ")>, " + map +
      "m, n)>], iterator_types = [\"parallel\", \"parallel\", "
      "\"reduction\"]} ins(%a0, %a1 : " +
      a.tensor() + ", " + b.tensor() + ") outs(%f : " + t +
      ") {\n^bb0(%x: f32, %y: f32, %c: f32):\n%p = arith.mulf %x, %y : f32\n"
      "%s = arith.addf %c, %p : f32\nlinalg.yield %s : f32\n} -> " +
      t;
  double start = now();
  Program p = compileKernels(kernelModule({a, b}, {out}, body, "%r"), v, false);
  double compiled = now() - start;
  if (!p.error.empty()) {
    fprintf(stderr, "%s\n", p.error.c_str());
    return;
  }
  std::mt19937 rng(1);
  Filled<float> A(m * k, &rng), B(orderB.size(b.shape), &rng), C(m * n);
  Crew crew(p, {A.data, B.data, C.data}, v.threads);
  double s = best(crew);
  printf("%5ldx%ldx%ld%s%s%s: %8.1f us %7.1f GF, compiled in %.0f ms\n", m, n,
         k, transposeA ? " At" : "", transposeB ? " Bt" : "",
         orderB.panel ? " panels" : "", s * 1e6, 2e-9 * m * n * k / s,
         compiled * 1e3);
}

void wholeModule(const Variant &v, const char *path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  double start = now();
  Program p = compileKernels(text.str(), v, false);
  double compiled = now() - start;
  if (!p.error.empty()) {
    fprintf(stderr, "%s\n", p.error.c_str());
    return;
  }
  // Large enough for any argument.
  std::vector<Filled<float>> buffers;
  std::vector<void *> args;
  for (int i = 0; i < 20; ++i) {
    buffers.emplace_back(1 << 21);
    args.push_back(buffers.back().data);
  }
  Crew crew(p, args, v.threads);
  printf("%s: %.1f us, compiled in %.0f ms\n", path, best(crew) * 1e6,
         compiled * 1e3);
}

} // namespace

int main(int argc, char **argv) {
  Variant v;
  v.level = argc > 1 ? argv[1] : levels().back();
  v.threads = argc > 2 ? atoi(argv[2]) : 1;
  if (argc > 3) {
    wholeModule(v, argv[3]);
    return 0;
  }
  // B as the compiler stores a weight: in panels of 32 columns.
  Order panels{{0, 1}, 32};
  for (Order order : {panels, Order{}}) {
    contraction(v, 128, 128, 784, false, false, order);
    contraction(v, 512, 512, 512, false, false, order);
    contraction(v, 2048, 2048, 2048, false, false, order);
    contraction(v, 197, 3072, 768, false, false, order);
    contraction(v, 197, 768, 3072, false, false, order);
    contraction(v, 128, 10, 128, false, false, order);
    contraction(v, 1, 4096, 1024, false, false, order);
    contraction(v, 1, 1024, 4096, false, false, order);
  }
  // The gradient of a layer's input and of its weight.
  contraction(v, 128, 128, 784, false, true);
  contraction(v, 784, 128, 128, true, false);
  contraction(v, 128, 128, 10, false, true);
  contraction(v, 512, 512, 512, false, true);
}
