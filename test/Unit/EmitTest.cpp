// Hand-written functions through lowering, machine code, linker and loader,
// called as the runtime calls them.
#include "varve/Codegen/Emit.h"
#include "EmitHelper.h"
#include <atomic>
#include <cmath>
#include <immintrin.h>
#include <thread>

using namespace varve;

namespace {

// out = relu(x) + w on 20 elements (a full vector and a tail), sliced in two
// by threads; then, behind a barrier, w = out reversed in halves.
constexpr const char *step = R"(
func.func private @add(%w: memref<20xf32>, %x: memref<20xf32>,
                       %o: memref<20xf32>, %t: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c4 = arith.constant 4 : index
  %z = arith.constant dense<0.0> : vector<16xf32>
  %first = arith.cmpi eq, %t, %c0 : index
  scf.if %first {
    %a = vector.load %w[%c0] : memref<20xf32>, vector<16xf32>
    %b = vector.load %x[%c0] : memref<20xf32>, vector<16xf32>
    %r = arith.maximumf %b, %z : vector<16xf32>
    %s = arith.addf %r, %a : vector<16xf32>
    vector.store %s, %o[%c0] : memref<20xf32>, vector<16xf32>
  }
  %c1 = arith.constant 1 : index
  %last = arith.subi %n, %c1 : index
  %mine = arith.cmpi eq, %t, %last : index
  scf.if %mine {
    %m = vector.create_mask %c4 : vector<16xi1>
    %a = vector.maskedload %w[%c16], %m, %z : memref<20xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
    %b = vector.maskedload %x[%c16], %m, %z : memref<20xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
    %r = arith.maximumf %b, %z : vector<16xf32>
    %s = arith.addf %r, %a : vector<16xf32>
    vector.maskedstore %o[%c16], %m, %s : memref<20xf32>, vector<16xi1>, vector<16xf32>
  }
  return
}
func.func private @reverse(%o: memref<20xf32>, %w: memref<20xf32>, %t: index, %n: index) {
  %c20 = arith.constant 20 : index
  %c1 = arith.constant 1 : index
  %c19 = arith.constant 19 : index
  scf.for %i = %t to %c20 step %n {
    %j = arith.subi %c19, %i : index
    %v = memref.load %o[%j] : memref<20xf32>
    memref.store %v, %w[%i] : memref<20xf32>
  }
  return
}
func.func @step(%w: memref<5x4xf32, affine_map<(i, j) -> (i * 4 + j)>>,
                %x: memref<20xf32>, %y: memref<20xf32>,
                %arena: memref<128xi8>, %t: index, %n: index) {
  %c0 = arith.constant 0 : index
  %o = memref.view %arena[%c0][] : memref<128xi8> to memref<20xf32>
  %flat = builtin.unrealized_conversion_cast %w : memref<5x4xf32, affine_map<(i, j) -> (i * 4 + j)>> to memref<20xf32>
  call @add(%flat, %x, %o, %t, %n) : (memref<20xf32>, memref<20xf32>, memref<20xf32>, index, index) -> ()
  kernel.barrier
  call @reverse(%o, %flat, %t, %n) : (memref<20xf32>, memref<20xf32>, index, index) -> ()
  call @reverse(%o, %y, %t, %n) : (memref<20xf32>, memref<20xf32>, index, index) -> ()
  return
}
)";

ArtifactDescription describe() {
  ArtifactDescription d;
  d.name = "tiny";
  d.digest = "d1";
  d.manifest = R"({"model":"tiny"})";
  StateDescription w;
  w.name = "w";
  w.shape = {4, 5};
  w.perm = {1, 0};
  w.init = VARVE_INIT_UNIFORM;
  w.a = -1;
  w.b = 1;
  d.states.push_back(w);
  FunctionDescription f;
  f.name = "train_step";
  f.symbol = "step";
  f.batch = 20;
  f.arenaBytes = 128;
  f.flops = 40;
  f.inputs.push_back({"x", VARVE_ARG_INPUT, DType::F32, {20}, 0});
  f.results.push_back({"y", VARVE_ARG_OUTPUT, DType::F32, {20}, 0});
  d.functions.push_back(f);
  return d;
}

struct SpinTeam : varve_team {
  int64_t threads;
  std::atomic<int64_t> arrived{0};
  explicit SpinTeam(int64_t threads) : threads(threads) {
    barrier = [](varve_team *team) {
      auto *t = static_cast<SpinTeam *>(team);
      int64_t turn = t->arrived++ / t->threads + 1;
      while (t->arrived < turn * t->threads)
        std::this_thread::yield();
    };
  }
};

class EmitTest : public ::testing::TestWithParam<std::string> {};

TEST_P(EmitTest, ComputesInPlaceOnAnyNumberOfThreads) {
  for (int64_t threads : {1, 2}) {
    Loaded so = compile(step, describe(), GetParam());
    ASSERT_TRUE(so.artifact) << so.error;
    alignas(64) float w[20], x[20], y[20], want[20];
    alignas(64) char arena[128];
    for (int i = 0; i < 20; ++i) {
      w[i] = 0.5f * i;
      x[i] = i % 3 ? i : -i;
    }
    for (int i = 0; i < 20; ++i)
      want[i] = std::max(x[19 - i], 0.0f) + w[19 - i];
    void *state[] = {w}, *args[] = {x, y};
    SpinTeam team(threads);
    varve_run run = so.artifact->function[0].run;
    if (threads == 1) {
      run(state, args, arena, nullptr, 0, 1);
    } else {
      std::thread other([&] { run(state, args, arena, &team, 1, 2); });
      run(state, args, arena, &team, 0, 2);
      other.join();
      EXPECT_EQ(team.arrived, 2) << "one barrier";
    }
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(w[i], want[i]) << i;
      EXPECT_EQ(y[i], want[i]) << i;
    }
  }
}

TEST_P(EmitTest, DescribesItself) {
  Loaded so = compile(step, describe(), GetParam());
  ASSERT_TRUE(so.artifact) << so.error;
  const varve_artifact &a = *so.artifact;
  EXPECT_EQ(a.magic, VARVE_ARTIFACT_MAGIC);
  EXPECT_EQ(a.abi_version, VARVE_ABI_VERSION);
  EXPECT_STREQ(a.name, "tiny");
  EXPECT_STREQ(a.digest, "d1");
  EXPECT_STREQ(a.manifest, R"({"model":"tiny"})");
  EXPECT_EQ(a.cpu, GetParam());
  ASSERT_EQ(a.states, 1);
  const varve_state_desc &w = a.state[0];
  EXPECT_STREQ(w.name, "w");
  EXPECT_STREQ(w.of, "");
  EXPECT_EQ(w.rank, 2);
  EXPECT_EQ(w.shape[1], 5);
  EXPECT_EQ(w.perm[0], 1);
  EXPECT_EQ(w.bytes, 80);
  EXPECT_EQ(w.init, VARVE_INIT_UNIFORM);
  EXPECT_EQ(w.a, -1);
  ASSERT_EQ(a.functions, 1);
  const varve_function_desc &f = a.function[0];
  EXPECT_STREQ(f.name, "train_step");
  EXPECT_EQ(f.batch, 20);
  EXPECT_EQ(f.arena_bytes, 128);
  EXPECT_EQ(f.flops, 40);
  ASSERT_EQ(f.inputs, 1);
  ASSERT_EQ(f.results, 1);
  EXPECT_STREQ(f.args[1].name, "y");
  EXPECT_EQ(f.args[1].kind, VARVE_ARG_OUTPUT);
  EXPECT_EQ(f.args[1].shape[0], 20);
}

TEST_P(EmitTest, CountsTheTimeOfKernels) {
  std::string text = step;
  std::string name = "func.func private @reverse(";
  size_t at = text.find("{", text.find(name));
  text.insert(at,
              "attributes {varve.flops = 7 : i64, varve.bytes = 160 : i64} ");
  EmitOptions options;
  options.profile = true;
  Loaded so = compile(text.c_str(), describe(), GetParam(), options);
  ASSERT_TRUE(so.artifact) << so.error;
  auto *profile = static_cast<const varve_profile *>(
      dlsym(so.library.get(), "varve_profile_v1"));
  ASSERT_TRUE(profile);
  alignas(64) float w[20] = {}, x[20] = {}, y[20];
  alignas(64) char arena[128];
  void *state[] = {w}, *args[] = {x, y};
  for (int i = 0; i < 3; ++i)
    so.artifact->function[0].run(state, args, arena, nullptr, 0, 1);
  ASSERT_EQ(profile->rows, 4);
  const char *kernels[] = {"add", "barrier", "reverse", "reverse"};
  for (int i = 0; i < 4; ++i) {
    const varve_profile_row &row = profile->row[i];
    EXPECT_STREQ(row.function, "step");
    EXPECT_STREQ(row.kernel, kernels[i]);
    EXPECT_EQ(row.flops, i < 2 ? 0 : 7);
    EXPECT_EQ(row.bytes, i < 2 ? 0 : 160);
    EXPECT_EQ(row.calls, 3);
    EXPECT_GT(row.ticks, 0);
  }
}

TEST(EmitOutputTest, WritesEveryForm) {
  struct Case {
    OutputKind kind;
    const char *cpu, *holds;
  } cases[] = {
      {OutputKind::LlvmDialect, "x86-64-v4", "llvm.func internal @step("},
      {OutputKind::LlvmIr, "x86-64-v4", "define internal void @step("},
      {OutputKind::Assembly, "x86-64-v4", "zmm"},
      {OutputKind::Assembly, "x86-64-v3", "ymm"},
      {OutputKind::Assembly, "neon", ".4s"},
      {OutputKind::Object, "neon", "varve_artifact_v1"},
      {OutputKind::Object, "x86-64-v3", "varve_artifact_v1"},
  };
  for (const Case &c : cases) {
    auto context = emitContext();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(step, context.get());
    EmitOptions options;
    options.kind = c.kind;
    options.verify = true;
    auto bytes = emitBytes(*module, describe(), *resolveTarget(c.cpu), options);
    ASSERT_TRUE(bytes) << c.cpu << ": " << bytes.error().message;
    EXPECT_NE(bytes->find(c.holds), std::string::npos) << c.cpu << c.holds;
    // Narrower machines never see wider registers.
    if (c.cpu == std::string("x86-64-v3")) {
      EXPECT_EQ(bytes->find("zmm"), std::string::npos);
    }
  }
}

TEST(EmitErrorTest, NamesWhatIsWrong) {
  auto fails = [](const char *text, ArtifactDescription d, const char *why) {
    Loaded so = compile(text, d, "x86-64-v3");
    EXPECT_FALSE(so.artifact);
    EXPECT_NE(so.error.find(why), std::string::npos) << so.error;
  };
  ArtifactDescription d = describe();
  d.functions[0].symbol = "stop";
  fails(step, d, "function 'stop' is not in the module");
  d = describe();
  d.functions[0].inputs.resize(3);
  fails(step, d, "which is not what its description says");
  EXPECT_FALSE(resolveTarget("x86-64-v2"));
  EXPECT_NE(resolveTarget("i386").error().message.find("'i386'"),
            std::string::npos);
}

// Enough code for two threads. Kernels named like functions of the C library
// hide none of these.
TEST_P(EmitTest, CompilesLargeModulesInTwoParts) {
  std::string text;
  for (const char *name : {"exp", "tanh", "third"}) {
    text += "func.func private @" + std::string(name) +
            "(%x: memref<2xf64>, %y: memref<2xf64>) {\n"
            "%c0 = arith.constant 0 : index\n%one = arith.constant 1.0 : f64\n"
            "%v0 = memref.load %x[%c0] : memref<2xf64>\n";
    for (int i = 0; i < 1500; ++i)
      text += "%v" + std::to_string(i + 1) + " = arith.addf %v" +
              std::to_string(i) + ", %one : f64\n";
    text += "%r = math." + std::string(*name == 'e' ? "exp" : "tanh") +
            " %v0 : f64\n%s = arith.addf %v1500, %r : f64\n"
            "memref.store %s, %y[%c0] : memref<2xf64>\nreturn\n}\n";
  }
  text += "func.func @f(%x: memref<2xf64>, %a: memref<2xf64>, %b: "
          "memref<2xf64>, %c: memref<2xf64>, %arena: memref<64xi8>, %t: "
          "index, %n: index) {\n"
          "call @exp(%x, %a) : (memref<2xf64>, memref<2xf64>) -> ()\n"
          "call @tanh(%x, %b) : (memref<2xf64>, memref<2xf64>) -> ()\n"
          "call @third(%x, %c) : (memref<2xf64>, memref<2xf64>) -> ()\n"
          "return\n}\n";
  ArtifactDescription d;
  FunctionDescription f;
  f.name = f.symbol = "f";
  f.inputs.resize(1);
  f.results.resize(3);
  d.functions.push_back(f);
  Loaded so = compile(text.c_str(), d, GetParam());
  ASSERT_TRUE(so.artifact) << so.error;
  double x[2] = {0.5, 0}, a[2], b[2], c[2];
  void *args[] = {x, a, b, c};
  so.artifact->function[0].run(nullptr, args, nullptr, nullptr, 0, 1);
  EXPECT_EQ(a[0], 1500.5 + std::exp(0.5));
  EXPECT_EQ(b[0], 1500.5 + std::tanh(0.5));
  EXPECT_EQ(c[0], 1500.5 + std::tanh(0.5));
}

// Every rounding mode and flushing of the caller is set aside and restored.
TEST_P(EmitTest, KeepsTheCallersFloatingPointModes) {
  Loaded so = compile(step, describe(), GetParam());
  ASSERT_TRUE(so.artifact) << so.error;
  alignas(64) float w[20] = {}, x[20], y[20];
  alignas(64) char arena[128];
  for (float &v : x)
    v = 0x1p-149f;
  w[0] = 1; // 1 + the least subnormal rounds to 1 unless upward
  void *state[] = {w}, *args[] = {x, y};
  unsigned before = _mm_getcsr(), upwardAndFlush = 0xdfc0;
  _mm_setcsr(upwardAndFlush);
  so.artifact->function[0].run(state, args, arena, nullptr, 0, 1);
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  // Exception flags (the low six bits) may be raised.
  EXPECT_EQ(after & ~63u, upwardAndFlush & ~63u);
  EXPECT_EQ(y[19], 1.0f);
  EXPECT_EQ(y[0], 0x1p-149f);
}

INSTANTIATE_TEST_SUITE_P(Levels, EmitTest, ::testing::ValuesIn(levels()),
                         [](const auto &info) {
                           return info.param.substr(7); // "v3"
                         });

} // namespace
