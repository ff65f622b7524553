// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @halve
// CHECK: varve.avg_unpool %{{.*}} {kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, size = array<i64: 4, 6>, stride = array<i64: 2, 2>} : tensor<2x2x2x3xf64> -> tensor<2x2x4x6xf64>
func.func @halve(%x: tensor<2x2x2x3xf64>) -> tensor<2x2x4x6xf64> {
  %r = varve.avg_unpool %x {kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, size = array<i64: 4, 6>, stride = array<i64: 2, 2>} : tensor<2x2x2x3xf64> -> tensor<2x2x4x6xf64>
  return %r : tensor<2x2x4x6xf64>
}

func.func @overlap(%x: tensor<1x2x3x3xf64>) -> tensor<1x2x5x6xf64> {
  %r = varve.avg_unpool %x {kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 5, 6>, stride = array<i64: 2, 2>} : tensor<1x2x3x3xf64> -> tensor<1x2x5x6xf64>
  return %r : tensor<1x2x5x6xf64>
}

func.func @uncounted(%x: tensor<1x2x3x3xf64>) -> tensor<1x2x5x6xf64> {
  %r = varve.avg_unpool %x {count_padding = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 5, 6>, stride = array<i64: 2, 2>} : tensor<1x2x3x3xf64> -> tensor<1x2x5x6xf64>
  return %r : tensor<1x2x5x6xf64>
}

func.func @ceil(%x: tensor<1x1x3x2xf64>) -> tensor<1x1x5x4xf64> {
  %r = varve.avg_unpool %x {ceil = true, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, size = array<i64: 5, 4>, stride = array<i64: 2, 2>} : tensor<1x1x3x2xf64> -> tensor<1x1x5x4xf64>
  return %r : tensor<1x1x5x4xf64>
}

func.func @ceil_uncounted(%x: tensor<1x1x4x2xf64>) -> tensor<1x1x6x4xf64> {
  %r = varve.avg_unpool %x {ceil = true, count_padding = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1, 1, 0>, size = array<i64: 6, 4>, stride = array<i64: 2, 2>} : tensor<1x1x4x2xf64> -> tensor<1x1x6x4xf64>
  return %r : tensor<1x1x6x4xf64>
}

func.func @ends(%x: tensor<1x1x5x2xf64>) -> tensor<1x1x4x4xf64> {
  %r = varve.avg_unpool %x {kernel = array<i64: 3, 3>, padding = array<i64: 2, 1, 1, 1>, size = array<i64: 4, 4>, stride = array<i64: 1, 2>} : tensor<1x1x5x2xf64> -> tensor<1x1x4x4xf64>
  return %r : tensor<1x1x4x4xf64>
}

func.func @unseen(%x: tensor<1x1x2x2xf64>) -> tensor<1x1x5x5xf64> {
  %r = varve.avg_unpool %x {kernel = array<i64: 1, 2>, padding = array<i64: 0, 0>, size = array<i64: 5, 5>, stride = array<i64: 3, 3>} : tensor<1x1x2x2xf64> -> tensor<1x1x5x5xf64>
  return %r : tensor<1x1x5x5xf64>
}

func.func @large(%x: tensor<1x2x9x10xf64>) -> tensor<1x2x9x10xf64> {
  %r = varve.avg_unpool %x {count_padding = false, kernel = array<i64: 9, 9>, padding = array<i64: 4, 4>, size = array<i64: 9, 10>, stride = array<i64: 1, 1>} : tensor<1x2x9x10xf64> -> tensor<1x2x9x10xf64>
  return %r : tensor<1x2x9x10xf64>
}

func.func @line(%x: tensor<2x1x2xf64>) -> tensor<2x1x5xf64> {
  %r = varve.avg_unpool %x {kernel = array<i64: 2>, padding = array<i64: 0>, size = array<i64: 5>, stride = array<i64: 2>} : tensor<2x1x2xf64> -> tensor<2x1x5xf64>
  return %r : tensor<2x1x5xf64>
}

func.func @space(%x: tensor<1x1x1x2x2xf64>) -> tensor<1x1x2x4x2xf64> {
  %r = varve.avg_unpool %x {kernel = array<i64: 2, 2, 1>, padding = array<i64: 0, 0, 0>, size = array<i64: 2, 4, 2>, stride = array<i64: 2, 2, 1>} : tensor<1x1x1x2x2xf64> -> tensor<1x1x2x4x2xf64>
  return %r : tensor<1x1x2x4x2xf64>
}

func.func @wide(%x: tensor<2x33x3x3xf32>) -> tensor<2x33x6x6xf32> {
  %r = varve.avg_unpool %x {kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 6, 6>, stride = array<i64: 2, 2>} : tensor<2x33x3x3xf32> -> tensor<2x33x6x6xf32>
  return %r : tensor<2x33x6x6xf32>
}

func.func @halves(%x: tensor<1x1x2x2xf16>) -> tensor<1x1x4x4xf16> {
  %r = varve.avg_unpool %x {kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, size = array<i64: 4, 4>, stride = array<i64: 2, 2>} : tensor<1x1x2x2xf16> -> tensor<1x1x4x4xf16>
  return %r : tensor<1x1x4x4xf16>
}

// PyTorch's: the gradients of the pools in avg_pool.mlir.
func.func @values() -> tensor<1x1x4x5xf64> attributes {
  varve.want = [dense<[[[[0.0, -0.25, -0.25, -0.111111111, 0.138888889], [-0.111111111, -0.083333333, 0.027777778, 0.194444444, 0.166666667], [-0.111111111, 0.166666667, 0.277777778, 0.305555556, 0.027777778], [-0.444444444, 0.083333333, 0.527777778, 0.430555556, -0.097222222]]]]> : tensor<1x1x4x5xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25], [-2.0, 1.5, -0.75]]]]> : tensor<1x1x3x3xf64>
  %r = varve.avg_unpool %x {ceil = true, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 4, 5>, stride = array<i64: 2, 2>} : tensor<1x1x3x3xf64> -> tensor<1x1x4x5xf64>
  return %r : tensor<1x1x4x5xf64>
}

func.func @values_uncounted() -> tensor<1x1x4x5xf64> attributes {
  varve.want = [dense<[[[[0.0, -0.375, -0.375, -0.0625, 0.3125], [-0.166666667, -0.263888889, -0.097222222, 0.256944444, 0.354166667], [-0.166666667, 0.111111111, 0.277777778, 0.319444444, 0.041666667], [-1.166666667, -0.388888889, 0.777777778, 0.444444444, -0.333333333]]]]> : tensor<1x1x4x5xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25], [-2.0, 1.5, -0.75]]]]> : tensor<1x1x3x3xf64>
  %r = varve.avg_unpool %x {ceil = true, count_padding = false, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 4, 5>, stride = array<i64: 2, 2>} : tensor<1x1x3x3xf64> -> tensor<1x1x4x5xf64>
  return %r : tensor<1x1x4x5xf64>
}

func.func @values_ceil() -> tensor<1x1x4x5xf64> attributes {
  varve.want = [dense<[[[[0.0, 0.0, -0.375, -0.375, -0.375], [0.0, 0.0, -0.375, -0.375, -0.375], [0.208333333, 0.208333333, 0.041666667, -0.166666667, -0.166666667], [0.208333333, 0.208333333, 0.041666667, -0.166666667, -0.166666667]]]]> : tensor<1x1x4x5xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25], [1.25, -1.0]]]]> : tensor<1x1x2x2xf64>
  %r = varve.avg_unpool %x {ceil = true, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, size = array<i64: 4, 5>, stride = array<i64: 2, 2>} : tensor<1x1x2x2xf64> -> tensor<1x1x4x5xf64>
  return %r : tensor<1x1x4x5xf64>
}

// -----

// avg_unpool C1
func.func @c1(%x: tensor<1x1x3xf32>) {
  // expected-error @+1 {{no pool makes}}
  %r = varve.avg_unpool %x {kernel = array<i64: 2>, padding = array<i64: 0>, size = array<i64: 4>, stride = array<i64: 2>} : tensor<1x1x3xf32> -> tensor<1x1x4xf32>
  return
}

// -----

// avg_unpool C2
func.func @c2(%x: tensor<1x1x2xf32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r = varve.avg_unpool %x {kernel = array<i64: 2>, padding = array<i64: 0>, size = array<i64: 4>, stride = array<i64: -2>} : tensor<1x1x2xf32> -> tensor<1x1x4xf32>
  return
}

// -----

// avg_unpool C3
func.func @c3(%x: tensor<1x1x1xf32>) {
  // expected-error @+1 {{would have none}}
  %r = varve.avg_unpool %x {kernel = array<i64: 6>, padding = array<i64: 0>, size = array<i64: 4>, stride = array<i64: 1>} : tensor<1x1x1xf32> -> tensor<1x1x4xf32>
  return
}
