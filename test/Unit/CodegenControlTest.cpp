// Control flow around kernels: every thread takes the same way.
#include "CodegenHelper.h"
#include "KernelText.h"

using namespace varve;

namespace {

// Large enough to be shared by threads.
const char *kernels = R"(
!t = tensor<40000xf32>
!m = memref<40000xf32>
#id = affine_map<(i) -> (i)>
kernel.def @double ins = 1 {
^bb0(%x: !t, %o: !t):
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : !t) outs(%o : !t) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> !t
  kernel.yield %r : !t
}
kernel.def @reverse ins = 1 {
^bb0(%x: !t, %o: !t):
  %last = arith.constant 39999 : index
  %r = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]}
      outs(%o : !t) {
  ^bb0(%b: f32):
    %i = linalg.index 0 : index
    %j = arith.subi %last, %i : index
    %v = tensor.extract %x[%j] : !t
    linalg.yield %v : f32
  } -> !t
  kernel.yield %r : !t
}
kernel.def @count ins = 1 {
^bb0(%x: tensor<i64>, %o: tensor<i64>):
  %one = arith.constant 1 : i64
  %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>],
      iterator_types = []} ins(%x : tensor<i64>) outs(%o : tensor<i64>) {
  ^bb0(%a: i64, %b: i64):
    %s = arith.addi %a, %one : i64
    linalg.yield %s : i64
  } -> tensor<i64>
  kernel.yield %r : tensor<i64>
}
)";

struct Control : ::testing::TestWithParam<int> {
  Program compile(const std::string &step) {
    Variant v;
    v.level = levels().back();
    return compileKernels(kernels + step, v);
  }
  static constexpr int n = 40000;
};

TEST_P(Control, If) {
  Program p = compile(R"(
func.func @step(%x_: !m, %c_: memref<i1>, %y_: !m) {
  %x = bufferization.to_tensor %x_ restrict : !m to !t
  %c = bufferization.to_tensor %c_ restrict : memref<i1> to tensor<i1>
  %e = tensor.empty() : !t
  %d = kernel.call @double ins(%x : !t) outs(%e : !t) -> !t
  %on = tensor.extract %c[] : tensor<i1>
  %r = scf.if %on -> !t {
    %f = tensor.empty() : !t
    %a = kernel.call @reverse ins(%d : !t) outs(%f : !t) -> !t
    scf.yield %a : !t
  } else {
    %f = tensor.empty() : !t
    %a = kernel.call @double ins(%d : !t) outs(%f : !t) -> !t
    scf.yield %a : !t
  }
  bufferization.materialize_in_destination %r in restrict writable %y_ : (!t, !m) -> ()
  return
}
)");
  ASSERT_EQ(p.error, "");
  std::mt19937 rng(1);
  Filled<float> x(n, &rng), y(n);
  for (uint8_t on : {0, 1}) {
    p.run({x.data, &on, y.data}, GetParam());
    for (int i = 0; i < n; ++i)
      ASSERT_EQ(y[i], on ? 2 * x[n - 1 - i] : 4 * x[i]);
  }
}

TEST_P(Control, For) {
  Program p = compile(R"(
func.func @step(%x_: !m, %y_: !m) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %x = bufferization.to_tensor %x_ restrict : !m to !t
  %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %x) -> !t {
    %e = tensor.empty() : !t
    %a = kernel.call @reverse ins(%t : !t) outs(%e : !t) -> !t
    %f = tensor.empty() : !t
    %b = kernel.call @double ins(%a : !t) outs(%f : !t) -> !t
    scf.yield %b : !t
  }
  bufferization.materialize_in_destination %r in restrict writable %y_ : (!t, !m) -> ()
  return
}
)");
  ASSERT_EQ(p.error, "");
  std::mt19937 rng(1);
  Filled<float> x(n, &rng), y(n);
  p.run({x.data, y.data}, GetParam());
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(y[i], 8 * x[n - 1 - i]);
}

TEST_P(Control, While) {
  Program p = compile(R"(
func.func @step(%x_: !m, %n_: memref<i64>, %y_: !m) {
  %x = bufferization.to_tensor %x_ restrict : !m to !t
  %n = bufferization.to_tensor %n_ restrict : memref<i64> to tensor<i64>
  %five = arith.constant 5 : i64
  %r:2 = scf.while (%t = %x, %k = %n) : (!t, tensor<i64>) -> (!t, tensor<i64>) {
    %v = tensor.extract %k[] : tensor<i64>
    %more = arith.cmpi slt, %v, %five : i64
    scf.condition(%more) %t, %k : !t, tensor<i64>
  } do {
  ^bb0(%t: !t, %k: tensor<i64>):
    %e = tensor.empty() : !t
    %a = kernel.call @reverse ins(%t : !t) outs(%e : !t) -> !t
    %f = tensor.empty() : tensor<i64>
    %m = kernel.call @count ins(%k : tensor<i64>) outs(%f : tensor<i64>) -> tensor<i64>
    scf.yield %a, %m : !t, tensor<i64>
  }
  bufferization.materialize_in_destination %r#0 in restrict writable %y_ : (!t, !m) -> ()
  return
}
)");
  ASSERT_EQ(p.error, "");
  std::mt19937 rng(1);
  Filled<float> x(n, &rng), y(n);
  for (int64_t from : {0, 1, 5}) { // 5, 4 and 0 turns
    p.run({x.data, &from, y.data}, GetParam());
    for (int i = 0; i < n; ++i)
      ASSERT_EQ(y[i], from ? x[i] : x[n - 1 - i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Control, ::testing::Values(1, 3));

} // namespace
