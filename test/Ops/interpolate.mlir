// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @nearest
// CHECK: varve.interpolate %{{.*}} {size = array<i64: 4, 6>} : tensor<2x2x2x3xf64> -> tensor<2x2x4x6xf64>
func.func @nearest(%x: tensor<2x2x2x3xf64>) -> tensor<2x2x4x6xf64> {
  %r = varve.interpolate %x {size = array<i64: 4, 6>} : tensor<2x2x2x3xf64> -> tensor<2x2x4x6xf64>
  return %r : tensor<2x2x4x6xf64>
}

func.func @smaller(%x: tensor<1x1x5x7xf64>) -> tensor<1x1x3x4xf64> {
  %r = varve.interpolate %x {size = array<i64: 3, 4>} : tensor<1x1x5x7xf64> -> tensor<1x1x3x4xf64>
  return %r : tensor<1x1x3x4xf64>
}

func.func @between(%x: tensor<1x2x3x4xf64>) -> tensor<1x2x5x6xf64> {
  %r = varve.interpolate %x {mode = "bilinear", size = array<i64: 5, 6>} : tensor<1x2x3x4xf64> -> tensor<1x2x5x6xf64>
  return %r : tensor<1x2x5x6xf64>
}

func.func @below(%x: tensor<1x1x5x6xf64>) -> tensor<1x1x2x6xf64> {
  %r = varve.interpolate %x {mode = "bilinear", size = array<i64: 2, 6>} : tensor<1x1x5x6xf64> -> tensor<1x1x2x6xf64>
  return %r : tensor<1x1x2x6xf64>
}

func.func @corners(%x: tensor<1x2x3x4xf64>) -> tensor<1x2x5x1xf64> {
  %r = varve.interpolate %x {align_corners = true, mode = "bilinear", size = array<i64: 5, 1>} : tensor<1x2x3x4xf64> -> tensor<1x2x5x1xf64>
  return %r : tensor<1x2x5x1xf64>
}

func.func @line(%x: tensor<2x1x3xf64>) -> tensor<2x1x7xf64> {
  %r = varve.interpolate %x {mode = "linear", size = array<i64: 7>} : tensor<2x1x3xf64> -> tensor<2x1x7xf64>
  return %r : tensor<2x1x7xf64>
}

func.func @space(%x: tensor<1x1x2x3x2xf64>) -> tensor<1x1x3x2x4xf64> {
  %r = varve.interpolate %x {mode = "trilinear", size = array<i64: 3, 2, 4>} : tensor<1x1x2x3x2xf64> -> tensor<1x1x3x2x4xf64>
  return %r : tensor<1x1x3x2x4xf64>
}

func.func @wide(%x: tensor<1x2x3x20xf32>) -> tensor<1x2x5x33xf32> {
  %r = varve.interpolate %x {mode = "bilinear", size = array<i64: 5, 33>} : tensor<1x2x3x20xf32> -> tensor<1x2x5x33xf32>
  return %r : tensor<1x2x5x33xf32>
}

func.func @integers(%x: tensor<1x1x2x3xi32>) -> tensor<1x1x3x4xi32> {
  %r = varve.interpolate %x {size = array<i64: 3, 4>} : tensor<1x1x2x3xi32> -> tensor<1x1x3x4xi32>
  return %r : tensor<1x1x3x4xi32>
}

func.func @halves(%x: tensor<1x1x2x3xf16>) -> tensor<1x1x3x4xf16> {
  %r = varve.interpolate %x {mode = "bilinear", size = array<i64: 3, 4>} : tensor<1x1x2x3xf16> -> tensor<1x1x3x4xf16>
  return %r : tensor<1x1x3x4xf16>
}

// PyTorch's.
func.func @values_nearest() -> tensor<1x1x3x7xf64> attributes {
  varve.want = [dense<[[[[1.0, 1.0, 3.0, 2.0, 2.0, 3.0, 0.0], [3.0, 3.0, 2.0, 2.0, 2.0, 5.0, 1.0], [0.0, 0.0, 4.0, 4.0, 4.0, 5.0, -1.0]]]]> : tensor<1x1x3x7xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.interpolate %x {size = array<i64: 3, 7>} : tensor<1x1x4x5xf64> -> tensor<1x1x3x7xf64>
  return %r : tensor<1x1x3x7xf64>
}

func.func @values() -> tensor<1x1x3x7xf64> attributes {
  varve.want = [dense<[[[[1.333333333, 2.19047619, 2.595238095, 2.0, 2.952380952, 1.976190476, 0.166666667], [1.5, 2.357142857, 3.0, 3.0, 4.428571429, 2.857142857, 0.0], [-1.666666667, 0.142857143, 1.261904762, 0.666666667, -1.0, -0.30952381, 1.5]]]]> : tensor<1x1x3x7xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.interpolate %x {mode = "bilinear", size = array<i64: 3, 7>} : tensor<1x1x4x5xf64> -> tensor<1x1x3x7xf64>
  return %r : tensor<1x1x3x7xf64>
}

func.func @values_corners() -> tensor<1x1x3x7xf64> attributes {
  varve.want = [dense<[[[[1.0, 2.333333333, 2.666666667, 2.0, 2.666666667, 2.0, 0.0], [1.5, 2.5, 3.0, 3.0, 4.333333333, 3.333333333, 0.0], [-2.0, -0.0, 0.666666667, 0.0, -2.0, -1.333333333, 2.0]]]]> : tensor<1x1x3x7xf64>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r = varve.interpolate %x {align_corners = true, mode = "bilinear", size = array<i64: 3, 7>} : tensor<1x1x4x5xf64> -> tensor<1x1x3x7xf64>
  return %r : tensor<1x1x3x7xf64>
}

func.func @values_line() -> tensor<1x1x5xf64> attributes {
  varve.want = [dense<[[[1.0, 1.8, 3.0, 2.4, 2.0]]]> : tensor<1x1x5xf64>]
} {
  %x = varve.constant dense<[[[1.0, 3.0, 2.0]]]> : tensor<1x1x3xf64>
  %r = varve.interpolate %x {mode = "linear", size = array<i64: 5>} : tensor<1x1x3xf64> -> tensor<1x1x5xf64>
  return %r : tensor<1x1x5xf64>
}

func.func @values_space() -> tensor<1x1x3x2x1xf64> attributes {
  varve.want = [dense<[[[[[-1.125], [0.125]], [[0.125], [-0.0625]], [[1.375], [-0.25]]]]]> : tensor<1x1x3x2x1xf64>]
} {
  %x = varve.constant dense<[[[[[0.0, -2.25], [1.25, -1.0]], [[2.5, 0.25], [-2.0, 1.5]]]]]> : tensor<1x1x2x2x2xf64>
  %r = varve.interpolate %x {mode = "trilinear", size = array<i64: 3, 2, 1>} : tensor<1x1x2x2x2xf64> -> tensor<1x1x3x2x1xf64>
  return %r : tensor<1x1x3x2x1xf64>
}

// -----

// interpolate C1
func.func @c1(%x: tensor<1x1x2x2xf32>) {
  // expected-error @+1 {{cannot bring}}
  %r = varve.interpolate %x {size = array<i64: 2>} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
  return
}

// -----

// interpolate C2
func.func @c2(%x: tensor<1x1x2x2xf32>) {
  // expected-error @+1 {{no mode}}
  %r = varve.interpolate %x {mode = "linear", size = array<i64: 2, 2>} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
  return
}

// -----

// interpolate C3
func.func @c3(%x: tensor<1x1x2x2xf32>) {
  // expected-error @+1 {{aligns no corners}}
  %r = varve.interpolate %x {align_corners = true, size = array<i64: 2, 2>} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
  return
}
