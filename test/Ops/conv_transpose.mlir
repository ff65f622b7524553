// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @planes
// CHECK: varve.conv_transpose %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x3x3x4xf64>, tensor<3x2x3x3xf64> -> tensor<2x2x3x4xf64>
func.func @planes(%x: tensor<2x3x3x4xf64>, %y: tensor<3x2x3x3xf64>) -> tensor<2x2x3x4xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x3x3x4xf64>, tensor<3x2x3x3xf64> -> tensor<2x2x3x4xf64>
  return %r : tensor<2x2x3x4xf64>
}

func.func @stride(%x: tensor<1x2x2x2xf64>, %y: tensor<2x2x3x2xf64>) -> tensor<1x2x6x4xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 1, 0>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x2x2x2xf64>, tensor<2x2x3x2xf64> -> tensor<1x2x6x4xf64>
  return %r : tensor<1x2x6x4xf64>
}

func.func @twice(%x: tensor<1x2x2x3xf64>, %y: tensor<2x1x2x2xf64>) -> tensor<1x1x4x6xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x2x2x3xf64>, tensor<2x1x2x2xf64> -> tensor<1x1x4x6xf64>
  return %r : tensor<1x1x4x6xf64>
}

func.func @ends(%x: tensor<1x1x5x4xf64>, %y: tensor<1x1x2x2xf64>) -> tensor<1x1x3x4xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 0, 1, 3, 0>, stride = array<i64: 1, 1>} : tensor<1x1x5x4xf64>, tensor<1x1x2x2xf64> -> tensor<1x1x3x4xf64>
  return %r : tensor<1x1x3x4xf64>
}

func.func @dilated(%x: tensor<1x2x4x2xf64>, %y: tensor<2x2x2x3xf64>) -> tensor<1x2x5x7xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 3, 2>, output_padding = array<i64: 0, 0>, padding = array<i64: 1, 0>, stride = array<i64: 1, 2>} : tensor<1x2x4x2xf64>, tensor<2x2x2x3xf64> -> tensor<1x2x5x7xf64>
  return %r : tensor<1x2x5x7xf64>
}

func.func @dilated_ends(%x: tensor<1x1x2x3xf64>, %y: tensor<1x2x2x3xf64>) -> tensor<1x2x4x7xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 3, 2>, output_padding = array<i64: 0, 0>, padding = array<i64: 1, 2>, stride = array<i64: 2, 3>} : tensor<1x1x2x3xf64>, tensor<1x2x2x3xf64> -> tensor<1x2x4x7xf64>
  return %r : tensor<1x2x4x7xf64>
}

func.func @groups(%x: tensor<1x4x2x2xf64>, %y: tensor<4x3x2x2xf64>) -> tensor<1x6x3x3xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, groups = 2 : i64, output_padding = array<i64: 0, 0>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x4x2x2xf64>, tensor<4x3x2x2xf64> -> tensor<1x6x3x3xf64>
  return %r : tensor<1x6x3x3xf64>
}

func.func @line(%x: tensor<2x3x3xf64>, %y: tensor<3x2x3xf64>) -> tensor<2x2x6xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1>, output_padding = array<i64: 1>, padding = array<i64: 1>, stride = array<i64: 2>} : tensor<2x3x3xf64>, tensor<3x2x3xf64> -> tensor<2x2x6xf64>
  return %r : tensor<2x2x6xf64>
}

func.func @space(%x: tensor<1x2x2x2x1xf64>, %y: tensor<2x1x2x1x2xf64>) -> tensor<1x1x4x2x2xf64> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1, 1>, output_padding = array<i64: 0, 0, 0>, padding = array<i64: 0, 0, 0>, stride = array<i64: 2, 1, 1>} : tensor<1x2x2x2x1xf64>, tensor<2x1x2x1x2xf64> -> tensor<1x1x4x2x2xf64>
  return %r : tensor<1x1x4x2x2xf64>
}

func.func @halves(%x: tensor<1x2x2x2xbf16>, %y: tensor<2x2x2x2xbf16>) -> tensor<1x2x3x3xbf16> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x2x2x2xbf16>, tensor<2x2x2x2xbf16> -> tensor<1x2x3x3xbf16>
  return %r : tensor<1x2x3x3xbf16>
}

func.func @wide(%x: tensor<2x17x3x3xf32>, %y: tensor<17x20x3x3xf32>) -> tensor<2x20x6x6xf32> {
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 1, 1>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<2x17x3x3xf32>, tensor<17x20x3x3xf32> -> tensor<2x20x6x6xf32>
  return %r : tensor<2x20x6x6xf32>
}

// PyTorch's.
func.func @values() -> tensor<1x1x4x8xf64> attributes {
  varve.want = [dense<[[[[1.5, -5.5, 0.0, -3.9375, 6.375, 0.0, 2.125, -3.3125], [-6.5, 9.875, 0.0, -5.875, -8.0625, 0.0, 6.25, -1.5625], [-3.3125, 8.5625, 0.0, 2.75, -1.125, 0.0, 1.625, -5.0625], [-1.125, -5.0625, 0.0, 6.5, -0.25, 0.0, -0.25, 3.125]]]]> : tensor<1x1x4x8xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25]], [[-2.0, 1.5, -0.75], [2.75, 0.5, -1.75]]]]> : tensor<1x2x2x3xf64>
  %y = varve.constant dense<[[[[0.0, -2.25], [1.25, -1.0], [2.5, 0.25]]], [[[-2.0, 1.5], [-0.75, 2.75], [0.5, -1.75]]]]> : tensor<2x1x3x2xf64>
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, output_padding = array<i64: 1, 0>, padding = array<i64: 1, 0>, stride = array<i64: 2, 3>} : tensor<1x2x2x3xf64>, tensor<2x1x3x2xf64> -> tensor<1x1x4x8xf64>
  return %r : tensor<1x1x4x8xf64>
}

func.func @values_of_groups() -> tensor<1x2x4x7xf64> attributes {
  varve.want = [dense<[[[[0.0, 0.0, 0.0, 5.0625, 0.0, -2.8125, 0.0], [0.0, 2.25, -2.8125, -3.375, 1.5625, -1.8125, 0.0], [-1.25, 1.0, -2.5, -3.0625, 3.4375, 0.0625, 0.0], [-2.5, -0.25, 6.25, 0.625, 0.625, 0.0625, 0.0]], [[4.0, -3.0, -3.0, 2.25, 1.5, -1.125, 0.0], [-4.0, -1.375, -2.125, 4.875, 4.0625, -4.6875, 0.0], [-3.0625, 11.0625, 0.375, -1.25, 0.9375, -3.5, 0.0], [1.375, -4.8125, 0.25, -0.875, -0.875, 3.0625, 0.0]]]]> : tensor<1x2x4x7xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25]], [[-2.0, 1.5, -0.75], [2.75, 0.5, -1.75]]]]> : tensor<1x2x2x3xf64>
  %y = varve.constant dense<[[[[0.0, -2.25], [1.25, -1.0], [2.5, 0.25]]], [[[-2.0, 1.5], [-0.75, 2.75], [0.5, -1.75]]]]> : tensor<2x1x3x2xf64>
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1, 1>, groups = 2 : i64, output_padding = array<i64: 0, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 2>} : tensor<1x2x2x3xf64>, tensor<2x1x3x2xf64> -> tensor<1x2x4x7xf64>
  return %r : tensor<1x2x4x7xf64>
}

// -----

// conv_transpose C1
func.func @c1(%x: tensor<1x2x2xf32>, %y: tensor<2x2x2x2xf32>) {
  // expected-error @+1 {{cannot convolve}}
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1>, output_padding = array<i64: 0>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x2x2xf32>, tensor<2x2x2x2xf32> -> tensor<1x2x3xf32>
  return
}

// -----

// conv_transpose C2
func.func @c2(%x: tensor<1x1x3xf32>, %y: tensor<1x1x1xf32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1>, output_padding = array<i64: 0>, padding = array<i64: 0, 0, 0>, stride = array<i64: 1>} : tensor<1x1x3xf32>, tensor<1x1x1xf32> -> tensor<1x1x3xf32>
  return
}

// -----

// conv_transpose C3
func.func @c3(%x: tensor<1x3x3xf32>, %y: tensor<2x3x1xf32>) {
  // expected-error @+1 {{do not make 1 group of channels}}
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1>, output_padding = array<i64: 0>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x3x3xf32>, tensor<2x3x1xf32> -> tensor<1x3x3xf32>
  return
}

// -----

// conv_transpose C4
func.func @c4(%x: tensor<1x1x2xf32>, %y: tensor<1x1x2xf32>) {
  // expected-error @+1 {{would have -1 elements}}
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1>, output_padding = array<i64: 0>, padding = array<i64: 2>, stride = array<i64: 1>} : tensor<1x1x2xf32>, tensor<1x1x2xf32> -> tensor<1x1x1xf32>
  return
}

// -----

// conv_transpose C5
func.func @c5(%x: tensor<1x1x3xf32>, %y: tensor<1x1x2xf32>) {
  // expected-error @+1 {{does not suit stride}}
  %r = varve.conv_transpose %x, %y {dilation = array<i64: 1>, output_padding = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<1x1x3xf32>, tensor<1x1x2xf32> -> tensor<1x1x8xf32>
  return
}
