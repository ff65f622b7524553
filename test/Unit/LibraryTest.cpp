// An ahead-of-time library and its header, used by a C program that knows
// nothing of Varve.
#include "EmitHelper.h"
#include "TemporaryFolder.h"
#include <cstdlib>
#include <fstream>

using namespace varve;

namespace {

// y = w x; w -= lr, on four elements; w is stored transposed.
constexpr const char *model = R"(
func.func private @scale(%w: memref<4xf32>, %x: memref<4xf32>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %a = vector.load %w[%c0] : memref<4xf32>, vector<4xf32>
  %b = vector.load %x[%c0] : memref<4xf32>, vector<4xf32>
  %r = arith.mulf %a, %b : vector<4xf32>
  vector.store %r, %y[%c0] : memref<4xf32>, vector<4xf32>
  return
}
func.func private @update(%w: memref<4xf32>, %lr: memref<f32>) {
  %c0 = arith.constant 0 : index
  %a = vector.load %w[%c0] : memref<4xf32>, vector<4xf32>
  %l = memref.load %lr[] : memref<f32>
  %s = vector.broadcast %l : f32 to vector<4xf32>
  %e = math.tanh %s : vector<4xf32>
  %r = arith.subf %a, %e : vector<4xf32>
  vector.store %r, %w[%c0] : memref<4xf32>, vector<4xf32>
  return
}
func.func @infer(%w: memref<4xf32>, %m: memref<4xf64>, %x: memref<4xf32>,
                 %y: memref<4xf32>, %arena: memref<64xi8>, %t: index, %n: index) {
  call @scale(%w, %x, %y) : (memref<4xf32>, memref<4xf32>, memref<4xf32>) -> ()
  return
}
func.func @step(%w: memref<4xf32>, %m: memref<4xf64>, %x: memref<4xf32>,
                %lr: memref<f32>, %y: memref<4xf32>, %arena: memref<64xi8>,
                %t: index, %n: index) {
  call @scale(%w, %x, %y) : (memref<4xf32>, memref<4xf32>, memref<4xf32>) -> ()
  kernel.barrier
  %c0 = arith.constant 0 : index
  %first = arith.cmpi eq, %t, %c0 : index
  scf.if %first {
    func.call @update(%w, %lr) : (memref<4xf32>, memref<f32>) -> ()
  }
  return
}
)";

ArtifactDescription describe() {
  ArtifactDescription d;
  d.name = "my-model";
  d.digest = "d";
  d.compiler = "0.1";
  StateDescription w;
  w.name = "layer.weight";
  w.shape = {2, 2};
  w.perm = {1, 0};
  w.a = 3;
  d.states.push_back(w);
  StateDescription m;
  m.name = "layer.weight:m";
  m.of = "layer.weight";
  m.role = VARVE_SLOT;
  m.type = DType::F64;
  m.shape = {4};
  d.states.push_back(m);
  FunctionDescription f;
  f.name = f.symbol = "infer";
  f.inputs = {{"x", VARVE_ARG_INPUT, DType::F32, {4}, 0}};
  f.results = {{"float", VARVE_ARG_OUTPUT, DType::F32, {4}, 0}};
  d.functions.push_back(f);
  f.name = "train_step";
  f.symbol = "step";
  f.inputs.push_back({"optimizer.lr", VARVE_ARG_HYPER, DType::F32, {}, 0.25});
  f.results[0].name = "model";
  d.functions.push_back(f);
  return d;
}

// Exits with the number of the first check that fails.
constexpr const char *program = R"(
#include "lib.h"
#include <math.h>
#include <string.h>
#define CHECK(n, c) if (!(c)) return n
int main(int argc, char **argv) {
  char error[200] = "";
  my_model *m = my_model_create(2, error, sizeof error);
  CHECK(1, argc == 4 && m && !*error);
  float x[4] = {1, 2, 3, 4}, y[4], w[4];
  my_model_infer(m, x, y);
  CHECK(2, y[0] == 3 && y[3] == 12);
  my_model_train_step(m, x, MY_MODEL_OPTIMIZER_LR, y);
  my_model_infer(m, x, y);
  float now = 3 - tanhf(0.25f);
  CHECK(3, fabsf(y[3] - 4 * now) < 1e-5f);
  /* Canonical order: w is stored transposed. */
  float set[4] = {1, 2, 3, 4};
  CHECK(4, !my_model_set(m, MY_MODEL_STATE_LAYER_WEIGHT, set, sizeof set));
  my_model_infer(m, x, y);
  CHECK(5, y[0] == 1 && y[1] == 6 && y[2] == 6 && y[3] == 16);
  CHECK(6, !my_model_save(m, argv[1], 0));
  my_model *other = my_model_create(1, 0, 0);
  CHECK(7, !my_model_load(other, argv[1]));
  CHECK(8, !my_model_get(other, my_model_find(other, "layer.weight"), w, sizeof w));
  CHECK(9, !memcmp(w, set, sizeof w));
  /* Errors leave the state as it was. */
  CHECK(10, my_model_load(other, argv[2]) == -1 &&
            strstr(my_model_error(other), argv[3]));
  CHECK(11, my_model_load(other, "/nowhere/x") == -1);
  CHECK(12, my_model_save(other, "/nowhere/x", 1) == -1);
  CHECK(13, my_model_get(other, 7, w, sizeof w) == -1);
  CHECK(14, my_model_get(other, 0, w, 3) == -1);
  CHECK(15, !my_model_get(other, 0, w, sizeof w) && !memcmp(w, set, sizeof w));
  CHECK(16, !my_model_initialize(other, 1));
  my_model_infer(other, x, y);
  CHECK(17, y[0] == 3);
  my_model_destroy(m);
  my_model_destroy(other);
  return 0;
}
)";

int run(const std::string &command) {
  int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A safetensors file with this header and 16 bytes of data.
std::string file(const std::string &header) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += char(header.size() >> 8 * i & 255);
  return bytes + header + std::string(16, '\0');
}

class LibraryTest : public ::testing::Test {
protected:
  void SetUp() override {
    if (levels().empty())
      GTEST_SKIP() << "no x86-64 machine";
  }
  void build(const std::string &weights = "") {
    auto context = emitContext();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        ("\n" + std::string(model)).c_str(), context.get());
    ASSERT_TRUE(module);
    auto target = resolveTarget(levels().front());
    LibraryOptions options;
    options.weights = weights;
    auto bytes = emitLibrary(*module, describe(), *target, options);
    ASSERT_TRUE(bytes) << bytes.error().message;
    folder.write("lib.so", *bytes);
    folder.write("lib.h", libraryHeader(describe(), *target, options));
    folder.write("main.c", program);
    ASSERT_EQ(run(std::string(VARVE_C_COMPILER) +
                  " -std=c11 -Wall -Wextra -Werror -o " + (folder / "main") +
                  " " + (folder / "main.c") + " " + (folder / "lib.so") +
                  " -lm -Wl,-rpath," + folder.path),
              0);
  }
  TemporaryFolder folder;
};

TEST_F(LibraryTest, ServesACProgram) {
  build();
  folder.write("bad", file("{}"));
  EXPECT_EQ(run((folder / "main") + " " + (folder / "w.safetensors") + " " +
                (folder / "bad") + " layer.weight"),
            0);
}

TEST_F(LibraryTest, RefusesBadWeights) {
  build();
  const std::string good =
      R"({"layer.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
  struct Case {
    std::string bytes, why;
  } cases[] = {
      {"", "header"},
      {std::string(8, '\xff'), "header"},
      {file(good).substr(0, file(good).size() - 1), "not in the file"},
      {file(
           R"({"layer.weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"),
       "shape"},
      {file(
           R"({"layer.weight":{"dtype":"F64","shape":[2,2],"data_offsets":[0,16]}})"),
       "type"},
      {file(
           R"({"layer.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[8,16]}})"),
       "not in the file"},
      {file(
           R"({"layer.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[16,0]}})"),
       "not in the file"},
      {file(good.substr(0, good.size() - 1) + "," + good.substr(1)), "twice"},
      {file(
           R"({"layer.weight":{"dtype":"F32","shape":[2,-2],"data_offsets":[0,16]}})"),
       "malformed"},
      {file(R"({"layer.weight)"), "malformed"},
      {file(R"([1])"), "malformed"},
  };
  for (const Case &c : cases) {
    folder.write("bad", c.bytes);
    EXPECT_EQ(run((folder / "main") + " " + (folder / "w.safetensors") + " " +
                  (folder / "bad") + " '" + c.why + "'"),
              0)
        << c.why;
  }
}

TEST_F(LibraryTest, CarriesWeights) {
  // "layer.weight" holds zeros: check 2 of the program wants 3.
  build(file(
      R"({"__metadata__":{"a":"b"},"layer.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})"));
  EXPECT_EQ(run((folder / "main") + " x y z"), 2);
}

TEST_F(LibraryTest, CarriesNoWeightsOfAnotherModel) {
  auto context = emitContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(model, context.get());
  LibraryOptions options;
  options.weights = file(
      R"({"layer.weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})");
  auto target = resolveTarget(levels().front());
  auto bytes = emitLibrary(*module, describe(), *target, options);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(
      bytes.error().message,
      "weight 'layer.weight' is f32[4], model 'my-model' needs f32[2, 2]");
}

TEST_F(LibraryTest, IsSmallAndNeedsOnlyTheCLibrary) {
  build();
  EXPECT_LT(folder.read("lib.so").size(), 100'000u);
  ASSERT_EQ(run("readelf -d " + (folder / "lib.so") + " > " + (folder / "d")),
            0);
  std::string dynamic = folder.read("d");
  for (size_t at = 0; (at = dynamic.find("NEEDED", at)) != std::string::npos;
       ++at) {
    std::string line = dynamic.substr(at, dynamic.find('\n', at) - at);
    EXPECT_TRUE(line.find("libc.so") != std::string::npos ||
                line.find("libm.so") != std::string::npos)
        << line;
  }
  ASSERT_EQ(run("nm -D --defined-only " + (folder / "lib.so") + " > " +
                (folder / "s")),
            0);
  std::ifstream symbols(folder / "s");
  for (std::string address, kind, name; symbols >> address >> kind >> name;)
    EXPECT_TRUE(name.rfind("my_model_", 0) == 0 || name == "varve_artifact_v1")
        << name;
}

} // namespace
