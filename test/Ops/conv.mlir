// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @planes
// CHECK: varve.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x2x3x4xf64>, tensor<3x2x3x3xf64> -> tensor<2x3x3x4xf64>
func.func @planes(%x: tensor<2x2x3x4xf64>, %y: tensor<3x2x3x3xf64>) -> tensor<2x3x3x4xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x2x3x4xf64>, tensor<3x2x3x3xf64> -> tensor<2x3x3x4xf64>
  return %r : tensor<2x3x3x4xf64>
}

// The stride leaves a column of x unseen.
func.func @stride(%x: tensor<1x2x5x4xf64>, %y: tensor<2x2x3x2xf64>) -> tensor<1x2x2x2xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x2x5x4xf64>, tensor<2x2x3x2xf64> -> tensor<1x2x2x2xf64>
  return %r : tensor<1x2x2x2xf64>
}

func.func @ends(%x: tensor<1x1x3x4xf64>, %y: tensor<1x1x2x2xf64>) -> tensor<1x1x5x4xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 0, 1, 3, 0>, stride = array<i64: 1, 1>} : tensor<1x1x3x4xf64>, tensor<1x1x2x2xf64> -> tensor<1x1x5x4xf64>
  return %r : tensor<1x1x5x4xf64>
}

func.func @dilated(%x: tensor<1x2x5x6xf64>, %y: tensor<2x2x2x3xf64>) -> tensor<1x2x4x1xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 3, 2>, padding = array<i64: 1, 0>, stride = array<i64: 1, 2>} : tensor<1x2x5x6xf64>, tensor<2x2x2x3xf64> -> tensor<1x2x4x1xf64>
  return %r : tensor<1x2x4x1xf64>
}

func.func @depthwise(%x: tensor<2x3x3x3xf64>, %y: tensor<6x1x2x2xf64>) -> tensor<2x6x2x2xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, groups = 3 : i64, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<2x3x3x3xf64>, tensor<6x1x2x2xf64> -> tensor<2x6x2x2xf64>
  return %r : tensor<2x6x2x2xf64>
}

func.func @groups(%x: tensor<1x4x3x3xf64>, %y: tensor<2x2x2x2xf64>) -> tensor<1x2x2x2xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, groups = 2 : i64, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x4x3x3xf64>, tensor<2x2x2x2xf64> -> tensor<1x2x2x2xf64>
  return %r : tensor<1x2x2x2xf64>
}

func.func @point(%x: tensor<2x3x2x2xf64>, %y: tensor<4x3x1x1xf64>) -> tensor<2x4x2x2xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<2x3x2x2xf64>, tensor<4x3x1x1xf64> -> tensor<2x4x2x2xf64>
  return %r : tensor<2x4x2x2xf64>
}

func.func @line(%x: tensor<2x2x6xf64>, %y: tensor<3x2x3xf64>) -> tensor<2x3x3xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1>, padding = array<i64: 1>, stride = array<i64: 2>} : tensor<2x2x6xf64>, tensor<3x2x3xf64> -> tensor<2x3x3xf64>
  return %r : tensor<2x3x3xf64>
}

func.func @space(%x: tensor<1x2x3x2x3xf64>, %y: tensor<2x2x2x1x2xf64>) -> tensor<1x2x4x2x2xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1, 1>, padding = array<i64: 1, 0, 1>, stride = array<i64: 1, 1, 2>} : tensor<1x2x3x2x3xf64>, tensor<2x2x2x1x2xf64> -> tensor<1x2x4x2x2xf64>
  return %r : tensor<1x2x4x2x2xf64>
}

// Windows that only see padding.
func.func @padding(%x: tensor<1x1x1x1xf64>, %y: tensor<1x1x2x2xf64>) -> tensor<1x1x4x4xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 2, 2>, stride = array<i64: 1, 1>} : tensor<1x1x1x1xf64>, tensor<1x1x2x2xf64> -> tensor<1x1x4x4xf64>
  return %r : tensor<1x1x4x4xf64>
}

func.func @none(%x: tensor<0x2x3x3xf64>, %y: tensor<2x2x2x2xf64>) -> tensor<0x2x2x2xf64> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<0x2x3x3xf64>, tensor<2x2x2x2xf64> -> tensor<0x2x2x2xf64>
  return %r : tensor<0x2x2x2xf64>
}

func.func @halves(%x: tensor<1x2x3x3xf16>, %y: tensor<2x2x2x2xf16>) -> tensor<1x2x2x2xf16> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x2x3x3xf16>, tensor<2x2x2x2xf16> -> tensor<1x2x2x2xf16>
  return %r : tensor<1x2x2x2xf16>
}

func.func @wide(%x: tensor<2x20x4x4xf32>, %y: tensor<17x20x3x3xf32>) -> tensor<2x17x4x4xf32> {
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x20x4x4xf32>, tensor<17x20x3x3xf32> -> tensor<2x17x4x4xf32>
  return %r : tensor<2x17x4x4xf32>
}

// PyTorch's.
func.func @values() -> tensor<1x2x4x1xf64> attributes {
  varve.want = [dense<[[[[4.0625], [-0.625], [9.0625], [-11.125]], [[2.5625], [-0.375], [-2.875], [1.0625]]]]> : tensor<1x2x4x1xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25, -1.0], [2.5, 0.25, -2.0, 1.5], [-0.75, 2.75, 0.5, -1.75]], [[1.75, -0.5, -2.75, 0.75], [-1.5, 2.0, -0.25, -2.5], [1.0, -1.25, 2.25, 0.0]]]]> : tensor<1x2x3x4xf64>
  %y = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25]], [[-2.0, 1.5, -0.75], [2.75, 0.5, -1.75]]], [[[1.75, -0.5, -2.75], [0.75, -1.5, 2.0]], [[-0.25, -2.5, 1.0], [-1.25, 2.25, 0.0]]]]> : tensor<2x2x2x3xf64>
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 1, 0>, stride = array<i64: 1, 2>} : tensor<1x2x3x4xf64>, tensor<2x2x2x3xf64> -> tensor<1x2x4x1xf64>
  return %r : tensor<1x2x4x1xf64>
}

func.func @values_of_groups() -> tensor<1x4x5xf64> attributes {
  varve.want = [dense<[[[5.0625, -2.8125, 2.25, -5.625, 0.0], [2.25, -1.25, -1.8125, -0.9375, -1.25], [-0.5, 1.0, -5.1875, 4.4375, -1.875], [-3.0, 1.75, 2.875, 1.125, 1.5]]]> : tensor<1x4x5xf64>]
} {
  %x = varve.constant dense<[[[0.0, -2.25, 1.25, -1.0, 2.5], [0.25, -2.0, 1.5, -0.75, 2.75]]]> : tensor<1x2x5xf64>
  %y = varve.constant dense<[[[0.0, -2.25]], [[1.25, -1.0]], [[2.5, 0.25]], [[-2.0, 1.5]]]> : tensor<4x1x2xf64>
  %r = varve.conv %x, %y {dilation = array<i64: 2>, groups = 2 : i64, padding = array<i64: 1>, stride = array<i64: 1>} : tensor<1x2x5xf64>, tensor<4x1x2xf64> -> tensor<1x4x5xf64>
  return %r : tensor<1x4x5xf64>
}

func.func @values_in_space() -> tensor<1x1x3x2x2xf64> attributes {
  varve.want = [dense<[[[[[-1.5, -9.9375], [-3.25, 2.1875]], [[4.3125, -2.25], [5.8125, 6.125]], [[-7.9375, 6.0625], [-4.6875, 2.3125]]]]]> : tensor<1x1x3x2x2xf64>]
} {
  %x = varve.constant dense<[[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25], [-2.0, 1.5, -0.75]], [[2.75, 0.5, -1.75], [1.75, -0.5, -2.75], [0.75, -1.5, 2.0]]]]]> : tensor<1x1x2x3x3xf64>
  %y = varve.constant dense<[[[[[0.0, -2.25], [1.25, -1.0]], [[2.5, 0.25], [-2.0, 1.5]]]]]> : tensor<1x1x2x2x2xf64>
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1, 1>, padding = array<i64: 1, 0, 1>, stride = array<i64: 1, 1, 2>} : tensor<1x1x2x3x3xf64>, tensor<1x1x2x2x2xf64> -> tensor<1x1x3x2x2xf64>
  return %r : tensor<1x1x3x2x2xf64>
}

// -----

// conv C1
func.func @c1(%x: tensor<2x2xf32>, %y: tensor<2x2xf32>) {
  // expected-error @+1 {{cannot convolve}}
  %r = varve.conv %x, %y {dilation = array<i64>, padding = array<i64>, stride = array<i64>} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  return
}

// -----

// conv C2
func.func @c2(%x: tensor<1x1x3x3xf32>, %y: tensor<1x1x1x1xf32>) {
  // expected-error @+1 {{do not suit 2 axes}}
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 0>} : tensor<1x1x3x3xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x3x3xf32>
  return
}

// -----

// conv C3
func.func @c3(%x: tensor<1x3x3x3xf32>, %y: tensor<2x3x1x1xf32>) {
  // expected-error @+1 {{do not make 2 groups of channels}}
  %r = varve.conv %x, %y {dilation = array<i64: 1, 1>, groups = 2 : i64, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x3x3x3xf32>, tensor<2x3x1x1xf32> -> tensor<1x2x3x3xf32>
  return
}

// -----

// conv C4
func.func @c4(%x: tensor<1x1x3x3xf32>, %y: tensor<1x1x3x3xf32>) {
  // expected-error @+1 {{a kernel of 5 does not fit into axis 2}}
  %r = varve.conv %x, %y {dilation = array<i64: 2, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x1x3x3xf32>, tensor<1x1x3x3xf32> -> tensor<1x1x1x1xf32>
  return
}
