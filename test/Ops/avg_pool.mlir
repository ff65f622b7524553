// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @halve
// CHECK: varve.avg_pool %{{.*}} {kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x2x4x6xf64> -> tensor<2x2x2x3xf64>
func.func @halve(%x: tensor<2x2x4x6xf64>) -> tensor<2x2x2x3xf64> {
  %r = varve.avg_pool %x {kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x2x4x6xf64> -> tensor<2x2x2x3xf64>
  return %r : tensor<2x2x2x3xf64>
}

func.func @overlap(%x: tensor<1x2x5x6xf64>) -> tensor<1x2x3x3xf64> {
  %r = varve.avg_pool %x {kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x2x5x6xf64> -> tensor<1x2x3x3xf64>
  return %r : tensor<1x2x3x3xf64>
}

func.func @uncounted(%x: tensor<1x2x5x6xf64>) -> tensor<1x2x3x3xf64> {
  %r = varve.avg_pool %x {count_padding = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x2x5x6xf64> -> tensor<1x2x3x3xf64>
  return %r : tensor<1x2x3x3xf64>
}

func.func @ceil(%x: tensor<1x1x5x4xf64>) -> tensor<1x1x3x2xf64> {
  %r = varve.avg_pool %x {ceil = true, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x5x4xf64> -> tensor<1x1x3x2xf64>
  return %r : tensor<1x1x3x2xf64>
}

func.func @ceil_uncounted(%x: tensor<1x1x6x4xf64>) -> tensor<1x1x4x2xf64> {
  %r = varve.avg_pool %x {ceil = true, count_padding = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 0>, stride = array<i64: 2, 2>} : tensor<1x1x6x4xf64> -> tensor<1x1x4x2xf64>
  return %r : tensor<1x1x4x2xf64>
}

func.func @ends(%x: tensor<1x1x4x4xf64>) -> tensor<1x1x5x2xf64> {
  %r = varve.avg_pool %x {kernel = array<i64: 3, 3>, padding = array<i64: 2, 1, 1, 1>, stride = array<i64: 1, 2>} : tensor<1x1x4x4xf64> -> tensor<1x1x5x2xf64>
  return %r : tensor<1x1x5x2xf64>
}

func.func @unseen(%x: tensor<1x1x5x5xf64>) -> tensor<1x1x2x2xf64> {
  %r = varve.avg_pool %x {kernel = array<i64: 1, 2>, padding = array<i64: 0, 0>, stride = array<i64: 3, 3>} : tensor<1x1x5x5xf64> -> tensor<1x1x2x2xf64>
  return %r : tensor<1x1x2x2xf64>
}

func.func @large(%x: tensor<1x2x9x10xf64>) -> tensor<1x2x9x10xf64> {
  %r = varve.avg_pool %x {count_padding = false, kernel = array<i64: 9, 9>, padding = array<i64: 4, 4>, stride = array<i64: 1, 1>} : tensor<1x2x9x10xf64> -> tensor<1x2x9x10xf64>
  return %r : tensor<1x2x9x10xf64>
}

func.func @line(%x: tensor<2x1x5xf64>) -> tensor<2x1x2xf64> {
  %r = varve.avg_pool %x {kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<2x1x5xf64> -> tensor<2x1x2xf64>
  return %r : tensor<2x1x2xf64>
}

func.func @space(%x: tensor<1x1x2x4x2xf64>) -> tensor<1x1x1x2x2xf64> {
  %r = varve.avg_pool %x {kernel = array<i64: 2, 2, 1>, padding = array<i64: 0, 0, 0>, stride = array<i64: 2, 2, 1>} : tensor<1x1x2x4x2xf64> -> tensor<1x1x1x2x2xf64>
  return %r : tensor<1x1x1x2x2xf64>
}

func.func @wide(%x: tensor<2x33x6x6xf32>) -> tensor<2x33x3x3xf32> {
  %r = varve.avg_pool %x {kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<2x33x6x6xf32> -> tensor<2x33x3x3xf32>
  return %r : tensor<2x33x3x3xf32>
}

func.func @halves(%x: tensor<1x1x4x4xf16>) -> tensor<1x1x2x2xf16> {
  %r = varve.avg_pool %x {kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x4x4xf16> -> tensor<1x1x2x2xf16>
  return %r : tensor<1x1x2x2xf16>
}

// PyTorch's.
func.func @values() -> tensor<1x1x3x3xf64> attributes {
  varve.want = [dense<[[[[1.0, 1.888888889, 1.0], [0.888888889, 2.222222222, 1.0], [-0.166666667, -0.333333333, -0.166666667]]]]> : tensor<1x1x3x3xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.avg_pool %x {ceil = true, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x1x4x5xf64> -> tensor<1x1x3x3xf64>
  return %r : tensor<1x1x3x3xf64>
}

func.func @values_uncounted() -> tensor<1x1x3x3xf64> attributes {
  varve.want = [dense<[[[[2.25, 2.833333333, 2.25], [1.333333333, 2.222222222, 1.5], [-0.5, -0.666666667, -0.5]]]]> : tensor<1x1x3x3xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.avg_pool %x {ceil = true, count_padding = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x1x4x5xf64> -> tensor<1x1x3x3xf64>
  return %r : tensor<1x1x3x3xf64>
}

func.func @values_ceil() -> tensor<1x1x2x2xf64> attributes {
  varve.want = [dense<[[[[2.166666667, 2.166666667], [1.166666667, 1.166666667]]]]> : tensor<1x1x2x2xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.avg_pool %x {ceil = true, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x4x5xf64> -> tensor<1x1x2x2xf64>
  return %r : tensor<1x1x2x2xf64>
}

// -----

// avg_pool C1
func.func @c1(%x: tensor<4x4xf32>) {
  // expected-error @+1 {{has no axis after its channels}}
  %r = varve.avg_pool %x {kernel = array<i64>, padding = array<i64>, stride = array<i64>} : tensor<4x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// avg_pool C2
func.func @c2(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r = varve.avg_pool %x {kernel = array<i64: 0>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x1x4xf32> -> tensor<1x1x2xf32>
  return
}

// -----

// avg_pool C3
func.func @c3(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{would have none}}
  %r = varve.avg_pool %x {kernel = array<i64: 5>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x1x4xf32> -> tensor<1x1x1xf32>
  return
}
