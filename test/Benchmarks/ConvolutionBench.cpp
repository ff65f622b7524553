// Speed of compiled convolutions, forward and both adjoints, on channels-last
// tensors and packed weights: varve-conv-bench [level] [threads] [name part].
// Where oneDNN is there, it runs in turns with ours (OMP_NUM_THREADS says on
// how many threads), weights packed and activations laid out as it likes best
// before the clock starts.
#include "Benchmarks/Crew.h"
#include "Unit/CodegenHelper.h"
#include "Unit/KernelText.h"

#include <cmath>
#include <functional>
#ifdef VARVE_DNNL
#include "dnnl.hpp"
#endif

using namespace varve;

namespace {

struct Conv {
  const char *name;
  int64_t batch, channels, features, size, tap, stride;
  int64_t padding() const { return tap / 2; }
  int64_t made() const { return (size + 2 * padding() - tap) / stride + 1; }
  double flops() const {
    return 2. * batch * channels * features * made() * made() * tap * tap;
  }
};

const char *kinds[] = {"forward", "data", "weight"};

Order channelsLast() { return {{0, 2, 3, 1}, 0}; }
Order packed(int64_t features) {
  return {{2, 3, 1, 0}, features % 32 ? 0 : 32};
}

struct Ours {
  Program program;
  std::vector<Filled<float>> buffers;
  std::unique_ptr<Crew> crew;
  double compiled = 0;
};

std::unique_ptr<Ours> compile(const Conv &c, int kind, const Variant &v) {
  Argument x{{c.batch, c.channels, c.size, c.size}, "f32", channelsLast()};
  Argument w{{c.features, c.channels, c.tap, c.tap}, "f32", packed(c.features)};
  Argument y{{c.batch, c.features, c.made(), c.made()}, "f32", channelsLast()};
  Argument all[3] = {x, w, y};
  const int order[3][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
  auto at = [&](int i) -> Argument & { return all[order[kind][i]]; };
  auto two = [](int64_t n) {
    std::string s = std::to_string(n);
    return "array<i64: " + s + ", " + s + ">";
  };
  std::string body =
      std::string("%r = kernel.conv ") + kinds[kind] +
      " ins(%a0, %a1 : " + at(0).tensor() + ", " + at(1).tensor() +
      ") {strides = " + two(c.stride) + ", padding = " + two(c.padding()) +
      ", dilations = " + two(1) + ", groups = 1} -> " + at(2).tensor();
  auto ours = std::make_unique<Ours>();
  double start = now();
  ours->program = compileKernels(
      kernelModule({at(0), at(1)}, {at(2)}, body, "%r"), v, false);
  ours->compiled = now() - start;
  if (!ours->program.error.empty()) {
    fprintf(stderr, "%s\n", ours->program.error.c_str());
    exit(1);
  }
  std::mt19937 rng(1);
  std::vector<void *> args;
  ours->buffers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    ours->buffers.emplace_back(at(i).order.size(at(i).shape), &rng);
    args.push_back(ours->buffers.back().data);
  }
  ours->crew = std::make_unique<Crew>(ours->program, args, v.threads);
  return ours;
}

#ifdef VARVE_DNNL
std::function<void()> peer(const Conv &c, int kind) {
  using namespace dnnl;
  static engine cpu(engine::kind::cpu, 0);
  static stream queue(cpu);
  using Desc = memory::desc;
  auto f32 = memory::data_type::f32;
  auto any = memory::format_tag::any;
  Desc x({c.batch, c.channels, c.size, c.size}, f32, any);
  Desc w({c.features, c.channels, c.tap, c.tap}, f32, any);
  Desc y({c.batch, c.features, c.made(), c.made()}, f32, any);
  memory::dims s = {c.stride, c.stride}, p = {c.padding(), c.padding()};
  auto direct = algorithm::convolution_direct;
  auto training = prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  convolution_forward::primitive_desc fp(cpu, training, direct, x, w, y, s, p,
                                         p);
#else
  convolution_forward::primitive_desc fp({training, direct, x, w, y, s, p, p},
                                         cpu);
#endif
  std::unordered_map<int, memory> args;
  auto add = [&](int what, const Desc &d) {
    memory m(d, cpu);
    auto *data = static_cast<float *>(m.get_data_handle());
    for (size_t i = 0; i < d.get_size() / 4; ++i)
      data[i] = int(i * 7919 % 2001) / 1000.f - 1;
    args[what] = m;
  };
  primitive run;
  if (kind == 0) {
    add(DNNL_ARG_SRC, fp.src_desc());
    add(DNNL_ARG_WEIGHTS, fp.weights_desc());
    add(DNNL_ARG_DST, fp.dst_desc());
    run = convolution_forward(fp);
  } else if (kind == 1) {
#if DNNL_VERSION_MAJOR >= 3
    convolution_backward_data::primitive_desc dp(cpu, direct, x, w, y, s, p, p,
                                                 fp);
#else
    convolution_backward_data::primitive_desc dp({direct, x, w, y, s, p, p},
                                                 cpu, fp);
#endif
    add(DNNL_ARG_DIFF_DST, dp.diff_dst_desc());
    add(DNNL_ARG_WEIGHTS, dp.weights_desc());
    add(DNNL_ARG_DIFF_SRC, dp.diff_src_desc());
    run = convolution_backward_data(dp);
  } else {
#if DNNL_VERSION_MAJOR >= 3
    convolution_backward_weights::primitive_desc wp(cpu, direct, x, w, y, s, p,
                                                    p, fp);
#else
    convolution_backward_weights::primitive_desc wp({direct, x, w, y, s, p, p},
                                                    cpu, fp);
#endif
    add(DNNL_ARG_SRC, wp.src_desc());
    add(DNNL_ARG_DIFF_DST, wp.diff_dst_desc());
    add(DNNL_ARG_DIFF_WEIGHTS, wp.diff_weights_desc());
    run = convolution_backward_weights(wp);
  }
  return [=]() mutable {
    run.execute(queue, args);
    queue.wait();
  };
}
#else
std::function<void()> peer(const Conv &, int) { return {}; }
#endif

} // namespace

int main(int argc, char **argv) {
  Variant v;
  v.level = argc > 1 ? argv[1] : levels().back();
  v.threads = argc > 2 ? atoi(argv[2]) : 1;
  std::string only = argc > 3 ? argv[3] : "";
  const Conv convs[] = {{"64@56", 1, 64, 64, 56, 3, 1},
                        {"128@28", 1, 128, 128, 28, 3, 1},
                        {"256@14", 1, 256, 256, 14, 3, 1},
                        {"512@7", 1, 512, 512, 7, 3, 1},
                        {"64@32", 20, 64, 64, 32, 3, 1},
                        {"128@16", 50, 128, 128, 16, 3, 1},
                        {"256@8", 50, 256, 256, 8, 3, 1},
                        {"512@4", 50, 512, 512, 4, 3, 1},
                        {"64@8", 100, 64, 64, 8, 3, 1},
                        {"128@4", 100, 128, 128, 4, 3, 1},
                        {"256@2", 100, 256, 256, 2, 3, 1},
                        {"512@1", 100, 512, 512, 1, 3, 1},
                        {"stem@32", 100, 3, 64, 32, 7, 2},
                        {"64-128@8", 100, 64, 128, 8, 3, 2},
                        {"128-256@4", 100, 128, 256, 4, 3, 2},
                        {"256-512@2", 100, 256, 512, 2, 3, 2},
                        {"1x1-128@8", 100, 64, 128, 8, 1, 2},
                        {"1x1-256@4", 100, 128, 256, 4, 1, 2},
                        {"1x1-512@2", 100, 256, 512, 2, 1, 2}};
  double product[3] = {1, 1, 1}, compiling = 0;
  int number[3] = {};
  for (const Conv &c : convs)
    for (int kind = 0; kind < 3; ++kind) {
      std::string name = std::string(c.name) + " " + kinds[kind];
      if (name.find(only) == std::string::npos)
        continue;
      auto ours = compile(c, kind, v);
      compiling += ours->compiled;
      auto theirs = peer(c, kind);
      auto clock = v.threads == 1 ? processorTime : now;
      double mine = 1e9, peers = 1e9;
      auto time = [&](double &least, auto run) {
        double t = clock();
        run();
        least = std::min(least, clock() - t);
      };
      double end = now() + 0.7;
      for (int i = 0; i < 5 || now() < end; ++i) {
        time(mine, [&] { ours->crew->run(); });
        if (theirs)
          time(peers, theirs);
      }
      printf("%-20s %8.1f us %6.1f GF, compiled in %3.0f ms", name.c_str(),
             mine * 1e6, c.flops() / mine * 1e-9, ours->compiled * 1e3);
      if (theirs) {
        printf(", oneDNN %8.1f us %6.1f GF, ratio %.2f", peers * 1e6,
               c.flops() / peers * 1e-9, peers / mine);
        product[kind] *= peers / mine;
        ++number[kind];
      }
      printf("\n");
      fflush(stdout);
    }
  for (int kind = 0; kind < 3; ++kind)
    if (number[kind])
      printf("%s: geometric mean %.3f of oneDNN's speed\n", kinds[kind],
             std::pow(product[kind], 1. / number[kind]));
  printf("compiled in %.1f s\n", compiling);
}
