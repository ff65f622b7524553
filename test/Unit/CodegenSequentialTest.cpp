// Kernels whose root is a loop over tensors, on teams of each size.
#include "CodegenHelper.h"
#include "KernelText.h"

using namespace varve;

namespace {

template <class F> void onEachVariant(F f) {
  for (const std::string &level : levels())
    for (int threads : {1, 3}) {
      Variant v;
      v.level = level;
      v.threads = threads;
      SCOPED_TRACE(level + " threads " + std::to_string(threads));
      f(v);
    }
}

// y[i, j] = y[i - 1, j] + x[i, j]: threads may share the columns.
TEST(CodegenSequential, CumulativeSumDownColumns) {
  onEachVariant([](const Variant &v) {
    Argument x{{90, 500}, "f32", {}};
    std::string body = R"(
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c90 = arith.constant 90 : index
  %c500 = arith.constant 500 : index
  %e = tensor.empty() : tensor<90x500xf32>
  %r = scf.for %i = %c0 to %c90 step %c1 iter_args(%t = %e) -> tensor<90x500xf32> {
    %s = scf.for %j = %c0 to %c500 step %c1 iter_args(%u = %t) -> tensor<90x500xf32> {
      %zero = arith.constant 0 : index
      %back = arith.subi %i, %c1 : index
      %before = arith.maxsi %back, %zero : index
      %first = arith.cmpi eq, %i, %zero : index
      %a = tensor.extract %a0[%i, %j] : tensor<90x500xf32>
      %b = tensor.extract %u[%before, %j] : tensor<90x500xf32>
      %sum = arith.addf %a, %b : f32
      %y = arith.select %first, %a, %sum : f32
      %n = tensor.insert %y into %u[%i, %j] : tensor<90x500xf32>
      scf.yield %n : tensor<90x500xf32>
    }
    scf.yield %s : tensor<90x500xf32>
  }
)";
    Program p = compileKernels(kernelModule({x}, {x}, body, "%r"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> X(45000, &rng), Y(45000);
    p.run({X.data, Y.data}, v.threads);
    for (int j = 0; j < 500; ++j) {
      float sum = X[j];
      for (int i = 0; i < 90; ++i) {
        if (i)
          sum = X[i * 500 + j] + sum;
        ASSERT_EQ(Y[i * 500 + j], sum);
      }
    }
    EXPECT_TRUE(Y.intact());
  });
}

// z = x with rows of y added at `index`: several may meet in one place, and
// the carried tensor starts as an input.
TEST(CodegenSequential, ScatterAdd) {
  onEachVariant([](const Variant &v) {
    Argument x{{20, 70}, "f32", {}}, index{{64}, "i64", {}},
        y{{64, 70}, "f32", {}};
    std::string body = R"(
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c70 = arith.constant 70 : index
  %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%t = %a0) -> tensor<20x70xf32> {
    %s = scf.for %j = %c0 to %c70 step %c1 iter_args(%u = %t) -> tensor<20x70xf32> {
      %at = tensor.extract %a1[%i] : tensor<64xi64>
      %to = arith.index_cast %at : i64 to index
      %new = tensor.extract %a2[%i, %j] : tensor<64x70xf32>
      %old = tensor.extract %u[%to, %j] : tensor<20x70xf32>
      %sum = arith.addf %old, %new : f32
      %n = tensor.insert %sum into %u[%to, %j] : tensor<20x70xf32>
      scf.yield %n : tensor<20x70xf32>
    }
    scf.yield %s : tensor<20x70xf32>
  }
)";
    Program p = compileKernels(kernelModule({x, index, y}, {x}, body, "%r"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> X(1400, &rng), Y(64 * 70, &rng), Z(1400);
    Filled<int64_t> I(64);
    for (int i = 0; i < 64; ++i)
      I[i] = rng() % 20;
    p.run({X.data, I.data, Y.data, Z.data}, v.threads);
    std::vector<float> want(X.data, X.data + 1400);
    for (int i = 0; i < 64; ++i)
      for (int j = 0; j < 70; ++j)
        want[I[i] * 70 + j] += Y[i * 70 + j];
    for (int i = 0; i < 1400; ++i)
      ASSERT_EQ(Z[i], want[i]);
  });
}

// The two largest of each row and where they are, with scalars carried along
// an inner loop, an scf.if that yields a tensor, and outs that start filled.
TEST(CodegenSequential, TwoLargest) {
  onEachVariant([](const Variant &v) {
    Argument x{{600, 30}, "f32", {}}, best{{600, 2}, "f32", {}},
        at{{600, 2}, "i64", {}};
    std::string body = R"(
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c30 = arith.constant 30 : index
  %c600 = arith.constant 600 : index
  %lowest = arith.constant 0xFF800000 : f32
  %none = arith.constant -1 : i64
  %e0 = tensor.empty() : tensor<600x2xf32>
  %f0 = linalg.fill ins(%lowest : f32) outs(%e0 : tensor<600x2xf32>) -> tensor<600x2xf32>
  %e1 = tensor.empty() : tensor<600x2xi64>
  %f1 = linalg.fill ins(%none : i64) outs(%e1 : tensor<600x2xi64>) -> tensor<600x2xi64>
  %r:2 = scf.for %i = %c0 to %c600 step %c1 iter_args(%t0 = %f0, %t1 = %f1)
      -> (tensor<600x2xf32>, tensor<600x2xi64>) {
    %s:2 = scf.for %j = %c0 to %c30 step %c1 iter_args(%u0 = %t0, %u1 = %t1)
        -> (tensor<600x2xf32>, tensor<600x2xi64>) {
      %x = tensor.extract %a0[%i, %j] : tensor<600x30xf32>
      %ji = arith.index_cast %j : index to i64
      %d:4 = scf.for %k = %c0 to %c2 step %c1
          iter_args(%w0 = %u0, %w1 = %u1, %y = %x, %yi = %ji)
          -> (tensor<600x2xf32>, tensor<600x2xi64>, f32, i64) {
        %old = tensor.extract %w0[%i, %k] : tensor<600x2xf32>
        %oldi = tensor.extract %w1[%i, %k] : tensor<600x2xi64>
        %more = arith.cmpf ogt, %y, %old : f32
        %q:4 = scf.if %more -> (tensor<600x2xf32>, tensor<600x2xi64>, f32, i64) {
          %n0 = tensor.insert %y into %w0[%i, %k] : tensor<600x2xf32>
          %n1 = tensor.insert %yi into %w1[%i, %k] : tensor<600x2xi64>
          scf.yield %n0, %n1, %old, %oldi : tensor<600x2xf32>, tensor<600x2xi64>, f32, i64
        } else {
          scf.yield %w0, %w1, %y, %yi : tensor<600x2xf32>, tensor<600x2xi64>, f32, i64
        }
        scf.yield %q#0, %q#1, %q#2, %q#3 : tensor<600x2xf32>, tensor<600x2xi64>, f32, i64
      }
      scf.yield %d#0, %d#1 : tensor<600x2xf32>, tensor<600x2xi64>
    }
    scf.yield %s#0, %s#1 : tensor<600x2xf32>, tensor<600x2xi64>
  }
)";
    Program p =
        compileKernels(kernelModule({x}, {best, at}, body, "%r#0, %r#1"), v);
    ASSERT_EQ(p.error, "");
    std::mt19937 rng(3);
    Filled<float> X(18000), B(1200);
    Filled<int64_t> I(1200);
    for (int i = 0; i < 18000; ++i)
      X[i] = i; // no two are equal
    std::shuffle(X.data, X.data + 18000, rng);
    p.run({X.data, B.data, I.data}, v.threads);
    for (int i = 0; i < 600; ++i) {
      std::vector<int> order(30);
      for (int j = 0; j < 30; ++j)
        order[j] = j;
      float *row = X.data + i * 30;
      std::stable_sort(order.begin(), order.end(),
                       [&](int a, int b) { return row[a] > row[b]; });
      for (int k = 0; k < 2; ++k) {
        ASSERT_EQ(B[i * 2 + k], row[order[k]]);
        ASSERT_EQ(I[i * 2 + k], order[k]);
      }
    }
  });
}

} // namespace
