// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @planes
// CHECK: varve.conv_weight %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x2x3x4xf64>, tensor<2x3x3x4xf64> -> tensor<3x2x3x3xf64>
func.func @planes(%x: tensor<2x2x3x4xf64>, %y: tensor<2x3x3x4xf64>) -> tensor<3x2x3x3xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x2x3x4xf64>, tensor<2x3x3x4xf64> -> tensor<3x2x3x3xf64>
  return %r : tensor<3x2x3x3xf64>
}

func.func @stride(%x: tensor<1x2x5x4xf64>, %y: tensor<1x2x2x2xf64>) -> tensor<2x2x3x2xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x2x5x4xf64>, tensor<1x2x2x2xf64> -> tensor<2x2x3x2xf64>
  return %r : tensor<2x2x3x2xf64>
}

func.func @ends(%x: tensor<1x1x3x4xf64>, %y: tensor<1x1x5x4xf64>) -> tensor<1x1x2x2xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 1, 3, 0>, stride = array<i64: 1, 1>} : tensor<1x1x3x4xf64>, tensor<1x1x5x4xf64> -> tensor<1x1x2x2xf64>
  return %r : tensor<1x1x2x2xf64>
}

func.func @dilated(%x: tensor<1x2x5x6xf64>, %y: tensor<1x2x4x1xf64>) -> tensor<2x2x2x3xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 3, 2>, kernel = array<i64: 2, 3>, padding = array<i64: 1, 0>, stride = array<i64: 1, 2>} : tensor<1x2x5x6xf64>, tensor<1x2x4x1xf64> -> tensor<2x2x2x3xf64>
  return %r : tensor<2x2x2x3xf64>
}

func.func @groups(%x: tensor<2x4x3x3xf64>, %y: tensor<2x2x2x2xf64>) -> tensor<2x2x2x2xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, groups = 2 : i64, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<2x4x3x3xf64>, tensor<2x2x2x2xf64> -> tensor<2x2x2x2xf64>
  return %r : tensor<2x2x2x2xf64>
}

func.func @line(%x: tensor<2x2x6xf64>, %y: tensor<2x3x3xf64>) -> tensor<3x2x3xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1>, kernel = array<i64: 3>, padding = array<i64: 1>, stride = array<i64: 2>} : tensor<2x2x6xf64>, tensor<2x3x3xf64> -> tensor<3x2x3xf64>
  return %r : tensor<3x2x3xf64>
}

func.func @space(%x: tensor<1x1x2x2x3xf64>, %y: tensor<1x2x1x2x2xf64>) -> tensor<2x1x2x1x2xf64> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1, 1>, kernel = array<i64: 2, 1, 2>, padding = array<i64: 0, 0, 0>, stride = array<i64: 1, 1, 1>} : tensor<1x1x2x2x3xf64>, tensor<1x2x1x2x2xf64> -> tensor<2x1x2x1x2xf64>
  return %r : tensor<2x1x2x1x2xf64>
}

func.func @halves(%x: tensor<1x2x3x3xf16>, %y: tensor<1x2x2x2xf16>) -> tensor<2x2x2x2xf16> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x2x3x3xf16>, tensor<1x2x2x2xf16> -> tensor<2x2x2x2xf16>
  return %r : tensor<2x2x2x2xf16>
}

func.func @wide(%x: tensor<3x20x5x5xf32>, %y: tensor<3x17x5x5xf32>) -> tensor<17x20x3x3xf32> {
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<3x20x5x5xf32>, tensor<3x17x5x5xf32> -> tensor<17x20x3x3xf32>
  return %r : tensor<17x20x3x3xf32>
}

// PyTorch's.
func.func @values() -> tensor<2x1x2x2xf64> attributes {
  varve.want = [dense<[[[[-14.5625, 18.25], [7.5625, 9.0625]]], [[[28.5625, -13.5625], [-15.0625, -3.6875]]]]> : tensor<2x1x2x2xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25], [-2.0, 1.5, -0.75], [2.75, 0.5, -1.75]], [[1.75, -0.5, -2.75], [0.75, -1.5, 2.0], [-0.25, -2.5, 1.0], [-1.25, 2.25, 0.0]]], [[[-2.25, 1.25, -1.0], [2.5, 0.25, -2.0], [1.5, -0.75, 2.75], [0.5, -1.75, 1.75]], [[-0.5, -2.75, 0.75], [-1.5, 2.0, -0.25], [-2.5, 1.0, -1.25], [2.25, 0.0, -2.25]]]]> : tensor<2x2x4x3xf64>
  %y = varve.constant dense<[[[[0.0, -2.25, 1.25, -1.0], [2.5, 0.25, -2.0, 1.5]], [[-0.75, 2.75, 0.5, -1.75], [1.75, -0.5, -2.75, 0.75]]], [[[-1.5, 2.0, -0.25, -2.5], [1.0, -1.25, 2.25, 0.0]], [[-2.25, 1.25, -1.0, 2.5], [0.25, -2.0, 1.5, -0.75]]]]> : tensor<2x2x2x4xf64>
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1, 1>, groups = 2 : i64, kernel = array<i64: 2, 2>, padding = array<i64: 0, 1>, stride = array<i64: 2, 1>} : tensor<2x2x4x3xf64>, tensor<2x2x2x4xf64> -> tensor<2x1x2x2xf64>
  return %r : tensor<2x1x2x2xf64>
}

// -----

// conv_weight C1
func.func @c1(%x: tensor<1x2x3xf32>, %y: tensor<2x2x3xf32>) {
  // expected-error @+1 {{no convolution makes}}
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1>, kernel = array<i64: 1>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x2x3xf32>, tensor<2x2x3xf32> -> tensor<2x2x1xf32>
  return
}

// -----

// conv_weight C2
func.func @c2(%x: tensor<1x2x3xf32>, %y: tensor<1x2x3xf32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r = varve.conv_weight %x, %y {dilation = array<i64>, kernel = array<i64: 1>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x2x3xf32>, tensor<1x2x3xf32> -> tensor<2x2x1xf32>
  return
}

// -----

// conv_weight C3
func.func @c3(%x: tensor<1x3x3xf32>, %y: tensor<1x2x3xf32>) {
  // expected-error @+1 {{do not make 2 groups of channels}}
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1>, groups = 2 : i64, kernel = array<i64: 1>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x3x3xf32>, tensor<1x2x3xf32> -> tensor<2x1x1xf32>
  return
}

// -----

// conv_weight C4
func.func @c4(%x: tensor<1x2x3xf32>, %y: tensor<1x2x3xf32>) {
  // expected-error @+1 {{does not make}}
  %r = varve.conv_weight %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x2x3xf32>, tensor<1x2x3xf32> -> tensor<2x2x2xf32>
  return
}
