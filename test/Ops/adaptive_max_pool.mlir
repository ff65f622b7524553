// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @even
// CHECK: varve.adaptive_max_pool %{{.*}} {size = array<i64: 2, 3>} : tensor<2x2x4x6xf64> -> tensor<2x2x2x3xf64>
func.func @even(%x: tensor<2x2x4x6xf64>) -> tensor<2x2x2x3xf64> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 2, 3>} : tensor<2x2x4x6xf64> -> tensor<2x2x2x3xf64>
  return %r : tensor<2x2x2x3xf64>
}

func.func @uneven(%x: tensor<1x2x5x7xf64>) -> tensor<1x2x3x4xf64> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 3, 4>} : tensor<1x2x5x7xf64> -> tensor<1x2x3x4xf64>
  return %r : tensor<1x2x3x4xf64>
}

func.func @mixed(%x: tensor<1x2x6x5xf64>) -> tensor<1x2x3x2xf64> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 3, 2>} : tensor<1x2x6x5xf64> -> tensor<1x2x3x2xf64>
  return %r : tensor<1x2x3x2xf64>
}

func.func @larger(%x: tensor<1x1x3x2xf64>) -> tensor<1x1x5x2xf64> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 5, 2>} : tensor<1x1x3x2xf64> -> tensor<1x1x5x2xf64>
  return %r : tensor<1x1x5x2xf64>
}

func.func @line(%x: tensor<2x1x5xf64>) -> tensor<2x1x1xf64> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 1>} : tensor<2x1x5xf64> -> tensor<2x1x1xf64>
  return %r : tensor<2x1x1xf64>
}

func.func @space(%x: tensor<1x1x2x3x2xf64>) -> tensor<1x1x1x2x2xf64> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 1, 2, 2>} : tensor<1x1x2x3x2xf64> -> tensor<1x1x1x2x2xf64>
  return %r : tensor<1x1x1x2x2xf64>
}

func.func @halves(%x: tensor<1x1x3x4xf16>) -> tensor<1x1x2x2xf16> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 2, 2>} : tensor<1x1x3x4xf16> -> tensor<1x1x2x2xf16>
  return %r : tensor<1x1x2x2xf16>
}

func.func @integers(%x: tensor<1x1x3x4xi16>) -> tensor<1x1x2x3xi16> {
  %r = varve.adaptive_max_pool %x {size = array<i64: 2, 3>} : tensor<1x1x3x4xi16> -> tensor<1x1x2x3xi16>
  return %r : tensor<1x1x2x3xi16>
}

// PyTorch's.
func.func @values() -> tensor<1x1x3x2xf64> attributes {
  varve.want = [dense<[[[[3.0, 5.0], [4.0, 5.0], [4.0, 5.0]]]]> : tensor<1x1x3x2xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.adaptive_max_pool %x {size = array<i64: 3, 2>} : tensor<1x1x4x5xf64> -> tensor<1x1x3x2xf64>
  return %r : tensor<1x1x3x2xf64>
}

func.func @values_of_rows() -> tensor<1x1x2x1xf64> attributes {
  varve.want = [dense<[[[[5.0], [5.0]]]]> : tensor<1x1x2x1xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.adaptive_max_pool %x {size = array<i64: 2, 1>} : tensor<1x1x4x5xf64> -> tensor<1x1x2x1xf64>
  return %r : tensor<1x1x2x1xf64>
}

// -----

// adaptive_max_pool C1
func.func @c1(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{cannot bring}}
  %r = varve.adaptive_max_pool %x {size = array<i64: 0>} : tensor<1x1x4xf32> -> tensor<1x1x0xf32>
  return
}
